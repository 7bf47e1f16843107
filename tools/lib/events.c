// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Subscription and events.
 *
 * Two things make events: messages on the event socket, and the pending bits,
 * for what has to be reported without a message. Pending ones go first: they
 * happened before the message that would be read next.
 *
 * Nothing here allocates.
 */
#include <errno.h>
#include <string.h>

#include <linux/genetlink.h>

#include "internal.h"

static int subscribe_one(struct dynmem *d, int group, bool want)
{
	int r;

	if ((d->groups >> group & 1) == want)
		return 0;
	if (d->family.id) {
		r = dn_membership(d, group, want);
		if (r < 0 && want)
			return r;
	}

	d->groups ^= 1U << group;
	d->baseline[group].known = false;
	d->pending &= ~(PENDING_STATE << group);
	d->retry &= ~(PENDING_STATE << group);
	if (want && d->family.id)
		d->pending |= PENDING_STATE << group;
	return 0;
}

_public_ int dynmem_subscribe(struct dynmem *d, unsigned int groups)
{
	int r;

	if (groups >> GROUPS)
		return dn_fail(d, -EINVAL, "unknown group");

	for (int i = 0; i < GROUPS; i++) {
		r = subscribe_one(d, i, groups >> i & 1);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Completes the event of a group, whose payload was read. A notification has
 * its own number, a state that of the last notification. Return: 1, 0 if the
 * notification is older than a state that was reported already, or -EBADMSG.
 */
static int group_event(struct dynmem *d, int group, bool notification, struct dynmem_event *ev)
{
	static const uint32_t event_types[GROUPS] = {
		[GROUP_PRESSURE] = DYNMEM_EVENT_PRESSURE,
		[GROUP_KSM] = DYNMEM_EVENT_KSM,
		[GROUP_OOM] = DYNMEM_EVENT_OOM,
	};
	struct baseline *b = &d->baseline[group], now = { .known = true };
	const struct dynmem_head *head;

	head = group == GROUP_PRESSURE ? &ev->pressure.head
	       : group == GROUP_KSM    ? &ev->ksm.head
				       : &ev->oom.head;
	if (!dynmem_has(head->present, DYNMEM_A_HEAD_SEQ) ||
	    !dynmem_has(head->present, DYNMEM_A_HEAD_SINCE))
		return -EBADMSG;
	ev->type = event_types[group];
	now.seq = head->seq;
	now.since = head->since;

	if (b->known && b->since == now.since) {
		if (now.seq < b->seq + notification)
			return 0;
		ev->lost = now.seq - b->seq - notification;
	}
	*b = now;
	d->stats.events++;
	d->stats.lost += ev->lost;
	return 1;
}

/*
 * Joins the group, if it is new, and asks for the state to start from; the group
 * oom has none.
 */
static int state_event(struct dynmem *d, int group, struct dynmem_event *ev)
{
	int r;

	r = dn_membership(d, group, true);
	if (r < 0)
		return r;
	if (group == GROUP_OOM)
		return 0;
	r = group == GROUP_PRESSURE ? dynmem_get_pressure(d, &ev->pressure)
				    : dynmem_get_ksm(d, &ev->ksm);
	return r < 0 ? r : group_event(d, group, false, ev);
}

static bool take(struct dynmem *d, unsigned int bit)
{
	bool was = d->pending & bit;

	d->pending &= ~bit;
	return was;
}

/*
 * The next event that no message stands for. What failed is tried again, but
 * not before all messages were read: they may be of more use by then.
 */
static int next_pending(struct dynmem *d, struct dynmem_event *ev)
{
	int r;

	if (take(d, PENDING_OVERRUN)) {
		d->pending |= PENDING_LOOKUP;
		ev->type = DYNMEM_EVENT_OVERRUN;
		return 1;
	}
	if (take(d, PENDING_LOOKUP)) {
		r = dn_family_recheck(d);
		if (r < 0) {
			d->retry |= PENDING_LOOKUP;
			return r;
		}
		if (d->family.id)
			d->pending |= d->groups * PENDING_STATE;
	}
	if (take(d, PENDING_VANISHED)) {
		ev->type = DYNMEM_EVENT_VANISHED;
		return 1;
	}
	if (take(d, PENDING_APPEARED)) {
		ev->type = DYNMEM_EVENT_APPEARED;
		return 1;
	}
	for (int i = 0; d->family.id && i < GROUPS; i++) {
		if (!take(d, PENDING_STATE << i))
			continue;
		r = state_event(d, i, ev);
		if (r == -ENODEV)
			break;
		if (r < 0)
			d->retry |= PENDING_STATE << i;
		if (r != 0)
			return r;
	}
	return 0;
}

/* News of the controller about families. */
static int on_controller(struct dynmem *d, const struct nlmsghdr *nlh)
{
	struct family family;
	uint8_t cmd;
	int r;

	r = dn_family_parse(nlh, &family);
	if (r <= 0)
		return r;

	cmd = genlmsg_hdr((struct nlmsghdr *)nlh)->cmd;
	if (cmd == CTRL_CMD_NEWFAMILY) {
		dn_family_changed(d, &family);
	} else if (cmd == CTRL_CMD_DELFAMILY && family.id == d->family.id) {
		memset(&family, 0, sizeof(family));
		dn_family_changed(d, &family);
	}
	return 0;
}

/* Return: 1: an event; 0: not for us, or pending bits now; -EBADMSG. */
static int on_message(struct dynmem *d, const struct nlmsghdr *nlh, struct dynmem_event *ev)
{
	uint8_t cmd;
	int r;

	if (!genlmsg_valid_hdr((struct nlmsghdr *)nlh, 0))
		return -EBADMSG;
	if (nlh->nlmsg_type == GENL_ID_CTRL)
		return on_controller(d, nlh);
	if (!d->family.id || nlh->nlmsg_type != d->family.id)
		return 0;

	cmd = genlmsg_hdr((struct nlmsghdr *)nlh)->cmd;
	if (cmd == DYNMEM_CMD_PRESSURE_NTF && d->groups & DYNMEM_GROUP_PRESSURE) {
		r = dn_parse_message(&dn_pressure_layout, nlh, NULL, &ev->pressure);
		return r < 0 ? r : group_event(d, GROUP_PRESSURE, true, ev);
	}
	if (cmd == DYNMEM_CMD_KSM_NTF && d->groups & DYNMEM_GROUP_KSM) {
		r = dn_parse_message(&dn_ksm_layout, nlh, NULL, &ev->ksm);
		return r < 0 ? r : group_event(d, GROUP_KSM, true, ev);
	}
	if (cmd == DYNMEM_CMD_OOM_NTF && d->groups & DYNMEM_GROUP_OOM) {
		r = dn_parse_message(&dn_oom_layout, nlh, NULL, &ev->oom);
		return r < 0 ? r : group_event(d, GROUP_OOM, true, ev);
	}
	return 0;
}

/* Return: the next message, NULL if *ret_error says why there is none. */
static const struct nlmsghdr *next_message(struct dynmem *d, int *ret_error)
{
	struct nlmsghdr *nlh = d->event_next;
	int r;

	while (!nlh || !nlmsg_ok(nlh, d->event_rest)) {
		r = dn_receive(d->events, d->event_buffer, &d->event_rest);
		if (r <= 0) {
			d->event_next = NULL;
			*ret_error = r;
			return NULL;
		}
		nlh = (struct nlmsghdr *)d->event_buffer;
	}
	d->event_next = nlmsg_next(nlh, &d->event_rest);
	return nlh;
}

/* Return: 1: an event; 0: nothing more to read; negative errno. */
static int next_read(struct dynmem *d, struct dynmem_event *ev)
{
	const struct nlmsghdr *nlh;
	int r;

	while (!d->pending) {
		nlh = next_message(d, &r);
		if (nlh) {
			r = on_message(d, nlh, ev);
			if (r > 0)
				return r;
			if (r < 0)
				d->stats.malformed++;
		} else if (r == -ENOBUFS) {
			d->stats.overruns++;
			d->pending |= PENDING_OVERRUN;
		} else if (r == -EMSGSIZE) {
			d->stats.malformed++;
		} else if (r < 0) {
			return dn_fail(d, r, NULL);
		} else if (d->retry) {
			d->pending = d->retry;
			d->retry = 0;
		} else {
			return 0;
		}
	}
	return 0;
}

_public_ int dynmem_next_event(struct dynmem *d, struct dynmem_event *ret)
{
	struct dynmem_event ev;
	int r;

	do {
		memset(&ev, 0, sizeof(ev));
		r = next_pending(d, &ev);
		if (r == 0 && !d->pending)
			r = next_read(d, &ev);
	} while (r == 0 && d->pending);

	if (r > 0)
		*ret = ev;
	return r;
}
