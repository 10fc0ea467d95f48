/* SPDX-License-Identifier: MIT */
/*
 * What the files of `quoit calibrate` share.
 *
 *   calibrate.c            the command line, signals, the order of things
 *   calibrate_peer.c       how there comes to be a client: forked, or from another machine
 *   calibrate_measure.c    the table of thresholds: what is compared with what, in which order
 *   calibrate_bench.c      the files, two servers, and rounds: the CPU time of one way and of the other
 *   calibrate_judge.c      pure: from rounds to verdicts, from verdicts to a recommended value
 *   calibrate_report.c     text for a person; calibrate_json.c: the same for a program
 *
 *   calibrate_client.c     the other process, or the other machine: does what the lines it gets say
 *   calibrate_load.c       connections that ask for one file, and how long a round of them took
 *   calibrate_control.c    the lines between the two
 *
 * One thread per process; the server's own threads are behind include/quoit.h.
 */
#ifndef QUOIT_CLI_CALIBRATE_H
#define QUOIT_CLI_CALIBRATE_H

#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * The lines, in the order of a session. Numbers are decimal; a line ends with LF.
 *
 *   client: quoit-calibrate 1                            once, so that a stranger is noticed
 *   server: load ID PORT CONNECTIONS PACE_US SIZE /PATH  connect; a connection asks again at once, or
 *                                                        PACE_US after it has asked the last time
 *   server: run MS ID [ID]                               ask with these, then read what is under way
 *   server: drop ID                                      close the connections
 *   client: ok                                           to load and drop
 *   client: ran CPU_US {ANSWERS P99_US}                  to run: its own CPU time, then for each ID
 *   client: failed SENTENCE                              to any of them, and it ends
 *
 * The client ends when the server closes.
 */
#define CALIBRATE_GREETING "quoit-calibrate 1"
#define CALIBRATE_LINE_MAX 256

/* Signals that end a run. They are blocked but while something is waited for. */
struct calibrate_signals {
	sigset_t mask; /* while waiting */
	const volatile sig_atomic_t *came;
};

struct calibrate_control {
	int fd;
	const struct calibrate_signals *signals; /* NULL: a signal does what it does */
	char received[CALIBRATE_LINE_MAX];
	size_t received_size;
};

