# SPDX-License-Identifier: GPL-2.0
#
# dynmem: the module (kbuild) and the tools (pkg-config).  `make help` lists the targets.

VERSION := $(shell cat VERSION)

# Every product lands here; the source folders stay clean.
B := build

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/bash

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

.PHONY: all
all: kmod tools

##
## The module, for any kernel: KDIR names its headers (default: the running kernel's, else the newest installed).
##
KDIR ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build) \
	$(shell ls -d /lib/modules/*/build 2>/dev/null | sort -rV))
# As `uname -r` says it: Debian's kernel.release is another.
KREL = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)
KMOD_DIR = $(CURDIR)/$(B)/kmod/$(KREL)
# kbuild writes beside its sources: it gets a folder of links to them.
KMOD_SRC := $(shell find Kbuild include kmod -type f ! -name '*.o' ! -name '*.ko' ! -name '.*' ! -name '*.mod*' 2>/dev/null)

.PHONY: kmod
kmod:
	@test -n "$(KREL)" || { echo "make: no kernel headers found; run 'make deps', or say KDIR=/path/to/kernel/build" >&2; exit 1; }
	$(say) KBUILD "$(KREL)"
	$(Q)mkdir -p $(sort $(dir $(addprefix $(KMOD_DIR)/,$(KMOD_SRC))))
	$(Q)find $(KMOD_DIR) -xtype l -delete
	$(Q)$(foreach f,$(KMOD_SRC),ln -sf $(CURDIR)/$(f) $(KMOD_DIR)/$(f) && ):
	$(Q)$(MAKE) --no-print-directory -C $(KDIR) M=$(KMOD_DIR) $(if $(C),C=$(C)) modules
	$(Q)ln -sf kmod/dynmem.ko $(KMOD_DIR)/dynmem.ko

# For every kernel that the lab can boot (see selftests/deps). A warning is an error here.
.PHONY: lab-modules
lab-modules:
	$(Q)for dir in $(B)/kernels/*/build; do \
		$(MAKE) --no-print-directory kmod KDIR=$(CURDIR)/$$dir >$(B)/lab-modules.log 2>&1; status=$$?; \
		cat $(B)/lab-modules.log; \
		[ $$status -eq 0 ] || exit 1; \
		! grep -qE 'kmod/.*warning:|WARNING: modpost' $(B)/lab-modules.log || exit 1; \
	done

##
## The tools
##
CC ?= cc
ifeq ($(origin CC),default)
CC := cc
endif
PKG_CONFIG ?= pkg-config
PKGS := libnl-genl-3.0 libsystemd json-c inih libmicrohttpd ncursesw
# Optional: without their headers the daemon is built, and says that it has no such backend.
LIBVIRT_PKGS := libvirt libxml-2.0
WITH_LIBVIRT := $(shell $(PKG_CONFIG) --exists $(LIBVIRT_PKGS) && echo 1)
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2
DEFS := -D_GNU_SOURCE -DDYNMEM_VERSION='"$(VERSION)"'
INC := -Iinclude/uapi -Itools/lib -Itools
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(PKGS) $(if $(WITH_LIBVIRT),$(LIBVIRT_PKGS)))
pkg_libs = $(shell $(PKG_CONFIG) --libs $(PKGS))

# SAN=1: AddressSanitizer and UBSan; SAN=fuzz: libFuzzer too, which is clang's.
# Each in a build folder of its own.
ifeq ($(SAN),)
O := $(B)
else
O := $(B)/$(if $(filter fuzz,$(SAN)),fuzz,san)
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ifeq ($(SAN),fuzz)
CC := clang
SANFLAGS += -fsanitize=fuzzer-no-link
endif

