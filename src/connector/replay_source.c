/* SPDX-License-Identifier: MIT
 *
 * replay: the records of a rejects file, read again by the reader of the format that they had.
 *
 * Each entry is a piece of its own, a file of one record as far as the engine can tell, that begins
 * at the record's old place: so new rejects, samples and messages have the old record, line and
 * byte offset. The reader is the csv or json source's, opened on nothing; its options and columns
 * come from `origin`, which the first entry of a rejects file carries, or from a file, or are
 * given.
 *
 * An entry whose text was cut cannot be read: it is rejected again for its old reason. */
#include "connector/connectors.h"
#include "connector/replay_entry.h"
#include "core/file.h"
#include "core/mem.h"

#define READ_BYTES     ((size_t)256 << 10)
#define MAX_LINE_BYTES ((size_t)64 << 20)
#define MAX_OWN_BYTES  ((size_t)1 << 30)
#define MAX_SETS       256u /* of columns, in one rejects file */
#define MAX_NAMES      64u  /* of sources, remembered */

enum { JSON_AT_VALUE = 2 }; /* MR_JSON_AT_VALUE of format/json.h: between values */

/* The columns of some of the records, and the reader for them. */
typedef struct column_set {
    mr_schema names;
    void *inner_state;
    mr_options inner_options;
} column_set;

typedef struct replay_source {
    /* Options. */
    const char *format, *from_file;
    mr_option_list columns;
    mr_option_map with;

    const mr_connector_env *env;
    mr_connector_env inner_env;
    const mr_source_ops *inner;
    column_set sets[MAX_SETS]; /* the first is that of origin */
    uint32_t set_count;
    mr_arena own; /* of the source's thread while the run goes on */
    bool is_csv;
    const char *connector; /* that the records came from first */
    bool from_values;      /* the source had no text: all records were rebuilt from values */
    char delimiter, quote; /* of the CSV that rebuilt records are turned into */
    mr_schema known;       /* of origin: columns, and types where they were known */
    bool has_types;

    mr_file file;
    mr_buffer line; /* bytes read; lines begin at line_at */
    size_t line_at;
    bool file_ended;
    uint64_t line_number;
    uint64_t size_bytes;
    atomic_uint_least64_t done_bytes;
    uint32_t piece;
    mr_arena scratch; /* of one entry */
    mr_slice names[MAX_NAMES];
    uint32_t name_count;
} replay_source;

typedef struct replay_lane {
    const replay_source *source;
    void *inner[MAX_SETS]; /* NULL until the lane meets such a record */
} replay_lane;

static const mr_option replay_options[] = {
    {.name = "format",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(replay_source, format),
     .help = "csv or json: how the records are written; without it as the rejects file says"},
    {.name = "source",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(replay_source, from_file),
     .help = "a file whose header gives the columns, instead of those in the rejects file"},
    {.name = "columns",
     .type = MR_OPTION_LIST,
     .offset = offsetof(replay_source, columns),
     .help = "names of the columns, instead of those in the rejects file"},
    {.name = "with",
     .type = MR_OPTION_MAP,
     .offset = offsetof(replay_source, with),
     .help = "options of the format (delimiter=;), stronger than those of the run that rejected"},
    {0},
};

/* --- the rejects file --- */

static mr_code fail_in_line(const replay_source *s, mr_error *err)
{
    const mr_error why = *err;
    if (s->line_number == 1 && why.code == MR_ERR_INPUT && strstr(why.text, "rejects file") == NULL)
        mr_fail(err, why.code, "%s; is this a rejects file?", why.text);
    return mr_error_prefix(err, "'%.*s' line %llu", MR_SLICE_ARGS(s->env->path),
                           (unsigned long long)s->line_number);
}

