/* SPDX-License-Identifier: MIT
 *
 * csv as a source: the options, how a CSV file begins, and how lanes read its pieces. Reading
 * itself is format/csv.h, cutting is connector/text_source.h. */
#include "connector/connectors.h"
#include "connector/text_source.h"
#include "core/mem.h"
#include "format/csv.h"

enum { IN_LONG_LINE = 1 }; /* mr_reader_state.where */

typedef struct csv_source {
    mr_text_source text; /* first: the functions of text_source.h take it */
    const char *compression, *encoding_name;
    char delimiter, quote, escape, comment;
    uint64_t skip_rows;
    int has_header, ragged, blank_lines;
    mr_option_list columns, null_values;
    bool strict, quoted_is_string, trim_space, ignored_bool;
    const char *ignored_text;
    mr_csv_options options;
    mr_schema schema; /* names from the header, types from the first pass */
    mr_schema grown;  /* ragged: pad: the columns of schema and those of longer records */
    bool knows_grown;
    const mr_schema *
        *file_schemas;     /* of several files: those with columns of their own; else NULL */
    bool differs;          /* there are such */
    const mr_infer *found; /* types that a sample gave, to be checked; else NULL */
    atomic_uchar *quoted;  /* with quoted_is_string: columns with a quoted cell */
} csv_source;

typedef struct csv_lane {
    csv_source *source;
    mr_csv_reader reader;
    const mr_schema *schema; /* that the reader reads */
    bool open;
} csv_lane;

static const mr_option_choice delimiter_choices[] = {
    {"auto", 0}, {"tab", '\t'}, {"comma", ','}, {"semicolon", ';'}, {"pipe", '|'}, {0}};
static const mr_option_choice off_choices[] = {{"off", 0}, {"none", 0}, {0}};
static const mr_option_choice header_choices[] = {
    {"true", MR_CSV_HEADER_YES}, {"false", MR_CSV_HEADER_NO}, {"auto", MR_CSV_HEADER_AUTO}, {0}};
static const mr_option_choice ragged_choices[] = {{"quarantine", MR_CSV_RAGGED_QUARANTINE},
                                                  {"pad", MR_CSV_RAGGED_PAD},
                                                  {"fail", MR_CSV_RAGGED_FAIL},
                                                  {0}};
static const mr_option_choice blank_choices[] = {
    {"auto", MR_CSV_BLANK_AUTO}, {"skip", MR_CSV_BLANK_SKIP}, {"record", MR_CSV_BLANK_RECORD}, {0}};

