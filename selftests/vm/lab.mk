# SPDX-License-Identifier: GPL-2.0
#
# The lab's own make rules. The top-level Makefile includes this file, and
# `lab` runs it alone, so that it is always up to date:
#
#   lab            a shell in the lab
#   lab-prepare    the helpers, and the initramfs for KERNEL_DIR, if given

VM_DIR := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
BUILD ?= $(abspath $(VM_DIR)/../..)/build
VM_BUILD := $(abspath $(BUILD))/lab
VM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror

# What the host machine (L1) needs to mount its root, and guests (L2) to run.
VM_L1_MODULES := virtio_pci virtio_console 9pnet_virtio 9p overlay
VM_L2_MODULES := virtio_pci virtio_console virtio_blk virtio_balloon ext4

.PHONY: lab lab-prepare

lab:
	$(VM_DIR)/lab shell

lab-prepare: $(VM_BUILD)/bin/jobd

$(VM_BUILD)/bin/jobd: $(VM_DIR)/l1/jobd.c
	@mkdir -p $(@D)
	$(CC) $(VM_CFLAGS) -o $@ $< -lutil

ifdef KERNEL_DIR
VM_L1_INITRAMFS := $(VM_BUILD)/$(notdir $(KERNEL_DIR))/l1.cpio

lab-prepare: $(VM_L1_INITRAMFS)

$(VM_L1_INITRAMFS): $(VM_DIR)/l1/init $(VM_DIR)/mkinitramfs $(VM_DIR)/lab.mk $(KERNEL_DIR)/.complete
	@mkdir -p $(@D)
	$(VM_DIR)/mkinitramfs $(KERNEL_DIR) $@ $< "$(VM_L1_MODULES)"
endif
