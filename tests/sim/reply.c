/* SPDX-License-Identifier: MIT */
/*
 * Reads the head of an answer, strictly: a client that is more lenient would hide what is wrong.
 *
 * Called by model.c. Written from RFC 9112 alone; nothing of the server's parsers is used.
 */
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "world.h"

static void copy(char *to, size_t capacity, const char *value, const char *name)
{
	world_check(strlen(value) < capacity, "a %s of %zu bytes", name, strlen(value));
	strcpy(to, value);
}

static uint64_t number_of(const char *text, const char *name)
{
	char *end;
	uint64_t number = strtoull(text, &end, 10);

	world_check(*text >= '0' && *text <= '9' && *end == 0, "%s: \"%s\" is no number", name, text);
	return number;
}

static int64_t date_of(const char *text)
{
	struct tm time = { 0 };
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &time);

	world_check(end && *end == 0 && strlen(text) == 29, "\"%s\" is no date", text);
	return timegm(&time);
}

static enum coded coded_of(const char *text)
{
	if (strcmp(text, "gzip") == 0)
		return CODED_GZIP;
	if (strcmp(text, "br") == 0)
		return CODED_BR;
	if (strcmp(text, "zstd") == 0)
		return CODED_ZSTD;
	world_fail("Content-Encoding: %s", text);
}

static void take_range(struct reply *reply, const char *value)
{
	unsigned long long first, last, size;
	char end;

	reply->has_range = true;
	if (sscanf(value, "bytes %llu-%llu/%llu%c", &first, &last, &size, &end) == 3) {
		world_check(first <= last && last < size, "Content-Range: %s", value);
		reply->range_first = first;
		reply->range_last = last;
	} else {
		world_check(sscanf(value, "bytes */%llu%c", &size, &end) == 1, "Content-Range: %s", value);
		reply->range_is_unsatisfied = true;
	}
	reply->range_size = size;
}

static void take_field(struct reply *reply, const char *name, const char *value)
{
	if (strcmp(name, "Content-Length") == 0) {
		world_check(!reply->has_length, "two Content-Lengths");
		reply->has_length = true;
		reply->length = number_of(value, name);
	} else if (strcmp(name, "Connection") == 0) {
		world_check(!reply->closes && !reply->keeps, "two Connection lines");
		reply->closes = strcmp(value, "close") == 0;
		reply->keeps = strcmp(value, "keep-alive") == 0;
		world_check(reply->closes || reply->keeps, "Connection: %s", value);
	} else if (strcmp(name, "ETag") == 0) {
		copy(reply->tag, sizeof(reply->tag), value, name);
	} else if (strcmp(name, "Content-Encoding") == 0) {
		reply->coded = coded_of(value);
	} else if (strcmp(name, "Content-Range") == 0) {
		take_range(reply, value);
	} else if (strcmp(name, "Content-Type") == 0) {
		copy(reply->type, sizeof(reply->type), value, name);
	} else if (strcmp(name, "Location") == 0) {
		copy(reply->location, sizeof(reply->location), value, name);
	} else if (strcmp(name, "Date") == 0) {
		reply->date = date_of(value);
	} else if (strcmp(name, "Transfer-Encoding") == 0) {
		world_fail("Transfer-Encoding: %s", value);
	}
}

static void take_line(struct reply *reply, char *line)
{
	char *colon = strchr(line, ':');

	world_check(colon && colon > line && colon[1] == ' ', "a malformed line: \"%s\"", line);
	for (const char *at = line; at < colon; at++)
		world_check(*at > ' ' && *at < 127, "a malformed name: \"%s\"", line);
	*colon = 0;
	take_field(reply, line, colon + 2);
}

bool reply_parse(const uint8_t *bytes, size_t size, struct reply *ret_reply)
{
	static char text[8192];
	const uint8_t *end = memmem(bytes, size, "\r\n\r\n", 4);
	size_t head_size;
	char *line, *next;

	world_check(size < 12 || memcmp(bytes, "HTTP/1.1 ", 9) == 0, "an answer begins \"%.12s\"", bytes);
	if (!end)
		return false;
	head_size = (size_t)(end - bytes) + 4;
	world_check(head_size < sizeof(text), "a head of %zu bytes", head_size);
	memcpy(text, bytes, head_size);
	text[head_size - 2] = 0;
	world_check(strlen(text) == head_size - 2, "a NUL in a head");
	memset(ret_reply, 0, sizeof(*ret_reply));
	ret_reply->head_size = head_size;
	ret_reply->status = (unsigned)strtoul(text + 9, NULL, 10);
	line = strstr(text, "\r\n") + 2;
	for (; *line; line = next) {
		char *line_end = strstr(line, "\r\n");

		world_check(line_end, "a bare line end in a head");
		*line_end = 0;
		next = line_end + 2;
		take_line(ret_reply, line);
	}
	return true;
}
