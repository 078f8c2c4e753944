/* SPDX-License-Identifier: MIT
 *
 * list: what there is to connect, and the options of one connector. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "connector/plugin.h"
#include "core/json.h"
#include "core/nearest.h"
#include "core/option_print.h"
#include "format/codec.h"

#define MAX_TEXT_BYTES ((size_t)4 << 20)

static const struct {
    uint32_t bit;
    const char *name;
} capability_names[] = {
    {MR_CAP_RESUME, "resume"},
    {MR_CAP_SPLIT, "parallel"},
    {MR_CAP_REWIND, "batch"},
    {MR_CAP_STREAM, "stream"},
    {MR_CAP_TYPED, "typed"},
    {MR_CAP_COLUMNS, "columns"},
    {MR_CAP_TRANSACTION, "transaction"},
    {MR_CAP_UPSERT, "upsert"},
    {MR_CAP_EXPERIMENTAL, "experimental"},
};

static mr_code put_capabilities(mr_buffer *out, uint32_t capabilities, mr_error *err)
{
    const char *separator = "";
    for (size_t i = 0; i < MR_COUNT_OF(capability_names); i++) {
        if ((capabilities & capability_names[i].bit) == 0) continue;
        MR_TRY(mr_buffer_printf(out, err, "%s%s", separator, capability_names[i].name));
        separator = ", ";
    }
    return mr_buffer_append(out, MR_SLICE("\n"), err);
}

/* Where a connector of a plug-in is from; nothing for those that are built in. */
static mr_code put_origin(mr_buffer *out, const char *before, const void *plugin, mr_error *err)
{
    const mr_plugin_connector *c = plugin;
    if (c == NULL) return MR_OK;
    return mr_buffer_printf(out, err, "%sfrom plug-in: %s %s, %s\n", before, c->plugin->name,
                            c->plugin->version, c->plugin->path);
}

static mr_code put_codecs(mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_append(
        out, MR_SLICE("\nCodecs (read and written, found by their first bytes)\n"), err));
    for (int codec = MR_CODEC_GZIP; codec <= MR_CODEC_LZ4; codec++)
        MR_TRY(mr_buffer_printf(out, err, "  %-10s %s\n", mr_codec_name((mr_codec)codec),
                                mr_codec_suffix((mr_codec)codec)));
    return MR_OK;
}

static mr_code put_all(mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_append(out, MR_SLICE("Sources\n"), err));
    for (size_t i = 0; mr_sources[i] != NULL; i++) {
        MR_TRY(mr_buffer_printf(out, err, "  %-10s %s\n  %-10s can: ", mr_sources[i]->name,
                                mr_sources[i]->summary, ""));
        MR_TRY(put_capabilities(out, mr_sources[i]->capabilities, err));
        MR_TRY(put_origin(out, "             ", mr_sources[i]->plugin, err));
    }
    MR_TRY(mr_buffer_append(out, MR_SLICE("\nDestinations\n"), err));
    for (size_t i = 0; mr_destinations[i] != NULL; i++) {
        const mr_destination_ops *d = mr_destinations[i];
        MR_TRY(mr_buffer_printf(out, err, "  %-10s %s\n  %-10s guarantee: %s\n  %-10s can: ",
                                d->name, d->summary, "", d->guarantee, ""));
        MR_TRY(put_capabilities(out, d->capabilities, err));
        MR_TRY(put_origin(out, "             ", d->plugin, err));
    }
    MR_TRY(put_codecs(out, err));
    return mr_buffer_append(
        out, MR_SLICE("\n`millrace list NAME` shows the options of a connector.\n"), err);
}

static void put_json_capabilities(mr_json_out *json, uint32_t capabilities)
{
    mr_json_key(json, "capabilities");
    mr_json_open(json, '[');
    for (size_t i = 0; i < MR_COUNT_OF(capability_names); i++)
        if ((capabilities & capability_names[i].bit) != 0)
            mr_json_text(json, mr_slice_text(capability_names[i].name));
    mr_json_close(json, ']');
}

static void put_json_head(mr_json_out *json, const char *name, const char *summary,
                          const void *plugin)
{
    const mr_plugin_connector *c = plugin;
    mr_json_open(json, '{');
    mr_json_key(json, "name"), mr_json_text(json, mr_slice_text(name));
    mr_json_key(json, "summary"), mr_json_text(json, mr_slice_text(summary));
    if (c == NULL) return;
    mr_json_key(json, "plugin"), mr_json_text(json, mr_slice_text(c->plugin->path));
}

