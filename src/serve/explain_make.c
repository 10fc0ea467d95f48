/* SPDX-License-Identifier: MIT */
/*
 * Digests and plain forms at once, for an explanation.
 *
 * Called by serve/explain where the server would call serve/making: the same functions of codec and
 * digest, with the same limits, but nobody is waited for and nothing stays. A file can take as long to
 * read as it is large; whoever asked for the explanation sits in front of it.
 */
#include "serve/explain.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "serve/codec.h"
#include "serve/digest.h"
#include "serve/file_spec.h"
#include "serve/memory_file.h"

static void make_digest(struct explanation *explanation, struct asset *asset)
{
	uint8_t digest[DIGEST_SIZE];
	int error = -EFBIG;

	if (asset->size <= explanation->plan->config.digest_size)
		error = digest_sha256(asset->fd, asset->size, &explain_never, digest);
	asset->digested = error == 0 ? MAKING_READY : MAKING_FAILED;
	if (error == 0) {
		digest_write_repr(digest, asset->digest);
		explain_say(explanation, "digest", "%s", asset->digest);
	} else {
		explain_say(explanation, "digest", "none: %s",
			    error == -EFBIG ? "the file is longer than --digest-size" : strerror(-error));
	}
}

/* A memory file with the plain form, and its asset. */
static int decode(struct explanation *explanation, const struct subject *subject, const struct asset *coded,
		  struct asset **ret_asset)
{
	bool is_tagged = subject->site->options.etag == ETAG_CONTENT;
	struct explain_note *note;
	uint8_t digest[DIGEST_SIZE];
	struct version version;
	struct file_spec_plain plain = {
		.site = subject->site,
		.coded = coded,
		.version = &version,
		.is_fallback = subject->is_fallback,
		.digest = is_tagged ? digest : NULL,
	};
	int fd = memfd_create("quoit", MFD_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	error = codec_decode(coded->coding, coded->fd, coded->size, fd, explanation->plan->config.decode_size,
			     &explain_never, &plain.size);
	if (error == 0 && is_tagged)
		error = digest_sha256(fd, plain.size, &explain_never, digest);
	if (error == 0) {
		memory_file_version(fd, &version);
		note = explain_note_create(explanation);
		*ret_asset = explain_noted(
			note, file_spec_create_plain(&plain, explanation->now, explain_trace_of(note)));
		error = *ret_asset ? 0 : -ENOMEM;
	}
	if (error < 0)
		close(fd);
	else
		(*ret_asset)->fd = fd;
	return error;
}

static void make_plain(struct explanation *explanation, const struct subject *subject, struct asset *coded)
{
	struct asset *last = subject->first, *plain = NULL;
	int error = decode(explanation, subject, coded, &plain);

	coded->decoded = error == 0 ? MAKING_READY : MAKING_FAILED;
	if (error < 0) {
		explain_say(explanation, "decoded", "it cannot be: %s",
			    error == -EFBIG     ? "longer than --decode-size"
			    : error == -EBADMSG ? "it is damaged"
						: strerror(-error));
		return;
	}
	while (last->next)
		last = last->next;
	last->next = plain;
	explain_say(explanation, "decoded", "%s, as there is no plain file: %llu bytes",
		    (const char *)coding_token(coded->coding).base, (unsigned long long)plain->size);
}

void explain_make(struct explanation *explanation, const struct subject *subject, const struct answer *answer)
{
	if (answer->need == NEED_DIGEST)
		make_digest(explanation, answer->asset);
	else
		make_plain(explanation, subject, answer->asset);
}