static mr_code rewind_file(replay_source *s, mr_error *err)
{
    mr_identity identity;
    const char *path = mr_arena_copy(s->env->arena, s->env->path);
    if (path == NULL) return mr_arena_fail(s->env->arena, err);
    mr_file_close(&s->file);
    MR_TRY(mr_file_open(&s->file, path, err));
    MR_TRY(mr_file_identity(&s->file, &identity, err));
    s->size_bytes = identity.size_bytes;
    mr_buffer_reset(&s->line);
    s->line_at = 0;
    s->line_number = 0;
    s->piece = 0;
    s->file_ended = false;
    atomic_store(&s->done_bytes, 0);
    return MR_OK;
}

static mr_code read_more(replay_source *s, mr_error *err)
{
    size_t got;
    mr_buffer *line = &s->line;
    if (s->line_at > 0) {
        memmove(line->ptr, line->ptr + s->line_at, line->len - s->line_at);
        line->len -= s->line_at;
        s->line_at = 0;
    }
    MR_TRY(mr_buffer_reserve(line, READ_BYTES, err));
    MR_TRY(mr_file_read(&s->file, line->ptr + line->len, READ_BYTES, &got, err));
    line->len += got;
    s->file_ended = got == 0;
    atomic_fetch_add(&s->done_bytes, got);
    return MR_OK;
}

/* The next line that is not blank, without its LF; *out_end when there is none. */
static mr_code next_line(replay_source *s, mr_slice *out, bool *out_end, mr_error *err)
{
    *out_end = false;
    for (size_t looked = 0;;) {
        const char *from = s->line.ptr + s->line_at;
        const size_t left = s->line.len - s->line_at;
        const char *lf = left > looked ? memchr(from + looked, '\n', left - looked) : NULL;
        if (lf == NULL && !s->file_ended) {
            looked = left;
            MR_TRY(read_more(s, err));
            continue;
        }
        const size_t len = lf != NULL ? (size_t)(lf - from) : left;
        *out_end = lf == NULL && left == 0;
        s->line_at += len + (lf != NULL);
        s->line_number++;
        looked = 0;
        *out = (mr_slice){from, len};
        if (*out_end) return MR_OK;
        for (size_t i = 0; i < len; i++)
            if (strchr(" \t\r", from[i]) == NULL || from[i] == 0) return MR_OK;
    }
}

static mr_code next_entry(replay_source *s, mr_replay_entry *out, bool *out_end, mr_error *err)
{
    mr_slice line;
    mr_arena_reset(&s->scratch);
    MR_TRY(next_line(s, &line, out_end, err));
    if (*out_end) return MR_OK;
    return mr_replay_entry_read(line, &s->scratch, out, err) == MR_OK ? MR_OK
                                                                      : fail_in_line(s, err);
}

/* --- origin --- */

static mr_code known_column(replay_source *s, const mr_scan_value *column, mr_error *err)
{
    static const char *const keys[] = {"name", "type"};
    mr_scan_value values[2];
    mr_slice name, type_name = {0};
    mr_scan_members(column, keys, 2, values);
    if (column->kind != MR_SCAN_OBJECT || values[0].kind != MR_SCAN_STRING)
        return mr_fail(err, MR_ERR_INPUT, "origin: expected columns as {\"name\":...}");
    if (!mr_scan_text(&values[0], s->env->arena, &name)) return mr_arena_fail(s->env->arena, err);
    mr_type type = MR_TYPE_NULL;
    if (values[1].kind == MR_SCAN_STRING && mr_scan_text(&values[1], &s->scratch, &type_name))
        type = mr_type_named(type_name);
    if (type >= MR_TYPE_MIXED) type = MR_TYPE_NULL;
    s->has_types = s->has_types || type != MR_TYPE_NULL;
    return mr_schema_add(&s->known, name, type, NULL, err);
}

static mr_code known_columns(replay_source *s, const mr_scan_value *list, mr_error *err)
{
    mr_scan scan;
    mr_scan_value column;
    mr_schema_init(&s->known, s->env->arena);
    s->has_types = false;
    if (list->kind != MR_SCAN_ARRAY) return MR_OK;
    mr_scan_open(&scan, list);
    while (mr_scan_element(&scan) && mr_scan_next(&scan, &column))
        MR_TRY(known_column(s, &column, err));
    return MR_OK;
}

