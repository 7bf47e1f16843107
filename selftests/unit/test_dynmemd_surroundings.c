// SPDX-License-Identifier: GPL-2.0
/* What surrounds guests on real hosts: their names, sockets and monitors. */
#include "common/escape.h"
#include "dbus_world.h"

#define MANAGE "[daemon]\nmode = manage\n"

/* No text of ours is cut in the middle of a character. */
static bool is_harmless(const char *text)
{
	char escaped[2 * GUEST_NAME_MAX];

	return !strcmp(escape_text(escaped, sizeof(escaped), text), text);
}

/* Three guests of one long name, of three bytes a character: each can be listed. */
static void test_same_long_name(_unused_ void **state)
{
	static const char japanese[] = "\\u65e5\\u672c\\u8a9e\\u306e\\u30b5\\u30fc\\u30d0";
	char name[4 * sizeof(japanese)];
	struct fake_qemu one, two, three;
	sd_bus_message *m;
	struct world w;
	struct bus b;

	snprintf(name, sizeof(name), "%s%s%s", japanese, japanese, japanese);
	one = two = three = idle_guest(name);
	one.other_process = two.other_process = true;
	open_all(&w, &b, "");
	start_guest(&w, &one, "1.sock");
	start_guest(&w, &two, "東京本番環境.sock");
	run_until(&w, 1000, manager_guest_count(w.manager) == 2);
	start_guest(&w, &three, "x東京本番環境.sock");
	run_until(&w, 1000, manager_guest_count(w.manager) == 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(is_harmless(manager_guest(w.manager, i)->name));
	m = call(&w, &b, "ListGuests", NULL);
	assert_false(sd_bus_message_is_method_error(m, NULL));
	fake_stop(&one, false);
	fake_stop(&two, false);
	fake_stop(&three, false);
	close_all(&w, &b);
}

/*
 * Of two guests of one name, the one that an operator holds is held after a restart, also
 * when the other one is found first.
 */
static void test_same_name_over_restart(_unused_ void **state)
{
	struct fake_qemu one = idle_guest("web"), two = idle_guest("web");
	char path[96], done[MANAGER_SENTENCE_MAX];
	struct world w;

	open_world(&w, MANAGE);
	daemon_stop(&w);
	snprintf(path, sizeof(path), "%s/state", w.folder);
	w.state = path;
	daemon_start(&w, false);
	one.other_process = true;
	start_guest(&w, &one, "1.sock");
	run_until(&w, 1000, manager_guest_count(w.manager) == 1);
	start_guest(&w, &two, "2.sock");
	run_until(&w, 1000, manager_guest_count(w.manager) == 2);
	assert_int_equal(manager_set(w.manager, "web@2.sock", "hold", "yes", 0, done), 0);
	for (int first = 0; first < 2; first++) {
		struct fake_qemu *late = first ? &one : &two;

		daemon_stop(&w);
		run_until(&w, 1000, one.fd < 0 && two.fd < 0);
		assert_true(sd_event_source_set_enabled(late->accepts, SD_EVENT_OFF) >= 0);
		daemon_start(&w, false);
		run_until(&w, 1000, manager_guest_count(w.manager) == 1);
		assert_true(sd_event_source_set_enabled(late->accepts, SD_EVENT_ON) >= 0);
		run_until(&w, 1000, manager_guest_count(w.manager) == 2);
		assert_string_equal(manager_find(w.manager, "web")->origin, one.path);
		assert_false(manager_find(w.manager, "web")->held);
		assert_true(manager_find(w.manager, "web@2.sock")->held);
	}
	fake_stop(&one, false);
	fake_stop(&two, false);
	close_world(&w);
}

/* Whatever is asked for, with a name of whatever characters: the state stays readable. */
static void test_names_of_reservations(_unused_ void **state)
{
	char long_name[2 * GUEST_NAME_MAX] = "x", path[96], aside[128];
	const char *const names[] = { "two\nlines", "\x1b[2J", long_name, "\xe2\x80\xae", "\xff" };
	struct policy_reserve_status s;
	sd_bus_message *m;
	unsigned int id;
	size_t count;
	struct world w;
	struct bus b;

	for (size_t i = 0; i < 80; i++)
		memcpy(long_name + 1 + 3 * i, "日", 4);
	open_all(&w, &b, MANAGE);
	b.api = api_free(b.api);
	daemon_stop(&w);
	snprintf(path, sizeof(path), "%s/state", w.folder);
	snprintf(aside, sizeof(aside), "%s.damaged", path);
	w.state = path;
	daemon_start(&w, false);
	run_for(&w, 50);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(manager_reserve(w.manager, 16 * MIB, names[i], 600, &id, &s), 0);
	daemon_stop(&w);
	daemon_start(&w, false);
	run_for(&w, 50);
	assert_int_not_equal(access(aside, F_OK), 0);
	manager_reservations(w.manager, &count);
	assert_int_equal(count, ARRAY_SIZE(names));
	assert_int_equal(api_new(&b.api, w.manager, w.event), 0);
	b.owned = false;
	run_until(&w, 5000, is_there(&b));
	m = call(&w, &b, "ListReservations", NULL);
	assert_false(sd_bus_message_is_method_error(m, NULL));
	close_all(&w, &b);
}

/* A process that cannot be read: it is found, what it costs is guessed, and that is known. */
static void test_hidden_process(_unused_ void **state)
{
	struct fake_qemu hidden = idle_guest("hidden"), gone = idle_guest("gone");
	char path[96];
	struct world w;

	open_world(&w, MANAGE);
	snprintf(path, sizeof(path), "%s/%d/statm", w.folder, (int)getpid());
	assert_int_equal(unlink(path), 0);
	gone.other_process = true;
	start_guest(&w, &hidden, "hidden.sock");
	start_guest(&w, &gone, "gone.sock");
	until_known(&w, "hidden");
	until_known(&w, "gone");
	assert_non_null(strstr(manager_find(w.manager, "hidden")->unseen, "hidepid"));
	assert_non_null(strstr(manager_find(w.manager, "gone")->unseen, "is gone"));
	/* A rich host takes nothing, and a poor one no more than the guest can spare. */
	assert_int_equal(hidden.balloons + gone.balloons, 0);
	pressure(&w, POLICY_LEVEL_CRITICAL, 120);
	run_until(&w, 3000, hidden.balloons > 0);
	run_for(&w, 1000);
	assert_true(hidden.target >= (64 + 60 + 64) * MIB);
	fake_stop(&hidden, false);
	fake_stop(&gone, false);
	close_world(&w);
}

/* What a QEMU of another kind, or another time, might answer. */
static void test_odd_answers(_unused_ void **state)
{
	static const char *const commands[] = {
		"query-name",
		"query-status",
		"query-migrate",
		"query-memdev",
		"query-memory-size-summary",
		"query-memory-devices",
		"query-balloon",
		"query-sev",
		"query-blockstats",
		"qom-list",
		"qom-get",
		"qom-set",
		"balloon",
		"migrate-set-capabilities",
	};
	static const char *const values[] = {
		"null",
		"true",
		"-1",
		"9223372036854775808",
		"1e300",
		"\"5\"",
		"[]",
		"[[[]]]",
		"[null, 5, \"x\", {}]",
		"{\"name\": 5, \"status\": {}, \"actual\": \"1\"}",
		"{\"name\": \"\", \"status\": \"\", \"actual\": 0, \"base-memory\": 1}",
		"{\"actual\": -1, \"base-memory\": -1, \"plugged-memory\": -1}",
		"{\"actual\": 18446744073709551615, \"base-memory\": 9223372036854775807, \"plugged-memory\": 9223372036854775807}",
		"{\"stats\": {\"stat-available-memory\": -1, \"stat-total-memory\": \"x\"}, \"last-update\": 5}",
		"{\"stats\": {\"stat-available-memory\": 18446744073709551614, \"stat-total-memory\": 1}, \"last-update\": 9223372036854775807}",
		"{\"stats\": [], \"last-update\": -1}",
	};
	struct fake_qemu good = idle_guest("good"), a[ARRAY_SIZE(values)];
	char file[16];
	struct world w;

	open_world(&w, MANAGE);
	start_guest(&w, &good, "good.sock");
	until_known(&w, "good");
	for (size_t c = 0; c < ARRAY_SIZE(commands); c++) {
		for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
			a[v] = idle_guest("a");
			a[v].odd_command = commands[c];
			a[v].odd_value = values[v];
			a[v].other_process = true; /* else all are one QEMU */
			snprintf(file, sizeof(file), "%zu.sock", v);
			start_guest(&w, &a[v], file);
		}
		run_for(&w, 250);
		for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
			/* Not taken from by a host at ease: it uses 60 MiB, and has to have 64 more. */
			if (a[v].balloons && a[v].target < (64 + 60 + 64) * MIB)
				print_error("%s: %s\n", commands[c], values[v]);
			assert_true(!a[v].balloons || a[v].target >= (64 + 60 + 64) * MIB);
			/* A size that is not known is no reason to set one. */
			if (!strcmp(commands[c], "query-balloon"))
				assert_int_equal(a[v].balloons, 0);
			fake_stop(&a[v], false);
		}
		run_until(&w, 3000, manager_guest_count(w.manager) == 1);
	}
	assert_int_equal(good.connections, 1);
	assert_non_null(manager_find(w.manager, "good"));
	fake_stop(&good, false);
	close_world(&w);
}

