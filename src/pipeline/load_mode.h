/* SPDX-License-Identifier: MIT
 *
 * pipeline/load_mode.h - `mode` and what belongs to it, in the words of the destination's settings.
 *
 *     mode          of the source            of the destination     SQLite      files
 *     full          all                      replaced               replace     overwritten
 *     append        all                      added to               append      append
 *     incremental   above the watermark      added to               append      append
 *     merge         all, or above it         updated by keys        merge       refused
 *     snapshot      all, with a mark         added to               append      append
 *
 * Thread: as the configuration. */
#ifndef MR_PIPELINE_LOAD_MODE_H
#define MR_PIPELINE_LOAD_MODE_H

#include "pipeline/config.h"

const char *mr_load_mode_name(mr_load_mode mode);

/* Both ends are known by now. MR_ERR_USAGE names two keys that contradict each other. */
MR_NODISCARD mr_code mr_load_settle(mr_pipeline_config *config, mr_error *err);

#endif
