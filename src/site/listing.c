/* SPDX-License-Identifier: MIT */
/*
 * The listing of a folder, as a page and as JSON.
 *
 * Called off the rings, by the thread that has read the folder: 100,000 entries are 200 ms
 * and 18 MB. Reads no folder and no clock itself, and writes no byte of a name other
 * than through site/escape.
 *
 * The hard thing is size. A row of the page is what HTML asks for and nothing more, about 170 bytes
 * with a name of 20; everything that rows have in common is in the style and the script.
 *
 * References: HTML 13.1.2.4 (optional tags), nginx's ngx_http_autoindex_module (the JSON's shape).
 */
#include "site/listing.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "http/date.h"
#include "site/escape.h"
#include "site/listing_page.h"

#define CHUNK_SIZE ((size_t)64 * 1024)
#define ENTRIES_FIRST 64

struct listing_chunk {
	struct listing_chunk *next;
	size_t used, size;
	char bytes[];
};

void listing_init(struct listing *listing)
{
	*listing = (struct listing){ .entries = NULL };
}

void listing_deinit(struct listing *listing)
{
	struct listing_chunk *next;

	for (struct listing_chunk *chunk = listing->chunks; chunk; chunk = next) {
		next = chunk->next;
		mem_free(chunk);
	}
	mem_free(listing->entries);
	listing_init(listing);
}

/* Chunks never move, so names stay where they are while the listing grows. */
static char *reserve_name(struct listing *listing, size_t size)
{
	struct listing_chunk *chunk = listing->chunks;
	size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;

	if (!chunk || chunk->size - chunk->used < size) {
		chunk = mem_alloc(sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		*chunk = (struct listing_chunk){ .next = listing->chunks, .size = room };
		listing->chunks = chunk;
	}
	return chunk->bytes + chunk->used;
}

static bool reserve_entry(struct listing *listing)
{
	size_t capacity = listing->capacity ? listing->capacity * 2 : ENTRIES_FIRST;
	struct listing_entry *entries;

	if (listing->count < listing->capacity)
		return true;
	entries = mem_resize(listing->entries, capacity * sizeof(*entries));
	if (!entries)
		return false;
	listing->entries = entries;
	listing->capacity = capacity;
	return true;
}

int listing_add(struct listing *listing, const struct listing_entry *entry)
{
	size_t size = strlen(entry->name) + 1;
	struct listing_entry *copy;
	char *name;

	check(size > 1);
	if (!reserve_entry(listing))
		return -ENOMEM;
	name = reserve_name(listing, size);
	if (!name)
		return -ENOMEM;
	listing->chunks->used += size;
	copy = &listing->entries[listing->count++];
	*copy = *entry;
	copy->name = memcpy(name, entry->name, size);
	return 0;
}

/* Compare the numbers at *a and *b, of any length, and step over them. */
static int compare_numbers(const uint8_t **a, const uint8_t **b)
{
	const uint8_t *begin_a, *begin_b;
	ptrdiff_t digits;

	while (**a == '0')
		(*a)++;
	while (**b == '0')
		(*b)++;
	for (begin_a = *a; byte_is_digit(**a);)
		(*a)++;
	for (begin_b = *b; byte_is_digit(**b);)
		(*b)++;
	digits = *a - begin_a;
	if (digits != *b - begin_b)
		return digits < *b - begin_b ? -1 : 1;
	return memcmp(begin_a, begin_b, (size_t)digits);
}

/*
 * A name is a sequence of numbers and other bytes, and a number stands among bytes where its digits
 * do: so this is a total order, which qsort asks for.
 */
static int compare_names(const char *name_a, const char *name_b)
{
	const uint8_t *a = (const uint8_t *)name_a, *b = (const uint8_t *)name_b;

	while (*a && *b) {
		int order;

		if (byte_is_digit(*a) && byte_is_digit(*b))
			order = compare_numbers(&a, &b);
		else
			order = byte_lower(*a++) - byte_lower(*b++);
		if (order != 0)
			return order;
	}
	if (*a || *b)
		return *a ? 1 : -1;
	return strcmp(name_a, name_b);
}

static int compare_entries(const void *left, const void *right)
{
	const struct listing_entry *a = left, *b = right;

	if (a->is_folder != b->is_folder)
		return a->is_folder ? -1 : 1;
	return compare_names(a->name, b->name);
}

void listing_sort(struct listing *listing)
{
	if (listing->count > 1)
		qsort(listing->entries, listing->count, sizeof(*listing->entries), compare_entries);
}

/* "2026-11-22T18:00:00Z", out of "Sun, 22 Nov 2026 18:00:00 GMT". */
#define STAMP_SIZE 20
static void format_stamp(int64_t seconds, uint8_t out[STAMP_SIZE])
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint8_t date[DATE_SIZE];
	const char *found;
	size_t month;

	date_format(seconds, date);
	found = memmem(months, sizeof(months) - 1, date + 8, 3);
	check(found);
	month = (size_t)(found - months) / 3 + 1;
	memcpy(out, "____-__-__T________Z", STAMP_SIZE);
	memcpy(out, date + 12, 4);
	out[5] = (uint8_t)('0' + month / 10);
	out[6] = (uint8_t)('0' + month % 10);
	memcpy(out + 8, date + 5, 2);
	memcpy(out + 11, date + 17, 8);
}

