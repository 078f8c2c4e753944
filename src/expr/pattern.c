/* SPDX-License-Identifier: MIT
 *
 * regex_match(), regex_extract(), regex_replace(). The pattern is a constant, compiled with the
 * expression. */
#include "expr/compile.h"
#include "expr/eval.h"
#include "expr/functions.h"
#include "expr/regex.h"

static const mr_regex *regex_of(const mr_run *run)
{
    return ((mr_regex *const *)run->expr->regexes.items)[run->in->extra];
}

/* A search whose trouble is a fault in `out_fault`. */
static bool search(mr_run *run, mr_slice text, size_t from, mr_value *out_fault)
{
    out_fault->kind = MR_KIND_NULL;
    switch (mr_regex_search(regex_of(run), &run->eval->regex, text, from)) {
    case MR_REGEX_MATCH: return true;
    case MR_REGEX_NO_MATCH: return false;
    case MR_REGEX_TOO_HARD:
        *out_fault = mr_run_fault(run, "the pattern takes more than %d steps on this text",
                                  MR_EXPR_MAX_REGEX_STEPS);
        return false;
    case MR_REGEX_NO_MEMORY: break;
    }
    run->eval->heap.out_of_memory = true;
    *out_fault = mr_run_fault(run, "no memory left");
    return false;
}

static mr_value regex_match_of(mr_run *run, const mr_value *args)
{
    mr_value fault;
    const bool found = search(run, args[0].cell.text, 0, &fault);
    return fault.kind == MR_KIND_FAULT ? fault : mr_value_bool(found);
}

/* The group that is asked for: by number, by name, else the first one, or all of a pattern without
 * groups. -1 when there is no such group. */
static int64_t group_of(const mr_regex *regex, const mr_value *group)
{
    if (group == NULL || group->kind == MR_KIND_ABSENT) return mr_regex_group_count(regex) > 0;
    if (group->kind == MR_KIND_STRING) return mr_regex_group(regex, group->cell.text);
    const int64_t number = group->cell.integer;
    return number < 0 || number > mr_regex_group_count(regex) ? -1 : number;
}

static mr_value regex_extract_of(mr_run *run, const mr_value *args)
{
    mr_value fault;
    size_t from, to;
    const mr_slice text = args[0].cell.text;
    if (!search(run, text, 0, &fault)) return fault;
    const uint32_t group = (uint32_t)group_of(regex_of(run), &args[2]);
    if (!mr_regex_span(run->eval->regex, group, &from, &to)) return mr_value_state(MR_KIND_NULL);
    return mr_run_keep(run, (mr_slice){text.ptr + from, to - from});
}

MR_EXPR_CALL(call_regex_match, regex_match_of, 1)
MR_EXPR_CALL(call_regex_extract, regex_extract_of, 3)

/* --- replacing
 * -------------------------------------------------------------------------------- */

/* One element of a replacement: text as it is, or a group. */
typedef struct element {
    mr_slice text;
    int64_t group; /* -1 = text */
} element;

/* $1, ${1}, ${name}, $$; takes it off the front of `left`. False when it is none of them. */
static bool take_dollar(const mr_regex *regex, mr_slice *left, element *out)
{
    mr_slice rest = mr_slice_from(*left, 1);
    *out = (element){.group = -1};
    if (rest.len > 0 && rest.ptr[0] == '$') {
        out->text = (mr_slice){rest.ptr, 1};
        *left = mr_slice_from(rest, 1);
        return true;
    }
    const bool braces = rest.len > 0 && rest.ptr[0] == '{';
    if (braces) rest = mr_slice_from(rest, 1);
    const char *close = braces ? memchr(rest.ptr, '}', rest.len) : NULL;
    if (braces && close == NULL) return false;
    size_t len = braces ? (size_t)(close - rest.ptr) : 0;
    while (!braces && len < rest.len && len < 2 && (unsigned char)(rest.ptr[len] - '0') < 10)
        len++;
    const mr_slice name = {rest.ptr, len};
    int64_t number = 0;
    bool numeric = len > 0 && len < 6;
    for (size_t i = 0; i < len && numeric; i++) {
        numeric = (unsigned char)(name.ptr[i] - '0') < 10;
        number = number * 10 + (name.ptr[i] - '0');
    }
    const mr_value wanted = numeric ? mr_value_int(number) : mr_value_text(MR_KIND_STRING, name);
    out->group = len > 0 ? group_of(regex, &wanted) : -1;
    *left = mr_slice_from(rest, len + braces);
    return out->group >= 0;
}

