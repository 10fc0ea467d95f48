/* SPDX-License-Identifier: MIT */
/*
 * A folder and a configuration that use every feature, and a request for each decision: what
 * test_explain.c serves and explains.
 *
 *   explain_site_create();      `folder` and its files, ".quoit.yaml" among them
 *   explain_site_remove();
 */
#ifndef QUOIT_TESTS_UNIT_EXPLAIN_SITE_H
#define QUOIT_TESTS_UNIT_EXPLAIN_SITE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "serve/codec.h"

#define FIELDS_MAX 5
#define OLD 1600000000 /* Sun, 13 Sep 2020 12:26:40 GMT: so dates in requests can be written down */

static const char configuration[] =
	"languages: [en, fr]\n"
	"cache: auto\n"
	"listing: on\n"
	"clean-urls: on\n"
	"digest-size: 100K\n"
	"presets: [security]\n"
	"redirects:\n"
	"  - {from: /old, to: /docs/}\n"
	"  - {prefix: /away/, to: 'https://other.example/b?c=d#e', status: 308}\n"
	"  - {pattern: '^/p/(\\d+)$', to: '/page?n=$1', status: 302}\n"
	"rewrites:\n"
	"  - {prefix: /virtual/, to: /docs/}\n"
	"  - {pattern: '^/nowhere(.*)$', to: '/$1/x'}\n"
	"headers:\n"
	"  - {path: '/docs/**', set: ['X-Docs: yes', 'ETag: \"of-a-rule\"']}\n"
	"  - {type: 'text/*', add: ['X-Text: 1', 'Vary: Origin']}\n"
	"  - {status: ['404', 304, 5xx], set: ['X-Status: rare'], remove: [X-Frame-Options]}\n"
	"hints:\n"
	"  - {path: /index.html, link: ['</a.css>; rel=preload; as=style']}\n"
	"errors: {404: /404.html, 412: /missing.html}\n"
	"hosts:\n"
	"  - {names: [app.example, '*.app.example'], root: ROOT/app, fallback: /index.html, presets: "
	"[none],\n"
	"     charset: iso-8859-1, order: [Connection, Date]}\n"
	"  - {names: [hash.example], root: ROOT/docs, etag: content, index: [none], listing: off}\n"
	"  - {names: [made.example], root: ROOT/made, precompress: on, languages: [none]}\n"
	"  - {names: [lost.example], fallback: /missing.html, errors: {400: /page.html}}\n"
	"  - {names: [strict.example], symlinks: deny, trailing-slash: remove, etag: none, cache: none}\n";

struct wanted {
	const char *method; /* NULL: GET */
	const char *target;
	const char *fields[FIELDS_MAX]; /* the first is Host, or "" for that of the default site */
};

