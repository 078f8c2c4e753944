/* SPDX-License-Identifier: MIT */
#include "record/places.h"

#include "core/mem.h"

#define NAMES_CAP_BYTES ((size_t)1 << 30) /* counted with the store, which drains before */
#define RUN_SPAN        ((uint64_t)1 << 31) /* row_record has 31 bits for those who count dropped rows */

struct mr_places_block {
    mr_places_block *next;
    uint32_t used;
    uint8_t bytes[MR_PLACES_BLOCK_BYTES - 16];
};

typedef struct places_run {
    mr_slice source;
    mr_place_of_row first;
    uint64_t rows;
} places_run;

void mr_places_init(mr_places *places)
{
    *places = (mr_places){.in = {.gap = 1}, .out = {.gap = 1}};
    mr_buffer_init(&places->runs, "files of held records", MR_PLACES_MAX_RUNS * sizeof(places_run));
    mr_arena_init(&places->names, "store.files", NAMES_CAP_BYTES);
}

static void free_blocks(mr_places_block *block)
{
    while (block != NULL) {
        mr_places_block *next = block->next;
        mr_mem_free(block);
        block = next;
    }
}

void mr_places_done(mr_places *places)
{
    free_blocks(places->oldest);
    free_blocks(places->spare);
    mr_buffer_done(&places->runs);
    mr_arena_done(&places->names);
    *places = (mr_places){0};
}

uint64_t mr_places_bytes(const mr_places *places)
{
    return places->block_bytes + mr_mem_usable(places->runs.ptr) +
           atomic_load_explicit(&places->names.held_bytes, memory_order_relaxed);
}

/* --- numbers --- */

static uint64_t zigzag(uint64_t difference)
{
    return difference << 1 ^ (uint64_t)((int64_t)difference >> 63);
}

static uint64_t unzigzag(uint64_t number)
{
    return number >> 1 ^ (0 - (number & 1));
}

static uint8_t *put_varint(uint8_t *to, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *to++ = (uint8_t)(number | 0x80);
    *to++ = (uint8_t)number;
    return to;
}

static const uint8_t *take_varint(const uint8_t *at, uint64_t *out)
{
    unsigned shift = 0;
    for (*out = 0; *at >= 0x80; shift += 7)
        *out |= (uint64_t)(*at++ & 0x7f) << shift;
    *out |= (uint64_t)*at++ << shift;
    return at;
}

/* --- what follows what --- */

/* The place of the next row if it is the record behind the last one. */
static mr_place_of_row expected(const mr_places_end *end)
{
    const mr_place_of_row *last = &end->last;
    const bool text = last->line > 0;
    return (mr_place_of_row){.record = last->record + 1,
                             .line = text ? last->line + 1 : 0,
                             .byte_offset =
                                 text ? last->byte_offset + last->byte_length + end->gap : 0,
                             .byte_length = last->byte_length};
}

/* Goes on behind `row`; an odd one shows how wide the file's row ends are. */
static void advance(mr_places_end *end, const mr_place_of_row *row)
{
    const uint64_t last_end = end->last.byte_offset + end->last.byte_length;
    const bool follows = row->record == end->last.record + 1 && row->byte_offset > last_end;
    if (follows && row->byte_offset - last_end <= 2) end->gap = row->byte_offset - last_end;
    end->last = *row;
}

/* --- adding --- */

static mr_code add_block(mr_places *places, mr_error *err)
{
    mr_places_block *block = places->spare;
    if (block != NULL) {
        places->spare = block->next;
        places->spare_count--;
    } else {
        block = mr_mem_alloc(sizeof *block);
        if (block == NULL)
            return mr_fail(err, MR_ERR_NOMEM, "no memory left for places of records");
        places->block_bytes += mr_mem_usable(block);
    }
    block->next = NULL;
    block->used = 0;
    if (places->newest != NULL)
        places->newest->next = block;
    else
        places->oldest = block;
    places->newest = block;
    return MR_OK;
}

static bool within(uint64_t value, uint64_t first)
{
    return value >= first && value - first < RUN_SPAN;
}

static bool belongs(const places_run *run, mr_slice source, const mr_place_of_row *row)
{
    return run->source.ptr == source.ptr && (run->first.line > 0) == (row->line > 0) &&
           within(row->record, run->first.record) && within(row->line, run->first.line) &&
           within(row->byte_offset, run->first.byte_offset);
}

