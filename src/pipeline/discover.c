/* SPDX-License-Identifier: MIT */
#include "pipeline/discover.h"

#include "core/mem.h"
#include "core/packed.h"

/* In job->encoded: for each batch of the piece a section, then for each of its columns an entry and
 * the bytes of its name, padded so that the next entry is aligned. */
typedef struct section {
    uint64_t record_base; /* places in the entries count from here, relative to the piece */
    uint64_t line_base;
    uint64_t column_count;
} section;

typedef struct entry {
    mr_infer infer;
    uint64_t name_length;
} entry;

static size_t padded(size_t length)
{
    return mr_align_up(length, _Alignof(entry));
}

mr_code mr_discovery_init(mr_discovery *discovery, mr_arena *arena, const mr_schema *known,
                          mr_error *err)
{
    *discovery = (mr_discovery){0};
    mr_schema_init(&discovery->schema, arena);
    if (known != NULL) MR_TRY(mr_schema_copy(&discovery->schema, known, arena, err));
    discovery->column_cap = discovery->schema.field_count + 16;
    discovery->columns = mr_mem_zalloc(sizeof *discovery->columns * discovery->column_cap);
    if (discovery->columns == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to look at %u columns",
                       discovery->column_cap);
    return MR_OK;
}

void mr_discovery_done(mr_discovery *discovery)
{
    mr_mem_free(discovery->columns);
    *discovery = (mr_discovery){0};
}

void mr_discovery_finish(mr_discovery *discovery)
{
    for (uint32_t i = 0; i < discovery->schema.field_count; i++)
        discovery->schema.fields[i].type = discovery->columns[i].type;
}

static mr_code grow(mr_discovery *d, mr_error *err)
{
    const uint32_t cap = d->column_cap * 2;
    mr_infer *columns = mr_mem_realloc(d->columns, sizeof *columns * cap);
    if (columns == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to look at %u columns", cap);
    memset(columns + d->column_cap, 0, sizeof *columns * (cap - d->column_cap));
    d->columns = columns;
    d->column_cap = cap;
    return MR_OK;
}

mr_code mr_discovery_encode(const mr_discovery *d, bool exact, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_pack_u32(out, exact, err));
    MR_TRY(mr_pack_u32(out, d->schema.field_count, err));
    for (uint32_t i = 0; i < d->schema.field_count; i++) {
        MR_TRY(mr_pack_text(out, d->schema.fields[i].name, err));
        MR_TRY(mr_pack_text(out, mr_slice_text(mr_type_name(d->columns[i].type)), err));
        MR_TRY(mr_pack_u32(out, d->columns[i].layout, err));
        MR_TRY(mr_pack_u64(out, d->columns[i].null_count, err));
    }
    return MR_OK;
}

mr_code mr_discovery_decode(mr_discovery *d, mr_arena *arena, mr_slice bytes, bool *out_exact,
                            mr_error *err)
{
    mr_packed_in in = {.left = bytes};
    MR_TRY(mr_discovery_init(d, arena, NULL, err));
    *out_exact = mr_packed_u32(&in) != 0;
    const uint32_t count = mr_packed_u32(&in);
    for (uint32_t i = 0; i < count && !in.broken; i++) {
        const mr_slice name = mr_packed_text(&in);
        const mr_type type = mr_type_named(mr_packed_text(&in));
        const uint32_t layout = mr_packed_u32(&in);
        const uint64_t nulls = mr_packed_u64(&in);
        if (type == MR_TYPE_COUNT) in.broken = true;
        if (in.broken) break;
        if (d->schema.field_count == d->column_cap) MR_TRY(grow(d, err));
        MR_TRY(mr_schema_add(&d->schema, name, type, NULL, err));
        d->columns[i].type = type;
        d->columns[i].layout = (mr_time_layout)layout;
        d->columns[i].null_count = nulls;
    }
    if (mr_packed_all_read(&in)) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "the checkpoint's columns were written by another version of millrace");
}

static mr_code discover_lane_open(void *state, void *lane, mr_error *err)
{
    (void)state, (void)lane, (void)err;
    return MR_OK;
}

