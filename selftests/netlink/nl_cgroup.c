// SPDX-License-Identifier: GPL-2.0
/* Sums per cgroup, alone and over the tree; no address space counted twice. */
#include <sched.h>

#include "kselftest_harness.h"

#include "mem.h"

#define TOP "dynmem-cgroup"

FIXTURE(cgroup)
{
	struct nl nl;
	struct eater a, b;
	uint64_t top, left, right, deep;
	int n;
};

static struct nl_answer groups[1024];

/* top { left { deep { b } }, right { a } } */
FIXTURE_SETUP(cgroup)
{
	ASSERT_EQ(0, nl_open(&self->nl));
	self->top = cgroup_make(TOP);
	self->left = cgroup_make(TOP "/left");
	self->right = cgroup_make(TOP "/right");
	self->deep = cgroup_make(TOP "/left/deep");
	ASSERT_NE(0, self->deep);
	ASSERT_EQ(0, eater_start(&self->a));
	ASSERT_EQ(0, eater_start(&self->b));
	ASSERT_EQ(0, cgroup_move(TOP "/right", self->a.pid));
	ASSERT_EQ(0, cgroup_move(TOP "/left/deep", self->b.pid));
	ASSERT_TRUE(eat(&self->a, 16 * MIB));
	ASSERT_TRUE(eat(&self->b, 32 * MIB));
}

FIXTURE_TEARDOWN(cgroup)
{
	eater_stop(&self->a);
	eater_stop(&self->b);
	cgroup_remove(TOP "/left/deep");
	cgroup_remove(TOP "/left");
	cgroup_remove(TOP "/right");
	cgroup_remove(TOP);
	nl_close(&self->nl);
}

static void dump(struct __test_metadata *_metadata, FIXTURE_DATA(cgroup) * self, uint64_t id,
		 bool tree, uint32_t select)
{
	request(&self->nl, DYNMEM_CMD_CGROUP_GET, NLM_F_DUMP);
	if (id)
		put_u64(DYNMEM_A_CGROUP_ID, id);
	if (tree)
		put_raw(DYNMEM_A_CGROUP_TREE, NULL, 0);
	put_u32(DYNMEM_A_CGROUP_SELECT, select);
	self->n = transact(&self->nl, groups, ARRAY_LEN(groups));
	ASSERT_LE(0, self->n) TH_LOG("%s", nl_refusal.text);
	ASSERT_LE(self->n, (int)ARRAY_LEN(groups));
}

static int index_of(FIXTURE_DATA(cgroup) * self, uint64_t id)
{
	for (int i = 0; i < self->n; i++)
		if (get(&groups[i], DYNMEM_A_CGROUP_ID) == id)
			return i;
	return -1;
}

TEST_F(cgroup, alone)
{
	struct nl_answer *a;

	dump(_metadata, self, self->top, false, DYNMEM_SELECT_ALL);
	/* Those with processes of their own only. */
	EXPECT_EQ(2, self->n);
	ASSERT_LE(0, index_of(self, self->right));
	ASSERT_LE(0, index_of(self, self->deep));
	a = &groups[index_of(self, self->right)];
	EXPECT_STREQ("/" TOP "/right", get_text(a, DYNMEM_A_CGROUP_PATH));
	EXPECT_EQ(self->top, get(a, DYNMEM_A_CGROUP_PARENT_ID));
	EXPECT_EQ(1, get(a, DYNMEM_A_CGROUP_PROCESSES));
	EXPECT_EQ(0, get(a, DYNMEM_A_CGROUP_KSM_PROCESSES));
	EXPECT_GE(get(a, DYNMEM_A_CGROUP_RSS_ANON) + get(a, DYNMEM_A_CGROUP_SWAP) + MIB, 16 * MIB);
	EXPECT_LE(get(a, DYNMEM_A_CGROUP_RSS_ANON), 24 * MIB);
	a = &groups[index_of(self, self->deep)];
	EXPECT_STREQ("/" TOP "/left/deep", get_text(a, DYNMEM_A_CGROUP_PATH));
	EXPECT_EQ(self->left, get(a, DYNMEM_A_CGROUP_PARENT_ID));
	EXPECT_GE(get(a, DYNMEM_A_CGROUP_RSS_ANON) + get(a, DYNMEM_A_CGROUP_SWAP) + MIB, 32 * MIB);
}

