# SPDX-License-Identifier: GPL-2.0
#
# Fuzzers, by clang's libFuzzer: fuzz_NAME.c is one target, linked with the daemon
# and the library. It defines LLVMFuzzerTestOneInput() and aborts where a
# promise is broken; the sanitizers see to the rest. corpus/NAME/ has its
# seeds, text as far as possible, and every input that once did harm, named by
# what it did. A new target takes these two and nothing else.
#
#   make fuzz                       builds them
#   selftests/fuzz/run NAME [RUNS]  runs one from a fixed seed, prints TAP
#   build/fuzz/NAME FILE            runs one input, say a crash, again

FUZZERS := $(patsubst selftests/fuzz/fuzz_%.c,$(O)/%,$(wildcard selftests/fuzz/*.c))

.PHONY: fuzz
ifeq ($(SAN),fuzz)
fuzz: $(FUZZERS)

$(O)/obj/selftests/fuzz/%.o: INC += -Iselftests/unit
$(FUZZERS): $(O)/%: $(O)/obj/selftests/fuzz/fuzz_%.o $(DAEMON_A) $(COMMON_A) $(POLICY_A) $(LIB_A)
	$(say) LD $@
	$(Q)$(CC) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(ALL_LDFLAGS) $(pkg_libs) $(shell $(PKG_CONFIG) --libs cmocka) -lm
else
fuzz:
	$(Q)$(MAKE) --no-print-directory SAN=fuzz fuzz
endif
