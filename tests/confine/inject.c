/* SPDX-License-Identifier: MIT */
/*
 * Makes a thread of another process do system calls that it would never do itself, and prints what came back.
 *
 *   inject THREAD ROOT OUTSIDE PORT
 *
 * THREAD is stopped (ptrace), its struct user_regs_struct are set to a call and to a system call instruction
 * found in the process's own code, it does one step, and everything is put back. So what is tried is what
 * code that an attacker has brought into this thread could do: its credentials, its Landlock domain, its
 * filter. Each line of the output is "NAME RESULT"; who calls this (run) knows what is to be expected. ROOT
 * is the folder that is served, OUTSIDE a folder that is not, PORT one that is listened on.
 *
 * Nothing is tried that would end the process where nothing refuses it: a program is executed that
 * is not there, a process made with flags that exclude each other.
 */
#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
static const uint8_t instruction[] = { 0x0f, 0x05 };
#elif defined(__aarch64__)
static const uint8_t instruction[] = { 0x01, 0x00, 0x00, 0xd4 };
#endif

#define SCRATCH_SIZE 4096
#define SCRATCH_BELOW 16384 /* under the stack pointer, where nobody is */

struct victim {
	pid_t thread;
	int memory; /* /proc/THREAD/mem */
	uint64_t code;
	uint64_t scratch;
	struct user_regs_struct saved;
	uint8_t content[SCRATCH_SIZE];
};

static void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void get(struct victim *victim, struct user_regs_struct *ret_registers)
{
	struct iovec vector = { ret_registers, sizeof(*ret_registers) };

	if (ptrace(PTRACE_GETREGSET, victim->thread, (void *)NT_PRSTATUS, &vector) < 0)
		die("PTRACE_GETREGSET");
}

static void set(struct victim *victim, const struct user_regs_struct *regs)
{
	struct iovec vector = { (void *)regs, sizeof(*regs) };

	if (ptrace(PTRACE_SETREGSET, victim->thread, (void *)NT_PRSTATUS, &vector) < 0)
		die("PTRACE_SETREGSET");
}

static void wait_for_stop(struct victim *victim)
{
	int status;

	if (waitpid(victim->thread, &status, __WALL) != victim->thread)
		die("waitpid");
	if (!WIFSTOPPED(status)) {
		fprintf(stderr, "inject: the thread has ended (status %#x)\n", (unsigned)status);
		exit(1);
	}
}

/* A place in executable memory where the instruction stands. */
static uint64_t find_code(struct victim *victim)
{
	char path[64], line[512];
	uint64_t begin, end;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", victim->thread);
	maps = fopen(path, "re");
	if (!maps)
		die(path);
	while (fgets(line, sizeof(line), maps)) {
		char rights[5];
		uint8_t *content;
		void *found;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &begin, &end, rights) != 3 ||
		    rights[2] != 'x' || strstr(line, "[vsyscall]"))
			continue;
		content = malloc(end - begin);
		if (!content || pread(victim->memory, content, end - begin, (off_t)begin) < 0)
			die("reading the process's code");
		found = memmem(content, end - begin, instruction, sizeof(instruction));
		begin += found ? (uint64_t)((uint8_t *)found - content) : 0;
		free(content);
		if (found) {
			fclose(maps);
			return begin;
		}
	}
	errno = ENOENT;
	die("a system call instruction");
	return 0;
}

static uint64_t stack_of(const struct user_regs_struct *regs)
{
#if defined(__x86_64__)
	return regs->rsp;
#else
	return regs->sp;
#endif
}

static void attach(struct victim *victim)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", victim->thread);
	if (ptrace(PTRACE_SEIZE, victim->thread, NULL, NULL) < 0)
		die("PTRACE_SEIZE");
	if (ptrace(PTRACE_INTERRUPT, victim->thread, NULL, NULL) < 0)
		die("PTRACE_INTERRUPT");
	wait_for_stop(victim);
	victim->memory = open(path, O_RDWR | O_CLOEXEC);
	if (victim->memory < 0)
		die(path);
	get(victim, &victim->saved);
	victim->code = find_code(victim);
	victim->scratch = (stack_of(&victim->saved) - SCRATCH_BELOW) & ~UINT64_C(15);
	if (pread(victim->memory, victim->content, SCRATCH_SIZE, (off_t)victim->scratch) != SCRATCH_SIZE)
		die("reading the stack");
}

