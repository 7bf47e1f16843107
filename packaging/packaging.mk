# SPDX-License-Identifier: GPL-2.0
#
# Installation on a host, and what distributions make of it.  A packager stages with
# `make install-tools DESTDIR=... PREFIX=/usr`.

DESTDIR ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
LIBDIR ?= $(PREFIX)/lib
UNITDIR ?= /etc/systemd/system
DBUSDIR ?= /etc/dbus-1/system.d

# Cockpit reads /usr/share and /usr/local/share.
COCKPITDIR = $(DESTDIR)$(PREFIX)/share/cockpit/dynmem
COCKPIT_PAGE := $(wildcard tools/cockpit/*)
MAN_PAGES := $(wildcard Documentation/man/*.[1-8])
MONITORING := $(wildcard packaging/monitoring/*)
fill = sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|; s|@SBINDIR@|$(PREFIX)/sbin|; s|@BINDIR@|$(PREFIX)/bin|; s|@SYSCONFDIR@|$(SYSCONFDIR)|'
CONF = $(DESTDIR)$(SYSCONFDIR)/dynmem/dynmem.conf

.PHONY: install install-tools install-module uninstall
install: install-tools install-module

# A configuration that was changed stays; the new one is beside it, as dynmem.conf.new.
install-tools: tools
	$(say) INSTALL "$(DESTDIR)$(PREFIX)"
	$(Q)install -D -m 0755 $(B)/dynmem $(DESTDIR)$(PREFIX)/bin/dynmem
	$(Q)install -D -m 0755 $(B)/dynmemd $(DESTDIR)$(PREFIX)/sbin/dynmemd
	$(Q)install -D -m 0644 $(LIB_A) $(DESTDIR)$(LIBDIR)/libdynmem.a
	$(Q)install -D -m 0644 $(LIB_SO) $(DESTDIR)$(LIBDIR)/libdynmem.so.0
	$(Q)ln -sf libdynmem.so.0 $(DESTDIR)$(LIBDIR)/libdynmem.so
	$(Q)install -D -m 0644 tools/lib/dynmem.h $(DESTDIR)$(PREFIX)/include/dynmem/dynmem.h
	$(Q)install -D -m 0644 include/uapi/linux/dynmem.h $(DESTDIR)$(PREFIX)/include/linux/dynmem.h
	$(Q)mkdir -p $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(UNITDIR)
	$(Q)$(fill) tools/lib/dynmem.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/dynmem.pc
	$(Q)$(fill) tools/dynmemd/dynmemd.service.in >$(DESTDIR)$(UNITDIR)/dynmemd.service
	$(Q)$(fill) tools/dynmem/metrics/dynmem-metrics.service.in >$(DESTDIR)$(UNITDIR)/dynmem-metrics.service
	$(Q)install -D -m 0644 tools/dynmem/metrics/dynmem.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/dynmem.conf
	$(Q)install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/dynmem/monitoring $(MONITORING)
	$(Q)install -D -m 0644 --no-target-directory tools/dynmemd/dynmem.conf $(CONF).new
	$(Q)if [ ! -e $(CONF) ]; then mv $(CONF).new $(CONF); elif cmp -s $(CONF) $(CONF).new; then rm $(CONF).new; fi
	$(Q)$(foreach page,$(MAN_PAGES),install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page))) $(page) && ):
	$(Q)install -D -m 0644 -t $(COCKPITDIR) $(COCKPIT_PAGE)
	$(Q)install -D -m 0644 tools/dynmemd/org.dynmem1.conf $(DESTDIR)$(DBUSDIR)/org.dynmem1.conf
	$(Q)install -D -m 0644 packaging/dynmem.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/dynmem
	$(Q)install -D -m 0644 tools/dynmemd/dynmem.catalog $(DESTDIR)$(PREFIX)/lib/systemd/catalog/dynmem.catalog
	$(Q)$(if $(DESTDIR),:,ldconfig; journalctl --update-catalog || :; systemd-sysusers dynmem.conf || :)

install-module: kmod
	$(say) INSTALL "$(DESTDIR)/lib/modules/$(KREL)"
	$(Q)install -D -m 0644 $(KMOD_DIR)/dynmem.ko $(DESTDIR)/lib/modules/$(KREL)/updates/dynmem.ko
	$(Q)$(if $(DESTDIR),:,depmod $(KREL))

# All that install has put there, for each kernel; a configuration that was changed stays.
uninstall:
	$(say) REMOVE "$(DESTDIR)$(PREFIX)"
	$(Q)rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/dynmem sbin/dynmemd include/dynmem/dynmem.h include/linux/dynmem.h) \
		$(addprefix $(DESTDIR)$(LIBDIR)/,libdynmem.a libdynmem.so libdynmem.so.0 pkgconfig/dynmem.pc) \
		$(foreach page,$(MAN_PAGES),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
		$(DESTDIR)$(PREFIX)/share/dynmem/monitoring/* $(DESTDIR)$(UNITDIR)/dynmem-metrics.service \
		$(addprefix $(COCKPITDIR)/,$(notdir $(COCKPIT_PAGE))) \
		$(DESTDIR)$(UNITDIR)/dynmemd.service $(DESTDIR)$(DBUSDIR)/org.dynmem1.conf \
		$(addprefix $(DESTDIR)$(PREFIX)/,share/bash-completion/completions/dynmem lib/systemd/catalog/dynmem.catalog lib/sysusers.d/dynmem.conf) \
		$(DESTDIR)/lib/modules/*/updates/dynmem.ko $(CONF).new
	$(Q)if cmp -s $(CONF) tools/dynmemd/dynmem.conf; then rm $(CONF); fi
	$(Q)rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/share/dynmem/monitoring $(DESTDIR)$(PREFIX)/share/dynmem $(DESTDIR)$(PREFIX)/include/dynmem $(COCKPITDIR) $(DESTDIR)$(SYSCONFDIR)/dynmem 2>/dev/null || :
	$(Q)$(if $(DESTDIR),:,userdel dynmem-metrics 2>/dev/null; ldconfig; journalctl --update-catalog; for k in /lib/modules/*; do depmod $${k##*/} 2>/dev/null; done; :)

##
## Packages
##
DIST := $(B)/dynmem-$(VERSION).tar.gz

.PHONY: dist deb rpm
# What git tracks, with changes that are not committed.  The same tree gives the same bytes.
dist:
	$(say) DIST "$(DIST)"
	$(Q)git rev-parse -q --verify HEAD >/dev/null || { echo "make: dist: this is no git repository; the source tarball is what git tracks" >&2; exit 1; }
	$(Q)mkdir -p $(B)
	$(Q)tree=$$(git stash create); git archive --format=tar --prefix=dynmem-$(VERSION)/ -o $(DIST:.gz=) $${tree:-HEAD} && gzip -9nf $(DIST:.gz=)

deb: dist
	$(Q)packaging/build-deb $(DIST) $(B)/deb

rpm: dist
	$(Q)packaging/build-rpm $(DIST) $(B)/rpm
