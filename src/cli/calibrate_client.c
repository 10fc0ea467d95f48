/* SPDX-License-Identifier: MIT */
/*
 * The client of `quoit calibrate`: another process, or with --client another machine.
 *
 * It knows no plan. It does what the lines say (calibrate.h lists them), counts, and ends when the
 * other side closes. What it is told is bounded before it is done: it connects to the address that
 * its user gave and to no other, and to no more than a thousand connections at a time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calibrate.h"
#include "cli.h"

#define RUN_MS_MAX 60000

struct client {
	struct calibrate_control control;
	const struct sockaddr_storage *server;
	struct calibrate_load *loads[CALIBRATE_LOADS_MAX];
	char sentence[160]; /* what went wrong */
};

static uint64_t cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int misunderstood(struct client *client, const char *line)
{
	snprintf(client->sentence, sizeof(client->sentence), "\"%.80s\" is not understood", line);
	return -1;
}

static int open_load(struct client *client, const char *line)
{
	struct calibrate_asked asked = { .address = *client->server };
	unsigned id, port;

	if (sscanf(line, "load %u %u %u %" SCNu64 " %" SCNu64 " %63s", &id, &port, &asked.connections,
		   &asked.pace_us, &asked.size, asked.path) != 6 ||
	    id >= CALIBRATE_LOADS_MAX || client->loads[id] || port == 0 || port > UINT16_MAX ||
	    asked.connections == 0 || asked.connections > CALIBRATE_CONNECTIONS_MAX || asked.size == 0)
		return misunderstood(client, line);
	calibrate_peer_set_port(&asked.address, port);
	client->loads[id] = calibrate_load_open(&asked, client->sentence, sizeof(client->sentence));
	return client->loads[id] ? calibrate_control_send(&client->control, "ok") : -1;
}

static int drop_load(struct client *client, const char *line)
{
	unsigned id;

	if (sscanf(line, "drop %u", &id) != 1 || id >= CALIBRATE_LOADS_MAX || !client->loads[id])
		return misunderstood(client, line);
	calibrate_load_close(client->loads[id]);
	client->loads[id] = NULL;
	return calibrate_control_send(&client->control, "ok");
}

static int run_loads(struct client *client, const char *line)
{
	struct calibrate_load *loads[CALIBRATE_TOGETHER_MAX];
	struct calibrate_count counts[CALIBRATE_TOGETHER_MAX] = { { 0 } };
	unsigned ms, id[CALIBRATE_TOGETHER_MAX];
	int count = sscanf(line, "run %u %u %u", &ms, &id[0], &id[1]) - 1;
	uint64_t begin_us = cpu_us();

	if (count < 1 || ms > RUN_MS_MAX)
		return misunderstood(client, line);
	for (int i = 0; i < count; i++) {
		if (id[i] >= CALIBRATE_LOADS_MAX || !client->loads[id[i]])
			return misunderstood(client, line);
		loads[i] = client->loads[id[i]];
	}
	if (calibrate_load_run(loads, (unsigned)count, ms, counts, client->sentence,
			       sizeof(client->sentence)) < 0)
		return -1;
	return calibrate_control_send(&client->control, "ran %" PRIu64 " %" PRIu64 " %.3f %" PRIu64 " %.3f",
				      cpu_us() - begin_us, counts[0].answers, counts[0].p99_us,
				      counts[1].answers, counts[1].p99_us);
}

static int obey(struct client *client, const char *line)
{
	if (strncmp(line, "load ", 5) == 0)
		return open_load(client, line);
	if (strncmp(line, "run ", 4) == 0)
		return run_loads(client, line);
	if (strncmp(line, "drop ", 5) == 0)
		return drop_load(client, line);
	return misunderstood(client, line);
}

int calibrate_client_serve(int fd, const struct sockaddr_storage *server, bool is_alone)
{
	struct client client = { .control.fd = fd, .server = server };
	char line[CALIBRATE_LINE_MAX];
	int error = calibrate_control_send(&client.control, CALIBRATE_GREETING);

	while (error == 0) {
		error = calibrate_control_receive(&client.control, -1, line);
		if (error == 0)
			error = obey(&client, line);
	}
	for (unsigned i = 0; i < CALIBRATE_LOADS_MAX; i++)
		calibrate_load_close(client.loads[i]);
	if (error == -EPIPE)
		return CLI_OK;
	if (!client.sentence[0])
		snprintf(client.sentence, sizeof(client.sentence), "the control connection: %s",
			 strerror(-error));
	/* The server's process tells it; should that be gone, nobody there is left to hear it. */
	(void)calibrate_control_send(&client.control, "failed %s", client.sentence);
	return is_alone ? cli_error(CLI_FAILED, "%s", client.sentence) : CLI_FAILED;
}

int calibrate_client_run(const char *target)
{
	struct sockaddr_storage address;
	int fd, code;

	if (!calibrate_peer_parse(target, true, &address))
		return cli_error(
			CLI_USAGE,
			"--client %s: expected ADDRESS:PORT in numbers, as the other machine has printed it",
			target);
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		code = cli_error(CLI_FAILED, "%s: %s; is quoit calibrate --via waiting there?", target,
				 strerror(errno));
	} else {
		fprintf(stderr, "quoit: asking %s; it says there what comes out\n", target);
		code = calibrate_client_serve(fd, &address, true);
	}
	if (fd >= 0)
		close(fd);
	return code;
}
