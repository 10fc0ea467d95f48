/* SPDX-License-Identifier: MIT */
/*
 * A client: what it will send, what it has got, and the socket between it and the server.
 *
 * Bytes of a client wait in three places: in its stream until it sends them, in the socket until the server
 * receives them, and with the server. Each exchange is a request and what may be answered to it.
 */
#ifndef QUOIT_TESTS_SIM_CLIENT_H
#define QUOIT_TESTS_SIM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define CLIENT_EXCHANGES 12
#define CLIENT_RANGES 40
#define CLIENT_ROOM ((size_t)1 << 30) /* a client that reads as fast as it can */

struct name;

enum ask { ASK_GET, ASK_HEAD, ASK_OPTIONS, ASK_OTHER };

/* Which validator a condition names. */
enum held { HELD_NONE, HELD_TAG, HELD_STAR, HELD_JUNK, HELD_DATE };

/* As written: of a suffix only `last` counts, open: to the end. */
struct asked_range {
	uint64_t first, last;
	bool is_suffix, is_open;
};

struct exchange {
	size_t begin, head_end, end; /* in the stream */
	enum ask ask;
	struct name *name; /* what the path leads to; NULL: nothing ever */
	bool is_folder;    /* asked for without its slash: a redirect */
	uint16_t status;   /* the answer, when it does not depend on files; else 0 */
	bool is_refused;   /* with that status, maybe before all of it came, and nothing is read behind it */
	bool closes;       /* it asked for that, or cannot do otherwise */
	bool may_close;    /* that depends on how the bytes come */
	bool expects;      /* 100 (Continue) may come first */
	bool has_body;
	bool navigates;   /* for which there may be a fallback */
	unsigned codings; /* bit per enum of model.c that it accepts */
	enum held match, none_match, range_if;
	char tag[64];          /* of match, none_match, range_if; with its quotes */
	int64_t since, unless; /* If-Modified-Since, If-Unmodified-Since, seconds; INT64_MIN: none */
	int64_t range_date;    /* of range_if */
	unsigned range_count;
	struct asked_range range[CLIENT_RANGES];
	bool wants_digest;

	uint64_t begun_step, begun_ms;     /* its first byte was received; 0: not yet */
	uint64_t arrived_step, arrived_ms; /* its last byte */
};

enum client_state { CLIENT_OUTSIDE, CLIENT_QUEUED, CLIENT_OPEN, CLIENT_CLOSED };

struct client {
	unsigned number;
	enum client_state state;
	bool is_raw; /* its bytes are anything (sim_run_bytes): nobody knows what the answers must be */
	int fd;      /* the server's */

	/* To the server. */
	uint8_t *stream;
	size_t stream_size, stream_capacity;
	unsigned planned; /* requests that are not written yet */
	bool is_broken;   /* what was written last is refused: nothing is written behind it */
	size_t sent;      /* of it, into the socket */
	size_t delivered; /* of it, to the server */
	bool ended;       /* FIN */
	bool end_delivered;
	bool is_reset;
	int error; /* what operations on the socket fail with; 0: they do not */

	/* From the server. */
	size_t room;   /* what the socket takes before it is full */
	size_t unread; /* of what the socket took, by the client */
	bool was_full; /* a send has met the end of it, and no room was made since */
	bool is_slow;
	bool has_ended; /* the server's FIN */
	uint8_t *got;
	size_t got_size, got_capacity;

	/* Where the model is (model.c). */
	struct exchange exchange[CLIENT_EXCHANGES];
	unsigned exchange_count;
	unsigned exchange_at;
	size_t read;         /* of `got` */
	struct reply *reply; /* under way; NULL: the next head is awaited */
	bool is_closing;     /* the server lets it go */
	bool is_unsure;      /* whether a body follows its last answer */
	bool said_last;      /* the answer before said that it is the last */

	uint64_t opened_step, opened_ms;
	uint64_t received_ms; /* the server received something */
	uint64_t taken_ms;    /* the socket took something */
	uint64_t full_ms;     /* since when it could not take all there was for it; 0: it can */
	uint64_t head_ms;     /* the first byte of a request that is not complete; 0: none such */
	uint64_t ended_ms;    /* has_ended */
	bool is_faulty;       /* an operation on its socket was made to fail */

	/* Of the engine. */
	uint64_t send_wait; /* the wait that submitted the last send */
	bool send_queued;
	bool edge; /* there is room again since it was full */
};

/* One that has yet to connect, with requests. */
void client_init(struct client *client, unsigned number);
void client_init_raw(struct client *client, unsigned number, const uint8_t *bytes, size_t size);
void client_deinit(struct client *client);

/* It does something. */
void client_act(struct client *client);
/* It does what is missing for an end without faults: send all, read all, then end. */
void client_hurry(struct client *client);
/* Everything has been answered, or cannot be any more. */
bool client_is_done(const struct client *client);

/* The socket, by the engine and the system calls. */

/* As sendmsg(2) without waiting: bytes taken or -errno. `limit`: at most so many. */
int64_t client_take(struct client *client, const struct iovec *piece, size_t count, size_t limit);
/* The same by an engine or a call that may say less than it could: `is_file`, from a file. */
int64_t client_take_some(struct client *client, const struct iovec *piece, size_t count, bool is_file);
bool client_is_readable(const struct client *client);
bool client_is_writable(const struct client *client);
/* Hand up to `size` bytes to the server. */
size_t client_deliver(struct client *client, uint8_t *base, size_t size);

/* More of the stream. */
void client_write(struct client *client, const void *bytes, size_t size);

/* request.c: the next request of a client, into its stream. */
void request_write(struct client *client);

#endif
