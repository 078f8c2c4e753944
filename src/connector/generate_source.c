/* SPDX-License-Identifier: MIT
 *
 * generate: the reference sets as fast as they can be made, or records at a steady rate whose
 * second column says when each was due (on the monotonic clock), so that whoever reads the output
 * can tell how long a record took: `generate:clock?rate=50000&rows=100000`. */
#include <time.h>

#include "connector/connectors.h"
#include "core/clock.h"
#include "core/number.h"
#include "core/packed.h"
#include "record/refdata.h"

#define ROWS_PER_PIECE  4096u
#define CLOCK_ROW_BYTES 48u
#define MAX_PACED_ROWS  1024u /* of one piece, when the pace has fallen behind */

typedef struct generate_source {
    const char *set_option;
    uint64_t rows;
    uint64_t rate;
    const mr_connector_env *env;
    mr_schema schema;
    mr_refdata data;
    bool clock; /* the paced set */
    uint64_t made;
    uint64_t offset;
    int64_t started_ns;
    mr_slice name;
} generate_source;

static const mr_option generate_options[] = {
    {.name = "set",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(generate_source, set_option),
     .help = "mixed10, orders9, people8, users7, mixed10r or clock; may stand for the path"},
    {.name = "rows",
     .type = MR_OPTION_U64,
     .offset = offsetof(generate_source, rows),
     .fallback = "1000000",
     .help = "records to make"},
    {.name = "rate",
     .type = MR_OPTION_U64,
     .offset = offsetof(generate_source, rate),
     .fallback = "0",
     .help = "records a second; 0 = as fast as they can be made (the clock set: 1000)"},
    {0},
};

static mr_code add_columns(generate_source *s, mr_error *err)
{
    if (s->clock) {
        MR_TRY(mr_schema_add(&s->schema, MR_SLICE("id"), MR_TYPE_INT, NULL, err));
        return mr_schema_add(&s->schema, MR_SLICE("due_ns"), MR_TYPE_INT, NULL, err);
    }
    const mr_refdata_set *set = s->data.set;
    for (uint32_t i = 0; i < set->column_count; i++)
        MR_TRY(mr_schema_add(&s->schema, mr_slice_text(set->columns[i].name), set->columns[i].type,
                             NULL, err));
    return MR_OK;
}

static mr_code generate_open(void *state, const mr_connector_env *env, mr_error *err)
{
    generate_source *s = state;
    s->env = env;
    mr_slice name = env->path;
    if (name.len == 0 && s->set_option != NULL) name = mr_slice_text(s->set_option);
    if (name.len == 0) name = MR_SLICE("mixed10");
    s->name = name;
    s->clock = mr_slice_is(name, "clock");
    if (s->clock && s->rate == 0) s->rate = 1000;
    mr_schema_init(&s->schema, env->arena);
    if (!s->clock) MR_TRY(mr_refdata_init(&s->data, name, s->rows, err));
    return add_columns(s, err);
}

static const mr_schema *generate_schema(void *state)
{
    return &((generate_source *)state)->schema;
}

static uint32_t generate_abilities(void *state)
{
    const generate_source *s = state;
    return MR_CAP_TYPED | (s->rate > 0 ? MR_CAP_STREAM : MR_CAP_SPLIT);
}

static int64_t due_ns(const generate_source *s, uint64_t row)
{
    MR_DCHECK(s->rate > 0);
    return s->started_ns +
           (int64_t)((__extension__(unsigned __int128) row * 1000000000u) / s->rate);
}

/* Waits until at least one row is due and says how many are. */
static uint64_t rows_due(generate_source *s)
{
    if (s->started_ns == 0) /* as if the rows before had been due until now */
        s->started_ns = mr_clock_ns() - (int64_t)((double)s->made * 1e9 / (double)s->rate);
    for (;;) {
        const int64_t now = mr_clock_ns();
        const int64_t wait = due_ns(s, s->made) - now;
        if (wait <= 0 || atomic_load_explicit(s->env->cancelled, memory_order_relaxed)) break;
        const struct timespec nap = {0, wait > 100000000 ? 100000000 : (long)wait};
        nanosleep(&nap, NULL);
    }
    const uint64_t elapsed = (uint64_t)(mr_clock_ns() - s->started_ns);
    const uint64_t due =
        (uint64_t)(__extension__(unsigned __int128) elapsed * s->rate / 1000000000u) + 1 - s->made;
    return mr_min_u64(mr_min_u64(due, MAX_PACED_ROWS), s->rows - s->made);
}

static mr_code make_clock_rows(generate_source *s, mr_job *job, uint64_t rows, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(&job->bytes, rows * CLOCK_ROW_BYTES, err));
    char *p = job->bytes.ptr + job->bytes.len;
    for (uint64_t i = 0; i < rows; i++) {
        p += mr_format_u64(p, s->made + i);
        *p++ = ',';
        p += mr_format_i64(p, due_ns(s, s->made + i));
        *p++ = '\n';
    }
    job->bytes.len = (size_t)(p - job->bytes.ptr);
    return MR_OK;
}

