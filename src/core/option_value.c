/* SPDX-License-Identifier: MIT */
#include "core/option_internal.h"

#include <strings.h>

#include "core/nearest.h"
#include "core/number.h"

#define MAX_SHOWN_BYTES 80 /* of a wrong value in an error */

size_t option_field_size(const mr_option *option)
{
    switch (option->type) {
    case MR_OPTION_BOOL: return sizeof(bool);
    case MR_OPTION_U32: return sizeof(uint32_t);
    case MR_OPTION_I64:
    case MR_OPTION_DURATION_NS: return sizeof(int64_t);
    case MR_OPTION_U64:
    case MR_OPTION_SIZE_BYTES: return sizeof(uint64_t);
    case MR_OPTION_F64: return sizeof(double);
    case MR_OPTION_TEXT: return sizeof(const char *);
    case MR_OPTION_CHAR: return sizeof(char);
    case MR_OPTION_ENUM: return sizeof(int);
    case MR_OPTION_LIST: return sizeof(mr_option_list);
    case MR_OPTION_MAP: return sizeof(mr_option_map);
    case MR_OPTION_PARSED: return option->size;
    }
    return 0;
}

static mr_code wrong_value(const mr_option *option, mr_slice text, mr_error *err)
{
    char expects[256];
    mr_option_expects(option, expects, sizeof expects);
    if ((option->flags & MR_OPTION_SECRET) != 0)
        return mr_fail(err, MR_ERR_USAGE, "expected %s; the value given is not shown", expects);
    const mr_slice shown = {text.ptr, text.len < MAX_SHOWN_BYTES ? text.len : MAX_SHOWN_BYTES};
    mr_nearest near = mr_nearest_to(text);
    for (const mr_option_choice *c = option->choices; c != NULL && c->name != NULL; c++)
        mr_nearest_offer(&near, c->name);
    if (mr_nearest_best(&near) != NULL)
        return mr_fail(err, MR_ERR_USAGE, "expected %s, found '%.*s'; did you mean '%s'?", expects,
                       MR_SLICE_ARGS(shown), mr_nearest_best(&near));
    return mr_fail(err, MR_ERR_USAGE, "expected %s, found '%.*s%s'", expects, MR_SLICE_ARGS(shown),
                   shown.len < text.len ? "..." : "");
}

static bool parse_bool(mr_slice text, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"false", false}, {"yes", true}, {"no", false},
                 {"on", true},   {"off", false},   {"1", true},   {"0", false}};
    for (size_t i = 0; i < MR_COUNT_OF(words); i++) {
        if (strlen(words[i].word) != text.len) continue;
        if (strncasecmp(words[i].word, text.ptr, text.len) != 0) continue;
        *out = words[i].value;
        return true;
    }
    return false;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

static bool parse_char(mr_slice text, char *out)
{
    if (text.len == 1) {
        *out = text.ptr[0];
        return true;
    }
    if (text.len == 2 && text.ptr[0] == '\\') {
        static const char letters[] = "tnr\\0", bytes[] = "\t\n\r\\\0";
        const char *at = memchr(letters, text.ptr[1], sizeof letters - 1);
        if (at == NULL) return false;
        *out = bytes[at - letters];
        return true;
    }
    if (text.len != 4 || text.ptr[0] != '\\' || text.ptr[1] != 'x') return false;
    const int high = hex_digit(text.ptr[2]), low = hex_digit(text.ptr[3]);
    if (high < 0 || low < 0) return false;
    *out = (char)(high * 16 + low);
    return true;
}

static bool parse_choice(const mr_option *option, mr_slice text, int *out)
{
    for (const mr_option_choice *c = option->choices; c != NULL && c->name != NULL; c++) {
        if (!mr_names_equal(mr_slice_text(c->name), text)) continue;
        *out = c->value;
        return true;
    }
    return false;
}

static bool has_range(const mr_option *option)
{
    return option->range.min != 0 || option->range.max != 0;
}

static bool i64_in_range(const mr_option *option, int64_t value)
{
    return !has_range(option) || (value >= option->range.min && value <= option->range.max);
}

static bool u64_in_range(const mr_option *option, uint64_t value)
{
    return !has_range(option) || (value <= INT64_MAX && i64_in_range(option, (int64_t)value));
}

static bool f64_in_range(const mr_option *option, double value)
{
    return !has_range(option) ||
           (value >= (double)option->range.min && value <= (double)option->range.max);
}

mr_code option_text_copy(mr_slice text, mr_arena *arena, const char **out, mr_error *err)
{
    if (text.len > 0 && memchr(text.ptr, 0, text.len) != NULL)
        return mr_fail(err, MR_ERR_USAGE, "the value holds a NUL byte");
    const char *copy = mr_arena_copy(arena, text);
    if (copy == NULL) return mr_arena_fail(arena, err);
    *out = copy;
    return MR_OK;
}

