/* SPDX-License-Identifier: MIT */
/*
 * Compiles and loads seccomp filters; see confine_seccomp.h.
 *
 * Called by io/confine. libseccomp makes the program from the lists, as it knows the numbers of every
 * architecture; it writes it to a file, here one in memory, and is not needed any more after that. So what a
 * confined thread does is one system call, and no allocation.
 *
 * Where arguments decide: memory never becomes executable, a signal goes to this process alone, threads may
 * be started but no processes, a ring may be given new memory to send from and nothing else. Arguments that
 * are pointers are not seen by a filter; so clone3 is answered as if there were none, and the C
 * library takes clone. Files are Landlock's part.
 *
 * References: seccomp(2), seccomp_rule_add(3).
 */
#include "io/confine_seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#ifndef PR_SET_VMA /* Linux 5.17: memory gets a name in /proc/PID/maps */
#define PR_SET_VMA 0x53564d41
#endif

#define URING (1U << CONFINE_WORKER_URING)
#define EPOLL (1U << CONFINE_WORKER_EPOLL)
#define LOW (1U << CONFINE_LOW)
#define HELPERS (1U << CONFINE_HELPER | LOW)
#define WORKERS (URING | EPOLL)
#define ALL (WORKERS | HELPERS)

static const struct {
	int number;
	unsigned threads;
} calls[] = {
#define CALL(name, threads) { SCMP_SYS(name), threads },
#include "io/confine_calls.def"
#undef CALL
};

/* A thread has all of these in common with its maker, and no namespace of its own. */
#define OF_A_THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define OF_A_NAMESPACE                                                                                       \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |        \
	 CLONE_NEWNET)

static const struct {
	int number;
	unsigned threads;
	struct scmp_arg_cmp argument;
} calls_with[] = {
	{ SCMP_SYS(mmap), ALL, { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ SCMP_SYS(mprotect), ALL, { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ SCMP_SYS(fcntl), ALL, { 1, SCMP_CMP_EQ, F_GETFL, 0 } },
	{ SCMP_SYS(fcntl), ALL, { 1, SCMP_CMP_EQ, F_SETFD, 0 } }, /* fdopendir() */
	{ SCMP_SYS(fcntl), ALL, { 1, SCMP_CMP_EQ, F_SETFL, 0 } },
	{ SCMP_SYS(ioctl), WORKERS, { 1, SCMP_CMP_EQ, SIOCOUTQ, 0 } },
	{ SCMP_SYS(prctl), ALL, { 0, SCMP_CMP_EQ, PR_SET_VMA, 0 } },
	{ SCMP_SYS(prctl), EPOLL, { 0, SCMP_CMP_EQ, PR_SET_NAME, 0 } },
	{ SCMP_SYS(clone), EPOLL, { 0, SCMP_CMP_MASKED_EQ, OF_A_THREAD | OF_A_NAMESPACE, OF_A_THREAD } },
	{ SCMP_SYS(io_uring_register), URING, { 1, SCMP_CMP_EQ, IORING_REGISTER_BUFFERS_UPDATE, 0 } },
	{ SCMP_SYS(io_uring_register), URING, { 1, SCMP_CMP_EQ, IORING_UNREGISTER_RING_FDS, 0 } },
};

const char *confine_seccomp_lacks(void)
{
#ifdef QUOIT_SANITIZED
	return "sanitizer build";
#else
	const unsigned action = SECCOMP_RET_ERRNO;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return NULL;
	return errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP
		       ? "this kernel was built without it"
		       : "seccomp(2) is refused, as some containers do";
#endif
}

/* A call that this architecture does not have is nothing to allow. */
static int allow(scmp_filter_ctx context, int number, const struct scmp_arg_cmp *argument)
{
	int error;

	if (number < 0)
		return 0;
	error = seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, argument ? 1 : 0, argument);
	return error == -EEXIST ? 0 : error;
}

static int fill(scmp_filter_ctx context, enum confine_role role)
{
	int error = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	struct scmp_arg_cmp own = { 0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0 };

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls) && error == 0; i++)
		if (calls[i].threads & 1U << role)
			error = allow(context, calls[i].number, NULL);
	for (size_t i = 0; i < sizeof(calls_with) / sizeof(*calls_with) && error == 0; i++)
		if (calls_with[i].threads & 1U << role)
			error = allow(context, calls_with[i].number, &calls_with[i].argument);
	if (error == 0)
		error = allow(context, SCMP_SYS(tgkill), &own);
	if (error == 0)
		error = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return error;
}

static int read_filter(int file, struct confine_filter *ret_filter)
{
	struct stat status;
	struct sock_filter *instruction;

	if (fstat(file, &status) < 0)
		return -errno;
	instruction = mem_alloc((size_t)status.st_size);
	if (!instruction)
		return -ENOMEM;
	if (pread(file, instruction, (size_t)status.st_size, 0) != status.st_size) {
		mem_free(instruction);
		return -EIO;
	}
	ret_filter->instruction = instruction;
	ret_filter->count = (unsigned short)((size_t)status.st_size / sizeof(*instruction));
	return 0;
}

int confine_seccomp_compile(enum confine_role role, struct confine_filter *ret_filter)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int file = memfd_create("quoit", MFD_CLOEXEC), error;

	if (!context || file < 0)
		error = file < 0 ? -errno : -ENOMEM;
	else
		error = fill(context, role);
	if (error == 0)
		error = seccomp_export_bpf(context, file);
	if (error == 0)
		error = read_filter(file, ret_filter);
	if (context)
		seccomp_release(context);
	if (file >= 0)
		close(file);
	return error;
}

void confine_seccomp_free(struct confine_filter *filter)
{
	mem_free(filter->instruction);
	filter->instruction = NULL;
}

int confine_seccomp_load(const struct confine_filter *filter)
{
	struct sock_fprog program = { .len = filter->count, .filter = filter->instruction };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}
