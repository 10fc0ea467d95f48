/* SPDX-License-Identifier: MIT */
/*
 * Runs sessions; see session.h for who is active when.
 *
 *   main thread                      the worker's thread
 *   quoit_start()            ->      makes its ring, first wait: parks
 *   lets it go on, waits             wait: the world moves, checks; the turn ...
 *                                    ... until it has drained or stopped
 *   quoit_destroy()          <-      ends
 *
 * A session has three parts: as long as there are events left, anything may happen; then nothing goes wrong
 * any more and clients finish what they have begun; then the server drains or stops. At the end nothing may
 * be left.
 */
#include "session.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "descriptors.h"
#include "engine.h"
#include "files.h"
#include "helpers.h"
#include "memory.h"
#include "model.h"
#include "options.h"
#include "quoit.h"
#include "serve/server.h"
#include "serve/worker.h"
#include "sim.h"
#include "world.h"
#include "wrap.h"

#define WAITS_MAX 200000 /* a session that takes more goes on for ever */
#define CALM_WAITS_MAX 20000

static struct {
	struct quoit *quoit;
	struct client client[SESSION_CLIENTS];
	unsigned client_count;
	unsigned queue[SESSION_CLIENTS]; /* who waits at the listener */
	unsigned queued;
	uint64_t refused;   /* that the model was told of */
	unsigned events;    /* left */
	uint64_t calm_wait; /* since when nothing goes wrong; 0: not yet */
	bool is_ending;
	bool is_refusing; /* nobody gets into the queue any more */
	sem_t parked, go_on, ended;
} session;

const struct worker *session_worker(void)
{
	return server_of(session.quoit)->worker[0];
}

struct client *session_client(unsigned index)
{
	return index < session.client_count ? &session.client[index] : NULL;
}

bool session_has_refused(void)
{
	if (stats_read(&session_worker()->stats, COUNTER_connections_refused) <= session.refused)
		return false;
	session.refused++;
	return true;
}

/* The listener */

bool session_queued(void)
{
	return session.queued > 0;
}

void session_refuse(void)
{
	session.is_refusing = true;
}

int session_accept(void)
{
	struct client *client = &session.client[session.queue[0]];

	memmove(session.queue, session.queue + 1, --session.queued * sizeof(session.queue[0]));
	client->fd = descriptors_open(DESCRIPTOR_SOCKET, client);
	client->state = CLIENT_OPEN;
	client->opened_step = world_next();
	client->opened_ms = world.now_ms;
	world_log("client %u is accepted: %d", client->number, client->fd);
	return client->fd;
}

void session_on_close(struct client *client)
{
	world_log("client %u is closed", client->number);
	client->state = CLIENT_CLOSED;
	model_close(client);
}

void session_on_end_of(struct client *client)
{
	world_log("client %u: the server has ended its side", client->number);
	model_end(client);
}

static _Thread_local bool is_worker;

/* Events */

static void act(struct client *client)
{
	enum client_state before = client->state;

	if (before == CLIENT_OUTSIDE && session.is_refusing)
		client->state = CLIENT_CLOSED;
	else if (before == CLIENT_OUTSIDE && session.queued >= options.backlog)
		return; /* it is not let in yet */
	if (world.calm)
		client_hurry(client);
	else
		client_act(client);
	if (before == CLIENT_OUTSIDE && client->state == CLIENT_QUEUED)
		session.queue[session.queued++] = client->number;
	/* Who got the server's end has nothing to wait for. */
	if (client->state == CLIENT_OPEN && client->has_ended && !client->ended &&
	    (world.calm || world_one_in(3)))
		client->ended = true;
}

static void drain(void)
{
	if (world.drained_step > 0)
		return;
	world.drained_step = world_next();
	world.drained_ms = world.now_ms;
	world_log("drain");
	quoit_drain(session.quoit);
}

static void stop(void)
{
	if (world.stopped_step > 0)
		return;
	world.stopped_step = world_next();
	world_log("stop");
	quoit_stop(session.quoit);
}

static void reload(void)
{
	int error = quoit_reload(session.quoit);

	world_log("reload: %d", error);
}

/* A server that ends waits for two seconds, and then leaves to the kernel what it holds: not tried. */
static bool may_pass_long(void)
{
	return !session_worker()->stopping;
}

/* A name that a client waits for, or NULL. */
static struct name *wanted(void)
{
	const struct client *client = &session.client[world_below(session.client_count)];

	return client->exchange_at < client->exchange_count ? client->exchange[client->exchange_at].name
							    : NULL;
}

static void happen(void)
{
	world_next();
	if (world_happens(CHANCE_change))
		files_change(wanted());
	else if (world_happens(CHANCE_wall_jump))
		world_jump_wall((int64_t)world_below(20000) - 10000);
	else if (may_pass_long() && world_happens(CHANCE_clock_jump))
		world_pass_ms(world_between(1, 70000));
	else if (world_happens(CHANCE_reload))
		reload();
	else if (world_happens(CHANCE_drain))
		drain();
	else if (world_happens(CHANCE_stop))
		stop();
	else
		act(&session.client[world_below(session.client_count)]);
}

static void calm_down(void)
{
	world_log("from now on nothing goes wrong");
	world.calm = true;
	session.calm_wait = engine_wait();
}

