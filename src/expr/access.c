/* SPDX-License-Identifier: MIT */
#include "expr/access.h"

#include "core/utf8.h"
#include "expr/compile.h"
#include "expr/functions.h"
#include "expr/operators.h"

/* --- walking
 * ---------------------------------------------------------------------------------- */

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* Behind the string that begins at `at`; `end` when it does not close. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end) at++;
    return at < end ? at + 1 : end;
}

/* Behind the value that begins at `at`. */
static const char *skip_value(const char *at, const char *end)
{
    uint32_t depth = 0;
    while (at < end) {
        const char c = *at;
        if (c == '"') {
            at = skip_string(at, end);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
            continue;
        } else if (c == '}' || c == ']') {
            if (depth == 0) return at;
            depth--;
            at++;
        } else if (depth == 0) {
            while (at < end && *at != ',' && *at != '}' && *at != ']')
                at++;
            return at;
        } else {
            at++;
            continue;
        }
        if (depth == 0) return at;
    }
    return end;
}

/* A walk over the elements or members of a container. */
typedef struct walk {
    const char *at, *end;
    bool members;
    mr_slice key; /* of the entry at hand, with its quotes */
    mr_slice value;
} walk;

static bool walk_open(walk *w, mr_slice text)
{
    *w = (walk){.at = text.ptr, .end = text.ptr + text.len};
    w->at = skip_space(w->at, w->end);
    if (w->at == w->end || (*w->at != '{' && *w->at != '[')) return false;
    w->members = *w->at++ == '{';
    return true;
}

static bool walk_next(walk *w)
{
    w->at = skip_space(w->at, w->end);
    if (w->at < w->end && *w->at == ',') w->at = skip_space(w->at + 1, w->end);
    if (w->at >= w->end || *w->at == '}' || *w->at == ']') return false;
    if (w->members) {
        const char *const key = w->at;
        if (*key != '"') return false;
        w->at = skip_string(key, w->end);
        w->key = (mr_slice){key, (size_t)(w->at - key)};
        w->at = skip_space(w->at, w->end);
        if (w->at == w->end || *w->at != ':') return false;
        w->at = skip_space(w->at + 1, w->end);
    }
    const char *const value = w->at;
    w->at = skip_value(value, w->end);
    w->value = (mr_slice){value, (size_t)(w->at - value)};
    while (w->value.len > 0 && (unsigned char)value[w->value.len - 1] <= ' ')
        w->value.len--;
    return w->value.len > 0;
}

/* --- strings
 * ---------------------------------------------------------------------------------- */

static uint32_t hex4(const char *at, const char *end)
{
    uint32_t value = 0;
    if (end - at < 4) return 0xfffd;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned c = (unsigned char)at[i], lower = c | 0x20;
        if (c - '0' < 10)
            value = value * 16 + (c - '0');
        else if (lower - 'a' < 6)
            value = value * 16 + (lower - 'a' + 10);
        else
            return 0xfffd;
    }
    return value;
}

/* The escape behind a backslash; `*at` is moved behind it. */
static char *put_escape(const char **at, const char *end, char *to)
{
    static const char letters[] = "nrtbf", bytes[] = "\n\r\t\b\f";
    const char letter = *(*at)++;
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;
    if (letter != 'u') {
        *to = found != NULL ? bytes[found - letters] : letter;
        return to + 1;
    }
    uint32_t code = hex4(*at, end);
    *at += end - *at < 4 ? end - *at : 4;
    if (code >= 0xd800 && code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        const uint32_t low = hex4(*at + 2, end);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            *at += 6;
        }
    }
    size_t len = mr_utf8_encode(code, to);
    if (len == 0) len = mr_utf8_encode(MR_UTF8_REPLACEMENT, to);
    return to + len;
}

/* What a string in quotes says. */
static mr_value string_value(mr_run *run, mr_slice quoted)
{
    if (quoted.len < 2) return mr_value_state(MR_KIND_ABSENT);
    const mr_slice inside = {quoted.ptr + 1, quoted.len - 2};
    if (inside.len == 0 || memchr(inside.ptr, '\\', inside.len) == NULL)
        return mr_value_text(MR_KIND_STRING, inside);
    char *text = mr_run_take(run, inside.len + 4), *to = text;
    if (text == NULL) return mr_run_too_large(run);
    const char *at = inside.ptr, *const end = at + inside.len;
    while (at < end) {
        if (*at != '\\' || at + 1 == end) {
            *to++ = *at++;
            continue;
        }
        at++;
        to = put_escape(&at, end, to);
    }
    mr_run_untake(run, to);
    return mr_value_text(MR_KIND_STRING, (mr_slice){text, (size_t)(to - text)});
}

char *mr_json_put_string(char *to, mr_slice text)
{
    static const char letters[] = "\"\\\n\r\t\b\f", escapes[] = "\"\\nrtbf",
                      hex[] = "0123456789abcdef";
    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const char *found = c != '\0' ? memchr(letters, c, sizeof letters - 1) : NULL;
        if (found != NULL) {
            *to++ = '\\';
            *to++ = escapes[found - letters];
        } else if ((unsigned char)c < 0x20) {
            memcpy(to, "\\u00", 4);
            to[4] = hex[c >> 4];
            to[5] = hex[c & 15];
            to += 6;
        } else {
            *to++ = c;
        }
    }
    *to++ = '"';
    return to;
}