/*
 * Another QEMU takes the socket's place while the first one lives on, as when a machine is
 * moved to a new QEMU: both are guests, and the reload that reads the folder again finds no
 * third one.
 */
static void test_socket_replaced(_unused_ void **state)
{
	struct fake_qemu old = idle_guest("a"), new = idle_guest("a");
	char path[128], beside[sizeof(new.path)];
	struct world w;

	open_world(&w, MANAGE);
	start_guest(&w, &old, "a.sock");
	until_known(&w, "a");
	snprintf(path, sizeof(path), "%s/a.sock", w.qmp);
	snprintf(beside, sizeof(beside), "%s/a.sock", w.folder);
	new.other_process = true; /* else both are one QEMU */
	assert_int_equal(fake_start(&new, w.event, beside), 0);
	assert_int_equal(rename(beside, path), 0);
	run_until(&w, 2000, manager_guest_count(w.manager) == 2);
	reload(&w, configure(&w, MANAGE));
	run_for(&w, 500);
	assert_int_equal(manager_guest_count(w.manager), 2);
	assert_int_equal(old.connections + new.connections, 2);
	until_known(&w, "a@a.sock");
	fake_stop(&old, true);
	run_until(&w, 2000, manager_guest_count(w.manager) == 1);
	assert_non_null(manager_find(w.manager, "a@a.sock"));

	/* As a guest is started anew: the old one's end may be heard after the new one's socket. */
	fake_stop(&new, true);
	assert_int_equal(unlink(path), 0);
	start_guest(&w, &old, "a.sock");
	run_until(&w, 2000, manager_find(w.manager, "a"));
	run_for(&w, 300);
	assert_int_equal(manager_guest_count(w.manager), 1);
	fake_stop(&old, false);
	close_world(&w);
}

