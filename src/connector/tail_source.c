/* SPDX-License-Identifier: MIT
 *
 * tail as a source: files that grow. Which files and where in them is connector/tail_files.h, lines
 * to records is connector/tail_read.h, waiting is connector/tail_watch.h. What is there is handed
 * on at once; while the destination is busy more gathers, so batches grow with the load. */
#include "connector/connectors.h"
#include "connector/tail_files.h"
#include "connector/tail_read.h"
#include "connector/tail_watch.h"
#include "core/clock.h"
#include "core/file.h"

#define WAIT_MS 100 /* how often a source that waits looks whether the run is over */

typedef struct tail_source {
    /* Options. */
    int format, from, has_header, ragged;
    int64_t poll_ns, rotate_wait_ns, idle_ns;
    const char *column;
    char delimiter, quote, escape, comment;
    mr_option_list columns, null_values;

    const mr_connector_env *env;
    const char *path;
    mr_tail_files files;
    mr_tail_reader reader;
    mr_tail_watch watch;
    int64_t scan_ns;  /* when the next scan is due */
    int64_t quiet_ns; /* since when there has been nothing to read */
    bool is_sample;   /* a first pass: what is there now, and then it ends */
    bool has_given;
    atomic_uint_least64_t done_bytes; /* read by progress() */
} tail_source;

enum { FROM_START, FROM_END };

static const mr_option_choice format_choices[] = {{"auto", MR_TAIL_AUTO},  {"lines", MR_TAIL_LINES},
                                                  {"csv", MR_TAIL_CSV},    {"json", MR_TAIL_JSON},
                                                  {"jsonl", MR_TAIL_JSON}, {0}};
static const mr_option_choice from_choices[] = {{"start", FROM_START}, {"end", FROM_END}, {0}};
static const mr_option_choice delimiter_choices[] = {
    {"auto", 0}, {"tab", '\t'}, {"comma", ','}, {"semicolon", ';'}, {"pipe", '|'}, {0}};
static const mr_option_choice off_choices[] = {{"off", 0}, {"none", 0}, {0}};
static const mr_option_choice header_choices[] = {
    {"true", MR_CSV_HEADER_YES}, {"false", MR_CSV_HEADER_NO}, {0}};
static const mr_option_choice ragged_choices[] = {
    {"quarantine", MR_CSV_RAGGED_QUARANTINE}, {"fail", MR_CSV_RAGGED_FAIL}, {0}};

static const mr_option tail_options[] = {
    {.name = "format",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(tail_source, format),
     .fallback = "auto",
     .choices = format_choices,
     .help = "auto: by the suffix, and lines where that says nothing"},
    {.name = "from",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(tail_source, from),
     .fallback = "start",
     .choices = from_choices,
     .help = "where to begin in files that are there at first; later ones are read whole"},
    {.name = "poll_interval",
     .type = MR_OPTION_DURATION_NS,
     .flags = MR_OPTION_PACE,
     .offset = offsetof(tail_source, poll_ns),
     .fallback = "250ms",
     .range = {MR_NS_PER_MS, 3600 * MR_NS_PER_S},
     .help = "how often to look where the system does not tell of changes"},
    {.name = "rotate_wait",
     .type = MR_OPTION_DURATION_NS,
     .flags = MR_OPTION_PACE,
     .offset = offsetof(tail_source, rotate_wait_ns),
     .fallback = "5s",
     .range = {0, 24 * 3600 * MR_NS_PER_S},
     .help = "how long a renamed or removed file must be quiet before it counts as over"},
    {.name = "stop_when_idle",
     .type = MR_OPTION_DURATION_NS,
     .flags = MR_OPTION_PACE,
     .offset = offsetof(tail_source, idle_ns),
     .fallback = "0",
     .range = {0, 24 * 3600 * MR_NS_PER_S},
     .help = "end the run when nothing has been added for so long; 0 = run until stopped"},
    {.name = "column",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(tail_source, column),
     .fallback = "line",
     .help = "lines: name of the one column"},
    {.name = "delimiter",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(tail_source, delimiter),
     .fallback = "auto",
     .choices = delimiter_choices,
     .help = "csv: the byte between fields; auto: tab for .tsv, else a comma"},
    {.name = "quote",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(tail_source, quote),
     .fallback = "\"",
     .choices = off_choices,
     .help = "csv: the byte around fields that hold delimiters or line ends"},
    {.name = "escape",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(tail_source, escape),
     .fallback = "off",
     .choices = off_choices,
     .help =
         "csv: a byte that takes the next one literally inside quotes; off: quotes are doubled"},
    {.name = "comment",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(tail_source, comment),
     .fallback = "off",
     .choices = off_choices,
     .help = "csv: lines that begin with this byte are skipped"},
    {.name = "has_header",
     .aliases = "header",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(tail_source, has_header),
     .fallback = "true",
     .choices = header_choices,
     .help = "csv: whether the first record of each file holds the column names"},
    {.name = "columns",
     .type = MR_OPTION_LIST,
     .offset = offsetof(tail_source, columns),
     .help = "csv: column names, instead of the header's"},
    {.name = "null_values",
     .type = MR_OPTION_LIST,
     .offset = offsetof(tail_source, null_values),
     .help = "csv: unquoted spellings of null besides nothing"},
    {.name = "ragged",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(tail_source, ragged),
     .fallback = "quarantine",
     .choices = ragged_choices,
     .help = "csv: records with too few or too many fields"},
    {0},
};

