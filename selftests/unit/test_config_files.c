// SPDX-License-Identifier: GPL-2.0
/* The files of the configuration: what is there and cannot be read is not empty. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_world.h"
#include "dynmemd/config/daemon_config.h"
#include "common/util.h"

/* What is there and cannot be read, or was damaged, is not empty. */
static void test_unreadable(_unused_ void **state)
{
	static const char zeros[] = "[daemon]\nmode = manage\n\0\0\0\0";
	static const char utf16[] = "#\0\n\0[\0d\0a\0e\0m\0o\0n\0]\0\n\0";
	char dir[64], file[80], other[80];
	struct config *c = NULL;
	FILE *f;

	snprintf(dir, sizeof(dir), "%s.d", path);
	snprintf(file, sizeof(file), "%s/10-a.conf", dir);
	snprintf(other, sizeof(other), "%s/.#10-a.conf", dir);
	for (int i = 0; i < 2; i++) {
		f = fopen(path, "w");
		assert_non_null(f);
		if (i == 0)
			assert_int_equal(fwrite(zeros, 1, sizeof(zeros), f), sizeof(zeros));
		else
			assert_int_equal(fwrite(utf16, 1, sizeof(utf16), f), sizeof(utf16));
		assert_int_equal(fclose(f), 0);
		complaints[0] = 0;
		assert_int_equal(config_load(&c, path, true, complain, NULL), -EINVAL);
		assert_non_null(strstr(complaints, ": a zero byte: the file is damaged"));
	}

	/* The folder of more files is none, leads round in a circle, or has some that are none. */
	assert_int_equal(symlink("c.d", dir), 0);
	refuses("", "c.d: cannot be read: Too many levels of symbolic links");
	assert_int_equal(unlink(dir), 0);
	write_file(dir, "[daemon]\n");
	refuses("", "c.d: cannot be read: Not a directory");
	assert_int_equal(unlink(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	refuses("", "c.d/10-a.conf: cannot be read: Is a directory");
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(mkfifo(file, 0600), 0);
	refuses("", "c.d/10-a.conf: cannot be read: No such device or address");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("nowhere", file), 0);
	refuses("", "c.d/10-a.conf: cannot be read: No such file or directory");
	assert_int_equal(unlink(file), 0);

	/* An editor's lock is none of them. */
	assert_int_equal(symlink("me@host.1234", other), 0);
	assert_int_equal(load(&c, ""), 0);
	config_free(c);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(rmdir(dir), 0);

	/* None at all is fine by default, and a link to none is not. */
	unlink(path);
	assert_int_equal(config_load(&c, path, false, complain, NULL), 0);
	config_free(c);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(config_load(&c, path, false, complain, NULL), -EINVAL);
	assert_int_equal(unlink(path), 0);
}

/* Of a folder with wildcards in its name all files are read. */
static void test_odd_folder(_unused_ void **state)
{
	char dir[64], conf[80], more[96], file[112];
	struct config *c = NULL;

	snprintf(dir, sizeof(dir), "%s/[a]*", folder);
	snprintf(conf, sizeof(conf), "%s/c", dir);
	snprintf(more, sizeof(more), "%s.d", conf);
	snprintf(file, sizeof(file), "%s/10.conf", more);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkdir(more, 0700), 0);
	write_file(conf, "");
	write_file(file, "[daemon]\nmode = manage\n");
	assert_int_equal(config_load(&c, conf, true, complain, NULL), 0);
	assert_int_equal(c->mode, MODE_MANAGE);
	config_free(c);
	unlink(file);
	unlink(conf);
	assert_int_equal(rmdir(more), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_odd_folder),
	};

	return cmocka_run_group_tests_name("config_files", tests, setup, teardown);
}
