/* SPDX-License-Identifier: MIT */
#include "connector/connectors.h"

/* A line each: clang-format would not have it. */
/* clang-format off */
const mr_source_ops *const mr_sources[] = {
    &mr_source_csv,
    &mr_source_json,
    &mr_source_sqlite,
    &mr_source_store,
    &mr_source_tail,
    &mr_source_generate,
    &mr_source_replay,
    NULL,
};

const mr_destination_ops *const mr_destinations[] = {
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