/* --- opening ---------------------------------------------------------------------------------- */

static mr_tail_format format_of(const tail_source *s)
{
    static const struct {
        const char *suffix;
        mr_tail_format format;
    } suffixes[] = {{".csv", MR_TAIL_CSV},
                    {".tsv", MR_TAIL_CSV},
                    {".json", MR_TAIL_JSON},
                    {".jsonl", MR_TAIL_JSON},
                    {".ndjson", MR_TAIL_JSON}};
    if (s->format != MR_TAIL_AUTO) return (mr_tail_format)s->format;
    for (size_t i = 0; i < MR_COUNT_OF(suffixes); i++)
        if (mr_slice_ends(s->env->path, suffixes[i].suffix)) return suffixes[i].format;
    return MR_TAIL_LINES;
}

static mr_code slices_of(mr_arena *arena, const mr_option_list *list, const mr_slice **out,
                         uint32_t *out_count, mr_error *err)
{
    mr_slice *slices = mr_arena_take(arena, sizeof *slices * (list->count + 1));
    if (slices == NULL) return mr_arena_fail(arena, err);
    for (uint32_t i = 0; i < list->count; i++)
        slices[i] = mr_slice_text(list->items[i]);
    *out = slices;
    *out_count = list->count;
    return MR_OK;
}

static mr_code open_reader(tail_source *s, mr_error *err)
{
    const bool tabs = s->delimiter == 0 && mr_slice_ends(s->env->path, ".tsv");
    mr_csv_options *csv = &s->reader.csv_options;
    *csv = (mr_csv_options){
        .delimiter = s->delimiter != 0 ? s->delimiter
                     : tabs            ? '\t'
                                       : ',',
        .quote = s->quote,
        .escape = s->escape,
        .comment = s->comment,
        .has_header = (mr_csv_has_header)s->has_header,
        .ragged = (mr_csv_ragged)s->ragged,
    };
    MR_TRY(slices_of(s->env->arena, &s->columns, &csv->columns, &csv->column_count, err));
    MR_TRY(
        slices_of(s->env->arena, &s->null_values, &csv->null_values, &csv->null_value_count, err));
    s->reader.format = format_of(s);
    s->reader.column = s->column;
    return mr_tail_reader_open(&s->reader, s->env, err);
}

static void open_files(tail_source *s)
{
    s->files.pattern = s->path;
    s->files.from_end = s->from == FROM_END;
    s->files.rotate_wait_ns = s->rotate_wait_ns;
    s->files.warn = s->env->warn;
    s->files.warn_context = s->env->warn_context;
    mr_tail_files_init(&s->files);
}

static mr_code scan(tail_source *s, mr_error *err)
{
    MR_TRY(mr_tail_files_scan(&s->files, err));
    s->scan_ns = mr_clock_ns() + s->poll_ns;
    mr_tail_watch_beside(&s->watch, s->path);
    for (uint32_t i = 0; i < s->files.count; i++)
        mr_tail_watch_beside(&s->watch, s->files.items[i].path);
    return MR_OK;
}

