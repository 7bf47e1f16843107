// SPDX-License-Identifier: GPL-2.0
/* What the gets about processes answer, held against the files of processes. */
#include <dirent.h>
#include <sched.h>

#include "kselftest_harness.h"

#include "mem.h"

FIXTURE(process)
{
	struct nl nl;
	struct nl_answer a;
};

FIXTURE_SETUP(process)
{
	ASSERT_EQ(PAGE, (unsigned long long)sysconf(_SC_PAGESIZE));
	ASSERT_EQ(0, nl_open(&self->nl));
}

FIXTURE_TEARDOWN(process)
{
	nl_close(&self->nl);
}

static int ask_process(struct nl *nl, pid_t pid, uint32_t fields, struct nl_answer *a)
{
	int r;

	request(nl, DYNMEM_CMD_PROCESS_GET, NLM_F_ACK);
	put_u32(DYNMEM_A_PROCESS_PID, (uint32_t)pid);
	if (fields)
		put_u32(DYNMEM_A_PROCESS_FIELDS, fields);
	r = transact(nl, a, 1);
	return r < 0 ? r : r == 1 ? 0 : -EBADMSG;
}

static uint64_t status_bytes(pid_t pid, const char *key)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return (uint64_t)number_of(path, key) * KIB;
}

static uint64_t own_cgroup(void)
{
	char path[PATH_MAX], *s = slurp("/proc/self/cgroup");
	struct stat st;

	s = s ? strstr(s, "0::") : NULL;
	if (!s)
		return 0;
	s[strcspn(s, "\n")] = '\0';
	snprintf(path, sizeof(path), CGROUP_ROOT "%s", s + 3);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

/*
 * The answer about one process is exact, though the kernel keeps parts of these
 * counters with CPUs or threads: it is what a walk of the page tables finds.
 */
TEST_F(process, exact)
{
	char path[64];
	pid_t pid = fork();
	char *p;

	ASSERT_LE(0, pid);
	if (pid == 0) {
		p = mmap(NULL, 37 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
		for (size_t i = 0; i < 37; i++)
			p[i * PAGE] = 1;
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, WUNTRACED));
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, ask_process(&self->nl, pid, 0, &self->a));
		EXPECT_EQ((uint64_t)number_of(path, "Anonymous") * KIB,
			  get(&self->a, DYNMEM_A_PROCESS_RSS_ANON));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(process, all_fields)
{
	long hz = sysconf(_SC_CLK_TCK);
	pid_t pid = getpid();
	uint64_t start;
	char *p;

	/* Some of each kind of memory; a name of the longest. */
	p = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 1, 16 * MIB);
	p = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 1, 8 * MIB);
	prctl(PR_SET_NAME, "fifteen-letters");

	ASSERT_EQ(0, ask_process(&self->nl, pid, 0, &self->a));
	EXPECT_EQ(pid, (pid_t)get(&self->a, DYNMEM_A_PROCESS_PID));
	EXPECT_STREQ("fifteen-letters", get_text(&self->a, DYNMEM_A_PROCESS_COMM));
	start = get(&self->a, DYNMEM_A_PROCESS_START_TIME);
	EXPECT_EQ(start_ticks(pid), start / (NSEC_PER_SEC / (uint64_t)hz));
	EXPECT_NE(0, own_cgroup());
	EXPECT_EQ(own_cgroup(), get(&self->a, DYNMEM_A_PROCESS_CGROUP_ID));
	EXPECT_LT(distance(status_bytes(pid, "RssAnon"), get(&self->a, DYNMEM_A_PROCESS_RSS_ANON)),
		  MIB);
	EXPECT_LT(distance(status_bytes(pid, "RssFile"), get(&self->a, DYNMEM_A_PROCESS_RSS_FILE)),
		  MIB);
	EXPECT_LT(distance(status_bytes(pid, "RssShmem"),
			   get(&self->a, DYNMEM_A_PROCESS_RSS_SHMEM)),
		  MIB);
	EXPECT_LT(distance(status_bytes(pid, "VmSwap"), get(&self->a, DYNMEM_A_PROCESS_SWAP)), MIB);
	/* Counters that each CPU, or thread, keeps a part of. */
	EXPECT_GE(get(&self->a, DYNMEM_A_PROCESS_RSS_ANON), 15 * MIB);
	EXPECT_GE(get(&self->a, DYNMEM_A_PROCESS_RSS_SHMEM), 7 * MIB);
	EXPECT_FALSE(get(&self->a, DYNMEM_A_PROCESS_FLAGS) &
		     (DYNMEM_PROCESS_FLAG_MERGEABLE | DYNMEM_PROCESS_FLAG_BORROWED));
	EXPECT_EQ(0, get(&self->a, DYNMEM_A_PROCESS_MERGING_PAGES));
}

