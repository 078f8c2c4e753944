/* SPDX-License-Identifier: MIT */
#include "cli/help.h"

#include <stdio.h>

#define WIDTH       100
#define VERB_COLUMN 18
#define FLAG_INDENT 8

const mr_exit_text mr_exit_texts[] = {
    {"0", "everything was delivered"},
    {"1", "the run failed"},
    {"2", "the command line or the configuration is wrong"},
    {"3", "finished, but some records were rejected (0 with --accept-rejects)"},
    {"4", "more rejects than --max-rejects or --fail-fast allow"},
    {"5", "--timeout was reached"},
    {"130, 143", "interrupted (SIGINT, SIGTERM)"},
    {0},
};

static mr_code put(mr_buffer *out, const char *text, mr_error *err)
{
    return mr_buffer_append(out, mr_slice_text(text), err);
}

static mr_code put_verbs(mr_buffer *out, bool built, mr_error *err)
{
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++) {
        if ((verb->bit != MR_VERB_LATER) != built) continue;
        MR_TRY(mr_buffer_printf(out, err, "  %-*s%s\n", VERB_COLUMN, verb->name, verb->summary));
    }
    return MR_OK;
}

static mr_code put_exit_codes(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out, "\nExit codes:\n", err));
    for (const mr_exit_text *e = mr_exit_texts; e->code != NULL; e++)
        MR_TRY(mr_buffer_printf(out, err, "  %-*s%s\n", VERB_COLUMN, e->code, e->text));
    return MR_OK;
}

mr_code mr_help_overview(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out,
               "millrace moves records and keeps them.\n\nUsage: millrace VERB [operands] "
               "[flags]\n\nVerbs:\n",
               err));
    MR_TRY(put_verbs(out, true, err));
    MR_TRY(put(out, "\nNot built yet in this version:\n", err));
    MR_TRY(put_verbs(out, false, err));
    MR_TRY(put(
        out,
        "\nEndpoints:\n"
        "  orders.csv                     by suffix: .csv .tsv .json .jsonl .ndjson .db .sqlite\n"
        "                                 .sqlite3, also with .gz .zst .lz4 behind it\n"
        "  csv:-                          standard input or output\n"
        "  csv:odd.name?delimiter=%3B     a connector's name before, settings behind\n"
        "  generate:mixed10?rows=1000     generated records\n"
        "  null:                          nowhere\n"
        "\nExamples:\n"
        "  millrace copy orders.csv orders.jsonl.zst\n"
        "  millrace pipeline csv json --source-path a.csv --dest-path b.json --format array\n"
        "  millrace run pipeline.yaml --workers 4\n"
        "  millrace serve --listen 127.0.0.1:8080 --data-dir ./millrace-data\n",
        err));
    MR_TRY(put_exit_codes(out, err));
    return put(out,
               "\n'millrace help VERB' lists the flags of a verb, 'millrace help configuration' "
               "the keys of a\npipeline file, 'millrace help server' those of a file for serve.\n",
               err);
}

mr_code mr_help_flag_name(const mr_flag *flag, mr_buffer *out, mr_error *err)
{
    if (flag->letter != 0) MR_TRY(mr_buffer_printf(out, err, "-%c, ", flag->letter));
    const mr_option *option = mr_flag_option(flag);
    const bool negatable = mr_flag_is_switch(flag) && option != NULL &&
                           (flag->action == MR_FLAG_KEY || flag->action == MR_FLAG_SERVE);
    MR_TRY(mr_buffer_printf(out, err, "--%s%s", negatable ? "[no-]" : "", flag->name));
    return flag->value != NULL ? mr_buffer_printf(out, err, "=%s", flag->value) : MR_OK;
}

