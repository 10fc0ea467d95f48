/* SPDX-License-Identifier: MIT */
/*
 * What threads give up, put together; see confine.h.
 *
 * Called by serve/: made by the control plane at start, entered by each worker and helper in its own
 * thread, asked by a reload. What the kernel has cannot be read anywhere with certainty (a container
 * may refuse what the kernel has), so a thread that is ended right after tries everything first, and what
 * it could not do is left out and named, or is a reason not to start.
 *
 * The capabilities that stay are for reading alone: a server that was started as root reads what root
 * may read. Landlock goes by where a folder lies, not by its name, so confine_covers() does: it walks up.
 */
#include "io/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/confine_landlock.h"
#include "io/confine_seccomp.h"

/* A path has at most PATH_MAX / 2 folders; a loop of mounts cannot be walked for ever. */
#define DEPTH_MAX 2048

static _Atomic unsigned in_use;

struct place {
	dev_t device;
	ino_t inode;
};

enum { RULESET_READS, RULESET_WRITES, RULESETS };

struct confine {
	int version; /* of Landlock */
	int ruleset[RULESETS];
	const char *without_landlock; /* NULL: there is one; else why not */
	const char *without_seccomp;
	struct confine_filter filter[CONFINE_ROLES];
	bool reads_everywhere;
	const char *everywhere; /* NULL: what is read has bounds; else why not */
	unsigned place_count;
	struct place place[]; /* of the folders that may be read */
};

/* In the calling thread */

static int give_up_capabilities(enum confine_role role)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint32_t kept = 1U << CAP_DAC_READ_SEARCH | 1U << CAP_IPC_LOCK;

	if (role == CONFINE_LOW) /* writes into its folder, which may be another user's */
		kept |= 1U << CAP_DAC_OVERRIDE;
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	data[0].effective &= kept;
	data[0].permitted = data[0].effective;
	data[0].inheritable = 0;
	memset(&data[1], 0, sizeof(data[1]));
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int enter_landlock(const struct confine *confine, enum confine_role role)
{
	if (confine->without_landlock)
		return 0;
	return confine_landlock_enter(confine->ruleset[role == CONFINE_LOW ? RULESET_WRITES : RULESET_READS]);
}

static int load_filter(const struct confine *confine, enum confine_role role)
{
	return confine->without_seccomp ? 0 : confine_seccomp_load(&confine->filter[role]);
}

static int refuse(int error, const char *what, struct fault *fault)
{
	return error < 0
		       ? fault_set(fault, error, "a thread could not give up %s: %s", what, strerror(-error))
		       : 0;
}

static int forgo_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int confine_files(const struct confine *confine, enum confine_role role, struct fault *fault)
{
	int error;

	if (!confine)
		return 0;
	error = refuse(forgo_new_privileges(), "new privileges", fault);
	return error < 0 ? error : refuse(enter_landlock(confine, role), "files (Landlock)", fault);
}

int confine_calls(const struct confine *confine, enum confine_role role, struct fault *fault)
{
	int error;

	if (!confine)
		return 0;
	error = refuse(give_up_capabilities(role), "capabilities", fault);
	return error < 0 ? error : refuse(load_filter(confine, role), "system calls (seccomp)", fault);
}

/* Finding out */

static const char *explain_landlock(int error)
{
	switch (-error) {
	case ENOSYS:
		return "this kernel was built without it, or a container refuses it";
	case EOPNOTSUPP:
		return "this kernel was booted without it: lsm= does not name landlock";
	case E2BIG:
		return "what started this program is confined sixteen times over";
	case EPERM:
	case EACCES:
		return "it is refused, as some containers do";
	case ENOMEM:
		return "no memory for it";
	case EMFILE:
	case ENFILE:
		return "no descriptor for it";
	default:
		return "it does not work here";
	}
}

static void make_rulesets(struct confine *confine, const struct confine_setup *setup)
{
	confine->version = confine_landlock_version();
	if (confine->version < 0) {
		confine->without_landlock = explain_landlock(confine->version);
		return;
	}
	for (int i = 0; i < RULESETS; i++) {
		confine->ruleset[i] = confine_landlock_create(setup, confine->version, i == RULESET_WRITES);
		if (confine->ruleset[i] < 0)
			confine->without_landlock = explain_landlock(confine->ruleset[i]);
	}
}

static int compile_filters(struct confine *confine)
{
	int error = 0;

	confine->without_seccomp = confine_seccomp_lacks();
	for (int role = 0; role < CONFINE_ROLES && !confine->without_seccomp && error == 0; role++)
		error = confine_seccomp_compile(role, &confine->filter[role]);
	return error;
}

/* The first trial decides for all. It ends right after, so nothing is given up by the caller. */
static void *try_everything(void *argument)
{
	struct confine *confine = argument;
	int error = forgo_new_privileges();

	if (error == 0)
		error = enter_landlock(confine, CONFINE_HELPER);
	if (error < 0)
		confine->without_landlock = explain_landlock(error);
	if (load_filter(confine, CONFINE_HELPER) < 0)
		confine->without_seccomp = "it is refused, as some containers do";
	return NULL;
}

static int try_on_a_thread(struct confine *confine, struct fault *fault)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, try_everything, confine);

	if (error != 0)
		return fault_set(fault, -error, "a thread cannot be started: %s", strerror(error));
	pthread_join(thread, NULL);
	return 0;
}

static int must_have(enum confine_mode mode, const char *option, const char *without, struct fault *fault)
{
	if (mode != CONFINE_ON || !without)
		return 0;
	return fault_set(fault, -EOPNOTSUPP, "--%s on is not to be had: %s; with auto it is left out", option,
			 without);
}