static mr_code put_entry(mr_buffer *out, const mr_batch *batch, uint32_t column, mr_error *err)
{
    const mr_slice name = batch->columns[column].name;
    const size_t size = sizeof(entry) + padded(name.len);
    MR_TRY(mr_buffer_reserve(out, size, err));
    entry *e = (entry *)(void *)(out->ptr + out->len);
    memset(e, 0, size);
    e->name_length = name.len;
    if (name.len > 0) memcpy(e + 1, name.ptr, name.len);
    mr_infer_column(&e->infer, batch, column);
    out->len += size;
    return MR_OK;
}

/* A column that only records behind the sample have was not found in it. */
static bool is_found(const mr_job *job, uint32_t column)
{
    return !job->cut || job->batch.columns[column].absent_count < job->batch.row_count;
}

static mr_code discover_encode(void *lane, mr_job *job, mr_error *err)
{
    (void)lane;
    const mr_batch *batch = &job->batch;
    section head = {batch->origin.record, batch->origin.line, 0};
    for (uint32_t i = 0; i < batch->column_count; i++)
        head.column_count += is_found(job, i);
    MR_TRY(mr_buffer_append(&job->encoded, (mr_slice){(const char *)&head, sizeof head}, err));
    for (uint32_t i = 0; i < batch->column_count; i++)
        if (is_found(job, i)) MR_TRY(put_entry(&job->encoded, batch, i, err));
    job->encoded_rows += batch->row_count;
    return MR_OK;
}

/* The column called `name`; `hint` is where it most likely is. */
static mr_code find_or_add(mr_discovery *d, mr_slice name, uint32_t hint, uint32_t *out,
                           mr_error *err)
{
    if (hint < d->schema.field_count && mr_slice_equal(d->schema.fields[hint].name, name)) {
        *out = hint;
        return MR_OK;
    }
    const int64_t found = mr_schema_find(&d->schema, name);
    if (found >= 0) {
        *out = (uint32_t)found;
        return MR_OK;
    }
    if (d->schema.field_count == d->column_cap) MR_TRY(grow(d, err));
    MR_TRY(mr_schema_add(&d->schema, name, MR_TYPE_NULL, out, err));
    d->columns[*out].null_count = d->record_count; /* absent so far */
    return MR_OK;
}

/* A job's name of its file may die with the job. */
static mr_code keep_source(mr_discovery *d, mr_slice source, mr_error *err)
{
    if (d->source.ptr != NULL && mr_slice_equal(d->source, source)) return MR_OK;
    const char *name = mr_arena_copy(d->schema.arena, source);
    if (name == NULL) return mr_arena_fail(d->schema.arena, err);
    d->source = (mr_slice){name, source.len};
    return MR_OK;
}

static mr_code name_sources(mr_discovery *d, mr_infer *infer, mr_slice source, mr_error *err)
{
    for (uint32_t i = 0; i < infer->first_count; i++) {
        if (infer->first[i].source.ptr != NULL) continue;
        MR_TRY(keep_source(d, source, err));
        infer->first[i].source = d->source;
    }
    return MR_OK;
}

static mr_code join_section(mr_discovery *d, const mr_job *job, const char **at, mr_error *err)
{
    section head;
    memcpy(&head, *at, sizeof head);
    *at += sizeof head;
    for (uint32_t i = 0; i < head.column_count; i++) {
        const entry *e = (const entry *)(const void *)*at;
        const mr_slice name = {(const char *)(e + 1), e->name_length};
        uint32_t column;
        MR_TRY(find_or_add(d, name, i, &column, err));
        mr_infer_merge(&d->columns[column], &e->infer, job->record_base + head.record_base + 1,
                       job->line_base + head.line_base + 1);
        MR_TRY(name_sources(d, &d->columns[column], job->file_name, err));
        *at += sizeof *e + padded(name.len);
    }
    return MR_OK;
}

static mr_code discover_write(void *state, mr_job *job, mr_error *err)
{
    mr_discovery *d = state;
    const char *at = job->encoded.ptr, *end = at + job->encoded.len;
    while (at < end)
        MR_TRY(join_section(d, job, &at, err));
    d->record_count += job->encoded_rows;
    return MR_OK;
}

const mr_destination_ops mr_destination_discover = {
    .name = "discover",
    .summary = "columns and types",
    .state_bytes = sizeof(mr_discovery),
    .lane_open = discover_lane_open,
    .encode = discover_encode,
    .write = discover_write,
};
