/* SPDX-License-Identifier: MIT */
#include "connector/store_options.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/number.h"

#define LONGEST_RETRY_NS (24 * 3600 * MR_NS_PER_S)

mr_code mr_store_options_retry(mr_slice text, void *field, mr_error *err)
{
    int64_t ns = MR_STORE_RETRY_AUTO;
    if (!mr_slice_is(text, "auto") &&
        (!mr_parse_duration(text, &ns) || ns < 0 || ns > LONGEST_RETRY_NS))
        return mr_fail(err, MR_ERR_USAGE,
                       "expected auto or a duration from 0s to 24h, found '%.*s'",
                       MR_SLICE_ARGS(mr_slice_of(text.ptr, mr_min_u64(text.len, 60))));
    memcpy(field, &ns, sizeof ns);
    return MR_OK;
}

/* The end's own wish wins over that of the run. */
static void set_retry(mr_guard *guard, int64_t retry_ns)
{
    if (guard == NULL || retry_ns == MR_STORE_RETRY_AUTO) return;
    guard->options.retry.attempts = retry_ns > 0 ? UINT64_MAX : 0;
    guard->options.retry.deadline_ns = retry_ns;
}

static uint32_t whole_seconds(int64_t ns)
{
    return (uint32_t)mr_min_u64((uint64_t)((ns + MR_NS_PER_S - 1) / MR_NS_PER_S), INT32_MAX);
}

static uint32_t milliseconds(int64_t ns)
{
    return (uint32_t)mr_min_u64((uint64_t)((ns + MR_NS_PER_MS - 1) / MR_NS_PER_MS), INT32_MAX);
}

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
    const mr_remote_env *const remote = &env->remote;
    options->env = env;
    if (remote->guard != NULL) {
        remote->guard->options.may_go_on = may_go_on;
        remote->guard->options.may_go_on_context = options;
    }
    set_retry(remote->guard, options->retry_ns);
    const mr_store_client_options client = {
        .url = url,
        .token = options->token != NULL ? options->token : getenv(MR_STORE_TOKEN_VARIABLE),
        .ca_file = options->ca_file != NULL ? options->ca_file : remote->ca_file,
        .insecure = options->insecure || remote->insecure,
        .cert_file = remote->cert_file,
        .key_file = remote->key_file,
        .connect_ms = milliseconds(remote->connect_ns),
        .idle_ms = milliseconds(remote->read_ns),
        .send_idle_ms = milliseconds(remote->write_ns),
        .whole_ms = milliseconds(remote->request_ns),
        .unused_s = whole_seconds(remote->unused_ns),
        .keep_alive_s = whole_seconds(remote->keep_alive_ns),
        .guard = remote->guard,
        .may_go_on = may_go_on,
        .context = options,
    };
    return mr_store_client_open(&client, out, err);
}

mr_code mr_store_options_try(mr_store_client *client, mr_error *err)
{
    mr_buffer answer;
    mr_buffer_init(&answer, "the version of the message store", MR_STORE_ANSWER_BYTES);
    const mr_code code =
        mr_store_client_rpc(client, MR_SLICE("[\"sys.version\"]"), NULL, &answer, err);
    mr_buffer_done(&answer);
    return code;
}
