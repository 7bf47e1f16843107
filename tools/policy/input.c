// SPDX-License-Identifier: GPL-2.0
/* What enters the engine, reported to a listener. */
#include "engine.h"

const char *policy_input_name(enum policy_input_type type)
{
	static const char *const name[POLICY_INPUT_COUNT] = {
		[POLICY_INPUT_TUNABLES] = "tunables",
		[POLICY_INPUT_DRAIN] = "drain",
		[POLICY_INPUT_HOST] = "host",
		[POLICY_INPUT_HOST_STATE] = "host-state",
		[POLICY_INPUT_GUEST_ADD] = "guest-add",
		[POLICY_INPUT_GUEST_REMOVE] = "guest-remove",
		[POLICY_INPUT_GUEST_CONFIGURE] = "guest-configure",
		[POLICY_INPUT_GUEST] = "guest",
		[POLICY_INPUT_GUEST_STATE] = "guest-state",
		[POLICY_INPUT_GUEST_EVENT] = "guest-event",
		[POLICY_INPUT_POLLING] = "polling",
		[POLICY_INPUT_COMMAND] = "command",
		[POLICY_INPUT_RESERVE] = "reserve",
		[POLICY_INPUT_RESERVE_RESTORE] = "reserve-restore",
		[POLICY_INPUT_RESERVE_STARTED] = "reserve-started",
		[POLICY_INPUT_RELEASE] = "release",
		[POLICY_INPUT_DECIDE] = "decide",
		[POLICY_INPUT_EMERGENCY] = "emergency",
		[POLICY_INPUT_EMERGENCY_NEXT] = "emergency-next",
	};

	return name[type];
}

const char *policy_guest_event_name(enum policy_guest_event event)
{
	static const char *const name[] = {
		[POLICY_GUEST_REBOOT] = "reboot",
		[POLICY_GUEST_PAUSE] = "pause",
		[POLICY_GUEST_RESUME] = "resume",
		[POLICY_GUEST_MIGRATE_BEGIN] = "migrate-begin",
		[POLICY_GUEST_MIGRATE_END] = "migrate-end",
		[POLICY_GUEST_NO_BALLOON] = "no-balloon",
		[POLICY_GUEST_BALLOON] = "balloon",
		[POLICY_GUEST_PINNED] = "pinned",
		[POLICY_GUEST_UNPINNED] = "unpinned",
		[POLICY_GUEST_FORGET] = "forget",
	};

	return (unsigned int)event < sizeof(name) / sizeof(name[0]) ? name[event] : NULL;
}

void input_heard(const struct policy *p, const struct policy_input *in)
{
	if (p->listener)
		p->listener(p->listener_data, in);
}