static const mr_option csv_options[] = {
    {.name = "delimiter",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(csv_source, delimiter),
     .fallback = ",",
     .choices = delimiter_choices,
     .help = "the byte between fields; auto finds it among , ; tab |"},
    {.name = "quote",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(csv_source, quote),
     .fallback = "\"",
     .choices = off_choices,
     .help = "the byte around fields that hold delimiters or line ends"},
    {.name = "escape",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(csv_source, escape),
     .fallback = "off",
     .choices = off_choices,
     .help = "a byte that takes the next one literally inside quotes; off: quotes are doubled"},
    {.name = "comment",
     .type = MR_OPTION_CHAR,
     .offset = offsetof(csv_source, comment),
     .fallback = "off",
     .choices = off_choices,
     .help = "lines that begin with this byte are skipped"},
    {.name = "skip_rows",
     .type = MR_OPTION_U64,
     .offset = offsetof(csv_source, skip_rows),
     .fallback = "0",
     .help = "physical lines dropped before anything else"},
    {.name = "has_header",
     .aliases = "header",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(csv_source, has_header),
     .fallback = "true",
     .choices = header_choices,
     .help = "whether the first record holds the column names"},
    {.name = "columns",
     .type = MR_OPTION_LIST,
     .offset = offsetof(csv_source, columns),
     .help = "column names, instead of the header's"},
    {.name = "null_values",
     .type = MR_OPTION_LIST,
     .offset = offsetof(csv_source, null_values),
     .help = "unquoted spellings of null besides nothing"},
    {.name = "ragged",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(csv_source, ragged),
     .fallback = "quarantine",
     .choices = ragged_choices,
     .help = "records with too few or too many fields"},
    {.name = "blank_lines",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(csv_source, blank_lines),
     .fallback = "auto",
     .choices = blank_choices,
     .help = "empty lines; auto: a null record in a one-column file, else skipped"},
    {.name = "strict",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(csv_source, strict),
     .fallback = "false",
     .help = "a quote inside an unquoted field rejects the record"},
    {.name = "quoted_is_string",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(csv_source, quoted_is_string),
     .fallback = "false",
     .help = "a column with a quoted cell is a string column"},
    {.name = "trim_space",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(csv_source, trim_space),
     .fallback = "false",
     .help = "drop spaces and tabs around unquoted fields"},
    {.name = "encoding",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(csv_source, encoding_name),
     .fallback = "utf-8",
     .help = "utf-8, latin1, utf-16le, utf-16be or binary; a byte order mark wins"},
    {.name = "compression",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(csv_source, compression),
     .fallback = "auto",
     .help = "auto finds gzip, zstd and lz4 by their first bytes; none; or one by name"},
    {.name = "enable_parallel",
     .type = MR_OPTION_BOOL,
     .flags = MR_OPTION_IGNORED,
     .offset = offsetof(csv_source, ignored_bool),
     .fallback = "true",
     .note = "reading is parallel with as many workers as the run has",
     .help = "accepted for compatibility"},
    {.name = "date_format",
     .type = MR_OPTION_TEXT,
     .flags = MR_OPTION_IGNORED,
     .offset = offsetof(csv_source, ignored_text),
     .note = "dates are kept as they are written",
     .help = "accepted for compatibility"},
    {0},
};

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

static mr_code make_options(csv_source *s, mr_error *err)
{
    s->options = (mr_csv_options){
        .delimiter = s->delimiter,
        .quote = s->quote,
        .escape = s->escape,
        .comment = s->comment,
        .skip_rows = s->skip_rows,
        .has_header = (mr_csv_has_header)s->has_header,
        .ragged = (mr_csv_ragged)s->ragged,
        .blank_lines = (mr_csv_blank_lines)s->blank_lines,
        .strict = s->strict,
        .quoted_is_string = s->quoted_is_string,
        .trim_space = s->trim_space,
    };
    mr_arena *arena = s->text.env->arena;
    MR_TRY(slices_of(arena, &s->columns, &s->options.columns, &s->options.column_count, err));
    return slices_of(arena, &s->null_values, &s->options.null_values, &s->options.null_value_count,
                     err);
}

static bool same_columns(const mr_schema *a, const mr_schema *b)
{
    if (a->field_count != b->field_count) return false;
    for (uint32_t i = 0; i < a->field_count; i++)
        if (!mr_slice_equal(a->fields[i].name, b->fields[i].name)) return false;
    return true;
}

/* A further file may have columns of its own; a file that is read again has the ones it had. */
static mr_code keep_columns(csv_source *s, const mr_schema *columns, mr_error *err)
{
    const mr_text_source *text = &s->text;
    if (same_columns(&s->schema, columns)) return MR_OK;
    const mr_schema **kept = s->file_schemas != NULL ? &s->file_schemas[text->file] : NULL;
    if (kept == NULL || (*kept != NULL && !same_columns(*kept, columns)))
        return mr_fail(err, MR_ERR_INPUT, "'%.*s' has other columns than when it was opened",
                       MR_SLICE_ARGS(text->file_name));
    if (*kept != NULL) return MR_OK;
    mr_schema *copy = mr_arena_take(text->env->arena, sizeof *copy);
    if (copy == NULL) return mr_arena_fail(text->env->arena, err);
    *copy = *columns;
    *kept = copy;
    s->differs = true;
    return MR_OK;
}

