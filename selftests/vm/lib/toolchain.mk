# SPDX-License-Identifier: GPL-2.0
#
# Calls the makefile of a kernel's headers, whose tools (fixdep, modpost, objtool) and compiler
# are those of a newer Debian, with that Debian's /usr in place of this machine's. All other
# folders stay as they are. Made by fetch-kernel, which see.

goals := $(or $(MAKECMDGOALS),all)
.PHONY: $(goals) namespace

$(goals): namespace
	@:

namespace:
	+@unshare $$([ "$$(id -u)" = 0 ] || echo --map-root-user) --mount sh -c \
		'mount --bind "$$1/usr" /usr && shift && exec make --no-print-directory "$$@"' sh \
		@TOOLCHAIN@ -C @HEADERS@ $(goals)

Makefile: ;