static void detach(struct victim *victim)
{
	if (pwrite(victim->memory, victim->content, SCRATCH_SIZE, (off_t)victim->scratch) != SCRATCH_SIZE)
		die("writing the stack");
	set(victim, &victim->saved);
	if (ptrace(PTRACE_DETACH, victim->thread, NULL, NULL) < 0)
		die("PTRACE_DETACH");
	close(victim->memory);
}

static long call(struct victim *victim, long number, const uint64_t argument[6])
{
	struct user_regs_struct now = victim->saved;

#if defined(__x86_64__)
	now.rip = victim->code;
	now.orig_rax = ~0UL; /* not within a call any more: nothing is to be restarted */
	now.rax = (unsigned long)number;
	now.rdi = argument[0];
	now.rsi = argument[1];
	now.rdx = argument[2];
	now.r10 = argument[3];
	now.r8 = argument[4];
	now.r9 = argument[5];
#else
	now.pc = victim->code;
	now.regs[8] = (uint64_t)number;
	memcpy(now.regs, argument, 6 * sizeof(*argument));
#endif
	set(victim, &now);
	if (ptrace(PTRACE_SINGLESTEP, victim->thread, NULL, NULL) < 0)
		die("PTRACE_SINGLESTEP");
	wait_for_stop(victim);
	get(victim, &now);
#if defined(__x86_64__)
	return (long)now.rax;
#else
	return (long)now.regs[0];
#endif
}

/* `data` is what the thread finds at the address that is given for it. */
static uint64_t put(struct victim *victim, size_t at, const void *data, size_t size)
{
	if (pwrite(victim->memory, data, size, (off_t)(victim->scratch + at)) != (ssize_t)size)
		die("writing the stack");
	return victim->scratch + at;
}

static uint64_t put_path(struct victim *victim, const char *folder, const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return put(victim, 0, path, strlen(path) + 1);
}

static long tell(const char *name, long result)
{
	printf("%s %ld\n", name, result);
	return result;
}

#define CALL(victim, number, ...) call(victim, number, (const uint64_t[6]){ __VA_ARGS__ })
#define HERE ((uint64_t)(int64_t)AT_FDCWD)
#define NO_FD ((uint64_t)-1)

static void close_in(struct victim *victim, long fd)
{
	if (fd >= 0)
		CALL(victim, SYS_close, (uint64_t)fd);
}

static void open_in(struct victim *victim, const char *name, const char *folder, const char *file, int flags)
{
	uint64_t path = put_path(victim, folder, file);

	close_in(victim, tell(name, CALL(victim, SYS_openat, HERE, path, (uint64_t)flags, 0600)));
}

static void try_files(struct victim *victim, const char *root, const char *outside)
{
	uint64_t how[3] = { O_RDONLY, 0, 0 }, path;
	long fd;

	open_in(victim, "open-inside", root, "index.html", O_RDONLY);
	open_in(victim, "open-outside", outside, "secret.txt", O_RDONLY);
	open_in(victim, "open-passwd", "/etc", "passwd", O_RDONLY);
	open_in(victim, "open-memory", "/proc/self", "mem", O_RDWR);
	open_in(victim, "create-inside", root, "made", O_WRONLY | O_CREAT);
	open_in(victim, "write-inside", root, "index.html", O_WRONLY);
	open_in(victim, "create-outside", outside, "made", O_WRONLY | O_CREAT);
	open_in(victim, "list-outside", outside, "", O_RDONLY | O_DIRECTORY);

	/* A descriptor that only names a folder is no way in either. */
	path = put_path(victim, root, "..");
	fd = CALL(victim, SYS_openat, HERE, path, O_PATH, 0);
	path = put_path(victim, "outside", "secret.txt");
	tell("open-by-path-descriptor", CALL(victim, SYS_openat, (uint64_t)fd, path, O_RDONLY, 0));
	close_in(victim, fd);
	path = put_path(victim, outside, "secret.txt");
	tell("openat2-outside",
	     CALL(victim, SYS_openat2, HERE, path, put(victim, 2048, how, sizeof(how)), sizeof(how)));

	/* Of no length; who may read everything may open by such a handle, past all folders. */
	tell("open_by_handle_at", CALL(victim, SYS_open_by_handle_at, HERE,
				       put(victim, 2048, (const uint8_t[16]){ 0 }, 16), O_RDONLY));

	path = put_path(victim, root, "removable");
	tell("unlink-inside", CALL(victim, SYS_unlinkat, HERE, path, 0));
	path = put_path(victim, root, "folder");
	tell("mkdir-inside", CALL(victim, SYS_mkdirat, HERE, path, 0700));
	path = put_path(victim, root, "index.html");
	tell("chmod-inside", CALL(victim, SYS_fchmodat, HERE, path, 0644));
}

