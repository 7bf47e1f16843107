// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>

#include "dynmem/doctor/doctor.h"
#include "dynmem/out.h"

const char *doctor_status_name(enum doctor_status status)
{
	static const char *const names[] = {
		[DOCTOR_OK] = "ok",
		[DOCTOR_NOTE] = "note",
		[DOCTOR_WARN] = "warn",
		[DOCTOR_FAIL] = "fail",
	};

	return names[status];
}

void found(struct findings *f, enum doctor_status status, const char *mend, const char *format, ...)
{
	struct json_object *one = json_object_new_object();
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	out_add_str(one, "check", f->check);
	if (f->guest)
		out_add_str(one, "guest", f->guest);
	out_add_str(one, "status", doctor_status_name(status));
	out_add_str(one, "text", text);
	if (mend)
		out_add_str(one, "mend", mend);
	json_object_array_add(f->list, one);
	f->count[status]++;
}
