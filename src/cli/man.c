/* SPDX-License-Identifier: MIT
 *
 * The man page. It bears no date, so that the same source always prints the same page. */
#include "cli/help.h"

static mr_code put(mr_buffer *out, const char *text, mr_error *err)
{
    return mr_buffer_append(out, mr_slice_text(text), err);
}

static mr_code put_safe(mr_buffer *out, const char *text, mr_error *err)
{
    return mr_print_man_text(mr_slice_text(text), out, err);
}

static mr_code man_verbs(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out, ".SH COMMANDS\n", err));
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++) {
        if (verb->bit == MR_VERB_LATER) continue;
        MR_TRY(mr_buffer_printf(out, err, ".TP\n.B millrace %s", verb->name));
        if (verb->operands[0] != 0) MR_TRY(mr_buffer_append_byte(out, ' ', err));
        MR_TRY(put_safe(out, verb->operands, err));
        MR_TRY(mr_buffer_append_byte(out, '\n', err));
        MR_TRY(put_safe(out, verb->summary, err));
        MR_TRY(put(out, ".\n", err));
        if (verb->aliases != NULL)
            MR_TRY(mr_buffer_printf(out, err, "Also called \\fB%s\\fR.\n", verb->aliases));
        if (verb->details == NULL) continue;
        MR_TRY(put_safe(out, verb->details, err));
        MR_TRY(mr_buffer_append_byte(out, '\n', err));
    }
    return MR_OK;
}

/* "(copy, run)", or nothing for a flag of every verb that moves or reads records. */
static mr_code man_flag_verbs(const mr_flag *flag, mr_buffer *line, mr_error *err)
{
    if (flag->verbs == MR_VERBS_READING || flag->verbs == MR_VERBS_ALL) return MR_OK;
    const char *comma = " (";
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++) {
        if ((flag->verbs & verb->bit) == 0 || verb->bit == MR_VERB_LATER) continue;
        MR_TRY(mr_buffer_printf(line, err, "%s%s", comma, verb->name));
        comma = ", ";
    }
    return mr_buffer_append_byte(line, ')', err);
}

static mr_code man_flag(const mr_flag *flag, mr_buffer *line, mr_buffer *out, mr_error *err)
{
    mr_buffer_reset(line);
    MR_TRY(put(out, ".TP\n.B ", err));
    MR_TRY(mr_help_flag_name(flag, line, err));
    MR_TRY(mr_print_man_text(mr_buffer_slice(line), out, err));
    MR_TRY(mr_buffer_append_byte(out, '\n', err));
    mr_buffer_reset(line);
    MR_TRY(mr_help_flag_text(flag, line, err));
    MR_TRY(man_flag_verbs(flag, line, err));
    MR_TRY(mr_print_man_text(mr_buffer_slice(line), out, err));
    return put(out, ".\n", err);
}

static mr_code man_flags(const mr_flag *table, const char *title, mr_buffer *out, mr_error *err)
{
    mr_buffer line;
    mr_buffer_init(&line, "man page line", 4096);
    mr_code code = put(out, title, err);
    for (const mr_flag *flag = table; code == MR_OK && flag->name != NULL; flag++)
        code = man_flag(flag, &line, out, err);
    mr_buffer_done(&line);
    return code;
}

static mr_code man_exit_codes(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out, ".SH EXIT STATUS\n", err));
    for (const mr_exit_text *e = mr_exit_texts; e->code != NULL; e++) {
        MR_TRY(mr_buffer_printf(out, err, ".TP\n.B %s\n", e->code));
        MR_TRY(put_safe(out, e->text, err));
        MR_TRY(put(out, ".\n", err));
    }
    return MR_OK;
}

static const char head[] =
    ".TH MILLRACE 1 \"\" \"millrace " MR_VERSION "\" \"User Commands\"\n"
    ".SH NAME\n"
    "millrace \\- move records between files and databases, and keep messages\n"
    ".SH SYNOPSIS\n"
    ".B millrace\n"
    ".I VERB\n"
    "[operands] [flags]\n"
    ".SH DESCRIPTION\n"
    "Millrace reads records from a source and writes them to a destination, and "
    "serves a store of messages over HTTP. Nothing is rounded, respelled or lost in\n"
    "silence: what cannot be delivered as it is goes to a file of rejects "
    "with its place and reason. A file appears under\n"
    "its name only when it is complete.\n";

