/* SPDX-License-Identifier: MIT */
/*
 * What `quoit calibrate` found, for a person: a table of all that was measured, then the recommended
 * settings as flags and as lines for the configuration file, each with its reason.
 */
#include <string.h>
#include <sys/utsname.h>

#include "calibrate.h"
#include "quoit.h"

#define WIDTH 80
#define WAY_WIDTH 16

void calibrate_report_machine(struct calibrate_machine *ret_machine)
{
	struct utsname name = { .release = "?", .machine = "?" };
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	uname(&name);
	snprintf(ret_machine->kernel, sizeof(ret_machine->kernel), "%s %s", name.sysname, name.release);
	snprintf(ret_machine->processor, sizeof(ret_machine->processor), "%s", name.machine);
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
			line[strcspn(line, "\n")] = 0;
			snprintf(ret_machine->processor, sizeof(ret_machine->processor), "%.120s",
				 strchr(line, ':') + 2);
			break;
		}
	if (file)
		fclose(file);
}

const char *calibrate_report_flags(const struct calibrate *run, char *out)
{
	size_t size = 0;
	char value[CALIBRATE_SIZE_TEXT];

	out[0] = 0;
	for (unsigned i = 0; i < run->result_count; i++) {
		const struct calibrate_result *result = &run->result[i];

		size += (size_t)snprintf(out + size, CALIBRATE_FLAGS_TEXT - size, "%s--%s %s", i ? " " : "",
					 result->threshold->option,
					 calibrate_size_write(result->recommended, value));
	}
	return out;
}

/* Words in lines of WIDTH columns, each behind `margin`; the first one begins with `first` in its place. */
static void write_wrapped(FILE *out, const char *first, const char *margin, const char *text)
{
	size_t column = strlen(first);
	bool is_begin = true;

	fputs(first, out);
	while (*text) {
		size_t size = strcspn(text, " ");

		if (!is_begin && column + 1 + size > WIDTH) {
			fprintf(out, "\n%s", margin);
			column = strlen(margin);
		} else if (!is_begin) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)size, text);
		is_begin = false;
		column += size;
		text += size + strspn(text + size, " ");
	}
	fputc('\n', out);
}

static void write_place(const char *who, int cpu, FILE *out)
{
	if (cpu >= 0)
		fprintf(out, "; %s on processor %d", who, cpu);
	else
		fprintf(out, "; %s not pinned", who);
}

static void write_heading(const struct calibrate *run, FILE *out)
{
	struct calibrate_machine machine;

	calibrate_report_machine(&machine);
	fprintf(out, "quoit %s on %s, %s\n%s over %s", quoit_version(), machine.kernel, machine.processor,
		run->engine, run->via ? run->via : "loopback");
	write_place("server", run->server_cpu, out);
	if (run->via)
		fputs("; the client is elsewhere", out);
	else
		write_place("client", run->client_cpu, out);
	fputc('\n', out);
	for (int i = 0; i < run->option_count; i++)
		fprintf(out, "%s%s%s", i ? " " : "with ", run->options[i],
			i + 1 < run->option_count ? "" : "\n");
	fprintf(out,
		"\nMicroseconds of CPU time per answer: the server's, and with the client's. Medians of\n"
		"%u rounds of %u ms. Ratio: the first way / the second, round by round, and the range\n"
		"that holds its median with 95 %% certainty.\n",
		run->result_count ? run->result[0].comparison[0].pairs : 0, run->round_ms);
}

static void write_spread(const struct calibrate_spread *ratio, FILE *out)
{
	char text[64] = "-";

	if (ratio->median > 0)
		snprintf(text, sizeof(text), "%.2f (%.2f..%.2f)", ratio->median, ratio->low, ratio->high);
	fprintf(out, "  %-17s", text);
}

static const char *verdict_text(const struct calibrate_comparison *comparison)
{
	static const char *const texts[] = { "undecided", "the first", "the second" };

	return texts[comparison->verdict];
}

