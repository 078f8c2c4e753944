/* SPDX-License-Identifier: MIT
 *
 * pipeline/admit.h - which rows of a batch go on, before anything is done with them: the sample,
 * and the declared schema.
 *
 * Sampling is a function of the record's place (file and byte offset, or its ordinal in a source
 * without text) and the seed, so the same records are taken whatever the number of workers, and
 * each record on its own (Bernoulli). What is not taken is counted as filtered.
 *
 * Thread: an mr_admit is constant; lanes apply it to their own jobs. */
#ifndef MR_PIPELINE_ADMIT_H
#define MR_PIPELINE_ADMIT_H

#include "connector/connector.h"
#include "pipeline/declared.h"

typedef struct mr_admit {
    bool samples;
    uint64_t sample_below; /* a row is taken when its hash is below */
    uint64_t seed;
    const mr_declared *declared; /* may be empty */
    bool judge;                  /* the source has no types: text decides */
} mr_admit;

/* `share` is 0 to 1. */
void mr_admit_init(mr_admit *admit, double share, uint64_t seed, const mr_declared *declared,
                   bool judge);

/* Does it do anything at all? */
bool mr_admit_is_idle(const mr_admit *admit);

/* For mr_engine_config.admit; `context` is an mr_admit. Rows leave the batch: to job->filtered, or
 * to job->refused with their place. */
MR_NODISCARD MR_HOT mr_code mr_admit_apply(const void *context, mr_job *job, mr_error *err);

#endif
