/* SPDX-License-Identifier: MIT */
/*
 * The server's listeners: made of addresses and of what was inherited, shared out among the workers, lent.
 *
 * Called at start, by quoit_drain(), and through the public API. Inherited sockets are copied and the
 * copies used, so that a start that fails can be tried again with another engine; the originals are
 * closed when a start has succeeded, used or not: what nobody accepts from must not listen.
 */
#include "serve/server.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/worker.h"

/* A segment that has got past the door before it was shut has this long to be seen as a handshake, or to end
 * it. */
#define HOLD_MS 5
/* Beyond --send-time: a peer that is too slow is found out by the worker first. */
#define UNACKNOWLEDGED_MS 10000

int quoit_inherit(struct quoit *quoit, int fd, int is_lent)
{
	struct server *server = server_of(quoit);
	unsigned size = (server->inherited_count + 1) * sizeof(*server->inherited);
	struct listen_inherited *grown;
	int error;

	if (server->started)
		return fault_set(&server->fault, -EBUSY, "the server runs already");
	grown = mem_resize(server->inherited, size);
	if (!grown)
		return fault_set(&server->fault, -ENOMEM, "no memory");
	server->inherited = grown;
	error = listen_inherit(fd, is_lent, &grown[server->inherited_count], &server->fault);
	server->inherited_count += error == 0;
	return error;
}

void server_drop_inherited(struct server *server)
{
	for (unsigned i = 0; i < server->inherited_count; i++)
		listen_inherited_close(&server->inherited[i]);
	mem_free(server->inherited);
	server->inherited = NULL;
	server->inherited_count = 0;
}

/* Listener number `index` of what was inherited, if anything fits. 1, 0, or -errno. */
static int adopt(struct server *server, unsigned index, const struct listen_address *address)
{
	return listen_adopt(address, (unsigned)server->config.threads, (int)server->config.backlog,
			    server->inherited, server->inherited_count, &server->listener[index],
			    &server->fault);
}

/* Nobody has said where to listen: on everything that was lent. 1: done; 0: nothing was. */
static int adopt_lent(struct server *server)
{
	for (unsigned i = 0; i < server->inherited_count; i++) {
		const struct listen_inherited *inherited = &server->inherited[i];
		int result;

		if (!inherited->is_lent || inherited->is_taken)
			continue;
		if (server->listener_count == CONFIG_LISTEN_MAX)
			return fault_set(&server->fault, -EINVAL,
					 "sockets of more than %d addresses were inherited; give --listen",
					 CONFIG_LISTEN_MAX);
		result = adopt(server, server->listener_count, &inherited->address);
		if (result < 0)
			return result;
		server->listener_count++;
	}
	return server->listener_count > 0;
}

static bool is_port_0(const struct listen_address *address)
{
	const size_t size = strlen(address->text);

	return address->address.ss_family != AF_UNIX && size > 2 &&
	       strcmp(address->text + size - 2, ":0") == 0;
}

/* Those that fit exactly come first: port 0 must not take what another address asks for by number. */
static int adopt_all(struct server *server, const struct listen_address *address)
{
	for (unsigned i = 0; i < 2 * server->config.listen_count; i++) {
		unsigned index = i % server->config.listen_count;
		int result;

		if (is_port_0(&address[index]) != (i >= server->config.listen_count))
			continue;
		result = adopt(server, index, &address[index]);
		if (result < 0)
			return result;
	}
	return 0;
}

static int open_all(struct server *server)
{
	const struct config *config = &server->config;
	struct listen_address address[CONFIG_LISTEN_MAX];
	int error = 0;

	for (unsigned i = 0; i < config->listen_count && error == 0; i++)
		error = listen_parse(config->listen_text[i], &address[i], &server->fault);
	if (error < 0)
		return error;
	server->listener_count = config->listen_count;
	error = adopt_all(server, address);
	for (unsigned i = 0; i < config->listen_count && error == 0; i++)
		if (server->listener[i].count == 0)
			error = listen_open(&address[i], (unsigned)config->threads, (int)config->backlog,
					    &server->listener[i], &server->fault);
	return error;
}