static mr_code generate_fetch(void *state, mr_job *job, mr_error *err)
{
    generate_source *s = state;
    if (s->made == s->rows) {
        job->end = true;
        return MR_OK;
    }
    const uint64_t wanted = s->rate > 0 ? rows_due(s) : ROWS_PER_PIECE;
    uint32_t rows = (uint32_t)wanted;
    if (s->clock)
        MR_TRY(make_clock_rows(s, job, wanted, err));
    else
        MR_TRY(mr_refdata_next(&s->data, (uint32_t)wanted, &job->bytes, &rows, err));
    job->offset = s->offset;
    job->file_name = s->name;
    s->made += rows;
    s->offset += job->bytes.len;
    job->final = s->made == s->rows;
    return MR_OK;
}

static mr_code generate_lane_open(void *state, void *lane, mr_error *err)
{
    (void)err;
    *(generate_source **)lane = state;
    return MR_OK;
}

/* The rows hold no quotes: cells end at commas, rows at LF. */
static mr_code generate_read(void *lane, mr_job *job, mr_error *err)
{
    const generate_source *s = *(generate_source **)lane;
    mr_batch *batch = &job->batch;
    mr_batch_reset(batch);
    MR_TRY(mr_batch_set_schema(batch, &s->schema, err));
    const char *base = job->bytes.ptr + job->start, *end = job->bytes.ptr + job->bytes.len;
    const char *p = job->bytes.ptr + job->at;
    batch->origin = (mr_origin){.source = s->name,
                                .bytes = {base, (size_t)(end - base)},
                                .record = job->result.record_count};
    while (p < end && batch->row_count < batch->max_rows) {
        MR_TRY(mr_batch_begin_row(batch, err));
        const char *row = p;
        for (uint32_t c = 0; c < batch->column_count; c++) {
            const char *cell = p;
            while (*p != ',' && *p != '\n')
                p++;
            MR_TRY(mr_column_append_padded(&batch->columns[c], batch->row_count, cell,
                                           (size_t)(p - cell), err));
            p++;
        }
        const uint32_t at = batch->row_count;
        mr_batch_end_row(batch, (uint32_t)(row - base), (uint32_t)(p - row - 1), 0, at);
    }
    job->at = (size_t)(p - job->bytes.ptr);
    job->result.record_count += batch->row_count;
    job->result.consumed = job->at - job->start;
    job->done = p == end;
    return MR_OK;
}

/* --- positions
 * ---------------------------------------------------------------------------------------- */

static const char *generate_cannot_resume(MR_UNUSED const void *state,
                                          MR_UNUSED const mr_connector_env *env)
{
    return NULL;
}

static mr_code generate_position(MR_UNUSED void *state, const mr_source_place *place,
                                 mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_pack_u64(out, place->record_base, err));
    return mr_pack_u64(out, place->offset, err);
}

/* Makes the rows before anew and drops them: the random sets know no shorter way. */
static mr_code pass_over(generate_source *s, uint64_t rows, mr_error *err)
{
    mr_buffer dropped;
    mr_code rc = MR_OK;
    mr_buffer_init(&dropped, "records passed over", ROWS_PER_PIECE * MR_REFDATA_MAX_ROW_BYTES * 2);
    for (uint32_t got = 1; rows > 0 && got > 0 && rc == MR_OK; rows -= got) {
        mr_buffer_reset(&dropped);
        rc = mr_refdata_next(&s->data, (uint32_t)mr_min_u64(rows, ROWS_PER_PIECE), &dropped, &got,
                             err);
    }
    mr_buffer_done(&dropped);
    return rc;
}

static mr_code generate_seek(void *state, mr_slice position, mr_source_place *out, mr_error *err)
{
    generate_source *s = state;
    mr_packed_in in = {.left = position};
    const uint64_t rows = mr_packed_u64(&in), offset = mr_packed_u64(&in);
    if (!mr_packed_all_read(&in) || rows > s->rows)
        return mr_fail(err, MR_ERR_USAGE, "the checkpoint is at record %llu of the %llu to make",
                       (unsigned long long)rows, (unsigned long long)s->rows);
    if (!s->clock) MR_TRY(pass_over(s, rows, err));
    s->made = rows;
    s->offset = offset;
    *out = (mr_source_place){.offset = offset, .record_base = rows, .unchanged = true};
    return MR_OK;
}

static void generate_progress(void *state, uint64_t *out_done, uint64_t *out_total)
{
    (void)state;
    *out_done = *out_total = 0;
}

const mr_source_ops mr_source_generate = {
    .name = "generate",
    .summary = "reference records, at full speed or at a steady rate",
    .options = generate_options,
    .capabilities = MR_CAP_SPLIT | MR_CAP_STREAM | MR_CAP_TYPED | MR_CAP_RESUME,
    .state_bytes = sizeof(generate_source),
    .lane_bytes = sizeof(generate_source *),
    .open = generate_open,
    .schema = generate_schema,
    .abilities = generate_abilities,
    .fetch = generate_fetch,
    .lane_open = generate_lane_open,
    .read = generate_read,
    .progress = generate_progress,
    .cannot_resume = generate_cannot_resume,
    .position = generate_position,
    .seek = generate_seek,
};