static const char endpoints[] =
    ".SH ENDPOINTS\n"
    ".TP\n.B orders.csv\n"
    "A path. Its suffix names the connector: .csv .tsv .json .jsonl .ndjson .db .sqlite .sqlite3, "
    "each also with\n"
    "\\&.gz .zst .lz4 .snappy .s2 or .deflate behind it.\n"
    ".TP\n.B csv:\\-\n"
    "A connector's name and a colon before the path; \\- is standard input or output.\n"
    ".TP\n.B csv:odd.name?delimiter=%3B&has_header=false\n"
    "Settings of the connector behind a question mark, keys and values percent\\-encoded. The path "
    "itself is taken as it\n"
    "is.\n"
    ".TP\n.B ./csv:odd\n"
    "A file whose name begins like a connector.\n";

static const char configuration[] =
    ".SH CONFIGURATION\n"
    "A pipeline file is YAML, or JSON. \\fBsource\\fR and \\fBdestination\\fR are endpoints, or "
    "mappings of \\fBtype\\fR,\n"
    "\\fBpath\\fR and the connector's options; \\fBcsv\\fR and \\fBjson\\fR hold options for ends "
    "of that connector. All other\n"
    "keys are below. Values may hold ${VARIABLE} and ${VARIABLE:\\-default}; $${ is a literal ${. "
    "Unknown keys are errors.\n";

static const char options[] =
    ".SH OPTIONS\n"
    "A value follows its flag after a space or an equals sign. A switch takes no value. Flags "
    "that\n"
    "name no command are those of all commands that move or read records.\n";

static const char server_options[] = ".SH OPTIONS OF THE SERVER\n"
                                     "Those of \\fBserve\\fR and of the commands that begin with "
                                     "\\fBstore\\fR.\n";

static const char server_configuration[] =
    ".SH CONFIGURATION OF THE SERVER\n"
    "The file of \\fBserve \\-\\-config\\fR is YAML, or JSON, with variables as above. A flag wins "
    "over "
    "the environment\n"
    "variable \\fBMILLRACE_TOKEN\\fR, which wins over the file. Unknown keys are errors.\n";

static const char signals[] =
    ".SH SIGNALS\n"
    ".TP\n.B SIGTERM, SIGINT\n"
    "\\fBserve\\fR ends subscriptions, finishes running requests and exits with 0; a second one "
    "does "
    "not wait.\n"
    "A run stops at the next record that is whole.\n"
    ".TP\n.B SIGHUP\n"
    "\\fBserve\\fR reads the TLS certificate and key again; connections go on.\n"
    ".SH OTHER NAMES\n"
    "Called by the name \\fBeventodb\\fR, for example by a link, the program takes the command "
    "line "
    "and the variables\n"
    "of EventoDB's server; see \\fBeventodb help\\fR.\n";

static const char tail[] = ".SH EXAMPLES\n"
                           ".nf\n"
                           "millrace copy orders.csv orders.jsonl.zst\n"
                           "millrace copy csv:\\- orders.db?table=orders < orders.csv\n"
                           "millrace pipeline csv json \\-\\-source\\-path a.csv \\-\\-dest\\-path "
                           "b.json \\-\\-format array\n"
                           "millrace run pipeline.yaml \\-\\-workers 4\n"
                           "millrace serve \\-\\-config serve.yaml\n"
                           ".fi\n";

mr_code mr_help_man(mr_buffer *out, mr_error *err)
{
    MR_TRY(put(out, head, err));
    MR_TRY(man_verbs(out, err));
    MR_TRY(put(out, endpoints, err));
    MR_TRY(man_flags(mr_flags, options, out, err));
    MR_TRY(man_flags(mr_server_flags, server_options, out, err));
    MR_TRY(put(out, configuration, err));
    MR_TRY(mr_option_print(mr_config_table, MR_OPTION_STYLE_MAN, out, err));
    MR_TRY(put(out, server_configuration, err));
    MR_TRY(mr_option_print(mr_serve_table, MR_OPTION_STYLE_MAN, out, err));
    MR_TRY(put(out, signals, err));
    MR_TRY(man_exit_codes(out, err));
    return put(out, tail, err);
}