/* Counts the row to its run, the newest or one that it begins. */
static mr_code count_row(mr_places *places, const mr_place_of_row *row, mr_error *err)
{
    mr_buffer *runs = &places->runs;
    if (runs->len > places->run_done) {
        places_run *newest = (places_run *)(void *)(runs->ptr + runs->len) - 1;
        if (belongs(newest, places->source, row)) {
            newest->rows++;
            return MR_OK;
        }
    }
    if (places->run_done > 0 && places->run_done >= runs->len / 2) {
        runs->len -= places->run_done;
        memmove(runs->ptr, runs->ptr + places->run_done, runs->len);
        places->run_done = 0;
    }
    const places_run run = {.source = places->source, .first = *row, .rows = 1};
    return mr_buffer_append(runs, (mr_slice){(const char *)&run, sizeof run}, err);
}

mr_code mr_places_enter(mr_places *places, mr_slice source, mr_error *err)
{
    if (places->rows == 0 && places->known_count > 0) {
        mr_arena_reset(&places->names);
        places->known_count = 0;
    }
    for (uint32_t i = 0; i < MR_PLACES_NAMES && i < places->known_count; i++) {
        places->source = places->known[i];
        if (mr_slice_equal(places->source, source)) return MR_OK;
    }
    const char *name = mr_arena_copy(&places->names, source);
    if (name == NULL) return mr_arena_fail(&places->names, err);
    places->source = (mr_slice){name, source.len};
    places->known[places->known_count++ % MR_PLACES_NAMES] = places->source;
    return MR_OK;
}

mr_code mr_places_add(mr_places *places, const mr_place_of_row *row, mr_error *err)
{
    const mr_place_of_row wanted = expected(&places->in);
    mr_places_block *block = places->newest;
    if (block == NULL || block->used + MR_PLACES_ROW_BYTES > sizeof block->bytes) {
        MR_TRY(add_block(places, err));
        block = places->newest;
    }
    MR_TRY(count_row(places, row, err));
    const bool odd = row->record != wanted.record || row->line != wanted.line ||
                     row->byte_offset != wanted.byte_offset;
    uint8_t *to = put_varint(block->bytes + block->used,
                             zigzag(row->byte_length - wanted.byte_length) << 1 | odd);
    if (odd) {
        to = put_varint(to, zigzag(row->record - wanted.record));
        to = put_varint(to, zigzag(row->line - wanted.line));
        to = put_varint(to, zigzag(row->byte_offset - wanted.byte_offset));
    }
    block->used = (uint32_t)(to - block->bytes);
    advance(&places->in, row);
    places->rows++;
    return MR_OK;
}

/* --- taking --- */

/* The oldest run, with its rows that are left. */
static places_run *oldest_run(const mr_places *places)
{
    return (places_run *)(void *)(places->runs.ptr + places->run_done);
}

uint64_t mr_places_run(const mr_places *places)
{
    return places->rows > 0 ? oldest_run(places)->rows : 0;
}

static void drop_oldest_block(mr_places *places)
{
    mr_places_block *block = places->oldest;
    places->oldest = block->next;
    places->taken = 0;
    if (places->spare_count < MR_PLACES_SPARES) {
        block->next = places->spare;
        places->spare = block;
        places->spare_count++;
        return;
    }
    places->block_bytes -= mr_mem_usable(block);
    mr_mem_free(block);
}

static void take_row(mr_places *places, mr_place_of_row *out)
{
    if (places->taken == places->oldest->used) drop_oldest_block(places);
    uint64_t head, record, line, offset;
    const uint8_t *at = take_varint(places->oldest->bytes + places->taken, &head);
    *out = expected(&places->out);
    out->byte_length += unzigzag(head >> 1);
    if ((head & 1) != 0) {
        at = take_varint(at, &record);
        at = take_varint(at, &line);
        at = take_varint(at, &offset);
        out->record += unzigzag(record);
        out->line += unzigzag(line);
        out->byte_offset += unzigzag(offset);
    }
    places->taken = (uint32_t)(at - places->oldest->bytes);
    advance(&places->out, out);
    places->rows--;
}

void mr_places_take(mr_places *places, mr_batch *batch)
{
    places_run *run = oldest_run(places);
    const mr_place_of_row first = run->first;
    mr_place_of_row row;
    batch->origin = (mr_origin){.source = run->source,
                                .placed = first.line > 0,
                                .record = first.record,
                                .line = first.line,
                                .byte_offset = first.byte_offset};
    for (uint32_t i = 0; i < batch->row_count; i++) {
        take_row(places, &row);
        batch->row_record[i] = (uint32_t)(row.record - first.record);
        batch->row_line[i] = (uint32_t)(row.line - first.line);
        batch->row_offset[i] = (uint32_t)(row.byte_offset - first.byte_offset);
        batch->row_length[i] = (uint32_t)row.byte_length;
    }
    run->rows -= batch->row_count;
    if (run->rows == 0) places->run_done += sizeof *run;
}
