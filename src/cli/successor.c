/* SPDX-License-Identifier: MIT */
/*
 * Starts the program that takes over; see upgrade.h.
 *
 * Called by the control plane. What is started is the path that this process was started by, not
 * /proc/self/exe: that names the old file even when a new one lies in its place.
 *
 * The hard thing is LISTEN_PID, which only the child knows, between fork and exec. fork() would copy page
 * tables and have each page of a busy server copied when it is written next; vfork() copies nothing. Its
 * child runs in this memory while this thread stands still, so it does system calls and writes to what was
 * made for it, and nothing else. Workers go on meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "quoit.h"
#include "upgrade.h"

#define FIRST_FD (STDERR_FILENO + 1)
#define PID_DIGITS 20
#define END_WAIT_MS 500

/* How this process was started. */
static struct {
	char program[PATH_MAX];
	char **argument; /* ends with NULL; owned, and so are the texts */
	sigset_t signals;
} origin;

/* What the child needs, all made beforehand. */
struct launch {
	int *source; /* descriptors that become FIRST_FD, FIRST_FD + 1 ... */
	unsigned count;
	char **environment;
	char pid_text[sizeof("LISTEN_PID=") + PID_DIGITS];
	volatile int exec_errno;
};

static int is_this_program(const char *path)
{
	struct stat file, self;

	return stat(path, &file) == 0 && stat("/proc/self/exe", &self) == 0 && file.st_dev == self.st_dev &&
	       file.st_ino == self.st_ino;
}

/* Relative to the working directory of now, links left as they are: they may be what an upgrade switches. */
static int find_beside(const char *folder, size_t size, const char *name)
{
	char here[PATH_MAX] = "";
	const char *slash = size > 0 ? "/" : "";

	if (((size > 0 ? *folder : *name) != '/') && !getcwd(here, sizeof(here)))
		return 0;
	return snprintf(origin.program, sizeof(origin.program), "%s%s%.*s%s%s", here, *here ? "/" : "",
			(int)size, folder, slash, name) < (int)sizeof(origin.program) &&
	       is_this_program(origin.program);
}

/* As the shell found it. Who was started under another name has only the name of its file. */
static void find_program(const char *name)
{
	const char *path = getenv("PATH");
	ssize_t size;

	if (strchr(name, '/')) {
		if (find_beside("", 0, name))
			return;
		path = NULL;
	}
	while (path) {
		size_t length = strcspn(path, ":");

		if (length > 0 ? find_beside(path, length, name) : find_beside(".", 1, name))
			return;
		path = path[length] ? path + length + 1 : NULL;
	}
	size = readlink("/proc/self/exe", origin.program, sizeof(origin.program) - 1);
	origin.program[size > 0 ? size : 0] = 0;
}

int successor_prepare(const char *program, int count, char **arguments)
{
	find_program(program);
	sigprocmask(SIG_SETMASK, NULL, &origin.signals);
	origin.argument = calloc((size_t)count + 3, sizeof(*origin.argument));
	if (!origin.argument)
		return -1;
	for (int i = 0; i < count + 2; i++) {
		origin.argument[i] = strdup(i == 0 ? program : i == 1 ? "serve" : arguments[i - 2]);
		if (!origin.argument[i])
			return -1;
	}
	return 0;
}

void successor_forget(void)
{
	for (char **argument = origin.argument; argument && *argument; argument++)
		free(*argument);
	free(origin.argument);
	origin.argument = NULL;
}

static int fail(struct successor *successor, const char *what, int error)
{
	snprintf(successor->error, sizeof(successor->error), "%s: %s", what, strerror(error));
	return -1;
}

