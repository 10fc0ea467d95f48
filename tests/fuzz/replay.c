/* SPDX-License-Identifier: MIT */
/*
 * Plays files through a fuzz entry, without libFuzzer: what makes a corpus an ordinary test, under whatever
 * compiler and sanitizer the build has.
 *
 *   fuzz_NAME corpus/NAME      every file of the folder
 *   fuzz_NAME FILE...          these
 *
 * Each is played as it is, and without its last byte; both end at a page without access. The name is printed
 * before it is played, since a property that does not hold ends the process: the last name is the culprit.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"

#define FILE_SIZE_MAX ((size_t)64 * 1024)

static int play(const uint8_t *data, size_t size)
{
	uint8_t *copy = guard_copy(data, size);
	int result = LLVMFuzzerTestOneInput(copy, size);

	guard_release(copy, size);
	return result;
}

static bool play_file(const char *path)
{
	static uint8_t data[FILE_SIZE_MAX + 1];
	FILE *file = fopen(path, "rb");
	size_t size = file ? fread(data, 1, sizeof(data), file) : 0;
	bool is_read = file && !ferror(file) && size <= FILE_SIZE_MAX;

	if (file)
		fclose(file);
	if (!is_read) {
		fprintf(stderr, "%s cannot be read, or has more than %zu bytes\n", path, FILE_SIZE_MAX);
		return false;
	}
	printf("%s\n", path);
	fflush(stdout);
	return play(data, size) == 0 && (size == 0 || play(data, size - 1) == 0);
}

static int by_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* How many were played; -1: one failed, or there is no such folder. */
static int play_folder(const char *folder)
{
	struct dirent **entry;
	int count = scandir(folder, &entry, by_name, alphasort);
	bool good = count >= 0;

	if (count < 0)
		perror(folder);
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder, entry[i]->d_name);
		good = good && play_file(path);
		free(entry[i]);
	}
	if (count >= 0)
		free(entry);
	return good ? count : -1;
}

int main(int argc, char **argv)
{
	int played = 0;

	for (int i = 1; i < argc && played >= 0; i++) {
		struct stat status;
		bool is_folder = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);
		int count = is_folder ? play_folder(argv[i]) : play_file(argv[i]) ? 1 : -1;

		played = count < 0 ? -1 : played + count;
	}
	if (played > 0)
		return 0;
	if (played == 0)
		fprintf(stderr, "Usage: %s FOLDER|FILE...\nThere was nothing to play.\n", argv[0]);
	return 1;
}