/* Waits for events, or until it is time to look anyway, at most a short while. */
static mr_code wait_a_little(tail_source *s, mr_error *err)
{
    bool names;
    const int64_t left_ms = (s->scan_ns - mr_clock_ns()) / MR_NS_PER_MS;
    const int ms = left_ms < 1 ? 1 : left_ms > WAIT_MS ? WAIT_MS : (int)left_ms;
    (void)mr_tail_watch_wait(&s->watch, ms, &names);
    if (names || mr_clock_ns() >= s->scan_ns) return scan(s, err);
    mr_tail_files_look(&s->files);
    return MR_OK;
}

/* CSV's columns must be known before anything else: waits for a file with a header. */
static mr_code find_columns(tail_source *s, mr_error *err)
{
    mr_buffer head;
    mr_code rc = MR_OK;
    mr_buffer_init(&head, "the start of a file", mr_tail_reader_largest(&s->reader));
    while (rc == MR_OK && !s->reader.knows_schema) {
        for (uint32_t i = 0; rc == MR_OK && i < s->files.count && !s->reader.knows_schema; i++) {
            mr_tail_file first = s->files.items[i];
            first.at = (mr_tail_place){0};
            if (first.is_refused) continue;
            rc = mr_tail_file_read(&first, &head, err);
            if (rc == MR_OK) rc = mr_tail_reader_look(&s->reader, mr_buffer_slice(&head), err);
        }
        if (s->reader.knows_schema || rc != MR_OK) break;
        rc = mr_connector_may_wait(s->env, err);
        if (rc == MR_OK) rc = wait_a_little(s, err);
    }
    mr_buffer_done(&head);
    return rc;
}

static mr_code tail_open(void *state, const mr_connector_env *env, mr_error *err)
{
    tail_source *s = state;
    s->env = env;
    s->watch.fd = -1;
    s->path = mr_arena_copy(env->arena, env->path);
    if (s->path == NULL) return mr_arena_fail(env->arena, err);
    if (mr_file_path_fd(s->path, 0) >= 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "'%s' cannot be followed; write csv:- or json:- with --streaming-mode",
                       s->path);
    MR_TRY(open_reader(s, err));
    open_files(s);
    mr_tail_watch_open(&s->watch);
    MR_TRY(scan(s, err));
    s->quiet_ns = mr_clock_ns();
    return s->reader.format == MR_TAIL_CSV ? find_columns(s, err) : MR_OK;
}

static const mr_schema *tail_schema(void *state)
{
    const tail_source *s = state;
    return s->reader.knows_schema ? &s->reader.schema : NULL;
}

static uint32_t tail_abilities(void *state)
{
    const tail_source *s = state;
    return MR_CAP_STREAM | (s->reader.format != MR_TAIL_CSV ? MR_CAP_TYPED : 0u);
}

/* A first pass reads what is there already, or what comes first, and the second begins where it
 * began. */
static mr_code tail_begin(void *state, bool keep, mr_error *err)
{
    tail_source *s = state;
    (void)err;
    if (s->is_sample) mr_tail_files_go_home(&s->files);
    s->is_sample = keep;
    s->has_given = false;
    s->quiet_ns = mr_clock_ns();
    atomic_store(&s->done_bytes, 0);
    return MR_OK;
}