/* All files of a run end their rows in one way. */
static mr_code same_row_ends(const csv_source *s, const mr_csv_options *found, mr_slice head,
                             mr_error *err)
{
    const bool has_lf = head.len > 0 && memchr(head.ptr, '\n', head.len) != NULL;
    if (found->cr_rows == s->options.cr_rows || (!found->cr_rows && !has_lf)) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT,
                   "'%.*s' ends its rows with %s, the first file with %s; read them one by one",
                   MR_SLICE_ARGS(s->text.file_name), found->cr_rows ? "CR" : "LF",
                   found->cr_rows ? "LF" : "CR");
}

static mr_code csv_start_file(mr_text_source *text, mr_slice head, bool final, mr_text_start *out,
                              bool *out_complete, mr_error *err)
{
    csv_source *s = (csv_source *)text;
    mr_csv_options later = s->options; /* lanes read the first file's, so that these stay */
    const bool first = s->schema.field_count == 0;
    mr_csv_options *o = first ? &s->options : &later;
    MR_TRY(mr_csv_sniff(o, head, final, out_complete, err));
    if (!*out_complete) return MR_OK;
    if (!first) MR_TRY(same_row_ends(s, o, head, err));
    mr_schema schema;
    mr_csv_header header = {0};
    mr_schema_init(&schema, text->env->arena);
    mr_code rc =
        mr_csv_read_header(o, &text->env->limits, head, final, &schema, out_complete, &header, err);
    if (rc != MR_OK) return mr_error_prefix(err, "'%.*s'", MR_SLICE_ARGS(text->file_name));
    if (!*out_complete) return MR_OK;
    if (first) s->delimiter = o->delimiter; /* what was found is what replay must know */
    *out = (mr_text_start){header.consumed, header.line_count, header.blank_lines};
    if (first) {
        s->schema = schema;
        return MR_OK;
    }
    if (schema.field_count == 0 && head.len == 0) return MR_OK; /* an empty file among others */
    return keep_columns(s, &schema, err);
}

/* Which of several files have other columns than the first. */
static mr_code look_at_headers(csv_source *s, mr_error *err)
{
    const uint32_t count = mr_input_file_count(s->text.input);
    if (count < 2) return MR_OK;
    s->file_schemas = mr_arena_take(s->text.env->arena, sizeof *s->file_schemas * count);
    if (s->file_schemas == NULL) return mr_arena_fail(s->text.env->arena, err);
    memset(s->file_schemas, 0, sizeof *s->file_schemas * count);
    if ((mr_text_source_abilities(&s->text) & MR_CAP_REWIND) == 0) return MR_OK;
    return mr_text_source_look_at_all(&s->text, err);
}

static mr_code csv_open(void *state, const mr_connector_env *env, mr_error *err)
{
    csv_source *s = state;
    s->text.env = env;
    MR_TRY(make_options(s, err));
    MR_TRY(mr_csv_options_check(&s->options, err));
    MR_TRY(mr_codec_parse(mr_slice_text(s->compression), &s->text.codec, err));
    MR_TRY(mr_encoding_parse(mr_slice_text(s->encoding_name), &s->text.encoding, err));
    MR_TRY(mr_text_source_open(&s->text, env, csv_start_file, err));
    MR_TRY(look_at_headers(s, err));
    if (!s->quoted_is_string) return MR_OK;
    s->quoted = mr_arena_take(env->arena, sizeof *s->quoted * (s->schema.field_count + 1));
    return s->quoted != NULL ? MR_OK : mr_arena_fail(env->arena, err);
}

static const mr_schema *csv_schema(void *state)
{
    const csv_source *s = state;
    return s->knows_grown ? &s->grown : &s->schema;
}

static uint32_t csv_abilities(void *state)
{
    const csv_source *s = state;
    const bool grows = s->options.ragged == MR_CSV_RAGGED_PAD;
    return mr_text_source_abilities(state) | MR_CAP_SPLIT | (grows ? MR_CAP_GROWS : 0) |
           (s->differs ? MR_CAP_SEVERAL : 0);
}

static mr_code csv_begin(void *state, bool keep, mr_error *err)
{
    return mr_text_source_begin(state, keep, err);
}

