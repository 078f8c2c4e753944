/* SPDX-License-Identifier: MIT
 *
 * Makes a foreign Arrow schema and array of the input: types, counts, offsets, validity and bytes
 * are as it says, the buffers have exactly the size that the counts ask for. Importing must refuse
 * or give batches that hold together; these go out again and come back the same.
 *
 * One rule of the interface is kept, for nobody can check it: text and list offsets do not lead
 * outside of what they index by more than their own field lets an importer see. */
#include <stdio.h>
#include <stdlib.h>

#include "arrow/export.h"
#include "arrow/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define MAX_FIELDS 24
#define MAX_DEPTH  4
#define DATA_BYTES 64

typedef struct input {
    const uint8_t *at, *end;
} input;

typedef struct node {
    struct ArrowSchema schema, *schema_children[3];
    struct ArrowArray array, *children[3];
    const void *buffers[5];
    void *memory[5];
} node;

static node nodes[MAX_FIELDS];
static uint32_t node_count;

static uint8_t take(input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static void end_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void end_array(struct ArrowArray *array)
{
    array->release = NULL;
}

/* `size` bytes of the input, repeated, in memory of exactly that size. */
static void *fill(input *in, size_t size)
{
    uint8_t *to = malloc(size > 0 ? size : 1);
    if (to == NULL) abort();
    const uint8_t base = take(in), step = take(in);
    for (size_t i = 0; i < size; i++)
        to[i] = in->at < in->end && step % 2 == 0 ? take(in) : (uint8_t)(base + step * i);
    return to;
}

static const struct {
    const char *format;
    uint8_t width; /* bytes a row; 0 = bits; 200 and more: see add() */
} formats[] = {
    {"b", 0},          {"c", 1},        {"C", 1},
    {"s", 2},          {"S", 2},        {"i", 4},
    {"I", 4},          {"l", 8},        {"L", 8},
    {"e", 2},          {"f", 4},        {"g", 8},
    {"tdD", 4},        {"tdm", 8},      {"tts", 4},
    {"ttm", 4},        {"ttu", 8},      {"ttn", 8},
    {"tss:", 8},       {"tsm:UTC", 8},  {"tsu:Asia/Tokyo", 8},
    {"tsn:-05:30", 8}, {"d:9,2,32", 4}, {"d:18,4,64", 8},
    {"d:38,10", 16},   {"d:38,-5", 16}, {"d:76,38,256", 32},
    {"w:3", 3},        {"w:16", 16},    {"n", 201},
    {"u", 202},        {"z", 202},      {"U", 203},
    {"Z", 203},        {"vu", 204},     {"vz", 204},
    {"+s", 205},       {"+l", 206},     {"+L", 207},
    {"+w:2", 208},     {"+m", 206},     {"tDs", 8},
    {"+r", 1},         {"w:1", 1},
};

static node *add(input *in, int64_t rows, int depth);

/* Offsets within 0 .. limit, mostly in order. */
static void *make_offsets(input *in, int64_t rows, int64_t limit, bool wide)
{
    const size_t width = wide ? 8 : 4;
    char *to = malloc((size_t)(rows + 1) * width);
    if (to == NULL) abort();
    const uint8_t mode = take(in);
    int64_t at = 0;
    for (int64_t i = 0; i <= rows; i++) {
        const uint8_t draw = take(in);
        at = mode % 8 == 0 ? draw % (limit + 1) : at + draw % 5;
        if (at > limit) at = limit;
        int64_t value = mode % 16 == 1 && draw % 32 == 0 ? -1 : at;
        const int32_t narrow = (int32_t)value;
        memcpy(to + (size_t)i * width, wide ? (const void *)&value : (const void *)&narrow, width);
    }
    return to;
}

static void add_children(input *in, node *n, uint32_t count, int64_t rows, int depth)
{
    n->schema.children = n->schema_children;
    n->array.children = n->children;
    for (uint32_t i = 0; i < count; i++) {
        node *child = add(in, rows, depth + 1);
        if (child == NULL) break;
        n->schema_children[i] = &child->schema;
        n->children[i] = &child->array;
        n->schema.n_children = n->array.n_children = i + 1;
    }
}

static void add_buffers(input *in, node *n, uint8_t width, int64_t rows)
{
    n->array.n_buffers = 2;
    if (width == 201) n->array.n_buffers = 0;
    if (width < 200)
        n->memory[1] = fill(in, width == 0 ? (size_t)rows / 8 + 1 : (size_t)rows * width);
    if (width == 202 || width == 203) {
        n->array.n_buffers = 3;
        n->memory[1] = make_offsets(in, rows, DATA_BYTES, width == 203);
        n->memory[2] = fill(in, DATA_BYTES);
    }
    if (width == 204) {
        n->array.n_buffers = 4;
        n->memory[1] = fill(in, (size_t)rows * 16);
        n->memory[2] = fill(in, DATA_BYTES);
        n->memory[3] = calloc(1, 8);
        const int64_t bytes = DATA_BYTES;
        memcpy(n->memory[3], &bytes, 8);
    }
    if (width == 205 || width == 208) n->array.n_buffers = 1;
    if (width == 206 || width == 207) n->memory[1] = make_offsets(in, rows, rows, width == 207);
}

static void add_metadata(input *in, node *n)
{
    static const char json[] = "\x01\0\0\0\x14\0\0\0ARROW:extension:name\x0a\0\0\0arrow.json";
    static const char id[] = "\x01\0\0\0\x14\0\0\0ARROW:extension:name\x0a\0\0\0arrow.uuid";
    static const char number[] = "\x01\0\0\0\x0d\0\0\0millrace:type\x06\0\0\0number";
    static const char layout[] = "\x01\0\0\0\x0f\0\0\0millrace:layout\x02\0\0\0 1";
    static const char *const all[] = {json, id, number, layout};
    const uint8_t draw = take(in);
    if (draw < 64) n->schema.metadata = all[draw % 4];
}

/* What a hostile producer might say of it. */
static void twist(input *in, node *n)
{
    const uint8_t draw = take(in);
    if (draw >= 24) return;
    switch (draw) {
    case 0: n->array.length = -1; break;
    case 1: n->array.null_count = n->array.length + 1; break;
    case 2: n->array.n_buffers++; break;
    case 3: n->array.n_buffers = -1; break;
    case 4: n->array.release = NULL; break;
    case 5: n->array.offset = INT64_MAX; break;
    case 6: n->array.length = INT64_MAX; break;
    case 7: n->buffers[1] = NULL; break;
    case 8: n->array.n_children++; break;
    case 9: n->array.children = NULL; break;
    case 10: n->array.dictionary = &n->array; break;
    case 11: n->array.buffers = NULL; break;
    default: break;
    }
}

static node *add(input *in, int64_t rows, int depth)
{
    if (node_count == MAX_FIELDS) return NULL;
    node *n = &nodes[node_count++];
    *n = (node){0};
    const size_t kind = take(in) % MR_COUNT_OF(formats);
    uint8_t width = formats[kind].width;
    const bool nested = width >= 205;
    const int64_t offset = take(in) % 4;
    const int64_t all = rows + offset; /* rows in the buffers */
    n->schema =
        (struct ArrowSchema){.format = nested && depth >= MAX_DEPTH ? "c" : formats[kind].format,
                             .name = "x",
                             .release = end_schema};
    if (nested && depth >= MAX_DEPTH) width = 1;
    n->array = (struct ArrowArray){.length = rows,
                                   .offset = offset,
                                   .null_count = -1,
                                   .buffers = n->buffers,
                                   .release = end_array};
    if (take(in) % 2 == 0) n->memory[0] = fill(in, (size_t)all / 8 + 1);
    add_buffers(in, n, width, all);
    for (int i = 0; i < 5; i++)
        n->buffers[i] = n->memory[i];
    if (n->memory[0] == NULL) n->array.null_count = 0;
    add_metadata(in, n);
    if (width == 205) add_children(in, n, 2, all, depth);
    if (width == 206 || width == 207) add_children(in, n, 1, all, depth);
    if (width == 208) add_children(in, n, 1, all * 2, depth);
    if (width <= 8 && width > 0 && take(in) < 32) {
        node *values = add(in, 5, depth + 1);
        if (values != NULL)
            n->schema.dictionary = &values->schema, n->array.dictionary = &values->array;
    }
    twist(in, n);
    return n;
}

/* --- looking at what came
 * --------------------------------------------------------------------------- */

static mr_error err;

static void need(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "%s: %s\n", what, err.text);
    abort();
}