/* What concerns the file that the records came from, and not the records. */
static bool is_of_the_file(mr_slice key)
{
    static const char *const names[] = {"compression", "encoding",  "has_header",
                                        "columns",     "skip_rows", "format"};
    for (size_t i = 0; i < MR_COUNT_OF(names); i++)
        if (mr_slice_is(key, names[i])) return true;
    return false;
}

static mr_code old_option(mr_options *into, mr_slice key, const mr_scan_value *value,
                          mr_arena *arena, mr_error *err)
{
    mr_scan scan;
    mr_scan_value item;
    mr_slice text = value->raw;
    const mr_option_from from = {MR_ORIGIN_FILE, "origin"};
    if (mr_option_find(into->table, key) == NULL) return MR_OK; /* of another version */
    if (value->kind == MR_SCAN_ARRAY) {
        mr_scan_open(&scan, value);
        while (mr_scan_element(&scan) && mr_scan_next(&scan, &item)) {
            if (!mr_scan_text(&item, arena, &text)) return mr_arena_fail(arena, err);
            MR_TRY(mr_options_append(into, key, text, from, err));
        }
        return MR_OK;
    }
    if (value->kind == MR_SCAN_STRING && !mr_scan_text(value, arena, &text))
        return mr_arena_fail(arena, err);
    return mr_options_set(into, key, text, from, err);
}

static mr_code old_options(const replay_source *s, mr_options *into, const mr_scan_value *map,
                           mr_error *err)
{
    mr_scan scan;
    mr_scan_value key, value;
    if (map->kind != MR_SCAN_OBJECT) return MR_OK;
    mr_scan_open(&scan, map);
    while (mr_scan_member(&scan, &key) && mr_scan_next(&scan, &value)) {
        mr_slice name;
        if (!mr_scan_text(&key, s->env->arena, &name)) return mr_arena_fail(s->env->arena, err);
        if (s->from_file == NULL && is_of_the_file(name)) continue;
        MR_TRY(old_option(into, name, &value, s->env->arena, err));
    }
    return MR_OK;
}

/* --- the reader inside --- */

static mr_code set(mr_options *into, const char *key, const char *value, mr_error *err)
{
    return mr_options_set(into, mr_slice_text(key), mr_slice_text(value),
                          (mr_option_from){MR_ORIGIN_SYSTEM, "replay"}, err);
}

static mr_code add_columns(const replay_source *s, const mr_schema *names, mr_options *into,
                           mr_error *err)
{
    const bool given = s->columns.count > 0 && names == &s->known;
    const mr_option_from from = {MR_ORIGIN_SYSTEM, "replay"};
    const mr_slice key = MR_SLICE("columns");
    for (uint32_t i = 0; given && i < s->columns.count; i++)
        MR_TRY(mr_options_append(into, key, mr_slice_text(s->columns.items[i]), from, err));
    for (uint32_t i = 0; !given && i < names->field_count; i++)
        MR_TRY(mr_options_append(into, key, names->fields[i].name, from, err));
    return MR_OK;
}

/* A CSV reader that has no file to look into is told its columns. */
static mr_code set_csv(const replay_source *s, const mr_schema *names, mr_options *into,
                       mr_error *err)
{
    if (s->from_file != NULL && names == &s->known) return MR_OK;
    if (s->columns.count == 0 && names->field_count == 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "'%.*s' does not say the columns of its records: name the file they came "
                       "from with --source, or give --from-opt columns=a,b",
                       MR_SLICE_ARGS(s->env->path));
    MR_TRY(set(into, "has_header", "false", err));
    return add_columns(s, names, into, err);
}

static char option_char(const mr_options *options, const char *key)
{
    const mr_option *option = mr_option_find(options->table, mr_slice_text(key));
    return option != NULL ? *((const char *)options->values + option->offset) : 0;
}