/* So many disks that their figures are no message that is taken; or a long chain of snapshots. */
static char *many_disks(unsigned int disks, unsigned int chain)
{
	static const char disk[] =
		"{\"device\": \"d\", \"stats\": {\"rd_bytes\": 1000, \"timed_stats\": []}",
			  backing[] = ", \"backing\": ";
	size_t size = 16 + (size_t)disks * (chain + 1) * (sizeof(disk) + sizeof(backing) + 4);
	char *text = malloc(size), *p = text;

	assert_non_null(text);
	p = stpcpy(p, "[");
	for (unsigned int i = 0; i < disks; i++) {
		p = stpcpy(p, i ? ", " : "");
		for (unsigned int k = 0; k <= chain; k++) {
			p = stpcpy(p, k ? backing : "");
			p = stpcpy(p, disk);
		}
		for (unsigned int k = 0; k <= chain; k++)
			p = stpcpy(p, "}");
	}
	stpcpy(p, "]");
	return text;
}

/* A guest stays one whatever its disks' figures are: they are not needed. */
static void test_many_disks(_unused_ void **state)
{
	const unsigned int disks[] = { 3, 100, 2000, 1, 2 }, chain[] = { 0, 1, 0, 20, 200 };
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		struct fake_qemu a = idle_guest("a");
		char *text = many_disks(disks[i], chain[i]);
		const struct guest *g;

		open_world(&w, MANAGE);
		a.blockstats = text;
		start_guest(&w, &a, "a.sock");
		run_until(&w, 2000, (g = manager_find(w.manager, "a")));
		until_known(&w, "a");
		pressure(&w, POLICY_LEVEL_MEDIUM, 400);
		run_until(&w, 3000, a.balloons > 0);
		assert_ptr_equal(manager_find(w.manager, "a"), g);
		assert_in_range(a.connections, 1, 2);
		fake_stop(&a, false);
		close_world(&w);
		free(text);
	}
}