/* The next element of a replacement that is right. */
static bool next_element(const mr_regex *regex, mr_slice *left, element *out)
{
    if (left->len == 0) return false;
    if (left->ptr[0] == '$') return take_dollar(regex, left, out);
    const char *dollar = memchr(left->ptr, '$', left->len);
    const size_t len = dollar != NULL ? (size_t)(dollar - left->ptr) : left->len;
    *out = (element){.text = {left->ptr, len}, .group = -1};
    *left = mr_slice_from(*left, len);
    return true;
}

/* How many bytes a replacement has for the match at hand, and, with `to`, these bytes. */
static size_t put_replacement(mr_run *run, mr_slice text, mr_slice by, char *to)
{
    element e;
    size_t from, end, len = 0;
    while (next_element(regex_of(run), &by, &e)) {
        if (e.group >= 0) {
            if (!mr_regex_span(run->eval->regex, (uint32_t)e.group, &from, &end)) continue;
            e.text = (mr_slice){text.ptr + from, end - from};
        }
        if (to != NULL && e.text.len > 0) memcpy(to + len, e.text.ptr, e.text.len);
        len += e.text.len;
    }
    return len;
}

/* A growing text in the heap: a new piece of twice the size when it is full. */
typedef struct growing {
    char *ptr;
    size_t len, cap;
} growing;

static bool reserve(mr_run *run, growing *g, size_t extra)
{
    if (g->cap - g->len >= extra) return true;
    if (extra > MR_EXPR_MAX_VALUE_BYTES - g->len) return false;
    const size_t cap = (g->len + extra) * 2;
    char *room = mr_run_take(run, cap < MR_EXPR_MAX_VALUE_BYTES ? cap : MR_EXPR_MAX_VALUE_BYTES);
    if (room == NULL) return false;
    if (g->len > 0) memcpy(room, g->ptr, g->len);
    g->ptr = room;
    g->cap = cap < MR_EXPR_MAX_VALUE_BYTES ? cap : MR_EXPR_MAX_VALUE_BYTES;
    return true;
}

static bool add(mr_run *run, growing *g, mr_slice text)
{
    if (!reserve(run, g, text.len)) return false;
    if (text.len > 0) memcpy(g->ptr + g->len, text.ptr, text.len);
    g->len += text.len;
    return true;
}

static mr_value regex_replace_of(mr_run *run, const mr_value *args)
{
    mr_value fault;
    growing out = {NULL, 0, 0};
    const mr_slice text = args[0].cell.text, by = args[2].cell.text;
    size_t at = 0, from, to;
    if (!reserve(run, &out, text.len + 1)) return mr_run_too_large(run);
    while (at <= text.len && search(run, text, at, &fault)) {
        if (!mr_regex_span(run->eval->regex, 0, &from, &to)) break;
        if (!add(run, &out, (mr_slice){text.ptr + at, from - at})) return mr_run_too_large(run);
        const size_t len = put_replacement(run, text, by, NULL);
        if (!reserve(run, &out, len)) return mr_run_too_large(run);
        out.len += put_replacement(run, text, by, out.ptr + out.len);
        at = to;
        if (to > from) continue;
        if (at == text.len) break;
        size_t step = 1; /* past what an empty match stands before */
        while (at + step < text.len && ((unsigned char)text.ptr[at + step] & 0xc0) == 0x80)
            step++;
        if (!add(run, &out, (mr_slice){text.ptr + at, step})) return mr_run_too_large(run);
        at += step;
    }
    if (fault.kind == MR_KIND_FAULT) return fault;
    if (!add(run, &out, mr_slice_from(text, at))) return mr_run_too_large(run);
    mr_run_untake(run, out.ptr + out.len);
    return mr_value_text(MR_KIND_STRING, (mr_slice){out.ptr, out.len});
}

MR_EXPR_CALL(call_regex_replace, regex_replace_of, 3)

/* --- compiling
 * -------------------------------------------------------------------------------- */