TEST_F(process, mergeable)
{
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, madvise(p, MIB, MADV_MERGEABLE));
	ASSERT_EQ(0, ask_process(&self->nl, getpid(), 0, &self->a));
	EXPECT_TRUE(get(&self->a, DYNMEM_A_PROCESS_FLAGS) & DYNMEM_PROCESS_FLAG_MERGEABLE);
}

/* Only what was asked for, and the PID. */
TEST_F(process, fields)
{
	static const struct {
		uint32_t field;
		int attrs[4];
	} fields[] = {
		{ DYNMEM_FIELD_START_TIME, { DYNMEM_A_PROCESS_START_TIME } },
		{ DYNMEM_FIELD_COMM, { DYNMEM_A_PROCESS_COMM } },
		{ DYNMEM_FIELD_CGROUP, { DYNMEM_A_PROCESS_CGROUP_ID } },
		{ DYNMEM_FIELD_FLAGS, { DYNMEM_A_PROCESS_FLAGS } },
		{ DYNMEM_FIELD_KSM,
		  { DYNMEM_A_PROCESS_MERGING_PAGES, DYNMEM_A_PROCESS_RMAP_ITEMS,
		    DYNMEM_A_PROCESS_PROFIT } },
		{ DYNMEM_FIELD_RSS,
		  { DYNMEM_A_PROCESS_RSS_ANON, DYNMEM_A_PROCESS_RSS_FILE,
		    DYNMEM_A_PROCESS_RSS_SHMEM } },
		{ DYNMEM_FIELD_SWAP, { DYNMEM_A_PROCESS_SWAP } },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		int wanted = 1, got = 0;

		ASSERT_EQ(0, ask_process(&self->nl, getpid(), fields[i].field, &self->a));
		EXPECT_TRUE(has(&self->a, DYNMEM_A_PROCESS_PID));
		for (int j = 0; j < 4 && fields[i].attrs[j]; j++, wanted++) {
			EXPECT_TRUE(has(&self->a, fields[i].attrs[j]))
			{
				TH_LOG("field %u, attribute %d", fields[i].field,
				       fields[i].attrs[j]);
			}
		}
		for (int attr = 0; attr < 64; attr++)
			got += has(&self->a, attr);
		got -= has(&self->a, DYNMEM_A_PROCESS_ZERO_PAGES);
		EXPECT_EQ(wanted, got) TH_LOG("field %u", fields[i].field);
	}
}

/* A dump: which of these PIDs were in it, and how often. */
#define CHILDREN 300

static struct nl_answer dumped[2000];

static int dump_all(struct nl *nl, uint32_t select, uint64_t cgroup)
{
	request(nl, DYNMEM_CMD_PROCESS_GET, NLM_F_DUMP);
	put_u32(DYNMEM_A_PROCESS_SELECT, select);
	if (cgroup)
		put_u64(DYNMEM_A_PROCESS_CGROUP_ID, cgroup);
	return transact(nl, dumped, ARRAY_LEN(dumped));
}

static int times_dumped(int n, pid_t pid)
{
	int times = 0;

	for (int i = 0; i < n; i++)
		times += get(&dumped[i], DYNMEM_A_PROCESS_PID) == (uint64_t)pid;
	return times;
}

/* Threads and kernel threads are none; each process once, in many messages. */
TEST_F(process, dump)
{
	pid_t children[CHILDREN];
	int n, kthreads = 0;

	for (int i = 0; i < CHILDREN; i++) {
		children[i] = spawn(false);
		ASSERT_LT(0, children[i]);
	}
	n = dump_all(&self->nl, DYNMEM_SELECT_ALL, 0);
	ASSERT_GT(n, CHILDREN) TH_LOG("%s", nl_refusal.text);
	ASSERT_LT(n, (int)ARRAY_LEN(dumped));
	for (int i = 0; i < CHILDREN; i++) {
		EXPECT_EQ(1, times_dumped(n, children[i]));
		reap(children[i]);
	}
	EXPECT_EQ(1, times_dumped(n, 1));
	EXPECT_EQ(1, times_dumped(n, getpid()));
	/* kthreadd, and in order of PIDs. */
	EXPECT_EQ(0, times_dumped(n, 2));
	for (int i = 1; i < n; i++)
		kthreads += get(&dumped[i], DYNMEM_A_PROCESS_PID) <=
			    get(&dumped[i - 1], DYNMEM_A_PROCESS_PID);
	EXPECT_EQ(0, kthreads);
}

