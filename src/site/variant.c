/* SPDX-License-Identifier: MIT */
/*
 * Proactive negotiation: language, then coding.
 *
 * Called by site/answer for resources of which there may be more than one representation. The one
 * hard thing is a file that is there in coded form only: its plain form counts as available, since it
 * can be made, but it comes behind every form that is there.
 */
#include "site/variant.h"

#include "http/accept.h"

/* Of the forms in one language: the asset of each coding, NULL where there is none. */
struct forms {
	struct asset *asset[CODING_COUNT];
};

static int choose_language(const struct site *site, const struct asset *first, const struct request *request)
{
	struct bytes tags[SITE_LANGUAGES_MAX];
	uint8_t numbers[SITE_LANGUAGES_MAX];
	unsigned count = 0;
	int choice = -1;

	for (unsigned number = 0; number < site->language_count; number++)
		for (const struct asset *asset = first; asset; asset = asset->next)
			if (asset->language == number) {
				numbers[count] = (uint8_t)number;
				tags[count++] = site->languages[number];
				break;
			}
	if (count > 1 && request_has(request, FIELD_ACCEPT_LANGUAGE))
		choice = accept_choose_language(request->field[FIELD_ACCEPT_LANGUAGE], tags, count);
	/* RFC 9110 12.5.4: a page in another language is better than none. */
	return count == 0 ? (int)first->language : numbers[choice < 0 ? 0 : choice];
}

/* A listing is a page unless JSON is what the client would rather have. */
static bool wants_json(const struct request *request)
{
	struct bytes accept;

	if (!request_has(request, FIELD_ACCEPT))
		return false;
	accept = request->field[FIELD_ACCEPT];
	return accept_media_weight(accept, BYTES("application/json")) >
	       accept_media_weight(accept, BYTES("text/html"));
}

static struct forms collect(const struct asset *first, int language, bool json)
{
	struct forms forms = { { NULL } };

	for (struct asset *asset = (struct asset *)first; asset; asset = asset->next)
		if (asset->language == language && asset->is_json == json && !forms.asset[asset->coding])
			forms.asset[asset->coding] = asset;
	return forms;
}

static void read_weights(const struct request *request, struct accept_codings *ret_weights)
{
	if (request_has(request, FIELD_ACCEPT_ENCODING))
		accept_parse_codings(request->field[FIELD_ACCEPT_ENCODING], ret_weights);
	else
		accept_init_codings(ret_weights);
}

enum variant_result variant_choose(const struct site *site, struct asset *first,
				   const struct request *request, struct asset **ret_asset,
				   const struct trace *trace)
{
	int language = choose_language(site, first, request);
	bool json = first->kind == ASSET_LISTING && wants_json(request);
	struct forms forms = collect(first, language, json);
	enum coding available[CODING_COUNT], coding;
	struct accept_codings weights;
	unsigned count = 0;

	for (unsigned i = 0; i < site->coding_count; i++)
		if (forms.asset[site->codings[i]])
			available[count++] = site->codings[i];
	available[count++] = CODING_IDENTITY;
	read_weights(request, &weights);
	coding = accept_choose_coding(&weights, available, count);
	if (site->language_count > 0 && language != LANGUAGE_NONE)
		trace_line(trace, "language: %.*s", (int)site->languages[language].size,
			   site->languages[language].base);
	if (coding == CODING_COUNT) {
		trace_line(trace, "coding: none of what there is is acceptable");
		*ret_asset = first;
		return VARIANT_NOT_ACCEPTABLE;
	}
	trace_line(trace, "coding: %s", (const char *)coding_token(coding).base);
	*ret_asset = forms.asset[coding];
	if (*ret_asset)
		return VARIANT_FOUND;
	/* The cheapest to decode comes last in the table; any will do that is not known to be broken. */
	for (unsigned i = 0; i < CODING_COUNT; i++)
		if (forms.asset[i] && (!*ret_asset || forms.asset[i]->decoded != MAKING_FAILED))
			*ret_asset = forms.asset[i];
	return VARIANT_CODED;
}

bool variant_is_navigation(const struct request *request)
{
	if (request->method != METHOD_GET && request->method != METHOD_HEAD)
		return false;
	if (request_has(request, FIELD_SEC_FETCH_MODE))
		return bytes_equal(request->field[FIELD_SEC_FETCH_MODE], BYTES("navigate"));
	return request_has(request, FIELD_ACCEPT) &&
	       accept_lists_media(request->field[FIELD_ACCEPT], BYTES("text/html"));
}