static mr_code set_inner(replay_source *s, column_set *made, const mr_schema *names,
                         const mr_scan_value *origin_options, mr_error *err)
{
    mr_options *options = &made->inner_options;
    const mr_option_from given = {MR_ORIGIN_FLAG, "--from-opt"};
    made->inner_state = mr_arena_take(&s->own, s->inner->state_bytes + 1);
    const char *name = mr_arena_printf(&s->own, "%s source", s->inner->name);
    if (made->inner_state == NULL || name == NULL) return mr_arena_fail(&s->own, err);
    memset(made->inner_state, 0, s->inner->state_bytes);
    MR_TRY(mr_options_init(options, name, s->inner->options, made->inner_state, &s->own, err));
    MR_TRY(old_options(s, options, origin_options, err));
    MR_TRY(s->is_csv ? set_csv(s, names, options, err) : set(options, "format", "lines", err));
    if (s->from_values) MR_TRY(set(options, "invalid_unicode", "keep", err)); /* of blobs */
    for (uint32_t i = 0; i < s->with.count; i++)
        MR_TRY(mr_options_set(options, mr_slice_text(s->with.items[i].key),
                              mr_slice_text(s->with.items[i].value), given, err));
    if (!s->is_csv) return MR_OK;
    s->delimiter = option_char(options, "delimiter");
    s->quote = option_char(options, "quote");
    return MR_OK;
}

/* A reader for records of these columns. */
static mr_code open_set(replay_source *s, const mr_schema *names,
                        const mr_scan_value *origin_options, mr_error *err)
{
    if (s->set_count == MAX_SETS)
        return mr_fail(err, MR_ERR_LIMIT, "'%.*s' holds records of more than %u headers",
                       MR_SLICE_ARGS(s->env->path), MAX_SETS);
    column_set *made = &s->sets[s->set_count];
    MR_TRY(set_inner(s, made, names, origin_options, err));
    MR_TRY(mr_schema_copy(&made->names, names, &s->own, err));
    s->set_count++; /* from here on it is closed with the others */
    return s->inner->open(made->inner_state, &s->inner_env, err);
}

static mr_code open_inner(replay_source *s, const mr_scan_value *origin_options, mr_error *err)
{
    s->inner_env = *s->env;
    s->inner_env.arena = &s->own;
    s->inner_env.path = mr_slice_text(s->from_file != NULL ? s->from_file : "/dev/null");
    MR_TRY(open_set(s, &s->known, origin_options, err));
    if (s->is_csv || s->known.field_count == 0) return MR_OK;
    return s->inner->set_schema(s->sets[0].inner_state, &s->known, NULL, true, err);
}

/* The names in a list of an entry. */
static mr_code read_names(const mr_scan_value *list, mr_arena *arena, mr_schema *out, mr_error *err)
{
    mr_scan scan;
    mr_scan_value item;
    mr_schema_init(out, arena);
    mr_scan_open(&scan, list);
    while (mr_scan_element(&scan) && mr_scan_next(&scan, &item)) {
        mr_slice name;
        if (item.kind != MR_SCAN_STRING)
            return mr_fail(err, MR_ERR_INPUT, "raw_columns: expected names");
        if (!mr_scan_text(&item, arena, &name)) return mr_arena_fail(arena, err);
        MR_TRY(mr_schema_add(out, name, MR_TYPE_STRING, NULL, err));
    }
    return MR_OK;
}

static bool same_names(const mr_schema *a, const mr_schema *b)
{
    if (a->field_count != b->field_count) return false;
    for (uint32_t i = 0; i < a->field_count; i++)
        if (!mr_slice_equal(a->fields[i].name, b->fields[i].name)) return false;
    return true;
}

/* The number of the set that an entry's columns are; set_count when there is none such. */
static mr_code find_set(replay_source *s, const mr_replay_entry *entry, mr_schema *out_names,
                        uint32_t *out, mr_error *err)
{
    *out = 0;
    if (!s->is_csv || s->from_file != NULL || s->columns.count > 0) return MR_OK;
    if (entry->columns.kind != MR_SCAN_ARRAY) return MR_OK;
    if (read_names(&entry->columns, &s->scratch, out_names, err) != MR_OK)
        return fail_in_line(s, err);
    while (*out < s->set_count && !same_names(&s->sets[*out].names, out_names))
        ++*out;
    return MR_OK;
}