TEST_F(process, dump_ksm)
{
	pid_t plain = spawn(false), mergeable = spawn(true);
	int n;

	ASSERT_LT(0, plain);
	ASSERT_LT(0, mergeable);
	n = dump_all(&self->nl, DYNMEM_SELECT_KSM, 0);
	EXPECT_LE(1, n);
	EXPECT_EQ(0, times_dumped(n, plain));
	EXPECT_EQ(1, times_dumped(n, mergeable));
	/* It is the default. */
	request(&self->nl, DYNMEM_CMD_PROCESS_GET, NLM_F_DUMP);
	EXPECT_EQ(n, transact(&self->nl, dumped, ARRAY_LEN(dumped)));
	EXPECT_EQ(1, times_dumped(n, mergeable));
	reap(plain);
	reap(mergeable);
}

TEST_F(process, dump_cgroup)
{
	uint64_t outer = cgroup_make("dynmem-get");
	uint64_t inner = cgroup_make("dynmem-get/inner");
	pid_t a = spawn(false), b = spawn(false), c = spawn(false);
	int n;

	ASSERT_NE(0, outer);
	ASSERT_NE(0, inner);
	ASSERT_EQ(0, cgroup_move("dynmem-get/inner", a));
	ASSERT_EQ(0, cgroup_move("dynmem-get/inner", b));
	n = dump_all(&self->nl, DYNMEM_SELECT_ALL, outer);
	EXPECT_EQ(2, n) TH_LOG("%s", nl_refusal.text);
	EXPECT_EQ(1, times_dumped(n, a));
	EXPECT_EQ(1, times_dumped(n, b));
	EXPECT_EQ(inner, get(&dumped[0], DYNMEM_A_PROCESS_CGROUP_ID));
	EXPECT_EQ(2, dump_all(&self->nl, DYNMEM_SELECT_ALL, inner));
	EXPECT_EQ(0, dump_all(&self->nl, DYNMEM_SELECT_KSM, inner));
	reap(a);
	reap(b);
	reap(c);
	/* Empty, but there. */
	EXPECT_EQ(0, dump_all(&self->nl, DYNMEM_SELECT_ALL, outer));
	cgroup_remove("dynmem-get/inner");
	cgroup_remove("dynmem-get");
}

static int borrower(void *arg)
{
	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pause();
}

/* Two processes, one address space: the one that has not made it says so. */
TEST_F(process, borrowed)
{
	char *stack = malloc(64 * KIB);
	pid_t pid;

	ASSERT_NE(NULL, stack);
	pid = clone(borrower, stack + 64 * KIB, CLONE_VM | SIGCHLD, NULL);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, ask_process(&self->nl, pid, 0, &self->a));
	EXPECT_TRUE(get(&self->a, DYNMEM_A_PROCESS_FLAGS) & DYNMEM_PROCESS_FLAG_BORROWED);
	ASSERT_EQ(0, ask_process(&self->nl, getpid(), 0, &self->a));
	EXPECT_FALSE(get(&self->a, DYNMEM_A_PROCESS_FLAGS) & DYNMEM_PROCESS_FLAG_BORROWED);
	reap(pid);
}

static int leaderless(void *arg)
{
	(void)arg;
	return pause();
}

/* A process whose main thread has ended lives on in the others. */
static bool is_zombie(pid_t pid)
{
	char path[64];
	const char *s;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	s = slurp(path);
	s = s ? strrchr(s, ')') : NULL;
	return s && !strncmp(s, ") Z", 3);
}

TEST_F(process, without_leader)
{
	char *stack = malloc(64 * KIB);
	pid_t pid;
	int n, r;

	ASSERT_NE(NULL, stack);
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		clone(leaderless, stack + 64 * KIB,
		      CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS | CLONE_FILES, NULL);
		syscall(60 /* exit, of this thread alone */, 0);
	}
	/* Until it is a zombie, which its thread does not let go. */
	for (int i = 0; i < 100 && !is_zombie(pid); i++)
		sleep_ms(20);
	EXPECT_TRUE(is_zombie(pid));
	/* The thread speaks for it. */
	r = ask_process(&self->nl, pid, 0, &self->a);
	EXPECT_EQ(0, r);
	EXPECT_EQ(pid, get(&self->a, DYNMEM_A_PROCESS_PID));
	EXPECT_LT(0, get(&self->a, DYNMEM_A_PROCESS_RSS_ANON));
	n = dump_all(&self->nl, DYNMEM_SELECT_ALL, 0);
	EXPECT_LT(0, n);
	EXPECT_EQ(1, times_dumped(n, pid));
	reap(pid);
}

TEST_HARNESS_MAIN
