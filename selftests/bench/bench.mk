# SPDX-License-Identifier: GPL-2.0
#
# Benchmarks: `make bench-NAME` writes build/bench/NAME.json and prints it as
# the last line.  What is measured against what: Documentation/benchmarks.rst.

BENCH := $(B)/bench

$(BENCH)/%: $(B)/obj/selftests/bench/%.o $(SIM_A) $(POLICY_A) $(LIB_A)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(pkg_libs) -lm

# TRACES=DIR: a folder of traces, without it generated ones; SEEDS=N: orders of
# guests (times 6, 3, 1 on 64, 256, 1,024 GiB); PART=first: what is for tuning;
# LARGEST=256: no host above that, for a quick look.
SEEDS ?= 1
PART ?= second
LARGEST ?= 1024
.PHONY: bench-density
bench-density: $(BENCH)/density
	$(Q)$< --out $(BENCH)/density.json --seeds $(SEEDS) --part $(PART) --largest $(LARGEST) $(TRACES)

# The engine's decision alone, against Proxmox VE's arithmetic on the same guests.
.PHONY: bench-tick-decision
bench-tick-decision: $(BENCH)/tick_decision
	$(Q)$< selftests/bench/pve_balloon.pl $(BENCH)/tick-decision.json
