/* SPDX-License-Identifier: MIT */
/*
 * What is parsed in the micro benches: requests of the three shapes that parsers are usually measured
 * with. A browser's, with many fields and a long cookie; a small one of a tool; and the smallest of a load
 * generator, sixteen times in one piece.
 */
#ifndef QUOIT_BENCH_REQUESTS_H
#define QUOIT_BENCH_REQUESTS_H

#include "base/bytes.h"

#define REQUESTS_ACCEPT "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
#define REQUESTS_ENCODING "gzip, deflate, br, zstd"
#define REQUESTS_LANGUAGE "en-GB,en;q=0.8,de;q=0.5,fr;q=0.3"

#define REQUESTS_BROWSER                                                                                     \
	"GET /harbour/2026/a-new-lighthouse.html?from=front HTTP/1.1\r\n"                                    \
	"Host: www.example.org\r\n"                                                                          \
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"             \
	"Accept: " REQUESTS_ACCEPT "\r\n"                                                                    \
	"Accept-Language: " REQUESTS_LANGUAGE "\r\n"                                                         \
	"Accept-Encoding: " REQUESTS_ENCODING "\r\n"                                                         \
	"Referer: https://www.example.org/harbour/\r\n"                                                      \
	"Cookie: sid=7d1f0a53c29e4b8896; theme=dark; tz=Europe%2FBerlin; seen=4,8,15,16,23,42; "             \
	"_v=1.2.1893456000.1767225600; consent=functional|statistics\r\n"                                    \
	"Connection: keep-alive\r\n"                                                                         \
	"Upgrade-Insecure-Requests: 1\r\n"                                                                   \
	"Sec-Fetch-Dest: document\r\n"                                                                       \
	"Sec-Fetch-Mode: navigate\r\n"                                                                       \
	"Sec-Fetch-Site: same-origin\r\n"                                                                    \
	"Priority: u=0, i\r\n"                                                                               \
	"\r\n"

#define REQUESTS_TOOL                                                                                        \
	"GET /styles/main.css HTTP/1.1\r\n"                                                                  \
	"Host: localhost:8080\r\n"                                                                           \
	"User-Agent: curl/8.14.1\r\n"                                                                        \
	"Accept: */*\r\n"                                                                                    \
	"\r\n"

#define REQUESTS_LOAD                                                                                        \
	"GET /1k.html HTTP/1.1\r\n"                                                                          \
	"Host: 127.0.0.1:8080\r\n"                                                                           \
	"\r\n"
#define REQUESTS_4_TIMES(text) text text text text
#define REQUESTS_BATCH REQUESTS_4_TIMES(REQUESTS_4_TIMES(REQUESTS_LOAD))

struct sample {
	const char *name;
	struct bytes text;
	unsigned requests;
	struct bytes target; /* of each, and its Host */
	struct bytes host;
};

#define SAMPLES 3
static const struct sample samples[SAMPLES] = {
	{ "browser", BYTES(REQUESTS_BROWSER), 1, BYTES("/harbour/2026/a-new-lighthouse.html?from=front"),
	  BYTES("www.example.org") },
	{ "curl", BYTES(REQUESTS_TOOL), 1, BYTES("/styles/main.css"), BYTES("localhost:8080") },
	{ "16 of wrk", BYTES(REQUESTS_BATCH), 16, BYTES("/1k.html"), BYTES("127.0.0.1:8080") },
};

#endif