/* Out again and back: the same texts. Values may be refused, by row; then there is no more to see.
 */
static void send_back(mr_batch *batch, const mr_schema *schema, mr_arena *arena)
{
    mr_arrow_plan plan;
    mr_arrow_exporter *exporter;
    mr_arrow_importer importer;
    struct ArrowArray array;
    struct ArrowSchema described;
    mr_batch back;
    uint32_t rows;
    mr_batch_init(&back, 0);
    need(mr_arrow_exporter_open(&exporter, &err) == MR_OK, "exporter");
    if (mr_arrow_plan_init(&plan, schema, false, arena, &err) == MR_OK) {
        mr_arrow_plan_look(&plan, batch, false);
        need(mr_arrow_export_schema(&plan, &described, &err) == MR_OK, "schema");
        if (mr_arrow_export(exporter, &plan, batch, NULL, &array, &err) == MR_OK) {
            need(mr_arrow_importer_open(&importer, &described, false, arena, &err) == MR_OK,
                 "our own schema");
            need(mr_arrow_importer_give(&importer, &array, &err) == MR_OK, "our own array");
            const mr_code rc = mr_arrow_importer_next(&importer, &back, &rows, &err);
            need(rc == MR_OK || strstr(err.text, "arrow.json") != NULL, "our own rows");
            if (rc == MR_OK) mr_batch_check(&back);
            mr_arrow_importer_close(&importer);
        }
        described.release(&described);
    }
    mr_batch_done(&back);
    mr_arrow_exporter_close(exporter);
}

