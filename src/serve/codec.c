/* SPDX-License-Identifier: MIT */
/*
 * Three libraries behind one step.
 *
 *   pread or memory --> in | step | out --> pwrite, unless that exceeds the limit
 *
 * A coder's step takes what it can from `in` and puts what it has into `out`, one piece at most;
 * the loops around it read, write, count, and look at `cancel` and the time between two steps.
 * So no coder knows a descriptor or a limit, and whatever a file claims to unpack to, no more
 * than a piece exists beyond what is allowed.
 *
 * Called on helper threads only. The one exception to the loop is gzip for files that are not
 * large: libdeflate compresses better than zlib can, but only all at once.
 */
#define ZLIB_CONST
#include "serve/codec.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/check.h"
#include "base/mem.h"

/* Large against the price of a system call, small against the memory that any coder takes. */
#define PIECE_SIZE ((size_t)64 * 1024)

/*
 * Up to these sizes the strongest level, above the strongest quick one. Measured on 1 MiB of C text, in
 * seconds and percent left:
 *
 *   brotli  11  2.1  16.8      9   0.10  18.6
 *   zstd    19  0.5  17.8      12  0.06  19.3
 *   gzip    12  0.3  20.3      9   0.06  21.2    (libdeflate; zlib)
 *
 * Brotli 11 works for up to a second inside of one step; libdeflate has only one step, and the worst text
 * that was found takes it half a second per MiB. zstd's steps are short, and 8 MiB is its whole window.
 */
#define BROTLI_STRONG_SIZE_MAX ((uint64_t)1 << 20)
#define ZSTD_STRONG_SIZE_MAX ((uint64_t)8 << 20)
#define LIBDEFLATE_SIZE_MAX ((uint64_t)2 << 20)

/* 8 MiB: what every client must be able to decode (RFC 9659). What is decoded here may ask for more. */
#define ZSTD_WINDOW_LOG 23
#define ZSTD_DECODE_WINDOW_LOG_MAX 27

/* Whoever stores, sends and decodes a variant wants something for it. */
#define WORTH_PERCENT 95

/* zlib's way to say: the largest window, with a gzip header. */
#define GZIP_WINDOW_BITS (15 + 16)

struct flow {
	const uint8_t *in; /* what the coder has not taken yet */
	size_t in_size;
	bool in_is_last; /* nothing comes behind it; told to encoders */

	uint8_t *out; /* room for PIECE_SIZE */
	size_t out_size;

	int fd;
	uint64_t written, written_max;
	const _Atomic bool *cancel;
};

enum step {
	STEP_MORE, /* with room left in `out`: wants more input */
	STEP_END,  /* a stream, member or frame ends here, and all of it is in `out` */
};

struct coder {
	/* A state for an input of `size` bytes; NULL: no memory. */
	void *(*create)(uint64_t size);
	/* Replaces out_size. An enum step or a negative errno. */
	int (*step)(void *state, struct flow *flow);
	void (*destroy)(void *state);
};

