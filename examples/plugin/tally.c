/* SPDX-License-Identifier: MIT
 *
 * tally: a destination that writes how often each value of a text or int column came, most frequent
 * first. It shows reading batches by hand, refusing records, and a file that appears at commit.
 *
 *     millrace copy --plugin ./tally.so data/airports.csv 'tally:countries.txt?column=country'
 */
#include <millrace/plugin.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMN, LONGEST, OPTION_COUNT };

#define MAX_VALUES (1u << 20)

typedef struct entry {
    char *text; /* NULL: free */
    uint64_t count;
} entry;

typedef struct tally {
    const millrace_host *host;
    const char *path, *column;
    int64_t longest;
    int64_t number; /* of the column in the schema */
    char format[8]; /* of the column */
    entry *entries; /* open addressing */
    size_t room, count;
    uint64_t records;
} tally;

static const millrace_option options[OPTION_COUNT] = {
    [COLUMN] = {.name = "column",
                .type = MILLRACE_TEXT,
                .flags = MILLRACE_REQUIRED,
                .help = "the column whose values are counted"},
    [LONGEST] = {.name = "longest",
                 .type = MILLRACE_SIZE,
                 .fallback = "200",
                 .min = 1,
                 .max = 1 << 20,
                 .help = "longer values are refused"},
};

static int fail(millrace_error *error, int code, const char *what, const char *name)
{
    snprintf(error->text, sizeof error->text, what, name);
    return code;
}

/* ---- opening ---- */

static int tally_validate(const millrace_config *config, millrace_error *error)
{
    if (strcmp(config->path, "-") == 0)
        return fail(error, MILLRACE_ERR_USAGE, "writes a file, not standard output%s", "");
    return MILLRACE_OK;
}

static int tally_open(const millrace_config *config, void **state, millrace_error *error)
{
    tally *t = calloc(1, sizeof *t);
    if (t == NULL) return fail(error, MILLRACE_ERR_NOMEM, "no memory left%s", "");
    t->host = config->host;
    t->path = config->path; /* lives until close */
    t->column = config->values[COLUMN]->text;
    t->longest = config->values[LONGEST]->integer;
    t->room = 1024;
    t->entries = calloc(t->room, sizeof *t->entries);
    *state = t; /* from here on close() is called, whatever happens */
    return t->entries != NULL ? MILLRACE_OK
                              : fail(error, MILLRACE_ERR_NOMEM, "no memory left%s", "");
}

static int tally_start(void *state, const struct ArrowSchema *schema, millrace_error *error)
{
    tally *t = state;
    for (t->number = 0; t->number < schema->n_children; t->number++) {
        const struct ArrowSchema *column = schema->children[t->number];
        if (strcmp(column->name, t->column) != 0) continue;
        snprintf(t->format, sizeof t->format, "%s", column->format);
        if (strcmp(t->format, "u") == 0 || strcmp(t->format, "l") == 0) return MILLRACE_OK;
        return fail(error, MILLRACE_ERR_USAGE, "column '%s' is neither text nor int", t->column);
    }
    return fail(error, MILLRACE_ERR_USAGE, "there is no column '%s'", t->column);
}

/* ---- counting ---- */

static size_t slot_of(const tally *t, const char *text, size_t length)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    size_t at = hash & (t->room - 1);
    while (t->entries[at].text != NULL && (strlen(t->entries[at].text) != length ||
                                           memcmp(t->entries[at].text, text, length) != 0))
        at = (at + 1) & (t->room - 1);
    return at;
}

static int grow(tally *t)
{
    tally larger = *t;
    larger.room = t->room * 2;
    larger.entries = calloc(larger.room, sizeof *larger.entries);
    if (larger.entries == NULL) return 0;
    for (size_t i = 0; i < t->room; i++)
        if (t->entries[i].text != NULL)
            larger.entries[slot_of(&larger, t->entries[i].text, strlen(t->entries[i].text))] =
                t->entries[i];
    free(t->entries);
    *t = larger;
    return 1;
}

static int count(tally *t, const char *text, size_t length, millrace_error *error)
{
    if (t->count * 2 >= t->room && !grow(t))
        return fail(error, MILLRACE_ERR_NOMEM, "no memory left%s", "");
    entry *e = &t->entries[slot_of(t, text, length)];
    if (e->text == NULL) {
        if (t->count == MAX_VALUES)
            return fail(error, MILLRACE_ERR_LIMIT, "more than a million values in '%s'", t->column);
        e->text = calloc(1, length + 1);
        if (e->text == NULL) return fail(error, MILLRACE_ERR_NOMEM, "no memory left%s", "");
        memcpy(e->text, text, length);
        t->count++;
    }
    e->count++;
    return MILLRACE_OK;
}