/* Records of several files whose headers differed say their columns themselves. */
static mr_code open_other_sets(replay_source *s, const mr_scan_value *origin_options, mr_error *err)
{
    for (bool end = false;;) {
        mr_replay_entry entry;
        mr_schema names = {0};
        uint32_t number = 0;
        MR_TRY(next_entry(s, &entry, &end, err));
        if (end) return MR_OK;
        MR_TRY(find_set(s, &entry, &names, &number, err));
        if (number == s->set_count) MR_TRY(open_set(s, &names, origin_options, err));
    }
}

/* CSV when the records came from CSV; everything else is, or was rebuilt as, JSON. */
static mr_code choose_format(replay_source *s, mr_slice connector, mr_error *err)
{
    const mr_slice format = s->format != NULL ? mr_slice_text(s->format) : connector;
    s->is_csv = mr_slice_is(format, "csv");
    s->from_values = !s->is_csv && !mr_slice_is(format, "json");
    if (s->format != NULL && !s->is_csv && !mr_slice_is(format, "json"))
        return mr_fail(err, MR_ERR_USAGE, "--from-format: expected csv or json, found '%s'",
                       s->format);
    if (format.len == 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "'%.*s' does not say what its records are (its first entry has no "
                       "'origin'); say --from-format csv or json",
                       MR_SLICE_ARGS(s->env->path));
    s->connector = mr_arena_copy(s->env->arena, format);
    if (s->connector == NULL) return mr_arena_fail(s->env->arena, err);
    s->inner = mr_source_find(s->is_csv ? MR_SLICE("csv") : MR_SLICE("json"));
    return MR_OK;
}

static mr_code read_origin(replay_source *s, mr_error *err)
{
    static const char *const keys[] = {"connector", "options", "columns"};
    mr_scan_value values[3] = {0};
    mr_replay_entry entry = {0};
    bool end;
    mr_slice connector = {0};
    MR_TRY(next_entry(s, &entry, &end, err));
    if (entry.origin.kind == MR_SCAN_OBJECT) mr_scan_members(&entry.origin, keys, 3, values);
    if (values[0].kind == MR_SCAN_STRING && !mr_scan_text(&values[0], &s->scratch, &connector))
        return mr_arena_fail(&s->scratch, err);
    if (end && s->format == NULL) connector = MR_SLICE("json"); /* nothing to replay */
    MR_TRY(choose_format(s, connector, err));
    if (known_columns(s, &values[2], err) != MR_OK) return fail_in_line(s, err);
    if (s->from_file != NULL || s->columns.count > 0) s->has_types = false;
    if (end && s->is_csv && s->columns.count == 0 && s->from_file == NULL)
        MR_TRY(mr_schema_add(&s->known, MR_SLICE("column_1"), MR_TYPE_NULL, NULL, err));
    mr_scan_value options = values[1]; /* kept: reading on takes the line away */
    options.raw.ptr = mr_arena_copy(&s->own, options.raw);
    if (options.raw.ptr == NULL) return mr_arena_fail(&s->own, err);
    MR_TRY(open_inner(s, &options, err));
    MR_TRY(rewind_file(s, err));
    MR_TRY(open_other_sets(s, &options, err));
    return rewind_file(s, err);
}

static mr_code replay_open(void *state, const mr_connector_env *env, mr_error *err)
{
    replay_source *s = state;
    s->env = env;
    mr_buffer_init(&s->line, "a line of the rejects file", MAX_LINE_BYTES);
    mr_arena_init(&s->scratch, "replay.entry", MAX_LINE_BYTES * 4);
    mr_arena_init(&s->own, "replay", MAX_OWN_BYTES);
    MR_TRY(rewind_file(s, err));
    return read_origin(s, err);
}

static void replay_close(void *state)
{
    replay_source *s = state;
    if (s->env == NULL) return;
    for (uint32_t i = 0; i < s->set_count; i++)
        s->inner->close(s->sets[i].inner_state);
    s->set_count = 0;
    mr_file_close(&s->file);
    mr_buffer_done(&s->line);
    mr_arena_done(&s->scratch);
    mr_arena_done(&s->own);
}