/* What the kernel keeps for a peer that takes nothing, it keeps little longer than the connection was. */
static void limit_unacknowledged(struct server *server)
{
	for (unsigned i = 0; i < server->listener_count; i++)
		listen_limit_unacknowledged(&server->listener[i],
					    server->config.send_time + UNACKNOWLEDGED_MS);
}

int server_open_listeners(struct server *server)
{
	int result = 0;

	for (unsigned i = 0; i < server->inherited_count; i++)
		server->inherited[i].is_taken = false;
	if (server->config.origin[CONFIG_ROW_SERVER(SERVER_OPTION_listen)] == CONFIG_DEFAULT)
		result = adopt_lent(server);
	if (result == 0)
		result = open_all(server);
	if (result < 0)
		return result;
	limit_unacknowledged(server);
	return 0;
}

void server_claim_listeners(struct server *server)
{
	for (unsigned i = 0; i < server->listener_count; i++)
		listen_claim(&server->listener[i]);
	for (unsigned i = 0; i < server->inherited_count; i++)
		if (server->inherited[i].is_lent && !server->inherited[i].is_taken)
			log_warning("%s was given to listen on, and fits no --listen: it is not used",
				    server->inherited[i].address.text);
	server_drop_inherited(server);
}

/* Does the worker accept from this socket of the listener? Of more sockets than workers each has several. */
static bool is_for(const struct server *server, const struct listener *listener, unsigned socket,
		   unsigned worker)
{
	return listener->is_shared ? worker % listener->count == socket
				   : socket % (unsigned)server->config.threads == worker;
}

bool server_share_listeners(struct server *server, struct worker *worker)
{
	unsigned count = 0;

	for (unsigned i = 0; i < server->listener_count; i++)
		count += server->listener[i].count;
	worker->accepts = mem_alloc_zeroed(count, sizeof(*worker->accepts));
	if (!worker->accepts)
		return false;
	for (unsigned i = 0; i < server->listener_count; i++) {
		struct listener *listener = &server->listener[i];

		for (unsigned k = 0; k < listener->count; k++) {
			if (!is_for(server, listener, k, worker->index))
				continue;
			worker->accepts[worker->accept_count].listener = listener;
			worker->accepts[worker->accept_count++].fd = &listener->fd[k];
		}
	}
	return true;
}

/* The socket with this number over all listeners, or NULL. */
static int *find_socket(const struct server *server, unsigned index, struct listener **ret_listener)
{
	for (unsigned i = 0; i < server->listener_count; i++) {
		const struct listener *listener = &server->listener[i];

		if (index < listener->count) {
			*ret_listener = (struct listener *)listener;
			return &listener->fd[index];
		}
		index -= listener->count;
	}
	return NULL;
}

int quoit_listener(const struct quoit *quoit, unsigned index, int *ret_is_lent)
{
	struct listener *listener;
	const int *fd = find_socket(server_of(quoit), index, &listener);

	if (!fd)
		return -ENOENT;
	*ret_is_lent = listener->is_lent;
	return *fd;
}

void quoit_lend(struct quoit *quoit, unsigned index)
{
	struct listener *listener;

	if (find_socket(server_of(quoit), index, &listener))
		listener->is_lent = true;
}

void server_refuse_connections(struct server *server)
{
	server->hold_ms = HOLD_MS;
	for (unsigned i = 0; i < server->listener_count; i++)
		if (!server->listener[i].is_lent)
			listen_refuse(&server->listener[i]);
	for (unsigned i = 0; i < server->listener_count; i++)
		if (!server->listener[i].is_lent && listen_expects(&server->listener[i]))
			server->hold_ms = (unsigned)server->config.drain_grace + HOLD_MS;
}
