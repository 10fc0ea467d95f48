/* SPDX-License-Identifier: MIT */
/*
 * What a person wrote: the parts of a configuration that are more than one scalar, as text.
 *
 * serve/config_file fills it from YAML (its schema is this struct), site_create() makes a
 * struct site of it and says what is wrong. Everything is owned by whoever filled it; a text that
 * was not given is NULL, a list that was not given has count 0.
 *
 * Also the options of a host: their typed values in struct site_options, their rows in site.def.
 */
#ifndef QUOIT_SITE_SPEC_H
#define QUOIT_SITE_SPEC_H

#include <stdbool.h>
#include <stdint.h>

enum site_option {
#define OPTION(field, kind, default, min, max, sentence) SITE_OPTION_##field,
#include "site/site.def"
#undef OPTION
	SITE_OPTION_COUNT,
};

/* TEXT and LIST (comma-separated): char *, owned; CHOICE: the word's number; SWITCH: 0 or 1; SECONDS: ms. */
struct site_options {
#define OPTION_TYPE_TEXT char *
#define OPTION_TYPE_LIST char *
#define OPTION_TYPE_CHOICE uint64_t
#define OPTION_TYPE_SWITCH uint64_t
#define OPTION_TYPE_COUNT uint64_t
#define OPTION_TYPE_SIZE uint64_t
#define OPTION_TYPE_SECONDS uint64_t
#define OPTION(field, kind, default, min, max, sentence) OPTION_TYPE_##kind field;
#include "site/site.def"
#undef OPTION
};

/* The words of the CHOICE rows, in their order. */
enum trailing_slash { SLASH_ADD, SLASH_REMOVE, SLASH_NONE };
enum symlinks { SYMLINKS_INSIDE, SYMLINKS_DENY, SYMLINKS_FOLLOW };
enum etag_kind { ETAG_TIME, ETAG_CONTENT, ETAG_NONE };
enum cache_policy { CACHE_NONE, CACHE_AUTO };

/* headers: fields of what is served */
struct header_spec {
	char *path;    /* glob on the served file's path: "/assets/" and two stars */
	char *type;    /* glob on its media type: "image/" and a star */
	char **status; /* "404", "5xx" */
	unsigned status_count;
	char **set; /* "Name: value" */
	unsigned set_count;
	char **add; /* "Name: value" */
	unsigned add_count;
	char **remove; /* "Name" */
	unsigned remove_count;
};

/* redirects and rewrites: exactly one of from, prefix and pattern */
struct route_spec {
	char *from;    /* this path */
	char *prefix;  /* paths that begin so; what follows is appended to `to` */
	char *pattern; /* regular expression on the path */
	char *to;      /* "/path" or, of redirects, "https://..."; $1 to $9 are captures, $$ a dollar sign */
	char *status;  /* redirects: "301" (default), 302, 303, 307, 308 */
};

/* types: media types by extension */
struct type_spec {
	char **ext; /* without the dot */
	unsigned ext_count;
	char *type;
};

/* hints: 103 Early Hints */
struct hint_spec {
	char *path;  /* glob on the served file's path */
	char **link; /* values of Link fields */
	unsigned link_count;
};

/* Statuses that can have an error page of their own. */
#define ERROR_PAGES(X) X(400) X(403) X(404) X(405) X(406) X(412) X(416) X(500) X(503)
enum error_page {
#define X(code) ERROR_PAGE_##code,
	ERROR_PAGES(X)
#undef X
		ERROR_PAGE_COUNT,
};

struct host_spec {
	char **names; /* "www.example.org", "*.example.org"; of hosts only */
	unsigned names_count;
	char *option[SITE_OPTION_COUNT]; /* every kind but LIST */
	struct {
		char **item;
		unsigned item_count;
	} list[SITE_OPTION_COUNT]; /* kind LIST */
	struct header_spec *headers;
	unsigned headers_count;
	struct route_spec *redirects;
	unsigned redirects_count;
	struct route_spec *rewrites;
	unsigned rewrites_count;
	struct type_spec *types;
	unsigned types_count;
	struct hint_spec *hints;
	unsigned hints_count;
	char *errors[ERROR_PAGE_COUNT]; /* path of the page: "/404.html" */
};

#endif
