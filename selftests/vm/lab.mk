# SPDX-License-Identifier: GPL-2.0
#
# The lab's own make rules. The top-level Makefile includes this file, and
# `lab` runs it alone, so that it is always up to date:
#
#   lab            a shell in the lab
#   lab-prepare    the lab's programs and disk, and, for KERNEL_DIR, initramfs

VM_DIR := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
BUILD ?= $(abspath $(VM_DIR)/../..)/build
VM_BUILD := $(abspath $(BUILD))/lab
VM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror
VM_DISK_MB := 320

# What the host machine (L1) needs to mount its root, and guests (L2) to run.
VM_L1_MODULES := virtio_pci virtio_console 9pnet_virtio 9p overlay
VM_L2_MODULES := virtio_pci virtio_console virtio_blk virtio_balloon virtio_mem

VM_BINS := $(addprefix $(VM_BUILD)/bin/,jobd ask qmp agent pattern)

.PHONY: lab lab-prepare

lab:
	$(VM_DIR)/lab shell

lab-prepare: $(VM_BINS) $(VM_BUILD)/disk.img $(VM_BUILD)/disk2.img

$(VM_BUILD)/bin/jobd: $(VM_DIR)/l1/jobd.c
$(VM_BUILD)/bin/jobd: VM_LIBS := -lutil
$(VM_BUILD)/bin/ask: $(VM_DIR)/l1/ask.c $(VM_DIR)/l1/unix_line.c
$(VM_BUILD)/bin/qmp: $(VM_DIR)/l1/lab_qmp.c $(VM_DIR)/l1/unix_line.c
$(VM_BUILD)/bin/qmp: VM_LIBS := -ljson-c
$(VM_BUILD)/bin/agent: $(VM_DIR)/l2/guest_agent.c $(VM_DIR)/l2/holder.c
$(VM_BUILD)/bin/agent: VM_LIBS := -static
$(VM_BUILD)/bin/pattern: $(VM_DIR)/l2/pattern.c

$(VM_BINS): $(wildcard $(VM_DIR)/l1/*.h $(VM_DIR)/l2/*.h)
	@mkdir -p $(@D)
	$(CC) $(VM_CFLAGS) -o $@ $(filter %.c,$^) $(VM_LIBS)

# What guests fill their page cache from: two, that have no page in common.
$(VM_BUILD)/disk.img: VM_SEED := 1
$(VM_BUILD)/disk2.img: VM_SEED := 2
$(VM_BUILD)/disk.img $(VM_BUILD)/disk2.img: $(VM_BUILD)/bin/pattern
	$< $(VM_DISK_MB) $(VM_SEED) >$@.tmp
	mv $@.tmp $@

ifdef KERNEL_DIR
VM_INITRAMFS := $(VM_BUILD)/$(notdir $(KERNEL_DIR))

lab-prepare: $(VM_INITRAMFS)/l1.cpio $(VM_INITRAMFS)/l2.cpio

$(VM_INITRAMFS)/%.cpio: $(VM_DIR)/%/init $(VM_DIR)/mkinitramfs $(VM_DIR)/lab.mk $(KERNEL_DIR)/.complete
	@mkdir -p $(@D)
	$(VM_DIR)/mkinitramfs $(KERNEL_DIR) $@ $< "$(VM_MODULES)" $(filter %/agent,$^)

$(VM_INITRAMFS)/l1.cpio: VM_MODULES = $(VM_L1_MODULES)
$(VM_INITRAMFS)/l2.cpio: VM_MODULES = $(VM_L2_MODULES)
$(VM_INITRAMFS)/l2.cpio: $(VM_BUILD)/bin/agent
endif
