/* SPDX-License-Identifier: MIT
 *
 * null: takes every record and keeps none; for measuring sources and for trying whether a file
 * reads. */
#include "connector/connectors.h"

typedef struct null_destination {
    char unused;
} null_destination;

static const mr_option null_options[] = {{0}};

static mr_code null_open(void *state, const mr_connector_env *env, mr_error *err)
{
    (void)state, (void)env, (void)err;
    return MR_OK;
}

static mr_code null_encode(void *lane, mr_job *job, mr_error *err)
{
    (void)lane, (void)err;
    job->encoded_rows += job->batch.row_count;
    return MR_OK;
}

static mr_code null_write(void *state, mr_job *job, mr_error *err)
{
    (void)state, (void)job, (void)err;
    return MR_OK;
}

const mr_destination_ops mr_destination_null = {
    .name = "null",
    .summary = "counts records and drops them",
    .options = null_options,
    .capabilities = MR_CAP_STREAM,
    .guarantee = "nothing is kept",
    .state_bytes = sizeof(null_destination),
    .open = null_open,
    .encode = null_encode,
    .write = null_write,
};
