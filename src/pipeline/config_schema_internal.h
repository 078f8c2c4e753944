/* SPDX-License-Identifier: MIT
 *
 * pipeline/config_schema_internal.h - what pipeline/config_schema*.c share.
 *
 * Thread: any. */
#ifndef MR_PIPELINE_CONFIG_SCHEMA_INTERNAL_H
#define MR_PIPELINE_CONFIG_SCHEMA_INTERNAL_H

#include "core/json.h"
#include "pipeline/config.h"

#define NAME_BYTES 128

void schema_key_text(mr_json_out *json, const char *key, const char *text);
void schema_ref(mr_json_out *json, const char *name);        /* "$ref": ... */
void schema_ref_object(mr_json_out *json, const char *name); /* {"$ref": ...} */
/* A name, and again with '-' where it holds '_', for they are the same. */
void schema_put_name(mr_json_out *json, mr_slice name);

/* --- config_schema_values.c --- */

/* Members of $defs: "variable", "text", "boolean", "whole", "number", "duration", "size", "list",
 * "map". */
extern const char schema_value_defs[];
/* Members of the schema of an option's value. */
void schema_put_value(mr_json_out *json, const mr_option *option);

/* --- config_schema.c --- */

typedef struct schema_walk {
    mr_json_out *json;
    const mr_option *table;
    bool in_end; /* the sections that may stand inside an end, not the whole file */
} schema_walk;

/* A member for each option or section that `prefix` ("" or "performance.") stands before. */
void schema_put_properties(const schema_walk *w, mr_slice prefix);

/* --- config_schema_alerts.c --- */

/* False if `name` is not alerts at the top of a file. */
bool schema_put_alerts(const schema_walk *w, mr_slice name);
void schema_put_alert_defs(mr_json_out *json);

#endif
