# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the README promises, for tests that do it.

# readme_install N: the Nth line of its installation on a host.
readme_install()
{
	sed -n '/^## Install on a host/,/^## [^I]/s/^    //p' README.md | sed -n "$1p"
}
