/* SPDX-License-Identifier: MIT
 *
 * pipeline/origin.h - what `replay` has to know to read the records of a rejects file again: the
 * connector, the options it was given, the columns and, where every value was looked at, their
 * types. The first entry of each rejects file carries it.
 *
 *     "origin":{"connector":"csv","options":{"delimiter":";"},
 *               "columns":[{"name":"id","type":"int"},{"name":"name","type":"string"}]}
 *
 * Secrets are never part of it.
 *
 * Thread: the collector's, before the run begins. */
#ifndef MR_PIPELINE_ORIGIN_H
#define MR_PIPELINE_ORIGIN_H

#include "pipeline/run.h"

/* The text of the object, in the run's arena. Of a run that replays it is the origin of the
 * records, not of the run. */
MR_NODISCARD mr_code mr_origin_write(mr_run *run, mr_slice *out, mr_error *err);

#endif