static const struct wanted requests[] = {
	/* What a path stands for */
	{ NULL, "/", { "" } },
	{ "HEAD", "/index.html?q=1", { "" } },
	{ NULL, "/docs/../docs//page.html", { "" } },
	{ NULL, "/docs", { "" } },
	{ NULL, "/docs/", { "" } },
	{ NULL, "/docs/", { "", "Accept: application/json" } },
	{ NULL, "/docs/page", { "" } },
	{ NULL, "/big.bin", { "" } },
	{ NULL, "/empty.txt", { "" } },
	{ NULL, "/a%20%c3%a4.txt", { "" } },
	{ NULL, "/app-0123abcd.js", { "" } },
	{ NULL, "/nothing", { "" } },
	{ NULL, "/page.html/x", { "" } },
	{ NULL, "/out", { "" } },
	{ NULL, "/inside", { "" } },
	{ NULL, "/inside", { "strict.example" } },
	{ NULL, "/docs/", { "strict.example" } },
	{ NULL, "/links/", { "" } },
	{ NULL, "/page.html/", { "strict.example" } },
	{ NULL, "/fifo", { "" } },
	/* Hosts */
	{ NULL, "/", { "APP.example.:8080" } },
	{ NULL, "/", { "a.b.app.example" } },
	{ NULL, "/", { "[::1]:80" } },
	{ NULL, "/nothing", { "strict.example" } },
	/* Routes */
	{ NULL, "/old?x=1", { "" } },
	{ NULL, "/away/%20?x=1", { "" } },
	{ NULL, "/p/12?x=1", { "" } },
	{ NULL, "/virtual/page.html", { "" } },
	{ NULL, "/virtual/", { "" } },
	{ NULL, "/nowhere/.x", { "" } },
	/* Negotiation */
	{ NULL, "/index.html", { "", "Accept-Encoding: gzip, br;q=0.5" } },
	{ NULL, "/index.html", { "", "Accept-Encoding: gzip;q=0.5", "Accept-Encoding: br" } },
	{ NULL, "/index.html", { "", "Accept-Encoding: identity;q=0, *;q=0" } },
	{ NULL, "/docs/page.html", { "", "Accept-Encoding: br, gzip" } },
	{ NULL, "/stale.txt", { "", "Accept-Encoding: gzip" } },
	{ NULL, "/only.txt", { "", "Accept-Encoding: gzip" } },
	{ NULL, "/only.txt", { "" } },
	{ NULL, "/only.txt", { "hash.example" } },
	{ NULL, "/only.css", { "hash.example" } },
	{ NULL, "/broken.txt", { "" } },
	{ NULL, "/page.html", { "", "Accept-Language: de, fr;q=0.5, *;q=0.1" } },
	{ NULL, "/page.html", { "", "Accept-Language: fr", "Accept-Encoding: br" } },
	{ NULL, "/page", { "" } },
	/* Conditions */
	{ NULL, "/index.html", { "", "If-None-Match: *" } },
	{ NULL, "/index.html", { "", "If-None-Match: \"x\", W/\"y\"" } },
	{ NULL, "/docs/page.html", { "", "If-None-Match: \"of-a-rule-br\"", "Accept-Encoding: br" } },
	{ NULL, "/index.html", { "", "If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT" } },
	{ NULL, "/index.html", { "", "If-Match: \"x\"" } },
	{ "HEAD", "/index.html", { "", "If-Unmodified-Since: Sun, 13 Sep 2020 12:26:39 GMT" } },
	{ NULL, "/page.html", { "hash.example", "If-None-Match: *", "Connection: close" } },
	/* Ranges */
	{ NULL, "/big.bin", { "", "Range: bytes=5-9" } },
	{ NULL, "/big.bin", { "", "Range: bytes=0-1, 70000-, -5" } },
	{ NULL, "/index.html", { "", "Range: bytes=0-1,5-6,20-30", "Accept-Encoding: br" } },
	{ NULL, "/big.bin", { "", "Range: bytes=5-4" } },
	{ NULL, "/big.bin", { "", "Range: bytes=999999-" } },
	{ "HEAD", "/big.bin", { "", "Range: bytes=0-1" } },
	{ NULL, "/big.bin", { "", "Range: bytes=0-1", "If-Range: \"x\"" } },
	{ NULL, "/big.bin", { "", "Range: bytes=0-1", "If-Range: Sun, 13 Sep 2020 12:26:40 GMT" } },
	/* What is made of it, and hints */
	{ NULL, "/index.html", { "", "Want-Repr-Digest: sha-256=1" } },
	{ NULL, "/only.txt", { "", "Want-Repr-Digest: sha-256=1", "Range: bytes=0-9" } },
	{ NULL, "/empty.txt", { "", "Want-Repr-Digest: sha-256=1" } },
	{ NULL, "/page.html", { "hash.example", "Want-Repr-Digest: sha-256=1" } },
	{ NULL, "/large.bin", { "", "Want-Repr-Digest: sha-256=1" } },
	{ NULL, "/", { "", "Sec-Fetch-Mode: navigate" } },
	{ NULL, "/", { "", "Accept: text/html", "If-None-Match: *" } },
	/* Fallback and errors */
	{ NULL, "/nothing", { "app.example", "Sec-Fetch-Mode: navigate" } },
	{ NULL, "/nothing.js", { "app.example", "Sec-Fetch-Mode: no-cors" } },
	{ "HEAD", "/nothing", { "app.example", "Accept: text/html, */*;q=0.1", "Range: bytes=0-1" } },
	{ NULL, "/nothing", { "lost.example", "Sec-Fetch-Mode: navigate" } },
	{ NULL, "/%zz", { "lost.example", "Accept-Language: fr" } },
	/* Methods and bodies */
	{ "OPTIONS", "*", { "" } },
	{ "OPTIONS", "/", { "app.example", "Connection: close" } },
	{ "POST", "/", { "" } },
	{ "CONNECT", "/", { "" } },
	{ "BREW", "/", { "" } },
	{ "get", "/", { "" } },
	{ NULL, "/index.html", { "", "Content-Length: 5" } },
	{ NULL, "/index.html", { "", "Content-Length: 5", "Expect: 100-continue" } },
	{ "POST", "/index.html", { "", "Content-Length: 5", "Expect: 100-continue" } },
	{ NULL, "/index.html", { "", "Content-Length: 9999999" } },
	/* Refusals */
	{ NULL, "/.git/config", { "" } },
	{ NULL, "/.well-known/x", { "" } },
	{ NULL, "/a%2fb", { "" } },
	{ NULL, "/../x", { "" } },
	{ NULL, "/%zz", { "" } },
	{ NULL, "/a b", { "" } },
	{ NULL, "/", { "", "Host: a/b" } },
	{ NULL, "/", { "", "Host: one.example", "Host: two.example" } },
	{ NULL, "/", { "", "Expect: something" } },
	{ NULL, "/", { "", "Transfer-Encoding: gzip, chunked" } },
	{ NULL, "/", { "", "Content-Length: x" } },
	{ NULL, "/", { "", "Bad name: x" } },
};