static void write_comparison(const struct calibrate_result *result,
			     const struct calibrate_comparison *comparison, FILE *out)
{
	bool has_p99 = result->threshold->kind == CALIBRATE_VALUE;
	char size[CALIBRATE_SIZE_TEXT], way[64];

	for (unsigned which = 0; which < 2; which++) {
		const struct calibrate_cost *cost = &comparison->median[which];

		fprintf(out, "  %-5s %-*s %9.2f %9.2f",
			which ? "" : calibrate_size_write(comparison->size, size), WAY_WIDTH,
			calibrate_way(result, comparison, which, way, sizeof(way)), cost->server_us,
			cost->both_us);
		if (has_p99 && cost->p99_us > 0)
			fprintf(out, " %9.0f", cost->p99_us);
		else if (has_p99)
			fprintf(out, " %9s", "-");
		if (which == 0) {
			write_spread(&comparison->server, out);
			write_spread(&comparison->both, out);
			if (has_p99)
				write_spread(&comparison->p99, out);
			fprintf(out, "  %s", verdict_text(comparison));
		}
		fputc('\n', out);
	}
}

static void write_result(const struct calibrate_result *result, FILE *out)
{
	bool has_p99 = result->threshold->kind == CALIBRATE_VALUE;

	fprintf(out, "\n%s%s\n  %-5s %-*s %9s %9s%s  %-17s  %-17s%s  cheaper\n", result->threshold->option,
		has_p99 ? ": p99 is that of a small file beside the load, in microseconds" : "", "size",
		WAY_WIDTH, "way", "server", "both", has_p99 ? "       p99" : "", "ratio of server",
		"ratio of both", has_p99 ? "  ratio of p99     " : "");
	for (unsigned i = 0; i < result->count; i++)
		write_comparison(result, &result->comparison[i], out);
}

static void write_reasons(const struct calibrate *run, FILE *out)
{
	char text[640], value[CALIBRATE_SIZE_TEXT], first[64];

	fputs("\nRecommended:\n", out);
	for (unsigned i = 0; i < run->result_count; i++) {
		const struct calibrate_result *result = &run->result[i];

		snprintf(text, sizeof(text), "%s.", result->why);
		snprintf(first, sizeof(first), "  --%s %s: ", result->threshold->option,
			 calibrate_size_write(result->recommended, value));
		write_wrapped(out, first, "    ", text);
	}
}

static void write_yaml(const struct calibrate *run, FILE *out)
{
	char text[640], value[CALIBRATE_SIZE_TEXT];

	fputs("\nIn the configuration file:\n\n", out);
	for (unsigned i = 0; i < run->result_count; i++) {
		const struct calibrate_result *result = &run->result[i];

		snprintf(text, sizeof(text), "%s.", result->why);
		write_wrapped(out, "# ", "# ", text);
		fprintf(out, "%s: %s\n", result->threshold->option,
			calibrate_size_write(result->recommended, value));
	}
}

static void write_differences(const struct calibrate *run, FILE *out)
{
	char from[CALIBRATE_SIZE_TEXT], to[CALIBRATE_SIZE_TEXT];
	unsigned count = 0;

	for (unsigned i = 0; i < run->result_count; i++) {
		const struct calibrate_result *result = &run->result[i];

		if (result->recommended != result->fallback)
			fprintf(out, "%s %s %s (by default %s)",
				count++ ? "," : "\nDiffers from the defaults:", result->threshold->option,
				calibrate_size_write(result->recommended, to),
				calibrate_size_write(result->fallback, from));
	}
	fputs(count ? ".\n" : "\nNothing differs from the defaults.\n", out);
}

void calibrate_report_write(const struct calibrate *run, FILE *out)
{
	char flags[CALIBRATE_FLAGS_TEXT];

	write_heading(run, out);
	for (unsigned i = 0; i < run->result_count; i++)
		write_result(&run->result[i], out);
	write_reasons(run, out);
	fprintf(out, "\nAs flags:\n\nquoit serve %s\n", calibrate_report_flags(run, flags));
	write_yaml(run, out);
	write_differences(run, out);
}