static void add_time(struct text *out, int64_t seconds)
{
	uint8_t stamp[STAMP_SIZE];

	format_stamp(seconds, stamp);
	text_add(out, BYTES("<td><time datetime=\""));
	text_add(out, bytes_make(stamp, STAMP_SIZE));
	text_add(out, BYTES("\">"));
	text_add(out, bytes_make(stamp, 10));
	text_add(out, BYTES(" "));
	text_add(out, bytes_make(stamp + 11, 5));
	text_add(out, BYTES("</time>\n"));
}

/* With a comma between thousands: "1,234,567". */
static void add_number(struct text *out, uint64_t number)
{
	uint8_t digits[32];
	size_t begin = sizeof(digits), count = 0;

	do {
		if (count > 0 && count % 3 == 0)
			digits[--begin] = ',';
		digits[--begin] = (uint8_t)('0' + number % 10);
		number /= 10;
		count++;
	} while (number > 0);
	text_add(out, bytes_make(digits + begin, sizeof(digits) - begin));
}

static void add_count(struct text *out, uint64_t count, const char *noun)
{
	add_number(out, count);
	text_add(out, BYTES(" "));
	text_add(out, bytes_string(noun));
	if (count != 1)
		text_add(out, BYTES("s"));
}

/*
 * "1.4 MiB", rounded to a tenth. The unit is the largest that leaves at least 1; what rounds up to
 * 1024.0 of one is 1.0 of the next. A remainder below 2^60 times ten stays below 2^64.
 */
static void add_size(struct text *out, uint64_t size)
{
	static const char units[] = "KMGTPE";
	unsigned shift = 10;
	uint64_t tenths;

	if (size < 1024) {
		add_number(out, size);
		text_add(out, BYTES(" B"));
		return;
	}
	while (shift < 60 && size >> (shift + 10) > 0)
		shift += 10;
	tenths = (size >> shift) * 10;
	tenths += ((size & ((UINT64_C(1) << shift) - 1)) * 10 + (UINT64_C(1) << (shift - 1))) >> shift;
	if (tenths == 10240 && shift < 60) {
		tenths = 10;
		shift += 10;
	}
	add_number(out, tenths / 10);
	text_add_byte(out, '.');
	text_add_byte(out, (uint8_t)('0' + tenths % 10));
	text_add_byte(out, ' ');
	text_add_byte(out, (uint8_t)units[shift / 10 - 1]);
	text_add(out, BYTES("iB"));
}

static void write_row(struct text *out, const struct listing_entry *entry)
{
	struct bytes name = bytes_string(entry->name);

	text_add(out,
		 entry->is_folder ? BYTES("<tr class=folder><td><a href=\"") : BYTES("<tr><td><a href=\""));
	escape_href_html(out, name);
	text_add(out, entry->is_folder ? BYTES("/\"><bdi>") : BYTES("\"><bdi>"));
	escape_html(out, name);
	if (entry->is_folder) {
		text_add(out, BYTES("</bdi>/</a><td>"));
	} else {
		text_add(out, BYTES("</bdi></a><td title=\""));
		add_count(out, entry->size, "byte");
		text_add(out, BYTES("\">"));
		add_size(out, entry->size);
	}
	add_time(out, entry->modified_s);
}

