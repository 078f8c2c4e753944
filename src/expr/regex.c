/* SPDX-License-Identifier: MIT */
#include "expr/regex.h"

#include "core/mem.h"
#include "expr/expr.h"
#include "expr/pcre2.h"

#define HEAP_LIMIT_KIB  16384u            /* of one match without the compiler */
#define JIT_STACK_BYTES ((size_t)1 << 20) /* of one with it */

struct mr_regex {
    pcre2_code *code;
    uint32_t groups;
};

struct mr_regex_scratch {
    pcre2_general_context *general;
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
    uint32_t groups; /* that `data` has room for */
    int found;       /* of the last search: groups that can have a span */
};

static void *take(PCRE2_SIZE size, void *context)
{
    (void)context;
    return mr_mem_alloc(size);
}

static void give(void *memory, void *context)
{
    (void)context;
    mr_mem_free(memory);
}

/* --- compiling
 * -------------------------------------------------------------------------------- */

static mr_code fail_pattern(const mr_pcre2 *pcre2, int code, size_t offset, mr_error *err)
{
    char text[128];
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a regular expression");
    pcre2->pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return mr_fail(err, MR_ERR_USAGE, "at offset %zu: %s", offset, text);
}

static mr_code compile(const mr_pcre2 *pcre2, mr_slice pattern, mr_regex *regex, mr_error *err)
{
    int code = PCRE2_ERROR_HEAP_FAILED;
    PCRE2_SIZE offset = 0;
    const uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    pcre2_general_context *general = pcre2->pcre2_general_context_create(take, give, NULL);
    pcre2_compile_context *context =
        general != NULL ? pcre2->pcre2_compile_context_create(general) : NULL;
    if (context != NULL)
        regex->code = pcre2->pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &code,
                                           &offset, context);
    pcre2->pcre2_compile_context_free(context);
    pcre2->pcre2_general_context_free(general);
    if (regex->code == NULL) return fail_pattern(pcre2, code, offset, err);
    pcre2->pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->groups);
    (void)pcre2->pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE); /* works without, too */
    return MR_OK;
}

mr_code mr_regex_compile(mr_slice pattern, mr_regex **out, mr_error *err)
{
    const mr_pcre2 *pcre2 = mr_pcre2_load(err);
    if (pcre2 == NULL) return MR_ERR_USAGE;
    mr_regex *regex = mr_mem_zalloc(sizeof *regex);
    if (regex == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a regular expression");
    const mr_code rc = compile(pcre2, pattern, regex, err);
    if (rc != MR_OK) {
        mr_mem_free(regex);
        return rc;
    }
    *out = regex;
    return MR_OK;
}

void mr_regex_free(mr_regex *regex)
{
    if (regex == NULL) return;
    mr_pcre2_load(NULL)->pcre2_code_free(regex->code);
    mr_mem_free(regex);
}

uint32_t mr_regex_group_count(const mr_regex *regex)
{
    return regex->groups;
}

int mr_regex_group(const mr_regex *regex, mr_slice name)
{
    char text[64];
    if (name.len == 0 || name.len >= sizeof text) return -1;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    const int number =
        mr_pcre2_load(NULL)->pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)text);
    return number > 0 ? number : -1;
}

/* --- searching
 * -------------------------------------------------------------------------------- */

static mr_regex_scratch *new_scratch(const mr_pcre2 *pcre2)
{
    mr_regex_scratch *s = mr_mem_zalloc(sizeof *s);
    if (s == NULL) return NULL;
    s->general = pcre2->pcre2_general_context_create(take, give, NULL);
    if (s->general != NULL) {
        s->context = pcre2->pcre2_match_context_create(s->general);
        s->stack = pcre2->pcre2_jit_stack_create(32768, JIT_STACK_BYTES, s->general);
    }
    if (s->context == NULL) {
        mr_regex_scratch_free(s);
        return NULL;
    }
    pcre2->pcre2_set_match_limit(s->context, MR_EXPR_MAX_REGEX_STEPS);
    pcre2->pcre2_set_depth_limit(s->context, MR_EXPR_MAX_REGEX_STEPS);
    pcre2->pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    if (s->stack != NULL) pcre2->pcre2_jit_stack_assign(s->context, NULL, s->stack);
    return s;
}

void mr_regex_scratch_free(mr_regex_scratch *scratch)
{
    if (scratch == NULL) return;
    const mr_pcre2 *pcre2 = mr_pcre2_load(NULL);
    pcre2->pcre2_match_data_free(scratch->data);
    pcre2->pcre2_jit_stack_free(scratch->stack);
    pcre2->pcre2_match_context_free(scratch->context);
    pcre2->pcre2_general_context_free(scratch->general);
    mr_mem_free(scratch);
}

/* Room for the groups of `regex`. */
static bool make_room(const mr_pcre2 *pcre2, mr_regex_scratch *s, uint32_t groups)
{
    if (s->data != NULL && s->groups >= groups) return true;
    pcre2->pcre2_match_data_free(s->data);
    s->groups = groups;
    s->data = pcre2->pcre2_match_data_create(groups + 1, s->general);
    return s->data != NULL;
}

mr_regex_result mr_regex_search(const mr_regex *regex, mr_regex_scratch **scratch, mr_slice text,
                                size_t from)
{
    const mr_pcre2 *pcre2 = mr_pcre2_load(NULL);
    if (*scratch == NULL) *scratch = new_scratch(pcre2);
    mr_regex_scratch *s = *scratch;
    if (s == NULL || !make_room(pcre2, s, regex->groups)) return MR_REGEX_NO_MEMORY;
    const char *ptr = text.ptr != NULL ? text.ptr : "";
    s->found =
        pcre2->pcre2_match(regex->code, (PCRE2_SPTR)ptr, text.len, from, 0, s->data, s->context);
    if (s->found > 0) return MR_REGEX_MATCH;
    if (s->found == PCRE2_ERROR_NOMATCH) return MR_REGEX_NO_MATCH;
    return s->found == PCRE2_ERROR_NOMEMORY ? MR_REGEX_NO_MEMORY : MR_REGEX_TOO_HARD;
}

bool mr_regex_span(const mr_regex_scratch *scratch, uint32_t number, size_t *out_from,
                   size_t *out_to)
{
    if (scratch->found <= 0 || number >= (uint32_t)scratch->found) return false;
    const PCRE2_SIZE *spans = mr_pcre2_load(NULL)->pcre2_get_ovector_pointer(scratch->data);
    if (spans[number * 2] == PCRE2_UNSET || spans[number * 2] > spans[number * 2 + 1]) return false;
    *out_from = spans[number * 2];
    *out_to = spans[number * 2 + 1];
    return true;
}