static int must_not_lose(const char *before, const char *now, const char *what, struct fault *fault)
{
	if (before || !now)
		return 0;
	return fault_set(fault, -EOPNOTSUPP, "new threads cannot give up what those before have: %s: %s",
			 what, now);
}

/* What this start, or what is replaced, insists on. */
static int check_demands(const struct confine *confine, const struct confine_setup *setup,
			 struct fault *fault)
{
	const struct confine *before = setup->before;
	int error = 0;

	if (before)
		error = must_not_lose(before->without_landlock, confine->without_landlock, "Landlock", fault);
	if (before && error == 0)
		error = must_not_lose(before->without_seccomp, confine->without_seccomp, "seccomp", fault);
	if (error == 0)
		error = must_have(setup->landlock, "landlock", confine->without_landlock, fault);
	return error < 0 ? error : must_have(setup->seccomp, "seccomp", confine->without_seccomp, fault);
}

static void note_place(struct confine *confine, int folder)
{
	struct stat status;

	if (fstat(folder, &status) == 0)
		confine->place[confine->place_count++] = (struct place){ status.st_dev, status.st_ino };
}

static struct confine *create_empty(const struct confine_setup *setup)
{
	struct confine *confine = mem_alloc_zeroed(1, sizeof(*confine) + ((size_t)setup->folder_count + 1) *
										 sizeof(confine->place[0]));

	if (!confine)
		return NULL;
	for (int i = 0; i < RULESETS; i++)
		confine->ruleset[i] = -1;
	in_use++;
	confine->reads_everywhere = setup->everywhere;
	if (setup->everywhere)
		confine->everywhere = "symlinks is follow";
#ifdef QUOIT_SANITIZED
	/* Not as the one above: what follows from bounds is to be done in such a build, too. */
	confine->everywhere = "sanitizer build";
#endif
	for (unsigned i = 0; i < setup->folder_count; i++)
		note_place(confine, setup->folder[i]);
	if (setup->written >= 0)
		note_place(confine, setup->written);
	return confine;
}

int confine_create(const struct confine_setup *setup, struct confine **ret_confine, struct fault *fault)
{
	struct confine *confine = create_empty(setup);
	int error = 0;

	if (!confine)
		return fault_set(fault, -ENOMEM, "no memory");
	if (setup->landlock == CONFINE_OFF)
		confine->without_landlock = "--landlock off";
	else
		make_rulesets(confine, setup);
	if (setup->seccomp == CONFINE_OFF)
		confine->without_seccomp = "--seccomp off";
	else
		error = compile_filters(confine);
	if (error < 0)
		error = fault_set(fault, error, "the seccomp filter cannot be made: %s", strerror(-error));
	if (error == 0)
		error = try_on_a_thread(confine, fault);
	if (error == 0)
		error = check_demands(confine, setup, fault);
	if (error < 0) {
		confine_destroy(confine);
		return error;
	}
	*ret_confine = confine;
	return 0;
}

void confine_destroy(struct confine *confine)
{
	if (!confine)
		return;
	for (int i = 0; i < RULESETS; i++)
		if (confine->ruleset[i] >= 0)
			close(confine->ruleset[i]);
	for (int role = 0; role < CONFINE_ROLES; role++)
		confine_seccomp_free(&confine->filter[role]);
	mem_free(confine);
	in_use--;
}

/* Is it one of the folders themselves? */
static bool is_covered_place(const struct confine *confine, const struct stat *status)
{
	for (unsigned i = 0; i < confine->place_count; i++)
		if (confine->place[i].device == status->st_dev && confine->place[i].inode == status->st_ino)
			return true;
	return false;
}

/* Up from the folder to the root of all, which is its own parent. */
static bool lies_in_covered_place(const struct confine *confine, int folder)
{
	struct place before = { 0 };
	int at = openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool covered = false;

	for (unsigned depth = 0; at >= 0 && depth < DEPTH_MAX; depth++) {
		struct stat status;
		int above;

		if (fstat(at, &status) < 0)
			break;
		covered = is_covered_place(confine, &status);
		if (covered || (status.st_dev == before.device && status.st_ino == before.inode))
			break;
		before = (struct place){ status.st_dev, status.st_ino };
		above = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = above;
	}
	if (at >= 0)
		close(at);
	return covered;
}

bool confine_reads_everywhere(const struct confine *confine)
{
	return !confine || confine->without_landlock || confine->reads_everywhere;
}

bool confine_covers(const struct confine *confine, int folder)
{
	struct stat status;

	if (confine_reads_everywhere(confine))
		return true;
	return (fstat(folder, &status) == 0 && is_covered_place(confine, &status)) ||
	       lies_in_covered_place(confine, folder);
}

bool confine_is_in_use(void)
{
	return in_use > 0;
}

static void add_item(struct text *list, const char *item, const char *reason)
{
	text_format(list, "%s%s", list->size > 0 ? ", " : "", item);
	if (reason)
		text_format(list, " (%s)", reason);
}

void confine_describe(const struct confine *confine, struct text *given_up, struct text *kept)
{
	add_item(given_up, "no-new-privileges", NULL);
	add_item(given_up, "capabilities", NULL);
	if (confine->without_landlock) {
		add_item(kept, "landlock", confine->without_landlock);
	} else {
		add_item(given_up, "landlock", NULL);
		text_format(given_up, " (ABI %d%s%s)", confine->version,
			    confine->everywhere ? ", but reads everywhere: " : "",
			    confine->everywhere ? confine->everywhere : "");
	}
	add_item(confine->without_seccomp ? kept : given_up, "seccomp", confine->without_seccomp);
}