/* --- a source like any other --- */

static const mr_schema *replay_schema(void *state)
{
    const replay_source *s = state;
    return s->inner->schema(s->sets[0].inner_state);
}

static const mr_schema *replay_declares(void *state)
{
    const replay_source *s = state;
    return s->has_types ? &s->known : NULL;
}

static const mr_options *replay_origin(void *state, const char **out_name)
{
    const replay_source *s = state;
    *out_name = s->from_values ? s->connector : s->inner->name;
    return &s->sets[0].inner_options;
}

static uint32_t replay_abilities(void *state)
{
    const replay_source *s = state;
    const uint32_t inner = s->inner->abilities(s->sets[0].inner_state);
    return (inner & (MR_CAP_TYPED | MR_CAP_GROWS)) | MR_CAP_SPLIT | MR_CAP_REWIND |
           (s->set_count > 1 ? MR_CAP_SEVERAL : 0);
}

static mr_code replay_begin(void *state, bool keep, mr_error *err)
{
    (void)keep;
    return rewind_file(state, err);
}

static mr_code replay_set_schema(void *state, const mr_schema *schema, const mr_infer *found,
                                 bool exact, mr_error *err)
{
    replay_source *s = state;
    MR_TRY(s->inner->set_schema(s->sets[0].inner_state, schema, found, exact, err));
    for (uint32_t i = 1; i < s->set_count; i++) {
        mr_schema *names = &s->sets[i].names;
        for (uint32_t c = 0; c < names->field_count; c++) {
            const int64_t at = mr_schema_find(schema, names->fields[c].name);
            if (at >= 0) names->fields[c].type = schema->fields[at].type;
        }
        MR_TRY(s->inner->set_schema(s->sets[i].inner_state, names, NULL, true, err));
    }
    return MR_OK;
}

/* Names live as long as the run; a rejects file repeats few of them. */
static mr_code remember_name(replay_source *s, mr_slice name, mr_slice *out, mr_error *err)
{
    for (uint32_t i = 0; i < s->name_count; i++)
        if (mr_slice_equal(s->names[i], name)) {
            *out = s->names[i];
            return MR_OK;
        }
    const char *copy = mr_arena_copy(&s->own, name);
    if (copy == NULL) return mr_arena_fail(&s->own, err);
    *out = (mr_slice){copy, name.len};
    if (s->name_count < MAX_NAMES) s->names[s->name_count++] = *out;
    return MR_OK;
}

static mr_code put_text(replay_source *s, const mr_replay_entry *entry, mr_buffer *out,
                        mr_error *err)
{
    mr_code rc;
    if (!s->is_csv)
        rc = mr_replay_entry_json(entry, out, err);
    else
        rc = mr_replay_entry_csv(entry, replay_schema(s), s->delimiter, s->quote, &s->scratch, out,
                                 err);
    return rc == MR_OK ? MR_OK : fail_in_line(s, err);
}

static mr_code replay_fetch(void *state, mr_job *job, mr_error *err)
{
    replay_source *s = state;
    mr_replay_entry entry;
    MR_TRY(next_entry(s, &entry, &job->end, err));
    if (job->end) return MR_OK;
    mr_schema names;
    MR_TRY(find_set(s, &entry, &names, &job->column_set, err));
    if (job->column_set == s->set_count)
        return mr_fail(err, MR_ERR_INPUT, "'%.*s' was changed while it was read",
                       MR_SLICE_ARGS(s->env->path));
    MR_TRY(remember_name(s, entry.source, &job->file_name, err));
    MR_TRY(put_text(s, &entry, &job->bytes, err));
    job->file = s->piece++;
    job->unplaced = entry.line == 0;
    job->offset = job->unplaced ? 0 : entry.byte_offset;
    job->lines_before = job->unplaced ? 0 : entry.line - 1;
    job->records_before = entry.record > 0 ? entry.record - 1 : 0;
    job->attempts = entry.attempts;
    job->exact = job->final = true;
    if (!s->is_csv) job->begin_state.where = job->state.where = JSON_AT_VALUE;
    if (!entry.cut) return MR_OK;
    job->unreadable = true;
    job->unreadable_reason = entry.reason;
    job->unreadable_bytes = entry.byte_length;
    return MR_OK;
}

