/* SPDX-License-Identifier: MIT */
/*
 * The syntax of a request head once more, as plainly as it can be said: one byte, one state, no
 * look ahead, no word of bits. Slow, and independent of everything in src/. And random faults
 * to compare it on.
 */
#ifndef QUOIT_TESTS_UNIT_HEAD_MODEL_H
#define QUOIT_TESTS_UNIT_HEAD_MODEL_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum head_model { HEAD_MODEL_PARTIAL, HEAD_MODEL_COMPLETE, HEAD_MODEL_BAD };

enum head_model_state {
	AT_START,
	AT_EMPTY_LINE_LF,
	AT_METHOD,
	IN_METHOD,
	AT_TARGET,
	IN_TARGET,
	IN_VERSION,
	AT_LINE,
	IN_NAME,
	IN_VALUE,
	AT_LF,
	AT_LAST_LF,
	COMPLETE,
	BAD,
};

static inline bool head_model_token(uint8_t byte)
{
	return byte != 0 && byte < 0x80 && (isalnum(byte) || strchr("!#$%&'*+-.^_`|~", byte));
}

static inline bool head_model_control(uint8_t byte)
{
	return byte == 0x7f || (byte < ' ' && byte != '\t');
}

/* `at` counts the bytes of the version and its line end. */
static inline enum head_model_state head_model_version(uint8_t byte, size_t at)
{
	bool digit = at == 5 || at == 7;

	if (digit ? !isdigit(byte) : byte != "HTTP/0.0\r\n"[at])
		return BAD;
	return at == 9 ? AT_LINE : IN_VERSION;
}

static inline enum head_model_state head_model_step(enum head_model_state state, uint8_t byte,
						    size_t version_at)
{
	bool token = head_model_token(byte);
	bool target = byte > ' ' && byte != 0x7f;

	switch (state) {
	case AT_START:
		return byte == '\r' ? AT_EMPTY_LINE_LF : token ? IN_METHOD : BAD;
	case AT_EMPTY_LINE_LF:
		return byte == '\n' ? AT_METHOD : BAD;
	case AT_METHOD:
		return token ? IN_METHOD : BAD;
	case IN_METHOD:
		return byte == ' ' ? AT_TARGET : token ? IN_METHOD : BAD;
	case AT_TARGET:
		return target ? IN_TARGET : BAD;
	case IN_TARGET:
		return byte == ' ' ? IN_VERSION : target ? IN_TARGET : BAD;
	case IN_VERSION:
		return head_model_version(byte, version_at);
	case AT_LINE:
		return byte == '\r' ? AT_LAST_LF : token ? IN_NAME : BAD;
	case IN_NAME:
		return byte == ':' ? IN_VALUE : token ? IN_NAME : BAD;
	case IN_VALUE:
		return byte == '\r' ? AT_LF : head_model_control(byte) ? BAD : IN_VALUE;
	case AT_LF:
		return byte == '\n' ? AT_LINE : BAD;
	case AT_LAST_LF:
		return byte == '\n' ? COMPLETE : BAD;
	case COMPLETE:
	case BAD:
		break;
	}
	return state;
}

/* Read a head; *ret_size is how many bytes it has when it is complete. */
static inline enum head_model head_model_read(const uint8_t *text, size_t size, size_t *ret_size)
{
	enum head_model_state state = AT_START;
	size_t version_at = 0;

	for (size_t at = 0; at < size; at++) {
		enum head_model_state before = state;

		state = head_model_step(state, text[at], version_at);
		version_at = before == IN_VERSION ? version_at + 1 : 0;
		if (state == BAD)
			return HEAD_MODEL_BAD;
		if (state == COMPLETE) {
			*ret_size = at + 1;
			return HEAD_MODEL_COMPLETE;
		}
	}
	return HEAD_MODEL_PARTIAL;
}

/* Can `status` be the answer although the syntax is good? For methods, major versions, and 1.1 without Host.
 */
static inline bool head_model_lacks(const uint8_t *text, size_t size, enum head_model model, unsigned status)
{
	if (status == 501 || status == 505)
		return true;
	return status == 400 && model == HEAD_MODEL_COMPLETE && memmem(text, size, "HTTP/1.0", 8) == NULL;
}

/* xorshift64: the same heads in every run. */
static inline uint64_t head_model_random(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random >> 11;
}

/* Overwrite up to two bytes with others, most of them such as end something. */
static inline void head_model_spoil(uint8_t *text, size_t size, uint64_t *random)
{
	static const uint8_t faults[] = "\r\n\r\n\r\n :\t\0/19aZ~\x7f\x80(";

	for (uint64_t left = head_model_random(random) % 3; left > 0; left--) {
		size_t at = head_model_random(random) % size;

		text[at] = faults[head_model_random(random) % (sizeof(faults) - 1)];
	}
}

#endif
