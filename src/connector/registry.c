/* SPDX-License-Identifier: MIT */
#include "connector/connectors.h"

/* A line each: clang-format would not have it. */
/* clang-format off */
const mr_source_ops *mr_sources[MR_CONNECTORS_MAX + 1] = {
    &mr_source_csv,
    &mr_source_json,
    &mr_source_sqlite,
    &mr_source_store,
    &mr_source_tail,
    &mr_source_generate,
    &mr_source_replay,
    NULL,
};

const mr_destination_ops *mr_destinations[MR_CONNECTORS_MAX + 1] = {
    &mr_destination_csv,
    &mr_destination_json,
    &mr_destination_sqlite,
    &mr_destination_store,
    &mr_destination_prometheus,
    &mr_destination_null,
    NULL,
};
/* clang-format on */

static bool same_name(mr_slice name, const char *known)
{
    if (name.len != strlen(known)) return false;
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i] == '-' ? '_' : name.ptr[i];
        if (c != known[i]) return false;
    }
    return true;
}

/* The name Nebula has for its older CSV connector; ours is one and the same. */
static mr_slice without_alias(mr_slice name)
{
    return same_name(name, "csv_legacy") ? MR_SLICE("csv") : name;
}

const mr_source_ops *mr_source_find(mr_slice name)
{
    for (size_t i = 0; mr_sources[i] != NULL; i++)
        if (same_name(without_alias(name), mr_sources[i]->name)) return mr_sources[i];
    return NULL;
}

const mr_destination_ops *mr_destination_find(mr_slice name)
{
    for (size_t i = 0; mr_destinations[i] != NULL; i++)
        if (same_name(without_alias(name), mr_destinations[i]->name)) return mr_destinations[i];
    return NULL;
}

static mr_code cannot_register(const char *name, const char *kind, bool taken, mr_error *err)
{
    if (taken) return mr_fail(err, MR_ERR_USAGE, "there is a %s called '%s' already", kind, name);
    return mr_fail(err, MR_ERR_USAGE, "more than %d connectors", MR_CONNECTORS_MAX);
}

mr_code mr_source_register(const mr_source_ops *ops, mr_error *err)
{
    size_t count = 0;
    while (mr_sources[count] != NULL)
        count++;
    const bool taken = mr_source_find(mr_slice_text(ops->name)) != NULL;
    if (taken || count == MR_CONNECTORS_MAX)
        return cannot_register(ops->name, "source", taken, err);
    mr_sources[count] = ops;
    return MR_OK;
}

mr_code mr_destination_register(const mr_destination_ops *ops, mr_error *err)
{
    size_t count = 0;
    while (mr_destinations[count] != NULL)
        count++;
    const bool taken = mr_destination_find(mr_slice_text(ops->name)) != NULL;
    if (taken || count == MR_CONNECTORS_MAX)
        return cannot_register(ops->name, "destination", taken, err);
    mr_destinations[count] = ops;
    return MR_OK;
}
