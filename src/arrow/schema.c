/* SPDX-License-Identifier: MIT
 *
 * A plan as an ArrowSchema. One block of memory holds all of it:
 *
 *     head, pointers to the children | the children | for each: format, metadata, name
 *
 * Children may be moved out and released alone, by any thread; whoever is last frees the block. */
#include "arrow/plan.h"

#include <stdatomic.h>
#include <stdio.h>

#include "core/mem.h"

#define FORMAT_BYTES   24
#define METADATA_BYTES 128

typedef struct block {
    atomic_uint references; /* structs not released; each release is a partner of the others */
    uint32_t count;
    struct ArrowSchema *children[];
} block;

static void drop(block *b)
{
    if (atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel) == 1) mr_mem_free(b);
}

static void release_child(struct ArrowSchema *schema)
{
    schema->release = NULL;
    drop(schema->private_data);
}

static void release_parent(struct ArrowSchema *schema)
{
    block *b = schema->private_data;
    for (uint32_t i = 0; i < b->count; i++)
        mr_arrow_release_schema(b->children[i]);
    schema->release = NULL;
    drop(b);
}

static void write_format(const mr_arrow_column_plan *plan, char *out)
{
    static const char units[] = "smun";
    const char unit = units[plan->scale / 3 & 3];
    const int offset = (int)(plan->layout >> 16) - 1440, size = offset < 0 ? -offset : offset;
    switch (plan->form) {
    case MR_ARROW_NULL: snprintf(out, FORMAT_BYTES, "n"); break;
    case MR_ARROW_BOOL: snprintf(out, FORMAT_BYTES, "b"); break;
    case MR_ARROW_INT64: snprintf(out, FORMAT_BYTES, "l"); break;
    case MR_ARROW_DECIMAL128: snprintf(out, FORMAT_BYTES, "d:38,%u", plan->scale); break;
    case MR_ARROW_FLOAT64: snprintf(out, FORMAT_BYTES, "g"); break;
    case MR_ARROW_DATE32: snprintf(out, FORMAT_BYTES, "tdD"); break;
    case MR_ARROW_TIME: snprintf(out, FORMAT_BYTES, "tt%c", unit); break;
    case MR_ARROW_UUID: snprintf(out, FORMAT_BYTES, "w:16"); break;
    case MR_ARROW_TEXT: snprintf(out, FORMAT_BYTES, "u"); break;
    case MR_ARROW_BINARY: snprintf(out, FORMAT_BYTES, "z"); break;
    case MR_ARROW_TIMESTAMP:
        if (plan->layout >> 12 & 1)
            snprintf(out, FORMAT_BYTES, "ts%c:UTC", unit);
        else if (plan->layout >> 13 & 1)
            snprintf(out, FORMAT_BYTES, "ts%c:%c%02d:%02d", unit, offset < 0 ? '-' : '+', size / 60,
                     size % 60);
        else
            snprintf(out, FORMAT_BYTES, "ts%c:", unit);
    }
}

/* --- metadata: a count, then keys and values, each behind its length, all int32
 * -------------------- */

static char *put_text(char *to, const char *text)
{
    const int32_t len = (int32_t)strlen(text);
    memcpy(to, &len, sizeof len);
    memcpy(to + sizeof len, text, (size_t)len);
    return to + sizeof len + len;
}

static char *put_pair(char *start, char *to, const char *key, const char *value)
{
    int32_t count = 0;
    if (to == start)
        to += sizeof count;
    else
        memcpy(&count, start, sizeof count);
    count++;
    memcpy(start, &count, sizeof count);
    return put_text(put_text(to, key), value);
}

/* At most METADATA_BYTES; false when there is none. */
static bool write_metadata(const mr_arrow_column_plan *plan, char *out)
{
    char *to = out, layout[3] = {0};
    const bool is_uuid = plan->form == MR_ARROW_UUID, is_json = plan->type == MR_TYPE_JSON;
    if (is_uuid || is_json) {
        to = put_pair(out, to, "ARROW:extension:name", is_uuid ? "arrow.uuid" : "arrow.json");
        to = put_pair(out, to, "ARROW:extension:metadata", "");
    }
    if (plan->type == MR_TYPE_NUMBER || plan->type == MR_TYPE_MIXED)
        to = put_pair(out, to, "millrace:type", mr_type_name(plan->type));
    const uint32_t digits = plan->layout >> 8 & 15;
    const bool is_time = plan->form == MR_ARROW_TIME || plan->form == MR_ARROW_TIMESTAMP;
    if (is_time && ((plan->layout & 0xff) != 'T' || digits != plan->scale)) {
        layout[0] = (char)(plan->layout & 0xff);
        layout[1] = (char)('0' + digits);
        to = put_pair(out, to, "millrace:layout", layout);
    }
    MR_DCHECK(to - out <= METADATA_BYTES);
    return to != out;
}

static void fill_child(block *b, const mr_arrow_column_plan *plan, struct ArrowSchema *child,
                       char *text)
{
    char *name = text + FORMAT_BYTES + METADATA_BYTES;
    write_format(plan, text);
    const bool has_metadata = write_metadata(plan, text + FORMAT_BYTES);
    if (plan->name.len > 0) memcpy(name, plan->name.ptr, plan->name.len);
    name[plan->name.len] = 0;
    *child = (struct ArrowSchema){.format = text,
                                  .name = name,
                                  .metadata = has_metadata ? text + FORMAT_BYTES : NULL,
                                  .flags = ARROW_FLAG_NULLABLE,
                                  .release = release_child,
                                  .private_data = b};
}

mr_code mr_arrow_export_schema(const mr_arrow_plan *plan, struct ArrowSchema *out, mr_error *err)
{
    const size_t head = sizeof(block) + sizeof(struct ArrowSchema *) * plan->count;
    size_t size = mr_align_up(head, 16) + sizeof(struct ArrowSchema) * plan->count;
    const size_t text_from = size;
    for (uint32_t i = 0; i < plan->count; i++)
        size += FORMAT_BYTES + METADATA_BYTES + plan->columns[i].name.len + 1;
    block *b = mr_mem_alloc(size);
    if (b == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a schema of %u columns", plan->count);
    atomic_init(&b->references, plan->count + 1);
    b->count = plan->count;
    struct ArrowSchema *children = (void *)((char *)b + mr_align_up(head, 16));
    char *text_at = (char *)b + text_from;
    for (uint32_t i = 0; i < plan->count; i++) {
        b->children[i] = &children[i];
        fill_child(b, &plan->columns[i], &children[i], text_at);
        text_at += FORMAT_BYTES + METADATA_BYTES + plan->columns[i].name.len + 1;
    }
    *out = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = plan->count,
                                .children = b->children,
                                .release = release_parent,
                                .private_data = b};
    return MR_OK;
}