/* 0, or -errno. */
int calibrate_control_send(struct calibrate_control *control, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The next line, without its end. 0, or: -ETIMEDOUT; -EINTR, one of the signals came; -EPIPE, the other side
 * has closed; -EPROTO, that is no line of ours. timeout_ms -1: as long as it takes.
 */
int calibrate_control_receive(struct calibrate_control *control, int timeout_ms,
			      char ret_line[CALIBRATE_LINE_MAX]);

/* Until the descriptor can be read. 0, -ETIMEDOUT, -EINTR or -errno. */
int calibrate_control_wait(int fd, int timeout_ms, const struct calibrate_signals *signals);

/* Answers of a round. */
struct calibrate_count {
	uint64_t answers;
	double p99_us; /* 0: too few to tell */
};

#define CALIBRATE_CONNECTIONS_MAX 1024
#define CALIBRATE_TOGETHER_MAX 2 /* loads in one round */
#define CALIBRATE_LOADS_MAX 4    /* two servers, each with both */

struct calibrate_load;

struct calibrate_asked {
	struct sockaddr_storage address; /* with the port */
	unsigned connections;
	uint64_t pace_us;
	uint64_t size; /* of the file: an answer with another length is a failure */
	char path[64];
};

/* Connect. NULL after a sentence was written. */
struct calibrate_load *calibrate_load_open(const struct calibrate_asked *asked, char *sentence, size_t room);
void calibrate_load_close(struct calibrate_load *load); /* NULL is ignored */

/* Ask for `ms`, then read what is under way. 0, or -1 after a sentence was written. */
int calibrate_load_run(struct calibrate_load **loads, unsigned count, unsigned ms,
		       struct calibrate_count *ret_counts, char *sentence, size_t room);

/*
 * Obey the lines that come in until the other side closes. `server` is where to connect for load, without
 * its port. What goes wrong is told to the other side, and with is_alone here as well. Returns an exit code.
 */
int calibrate_client_serve(int fd, const struct sockaddr_storage *server, bool is_alone);

/* `quoit calibrate --client ADDRESS:PORT`. Returns an exit code. */
int calibrate_client_run(const char *target);

/* ADDRESS, or [ADDRESS] for IPv6, and :PORT where with_port says so. False: it is none. */
bool calibrate_peer_parse(const char *text, bool with_port, struct sockaddr_storage *ret_address);

/* 0.0.0.0 or [::], where nobody can connect to? */
bool calibrate_peer_is_any(const struct sockaddr_storage *address);

void calibrate_peer_set_port(struct sockaddr_storage *address, unsigned port);

/* The same back. */
#define CALIBRATE_ADDRESS_TEXT (INET6_ADDRSTRLEN + 8)
const char *calibrate_peer_text(const struct sockaddr_storage *address, bool with_port,
				char out[CALIBRATE_ADDRESS_TEXT]);

/*
 * A client in a process of its own, on processor `cpu` (-1: any). Before any thread is started. It ends
 * when *ret_fd, the other end of its lines, is closed. CLI_OK, or an exit code after the trouble was told.
 */
int calibrate_peer_fork(int cpu, pid_t *ret_process, int *ret_fd);

/*
 * A client from another machine: listen on `address`, say what to run there, wait until it comes and has
 * said the greeting. Whoever comes and says something else is sent away.
 */
int calibrate_peer_accept(const struct sockaddr_storage *address, const struct calibrate_signals *signals,
			  int *ret_fd);

/* How the threshold divides what it is about. */
enum calibrate_kind {
	CALIBRATE_UP_TO, /* files up to it go the first way, larger ones the second */
	CALIBRATE_FROM,  /* files from it on go the second way, smaller ones the first; 0: none does */
	CALIBRATE_VALUE, /* it is no size of a file: other values are compared with the default */
};

/* One threshold: all that is known of it here. */
struct calibrate_threshold {
	const char *option; /* left out when the server has no such option */
	enum calibrate_kind kind;
	const char *first, *second; /* the two ways; of a VALUE what stands before the value */
	const char *fixed;  /* "name=value" that lets a file of every size come to the choice; NULL: none */
	const char *remark; /* what to know of a larger value than the default's; NULL: nothing */
	uint64_t size_first, size_last;
	unsigned size_step;               /* a factor; with --quick squared */
	uint64_t value_first, value_last; /* of a VALUE, by the factor 2, with --quick 4 */
	unsigned connections;
};

#define CALIBRATE_PAIRS_MAX 16
#define CALIBRATE_COMPARISONS_MAX 16

/* Per answer. */
struct calibrate_cost {
	double server_us;
	double both_us; /* and the client's */
	double p99_us;  /* of a small file beside the load; 0: there was none */
};

/* The first way / the second, of each pair of rounds. low..high holds the median with 95 % certainty. */
struct calibrate_spread {
	double median, low, high;
};

enum calibrate_verdict {
	CALIBRATE_UNDECIDED,
	CALIBRATE_FIRST, /* is cheaper */
	CALIBRATE_SECOND,
};

struct calibrate_comparison {
	uint64_t size;     /* of the file */
	uint64_t value[2]; /* of the option: the first way and the second */
	unsigned pairs;
	struct calibrate_cost rounds[2][CALIBRATE_PAIRS_MAX];
	/* What calibrate_judge_comparison() makes of them. */
	struct calibrate_cost median[2];
	struct calibrate_spread server, both, p99;
	enum calibrate_verdict verdict;
};

struct calibrate_result {
	const struct calibrate_threshold *threshold;
	uint64_t fallback; /* the default */
	uint64_t recommended;
	bool is_decided; /* false: nothing was seen that speaks for or against a value */
	char why[512];   /* a sentence */
	unsigned count;
	struct calibrate_comparison comparison[CALIBRATE_COMPARISONS_MAX];
};

/* What differs by less is not worth another setting: two starts of the same server differ by a percent. */
#define CALIBRATE_WORTH 0.02
#define CALIBRATE_WORTH_P99 0.10 /* the hundredth of a short round is one of a few answers */

/*
 * Medians, spreads and the verdict of one comparison. With `both_counts` a way is not cheaper that makes the
 * client pay for what the server saves.
 */
void calibrate_judge_comparison(struct calibrate_comparison *comparison, bool both_counts);

/*
 * From the verdicts, smallest size first, to the recommended value and why. The default is left only when a
 * verdict speaks against it: of all values that no verdict speaks against it is taken, or the nearest to it.
 */
void calibrate_judge_threshold(struct calibrate_result *result);

#define CALIBRATE_SIZE_TEXT 24

/* "64K" as 65536 and back. False: it is no size. */
bool calibrate_size_read(const char *text, uint64_t *ret_size);
const char *calibrate_size_write(uint64_t size, char out[CALIBRATE_SIZE_TEXT]);

/* The name of a way in a comparison, with the option's value where that is what differs. */
const char *calibrate_way(const struct calibrate_result *result,
			  const struct calibrate_comparison *comparison, unsigned which, char *out,
			  size_t room);

#define CALIBRATE_RESULTS_MAX 8

/* A whole run. */
struct calibrate {
	bool is_quick;
	bool as_json;
	const char *via;    /* the address; NULL: loopback */
	const char *only;   /* one threshold; NULL: all */
	const char *folder; /* where the temporary files are made */
	char **options;     /* of the server, as they were given */
	int option_count;

	/* Found out, and measured. */
	int server_cpu, client_cpu; /* -1: wherever the scheduler puts it */
	char engine[32];
	unsigned round_ms;
	unsigned result_count;
	struct calibrate_result result[CALIBRATE_RESULTS_MAX];
};

struct calibrate_bench {
	const struct calibrate *run;
	struct calibrate_control control; /* to the client */
	const char *host;                 /* to listen on, as --listen has it */
	char folder[PATH_MAX];            /* "": none is made */
	char trouble[256];                /* a sentence, once something has failed */
};

/* Make the folder. An exit code, after the trouble was told. */
int calibrate_bench_open(struct calibrate_bench *bench);

/* Remove the folder and what is in it. */
void calibrate_bench_close(struct calibrate_bench *bench);

/*
 * Measure one comparison: fills pairs and rounds. `fixed` are options that both servers get, "name=value"
 * up to a NULL. ret_engine is what the servers run on. An exit code; bench->trouble says
 * why.
 */
int calibrate_bench_compare(struct calibrate_bench *bench, const struct calibrate_threshold *threshold,
			    const char *const *fixed, struct calibrate_comparison *comparison,
			    char ret_engine[32]);

/* Would a server take the options that were given? An exit code, after the trouble was told. */
int calibrate_bench_try(const struct calibrate *run);

/* Is there such a threshold, and does the server know it? */
bool calibrate_measure_knows(const char *option);

/* "cork, small, turn": those that the server knows. */
const char *calibrate_measure_names(char *out, size_t room);

/* Everything. Fills the results of `run`. An exit code, after the trouble was told. */
int calibrate_measure(struct calibrate_bench *bench, struct calibrate *run);

/* What was measured, then what is recommended. */
void calibrate_report_write(const struct calibrate *run, FILE *out);
void calibrate_json_write(const struct calibrate *run, FILE *out);

/* Kernel and processor, as text. */
struct calibrate_machine {
	char kernel[160], processor[128];
};
void calibrate_report_machine(struct calibrate_machine *ret_machine);

/* "--small 32K --cork 64K", of all results; `out` has room for CALIBRATE_FLAGS_TEXT. */
#define CALIBRATE_FLAGS_TEXT (CALIBRATE_RESULTS_MAX * 64)
const char *calibrate_report_flags(const struct calibrate *run, char *out);

#endif