static mr_code keep_found(csv_source *s, const mr_infer *found, uint32_t count, mr_error *err)
{
    mr_infer *kept = mr_arena_take(s->text.env->arena, sizeof *kept * (count + 1));
    if (kept == NULL) return mr_arena_fail(s->text.env->arena, err);
    if (count > 0) memcpy(kept, found, sizeof *kept * count);
    s->found = kept;
    return MR_OK;
}

static mr_code csv_set_schema(void *state, const mr_schema *schema, const mr_infer *found,
                              bool exact, mr_error *err)
{
    csv_source *s = state;
    for (uint32_t i = 0; i < s->schema.field_count; i++) {
        s->schema.fields[i].type = schema->fields[i].type;
        if (s->quoted != NULL && atomic_load(&s->quoted[i]) != 0)
            s->schema.fields[i].type = MR_TYPE_STRING;
    }
    MR_TRY(mr_schema_copy(&s->grown, schema, s->text.env->arena, err));
    for (uint32_t i = 0; i < s->schema.field_count; i++)
        s->grown.fields[i].type = s->schema.fields[i].type;
    s->knows_grown = true;
    return exact ? MR_OK : keep_found(s, found, schema->field_count, err);
}

static mr_code csv_fetch(void *state, mr_job *job, mr_error *err)
{
    return mr_text_source_fetch(state, job, err);
}

static mr_code csv_lane_open(void *state, void *lane_state, mr_error *err)
{
    csv_lane *lane = lane_state;
    csv_source *s = state;
    lane->source = s;
    lane->open = true;
    lane->schema = &s->schema;
    return mr_csv_reader_init(&lane->reader, &s->options, &s->text.env->limits, &s->schema, NULL,
                              err);
}

static void csv_lane_close(void *lane_state)
{
    csv_lane *lane = lane_state;
    if (lane->open) mr_csv_reader_done(&lane->reader);
}

static mr_code csv_load(void *lane_state, mr_job *job, mr_error *err)
{
    return mr_text_source_load(&((csv_lane *)lane_state)->source->text, job, err);
}

static bool csv_guess(void *lane_state, const mr_job *job, size_t *out_start,
                      mr_reader_state *out_state)
{
    (void)lane_state;
    *out_state = (mr_reader_state){0};
    return mr_text_source_guess(job, out_start);
}

/* The types of columns that padded records or other files brought, and of all columns where a
 * sample gave the types. */
static mr_code enforce_types(const csv_source *s, const mr_schema *own, mr_batch *batch,
                             mr_error *err)
{
    if (!s->knows_grown) return MR_OK;
    const bool all = s->found != NULL || own != &s->schema;
    for (uint32_t i = all ? 0 : s->schema.field_count; i < batch->column_count; i++) {
        const int64_t at = mr_schema_find(&s->grown, batch->columns[i].name);
        bool differs;
        uint32_t row;
        if (at < 0) continue;
        const mr_type type = s->grown.fields[at].type;
        const mr_time_layout layout = s->found != NULL ? s->found[at].layout : 0;
        if (s->found == NULL)
            batch->columns[i].type = type == MR_TYPE_NULL ? MR_TYPE_STRING : type;
        else
            MR_TRY(mr_infer_enforce(batch, i, type, layout, &differs, &row, err));
    }
    return MR_OK;
}

static void note_quoted(const csv_lane *lane)
{
    const csv_source *s = lane->source;
    for (uint32_t i = 0; s->quoted != NULL && i < lane->schema->field_count; i++) {
        if (lane->reader.quoted[i] == 0) continue;
        const int64_t at = lane->schema == &s->schema
                               ? i
                               : mr_schema_find(&s->schema, lane->schema->fields[i].name);
        if (at >= 0) atomic_store_explicit(&s->quoted[at], 1, memory_order_relaxed);
    }
}

/* With `ragged: fail` the last reject is the misshapen record; the collector knows where the piece
 * lies. */
