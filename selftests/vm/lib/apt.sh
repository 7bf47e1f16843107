# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A private apt: the machine's own Debian mirror and proxy settings, but
# sources, lists and cache of its own under build/apt, so that nothing in
# /etc/apt or /var/lib/apt changes.

# The release of Debian that packages are taken from, and the architecture that
# they are for when that is not this machine's; apt_use changes them.
LAB_SUITE=bookworm
LAB_ARCH=()
APT_DIR=$BUILD/apt

# apt_use SUITE [ARCHITECTURE]: from now on those, with lists of their own.
apt_use() {
	LAB_SUITE=$1
	LAB_ARCH=()
	APT_DIR=$BUILD/apt
	[[ $LAB_SUITE == bookworm ]] || APT_DIR+=-$LAB_SUITE
	[[ -n ${2:-} ]] || return 0
	LAB_ARCH=(-o "APT::Architecture=$2" -o "APT::Architectures=$2")
	APT_DIR+=-$2
}

apt_private() {
	local client=$1
	shift
	[[ $client == timeout ]] && {
		client="$client $1 $2"
		shift 2
	}
	# shellcheck disable=SC2086 # "timeout N apt-get" is meant to split
	$client -o Dir::Etc::SourceList="$APT_DIR/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null \
		-o Dir::Etc::PreferencesParts=/dev/null \
		-o Dir::State="$APT_DIR/state" \
		-o Dir::State::status="$APT_DIR/status" \
		-o Dir::Cache="$APT_DIR/cache" \
		-o APT::Sandbox::User=root \
		-o Acquire::Retries=3 \
		-o Acquire::http::Timeout=30 \
		-o Acquire::https::Timeout=30 \
		"${LAB_ARCH[@]}" "$@"
}

# The mirrors that this machine is set up with, as "URI SUITE" lines. apt
# itself is asked, since it knows both forms of sources files.
apt_sources() {
	apt-get update --print-uris 2>/dev/null |
		sed -nE "s|^'(.*)/dists/([^']*)/InRelease' .*|\\1 \\2|p"
}

apt_private_suites() {
	awk '{ print $4 }' "$APT_DIR/sources.list" | paste -sd ' '
}

# Writes the private sources and brings their lists, once a day at most; with
# "now" in any case, since what the lists name may have gone from the mirror.
# shellcheck disable=SC2120 # fetch-kernel says "now"
apt_private_init() {
	local codename mirror security
	[[ ${1:-} == now ]] && rm -f "$APT_DIR/.updated"
	mkdir -p "$APT_DIR"/{state/lists/partial,cache/archives/partial}
	: >"$APT_DIR/status"
	if [[ -n $(find "$APT_DIR/.updated" -mtime -1 2>/dev/null) ]]; then
		return 0
	fi

	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-$LAB_SUITE}")
	mirror=$(apt_sources | awk -v s="$codename" '$2 == s && /debian/ { print $1; exit }')
	security=$(apt_sources | awk -v s="$codename-security" '$2 == s { print $1; exit }')
	[[ -n $mirror ]] || die "apt on this machine has no source for Debian $codename," \
		"so there is no mirror to take the lab's kernels from"

	local key='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
	{
		echo "deb $key $mirror $LAB_SUITE main"
		echo "deb $key $mirror $LAB_SUITE-backports main"
		[[ -z $security ]] || echo "deb $key $security $LAB_SUITE-security main"
	} >"$APT_DIR/sources.list"

	say "reading the package lists of $(apt_private_suites) ..."
	retry 3 apt_private timeout 300 apt-get -qq update ||
		die "the package lists of $(apt_private_suites) can't be read; is the mirror reachable?"
	touch "$APT_DIR/.updated"
}

# kernel_source SERIES FOLDER: the kernel's source on stdout, a tar.xz: that of
# Debian's package, if it is installed; else the package is downloaded to FOLDER.
kernel_source() {
	local package=linux-source-$1 folder=$2 tarball
	tarball=usr/src/$package.tar.xz
	if [[ -r /$tarball ]]; then
		cat "/$tarball"
		return
	fi
	# shellcheck disable=SC2119
	apt_private_init
	say "downloading $package (about 150 MB) ..."
	(cd "$folder" && retry 3 apt_private timeout 900 apt-get -qq download "$package") >&2 ||
		die "downloading $package failed; see the messages of apt-get above"
	dpkg-deb --fsys-tarfile "$folder/$package"_*.deb | tar -xO "./$tarball"
}

# unpack_closure ROOT PACKAGE...: unpacks packages and all that they depend on
# below ROOT. Nothing is installed and no script of a package runs, so that this
# needs no privileges.
unpack_closure() {
	local root=$1 cache=$APT_DIR/cache/archives deb
	shift
	rm -f "$cache"/*.deb
	retry 3 apt_private timeout 600 apt-get -qq --download-only --no-install-recommends \
		-o Debug::NoLocking=1 install "$@" >&2 || return 1
	for deb in "$cache"/*.deb; do
		dpkg-deb -x "$deb" "$root" || return 1
	done
	rm -f "$cache"/*.deb
}