static mr_code put_json(mr_buffer *out, mr_error *err)
{
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    mr_json_key(&json, "sources");
    mr_json_open(&json, '[');
    for (size_t i = 0; mr_sources[i] != NULL; i++) {
        put_json_head(&json, mr_sources[i]->name, mr_sources[i]->summary, mr_sources[i]->plugin);
        put_json_capabilities(&json, mr_sources[i]->capabilities);
        mr_json_close(&json, '}');
    }
    mr_json_close(&json, ']');
    mr_json_key(&json, "destinations");
    mr_json_open(&json, '[');
    for (size_t i = 0; mr_destinations[i] != NULL; i++) {
        put_json_head(&json, mr_destinations[i]->name, mr_destinations[i]->summary,
                      mr_destinations[i]->plugin);
        mr_json_key(&json, "guarantee");
        mr_json_text(&json, mr_slice_text(mr_destinations[i]->guarantee));
        put_json_capabilities(&json, mr_destinations[i]->capabilities);
        mr_json_close(&json, '}');
    }
    mr_json_close(&json, ']');
    mr_json_key(&json, "codecs");
    mr_json_open(&json, '[');
    for (int codec = MR_CODEC_GZIP; codec <= MR_CODEC_LZ4; codec++)
        mr_json_text(&json, mr_slice_text(mr_codec_name((mr_codec)codec)));
    mr_json_close(&json, ']');
    mr_json_close(&json, '}');
    return json.failed ? mr_json_out_fail(&json, err) : mr_buffer_append_byte(out, '\n', err);
}

static mr_code unknown_name(const char *name, mr_error *err)
{
    mr_nearest near = mr_nearest_to(mr_slice_text(name));
    for (size_t i = 0; mr_sources[i] != NULL; i++)
        mr_nearest_offer(&near, mr_sources[i]->name);
    for (size_t i = 0; mr_destinations[i] != NULL; i++)
        mr_nearest_offer(&near, mr_destinations[i]->name);
    const char *best = mr_nearest_best(&near);
    if (best != NULL)
        return mr_fail(err, MR_ERR_USAGE, "there is no connector '%s'; did you mean '%s'?", name,
                       best);
    return mr_fail(err, MR_ERR_USAGE, "there is no connector '%s'; `millrace list` shows all",
                   name);
}

static mr_code put_one(mr_buffer *out, const mr_source_ops *source,
                       const mr_destination_ops *destination, mr_error *err)
{
    if (source != NULL) {
        MR_TRY(mr_buffer_printf(out, err, "%s as a source: %s\n", source->name, source->summary));
        MR_TRY(put_origin(out, "  ", source->plugin, err));
        MR_TRY(mr_option_print(source->options, MR_OPTION_STYLE_TEXT, out, err));
    }
    if (destination != NULL) {
        MR_TRY(mr_buffer_printf(out, err, "%s%s as a destination: %s\n", source != NULL ? "\n" : "",
                                destination->name, destination->summary));
        MR_TRY(put_origin(out, "  ", destination->plugin, err));
        MR_TRY(mr_option_print(destination->options, MR_OPTION_STYLE_TEXT, out, err));
    }
    return MR_OK;
}

/* The array of options, behind `"options":` of an open object. */
static mr_code put_json_options(mr_json_out *json, const mr_option *options, mr_error *err)
{
    mr_buffer text;
    mr_buffer_init(&text, "the options", MAX_TEXT_BYTES);
    const mr_code rc = mr_option_print(options, MR_OPTION_STYLE_JSON, &text, err);
    mr_json_key(json, "options");
    if (rc == MR_OK) mr_json_raw(json, mr_buffer_slice(&text));
    mr_json_close(json, '}');
    mr_buffer_done(&text);
    return rc;
}

static mr_code put_json_one(mr_buffer *out, const mr_source_ops *source,
                            const mr_destination_ops *destination, mr_error *err)
{
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    if (source != NULL) {
        mr_json_key(&json, "source");
        put_json_head(&json, source->name, source->summary, source->plugin);
        put_json_capabilities(&json, source->capabilities);
        MR_TRY(put_json_options(&json, source->options, err));
    }
    if (destination != NULL) {
        mr_json_key(&json, "destination");
        put_json_head(&json, destination->name, destination->summary, destination->plugin);
        mr_json_key(&json, "guarantee");
        mr_json_text(&json, mr_slice_text(destination->guarantee));
        put_json_capabilities(&json, destination->capabilities);
        MR_TRY(put_json_options(&json, destination->options, err));
    }
    mr_json_close(&json, '}');
    return json.failed ? mr_json_out_fail(&json, err) : mr_buffer_append_byte(out, '\n', err);
}

static mr_code put_named(mr_buffer *out, const char *name, bool as_json, mr_error *err)
{
    const mr_source_ops *source = mr_source_find(mr_slice_text(name));
    const mr_destination_ops *destination = mr_destination_find(mr_slice_text(name));
    if (source == NULL && destination == NULL) return unknown_name(name, err);
    return as_json ? put_json_one(out, source, destination, err)
                   : put_one(out, source, destination, err);
}

int mr_cmd_list(mr_args *args)
{
    mr_error err = {0};
    mr_buffer text;
    mr_buffer_init(&text, "the list", MAX_TEXT_BYTES);
    mr_code rc = args->operand_count > 0 ? put_named(&text, args->operands[0], args->json, &err)
                 : args->json            ? put_json(&text, &err)
                                         : put_all(&text, &err);
    if (rc == MR_OK) rc = mr_cli_print(mr_buffer_slice(&text), &err);
    mr_buffer_done(&text);
    return rc == MR_OK ? MR_EXIT_OK : mr_cli_fail(rc, &err);
}
