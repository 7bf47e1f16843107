# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What DKMS makes, for tests of the module's package.

# signed_by_dkms MODULE [ROOT]: MODULE's signature is by the key of DKMS in the root file
# system ROOT, / by default.
signed_by_dkms()
{
	local key signer
	key=$(openssl x509 -inform der -in "${2:-}/var/lib/dkms/mok.pub" -noout -serial) &&
		signer=$(modinfo -F sig_key "$1") || return
	[[ ${signer//:/} == "${key#*=}" ]]
}
