/* SPDX-License-Identifier: MIT
 *
 * pipeline/config_schema.h - the JSON Schema (draft 2020-12) of a pipeline file, for editors.
 *
 * Made from the tables that the parser itself uses: mr_config_table for the run-wide keys and the
 * option tables of every connector that is built, so it knows what this very program knows. Where
 * a schema can say less than the parser (a duration's range, a list in a text), it accepts more.
 * It wants keys written with '_', where the parser takes '-' as well; what else it refuses, the
 * parser refuses too.
 *
 * Thread: any. */
#ifndef MR_PIPELINE_CONFIG_SCHEMA_H
#define MR_PIPELINE_CONFIG_SCHEMA_H

#include "core/buffer.h"

/* Appends the schema and a newline. */
MR_NODISCARD mr_code mr_config_schema_print(mr_buffer *out, mr_error *err);

#endif