VISIBILITY := -fvisibility=hidden
ALL_CFLAGS = -std=gnu11 -fPIC $(VISIBILITY) -MMD -MP $(WARN) $(DEFS) $(INC) $(pkg_cflags) $(CFLAGS) $(SANFLAGS)
# A decision takes a twentieth less time than with -O2.  With sanitizers, too, gcc 12 warns
# of a null pointer that cannot be.
$(O)/obj/tools/policy/%.o: ALL_CFLAGS += $(if $(SANFLAGS),,$(if $(filter -O2,$(CFLAGS)),-O3))
ALL_LDFLAGS = -Wl,--as-needed $(LDFLAGS) $(SANFLAGS)

objs = $(patsubst %.c,$(O)/obj/%.o,$(wildcard $(1)))
LIB_OBJS := $(call objs,tools/lib/*.c)
POLICY_OBJS := $(call objs,tools/policy/*.c)
COMMON_OBJS := $(call objs,tools/common/*.c)
DAEMON_OBJS := $(filter-out %/main.o,$(call objs,$(shell find tools/dynmemd -name '*.c' | sort)))
DAEMON_OBJS := $(filter-out $(if $(WITH_LIBVIRT),%/libvirt_stub.o,$(call objs,tools/dynmemd/backends/libvirt/*.c)),$(DAEMON_OBJS))
SIM_OBJS := $(call objs,tools/sim/*.c)
CMD_OBJS := $(filter-out %/main.o,$(call objs,$(shell find tools/dynmem -name '*.c' | sort)))

LIB_A := $(O)/libdynmem.a
LIB_SO := $(O)/libdynmem.so
POLICY_A := $(O)/libpolicy.a
COMMON_A := $(O)/libcommon.a
DAEMON_A := $(O)/libdynmemd.a
SIM_A := $(O)/libsim.a
CMD_A := $(O)/libdynmemcmd.a

BINS := $(O)/dynmem $(O)/dynmemd

.PHONY: tools
tools: $(LIB_A) $(LIB_SO) $(BINS)

$(O)/obj/%.o: %.c
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(addprefix $(O)/obj/tools/,dynmem/main.o dynmemd/main.o dynmemd/daemon.o dynmemd/api/dbus.o): VERSION

ar = $(say) AR $@; rm -f $@; ar rcs $@ $(1)
$(LIB_A): $(LIB_OBJS)
	$(call ar,$^)
$(POLICY_A): $(POLICY_OBJS)
	$(call ar,$^)
$(COMMON_A): $(COMMON_OBJS)
	$(call ar,$^)
$(DAEMON_A): $(DAEMON_OBJS)
	$(call ar,$^)
$(SIM_A): $(SIM_OBJS)
	$(call ar,$^)
$(CMD_A): $(CMD_OBJS)
	$(call ar,$^)

$(LIB_SO): $(LIB_OBJS) tools/lib/libdynmem.map
	$(say) LD $@
	$(Q)$(CC) -shared -Wl,-soname,libdynmem.so.0 -Wl,--no-undefined \
		-Wl,--version-script=tools/lib/libdynmem.map -o $@ $(LIB_OBJS) $(ALL_LDFLAGS) $(shell $(PKG_CONFIG) --libs libnl-genl-3.0)

# The command and the daemon each link what they use, the command of the daemon only what reads
# configurations; order is from the top of the house to the bottom.
$(O)/dynmemd: $(O)/obj/tools/dynmemd/main.o $(DAEMON_A) $(COMMON_A) $(POLICY_A) $(LIB_A)
$(O)/dynmem: $(O)/obj/tools/dynmem/main.o $(CMD_A) $(DAEMON_A) $(COMMON_A) $(SIM_A) $(POLICY_A) $(LIB_A)
$(BINS):
	$(say) LD $@
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(pkg_libs) -lm

##
## Tests: every one prints TAP; selftests/check adds them up.
##
UNIT := $(patsubst selftests/unit/%.c,$(O)/unit/%,$(wildcard selftests/unit/test_*.c))
UNIT := $(if $(WITH_LIBVIRT),$(UNIT),$(filter-out %/test_libvirt,$(UNIT)))
NETLINK := $(patsubst selftests/netlink/nl_%.c,$(O)/netlink/%,$(wildcard selftests/netlink/nl_*.c))
KSELFTEST := $(B)/kselftest

$(O)/unit/%: $(O)/obj/selftests/unit/%.o $(CMD_A) $(DAEMON_A) $(COMMON_A) $(SIM_A) $(POLICY_A) $(LIB_A)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(ALL_LDFLAGS) $(pkg_libs) $(shell $(PKG_CONFIG) --libs cmocka) -lm

# Tests replace functions of libraries: that takes visible symbols.
$(O)/obj/selftests/%.o: VISIBILITY :=

# Sources of the module, with as much of the kernel's headers as they need.
$(O)/obj/selftests/unit/test_kmod_%.o: INC := -Iselftests/unit/kernel -Iinclude/uapi
$(O)/obj/selftests/unit/test_kmod_%.o: WARN += -Wno-sign-compare -Wno-missing-prototypes -Wno-unused-parameter
# Its tasks and per-CPU areas are those of bench-sample.
$(O)/obj/selftests/unit/test_kmod_stall.o: WARN += -Wno-shadow -Wno-unused
$(O)/obj/selftests/unit/test_kmod_stall.o: CFLAGS += -fno-strict-aliasing

# kselftest_harness.h is not ours and trips our warnings: a system header.
$(O)/obj/selftests/netlink/%.o: WARN := $(filter-out -Wmissing-prototypes -Wshadow,$(WARN))
$(O)/obj/selftests/netlink/%.o: INC += -isystem $(KSELFTEST)
$(patsubst $(O)/netlink/%,$(O)/obj/selftests/netlink/nl_%.o,$(NETLINK)): | $(KSELFTEST)/kselftest_harness.h
$(KSELFTEST)/kselftest_harness.h:
	@echo "make: $@ is not there; run 'make deps'" >&2; exit 1

$(O)/netlink/%: $(O)/obj/selftests/netlink/nl_%.o $(LIB_A)
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $< $(LIB_A) $(ALL_LDFLAGS) $(shell $(PKG_CONFIG) --libs libmnl libnl-genl-3.0)

.SECONDARY:

.PHONY: unit-tests netlink-tests
unit-tests: $(UNIT)
netlink-tests: $(NETLINK)

-include selftests/fuzz/fuzz.mk
-include selftests/vm/lab.mk
-include selftests/bench/bench.mk

# `make check` and `make demo` are what a newcomer runs: they install the packages first.
.PHONY: deps check check-long demo style
deps:
	$(Q)selftests/deps

check: deps
	$(Q)selftests/check

check-long: deps
	$(Q)selftests/check --long

demo: deps
	$(Q)selftests/vm/demo

style: deps tools
	$(Q)selftests/style

-include packaging/packaging.mk

.PHONY: clean help
clean:
	$(Q)rm -rf $(B)/obj $(B)/san $(B)/fuzz $(B)/unit $(B)/netlink $(B)/kmod $(B)/*.a $(B)/*.so $(B)/dynmem $(B)/dynmemd

help:
	@printf '%s\n' \
	'make                the module for the running kernel (or KDIR=...) and the tools' \
	'make kmod | tools   one of them' \
	'make install        to PREFIX (default /usr/local), the module to /lib/modules; make uninstall' \
	'make dist           build/dynmem-$(VERSION).tar.gz, which builds without git' \
	'make deb            Debian packages in build/deb, checked by lintian' \
	'make rpm            RPM packages of the tools in build/rpm' \
	'make demo           boot the lab, start guests and the daemon, see memory move (BASELINE=none|fpr, SOURCE=procfs)' \
	'make check          every test; check-long: stress, fuzzing, soak' \
	'make lab            a shell in the lab host' \
	'make bench-NAME     one benchmark: see Documentation/benchmarks.rst' \
	'make fuzz           the fuzzers: see selftests/fuzz/fuzz.mk' \
	'make style          checkpatch, sparse, clang-tidy, shellcheck, names, circles' \
	'make deps           install what all of this needs' \
	'make SAN=1 ...      with AddressSanitizer and UBSan, under build/san'

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