/* The text of row `row` (counted from the array's start); `room` is for numbers. */
static const char *text_of(const tally *t, const struct ArrowArray *column, int64_t row, char *room,
                           size_t *length)
{
    const int64_t at = column->offset + row;
    const uint8_t *validity = column->buffers[0];
    if (validity != NULL && (validity[at / 8] >> at % 8 & 1) == 0) {
        *length = 6;
        return "(null)";
    }
    if (t->format[0] == 'l') {
        const int64_t *values = column->buffers[1];
        *length = (size_t)sprintf(room, "%" PRId64, values[at]);
        return room;
    }
    const int32_t *offsets = column->buffers[1];
    *length = (size_t)(offsets[at + 1] - offsets[at]);
    return (const char *)column->buffers[2] + offsets[at];
}

static int tally_write(void *state, struct ArrowArray *batch, millrace_error *error)
{
    tally *t = state;
    const struct ArrowArray *column = batch->children[t->number];
    int code = MILLRACE_OK;
    char room[32];
    for (int64_t row = 0; row < batch->length && code == MILLRACE_OK; row++) {
        size_t length;
        const char *text = text_of(t, column, row, room, &length);
        if ((int64_t)length > t->longest) {
            t->host->refuse(t->host->context, row, "record_too_large", t->column,
                            "the value is longer than the option longest");
            continue;
        }
        code = count(t, text, length, error);
        t->records++;
    }
    batch->release(batch);
    return code;
}

/* ---- ending ---- */

static int by_count(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    if (x->text == NULL || y->text == NULL) return (x->text == NULL) - (y->text == NULL);
    return strcmp(x->text, y->text);
}

static int tally_commit(void *state, const void *position, size_t length, millrace_error *error)
{
    tally *t = state;
    char part[4096];
    (void)position, (void)length;
    snprintf(part, sizeof part, "%s.part", t->path);
    FILE *file = fopen(part, "w");
    if (file == NULL) return fail(error, MILLRACE_ERR_IO, "cannot write '%.400s'", part);
    qsort(t->entries, t->room, sizeof *t->entries, by_count);
    for (size_t i = 0; i < t->count; i++)
        fprintf(file, "%" PRIu64 "\t%s\n", t->entries[i].count, t->entries[i].text);
    const int failed = ferror(file);
    if (fclose(file) != 0 || failed || rename(part, t->path) != 0) {
        remove(part);
        return fail(error, MILLRACE_ERR_IO, "cannot write '%.400s'", t->path);
    }
    return MILLRACE_OK;
}

static uint32_t tally_counters(void *state, millrace_counter *counters, uint32_t room)
{
    const tally *t = state;
    if (room < 2) return 0;
    counters[0] = (millrace_counter){"records_counted", t->records};
    counters[1] = (millrace_counter){"distinct_values", t->count};
    return 2;
}

static void tally_close(void *state)
{
    tally *t = state;
    for (size_t i = 0; t->entries != NULL && i < t->room; i++)
        free(t->entries[i].text);
    free(t->entries);
    free(t);
}

static const millrace_destination destination = {
    .size = sizeof(millrace_destination),
    .capabilities = MILLRACE_DESTINATION_TRANSACTION,
    .name = "tally",
    .summary = "how often each value of a column comes",
    .guarantee = "all or nothing: the file appears when it is complete",
    .options = options,
    .option_count = OPTION_COUNT,
    .option_size = sizeof(millrace_option),
    .validate = tally_validate,
    .open = tally_open,
    .start = tally_start,
    .write = tally_write,
    .commit = tally_commit,
    .close = tally_close,
    .counters = tally_counters,
};

const millrace_plugin_info *millrace_plugin(uint32_t host_abi)
{
    static const millrace_destination *const destinations[] = {&destination};
    static const millrace_plugin_info info = {.size = sizeof(millrace_plugin_info),
                                              .abi = MILLRACE_ABI,
                                              .name = "tally",
                                              .version = "1.0",
                                              .destination_count = 1,
                                              .destinations = destinations};
    return host_abi == MILLRACE_ABI ? &info : NULL;
}
