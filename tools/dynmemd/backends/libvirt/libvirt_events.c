// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "dynmemd/backends/libvirt/libvirt_events.h"
#include "dynmemd/backends/libvirt/libvirt_metadata.h"
#include "common/util.h"
#include "policy/policy.h"

static int on_lifecycle(_unused_ virConnectPtr conn, virDomainPtr dom, int event, int detail,
			void *userdata)
{
	static const char *const stopped[] = {
		[VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN] = "it was shut down",
		[VIR_DOMAIN_EVENT_STOPPED_DESTROYED] = "it was destroyed",
		[VIR_DOMAIN_EVENT_STOPPED_CRASHED] = "it crashed",
		[VIR_DOMAIN_EVENT_STOPPED_MIGRATED] = "it migrated",
		[VIR_DOMAIN_EVENT_STOPPED_SAVED] = "it was saved",
		[VIR_DOMAIN_EVENT_STOPPED_FAILED] = "its QEMU failed",
	};
	struct libvirt_worker *w = userdata;
	const char *why = "it was stopped";

	switch (event) {
	case VIR_DOMAIN_EVENT_STARTED:
		libvirt_worker_notify(w, dom, LIBVIRT_STARTED, 0, NULL);
		break;
	case VIR_DOMAIN_EVENT_STOPPED:
		if (detail >= 0 && (size_t)detail < ARRAY_SIZE(stopped) && stopped[detail])
			why = stopped[detail];
		libvirt_worker_notify(w, dom, LIBVIRT_STOPPED, 0, why);
		break;
	case VIR_DOMAIN_EVENT_SUSPENDED:
		if (detail == VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED ||
		    detail == VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY)
			libvirt_worker_notify(w, dom, LIBVIRT_JOB_BEGAN, 0, NULL);
		else
			libvirt_worker_notify(w, dom, LIBVIRT_PAUSED, 0, NULL);
		break;
	case VIR_DOMAIN_EVENT_PMSUSPENDED:
	case VIR_DOMAIN_EVENT_CRASHED:
		libvirt_worker_notify(w, dom, LIBVIRT_PAUSED, 0, NULL);
		break;
	case VIR_DOMAIN_EVENT_RESUMED:
		libvirt_worker_notify(w, dom, LIBVIRT_RESUMED, 0, NULL);
		break;
	}
	return 0;
}

static void on_reboot(_unused_ virConnectPtr conn, virDomainPtr dom, void *userdata)
{
	libvirt_worker_notify(userdata, dom, LIBVIRT_REBOOTED, 0, NULL);
}

static void on_balloon(_unused_ virConnectPtr conn, virDomainPtr dom, unsigned long long actual,
		       void *userdata)
{
	libvirt_worker_notify(userdata, dom, LIBVIRT_RESIZED,
			      MIN(actual, POLICY_GUEST_BYTES_MAX / KIB) * KIB, NULL);
}

static void on_iteration(_unused_ virConnectPtr conn, virDomainPtr dom, _unused_ int iteration,
			 void *userdata)
{
	libvirt_worker_notify(userdata, dom, LIBVIRT_JOB_BEGAN, 0, NULL);
}

static void on_job_completed(_unused_ virConnectPtr conn, virDomainPtr dom,
			     _unused_ virTypedParameterPtr params, _unused_ int n, void *userdata)
{
	libvirt_worker_notify(userdata, dom, LIBVIRT_JOB_ENDED, 0, NULL);
}

static void on_metadata(_unused_ virConnectPtr conn, virDomainPtr dom, int type, const char *uri,
			void *userdata)
{
	if (type == VIR_DOMAIN_METADATA_ELEMENT && uri && !strcmp(uri, LIBVIRT_XMLNS))
		libvirt_worker_notify(userdata, dom, LIBVIRT_DESCRIBED, 0, NULL);
}

static void on_device(_unused_ virConnectPtr conn, virDomainPtr dom, _unused_ const char *alias,
		      void *userdata)
{
	libvirt_worker_notify(userdata, dom, LIBVIRT_DESCRIBED, 0, NULL);
}

_unused_ static void on_memory_size(_unused_ virConnectPtr conn, virDomainPtr dom,
				    _unused_ const char *alias, _unused_ unsigned long long size,
				    void *userdata)
{
	libvirt_worker_notify(userdata, dom, LIBVIRT_DESCRIBED, 0, NULL);
}

static void on_close(_unused_ virConnectPtr conn, int reason, void *userdata)
{
	libvirt_worker_closed(userdata, reason == VIR_CONNECT_CLOSE_REASON_KEEPALIVE
						? "libvirtd does not answer"
						: "libvirtd closed the connection");
}

int libvirt_events_open(struct libvirt_events *e, virConnectPtr conn, struct libvirt_worker *w)
{
	static const struct {
		int id;
		virConnectDomainEventGenericCallback fn;
	} events[] = {
		{ VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle) },
		{ VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot) },
		{ VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_balloon) },
		{ VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
		  VIR_DOMAIN_EVENT_CALLBACK(on_iteration) },
		{ VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, VIR_DOMAIN_EVENT_CALLBACK(on_job_completed) },
		{ VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata) },
		{ VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device) },
		{ VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device) },
#if LIBVIR_VERSION_NUMBER >= 7009000
		{ VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE,
		  VIR_DOMAIN_EVENT_CALLBACK(on_memory_size) },
#endif
	};
	int r;

	_Static_assert(ARRAY_SIZE(events) <= ARRAY_SIZE(e->ids), "an id for each");
	*e = (struct libvirt_events){ 0 };
	libvirt_worker_ref(w);
	r = lv.virConnectRegisterCloseCallback(conn, on_close, w, libvirt_worker_unref);
	if (r < 0) {
		libvirt_worker_unref(w);
		return -EIO;
	}
	e->close = true;
	while (e->n < ARRAY_SIZE(events)) {
		libvirt_worker_ref(w);
		r = lv.virConnectDomainEventRegisterAny(conn, NULL, events[e->n].id,
							events[e->n].fn, w, libvirt_worker_unref);
		if (r < 0) {
			libvirt_worker_unref(w);
			return -EIO;
		}
		e->ids[e->n++] = r;
	}
	return 0;
}

void libvirt_events_close(struct libvirt_events *e, virConnectPtr conn)
{
	while (e->n)
		lv.virConnectDomainEventDeregisterAny(conn, e->ids[--e->n]);
	if (e->close)
		lv.virConnectUnregisterCloseCallback(conn, on_close);
	e->close = false;
}