static void junk_path(const struct world *w, char path[static 128], const char *kind, int i)
{
	snprintf(path, 128, "%s/%s-%d", w->qmp, kind, i);
}

/* Sockets that nobody listens at, or where nobody ever answers. */
static int bind_socket(const char *path, bool listens)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (listens)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* What else lies in a folder of sockets: files, pipes, links, folders, and dead sockets. */
static void test_junk(_unused_ void **state)
{
	struct fake_qemu early = idle_guest("early"), late = idle_guest("late");
	int dead[50], deaf[50];
	char path[128];
	struct world w;

	open_world(&w, "");
	daemon_stop(&w);
	for (int i = 0; i < 2000; i++) {
		junk_path(&w, path, "file", i);
		write_text(path, "x");
	}
	for (int i = 0; i < 50; i++) {
		junk_path(&w, path, "fifo", i);
		assert_int_equal(mkfifo(path, 0600), 0);
		junk_path(&w, path, "loop", i);
		assert_int_equal(symlink(strrchr(path, '/') + 1, path), 0);
		junk_path(&w, path, "folder.sock", i);
		assert_int_equal(mkdir(path, 0700), 0);
		junk_path(&w, path, "dead", i);
		dead[i] = bind_socket(path, false);
		junk_path(&w, path, "deaf", i);
		deaf[i] = bind_socket(path, true);
	}
	start_guest(&w, &early, "early.sock");
	/* The same monitor once more, by a link. */
	snprintf(path, sizeof(path), "%s/link.sock", w.qmp);
	assert_int_equal(symlink("early.sock", path), 0);
	daemon_start(&w, false);
	run_until(&w, 2000, manager_find(w.manager, "early"));
	start_guest(&w, &late, "late.sock");
	run_until(&w, 1000, manager_find(w.manager, "late"));
	/* The deaf ones are given up, and come again without being in the way. */
	run_for(&w, 3000);
	assert_int_equal(manager_guest_count(w.manager), 2);
	assert_int_equal(early.connections + late.connections, 2);
	fake_stop(&early, false);
	run_until(&w, 1000, manager_guest_count(w.manager) == 1);
	for (int i = 0; i < 50; i++) {
		close(dead[i]);
		close(deaf[i]);
	}
	fake_stop(&late, false);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_long_name),
		cmocka_unit_test(test_same_name_over_restart),
		cmocka_unit_test(test_names_of_reservations),
		cmocka_unit_test(test_hidden_process),
		cmocka_unit_test(test_odd_answers),
		cmocka_unit_test(test_socket_replaced),
		cmocka_unit_test(test_many_disks),
		cmocka_unit_test(test_junk),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_surroundings", tests, NULL, NULL);
}
