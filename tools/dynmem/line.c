// SPDX-License-Identifier: GPL-2.0
#include "line.h"

#include <stdio.h>
#include <string.h>

#include "common/dbus_names.h"
#include "out.h"

/* "level, stall" from ["level", "stall"]; @none for an empty list. */
static void print_list(struct json_object *obj, const char *key, const char *none)
{
	struct json_object *list = json_object_object_get(obj, key);
	size_t n = list ? json_object_array_length(list) : 0;

	if (!n)
		fputs(none, stdout);
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? "+" : "",
		       json_object_get_string(json_object_array_get_idx(list, i)));
}

static void print_lost(struct json_object *obj)
{
	uint64_t lost = out_u64(obj, "lost");

	if (lost)
		printf(", %llu events lost before this one", (unsigned long long)lost);
	putchar('\n');
}

static void print_pressure(struct json_object *obj)
{
	char a[OUT_BYTES_MAX];

	fputs("pressure  ", stdout);
	print_list(obj, "event", "now");
	printf(": level %s (", out_str(obj, "level"));
	print_list(obj, "causes", "no cause");
	printf("), %s available, %llu stalls, %llu OOM kills",
	       out_bytes(out_u64(obj, "available"), a), (unsigned long long)out_u64(obj, "stalls"),
	       (unsigned long long)out_u64(obj, "oom_kills"));
	print_lost(obj);
}

static void print_ksm(struct json_object *obj)
{
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX];

	fputs("ksm       ", stdout);
	print_list(obj, "event", "now");
	printf(": saves %s", out_bytes(out_u64(obj, "saved"), a));
	if (out_has(obj, "profit"))
		printf(", profit %s", out_bytes_signed(out_i64(obj, "profit"), b));
	printf(", %llu full scans", (unsigned long long)out_u64(obj, "full_scans"));
	print_lost(obj);
}

static void print_decision(struct json_object *obj)
{
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX];
	struct json_object *applied;
	bool only_observed = json_object_object_get_ex(obj, DYNMEM_DECISION_APPLIED, &applied) &&
			     !json_object_get_boolean(applied);

	printf("decision  %s: %s -> %s%s, %s\n", out_safe(out_str(obj, "guest")),
	       out_bytes(out_u64(obj, "from"), a), out_bytes(out_u64(obj, "to"), b),
	       only_observed ? " (not done, only observed)" : "", out_safe(out_str(obj, "reason")));
}

static void print_guest(struct json_object *obj)
{
	const char *reason = out_str(obj, "reason");

	printf("guest     %s %s%s%s\n", out_safe(out_str(obj, "guest")), out_str(obj, "event"),
	       reason[0] ? ": " : "", out_safe(reason));
}

static void print_level(struct json_object *obj)
{
	printf("level     the daemon takes the host's level to be %s\n",
	       out_safe(out_str(obj, "level")));
}

/* The state on one line, as narrow as it can be: "guest has/costs". */
static void print_state(struct json_object *obj)
{
	struct json_object *host = json_object_object_get(obj, "host");
	struct json_object *guests = json_object_object_get(obj, "guests");
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX];

	printf("state     %s, %s available, KSM %s; has/costs MiB:",
	       out_str(host, DYNMEM_HOST_LEVEL), out_bytes(out_u64(host, DYNMEM_HOST_AVAILABLE), a),
	       out_bytes(out_u64(host, DYNMEM_HOST_KSM_SAVED), b));
	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		struct json_object *g = json_object_array_get_idx(guests, i);

		printf(" %s %llu/%llu", out_safe(out_str(g, DYNMEM_GUEST_NAME)),
		       (unsigned long long)out_u64(g, DYNMEM_GUEST_ACTUAL) >> 20,
		       (unsigned long long)out_u64(g, DYNMEM_GUEST_RSS) >> 20);
	}
	putchar('\n');
}

void line_print(struct json_object *obj)
{
	static const struct {
		const char *type;
		void (*print)(struct json_object *obj);
	} printers[] = {
		{ "pressure", print_pressure }, { "ksm", print_ksm },
		{ "decision", print_decision }, { "guest", print_guest },
		{ "level", print_level },	{ "state", print_state },
	};
	const char *type = out_str(obj, "type");

	for (size_t i = 0; i < sizeof(printers) / sizeof(printers[0]); i++) {
		if (!strcmp(type, printers[i].type)) {
			printers[i].print(obj);
			return;
		}
	}
	if (!strcmp(type, "overrun"))
		puts("overrun   events came faster than they were read; what follows is the state now");
	else
		printf("%-9s %s\n", type, out_str(obj, "event"));
}