static void import(node *root, bool lend)
{
    mr_arena arena;
    mr_arrow_importer importer = {0};
    mr_batch batch;
    uint32_t rows = 0;
    mr_arena_init(&arena, "fuzz", (size_t)16 << 20);
    mr_batch_init(&batch, 7);
    struct ArrowArray moved = root->array;
    mr_code rc = mr_arrow_importer_open(&importer, &root->schema, lend, &arena, &err);
    if (rc == MR_OK) rc = mr_arrow_importer_give(&importer, &moved, &err);
    do {
        if (rc == MR_OK) rc = mr_arrow_importer_next(&importer, &batch, &rows, &err);
        if (rc != MR_OK) break;
        mr_batch_check(&batch);
        if (rows > 0) send_back(&batch, &importer.schema, &arena);
    } while (rows > 0);
    mr_batch_done(&batch);
    mr_arrow_importer_close(&importer);
    mr_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    input in = {bytes, bytes + size};
    if (size > 4096) return 0;
    node_count = 1;
    node *root = &nodes[0];
    *root = (node){0};
    const int64_t rows = take(&in) % 20;
    root->schema = (struct ArrowSchema){.format = "+s", .release = end_schema};
    root->array = (struct ArrowArray){
        .length = rows, .n_buffers = 1, .buffers = root->buffers, .release = end_array};
    add_children(&in, root, 1 + take(&in) % 3, rows, 0);
    import(root, false);
    for (uint32_t i = 0; i < node_count; i++) /* what was released is whole again */
        nodes[i].array.release = nodes[i].array.release != NULL ? end_array : NULL;
    import(root, true);
    for (uint32_t i = 0; i < node_count; i++)
        for (int b = 0; b < 5; b++)
            free(nodes[i].memory[b]);
    return 0;
}
