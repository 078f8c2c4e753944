/* SPDX-License-Identifier: MIT
 *
 * connector/store_options.h - what the source and the destination `store` share: whom they talk to.
 *
 * Thread: as the connector's. */
#ifndef MR_CONNECTOR_STORE_OPTIONS_H
#define MR_CONNECTOR_STORE_OPTIONS_H

#include "connector/connectors.h"
#include "connector/store_client.h"

#define MR_STORE_TOKEN_VARIABLE "MILLRACE_TOKEN" /* of the environment, when no token is given */
#define MR_STORE_RETRY_AUTO     INT64_C(-1)

/* Parses the value of `retry`. */
mr_code mr_store_options_retry(mr_slice text, void *field, mr_error *err);

typedef struct mr_store_options {
    const char *token;
    const char *ca_file;
    bool insecure;
    int64_t retry_ns;            /* MR_STORE_RETRY_AUTO: as the run says */
    const mr_connector_env *env; /* set by mr_store_options_open() */
    bool finishing; /* what is left to do is done, although the run has been told to stop */
} mr_store_options;

/* The rows of an option table for a state that has the field `server`. */
#define MR_STORE_OPTIONS(state)                                                                \
    {.name = "token",                                                                          \
     .type = MR_OPTION_TEXT,                                                                   \
     .flags = MR_OPTION_SECRET,                                                                \
     .offset = offsetof(state, server.token),                                                  \
     .help = "token of the namespace; without it the environment variable MILLRACE_TOKEN"},    \
        {.name = "ca_file",                                                                    \
         .type = MR_OPTION_TEXT,                                                               \
         .offset = offsetof(state, server.ca_file),                                            \
         .help = "PEM file of who may have signed the server's certificate"},                  \
        {.name = "insecure",                                                                   \
         .type = MR_OPTION_BOOL,                                                               \
         .offset = offsetof(state, server.insecure),                                           \
         .fallback = "false",                                                                  \
         .help = "accepts any certificate"},                                                   \
    {                                                                                          \
        .name = "retry", .type = MR_OPTION_PARSED, .offset = offsetof(state, server.retry_ns), \
        .size = sizeof(int64_t), .parse = mr_store_options_retry,                              \
        .syntax = "auto, or a duration (30s, 5m; 0s is not at all)", .fallback = "auto",       \
        .help = "how long calls are repeated while the server cannot be reached or is busy, "  \
                "however often; auto: as often as reliability.retry_attempts says"             \
    }

/* A client for the store at `env->path`. Both are borrowed as long as the client. */
MR_NODISCARD mr_code mr_store_options_open(mr_store_options *options, const mr_connector_env *env,
                                           mr_store_client **out, mr_error *err);
/* Asks the server something small: MR_ERR_USAGE when it does not know the token. */
MR_NODISCARD mr_code mr_store_options_try(mr_store_client *client, mr_error *err);

#endif