static int zlib_step(z_stream *zlib, struct flow *flow, int (*work)(z_stream *, int), int flush)
{
	int result;

	zlib->next_in = flow->in;
	zlib->avail_in = (uInt)flow->in_size;
	zlib->next_out = flow->out;
	zlib->avail_out = (uInt)PIECE_SIZE;
	result = work(zlib, flush);
	flow->in = zlib->next_in;
	flow->in_size = zlib->avail_in;
	flow->out_size = PIECE_SIZE - zlib->avail_out;
	switch (result) {
	case Z_OK:
	case Z_BUF_ERROR: /* nothing to do without more input */
		return STEP_MORE;
	case Z_STREAM_END:
		return STEP_END;
	case Z_MEM_ERROR:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

static void *gzip_decoder_create(uint64_t size)
{
	z_stream *zlib = mem_alloc_zeroed(1, sizeof(*zlib));

	(void)size;
	if (zlib && inflateInit2(zlib, GZIP_WINDOW_BITS) == Z_OK)
		return zlib;
	mem_free(zlib);
	return NULL;
}

static int gzip_decoder_step(void *state, struct flow *flow)
{
	int result = zlib_step(state, flow, inflate, Z_NO_FLUSH);

	if (result == STEP_END)
		inflateReset(state); /* another member may follow (RFC 1952 2.2) */
	return result;
}

static void gzip_decoder_destroy(void *state)
{
	inflateEnd(state);
	mem_free(state);
}

static void *gzip_encoder_create(uint64_t size)
{
	z_stream *zlib = mem_alloc_zeroed(1, sizeof(*zlib));

	(void)size;
	/* Without a header of our own, zlib's has no name and no time in it. */
	if (zlib && deflateInit2(zlib, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, 9,
				 Z_DEFAULT_STRATEGY) == Z_OK)
		return zlib;
	mem_free(zlib);
	return NULL;
}

static int gzip_encoder_step(void *state, struct flow *flow)
{
	return zlib_step(state, flow, deflate, flow->in_is_last ? Z_FINISH : Z_NO_FLUSH);
}

static void gzip_encoder_destroy(void *state)
{
	deflateEnd(state);
	mem_free(state);
}

static void *br_decoder_create(uint64_t size)
{
	(void)size;
	return BrotliDecoderCreateInstance(NULL, NULL, NULL);
}

static int br_decoder_step(void *state, struct flow *flow)
{
	size_t room = PIECE_SIZE;
	uint8_t *out = flow->out;
	BrotliDecoderErrorCode code;

	switch (BrotliDecoderDecompressStream(state, &flow->in_size, &flow->in, &room, &out, NULL)) {
	case BROTLI_DECODER_RESULT_SUCCESS:
		flow->out_size = PIECE_SIZE - room;
		return STEP_END;
	case BROTLI_DECODER_RESULT_ERROR:
		code = BrotliDecoderGetErrorCode(state);
		return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
				       code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES
			       ? -ENOMEM
			       : -EBADMSG;
	default:
		flow->out_size = PIECE_SIZE - room;
		return STEP_MORE;
	}
}

static void br_decoder_destroy(void *state)
{
	BrotliDecoderDestroyInstance(state);
}

static void *br_encoder_create(uint64_t size)
{
	BrotliEncoderState *brotli = BrotliEncoderCreateInstance(NULL, NULL, NULL);
	uint32_t quality = size <= BROTLI_STRONG_SIZE_MAX ? BROTLI_MAX_QUALITY : 9;
	uint32_t window = 16;

	if (!brotli)
		return NULL;
	/* No larger than the file: the window is memory that each client needs. */
	while (window < BROTLI_MAX_WINDOW_BITS && ((uint64_t)1 << window) - 16 < size)
		window++;
	BrotliEncoderSetParameter(brotli, BROTLI_PARAM_QUALITY, quality);
	BrotliEncoderSetParameter(brotli, BROTLI_PARAM_LGWIN, window);
	BrotliEncoderSetParameter(brotli, BROTLI_PARAM_SIZE_HINT,
				  size < UINT32_MAX ? (uint32_t)size : UINT32_MAX);
	/* No BROTLI_MODE_TEXT: up to 1.0.9 at least, the output is the same to the byte. */
	return brotli;
}

static int br_encoder_step(void *state, struct flow *flow)
{
	BrotliEncoderOperation operation =
		flow->in_is_last ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS;
	size_t room = PIECE_SIZE;
	uint8_t *out = flow->out;

	/* Memory is the only thing of which it can fail. */
	if (!BrotliEncoderCompressStream(state, operation, &flow->in_size, &flow->in, &room, &out, NULL))
		return -ENOMEM;
	flow->out_size = PIECE_SIZE - room;
	return BrotliEncoderIsFinished(state) ? STEP_END : STEP_MORE;
}

static void br_encoder_destroy(void *state)
{
	BrotliEncoderDestroyInstance(state);
}

static int zstd_error(size_t result)
{
	return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
}

static void *zstd_decoder_create(uint64_t size)
{
	ZSTD_DCtx *zstd = ZSTD_createDCtx();

	(void)size;
	if (zstd)
		ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, ZSTD_DECODE_WINDOW_LOG_MAX);
	return zstd;
}

static int zstd_decoder_step(void *state, struct flow *flow)
{
	ZSTD_inBuffer in = { .src = flow->in, .size = flow->in_size };
	ZSTD_outBuffer out = { .dst = flow->out, .size = PIECE_SIZE };
	size_t result = ZSTD_decompressStream(state, &out, &in);

	flow->in += in.pos;
	flow->in_size -= in.pos;
	flow->out_size = out.pos;
	if (ZSTD_isError(result))
		return zstd_error(result);
	return result == 0 ? STEP_END : STEP_MORE;
}

static void zstd_decoder_destroy(void *state)
{
	ZSTD_freeDCtx(state);
}

static void *zstd_encoder_create(uint64_t size)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	if (!zstd)
		return NULL;
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, size <= ZSTD_STRONG_SIZE_MAX ? 19 : 12);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, ZSTD_WINDOW_LOG);
	/* Known beforehand, the size stands in the frame, and window and tables are no larger than it needs.
	 */
	ZSTD_CCtx_setPledgedSrcSize(zstd, size);
	return zstd;
}

