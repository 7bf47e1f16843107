// SPDX-License-Identifier: LGPL-2.1-or-later
/* Why the last request failed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static const char *explain(int error)
{
	switch (-error) {
	case ENODEV:
		return "the kernel module dynmem is not loaded; load it with 'modprobe dynmem'";
	case EPERM:
		return "a capability is missing: CAP_SYS_PTRACE or CAP_PERFMON to read about processes, CAP_SYS_RESOURCE to change settings, CAP_SYS_ADMIN for the group oom, all in the host's user namespace";
	case ETIMEDOUT:
		return "the kernel did not answer in time; try again";
	case EBADMSG:
		return "the kernel's answer makes no sense; are module and library of the same version?";
	case EOPNOTSUPP:
		return "the module does not know this; it is older than this library";
	case EBUSY:
		return "another request is under way on this handle; use a second handle in a callback";
	default:
		return NULL;
	}
}

/**
 * dn_fail() - remember why a request failed
 * @d: the handle
 * @error: negative errno
 * @text: the kernel's own words, or NULL
 *
 * Return: @error.
 */
int dn_fail(struct dynmem *d, int error, const char *text)
{
	char buffer[128];

	if (!text)
		text = explain(error);
	if (!text)
		text = strerror_r(-error, buffer, sizeof(buffer));
	snprintf(d->error, sizeof(d->error), "%s", text);
	d->error_attr = 0;
	d->error_explained = false;
	return error;
}

_public_ const char *dynmem_last_error(const struct dynmem *d)
{
	return d->error;
}

_public_ unsigned int dynmem_last_error_attr(const struct dynmem *d)
{
	return d->error_attr;
}
