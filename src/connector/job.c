/* SPDX-License-Identifier: MIT */
#include "connector/connector.h"

#define MAX_PIECE_BYTES ((size_t)1 << 30)
#define KEEP_BYTES      ((size_t)4 << 20)

void mr_job_init(mr_job *job)
{
    memset(job, 0, sizeof *job);
    mr_buffer_init(&job->bytes, "a piece of input (limits.max_record_bytes)", MAX_PIECE_BYTES);
    mr_buffer_init(&job->encoded, "the output of one piece", MAX_PIECE_BYTES * 8);
    mr_buffer_init(&job->packed, "the compressed output of one piece", MAX_PIECE_BYTES * 8);
    mr_batch_init(&job->batch, 0);
    mr_reject_list_init(&job->rejects);
    mr_reject_list_init(&job->refused);
}

void mr_job_done(mr_job *job)
{
    mr_buffer_done(&job->bytes);
    mr_buffer_done(&job->encoded);
    mr_buffer_done(&job->packed);
    mr_batch_done(&job->batch);
    mr_reject_list_done(&job->rejects);
    mr_reject_list_done(&job->refused);
}

static void empty(mr_buffer *buffer)
{
    mr_buffer_reset(buffer);
    mr_buffer_shrink(buffer, KEEP_BYTES);
}

void mr_job_reset(mr_job *job)
{
    empty(&job->bytes);
    empty(&job->encoded);
    empty(&job->packed);
    mr_batch_reset(&job->batch);
    mr_reject_list_reset(&job->rejects);
    mr_reject_list_reset(&job->refused);
    memset((char *)job + offsetof(mr_job, sequence), 0, sizeof *job - offsetof(mr_job, sequence));
}