/* --- access
 * ----------------------------------------------------------------------------------- */

mr_value mr_json_value(mr_run *run, mr_slice text)
{
    mr_value value;
    if (text.len == 0) return mr_value_state(MR_KIND_ABSENT);
    switch (text.ptr[0]) {
    case '{':
    case '[': return mr_value_text(MR_KIND_JSON, text);
    case '"': return string_value(run, text);
    case 'n': return mr_value_state(MR_KIND_NULL);
    default: break;
    }
    if (mr_value_read_number(text, &value) || mr_value_read_bool(text, &value)) return value;
    return mr_value_state(MR_KIND_ABSENT);
}

static bool same_key(mr_run *run, mr_slice quoted, mr_slice key)
{
    if (memchr(quoted.ptr, '\\', quoted.len) == NULL)
        return quoted.len == key.len + 2 &&
               mr_slice_equal((mr_slice){quoted.ptr + 1, key.len}, key);
    const mr_value said = string_value(run, quoted);
    return said.kind == MR_KIND_STRING && mr_slice_equal(said.cell.text, key);
}

int64_t mr_json_count(mr_slice text)
{
    walk w;
    int64_t count = 0;
    if (!walk_open(&w, text)) return 0;
    while (walk_next(&w))
        count++;
    return count;
}

static bool find_element(walk *w, mr_slice text, int64_t index)
{
    if (w->members) return false;
    if (index < 0) index += mr_json_count(text);
    if (index < 0) return false;
    while (walk_next(w))
        if (index-- == 0) return true;
    return false;
}

mr_value mr_json_step(mr_run *run, mr_slice text, const mr_step *step)
{
    walk w;
    mr_slice found = {NULL, 0};
    if (!walk_open(&w, text)) return mr_value_state(MR_KIND_ABSENT);
    if (step->is_index) {
        if (find_element(&w, text, step->index)) found = w.value;
    } else if (w.members) {
        while (walk_next(&w))
            if (same_key(run, w.key, step->key)) found = w.value;
    }
    return mr_json_value(run, found);
}

static mr_value access_of(mr_run *run, const mr_value *args)
{
    const mr_path *path = (const mr_path *)run->expr->paths.items + run->in->extra;
    const mr_step *step = (const mr_step *)run->expr->steps.items + path->first;
    mr_value value = args[0];
    for (uint32_t i = 0; i < path->count; i++, step++) {
        if (value.kind != MR_KIND_JSON) return mr_value_state(MR_KIND_ABSENT);
        value = mr_json_step(run, value.cell.text, step);
        if (value.kind == MR_KIND_FAULT) return value;
    }
    return value;
}

MR_EXPR_CALL(call_access, access_of, 1)

static mr_code check_access(mr_compiler *c, mr_instruction *in, const mr_term *args, uint32_t count,
                            mr_error *err)
{
    char names[MR_KINDS_NAMES_MAX];
    (void)count;
    in->extra = c->path;
    if (args[0].kinds == 0 || (args[0].kinds & MR_KIND_BIT(MR_KIND_JSON)) != 0) return MR_OK;
    const bool text = (args[0].kinds & (MR_KINDS_STRING | MR_KINDS_UNTYPED)) != 0;
    return mr_compile_fail(in->line, in->column, err, "%s has no members or elements%s",
                           mr_kinds_names(args[0].kinds, names),
                           text ? "; json() reads a text that is JSON" : "");
}

const mr_function mr_operator_access = {.name = "access",
                                        .signature = "x.name, x[0]",
                                        .call = call_access,
                                        .least = 1,
                                        .most = 1,
                                        .flags = MR_FUNCTION_NONES,
                                        .gives = MR_KINDS_JSON,
                                        .prepare = check_access};

static mr_value get_of(mr_run *run, const mr_value *args)
{
    mr_step step = {.is_index = args[1].kind == MR_KIND_INT};
    if (step.is_index)
        step.index = args[1].cell.integer;
    else if (mr_kind_in(args[1].kind, MR_KINDS_SLICED))
        step.key = args[1].cell.text;
    else
        return mr_run_fault(run, "expected a name or a whole number, found %s",
                            mr_kind_name(args[1].kind));
    return mr_json_step(run, args[0].cell.text, &step);
}

MR_EXPR_CALL(call_get, get_of, 2)

static mr_value json_len_of(mr_run *run, const mr_value *args)
{
    (void)run;
    return mr_value_int(mr_json_count(args[0].cell.text));
}

MR_EXPR_CALL(call_json_len, json_len_of, 1)

const mr_function mr_functions_access[] = {
    {.name = "get",
     .signature = "get(json, name or number)",
     .call = call_get,
     .least = 2,
     .most = 2,
     .reads = {MR_READ_JSON, MR_READ_ANY},
     .gives = MR_KINDS_JSON},
    {.name = "json_len",
     .signature = "json_len(json)",
     .call = call_json_len,
     .least = 1,
     .most = 1,
     .reads = {MR_READ_JSON},
     .gives = MR_KIND_BIT(MR_KIND_INT)},
    {.name = NULL},
};