static int zstd_encoder_step(void *state, struct flow *flow)
{
	ZSTD_inBuffer in = { .src = flow->in, .size = flow->in_size };
	ZSTD_outBuffer out = { .dst = flow->out, .size = PIECE_SIZE };
	size_t result =
		ZSTD_compressStream2(state, &out, &in, flow->in_is_last ? ZSTD_e_end : ZSTD_e_continue);

	flow->in += in.pos;
	flow->in_size -= in.pos;
	flow->out_size = out.pos;
	if (ZSTD_isError(result))
		return zstd_error(result);
	return flow->in_is_last && result == 0 ? STEP_END : STEP_MORE;
}

static void zstd_encoder_destroy(void *state)
{
	ZSTD_freeCCtx(state);
}

static const struct coder decoders[CODING_COUNT] = {
	[CODING_GZIP] = { gzip_decoder_create, gzip_decoder_step, gzip_decoder_destroy },
	[CODING_BR] = { br_decoder_create, br_decoder_step, br_decoder_destroy },
	[CODING_ZSTD] = { zstd_decoder_create, zstd_decoder_step, zstd_decoder_destroy },
};

static const struct coder encoders[CODING_COUNT] = {
	[CODING_GZIP] = { gzip_encoder_create, gzip_encoder_step, gzip_encoder_destroy },
	[CODING_BR] = { br_encoder_create, br_encoder_step, br_encoder_destroy },
	[CODING_ZSTD] = { zstd_encoder_create, zstd_encoder_step, zstd_encoder_destroy },
};

/* Returns `excess` when that would be more than is allowed, and writes nothing of it then. */
static int drain(struct flow *flow, int excess)
{
	size_t done = 0;

	if (flow->out_size > flow->written_max - flow->written)
		return excess;
	while (done < flow->out_size) {
		ssize_t size =
			pwrite(flow->fd, flow->out + done, flow->out_size - done, (off_t)flow->written);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		done += (size_t)size;
		flow->written += (uint64_t)size;
	}
	return 0;
}

/* The next piece of `in_fd`, into `piece`. */
static int fill(struct flow *flow, int in_fd, uint64_t at, uint64_t in_size, uint8_t *piece)
{
	size_t wanted = in_size - at < PIECE_SIZE ? (size_t)(in_size - at) : PIECE_SIZE;
	ssize_t size;

	do
		size = pread(in_fd, piece, wanted, (off_t)at);
	while (size < 0 && errno == EINTR);
	if (size <= 0)
		return size < 0 ? -errno : -ESTALE;
	flow->in = piece;
	flow->in_size = (size_t)size;
	return 0;
}

static int decode(const struct coder *coder, void *state, struct flow *flow, int in_fd, uint64_t in_size,
		  uint8_t *piece)
{
	uint64_t at = 0;
	bool more = false; /* the last step filled its room: there may be more without input */
	int step = STEP_MORE, error;
	size_t before;

	for (;;) {
		if (atomic_load_explicit(flow->cancel, memory_order_relaxed))
			return -ECANCELED;
		if (flow->in_size == 0 && !more) {
			if (at == in_size)
				return step == STEP_END ? 0 : -EBADMSG;
			error = fill(flow, in_fd, at, in_size, piece);
			if (error < 0)
				return error;
			at += flow->in_size;
		}
		before = flow->in_size;
		step = coder->step(state, flow);
		if (step < 0)
			return step;
		/* Offered more and taking nothing: brotli behind its end. Nobody may go round in circles. */
		if (!more && flow->in_size == before && flow->out_size == 0)
			return -EBADMSG;
		more = step == STEP_MORE && flow->out_size == PIECE_SIZE;
		error = drain(flow, -EFBIG);
		if (error < 0)
			return error;
	}
}