static void try_processes(struct victim *victim)
{
	struct iovec vector = { (void *)victim->scratch, 16 };
	uint64_t clone_arguments[8] = { 0 }, path;

	path = put_path(victim, "/nowhere", "program");
	tell("execve", CALL(victim, SYS_execve, path, 0, 0));
	tell("execveat", CALL(victim, SYS_execveat, NO_FD, path, 0, 0, 0));
	tell("clone", CALL(victim, SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
	tell("clone3", CALL(victim, SYS_clone3, put(victim, 2048, clone_arguments, 8), 8));
	tell("unshare", CALL(victim, SYS_unshare, 0));
	tell("kill", CALL(victim, SYS_kill, (uint64_t)getpid(), 0));
	tell("tgkill", CALL(victim, SYS_tgkill, (uint64_t)getpid(), (uint64_t)getpid(), 0));
	tell("ptrace", CALL(victim, SYS_ptrace, PTRACE_PEEKDATA, (uint64_t)getpid(), 0, 0));
	tell("process_vm_readv",
	     CALL(victim, SYS_process_vm_readv, (uint64_t)victim->thread,
		  put(victim, 2048, &vector, sizeof(vector)), 0, victim->scratch + 2048, 0, 0));
	tell("setuid", CALL(victim, SYS_setresuid, NO_FD, NO_FD, NO_FD));
	tell("become-root", CALL(victim, SYS_setuid, 0));
}

static void try_network(struct victim *victim, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint64_t place = put(victim, 0, &address, sizeof(address));
	long fd = tell("socket", CALL(victim, SYS_socket, AF_INET, SOCK_STREAM, 0));

	tell("bind", CALL(victim, SYS_bind, (uint64_t)fd, place, sizeof(address)));
	address.sin_port = htons(port);
	put(victim, 0, &address, sizeof(address));
	tell("connect", CALL(victim, SYS_connect, (uint64_t)fd, place, sizeof(address)));
	tell("listen", CALL(victim, SYS_listen, (uint64_t)fd, 1));
	close_in(victim, fd);
}

static void try_rest(struct victim *victim)
{
	uint8_t parameters[256] = { 0 };
	long memory;

	/* What is done all the time must work, or the others show nothing. */
	tell("getpid", CALL(victim, SYS_getpid, 0));
	memory = tell("mmap",
		      CALL(victim, SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, NO_FD, 0));
	tell("mprotect-executable",
	     CALL(victim, SYS_mprotect, (uint64_t)memory, 4096, PROT_READ | PROT_EXEC));
	CALL(victim, SYS_munmap, (uint64_t)memory, 4096);
	tell("mmap-executable",
	     CALL(victim, SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, NO_FD, 0));
	close_in(victim, tell("io_uring_setup", CALL(victim, SYS_io_uring_setup, 8,
						     put(victim, 0, parameters, sizeof(parameters)))));
	tell("io_uring_register", CALL(victim, SYS_io_uring_register, NO_FD, 0, 0, 0));
	tell("chroot", CALL(victim, SYS_chroot, put_path(victim, "", "")));
	tell("mount", CALL(victim, SYS_mount, put_path(victim, "", ""), put_path(victim, "", ""), 0, 32, 0));
	tell("bpf", CALL(victim, SYS_bpf, 0, 0, 0));
	tell("prctl", CALL(victim, SYS_prctl, 3 /* PR_GET_DUMPABLE */, 0, 0, 0, 0));
}

int main(int count, char **arguments)
{
	struct victim victim = { .memory = -1 };

	if (count != 5) {
		fprintf(stderr, "usage: inject THREAD ROOT OUTSIDE PORT\n");
		return 2;
	}
	victim.thread = atoi(arguments[1]);
	attach(&victim);
	try_files(&victim, arguments[2], arguments[3]);
	try_processes(&victim);
	try_network(&victim, (uint16_t)atoi(arguments[4]));
	try_rest(&victim);
	detach(&victim);
	return fflush(stdout) != 0;
}
