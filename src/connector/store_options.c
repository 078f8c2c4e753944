/* SPDX-License-Identifier: MIT */
#include "connector/store_options.h"

#include <stdlib.h>

#include "core/clock.h"

static mr_code may_go_on(void *context, mr_error *err)
{
    const mr_store_options *const options = context;
    return options->finishing ? MR_OK : mr_connector_may_wait(options->env, err);
}

mr_code mr_store_options_open(mr_store_options *options, const mr_connector_env *env,
                              mr_store_client **out, mr_error *err)
{
    const char *const url = mr_arena_copy(env->arena, env->path);
    if (url == NULL) return mr_arena_fail(env->arena, err);
    options->env = env;
    const mr_store_client_options client = {
        .url = url,
        .token = options->token != NULL ? options->token : getenv(MR_STORE_TOKEN_VARIABLE),
        .ca_file = options->ca_file,
        .insecure = options->insecure,
        .retry_ms = options->retry_ns / MR_NS_PER_MS,
        .may_go_on = may_go_on,
        .context = options,
    };
    return mr_store_client_open(&client, out, err);
}

mr_code mr_store_options_try(mr_store_client *client, mr_error *err)
{
    mr_buffer answer;
    mr_buffer_init(&answer, "the version of the message store", MR_STORE_ANSWER_BYTES);
    const mr_code code = mr_store_client_rpc(client, MR_SLICE("[\"sys.version\"]"), &answer, err);
    mr_buffer_done(&answer);
    return code;
}