static char folder[] = "/tmp/quoit-explain-XXXXXX";

static inline const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static inline void set_time(const char *name, time_t seconds)
{
	const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static inline void write_file(const char *name, size_t size)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	for (size_t i = 0; i < size; i++)
		fputc("an ordinary line of text\n"[i % 25], file);
	fclose(file);
	set_time(name, OLD);
}

static inline void write_coded(const char *name)
{
	static const char text[] =
		"the same and the same and the same and the same and the same and the same\n";
	static const _Atomic bool never;
	uint64_t size;
	int fd = open(path_of(name), O_RDWR | O_CREAT, 0644);

	assert_true(fd >= 0);
	assert_int_equal(codec_encode(CODING_GZIP, bytes_string(text), 10000, &never, fd, &size), CODEC_DONE);
	close(fd);
	set_time(name, OLD);
}

static inline void make_files(void)
{
	static const char *const folders[] = { "docs", "app", "made", "links" };
	char inside[256];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		assert_int_equal(mkdir(path_of(folders[i]), 0755), 0);
	write_file("index.html", 1000);
	write_file("index.html.br", 100);
	write_file("index.html.gz", 110);
	write_file("page.html", 500);
	write_file("page.fr.html", 501);
	write_file("page.fr.html.br", 50);
	write_file("docs/page.html", 600);
	write_file("docs/page.html.br", 60);
	write_file("404.html", 40);
	write_file("a \xc3\xa4.txt", 10);
	write_file("app-0123abcd.js", 10);
	write_file("empty.txt", 0);
	write_file("big.bin", 80000);
	write_file("large.bin", 120000);
	write_file("stale.txt", 100);
	write_file("stale.txt.gz", 20);
	set_time("stale.txt.gz", OLD - 100);
	write_file("broken.txt.gz", 20);
	write_coded("only.txt.gz");
	write_coded("docs/only.txt.gz");
	write_coded("docs/only.css.gz");
	write_file("app/index.html", 30);
	write_file("made/page.html", 5000);
	snprintf(inside, sizeof(inside), "%s/page.html", folder);
	assert_int_equal(symlink(inside, path_of("inside")), 0);
	assert_int_equal(symlink("/etc/passwd", path_of("out")), 0);
	assert_int_equal(symlink("/etc/passwd", path_of("links/out")), 0);
	assert_int_equal(symlink("../page.html", path_of("links/inside")), 0);
	assert_int_equal(mkfifo(path_of("fifo"), 0644), 0);
}

static inline void write_configuration(void)
{
	FILE *file = fopen(path_of(".quoit.yaml"), "w");
	const char *at = configuration, *root;

	assert_non_null(file);
	for (; (root = strstr(at, "ROOT")); at = root + 4)
		fprintf(file, "%.*s%s", (int)(root - at), at, folder);
	fputs(at, file);
	fclose(file);
}

static inline int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

/* Beside the site, since it must not be inside. */
static inline const char *compress_folder_path(void)
{
	static char beside[256];

	snprintf(beside, sizeof(beside), "%s-made", folder);
	return beside;
}

static inline void explain_site_create(void)
{
	assert_non_null(mkdtemp(folder));
	make_files();
	write_configuration();
}

static inline int explain_site_remove(void)
{
	return nftw(compress_folder_path(), remove_one, 8, FTW_DEPTH | FTW_PHYS) |
	       nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
