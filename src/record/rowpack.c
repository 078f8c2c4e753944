/* SPDX-License-Identifier: MIT */
#include "record/rowpack.h"

#include "core/mem.h"
#include "record/column.h"
#include "record/numtext.h"

#define OFFSET_BITS   14u /* of MR_ROWPACK_BLOCK_BYTES */
#define OFFSET_MASK   (MR_ROWPACK_BLOCK_BYTES - 1)
#define LONG_ROW      (MR_ROWPACK_BLOCK_BYTES / 4)
#define ROW_MAX_BYTES ((size_t)2 << 30)
#define NUMBER_LIMIT  (UINT64_C(1) << 62) /* numbers share a varint with two bits of form */
#define ZULU_LAYOUT   ((mr_time_layout)'T' | 1u << 12)

enum { HAS_NULLS = 1, HAS_ABSENTS = 2, HAS_TAGS = 4, FLAG_BITS = 3 };
enum { FORM_TEXT, FORM_INT, FORM_DECIMAL, FORM_TIMESTAMP, FORM_BITS = 2 };

static_assert(MR_ROWPACK_BLOCK_BYTES == 1u << OFFSET_BITS, "offsets must fit");

void mr_rowpack_init(mr_rowpack *pack)
{
    memset(pack, 0, sizeof *pack);
    mr_buffer_init(&pack->row, "a packed record", ROW_MAX_BYTES);
}

/* --- memory --- */

static void *take_spare(void **list)
{
    void *memory = *list;
    if (memory != NULL) memcpy(list, memory, sizeof *list);
    return memory;
}

static void give_spare(void **list, void *memory)
{
    memcpy(memory, list, sizeof *list);
    *list = memory;
}

static void *take_memory(mr_rowpack *pack, void **list, size_t size_bytes, mr_error *err)
{
    void *memory = list != NULL ? take_spare(list) : NULL;
    if (memory != NULL) return memory;
    memory = mr_mem_alloc(size_bytes);
    if (memory == NULL)
        mr_fail(err, MR_ERR_NOMEM, "no memory left for buffered records");
    else
        pack->block_bytes += mr_mem_usable(memory);
    return memory;
}

static void free_memory(mr_rowpack *pack, void *memory)
{
    pack->block_bytes -= mr_mem_usable(memory);
    mr_mem_free(memory);
}

static void release_block(mr_rowpack *pack, mr_rowpack_block *block)
{
    if (block->bytes == NULL) return;
    if (block->size_bytes == MR_ROWPACK_BLOCK_BYTES)
        give_spare(&pack->spare_blocks, block->bytes);
    else
        free_memory(pack, block->bytes);
    block->bytes = NULL;
}

static mr_rowpack_block *block_at(const mr_rowpack *pack, uint64_t number)
{
    return &pack->blocks.items[number - pack->blocks.first];
}

static mr_rowpack_page *page_of(const mr_rowpack *pack, uint64_t row)
{
    return pack->pages.items[row / MR_ROWPACK_PAGE_ROWS - pack->pages.first];
}

/* Without rows nothing but the numbering need stay. */
static void release_all(mr_rowpack *pack)
{
    for (uint32_t i = 0; i < pack->blocks.count; i++)
        release_block(pack, &pack->blocks.items[i]);
    for (uint32_t i = 0; i < pack->pages.count; i++)
        give_spare(&pack->spare_pages, pack->pages.items[i]);
    pack->blocks.first += pack->blocks.count;
    pack->blocks.count = pack->pages.count = 0;
    pack->has_open = false;
}

void mr_rowpack_trim(mr_rowpack *pack)
{
    void *memory;
    const bool is_empty = pack->first_row == pack->end_row;
    if (is_empty) release_all(pack);
    while ((memory = take_spare(&pack->spare_blocks)) != NULL)
        free_memory(pack, memory);
    while ((memory = take_spare(&pack->spare_pages)) != NULL)
        free_memory(pack, memory);
    if (!is_empty) return;
    mr_mem_free(pack->blocks.items);
    mr_mem_free(pack->pages.items);
    pack->blocks = (mr_rowpack_blocks){.first = pack->blocks.first};
    pack->pages = (mr_rowpack_pages){.first = pack->pages.first};
    mr_buffer_done(&pack->row);
}

void mr_rowpack_reset(mr_rowpack *pack)
{
    release_all(pack);
    pack->blocks.first = pack->pages.first = 0;
    pack->first_row = pack->end_row = 0;
    pack->used_bytes = 0;
    pack->types_count = 0;
}

