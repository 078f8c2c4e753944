/* SPDX-License-Identifier: MIT
 *
 * How fast JSON is read and written: one reference set as JSON lines in memory, read piece by piece
 * into batches and written from batches, on one core. Prints the median of several runs. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/mem.h"
#include "format/json.h"
#include "record/refdata.h"

#define ROWS        400000u
#define BATCH_ROWS  4096u
#define PIECE_BYTES ((size_t)1 << 20)
#define RUNS        9

static mr_error err;

static void need(mr_code rc)
{
    if (rc == MR_OK) return;
    fprintf(stderr, "json_bench: %s\n", err.text);
    exit(1);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

/* One row of CSV as a JSON object; cells are typed as the set says. */
static void append_object(const mr_refdata_set *set, mr_slice row, mr_buffer *out)
{
    for (uint32_t i = 0; i < set->column_count; i++) {
        const char *comma = memchr(row.ptr, ',', row.len);
        const size_t len = comma != NULL ? (size_t)(comma - row.ptr) : row.len;
        const mr_type type = set->columns[i].type;
        const char *quote = mr_type_is_number(type) || type == MR_TYPE_BOOL ? "" : "\"";
        need(mr_buffer_printf(out, &err, "%c\"%s\":%s%.*s%s", i == 0 ? '{' : ',',
                              set->columns[i].name, quote, (int)len, row.ptr, quote));
        row = mr_slice_from(row, comma != NULL ? len + 1 : len);
    }
    need(mr_buffer_append(out, MR_SLICE("}\n"), &err));
}

static void make_lines(const char *name, mr_buffer *out)
{
    mr_refdata data;
    mr_buffer rows;
    uint32_t count;
    mr_buffer_init(&rows, "rows", (size_t)1 << 30);
    need(mr_refdata_init(&data, mr_slice_text(name), ROWS, &err));
    for (;;) {
        mr_buffer_reset(&rows);
        need(mr_refdata_next(&data, 1024, &rows, &count, &err));
        if (count == 0) break;
        for (mr_slice left = mr_buffer_slice(&rows); left.len > 0;) {
            const size_t len = (size_t)((const char *)memchr(left.ptr, '\n', left.len) - left.ptr);
            append_object(data.set, (mr_slice){left.ptr, len}, out);
            left = mr_slice_from(left, len + 1);
        }
    }
    mr_buffer_done(&rows);
    need(mr_buffer_reserve(out, MR_TEXT_PADDING, &err));
}

typedef struct times {
    double read, write;
} times;

/* Reads and writes all lines once. */
static times run(mr_json_reader *reader, mr_json_writer *writer, mr_batch *batch, mr_slice text,
                 mr_buffer *out)
{
    times t = {0};
    mr_reject_list rejects;
    mr_json_state state = {0};
    mr_reject_list_init(&rejects);
    for (size_t at = 0; at < text.len;) {
        const size_t left = text.len - at;
        const mr_slice piece = {text.ptr + at, left < PIECE_BYTES ? left : PIECE_BYTES};
        mr_text_result result;
        const double start = now();
        mr_batch_reset(batch);
        need(
            mr_json_read(reader, &state, piece, piece.len == left, batch, &rejects, &result, &err));
        const double middle = now();
        mr_buffer_reset(out);
        need(mr_json_write(writer, batch, out, &rejects, &err));
        t.write += now() - middle;
        t.read += middle - start;
        if (out->len != result.consumed || memcmp(out->ptr, piece.ptr, out->len) != 0) {
            fprintf(stderr, "json_bench: what was written differs from what was read\n");
            exit(1);
        }
        at += result.consumed;
    }
    mr_reject_list_done(&rejects);
    return t;
}