/* A path of more than a page of netlink, and nothing after it is missing. */
TEST_F(cgroup, long_path)
{
	static char path[PATH_MAX], part[201];
	int depth = 0, found = -1;
	uint64_t id = 0;
	pid_t pid;

	memset(part, 'x', sizeof(part) - 1);
	strcpy(path, TOP "/right");
	while (strlen(path) + sizeof(part) < 3950) {
		strcat(strcat(path, "/"), part);
		id = cgroup_make(path);
		ASSERT_NE(0, id) TH_LOG("depth %d: %s", depth, strerror(errno));
		depth++;
	}
	pid = spawn(false);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, cgroup_move(path, pid));
	dump(_metadata, self, self->top, false, DYNMEM_SELECT_ALL);
	EXPECT_EQ(3, self->n);
	found = index_of(self, id);
	ASSERT_LE(0, found);
	EXPECT_STREQ(path, get_text(&groups[found], DYNMEM_A_CGROUP_PATH) + 1);
	reap(pid);
	for (; depth > 0; depth--) {
		cgroup_remove(path);
		*strrchr(path, '/') = '\0';
	}
}

TEST_F(cgroup, tree)
{
	uint64_t a, b;

	dump(_metadata, self, self->top, true, DYNMEM_SELECT_ALL);
	EXPECT_EQ(4, self->n);
	ASSERT_EQ(0, index_of(self, self->top));
	ASSERT_LE(0, index_of(self, self->right));
	ASSERT_LT(index_of(self, self->left), index_of(self, self->deep));
	a = get(&groups[index_of(self, self->right)], DYNMEM_A_CGROUP_RSS_ANON);
	b = get(&groups[index_of(self, self->deep)], DYNMEM_A_CGROUP_RSS_ANON);
	EXPECT_EQ(b, get(&groups[index_of(self, self->left)], DYNMEM_A_CGROUP_RSS_ANON));
	EXPECT_EQ(a + b, get(&groups[0], DYNMEM_A_CGROUP_RSS_ANON));
	EXPECT_EQ(2, get(&groups[0], DYNMEM_A_CGROUP_PROCESSES));
}

/* The whole tree: the root first, every parent before its children. */
TEST_F(cgroup, root)
{
	dump(_metadata, self, 0, true, DYNMEM_SELECT_ALL);
	ASSERT_LE(5, self->n);
	EXPECT_FALSE(has(&groups[0], DYNMEM_A_CGROUP_PARENT_ID));
	EXPECT_STREQ("/", get_text(&groups[0], DYNMEM_A_CGROUP_PATH));
	for (int i = 1; i < self->n; i++) {
		int parent = index_of(self, get(&groups[i], DYNMEM_A_CGROUP_PARENT_ID));

		EXPECT_LE(0, parent);
		EXPECT_LT(parent, i);
	}
	/* All that the host has is in the root's sum. */
	EXPECT_GE(get(&groups[0], DYNMEM_A_CGROUP_RSS_ANON),
		  get(&groups[index_of(self, self->top)], DYNMEM_A_CGROUP_RSS_ANON));
}

TEST_F(cgroup, ksm_users_only)
{
	pid_t pid;

	dump(_metadata, self, self->top, false, DYNMEM_SELECT_KSM);
	EXPECT_EQ(0, self->n);

	pid = spawn(true);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, cgroup_move(TOP "/right", pid));
	dump(_metadata, self, self->top, false, DYNMEM_SELECT_KSM);
	ASSERT_EQ(1, self->n);
	EXPECT_EQ(self->right, get(&groups[0], DYNMEM_A_CGROUP_ID));
	EXPECT_EQ(1, get(&groups[0], DYNMEM_A_CGROUP_KSM_PROCESSES));
	EXPECT_TRUE(get(&groups[0], DYNMEM_A_CGROUP_FLAGS) & DYNMEM_PROCESS_FLAG_MERGEABLE);
	reap(pid);
}

static int borrower(void *arg)
{
	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pause();
}