static bool is_all_done(void)
{
	for (unsigned i = 0; i < session.client_count; i++) {
		const struct client *client = &session.client[i];

		if (client->state == CLIENT_OUTSIDE || client->state == CLIENT_QUEUED)
			return false;
		if (client->state == CLIENT_OPEN)
			return false;
	}
	return true;
}

/* Everybody is gone: now the server goes. */
static void end(void)
{
	session.is_ending = true;
	if (world.seed % 2)
		drain();
	else
		stop();
}

static void hurry(void)
{
	for (unsigned i = 0; i < session.client_count; i++)
		act(&session.client[i]);
	helpers_step(true);
	world_check(engine_wait() - session.calm_wait < CALM_WAITS_MAX,
		    "nothing goes wrong any more, and yet it does not end");
	if (!session.is_ending && is_all_done())
		end();
}

void session_step(uint64_t time_ms)
{
	(void)time_ms;
	world_check(engine_wait() < WAITS_MAX, "it goes on for ever");
	if (!world.calm && session.events == 0)
		calm_down();
	if (world.calm) {
		if (session.calm_wait == 0)
			calm_down();
		hurry();
		return;
	}
	for (unsigned count = (unsigned)world_below(5); count > 0 && session.events > 0; count--) {
		session.events--;
		happen();
	}
	helpers_step(false);
	if (may_pass_long() && world_happens(CHANCE_idle))
		world_pass_ms(world_between(1, 3000));
}

uint64_t session_next_ms(void)
{
	if (world.calm)
		return session.calm_wait == 0 ? world.now_ms : UINT64_MAX;
	return world.now_ms + world_below(3);
}

void session_park(void)
{
	is_worker = true;
	sem_post(&session.parked);
	while (sem_wait(&session.go_on) < 0)
		continue;
}

/* The worker's thread */

struct start {
	void *(*body)(void *);
	void *argument;
};

static void *run_thread(void *argument)
{
	struct start start = *(struct start *)argument;
	void *result;

	free(argument);
	result = start.body(start.argument);
	if (is_worker)
		sem_post(&session.ended);
	return result;
}

int __wrap_pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*body)(void *),
			  void *argument)
{
	struct start *start = malloc(sizeof(*start));

	world_check(start, "no memory");
	*start = (struct start){ body, argument };
	return __real_pthread_create(ret_thread, attributes, run_thread, start);
}

_Noreturn void __wrap_check_failed(const char *condition, const char *file, int line)
{
	world_fail("check: %s (%s:%d)", condition, file, line);
}

/* What the operator should know is of the simulation's making. */
void __wrap_log_warning(const char *format, ...)
{
	world_log("warning: %s", format);
}

/* From begin to end */

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0)
		continue;
}

static void check_left(int64_t blocks, int64_t reserved)
{
	for (unsigned i = 0; i < session.client_count; i++)
		model_finish(&session.client[i]);
	world_check(descriptors_count() == 0, "%u descriptors are still open, one is %d", descriptors_count(),
		    descriptors_any());
	world_check(helpers_are_idle(), "a job was not done");
	world_check(memory_blocks() == blocks, "%lld blocks of memory are not freed",
		    (long long)(memory_blocks() - blocks));
	world_check(memory_reserved() == reserved, "%lld bytes of address space are not given back",
		    (long long)(memory_reserved() - reserved));
}

static void run(void)
{
	int64_t blocks = memory_blocks(), reserved = memory_reserved();

	descriptors_begin();
	engine_begin();
	helpers_begin();
	sem_init(&session.parked, 0, 0);
	sem_init(&session.go_on, 0, 0);
	sem_init(&session.ended, 0, 0);
	session.quoit = quoit_create();
	world_check(session.quoit, "no memory");
	options_draw(session.quoit);
	files_begin(options.small, options.turn);
	world_check(quoit_start(session.quoit) == 0, "it does not start: %s", quoit_error(session.quoit));
	wait_for(&session.parked);
	world.starting = false;
	sem_post(&session.go_on);
	wait_for(&session.ended);
	world.starting = true;
	quoit_destroy(session.quoit);
	check_left(blocks, reserved);
	for (unsigned i = 0; i < session.client_count; i++)
		client_deinit(&session.client[i]);
	world_log("session %llu is over after %llu waits", (unsigned long long)world.seed,
		  (unsigned long long)engine_wait());
}

void sim_run(uint64_t seed)
{
	memset(&session, 0, sizeof(session));
	world_begin(seed);
	session.events = (unsigned)world_between(5, world_one_in(4) ? 400 : 80);
	session.client_count = (unsigned)world_between(1, world_one_in(2) ? 2 : SESSION_CLIENTS);
	for (unsigned i = 0; i < session.client_count; i++)
		client_init(&session.client[i], i);
	run();
}

int sim_run_bytes(const uint8_t *data, size_t size)
{
	size_t choices;

	if (size < 2)
		return 0;
	choices = (size_t)data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	choices = choices < size ? choices : size;
	memset(&session, 0, sizeof(session));
	world_begin_choices(data, choices);
	session.events = 200;
	session.client_count = 1;
	client_init_raw(&session.client[0], 0, data + choices, size - choices);
	run();
	return 0;
}
