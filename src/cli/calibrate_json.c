/* SPDX-License-Identifier: MIT */
/*
 * What `quoit calibrate` found, for a program: everything that is in the text, and each round.
 *
 * Names: us is microseconds per answer; ratio is the first way / the second, low to high its range.
 */
#include <inttypes.h>

#include "calibrate.h"
#include "quoit.h"

static void write_text(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++)
		if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", (unsigned)*text);
		else
			fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
	fputc('"', out);
}

static void write_member(const char *name, const char *text, FILE *out)
{
	fprintf(out, "\"%s\": ", name);
	write_text(text, out);
	fputs(", ", out);
}

/* Figures that there are none of are null. */
static void write_number(double number, FILE *out)
{
	if (number > 0)
		fprintf(out, "%.4f", number);
	else
		fputs("null", out);
}

static void write_cost(const struct calibrate_cost *cost, FILE *out)
{
	fputs("\"server_us\": ", out);
	write_number(cost->server_us, out);
	fputs(", \"both_us\": ", out);
	write_number(cost->both_us, out);
	fputs(", \"p99_us\": ", out);
	write_number(cost->p99_us, out);
}

static void write_spread(const char *name, const struct calibrate_spread *ratio, FILE *out)
{
	fprintf(out, "\"%s\": {\"median\": ", name);
	write_number(ratio->median, out);
	fputs(", \"low\": ", out);
	write_number(ratio->low, out);
	fputs(", \"high\": ", out);
	write_number(ratio->high, out);
	fputs("}, ", out);
}

static void write_way(const struct calibrate_result *result, const struct calibrate_comparison *comparison,
		      unsigned which, FILE *out)
{
	char way[64];

	fprintf(out, "\"%s\": {", which ? "second" : "first");
	write_member("way", calibrate_way(result, comparison, which, way, sizeof(way)), out);
	fprintf(out, "\"value\": %" PRIu64 ", ", comparison->value[which]);
	write_cost(&comparison->median[which], out);
	fputs(", \"rounds\": [", out);
	for (unsigned i = 0; i < comparison->pairs; i++) {
		fputs(i ? ", {" : "{", out);
		write_cost(&comparison->rounds[which][i], out);
		fputc('}', out);
	}
	fputs("]}, ", out);
}

static void write_comparison(const struct calibrate_result *result,
			     const struct calibrate_comparison *comparison, FILE *out)
{
	static const char *const verdicts[] = { "undecided", "first", "second" };

	fprintf(out, "      {\"size\": %" PRIu64 ", ", comparison->size);
	write_way(result, comparison, 0, out);
	write_way(result, comparison, 1, out);
	write_spread("server_ratio", &comparison->server, out);
	write_spread("both_ratio", &comparison->both, out);
	write_spread("p99_ratio", &comparison->p99, out);
	fprintf(out, "\"cheaper\": \"%s\"}", verdicts[comparison->verdict]);
}

static void write_result(const struct calibrate_result *result, FILE *out)
{
	char text[CALIBRATE_SIZE_TEXT];

	fputs("    {", out);
	write_member("option", result->threshold->option, out);
	write_member("default", calibrate_size_write(result->fallback, text), out);
	write_member("recommended", calibrate_size_write(result->recommended, text), out);
	fprintf(out, "\"differs\": %s, \"decided\": %s,\n     ",
		result->recommended != result->fallback ? "true" : "false",
		result->is_decided ? "true" : "false");
	write_member("why", result->why, out);
	fputs("\n     \"comparisons\": [\n", out);
	for (unsigned i = 0; i < result->count; i++) {
		write_comparison(result, &result->comparison[i], out);
		fputs(i + 1 < result->count ? ",\n" : "\n", out);
	}
	fputs("     ]}", out);
}

/* -1, not pinned, is null. */
static void write_cpu(const char *name, int cpu, FILE *out)
{
	if (cpu >= 0)
		fprintf(out, "\"%s\": %d, ", name, cpu);
	else
		fprintf(out, "\"%s\": null, ", name);
}

void calibrate_json_write(const struct calibrate *run, FILE *out)
{
	struct calibrate_machine machine;
	char flags[CALIBRATE_FLAGS_TEXT];

	calibrate_report_machine(&machine);
	fputs("{\n  ", out);
	write_member("version", quoit_version(), out);
	write_member("kernel", machine.kernel, out);
	write_member("processor", machine.processor, out);
	write_member("engine", run->engine, out);
	write_member("via", run->via ? run->via : "loopback", out);
	fputs("\n  ", out);
	write_cpu("server_cpu", run->server_cpu, out);
	write_cpu("client_cpu", run->client_cpu, out);
	fprintf(out, "\"quick\": %s, \"round_ms\": %u,\n  \"options\": [", run->is_quick ? "true" : "false",
		run->round_ms);
	for (int i = 0; i < run->option_count; i++) {
		fputs(i ? ", " : "", out);
		write_text(run->options[i], out);
	}
	fputs("],\n  ", out);
	write_member("flags", calibrate_report_flags(run, flags), out);
	fputs("\n  \"thresholds\": [\n", out);
	for (unsigned i = 0; i < run->result_count; i++) {
		write_result(&run->result[i], out);
		fputs(i + 1 < run->result_count ? ",\n" : "\n", out);
	}
	fputs("  ]\n}\n", out);
}