static mr_code place_error(mr_job *job, uint32_t rejects_before, mr_code code, mr_error *err)
{
    const char *sentence = strstr(err->text, ": ");
    if (code != MR_ERR_INPUT || job->rejects.count == rejects_before || sentence == NULL)
        return code;
    const mr_reject *last = mr_reject_at(&job->rejects, job->rejects.count - 1);
    job->error_line = job->result.line_count + last->line + 1;
    memmove(err->text, sentence + 2, strlen(sentence + 2) + 1);
    return code;
}

/* The reader is made for the columns of one file. */
static mr_code read_columns_of(csv_lane *lane, uint32_t file, mr_error *err)
{
    const csv_source *s = lane->source;
    const mr_schema *own = s->file_schemas != NULL ? s->file_schemas[file] : NULL;
    if (own == NULL) own = &s->schema;
    if (own == lane->schema) return MR_OK;
    mr_csv_reader_done(&lane->reader);
    lane->schema = own;
    return mr_csv_reader_init(&lane->reader, &s->options, &s->text.env->limits, own, NULL, err);
}

static mr_code csv_read(void *lane_state, mr_job *job, mr_error *err)
{
    csv_lane *lane = lane_state;
    const csv_source *s = lane->source;
    const mr_slice bytes = {job->bytes.ptr + job->at, job->bytes.len - job->at};
    const uint32_t rejects_before = job->rejects.count;
    mr_text_result result = {0};
    mr_batch_reset(&job->batch);
    if (s->text.env->max_rows > 0 && s->text.env->max_rows < job->batch.max_rows)
        job->batch.max_rows = s->text.env->max_rows;
    MR_TRY(read_columns_of(lane, job->file, err));
    MR_TRY(mr_batch_set_schema(&job->batch, lane->schema, err));
    job->batch.origin = (mr_origin){.source = job->file_name,
                                    .bytes = bytes,
                                    .columns = s->differs ? lane->schema : NULL,
                                    .byte_offset = job->at - job->start,
                                    .line = job->result.line_count,
                                    .record = job->result.record_count};
    lane->reader.in_long_line = job->state.where == IN_LONG_LINE;
    const mr_code rc =
        mr_csv_read(&lane->reader, bytes, job->final, &job->batch, &job->rejects, &result, err);
    if (rc != MR_OK) return place_error(job, rejects_before, rc, err);
    for (uint32_t i = rejects_before; s->differs && i < job->rejects.count; i++)
        mr_reject_at(&job->rejects, i)->columns = lane->schema;
    mr_text_source_add_result(job, &result, rejects_before);
    job->state.where = lane->reader.in_long_line ? IN_LONG_LINE : 0;
    note_quoted(lane);
    return enforce_types(s, lane->schema, &job->batch, err);
}

static void csv_progress(void *state, uint64_t *out_done, uint64_t *out_total)
{
    mr_text_source_progress(state, out_done, out_total);
}

static mr_code csv_verify(void *state, mr_error *err)
{
    return mr_text_source_verify(state, err);
}

static void csv_close(void *state)
{
    mr_text_source_close(state);
}

const mr_source_ops mr_source_csv = {
    .name = "csv",
    .summary = "delimited text: files, globs, pipes, compressed or not",
    .options = csv_options,
    .capabilities = MR_CAP_SPLIT | MR_CAP_REWIND | MR_CAP_STREAM | MR_CAP_RESUME,
    .state_bytes = sizeof(csv_source),
    .lane_bytes = sizeof(csv_lane),
    .open = csv_open,
    .schema = csv_schema,
    .abilities = csv_abilities,
    .begin = csv_begin,
    .set_schema = csv_set_schema,
    .fetch = csv_fetch,
    .lane_open = csv_lane_open,
    .load = csv_load,
    .guess = csv_guess,
    .read = csv_read,
    .lane_close = csv_lane_close,
    .progress = csv_progress,
    .verify = csv_verify,
    .cannot_resume = mr_text_source_cannot_resume,
    .position = mr_text_source_position,
    .seek = mr_text_source_seek,
    .close = csv_close,
};