static void write_rows(struct text *out, const struct listing *listing)
{
	text_add(out, BYTES(listing_page_group));
	for (size_t i = 0; i < listing->count; i++) {
		if (i > 0 && i % LISTING_PAGE_GROUP == 0)
			text_add(out, BYTES(listing_page_group));
		write_row(out, &listing->entries[i]);
	}
}

/* Each segment of the path with its slash; all but the last, which is this page, are links up to it. */
static void write_path(struct text *out, struct bytes path)
{
	size_t above = 0; /* folders between this segment and the page */
	size_t begin = 0;

	for (size_t i = 1; i < path.size; i++)
		above += path.base[i] == '/';
	text_add(out, BYTES("<nav aria-label=\"Path\" translate=\"no\"><h1>Index of "));
	for (size_t i = 0; i < path.size; i++) {
		if (path.base[i] != '/')
			continue;
		text_add(out, above > 0 ? BYTES("<a href=\"") : BYTES("<span aria-current=\"page\">"));
		for (size_t k = 0; k < above; k++)
			text_add(out, BYTES("../"));
		if (above > 0)
			text_add(out, BYTES("\">"));
		if (i > 0) {
			text_add(out, BYTES("<bdi>"));
			escape_html(out, bytes_make(path.base + begin, i - begin));
			text_add(out, BYTES("</bdi>"));
		}
		text_add(out, above > 0 ? BYTES("/</a>") : BYTES("/</span>"));
		begin = i + 1;
		above--;
	}
	text_add(out, BYTES("</h1></nav>\n"));
}

static void write_footer(struct text *out, const struct listing *listing)
{
	size_t folders = 0;

	for (size_t i = 0; i < listing->count; i++)
		folders += listing->entries[i].is_folder;
	text_add(out, BYTES("</table>\n<footer>"));
	add_count(out, folders, "folder");
	text_add(out, BYTES(", "));
	add_count(out, listing->count - folders, "file");
	if (listing->truncated)
		text_add(out, BYTES(" shown. This list is incomplete."));
	text_add(out, BYTES("</footer>\n<script>"));
	text_add(out, BYTES(listing_page_script));
	text_add(out, BYTES("</script>\n</html>\n"));
}

void listing_write_html(const struct listing *listing, struct bytes path, struct text *out)
{
	check(path.size > 0 && path.base[0] == '/' && path.base[path.size - 1] == '/');
	text_add(out, BYTES(listing_page_begin));
	text_add(out, BYTES(listing_page_policy));
	text_add(out, BYTES("<title>Index of "));
	escape_html(out, path);
	text_add(out, BYTES("</title>\n<style>"));
	text_add(out, BYTES(listing_page_style));
	text_add(out, BYTES("</style>\n"));
	write_path(out, path);
	if (listing->truncated) {
		text_add(out, BYTES("<p>This list is incomplete: the folder holds more than the "));
		add_number(out, listing->count);
		text_add(out, BYTES(" entries shown here.</p>\n"));
	}
	text_add(out, BYTES(listing_page_table));
	if (path.size > 1)
		text_add(out, BYTES(listing_page_parent));
	write_rows(out, listing);
	write_footer(out, listing);
}

static void write_object(struct text *out, const struct listing_entry *entry)
{
	struct bytes name = bytes_string(entry->name);
	uint8_t date[DATE_SIZE];

	date_format(entry->modified_s, date);
	text_add(out, BYTES("{\"name\":\""));
	escape_json(out, name);
	text_add(out, entry->is_folder ? BYTES("\",\"type\":\"directory\",\"mtime\":\"")
				       : BYTES("\",\"type\":\"file\",\"mtime\":\""));
	text_add(out, bytes_make(date, DATE_SIZE));
	text_add(out, BYTES("\""));
	if (!entry->is_folder)
		text_format(out, ",\"size\":%llu", (unsigned long long)entry->size);
	text_add(out, BYTES(",\"href\":\""));
	escape_href(out, name);
	text_add(out, entry->is_folder ? BYTES("/\"}") : BYTES("\"}"));
}

void listing_write_json(const struct listing *listing, struct text *out)
{
	text_add(out, BYTES("[\n"));
	for (size_t i = 0; i < listing->count; i++) {
		if (i > 0)
			text_add(out, BYTES(",\n"));
		write_object(out, &listing->entries[i]);
	}
	text_add(out, BYTES("\n]\n"));
}
