# SPDX-License-Identifier: GPL-2.0
# Makefile of dynmem's selftests: they need libmnl.

CFLAGS += -Wall -O2 $(KHDR_INCLUDES) $(shell pkg-config --cflags libmnl)
LDLIBS += $(shell pkg-config --libs libmnl)

TEST_GEN_PROGS := @PROGRAMS@

include ../lib.mk