/* The same records laid out for people, as one array. */
static void make_pretty(mr_json_reader *reader, mr_batch *batch, mr_slice text, mr_buffer *out)
{
    mr_json_writer *writer;
    mr_reject_list rejects;
    mr_json_state state = {0};
    mr_text_result result;
    bool any = false;
    mr_reject_list_init(&rejects);
    need(mr_json_writer_open(&(mr_json_write_options){.format = MR_JSON_ARRAY, .pretty = true},
                             &writer, &err));
    for (size_t at = 0; at < text.len; at += result.consumed) {
        mr_batch_reset(batch);
        need(mr_json_read(reader, &state, mr_slice_from(text, at), true, batch, &rejects, &result,
                          &err));
        need(any ? mr_json_array_separator(out, &err) : mr_json_array_open(out, &err));
        need(mr_json_write(writer, batch, out, &rejects, &err));
        any = true;
    }
    need(mr_json_array_close(out, any, &err));
    need(mr_buffer_reserve(out, MR_TEXT_PADDING, &err));
    mr_json_writer_close(writer);
}

static double read_all(mr_json_reader *reader, mr_batch *batch, mr_slice text)
{
    mr_reject_list rejects;
    mr_json_state state = {0};
    mr_text_result result;
    mr_reject_list_init(&rejects);
    const double start = now();
    for (size_t at = 0; at < text.len; at += result.consumed) {
        const size_t left = text.len - at;
        const mr_slice piece = {text.ptr + at, left < PIECE_BYTES ? left : PIECE_BYTES};
        mr_batch_reset(batch);
        need(
            mr_json_read(reader, &state, piece, piece.len == left, batch, &rejects, &result, &err));
    }
    return now() - start;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *what, double *seconds, size_t bytes)
{
    qsort(seconds, RUNS, sizeof *seconds, by_size);
    const double median = seconds[RUNS / 2];
    printf("  %-6s %6.2f M rows/s  %5.0f MB/s  %5.1f ns/row  (%.0f..%.0f MB/s)\n", what,
           ROWS / median * 1e-6, (double)bytes / median * 1e-6, median * 1e9 / ROWS,
           (double)bytes / seconds[RUNS - 1] * 1e-6, (double)bytes / seconds[0] * 1e-6);
}

static void bench_pretty(mr_json_reader *line_reader, mr_batch *batch, mr_slice lines)
{
    mr_buffer pretty;
    mr_json_reader *reader;
    double reads[RUNS];
    mr_buffer_init(&pretty, "pretty", (size_t)1 << 30);
    make_pretty(line_reader, batch, lines, &pretty);
    need(mr_json_reader_open(&(mr_json_options){.format = MR_JSON_ARRAY}, &reader, &err));
    for (int i = 0; i < RUNS; i++)
        reads[i] = read_all(reader, batch, mr_buffer_slice(&pretty));
    print("pretty", reads, pretty.len);
    mr_json_reader_close(reader);
    mr_buffer_done(&pretty);
}

static void bench(const char *name)
{
    mr_buffer lines, out;
    mr_json_reader *reader;
    mr_json_writer *writer;
    mr_batch batch;
    double reads[RUNS], writes[RUNS];
    mr_buffer_init(&lines, "lines", (size_t)1 << 30);
    mr_buffer_init(&out, "out", (size_t)1 << 30);
    make_lines(name, &lines);
    need(mr_json_reader_open(&(mr_json_options){.format = MR_JSON_LINES}, &reader, &err));
    need(mr_json_writer_open(&(mr_json_write_options){.format = MR_JSON_LINES}, &writer, &err));
    mr_batch_init(&batch, BATCH_ROWS);
    run(reader, writer, &batch, mr_buffer_slice(&lines), &out);
    const mr_mem_mark warm = mr_mem_mark_now();
    for (int i = 0; i < RUNS; i++) {
        const times t = run(reader, writer, &batch, mr_buffer_slice(&lines), &out);
        reads[i] = t.read;
        writes[i] = t.write;
    }
    printf("%s: %u rows, %.1f bytes each, %llu allocations once warm\n", name, ROWS,
           (double)lines.len / ROWS, (unsigned long long)mr_mem_allocs_since(warm));
    print("read", reads, lines.len);
    print("write", writes, lines.len);
    bench_pretty(reader, &batch, mr_buffer_slice(&lines));
    mr_json_reader_close(reader);
    mr_json_writer_close(writer);
    mr_batch_done(&batch);
    mr_buffer_done(&lines);
    mr_buffer_done(&out);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        for (int i = 1; i < argc; i++)
            bench(argv[i]);
        return 0;
    }
    for (const mr_refdata_set *set = mr_refdata_sets; set->name != NULL; set++)
        bench(set->name);
    return 0;
}