static const mr_value *constant_text(const mr_compiler *c, const mr_term *term, const char *what,
                                     mr_error *err)
{
    const mr_value *value = mr_term_constant(c, term);
    if (value != NULL && value->kind == MR_KIND_STRING) return value;
    mr_compile_fail(term->line, term->column, err, "expected %s in quotes", what);
    return NULL;
}

static mr_code prepare_pattern(mr_compiler *c, mr_instruction *in, const mr_term *args,
                               uint32_t count, mr_error *err)
{
    mr_regex **kept;
    mr_error fault;
    const mr_term *term = &args[1];
    (void)count;
    const mr_value *pattern = constant_text(c, term, "a pattern", err);
    if (pattern == NULL) return MR_ERR_USAGE;
    if (pattern->cell.text.len > MR_EXPR_MAX_REGEX_BYTES)
        return mr_fail(err, MR_ERR_LIMIT, "%u:%u: a pattern has more than %d bytes", term->line,
                       term->column, MR_EXPR_MAX_REGEX_BYTES);
    MR_TRY(mr_list_add(c, &c->expr->regexes, sizeof *kept, &kept, err));
    *kept = NULL; /* so that it can be freed whatever happens */
    const mr_code rc = mr_regex_compile(pattern->cell.text, kept, &fault);
    if (rc == MR_ERR_USAGE)
        return mr_compile_fail(term->line, term->column, err, "the pattern is wrong: %s",
                               fault.text);
    if (rc != MR_OK) return mr_fail(err, rc, "%s", fault.text);
    in->extra = c->expr->regexes.count - 1;
    return MR_OK;
}

static const mr_regex *compiled(const mr_compiler *c, const mr_instruction *in)
{
    return ((mr_regex *const *)c->expr->regexes.items)[in->extra];
}

static mr_code prepare_extract(mr_compiler *c, mr_instruction *in, const mr_term *args,
                               uint32_t count, mr_error *err)
{
    MR_TRY(prepare_pattern(c, in, args, count, err));
    if (count < 3) return MR_OK;
    const mr_value *group = mr_term_constant(c, &args[2]);
    if (group == NULL || (group->kind != MR_KIND_INT && group->kind != MR_KIND_STRING))
        return mr_compile_fail(args[2].line, args[2].column, err,
                               "expected the number or the name of a group");
    if (group_of(compiled(c, in), group) >= 0) return MR_OK;
    return mr_compile_fail(args[2].line, args[2].column, err, "the pattern has no such group");
}

static mr_code prepare_replace(mr_compiler *c, mr_instruction *in, const mr_term *args,
                               uint32_t count, mr_error *err)
{
    element e;
    MR_TRY(prepare_pattern(c, in, args, count, err));
    const mr_value *by = constant_text(c, &args[2], "a replacement", err);
    if (by == NULL) return MR_ERR_USAGE;
    mr_slice left = by->cell.text;
    while (left.len > 0) {
        if (next_element(compiled(c, in), &left, &e)) continue;
        return mr_compile_fail(args[2].line, args[2].column, err,
                               "the replacement names a group that the pattern has not; '$' "
                               "itself is written $$");
    }
    return MR_OK;
}

const mr_function mr_functions_pattern[] = {
    {.name = "regex_match",
     .signature = "regex_match(text, pattern)",
     .call = call_regex_match,
     .least = 2,
     .most = 2,
     .reads = {MR_READ_TEXT, MR_READ_TEXT},
     .gives = MR_KINDS_BOOL,
     .prepare = prepare_pattern},
    {.name = "regex_extract",
     .signature = "regex_extract(text, pattern[, group])",
     .call = call_regex_extract,
     .least = 2,
     .most = 3,
     .reads = {MR_READ_TEXT, MR_READ_TEXT, MR_READ_ANY},
     .gives = MR_KIND_BIT(MR_KIND_STRING),
     .prepare = prepare_extract},
    {.name = "regex_replace",
     .signature = "regex_replace(text, pattern, replacement)",
     .call = call_regex_replace,
     .least = 3,
     .most = 3,
     .reads = {MR_READ_TEXT, MR_READ_TEXT, MR_READ_TEXT},
     .gives = MR_KIND_BIT(MR_KIND_STRING),
     .prepare = prepare_replace},
    {.name = NULL},
};