/* Is it a variable that says what this process has inherited, and was not meant for its child? */
static int is_own(const char *variable)
{
	static const char *const names[] = { "LISTEN_PID=",     "LISTEN_FDS=",   "LISTEN_FDNAMES=",
					     "LISTEN_PIDFDID=", "WATCHDOG_PID=", UPGRADE_CHANNEL "=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return 1;
	return 0;
}

static char *make_names(const struct quoit *quoit, unsigned socket_count, int has_control)
{
	char *names = NULL;
	size_t size;
	FILE *out = open_memstream(&names, &size);

	if (!out)
		return NULL;
	fputs("LISTEN_FDNAMES=", out);
	for (unsigned i = 0; i < socket_count; i++) {
		int is_lent = 0;

		quoit_listener(quoit, i, &is_lent);
		fprintf(out, "%s%s", i > 0 ? ":" : "", is_lent ? UPGRADE_LENT : UPGRADE_OWN);
	}
	if (has_control)
		fprintf(out, "%s" UPGRADE_CONTROL, socket_count > 0 ? ":" : "");
	if (fclose(out) == 0)
		return names;
	free(names);
	return NULL;
}

/* The environment of this process with four variables of the child's own. `names` is taken over. */
static int make_environment(struct launch *launch, char *names)
{
	size_t count = 0, kept = 0;
	char *fds, *channel;

	while (environ[count])
		count++;
	launch->environment = calloc(count + 5, sizeof(*launch->environment));
	if (!launch->environment || asprintf(&fds, "LISTEN_FDS=%u", launch->count - 1) < 0) {
		free(names);
		return -1;
	}
	launch->environment[kept++] = launch->pid_text;
	launch->environment[kept++] = fds;
	launch->environment[kept++] = names;
	if (asprintf(&channel, UPGRADE_CHANNEL "=%u", FIRST_FD + launch->count - 1) < 0)
		return -1;
	launch->environment[kept++] = channel;
	for (size_t i = 0; i < count; i++)
		if (!is_own(environ[i]))
			launch->environment[kept++] = environ[i];
	return 0;
}

static void free_launch(struct launch *launch)
{
	for (unsigned i = 0; launch->source && i < launch->count; i++)
		if (launch->source[i] >= 0)
			close(launch->source[i]);
	free(launch->source);
	if (!launch->environment)
		return;
	for (unsigned i = 1; i < 4; i++)
		free(launch->environment[i]);
	free(launch->environment);
}

/* Copies far above the numbers that the child will give them. */
static int make_sources(struct launch *launch, const struct quoit *quoit, int control, int channel)
{
	int floor = FIRST_FD + (int)launch->count, is_lent;

	launch->source = malloc(launch->count * sizeof(*launch->source));
	if (!launch->source)
		return -1;
	memset(launch->source, -1, launch->count * sizeof(*launch->source));
	for (unsigned i = 0; i < launch->count; i++) {
		int fd = i == launch->count - 1 ? channel : quoit_listener(quoit, i, &is_lent);

		if (fd == -ENOENT)
			fd = control;
		launch->source[i] = fcntl(fd, F_DUPFD_CLOEXEC, floor);
		if (launch->source[i] < 0)
			return -1;
	}
	return 0;
}

static void write_pid(char *out)
{
	char digits[PID_DIGITS];
	unsigned count = 0;

	for (pid_t pid = getpid(); pid > 0; pid /= 10)
		digits[count++] = (char)('0' + pid % 10);
	while (count > 0)
		*out++ = digits[--count];
	*out = 0;
}

/* In the child, in the parent's memory. */
__attribute__((noreturn)) static void run(struct launch *launch)
{
	write_pid(launch->pid_text + sizeof("LISTEN_PID=") - 1);
	for (unsigned i = 0; i < launch->count; i++)
		if (dup2(launch->source[i], FIRST_FD + (int)i) < 0)
			goto failed;
#ifdef SYS_close_range
	/* Everything else is close-on-exec as it is; this is for what the libraries may have forgotten. */
	syscall(SYS_close_range, FIRST_FD + launch->count, ~0u, 0);
#endif
	sigprocmask(SIG_SETMASK, &origin.signals, NULL);
	execve(origin.program, origin.argument, launch->environment);
failed:
	launch->exec_errno = errno;
	_exit(127);
}

__attribute__((noinline)) static pid_t spawn(struct launch *launch)
{
	pid_t pid = vfork();

	if (pid == 0)
		run(launch);
	return pid;
}

static int begin(struct successor *successor, struct launch *launch)
{
	pid_t pid = spawn(launch);

	if (pid < 0)
		return fail(successor, "no process can be started", errno);
	if (launch->exec_errno == 0) {
		successor->pid = pid;
		return 0;
	}
	waitpid(pid, NULL, 0);
	snprintf(successor->error, sizeof(successor->error), "%.800s cannot be executed: %s", origin.program,
		 strerror(launch->exec_errno));
	return -1;
}

int successor_start(struct successor *successor, const struct quoit *quoit, int control)
{
	struct launch launch = { .pid_text = "LISTEN_PID=" };
	int pair[2], is_lent, error;

	*successor = (struct successor){ .channel = -1 };
	while (quoit_listener(quoit, successor->socket_count, &is_lent) >= 0)
		successor->socket_count++;
	launch.count = successor->socket_count + (control >= 0) + 1;
	successor->dropped = calloc(successor->socket_count + 1, 1);
	if (!successor->dropped || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		error = fail(successor, "no successor can be prepared", successor->dropped ? errno : ENOMEM);
	} else {
		char *names = make_names(quoit, successor->socket_count, control >= 0);

		successor->channel = pair[0];
		if (!names || make_environment(&launch, names) < 0 ||
		    make_sources(&launch, quoit, control, pair[1]) < 0)
			error = fail(successor, "no successor can be prepared", errno);
		else
			error = begin(successor, &launch);
		close(pair[1]);
		free_launch(&launch);
	}
	if (error < 0)
		successor_abandon(successor, NULL);
	return error;
}

/* A process closes its descriptors a moment before it has ended. */
static int has_ended(pid_t pid, int *ret_status)
{
	for (unsigned waited_ms = 0; waited_ms < END_WAIT_MS; waited_ms += 10) {
		if (waitpid(pid, ret_status, WNOHANG) == pid)
			return 1;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return 0;
}

static void explain_end(struct successor *successor)
{
	int status = 0;

	if (!has_ended(successor->pid, &status)) {
		/* It has closed the channel and runs on: it is no server that could be handed over to. */
		kill(successor->pid, SIGKILL);
		waitpid(successor->pid, &status, 0);
	}
	successor->pid = 0;
	if (successor->error[0])
		return;
	if (WIFSIGNALED(status))
		snprintf(successor->error, sizeof(successor->error), "%.800s was ended by signal %d",
			 origin.program, WTERMSIG(status));
	else
		snprintf(successor->error, sizeof(successor->error),
			 "%.800s ended with exit code %d and said nothing", origin.program,
			 WEXITSTATUS(status));
}

static void take_message(struct successor *successor, const char *message)
{
	unsigned index;

	if (sscanf(message, "drop %u", &index) == 1 && index < successor->socket_count)
		successor->dropped[index] = 1;
	else if (strcmp(message, "control") == 0)
		successor->has_control = 1;
	else if (strcmp(message, "ready") == 0)
		successor->is_ready = 1;
	else if (strncmp(message, "error ", 6) == 0 && !successor->error[0])
		snprintf(successor->error, sizeof(successor->error), "%s", message + 6);
}

int successor_hear(struct successor *successor)
{
	char message[UPGRADE_MESSAGE_MAX];
	ssize_t size;

	while ((size = recv(successor->channel, message, sizeof(message) - 1, MSG_DONTWAIT)) > 0) {
		message[size] = 0;
		take_message(successor, message);
		if (successor->is_ready)
			return 1;
	}
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	explain_end(successor);
	successor_abandon(successor, NULL);
	return -1;
}

void successor_let_go(struct successor *successor, struct quoit *quoit)
{
	for (unsigned i = 0; i < successor->socket_count; i++)
		if (!successor->dropped[i])
			quoit_lend(quoit, i);
}

void successor_tell(struct successor *successor)
{
	/* If it has ended meanwhile, its own end says so. */
	send(successor->channel, "go", 2, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void successor_dismiss(struct successor *successor)
{
	if (successor->channel >= 0)
		close(successor->channel);
	successor->channel = -1;
	free(successor->dropped);
	successor->dropped = NULL;
}

void successor_abandon(struct successor *successor, const char *error)
{
	if (successor->pid > 0) {
		kill(successor->pid, SIGKILL);
		waitpid(successor->pid, NULL, 0);
	}
	if (error)
		snprintf(successor->error, sizeof(successor->error), "%s", error);
	if (successor->channel >= 0)
		close(successor->channel);
	free(successor->dropped);
	successor->dropped = NULL;
	successor->channel = -1;
	successor->pid = 0;
}