/* Processor time of this thread. */
static uint64_t time_spent_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static int encode(const struct coder *coder, void *state, struct flow *flow, struct bytes in,
		  uint64_t time_max_ms)
{
	uint64_t begin_ms = time_spent_ms();
	int step, error;

	for (;;) {
		if (atomic_load_explicit(flow->cancel, memory_order_relaxed))
			return -ECANCELED;
		if (time_spent_ms() - begin_ms > time_max_ms)
			return -ETIME;
		if (flow->in_size == 0 && !flow->in_is_last) {
			flow->in = in.base;
			flow->in_size = in.size < PIECE_SIZE ? in.size : PIECE_SIZE;
			in = bytes_skip(in, flow->in_size);
			flow->in_is_last = in.size == 0;
		}
		step = coder->step(state, flow);
		if (step < 0)
			return step;
		error = drain(flow, CODEC_NO_GAIN);
		if (error != 0 || step == STEP_END)
			return error;
	}
}

/* Room for what is worth keeping and no more: libdeflate stops where it is full. */
static int encode_at_once(struct flow *flow, struct bytes in)
{
	struct libdeflate_compressor *libdeflate = libdeflate_alloc_compressor(12);
	int error = -ENOMEM;

	flow->out = mem_alloc((size_t)flow->written_max);
	if (libdeflate && flow->out) {
		flow->out_size = libdeflate_gzip_compress(libdeflate, in.base, in.size, flow->out,
							  (size_t)flow->written_max);
		error = flow->out_size == 0 ? CODEC_NO_GAIN : drain(flow, CODEC_NO_GAIN);
	}
	mem_free(flow->out);
	libdeflate_free_compressor(libdeflate);
	return error;
}

/* What was written before something went wrong is nobody's. */
static int leave(const struct flow *flow, int result, uint64_t *ret_size)
{
	int ignored;

	if (result == 0) {
		*ret_size = flow->written;
		return 0;
	}
	ignored = ftruncate(flow->fd, 0);
	(void)ignored;
	return result;
}

int codec_decode(enum coding coding, int in_fd, uint64_t in_size, int out_fd, uint64_t out_size_max,
		 const _Atomic bool *cancel, uint64_t *ret_size)
{
	const struct coder *coder = &decoders[coding];
	struct flow flow = { .fd = out_fd, .written_max = out_size_max, .cancel = cancel };
	uint8_t *pieces = mem_alloc(2 * PIECE_SIZE);
	void *state;
	int result = -ENOMEM;

	check(coding > CODING_IDENTITY && coding < CODING_COUNT);
	state = coder->create(in_size);
	flow.out = pieces;
	if (state && pieces)
		result = decode(coder, state, &flow, in_fd, in_size, pieces + PIECE_SIZE);
	if (state)
		coder->destroy(state);
	mem_free(pieces);
	return leave(&flow, result, ret_size);
}

int codec_encode(enum coding coding, struct bytes in, uint64_t time_max_ms, const _Atomic bool *cancel,
		 int out_fd, uint64_t *ret_size)
{
	const struct coder *coder = &encoders[coding];
	struct flow flow = { .fd = out_fd, .cancel = cancel };
	void *state;
	int result = -ENOMEM;

	check(coding > CODING_IDENTITY && coding < CODING_COUNT);
	if (in.size < 2)
		return CODEC_NO_GAIN;
	flow.written_max = ((uint64_t)in.size * WORTH_PERCENT - 1) / 100;
	if (coding == CODING_GZIP && in.size <= LIBDEFLATE_SIZE_MAX) {
		result = atomic_load_explicit(cancel, memory_order_relaxed) ? -ECANCELED
									    : encode_at_once(&flow, in);
		return leave(&flow, result, ret_size);
	}
	flow.out = mem_alloc(PIECE_SIZE);
	state = coder->create(in.size);
	if (state && flow.out)
		result = encode(coder, state, &flow, in, time_max_ms);
	if (state)
		coder->destroy(state);
	mem_free(flow.out);
	return leave(&flow, result, ret_size);
}
