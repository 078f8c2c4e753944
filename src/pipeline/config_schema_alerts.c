/* SPDX-License-Identifier: MIT
 *
 * Parts of a file that have a reader of their own: alerts. */
#include "pipeline/config_schema_internal.h"

/* default, or a list of mappings and names. */
bool schema_put_alerts(const schema_walk *w, mr_slice name)
{
    mr_json_out *const json = w->json;
    if (w->table != mr_config_table || w->in_end || !mr_slice_is(name, "alerts")) return false;
    schema_key_text(json, "description", mr_option_find(w->table, name)->help);
    mr_json_key(json, "anyOf");
    mr_json_raw(json,
                MR_SLICE("[{\"$ref\":\"#/$defs/alert_name\"},{\"type\":\"null\"},"
                         "{\"type\":\"array\",\"items\":{\"anyOf\":["
                         "{\"$ref\":\"#/$defs/alert_name\"},{\"$ref\":\"#/$defs/alert\"}]}}]"));
    return true;
}

void schema_put_alert_defs(mr_json_out *json)
{
    mr_json_key(json, "alert_name");
    mr_json_open(json, '{');
    mr_json_key(json, "enum");
    mr_json_open(json, '[');
    mr_json_text(json, MR_SLICE("default"));
    mr_json_text(json, MR_SLICE("defaults"));
    for (size_t i = 0; mr_alert_shipped(i) != NULL; i++)
        mr_json_text(json, mr_slice_text(mr_alert_shipped(i)));
    mr_json_close(json, ']');
    mr_json_close(json, '}');
    mr_json_key(json, "alert");
    mr_json_open(json, '{');
    schema_key_text(json, "type", "object");
    mr_json_key(json, "required"), mr_json_raw(json, MR_SLICE("[\"name\",\"condition\"]"));
    mr_json_key(json, "additionalProperties"), mr_json_bool(json, false);
    mr_json_key(json, "properties");
    mr_json_open(json, '{');
    schema_put_properties(&(schema_walk){json, mr_alert_table, false}, MR_SLICE(""));
    mr_json_close(json, '}');
    mr_json_close(json, '}');
}