mr_code mr_help_flag_text(const mr_flag *flag, mr_buffer *out, mr_error *err)
{
    const mr_option *option = mr_flag_option(flag);
    MR_TRY(put(out, flag->help != NULL ? flag->help : option->help, err));
    if (option == NULL) return MR_OK;
    if (option->type != MR_OPTION_BOOL && option->type != MR_OPTION_TEXT) {
        char expects[256];
        mr_option_expects(option, expects, sizeof expects);
        MR_TRY(mr_buffer_printf(out, err, ": %s", expects));
    }
    if (option->fallback != NULL &&
        (!mr_flag_is_switch(flag) || strcmp(option->fallback, "true") == 0))
        MR_TRY(mr_buffer_printf(out, err, "; default %s", option->fallback));
    if ((option->flags & MR_OPTION_REFUSED) != 0)
        MR_TRY(mr_buffer_printf(out, err, " (not supported yet: %s)", option->note));
    return MR_OK;
}

static mr_code put_flag(const mr_flag *flag, mr_buffer *line, mr_buffer *out, mr_error *err)
{
    mr_buffer_reset(line);
    MR_TRY(put(out, "  ", err));
    MR_TRY(mr_help_flag_name(flag, out, err));
    MR_TRY(mr_buffer_printf(out, err, "\n%*s", FLAG_INDENT, ""));
    MR_TRY(mr_help_flag_text(flag, line, err));
    MR_TRY(mr_print_wrapped(mr_buffer_slice(line), FLAG_INDENT, WIDTH, out, err));
    return mr_buffer_append_byte(out, '\n', err);
}

static mr_code put_flags(const mr_verb *verb, mr_buffer *line, mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out, "\nFlags:\n", err));
    for (const mr_flag *flag = mr_verb_flags(verb); flag->name != NULL; flag++)
        if ((flag->verbs & verb->bit) != 0) MR_TRY(put_flag(flag, line, out, err));
    return MR_OK;
}

mr_code mr_help_verb(const mr_verb *verb, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_printf(out, err, "Usage: millrace %s%s%s [flags]\n\n%s\n", verb->name,
                            verb->operands[0] != 0 ? " " : "", verb->operands, verb->summary));
    if (verb->bit == MR_VERB_STORE) return mr_help_store(out, err);
    if (verb->bit == MR_VERB_LATER) return put(out, "\nNot built yet in this version.\n", err);
    if (verb->aliases != NULL)
        MR_TRY(mr_buffer_printf(out, err, "Also called %s.\n", verb->aliases));
    if (verb->details != NULL) {
        MR_TRY(mr_buffer_append_byte(out, '\n', err));
        MR_TRY(mr_print_wrapped(mr_slice_text(verb->details), 0, WIDTH, out, err));
        MR_TRY(mr_buffer_append_byte(out, '\n', err));
    }
    mr_buffer line;
    mr_buffer_init(&line, "help line", 4096);
    const mr_code code = put_flags(verb, &line, out, err);
    mr_buffer_done(&line);
    return code;
}

mr_code mr_help_configuration(mr_option_style style, mr_buffer *out, mr_error *err)
{
    if (style == MR_OPTION_STYLE_TEXT)
        MR_TRY(put(out,
                   "Keys of a pipeline file. Beside them: source and destination (each an endpoint "
                   "or a mapping of "
                   "type,\npath and the connector's options), csv and json (options for ends of "
                   "that connector).\n\n",
                   err));
    return mr_option_print(mr_config_table, style, out, err);
}

mr_code mr_help_server(mr_option_style style, mr_buffer *out, mr_error *err)
{
    if (style == MR_OPTION_STYLE_TEXT)
        MR_TRY(put(out, "Keys of a file for 'millrace serve --config FILE'.\n\n", err));
    return mr_option_print(mr_serve_table, style, out, err);
}

mr_code mr_help_store(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out, "Usage: millrace store VERB [operands] [flags]\n\nVerbs:\n", err));
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++)
        if ((verb->bit & MR_VERBS_STORE) != 0)
            MR_TRY(
                mr_buffer_printf(out, err, "  %-*s%s\n", VERB_COLUMN, verb->name, verb->summary));
    return put(out, "\n'millrace help store VERB' lists the flags of one.\n", err);
}