void mr_rowpack_done(mr_rowpack *pack)
{
    mr_rowpack_reset(pack);
    mr_rowpack_trim(pack);
    mr_mem_free(pack->types);
    mr_buffer_done(&pack->row);
    memset(pack, 0, sizeof *pack);
}

size_t mr_rowpack_held_bytes(const mr_rowpack *pack)
{
    return pack->block_bytes + mr_mem_usable(pack->blocks.items) +
           mr_mem_usable(pack->pages.items) + mr_mem_usable(pack->types) +
           mr_mem_usable(pack->row.ptr);
}

static mr_code grow(void *array_pointer, uint32_t *cap, size_t item_bytes, mr_error *err)
{
    void **array = array_pointer;
    const uint32_t wanted = *cap < 16 ? 16 : *cap * 2;
    void *grown = mr_mem_realloc(*array, wanted * item_bytes);
    if (grown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for buffered records");
    *array = grown;
    *cap = wanted;
    return MR_OK;
}

/* Adds a block of `size_bytes` at the end and returns its number. */
static mr_code add_block(mr_rowpack *pack, uint32_t size_bytes, uint64_t *out, mr_error *err)
{
    mr_rowpack_blocks *blocks = &pack->blocks;
    if (blocks->count == blocks->cap) {
        uint32_t gone = 0;
        while (gone < blocks->count && blocks->items[gone].bytes == NULL)
            gone++;
        if (gone * 2 > blocks->count || (gone > 0 && blocks->count >= 16)) {
            blocks->count -= gone;
            blocks->first += gone;
            memmove(blocks->items, blocks->items + gone, blocks->count * sizeof *blocks->items);
        }
        if (blocks->count == blocks->cap)
            MR_TRY(grow(&blocks->items, &blocks->cap, sizeof *blocks->items, err));
    }
    void **spares = size_bytes == MR_ROWPACK_BLOCK_BYTES ? &pack->spare_blocks : NULL;
    uint8_t *bytes = take_memory(pack, spares, size_bytes, err);
    if (bytes == NULL) return MR_ERR_NOMEM;
    *out = blocks->first + blocks->count;
    blocks->items[blocks->count++] = (mr_rowpack_block){bytes, size_bytes, 0};
    return MR_OK;
}

/* The page of the next row. */
static mr_code need_page(mr_rowpack *pack, mr_error *err)
{
    mr_rowpack_pages *pages = &pack->pages;
    if (pack->end_row / MR_ROWPACK_PAGE_ROWS < pages->first + pages->count) return MR_OK;
    if (pages->count == pages->cap)
        MR_TRY(grow(&pages->items, &pages->cap, sizeof *pages->items, err));
    mr_rowpack_page *page = take_memory(pack, &pack->spare_pages, sizeof *page, err);
    if (page == NULL) return MR_ERR_NOMEM;
    if (pages->count == 0) pages->first = pack->end_row / MR_ROWPACK_PAGE_ROWS;
    page->base_block = pack->has_open ? pack->open_block : pack->blocks.first + pack->blocks.count;
    pages->items[pages->count++] = page;
    return MR_OK;
}

/* --- packing --- */

MR_INLINE uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

MR_INLINE int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

MR_INLINE uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

MR_INLINE const uint8_t *get_varint(const uint8_t *from, uint64_t *out)
{
    uint64_t value = *from & 0x7f;
    for (unsigned shift = 7; *from++ & 0x80; shift += 7)
        value |= (uint64_t)(*from & 0x7f) << shift;
    *out = value;
    return from;
}

/* One value in its smallest form. */
MR_INLINE uint8_t *put_value(uint8_t *to, mr_slice text, mr_type type)
{
    int64_t value;
    bool padded;
    unsigned scale;
    mr_day_cache cache = {0};
    if (type == MR_TYPE_INT) {
        if (mr_parse_int(text, &value, &padded) && !padded && zigzag(value) < NUMBER_LIMIT)
            return put_varint(to, zigzag(value) << FORM_BITS | FORM_INT);
    } else if (type == MR_TYPE_DECIMAL) {
        if (mr_numtext_decimal(text, &value, &scale)) {
            to = put_varint(to, zigzag(value) << FORM_BITS | FORM_DECIMAL);
            *to++ = (uint8_t)scale;
            return to;
        }
    } else if (type == MR_TYPE_TIMESTAMP) {
        if (text.len == 20 && mr_parse_timestamp(text, ZULU_LAYOUT, &cache, &value))
            return put_varint(to, zigzag(value) << FORM_BITS | FORM_TIMESTAMP);
    }
    to = put_varint(to, (uint64_t)text.len << FORM_BITS | FORM_TEXT);
    memcpy(to, text.ptr, text.len);
    return to + text.len;
}

MR_INLINE bool source_is_null(const mr_column *source, uint32_t row)
{
    return source == NULL || mr_column_is_null(source, row);
}

/* Which parts a row has, and a bound of its size. */
static unsigned survey_row(mr_rowpack *pack, const mr_column *const *sources, uint32_t column_count,
                           uint32_t row, size_t *out_bound)
{
    unsigned flags = 0;
    size_t bound = 16 + 2 * ((size_t)column_count / 8 + 1);
    for (uint32_t i = 0; i < column_count; i++) {
        bound += 12;
        if (source_is_null(sources[i], row)) {
            flags |= HAS_NULLS;
            if (sources[i] == NULL || mr_column_is_absent(sources[i], row)) flags |= HAS_ABSENTS;
            continue;
        }
        bound += mr_column_text(sources[i], row).len;
        const mr_type type = mr_column_type(sources[i], row);
        if (pack->types[i] == MR_TYPE_NULL) pack->types[i] = (uint8_t)type;
        if (pack->types[i] != type) flags |= HAS_TAGS;
    }
    *out_bound = bound;
    return flags;
}

static uint8_t *put_states(uint8_t *to, const mr_column *const *sources, uint32_t column_count,
                           uint32_t row, unsigned flags)
{
    const size_t bytes = (column_count + 7) / 8;
    uint8_t *valid = to, *present = flags & HAS_NULLS ? to + bytes : to;
    uint8_t *end = flags & HAS_ABSENTS ? present + bytes : present;
    memset(to, 0, (size_t)(end - to));
    for (uint32_t i = 0; i < column_count; i++) {
        const unsigned bit = 1u << i % 8;
        if (flags & HAS_NULLS && !source_is_null(sources[i], row)) valid[i / 8] |= (uint8_t)bit;
        if (flags & HAS_ABSENTS && sources[i] != NULL && !mr_column_is_absent(sources[i], row))
            present[i / 8] |= (uint8_t)bit;
    }
    return end;
}

/* Packs one row into pack->row. */
static mr_code pack_row(mr_rowpack *pack, const mr_column *const *sources, uint32_t column_count,
                        uint32_t row, mr_error *err)
{
    size_t bound;
    const unsigned flags = survey_row(pack, sources, column_count, row, &bound);
    mr_buffer_reset(&pack->row);
    MR_TRY(mr_buffer_reserve(&pack->row, bound, err));
    uint8_t *const start = (uint8_t *)pack->row.ptr;
    uint8_t *to = put_varint(start, (uint64_t)column_count << FLAG_BITS | flags);
    if (flags & HAS_NULLS) to = put_states(to, sources, column_count, row, flags);
    if (flags & HAS_TAGS)
        for (uint32_t i = 0; i < column_count; i++)
            *to++ = (uint8_t)(source_is_null(sources[i], row) ? MR_TYPE_NULL
                                                              : mr_column_type(sources[i], row));
    for (uint32_t i = 0; i < column_count; i++)
        if (!source_is_null(sources[i], row))
            to = put_value(to, mr_column_text(sources[i], row), mr_column_type(sources[i], row));
    pack->row.len = (size_t)(to - start);
    return MR_OK;
}

/* Moves pack->row into a block as the last row. */
static mr_code store_row(mr_rowpack *pack, mr_error *err)
{
    const uint32_t size = (uint32_t)pack->row.len;
    uint64_t number = pack->open_block;
    uint32_t at = pack->open_used;
    MR_TRY(need_page(pack, err));
    if (size > LONG_ROW) {
        MR_TRY(add_block(pack, size, &number, err));
        at = 0;
    } else if (!pack->has_open || at + size > MR_ROWPACK_BLOCK_BYTES) {
        MR_TRY(add_block(pack, MR_ROWPACK_BLOCK_BYTES, &number, err));
        if (pack->has_open && block_at(pack, pack->open_block)->live_rows == 0)
            release_block(pack, block_at(pack, pack->open_block));
        pack->open_block = number;
        pack->has_open = true;
        at = 0;
    }
    if (size <= LONG_ROW) pack->open_used = at + size;
    mr_rowpack_block *block = block_at(pack, number);
    memcpy(block->bytes + at, pack->row.ptr, size);
    block->live_rows++;
    mr_rowpack_page *page = page_of(pack, pack->end_row);
    page->entries[pack->end_row % MR_ROWPACK_PAGE_ROWS] =
        (uint32_t)(number - page->base_block) << OFFSET_BITS | at;
    pack->end_row++;
    pack->used_bytes += size;
    return MR_OK;
}

static mr_code need_types(mr_rowpack *pack, uint32_t column_count, mr_error *err)
{
    while (pack->types_cap < column_count)
        MR_TRY(grow(&pack->types, &pack->types_cap, 1, err));
    if (pack->types_count < column_count) {
        memset(pack->types + pack->types_count, MR_TYPE_NULL, column_count - pack->types_count);
        pack->types_count = column_count;
    }
    return MR_OK;
}

mr_code mr_rowpack_append(mr_rowpack *pack, const mr_column *const *sources, uint32_t column_count,
                          uint32_t first, uint32_t count, mr_error *err)
{
    MR_TRY(need_types(pack, column_count, err));
    for (uint32_t row = first; row < first + count; row++) {
        MR_TRY(pack_row(pack, sources, column_count, row, err));
        MR_TRY(store_row(pack, err));
    }
    return MR_OK;
}

/* --- reading --- */

/* A row taken apart, up to its values. */
typedef struct row_view {
    uint32_t column_count;
    unsigned flags;
    const uint8_t *valid, *present, *tags;
    const uint8_t *values;
} row_view;

static row_view view_row(const mr_rowpack *pack, uint64_t row)
{
    const mr_rowpack_page *page = page_of(pack, row);
    const uint32_t entry = page->entries[row % MR_ROWPACK_PAGE_ROWS];
    const mr_rowpack_block *block = block_at(pack, page->base_block + (entry >> OFFSET_BITS));
    uint64_t head;
    const uint8_t *at = get_varint(block->bytes + (entry & OFFSET_MASK), &head);
    row_view view = {.column_count = (uint32_t)(head >> FLAG_BITS),
                     .flags = (unsigned)(head & ((1u << FLAG_BITS) - 1))};
    const size_t bytes = (view.column_count + 7) / 8;
    if (view.flags & HAS_NULLS) {
        view.valid = at;
        at += bytes;
    }
    if (view.flags & HAS_ABSENTS) {
        view.present = at;
        at += bytes;
    }
    if (view.flags & HAS_TAGS) {
        view.tags = at;
        at += view.column_count;
    }
    view.values = at;
    return view;
}

MR_INLINE mr_cell_state state_of(const row_view *view, uint32_t column)
{
    if (column >= view->column_count) return MR_CELL_ABSENT;
    if (view->valid == NULL || (view->valid[column / 8] >> column % 8 & 1)) return MR_CELL_VALUE;
    const bool is_present = view->present == NULL || (view->present[column / 8] >> column % 8 & 1);
    return is_present ? MR_CELL_NULL : MR_CELL_ABSENT;
}

/* The bytes after a value. */
static const uint8_t *skip_value(const uint8_t *at)
{
    uint64_t head;
    at = get_varint(at, &head);
    const unsigned form = head & ((1u << FORM_BITS) - 1);
    if (form == FORM_TEXT) return at + (head >> FORM_BITS);
    return at + (form == FORM_DECIMAL);
}

/* Writes the value at `at` as text at `to`, which has the room, and moves both on. Not for texts.
 */
static char *write_value(char *to, const uint8_t **at, uint64_t head, mr_day_cache *cache)
{
    const int64_t value = unzigzag(head >> FORM_BITS);
    switch (head & ((1u << FORM_BITS) - 1)) {
    case FORM_INT: return mr_write_int(to, value, 1);
    case FORM_DECIMAL: return mr_write_decimal(to, value, *(*at)++);
    default: return mr_write_timestamp(to, value, ZULU_LAYOUT, cache);
    }
}

/* Appends the value at `at` to a column's data. */
static mr_code read_value(const uint8_t **at, mr_buffer *data, mr_day_cache *cache, mr_error *err)
{
    uint64_t head;
    const uint8_t *from = get_varint(*at, &head);
    if ((head & ((1u << FORM_BITS) - 1)) == FORM_TEXT) {
        const size_t len = (size_t)(head >> FORM_BITS);
        *at = from + len;
        return mr_buffer_append(data, (mr_slice){(const char *)from, len}, err);
    }
    MR_TRY(mr_buffer_reserve(data, MR_NUMTEXT_MAX, err));
    data->len = (size_t)(write_value(data->ptr + data->len, &from, head, cache) - data->ptr);
    *at = from;
    return MR_OK;
}

static mr_code read_cell(const mr_rowpack *pack, const row_view *view, uint32_t number,
                         const uint8_t **at, mr_column *column, uint32_t row, mr_day_cache *cache,
                         mr_error *err)
{
    const mr_cell_state state = state_of(view, number);
    if (state == MR_CELL_ABSENT) return mr_column_append_absents(column, row, 1, err);
    if (state == MR_CELL_NULL) {
        MR_TRY(mr_column_extend_type(column, row, 1, MR_TYPE_NULL, false, err));
        mr_column_append_null(column, row);
        return MR_OK;
    }
    const mr_type type = (mr_type)(view->tags != NULL ? view->tags[number] : pack->types[number]);
    if (column->type != type) MR_TRY(mr_column_extend_type(column, row, 1, type, true, err));
    MR_TRY(read_value(at, &column->data, cache, err));
    column->offsets[row + 1] = (uint32_t)column->data.len;
    if (column->null_count > 0) mr_column_mark_value(column, row);
    return MR_OK;
}

mr_code mr_rowpack_read(const mr_rowpack *pack, uint64_t first, uint32_t count, mr_column *columns,
                        uint32_t column_count, uint32_t row, mr_error *err)
{
    mr_day_cache cache = {0};
    MR_DCHECK(first >= pack->first_row && first + count <= pack->end_row);
    for (uint32_t i = 0; i < count; i++) {
        const row_view view = view_row(pack, first + i);
        const uint8_t *at = view.values;
        for (uint32_t column = 0; column < column_count; column++)
            MR_TRY(read_cell(pack, &view, column, &at, &columns[column], row + i, &cache, err));
    }
    return MR_OK;
}

mr_code mr_rowpack_get(const mr_rowpack *pack, uint64_t row, uint32_t column, mr_buffer *scratch,
                       mr_cell *out, mr_error *err)
{
    mr_day_cache cache = {0};
    const row_view view = view_row(pack, row);
    *out = (mr_cell){state_of(&view, column), MR_TYPE_NULL, {NULL, 0}};
    if (out->state != MR_CELL_VALUE) return MR_OK;
    out->type = (mr_type)(view.tags != NULL ? view.tags[column] : pack->types[column]);
    const uint8_t *at = view.values;
    for (uint32_t i = 0; i < column; i++)
        if (state_of(&view, i) == MR_CELL_VALUE) at = skip_value(at);
    uint64_t head;
    const uint8_t *from = get_varint(at, &head);
    if ((head & ((1u << FORM_BITS) - 1)) == FORM_TEXT) {
        out->text = (mr_slice){(const char *)from, (size_t)(head >> FORM_BITS)};
        return MR_OK;
    }
    mr_buffer_reset(scratch);
    MR_TRY(mr_buffer_reserve(scratch, MR_NUMTEXT_MAX, err));
    scratch->len = (size_t)(write_value(scratch->ptr, &from, head, &cache) - scratch->ptr);
    out->text = mr_buffer_slice(scratch);
    return MR_OK;
}

/* --- dropping --- */

static uint32_t row_bytes(const mr_rowpack *pack, uint64_t row)
{
    const row_view view = view_row(pack, row);
    const mr_rowpack_page *page = page_of(pack, row);
    const uint32_t entry = page->entries[row % MR_ROWPACK_PAGE_ROWS];
    const uint8_t *start =
        block_at(pack, page->base_block + (entry >> OFFSET_BITS))->bytes + (entry & OFFSET_MASK);
    const uint8_t *at = view.values;
    for (uint32_t i = 0; i < view.column_count; i++)
        if (state_of(&view, i) == MR_CELL_VALUE) at = skip_value(at);
    return (uint32_t)(at - start);
}

void mr_rowpack_drop_before(mr_rowpack *pack, uint64_t row)
{
    MR_DCHECK(row <= pack->end_row);
    for (; pack->first_row < row; pack->first_row++) {
        const mr_rowpack_page *page = page_of(pack, pack->first_row);
        const uint32_t entry = page->entries[pack->first_row % MR_ROWPACK_PAGE_ROWS];
        const uint64_t number = page->base_block + (entry >> OFFSET_BITS);
        mr_rowpack_block *block = block_at(pack, number);
        pack->used_bytes -= row_bytes(pack, pack->first_row);
        if (--block->live_rows == 0) {
            if (pack->has_open && number == pack->open_block)
                pack->open_used = 0; /* empty again */
            else
                release_block(pack, block);
        }
    }
    mr_rowpack_pages *pages = &pack->pages;
    uint32_t gone = 0;
    while (gone < pages->count &&
           (pages->first + gone + 1) * MR_ROWPACK_PAGE_ROWS <= pack->first_row)
        give_spare(&pack->spare_pages, pages->items[gone++]);
    if (gone == 0) return;
    pages->first += gone;
    pages->count -= gone;
    memmove(pages->items, pages->items + gone, pages->count * sizeof(mr_rowpack_page *));
}