static mr_code replay_lane_open(void *state, void *lane_state, mr_error *err)
{
    (void)err;
    ((replay_lane *)lane_state)->source = state;
    return MR_OK;
}

/* The lane's reader of one set of columns. */
static mr_code open_reader(replay_lane *lane, uint32_t number, mr_error *err)
{
    const replay_source *s = lane->source;
    if (lane->inner[number] != NULL) return MR_OK;
    lane->inner[number] = mr_mem_zalloc(s->inner->lane_bytes + 1);
    if (lane->inner[number] == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a reader");
    return s->inner->lane_open(s->sets[number].inner_state, lane->inner[number], err);
}

static void replay_lane_close(void *lane_state)
{
    replay_lane *lane = lane_state;
    for (uint32_t i = 0; i < MAX_SETS; i++) {
        if (lane->inner[i] != NULL) lane->source->inner->lane_close(lane->inner[i]);
        mr_mem_free(lane->inner[i]);
        lane->inner[i] = NULL;
    }
}

/* Its own columns go with a record that is rejected again. */
static mr_code read_set(const replay_lane *lane, mr_job *job, mr_error *err)
{
    const replay_source *s = lane->source;
    const uint32_t rejects = job->rejects.count;
    MR_TRY(s->inner->read(lane->inner[job->column_set], job, err));
    if (s->set_count < 2) return MR_OK;
    const mr_schema *columns = &s->sets[job->column_set].names;
    job->batch.origin.columns = columns;
    for (uint32_t i = rejects; i < job->rejects.count; i++)
        mr_reject_at(&job->rejects, i)->columns = columns;
    return MR_OK;
}

/* Half a record is never read. */
static mr_code reject_cut(mr_job *job, mr_error *err)
{
    mr_reject *reject;
    mr_batch_reset(&job->batch);
    MR_TRY(mr_reject_list_add(&job->rejects, job->unreadable_reason, &reject, err));
    reject->raw = mr_slice_of(job->bytes.ptr, job->bytes.len - 1);
    reject->byte_length = mr_max_u64(job->unreadable_bytes, reject->raw.len + 1);
    mr_reject_detail(reject, "its text was cut in the rejects file and cannot be read again; take "
                             "it from the source");
    job->at = job->bytes.len;
    job->result.record_count = 1;
    job->result.consumed = job->bytes.len;
    job->done = true;
    return MR_OK;
}

static mr_code replay_read(void *lane_state, mr_job *job, mr_error *err)
{
    replay_lane *lane = lane_state;
    if (job->unreadable) return reject_cut(job, err);
    MR_TRY(open_reader(lane, job->column_set, err));
    return read_set(lane, job, err);
}

static void replay_progress(void *state, uint64_t *out_done, uint64_t *out_total)
{
    replay_source *s = state;
    *out_done = atomic_load_explicit(&s->done_bytes, memory_order_relaxed);
    *out_total = s->size_bytes;
}

const mr_source_ops mr_source_replay = {
    .name = "replay",
    .summary = "the records of a rejects file, once more",
    .options = replay_options,
    .capabilities = MR_CAP_SPLIT | MR_CAP_REWIND,
    .state_bytes = sizeof(replay_source),
    .lane_bytes = sizeof(replay_lane),
    .open = replay_open,
    .schema = replay_schema,
    .declares = replay_declares,
    .origin = replay_origin,
    .abilities = replay_abilities,
    .begin = replay_begin,
    .set_schema = replay_set_schema,
    .fetch = replay_fetch,
    .lane_open = replay_lane_open,
    .read = replay_read,
    .lane_close = replay_lane_close,
    .progress = replay_progress,
    .close = replay_close,
};
