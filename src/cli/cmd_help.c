/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/help.h"

static mr_code unknown_topic(const char *topic, mr_error *err)
{
    return mr_fail(err, MR_ERR_USAGE, "there is no help on '%s'; try 'millrace help'", topic);
}

static mr_code print_help(const mr_args *args, mr_buffer *out, mr_error *err)
{
    const mr_option_style style = args->markdown ? MR_OPTION_STYLE_MARKDOWN : MR_OPTION_STYLE_TEXT;
    if (args->man) return mr_help_man(out, err);
    const char *topic = args->operand_count > 0 ? args->operands[0] : NULL;
    if (args->operand_count > 1) /* a verb of two words */
        topic = mr_arena_printf(args->arena, "%s %s", args->operands[0], args->operands[1]);
    if (args->operand_count > 1 && topic == NULL) return mr_arena_fail(args->arena, err);
    if (topic != NULL && strcmp(topic, "server") == 0) return mr_help_server(style, out, err);
    if (topic != NULL && strcmp(topic, "metrics") == 0) return mr_help_metrics(style, out, err);
    if (args->markdown || (topic != NULL && strcmp(topic, "configuration") == 0))
        return mr_help_configuration(style, out, err);
    if (topic == NULL) return mr_help_overview(out, err);
    const mr_verb *verb = mr_verb_find(mr_slice_text(topic));
    return verb != NULL ? mr_help_verb(verb, out, err) : unknown_topic(topic, err);
}

static int show(mr_buffer *out, mr_code code, mr_error *err)
{
    if (code == MR_OK) code = mr_cli_print(mr_buffer_slice(out), err);
    mr_buffer_done(out);
    return code == MR_OK ? MR_EXIT_OK : mr_cli_fail(code, err);
}

int mr_cmd_help(mr_args *args)
{
    mr_buffer out;
    mr_error err = {0};
    mr_buffer_init(&out, "help text", MR_HELP_MAX_BYTES);
    const mr_code code = print_help(args, &out, &err);
    return show(&out, code, &err);
}

int mr_cmd_help_verb(mr_args *args)
{
    mr_buffer out;
    mr_error err = {0};
    mr_buffer_init(&out, "help text", MR_HELP_MAX_BYTES);
    const mr_code code = mr_help_verb(args->verb, &out, &err);
    return show(&out, code, &err);
}

int mr_cmd_completion(mr_args *args)
{
    mr_buffer out;
    mr_error err = {0};
    mr_buffer_init(&out, "completion script", MR_HELP_MAX_BYTES);
    mr_code code = MR_OK;
    if (mr_slice_is(mr_slice_text(args->operands[0]), "bash")) {
        code = mr_help_bash(&out, &err);
    } else {
        code = mr_fail(&err, MR_ERR_USAGE, "completion is for bash, not '%s'", args->operands[0]);
    }
    return show(&out, code, &err);
}
