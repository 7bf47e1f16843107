# SPDX-License-Identifier: GPL-2.0
#
# Benchmarks: `make bench-NAME` writes build/bench/NAME.json and prints it as
# the last line.  What is measured against what: Documentation/benchmarks.rst.

BENCH := $(B)/bench

# A program prints what it measured line by line; statistics and verdict are
# made of that in one place.
evaluate = $(Q)selftests/bench/evaluate $(1) $(BENCH)/$(1).txt $(BENCH)/$(or $(2),$(1)).json

$(BENCH)/%: $(B)/obj/selftests/bench/%.o $(SIM_A) $(POLICY_A) $(LIB_A)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(pkg_libs) $(BENCH_LIBS) -lm

# TRACES=DIR: a folder of traces, without it generated ones; SEEDS=N: orders of
# guests (N, N/2, N/6 on 64, 256, 1,024 GiB); PART=first: what is for tuning;
# LARGEST=256: no host above that, for a quick look.  It takes most of an hour of
# CPU time; interrupted, it goes on where it was.
SEEDS ?= 6
PART ?= second
LARGEST ?= 1024
$(BENCH)/density: $(B)/obj/selftests/bench/density_judge.o
.PHONY: bench-density
bench-density: $(BENCH)/density
	$(Q)$< --out $(BENCH)/density.json --answers $(BENCH)/density.answers --seeds $(SEEDS) --part $(PART) --largest $(LARGEST) $(TRACES)

# The engine's decision alone, against Proxmox VE's arithmetic on the same guests.
.PHONY: bench-tick-decision
bench-tick-decision: $(BENCH)/tick_decision
	$(Q)$< selftests/bench/pve_balloon.pl >$(BENCH)/tick_decision.txt
	$(call evaluate,tick_decision,tick-decision)

# What a sampling pass of the module costs with many CPUs: its sources, built
# for user space.  SAMPLE_RUNS=N of each kind.
SAMPLE_RUNS ?= 1000
$(B)/obj/selftests/bench/bench_sample.o: INC := -Iselftests/unit/kernel -Iinclude/uapi
$(B)/obj/selftests/bench/bench_sample.o: WARN += -Wno-shadow -Wno-sign-compare -Wno-missing-prototypes -Wno-unused -Wno-unused-parameter
$(B)/obj/selftests/bench/bench_sample.o: CFLAGS += -fno-strict-aliasing
$(BENCH)/sample: $(B)/obj/selftests/bench/bench_sample.o
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -pthread
.PHONY: bench-sample
bench-sample: $(BENCH)/sample
	$(Q)$< $(SAMPLE_RUNS) >$(BENCH)/sample.txt
	$(call evaluate,sample)

# What is measured in the lab, in time that is counted in instructions, one a
# nanosecond: neither the emulator nor who else is busy shows in that. With
# ICOUNT= it is the emulator's own time.  TRIALS=N of each kind of reaction;
# BENCH_KERNEL=7: on another kernel, see lab --kernel.
ICOUNT ?= --icount
TRIALS ?= 20
BENCH_KERNEL ?= 6.12

$(BENCH)/reaction $(BENCH)/missed $(BENCH)/bench_dump $(BENCH)/idle: BENCH_LIBS := $(shell $(PKG_CONFIG) --libs libmnl)

$(BENCH)/reaction: $(B)/obj/selftests/bench/poll_loop.o
$(BENCH)/psi_trigger.so: $(B)/obj/selftests/bench/psi_trigger.o
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared -o $@ $^

.PHONY: bench-reaction bench-missed bench-dump bench-idle
bench-reaction: $(BENCH)/reaction $(BENCH)/psi_trigger.so tools lab-modules
	$(Q)selftests/vm/lab run $(ICOUNT) --kernel $(BENCH_KERNEL) --id bench-reaction --mem 640 --timeout $$((600 + $(TRIALS) * 60)) -- \
		$(BENCH)/reaction $(B)/dynmemd $(CURDIR)/$(BENCH)/psi_trigger.so $(TRIALS) >$(BENCH)/reaction.txt
	$(call evaluate,reaction)

bench-missed: $(BENCH)/missed lab-modules
	$(Q)selftests/vm/lab run --kernel $(BENCH_KERNEL) --mem 768 --timeout 600 -- $(BENCH)/missed 100 >$(BENCH)/missed.txt
	$(call evaluate,missed)

bench-dump: $(BENCH)/bench_dump lab-modules
	$(Q)selftests/vm/lab run $(ICOUNT) --kernel $(BENCH_KERNEL) --mem 4096 --timeout 900 -- $(BENCH)/bench_dump 7 1000 10000 >$(BENCH)/dump.txt
	$(call evaluate,dump)

bench-idle: $(BENCH)/idle tools lab-modules
	$(Q)selftests/vm/lab run --icount --kernel $(BENCH_KERNEL) --module none --mem 640 --zram 128 --timeout 900 -- \
		sh -c 'DYNMEM_KO=$(CURDIR)/$(B)/kmod/$$(uname -r)/kmod/dynmem.ko exec $(BENCH)/idle $(B)/dynmemd 7' >$(BENCH)/idle.txt
	$(call evaluate,idle)

