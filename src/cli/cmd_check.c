/* SPDX-License-Identifier: MIT
 *
 * check: what a run would do, without doing it. The arguments' parser has already resolved
 * variables and refused contradictions; here both ends are found and their options checked. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "pipeline/config_schema.h"
#include "pipeline/run.h"

#define MAX_TEXT_BYTES ((size_t)4 << 20)

static mr_code put_plan(const mr_pipeline_config *c, const char *guarantee, mr_buffer *out,
                        mr_error *err)
{
    const mr_source_ops *source = mr_source_find(mr_slice_text(c->source.connector));
    const mr_destination_ops *destination =
        mr_destination_find(mr_slice_text(c->destination.connector));
    MR_TRY(mr_buffer_printf(out, err, "from        %s %s\n", source->name,
                            c->source.path ? c->source.path : ""));
    MR_TRY(mr_buffer_printf(out, err, "to          %s %s\n", destination->name,
                            c->destination.path ? c->destination.path : ""));
    MR_TRY(mr_buffer_printf(out, err, "guarantee   %s\n", guarantee));
    MR_TRY(mr_buffer_printf(out, err, "workers     %u\n", c->performance.workers));
    MR_TRY(mr_buffer_printf(out, err, "memory      at most %llu MiB\n",
                            (unsigned long long)(c->performance.memory_limit_bytes >> 20)));
    for (const mr_step *step = c->steps.first; step != NULL; step = step->next) {
        MR_TRY(mr_buffer_append(out, MR_SLICE("step        "), err));
        MR_TRY(mr_step_describe(step, out, err));
        MR_TRY(mr_buffer_append_byte(out, '\n', err));
    }
    if (c->limit > 0)
        MR_TRY(
            mr_buffer_printf(out, err, "limit       %llu records\n", (unsigned long long)c->limit));
    return mr_buffer_append(out, MR_SLICE("ok\n"), err);
}

/* With --connect both ends are opened as a run would; nothing is written. */
static mr_code try_ends(mr_args *args, const char **out_guarantee, mr_error *err)
{
    static mr_run run;
    const mr_code rc =
        mr_run_open(&run, &args->config, MR_CONFIG_SOURCE | MR_CONFIG_DESTINATION, NULL, NULL, err);
    if (rc == MR_OK) *out_guarantee = mr_run_guarantee(&run);
    mr_run_close(&run);
    return rc;
}

static int check_serve(mr_args *args)
{
    mr_error err = {0};
    mr_buffer text;
    mr_buffer_init(&text, "the plan", MAX_TEXT_BYTES);
    mr_code rc = mr_serve_pipelines_check(&args->serve.pipelines, &err);
    if (rc == MR_OK) rc = mr_serve_config_plan(&args->serve, &text, &err);
    if (rc == MR_OK) rc = mr_cli_print(mr_buffer_slice(&text), &err);
    mr_buffer_done(&text);
    return rc == MR_OK ? MR_EXIT_OK : mr_cli_fail(rc, &err);
}

static int print_schema(void)
{
    mr_error err = {0};
    mr_buffer text;
    mr_buffer_init(&text, "the schema", MAX_TEXT_BYTES);
    mr_code rc = mr_config_schema_print(&text, &err);
    if (rc == MR_OK) rc = mr_cli_print(mr_buffer_slice(&text), &err);
    mr_buffer_done(&text);
    return rc == MR_OK ? MR_EXIT_OK : mr_cli_fail(rc, &err);
}

int mr_cmd_check(mr_args *args)
{
    mr_error err = {0};
    mr_buffer text;
    if (args->json_schema) return print_schema();
    if (args->is_serve) return check_serve(args);
    mr_cli_print_notes(&args->config, true);
    mr_buffer_init(&text, "the plan", MAX_TEXT_BYTES);
    const char *guarantee = "";
    mr_code rc = args->connect ? try_ends(args, &guarantee, &err)
                               : mr_run_check(&args->config, &guarantee, &err);
    if (rc == MR_OK) rc = put_plan(&args->config, guarantee, &text, &err);
    if (rc == MR_OK) rc = mr_cli_print(mr_buffer_slice(&text), &err);
    mr_buffer_done(&text);
    return rc == MR_OK ? MR_EXIT_OK : mr_cli_fail(rc, &err);
}
