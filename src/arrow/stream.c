/* SPDX-License-Identifier: MIT */
#include "arrow/stream.h"

#include <errno.h>

#include "core/mem.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define SHOWN       400 /* bytes of somebody's message */

/* --- out
 * ------------------------------------------------------------------------------------------- */

typedef struct outgoing {
    mr_arrow_feed feed;
    mr_arena arena;
    mr_schema schema;
    mr_arrow_plan plan;
    mr_arrow_exporter *exporter;
    mr_batch batch;
    bool ahead; /* `batch` holds the first rows, which get_schema() has looked at */
    bool ended;
    mr_error error;
} outgoing;

static int errno_of(mr_code code)
{
    switch (code) {
    case MR_OK: return 0;
    case MR_ERR_NOMEM: return ENOMEM;
    case MR_ERR_INPUT:
    case MR_ERR_USAGE:
    case MR_ERR_LIMIT: return EINVAL;
    case MR_ERR_IO:
    case MR_ERR_CONFLICT:
    case MR_ERR_CLOSED: break;
    }
    return EIO;
}

static mr_code read_ahead(outgoing *o, mr_error *err)
{
    if (o->ahead || o->ended) return MR_OK;
    mr_batch_reset(&o->batch);
    MR_TRY(o->feed.next(o->feed.context, &o->batch, err));
    o->ended = o->batch.row_count == 0;
    o->ahead = !o->ended;
    if (o->ahead && o->batch.column_count >= o->plan.count)
        mr_arrow_plan_look(&o->plan, &o->batch, false);
    return MR_OK;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    outgoing *o = stream->private_data;
    mr_code rc = read_ahead(o, &o->error);
    if (rc == MR_OK) rc = mr_arrow_export_schema(&o->plan, out, &o->error);
    return errno_of(rc);
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    outgoing *o = stream->private_data;
    *out = (struct ArrowArray){0};
    mr_code rc = read_ahead(o, &o->error);
    if (rc == MR_OK && o->ahead) {
        rc = mr_arrow_export(o->exporter, &o->plan, &o->batch, NULL, out, &o->error);
        o->ahead = false;
    }
    if (rc != MR_OK) o->ended = true;
    return errno_of(rc);
}

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    const outgoing *o = stream->private_data;
    return o->error.text[0] != 0 ? o->error.text : NULL;
}

static void free_outgoing(outgoing *o)
{
    mr_arrow_exporter_close(o->exporter);
    mr_batch_done(&o->batch);
    mr_arena_done(&o->arena);
    mr_mem_free(o);
}

static void release_stream(struct ArrowArrayStream *stream)
{
    outgoing *o = stream->private_data;
    if (o->feed.close != NULL) o->feed.close(o->feed.context);
    free_outgoing(o);
    stream->release = NULL;
}

mr_code mr_arrow_export_stream(const mr_arrow_feed *feed, const mr_schema *schema,
                               struct ArrowArrayStream *out, mr_error *err)
{
    outgoing *o = mr_mem_zalloc(sizeof *o);
    if (o == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for an Arrow stream");
    o->feed = *feed;
    mr_arena_init(&o->arena, "arrow.stream", ARENA_BYTES);
    mr_batch_init(&o->batch, 0);
    mr_code rc = mr_schema_copy(&o->schema, schema, &o->arena, err);
    if (rc == MR_OK) rc = mr_arrow_plan_init(&o->plan, &o->schema, false, &o->arena, err);
    if (rc == MR_OK) rc = mr_arrow_exporter_open(&o->exporter, err);
    if (rc != MR_OK) {
        free_outgoing(o);
        return rc;
    }
    *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                     .get_next = get_next,
                                     .get_last_error = get_last_error,
                                     .release = release_stream,
                                     .private_data = o};
    return MR_OK;
}

/* --- in
 * -------------------------------------------------------------------------------------------- */

static mr_code fail_stream(mr_arrow_reader *reader, const char *what, int code, mr_error *err)
{
    const char *text = reader->stream.get_last_error(&reader->stream);
    const mr_code kind = code == ENOMEM ? MR_ERR_NOMEM : code == EINVAL ? MR_ERR_INPUT : MR_ERR_IO;
    if (text != NULL)
        return mr_fail(err, kind, "an Arrow stream %s: %.*s", what, (int)strnlen(text, SHOWN),
                       text);
    mr_fail_errno(err, code, "an Arrow stream %s", what);
    if (err != NULL) err->code = kind;
    return kind;
}

mr_code mr_arrow_reader_open(mr_arrow_reader *reader, struct ArrowArrayStream *stream, bool lend,
                             mr_arena *arena, mr_error *err)
{
    struct ArrowSchema schema = {0};
    *reader = (mr_arrow_reader){.stream = *stream};
    stream->release = NULL; /* moved */
    if (reader->stream.release == NULL)
        return mr_fail(err, MR_ERR_INPUT, "an Arrow stream that has been released already");
    const int code = reader->stream.get_schema(&reader->stream, &schema);
    mr_code rc = code == 0 ? MR_OK : fail_stream(reader, "has no schema", code, err);
    if (rc == MR_OK) rc = mr_arrow_importer_open(&reader->importer, &schema, lend, arena, err);
    if (code == 0) mr_arrow_release_schema(&schema);
    if (rc != MR_OK) mr_arrow_reader_close(reader);
    return rc;
}

mr_code mr_arrow_reader_next(mr_arrow_reader *reader, mr_batch *batch, uint32_t *out_rows,
                             mr_error *err)
{
    *out_rows = 0;
    for (;;) {
        MR_TRY(mr_arrow_importer_next(&reader->importer, batch, out_rows, err));
        if (*out_rows > 0 || reader->ended) return MR_OK;
        struct ArrowArray array = {0};
        const int code = reader->stream.get_next(&reader->stream, &array);
        if (code != 0) return fail_stream(reader, "broke off", code, err);
        reader->ended = array.release == NULL;
        if (reader->ended) return MR_OK;
        MR_TRY(mr_arrow_importer_give(&reader->importer, &array, err));
    }
}

void mr_arrow_reader_close(mr_arrow_reader *reader)
{
    mr_arrow_importer_close(&reader->importer);
    mr_arrow_release_stream(&reader->stream);
    reader->ended = true;
}