static mr_code tail_set_schema(void *state, const mr_schema *schema, const mr_infer *found,
                               bool exact, mr_error *err)
{
    (void)exact; /* it never is: more lines come */
    return mr_tail_reader_learn(&((tail_source *)state)->reader, schema, found, err);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Whole lines only, unless these are the last bytes of a file that is over or more than any record
 * may have. */
static void keep_lines(const mr_tail_file *file, mr_job *job, bool final)
{
    mr_buffer *bytes = &job->bytes;
    if (final || file->is_stuck) return;
    const char *lf = bytes->len > 0 ? memrchr(bytes->ptr, '\n', bytes->len) : NULL;
    bytes->len = lf != NULL ? (size_t)(lf - bytes->ptr) + 1 : 0;
}

/* Reads from `file` into the job, as much as a batch takes. Nothing may come of it. */
static mr_code take_from(tail_source *s, mr_tail_file *file, mr_job *job, mr_error *err)
{
    const size_t largest = mr_tail_reader_largest(&s->reader);
    mr_text_result result = {0};
    MR_TRY(mr_tail_file_read(file, &job->bytes, err));
    const size_t got = job->bytes.len;
    const bool final = file->is_final && file->at.offset + got >= file->size;
    if (!file->at.started) {
        size_t consumed;
        MR_TRY(mr_tail_reader_start(&s->reader, file, mr_buffer_slice(&job->bytes), final,
                                    &consumed, err));
        mr_tail_file_taken(file, consumed, got, file->at.started, largest);
        return MR_OK;
    }
    keep_lines(file, job, final);
    if (job->bytes.len > 0) {
        const char *name = mr_arena_copy(&job->notes, mr_slice_text(file->path));
        if (name == NULL) return mr_arena_fail(&job->notes, err);
        job->file_name = mr_slice_text(name);
        MR_TRY(mr_tail_reader_read(&s->reader, file, job, final, &result, err));
    }
    mr_tail_file_taken(file, result.consumed, got, result.batch_full, largest);
    job->result = result;
    job->result.in_long_line = false; /* what the next piece holds may be of another file */
    job->result.long_line_bytes = 0;
    atomic_fetch_add_explicit(&s->done_bytes, result.consumed, memory_order_relaxed);
    return MR_OK;
}

static bool has_ended(const tail_source *s)
{
    if (s->is_sample || s->env->only_look) return s->has_given;
    return s->idle_ns > 0 && mr_clock_ns() - s->quiet_ns >= s->idle_ns;
}

static mr_code tail_fetch(void *state, mr_job *job, mr_error *err)
{
    tail_source *s = state;
    job->from_batch = job->done = true;
    while (!atomic_load_explicit(s->env->cancelled, memory_order_relaxed)) {
        mr_tail_file *file = mr_tail_files_next(&s->files, s->is_sample);
        if (file == NULL) {
            job->end = has_ended(s);
            if (job->end) return MR_OK;
            MR_TRY(wait_a_little(s, err));
            continue;
        }
        if (mr_clock_ns() >= s->scan_ns) {
            MR_TRY(scan(s, err));
            continue;
        }
        s->quiet_ns = job->born_ns = mr_clock_ns();
        MR_TRY(take_from(s, file, job, err));
        if (job->result.consumed == 0) continue;
        s->has_given = true;
        return s->is_sample ? MR_OK : mr_tail_files_write(&s->files, &job->mark, err);
    }
    return MR_OK; /* the run is over: nothing more is asked */
}

/* --- checkpoints ------------------------------------------------------------------------------ */

static const char *tail_cannot_resume(MR_UNUSED const void *state,
                                      MR_UNUSED const mr_connector_env *env)
{
    return NULL;
}

/* Files and places of an earlier run take the place of what opening found. */
static mr_code tail_seek(void *state, mr_slice position, mr_source_place *out, mr_error *err)
{
    tail_source *s = state;
    mr_tail_files_done(&s->files);
    open_files(s);
    const mr_code rc = mr_tail_files_restore(&s->files, position, err);
    if (rc == MR_ERR_INPUT)
        return mr_fail(err, MR_ERR_USAGE,
                       "the checkpoint's place in '%s' was written by another version", s->path);
    if (rc != MR_OK) return rc;
    MR_TRY(scan(s, err));
    s->quiet_ns = mr_clock_ns();
    *out = (mr_source_place){.mark = position, .unchanged = true};
    return MR_OK;
}

static void tail_progress(void *state, uint64_t *out_done, uint64_t *out_total)
{
    *out_done = atomic_load_explicit(&((tail_source *)state)->done_bytes, memory_order_relaxed);
    *out_total = 0;
}

static void tail_close(void *state)
{
    tail_source *s = state;
    mr_tail_watch_close(&s->watch);
    mr_tail_files_done(&s->files);
    mr_tail_reader_close(&s->reader);
}

const mr_source_ops mr_source_tail = {
    .name = "tail",
    .summary = "files that grow: lines, CSV or JSON lines, through rotation",
    .options = tail_options,
    .capabilities = MR_CAP_STREAM | MR_CAP_RESUME,
    .state_bytes = sizeof(tail_source),
    .open = tail_open,
    .schema = tail_schema,
    .abilities = tail_abilities,
    .begin = tail_begin,
    .set_schema = tail_set_schema,
    .fetch = tail_fetch,
    .progress = tail_progress,
    .cannot_resume = tail_cannot_resume,
    .position = mr_source_mark_position,
    .seek = tail_seek,
    .close = tail_close,
};