/* Two processes, one address space: counted once, where its owner is. */
TEST_F(cgroup, shared_address_space)
{
	char *stack = malloc(64 * KIB), *p;
	uint64_t rss;
	pid_t owner, pid;
	int report[2];

	ASSERT_EQ(0, pipe(report));
	owner = fork();
	ASSERT_LE(0, owner);
	if (owner == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		p = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(p, 1, 8 * MIB);
		pid = clone(borrower, stack + 64 * KIB, CLONE_VM | SIGCHLD, NULL);
		if (write(report[1], &pid, sizeof(pid)) == sizeof(pid))
			pause();
		_exit(0);
	}
	ASSERT_EQ((ssize_t)sizeof(pid), read(report[0], &pid, sizeof(pid)));
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, cgroup_move(TOP "/right", owner));
	ASSERT_EQ(0, cgroup_move(TOP "/left", pid));

	dump(_metadata, self, self->top, true, DYNMEM_SELECT_ALL);
	EXPECT_EQ(3, get(&groups[0], DYNMEM_A_CGROUP_PROCESSES));
	EXPECT_EQ(2, get(&groups[index_of(self, self->right)], DYNMEM_A_CGROUP_PROCESSES));
	rss = get(&groups[index_of(self, self->left)], DYNMEM_A_CGROUP_RSS_ANON);
	EXPECT_EQ(rss, get(&groups[index_of(self, self->deep)], DYNMEM_A_CGROUP_RSS_ANON));
	kill(pid, SIGKILL);
	reap(owner);
	free(stack);
}

/* A reader in a cgroup namespace sees what is in it, and nothing above. */
TEST_F(cgroup, namespace)
{
	struct nl_answer *a;

	ASSERT_EQ(0, cgroup_move(TOP "/left", getpid()));
	ASSERT_EQ(0, unshare(CLONE_NEWCGROUP));
	dump(_metadata, self, 0, true, DYNMEM_SELECT_ALL);
	EXPECT_EQ(2, self->n);
	a = &groups[0];
	EXPECT_EQ(self->left, get(a, DYNMEM_A_CGROUP_ID));
	EXPECT_FALSE(has(a, DYNMEM_A_CGROUP_PARENT_ID));
	EXPECT_STREQ("/", get_text(a, DYNMEM_A_CGROUP_PATH));
	EXPECT_EQ(2, get(a, DYNMEM_A_CGROUP_PROCESSES));
	a = &groups[1];
	EXPECT_EQ(self->deep, get(a, DYNMEM_A_CGROUP_ID));
	EXPECT_EQ(self->left, get(a, DYNMEM_A_CGROUP_PARENT_ID));
	EXPECT_STREQ("/deep", get_text(a, DYNMEM_A_CGROUP_PATH));

	request(&self->nl, DYNMEM_CMD_CGROUP_GET, NLM_F_DUMP);
	put_u64(DYNMEM_A_CGROUP_ID, self->right);
	EXPECT_EQ(-ENOENT, transact(&self->nl, NULL, 0));
	EXPECT_NE('\0', nl_refusal.text[0]);
	ASSERT_EQ(0, cgroup_move("", getpid()));
}

/* More of them than fit into one message, each once. */
TEST_F_TIMEOUT(cgroup, many, 60)
{
	enum { MANY = 200 };
	static pid_t pids[MANY];
	char name[64];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), TOP "/right/%d", i);
		ASSERT_NE(0, cgroup_make(name));
		pids[i] = spawn(false);
		ASSERT_LT(0, pids[i]);
		ASSERT_EQ(0, cgroup_move(name, pids[i]));
	}
	dump(_metadata, self, self->right, true, DYNMEM_SELECT_ALL);
	EXPECT_EQ(MANY + 1, self->n);
	for (int i = 0; i < self->n; i++) {
		int times = 0;

		for (int j = 0; j < self->n; j++)
			times += get(&groups[i], DYNMEM_A_CGROUP_ID) ==
				 get(&groups[j], DYNMEM_A_CGROUP_ID);
		EXPECT_EQ(1, times);
	}
	EXPECT_EQ(MANY + 1, get(&groups[0], DYNMEM_A_CGROUP_PROCESSES));
	for (int i = 0; i < MANY; i++) {
		reap(pids[i]);
		snprintf(name, sizeof(name), TOP "/right/%d", i);
		cgroup_remove(name);
	}
}

TEST_HARNESS_MAIN