/* The types whose text either fits or not. */
static bool parse_plain(const mr_option *option, mr_slice text, option_value *out)
{
    switch (option->type) {
    case MR_OPTION_BOOL: return parse_bool(text, &out->yes);
    case MR_OPTION_I64: return mr_parse_i64(text, &out->i64) && i64_in_range(option, out->i64);
    case MR_OPTION_U64: return mr_parse_u64(text, &out->u64) && u64_in_range(option, out->u64);
    case MR_OPTION_F64: return mr_parse_f64(text, &out->f64) && f64_in_range(option, out->f64);
    case MR_OPTION_DURATION_NS:
        return mr_parse_duration(text, &out->i64) && i64_in_range(option, out->i64);
    case MR_OPTION_SIZE_BYTES:
        return mr_parse_size(text, &out->u64) && u64_in_range(option, out->u64);
    case MR_OPTION_ENUM: return parse_choice(option, text, &out->choice);
    case MR_OPTION_CHAR: {
        int choice = 0;
        if (!parse_choice(option, text, &choice)) return parse_char(text, &out->byte);
        out->byte = (char)choice;
        return true;
    }
    case MR_OPTION_U32: {
        uint64_t wide = 0;
        if (!mr_parse_u64(text, &wide) || wide > UINT32_MAX) return false;
        out->u32 = (uint32_t)wide;
        return u64_in_range(option, wide);
    }
    case MR_OPTION_TEXT:
    case MR_OPTION_LIST:
    case MR_OPTION_MAP:
    case MR_OPTION_PARSED: break;
    }
    return false;
}

mr_code option_value_parse(const mr_option *option, mr_slice text, mr_arena *arena,
                           option_value *out, mr_error *err)
{
    option_value value;
    memset(&value, 0, sizeof value);
    if (option->type == MR_OPTION_TEXT) {
        MR_TRY(option_text_copy(text, arena, &value.text, err));
    } else if (option->type == MR_OPTION_PARSED) {
        assert(option->size <= MR_OPTION_PARSED_BYTES);
        MR_TRY(option->parse(text, value.parsed, err));
    } else if (!parse_plain(option, text, &value)) {
        return wrong_value(option, text, err);
    }
    *out = value;
    return MR_OK;
}

/* Room for one more in an arena array of `count` of `room`: doubles; the old array stays behind in
 * the arena. */
static mr_code make_room(void **items, uint32_t count, uint32_t *room, size_t item_size,
                         mr_arena *arena, mr_error *err)
{
    if (count < *room) return MR_OK;
    if (count >= MR_OPTION_MAX_ITEMS)
        return mr_fail(err, MR_ERR_LIMIT, "more than %u items", MR_OPTION_MAX_ITEMS);
    const uint32_t wanted = *room == 0 ? 4 : *room * 2;
    void *grown = mr_arena_take(arena, wanted * item_size);
    if (grown == NULL) return mr_arena_fail(arena, err);
    if (count > 0) memcpy(grown, *items, count * item_size);
    *items = grown;
    *room = wanted;
    return MR_OK;
}

mr_code option_list_add(mr_option_list *list, mr_slice item, mr_arena *arena, mr_error *err)
{
    const char *copy = NULL;
    MR_TRY(option_text_copy(item, arena, &copy, err));
    void *items = list->items;
    MR_TRY(make_room(&items, list->count, &list->room, sizeof *list->items, arena, err));
    list->items = items;
    list->items[list->count++] = copy;
    return MR_OK;
}

mr_code option_map_add(mr_option_map *map, mr_slice key, mr_slice value, mr_arena *arena,
                       mr_error *err)
{
    for (uint32_t i = 0; i < map->count; i++)
        if (mr_slice_is(key, map->items[i].key))
            return mr_fail(err, MR_ERR_USAGE, "'%.*s' is given twice", MR_SLICE_ARGS(key));
    mr_option_pair pair = {NULL, NULL};
    MR_TRY(option_text_copy(key, arena, &pair.key, err));
    MR_TRY(option_text_copy(value, arena, &pair.value, err));
    void *items = map->items;
    MR_TRY(make_room(&items, map->count, &map->room, sizeof *map->items, arena, err));
    map->items = items;
    map->items[map->count++] = pair;
    return MR_OK;
}

/* The next comma-separated part into `part`, with \, \= and \\ undone; *at moves behind the comma.
 * `*equals` is the place in `part` of the first '=' that had no backslash, or SIZE_MAX. */
static size_t next_part(mr_slice text, size_t *at, char *part, size_t *equals)
{
    size_t used = 0;
    *equals = SIZE_MAX;
    while (*at < text.len) {
        char byte = text.ptr[(*at)++];
        if (byte == ',') return used;
        const bool escaped =
            byte == '\\' && *at < text.len && strchr(",=\\", text.ptr[*at]) != NULL;
        if (escaped) byte = text.ptr[(*at)++];
        if (byte == '=' && !escaped && *equals == SIZE_MAX) *equals = used;
        part[used++] = byte;
    }
    return used;
}

mr_code option_value_split(const mr_option *option, mr_slice text, mr_arena *arena,
                           option_value *value, mr_error *err)
{
    char *part = mr_arena_take(arena, text.len + 1);
    if (part == NULL) return mr_arena_fail(arena, err);
    for (size_t at = 0; at < text.len;) {
        size_t equals = SIZE_MAX;
        const mr_slice whole = {part, next_part(text, &at, part, &equals)};
        if (option->type == MR_OPTION_LIST) {
            if (whole.len == 0) return wrong_value(option, text, err);
            MR_TRY(option_list_add(&value->list, whole, arena, err));
        } else {
            if (equals == SIZE_MAX || equals == 0) return wrong_value(option, text, err);
            MR_TRY(option_map_add(&value->map, mr_slice_of(part, equals),
                                  mr_slice_from(whole, equals + 1), arena, err));
        }
    }
    return MR_OK;
}
