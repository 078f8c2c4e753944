/* SPDX-License-Identifier: MIT
 *
 * dice: a source of thrown dice, the same ones for the same seed. Two columns: the number of the
 * throw, and what fell. It shows options, batches made by hand, positions and counters.
 *
 *     millrace copy --plugin ./dice.so 'dice:?sides=6&rows=5' json:-
 */
#include <millrace/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDES, ROWS, SEED, OPTION_COUNT }; /* in the order of the table below */

typedef struct dice {
    uint32_t sides, max_rows;
    uint64_t rows, seed;
    uint64_t thrown; /* so far */
    uint64_t batches;
} dice;

static int fail(millrace_error *error, int code, const char *text)
{
    snprintf(error->text, sizeof error->text, "%s", text);
    return code;
}

/* ---- options ---- */

static const millrace_option options[OPTION_COUNT] = {
    [SIDES] = {.name = "sides",
               .type = MILLRACE_INT,
               .fallback = "6",
               .min = 2,
               .max = 1000,
               .help = "sides of the die"},
    [ROWS] = {.name = "rows",
              .type = MILLRACE_INT,
              .fallback = "1000",
              .min = 0,
              .max = INT64_MAX,
              .help = "how often it is thrown"},
    [SEED] = {.name = "seed",
              .type = MILLRACE_INT,
              .fallback = "1",
              .min = 0,
              .max = INT64_MAX,
              .help = "throws are the same for the same seed"},
};

/* ---- a column of int64: one block of memory, freed by its release() ---- */

typedef struct column {
    struct ArrowArray array;
    const void *buffers[2]; /* no validity: there are no nulls; then the values */
    int64_t values[];
} column;

static void release_column(struct ArrowArray *array)
{
    array->release = NULL;
    free(array->private_data);
}

static struct ArrowArray *new_column(int64_t length, int64_t **values)
{
    column *c = calloc(1, sizeof *c + sizeof(int64_t) * (size_t)length + 8);
    if (c == NULL) return NULL;
    c->buffers[1] = c->values;
    c->array.length = length;
    c->array.n_buffers = 2;
    c->array.buffers = c->buffers;
    c->array.release = release_column;
    c->array.private_data = c;
    *values = c->values;
    return &c->array;
}

/* ---- a batch: a struct array with two children ---- */

typedef struct batch {
    const void *buffers[1];
    struct ArrowArray *children[2];
} batch;

static void release_batch(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i] != NULL && array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
    array->release = NULL;
    free(array->private_data);
}

/* ---- the source ---- */

static int dice_open(const millrace_config *config, void **state, millrace_error *error)
{
    dice *d = calloc(1, sizeof *d);
    if (d == NULL) return fail(error, MILLRACE_ERR_NOMEM, "no memory left");
    d->sides = (uint32_t)config->values[SIDES]->integer;
    d->rows = (uint64_t)config->values[ROWS]->integer;
    d->seed = (uint64_t)config->values[SEED]->integer;
    d->max_rows = config->max_rows;
    *state = d;
    return MILLRACE_OK;
}

static void release_static(struct ArrowSchema *schema)
{
    schema->release = NULL; /* all of it is constant */
}

static int dice_schema(void *state, struct ArrowSchema *out, millrace_error *error)
{
    static struct ArrowSchema columns[2] = {{.format = "l", .name = "throw"},
                                            {.format = "l", .name = "fell"}};
    static struct ArrowSchema *children[2] = {&columns[0], &columns[1]};
    (void)state, (void)error;
    columns[0].release = columns[1].release = release_static;
    *out = (struct ArrowSchema){
        .format = "+s", .n_children = 2, .children = children, .release = release_static};
    return MILLRACE_OK;
}

/* What falls depends on the seed and the number of the throw alone, so going on is easy. */
static int64_t fall(const dice *d, uint64_t number)
{
    uint64_t x = d->seed * 0x9e3779b97f4a7c15u + number;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (int64_t)((x ^ x >> 31) % d->sides) + 1;
}

static int dice_read(void *state, struct ArrowArray *out, millrace_error *error)
{
    dice *d = state;
    int64_t *numbers, *fell;
    if (d->thrown == d->rows) return MILLRACE_OK; /* *out says that there is no more */
    const uint64_t left = d->rows - d->thrown;
    const int64_t length = left < d->max_rows ? (int64_t)left : (int64_t)d->max_rows;
    batch *b = calloc(1, sizeof *b);
    if (b == NULL) return fail(error, MILLRACE_ERR_NOMEM, "no memory left");
    *out = (struct ArrowArray){.length = length,
                               .n_buffers = 1,
                               .n_children = 2,
                               .buffers = b->buffers,
                               .children = b->children,
                               .release = release_batch,
                               .private_data = b};
    b->children[0] = new_column(length, &numbers);
    b->children[1] = new_column(length, &fell);
    if (b->children[0] == NULL || b->children[1] == NULL) /* the host releases *out */
        return fail(error, MILLRACE_ERR_NOMEM, "no memory left");
    for (int64_t i = 0; i < length; i++) {
        numbers[i] = (int64_t)d->thrown + 1;
        fell[i] = fall(d, d->thrown++);
    }
    d->batches++;
    return MILLRACE_OK;
}

static int dice_position(void *state, void *out, size_t room, size_t *length, millrace_error *error)
{
    const dice *d = state;
    const uint64_t position[2] = {1, d->thrown}; /* a version, and how far we are */
    if (room < sizeof position) return fail(error, MILLRACE_ERR_LIMIT, "no room for a position");
    memcpy(out, position, sizeof position);
    *length = sizeof position;
    return MILLRACE_OK;
}

static int dice_seek(void *state, const void *position, size_t length, millrace_error *error)
{
    dice *d = state;
    uint64_t from[2] = {1, 0};
    if (length > 0 && length != sizeof from)
        return fail(error, MILLRACE_ERR_INPUT, "a position of another version");
    if (length > 0) memcpy(from, position, sizeof from);
    if (from[0] != 1 || from[1] > d->rows)
        return fail(error, MILLRACE_ERR_INPUT,
                    "a position behind the last throw; were rows lowered?");
    d->thrown = from[1];
    return MILLRACE_OK;
}

static uint32_t dice_counters(void *state, millrace_counter *counters, uint32_t room)
{
    const dice *d = state;
    if (room < 1) return 0;
    counters[0] = (millrace_counter){"batches_made", d->batches};
    return 1;
}

static void dice_progress(void *state, uint64_t *done, uint64_t *total)
{
    const dice *d = state;
    *done = d->thrown;
    *total = d->rows;
}

static void dice_close(void *state)
{
    free(state);
}

static const millrace_source source = {
    .size = sizeof(millrace_source),
    .capabilities = MILLRACE_SOURCE_REWINDS | MILLRACE_SOURCE_NO_PATH,
    .name = "dice",
    .summary = "throws of a die",
    .options = options,
    .option_count = OPTION_COUNT,
    .option_size = sizeof(millrace_option),
    .open = dice_open,
    .schema = dice_schema,
    .read = dice_read,
    .close = dice_close,
    .position = dice_position,
    .seek = dice_seek,
    .counters = dice_counters,
    .progress = dice_progress,
};

const millrace_plugin_info *millrace_plugin(uint32_t host_abi)
{
    static const millrace_source *const sources[] = {&source};
    static const millrace_plugin_info info = {.size = sizeof(millrace_plugin_info),
                                              .abi = MILLRACE_ABI,
                                              .name = "dice",
                                              .version = "1.0",
                                              .source_count = 1,
                                              .sources = sources};
    return host_abi == MILLRACE_ABI ? &info : NULL;
}