# The whole tick over real sockets: TICK_GUESTS=N, TICK_RUNS=N.
TICK_GUESTS ?= 1000
TICK_RUNS ?= 11
$(BENCH)/fake_guests $(BENCH)/tick_daemon $(BENCH)/bare_exchange: $(BENCH)/%: $(B)/obj/selftests/bench/%.o $(DAEMON_A) $(COMMON_A) $(POLICY_A) $(LIB_A)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(pkg_libs) -lm

.PHONY: bench-tick bench-tick-scale bench-convergence
bench-tick: $(BENCH)/fake_guests $(BENCH)/tick_daemon $(BENCH)/bare_exchange bench-tick-decision
	$(Q)selftests/bench/tick $(BENCH) $(TICK_GUESTS) $(TICK_RUNS) >$(BENCH)/tick.txt
	$(call evaluate,tick)

# Of SCALE_GUESTS=N and a tenth of them; each takes two of the 20,000 descriptors that a
# process may have.  SCALE_RUNS=N.
SCALE_GUESTS ?= 9900
SCALE_RUNS ?= 3
bench-tick-scale: $(BENCH)/fake_guests $(BENCH)/tick_daemon
	$(Q)selftests/bench/tick $(BENCH) $(SCALE_GUESTS) $(SCALE_RUNS) scale >$(BENCH)/tick_scale.txt
	$(call evaluate,tick_scale,tick-scale)

# CONVERGENCE_RUNS=N: each contender once, dynmemd twice. With QEMUs on this machine,
# or bench-convergence-lab, in the lab's.
CONVERGENCE_RUNS ?= 1
CONVERGENCE_DIR = $(shell selftests/vm/kernel $(BENCH_KERNEL) dir)
CONVERGENCE_INITRD = $(abspath $(B))/lab/$(notdir $(CONVERGENCE_DIR))/l2.cpio
.PHONY: bench-convergence-lab
bench-convergence: $(BENCH)/tick_daemon
	$(Q)$(MAKE) -s -f selftests/vm/lab.mk KERNEL_DIR=$(CONVERGENCE_DIR) $(CONVERGENCE_INITRD)
	$(Q)selftests/bench/convergence here $(BENCH)/tick_daemon $(CONVERGENCE_DIR)/boot/vmlinux $(CONVERGENCE_INITRD) $(CONVERGENCE_RUNS) \
		>$(BENCH)/convergence.txt
	$(call evaluate,convergence)

bench-convergence-lab: tools lab-modules
	$(Q)mkdir -p $(BENCH)
	$(Q)selftests/vm/lab run --mem 2048 --timeout $$((300 + $(CONVERGENCE_RUNS) * 600)) -- \
		selftests/bench/convergence lab $(B)/dynmemd $(CONVERGENCE_RUNS) >$(BENCH)/convergence-lab.txt
	$(Q)selftests/bench/evaluate convergence $(BENCH)/convergence-lab.txt $(BENCH)/convergence-lab.json

# ksmd's savings under dynmemd, ksmtuned and the kernel's advisor: KSM_RUNS=N of each,
# KSM_SECONDS=N a trial, KSM_KERNEL=6.1 for one without the advisor.
KSM_RUNS ?= 3
KSM_SECONDS ?= 600
KSM_KERNEL ?= 6.12
.PHONY: bench-ksm
bench-ksm: tools lab-modules
	$(Q)mkdir -p $(BENCH)
	$(Q)selftests/vm/lab run --kernel $(KSM_KERNEL) --mem 768 --timeout $$((600 + $(KSM_RUNS) * 5 * $(KSM_SECONDS))) -- \
		selftests/bench/ksm $(B)/dynmemd $(KSM_RUNS) $(KSM_SECONDS) >$(BENCH)/ksm-$(KSM_KERNEL).txt
	$(Q)selftests/bench/evaluate ksm $(BENCH)/ksm-$(KSM_KERNEL).txt $(BENCH)/ksm-$(KSM_KERNEL).json

# What it is worth to learn of pressure early: OUTCOME_RUNS=N of each burst and contender,
# some 20 minutes a run; OUTCOME_WHERE=guest for bursts in a guest only, or host.
OUTCOME_RUNS ?= 1
.PHONY: bench-outcome
bench-outcome: tools lab-modules
	$(Q)mkdir -p $(BENCH)
	$(Q)selftests/vm/lab run --kernel $(BENCH_KERNEL) --mem 1152 --zram 128 --timeout $$((300 + $(OUTCOME_RUNS) * 3600)) -- \
		selftests/bench/outcome $(B)/dynmemd $(OUTCOME_RUNS) $(OUTCOME_WHERE) >$(BENCH)/outcome.txt
	$(call evaluate,outcome)
