/* SPDX-License-Identifier: MIT
 *
 * export and import, as `millrace store` and as `eventodb` have them. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/eventodb.h"
#include "cli/exit.h"
#include "cli/store_token.h"
#include "cli/transfer.h"

static mr_code find_server(const mr_args *args, mr_transfer_server *out, mr_error *err)
{
    mr_slice token;
    MR_TRY(mr_store_find_token(&args->store, args->arena, &token, err));
    *out = (mr_transfer_server){.url = args->operands[0],
                                .token = token.ptr,
                                .ca_file = args->store.ca_file,
                                .insecure = args->store.insecure};
    return MR_OK;
}

int mr_cmd_store_export(mr_args *args)
{
    mr_error err = {0};
    mr_transfer_export_options options = {.categories = args->store.categories,
                                          .since = args->store.since,
                                          .until = args->store.until,
                                          .output = args->store.output,
                                          .gzip = args->store.gzip};
    const mr_code rc = find_server(args, &options.server, &err);
    return rc == MR_OK ? mr_transfer_export(&options) : mr_cli_fail(rc, &err);
}

int mr_cmd_store_import(mr_args *args)
{
    mr_error err = {0};
    mr_transfer_import_options options = {.input = args->store.input,
                                          .gzip = args->store.gzip,
                                          .force = args->store.force,
                                          .yes = args->store.yes};
    const mr_code rc = find_server(args, &options.server, &err);
    return rc == MR_OK ? mr_transfer_import(&options) : mr_cli_fail(rc, &err);
}

/* --- as eventodb --- */

static bool has_server(const mr_eventodb *args, mr_transfer_server *out)
{
    const char *missing = args->url == NULL ? "url" : args->token == NULL ? "token" : NULL;
    *out = (mr_transfer_server){.url = args->url, .token = args->token};
    if (missing != NULL) fprintf(stderr, "eventodb: -%s is needed\n", missing);
    return missing == NULL;
}

int mr_eventodb_export(const mr_eventodb *args)
{
    mr_transfer_export_options options = {.categories = args->categories,
                                          .since = args->since,
                                          .until = args->until,
                                          .output = args->output,
                                          .gzip = args->gzip};
    return has_server(args, &options.server) ? mr_transfer_export(&options) : MR_EXIT_FAILED;
}

int mr_eventodb_import(const mr_eventodb *args)
{
    mr_transfer_import_options options = {
        .input = args->input, .gzip = args->gzip, .force = args->force, .yes = args->yes};
    return has_server(args, &options.server) ? mr_transfer_import(&options) : MR_EXIT_FAILED;
}
