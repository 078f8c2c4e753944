/* SPDX-License-Identifier: MIT */
#include "connector/prometheus_metric.h"

typedef struct parser {
    mr_slice text;
    size_t at;
    mr_arena *arena;
    mr_error *err;
} parser;

static void skip_blanks(parser *p)
{
    while (p->at < p->text.len && (p->text.ptr[p->at] == ' ' || p->text.ptr[p->at] == '\t'))
        p->at++;
}

static char peek(parser *p)
{
    skip_blanks(p);
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static bool take(parser *p, char byte)
{
    if (peek(p) != byte) return false;
    p->at++;
    return true;
}

static mr_code expected(const parser *p, const char *what)
{
    return mr_fail(p->err, MR_ERR_USAGE, "'%.*s': expected %s at byte %zu", MR_SLICE_ARGS(p->text),
                   what, p->at + 1);
}

static bool is_name_byte(char c, bool first)
{
    const bool letter = (unsigned char)((c | 0x20) - 'a') < 26 || c == '_';
    return letter || (!first && (unsigned char)(c - '0') < 10);
}

static mr_code keep(const parser *p, mr_slice text, mr_slice *out)
{
    const char *copy = mr_arena_copy(p->arena, text);
    if (copy == NULL) return mr_arena_fail(p->arena, p->err);
    *out = mr_slice_of(copy, text.len);
    return MR_OK;
}

/* [a-zA-Z_][a-zA-Z0-9_]*, for a metric with ':' among the letters. */
static mr_code take_name(parser *p, bool metric, const char *what, mr_slice *out)
{
    skip_blanks(p);
    const size_t from = p->at;
    while (p->at < p->text.len && (is_name_byte(p->text.ptr[p->at], p->at == from) ||
                                   (metric && p->text.ptr[p->at] == ':')))
        p->at++;
    if (p->at == from) return expected(p, what);
    return keep(p, mr_slice_of(p->text.ptr + from, p->at - from), out);
}

static mr_code take_quoted(parser *p, mr_slice *out)
{
    char *text = mr_arena_take(p->arena, p->text.len + 1);
    size_t len = 0;
    if (text == NULL) return mr_arena_fail(p->arena, p->err);
    for (p->at++; p->at < p->text.len && p->text.ptr[p->at] != '"'; p->at++) {
        if (p->text.ptr[p->at] == '\\' && p->at + 1 < p->text.len) p->at++;
        text[len++] = p->text.ptr[p->at];
    }
    if (p->at == p->text.len) return expected(p, "a closing quote");
    p->at++;
    *out = mr_slice_of(text, len);
    return MR_OK;
}

/* A column: in quotes, or up to a byte that means something here. */
static mr_code take_column(parser *p, mr_slice *out)
{
    if (peek(p) == '"') return take_quoted(p, out);
    const size_t from = p->at;
    while (p->at < p->text.len && strchr(" \t,={}\"", p->text.ptr[p->at]) == NULL)
        p->at++;
    if (p->at == from) return expected(p, "a column");
    return keep(p, mr_slice_of(p->text.ptr + from, p->at - from), out);
}

static mr_code take_label(parser *p, mr_prometheus_metric *metric)
{
    const uint32_t number = metric->label_count;
    if (number == MR_METRIC_LABELS_MAX) return expected(p, "'}': 12 labels are the most");
    mr_slice *label = &metric->labels[number], *column = &metric->columns[number];
    const size_t from = p->at;
    MR_TRY(take_name(p, false, "a label's name", label));
    if (mr_slice_starts(*label, "__")) {
        p->at = from;
        return expected(p, "a label that does not begin with __");
    }
    for (uint32_t i = 0; i < number; i++)
        if (mr_slice_equal(metric->labels[i], *label)) {
            p->at = from;
            return expected(p, "a label that is not there yet");
        }
    metric->label_count++;
    *column = *label;
    return take(p, '=') ? take_column(p, column) : MR_OK;
}

static mr_code take_type(parser *p, mr_metric_type *out)
{
    static const struct {
        const char *name;
        mr_metric_type type;
    } types[] = {{"counter", MR_METRIC_COUNTER}, {"gauge", MR_METRIC_GAUGE}};
    mr_slice word;
    MR_TRY(take_name(p, false, "counter or gauge", &word));
    for (size_t i = 0; i < MR_COUNT_OF(types); i++)
        if (mr_slice_is(word, types[i].name)) {
            *out = types[i].type;
            return MR_OK;
        }
    p->at -= word.len;
    return expected(p, "counter or gauge");
}

mr_code mr_prometheus_metric_parse(mr_slice text, mr_arena *arena, mr_prometheus_metric *out,
                                   mr_error *err)
{
    parser p = {.text = text, .arena = arena, .err = err};
    *out = (mr_prometheus_metric){.help = MR_SLICE("")};
    MR_TRY(take_type(&p, &out->type));
    MR_TRY(take_name(&p, true, "the metric's name", &out->name));
    if (take(&p, '{')) {
        while (peek(&p) != '}') {
            MR_TRY(take_label(&p, out));
            (void)take(&p, ',');
        }
        p.at++;
    }
    if (take(&p, '=')) MR_TRY(take_column(&p, &out->value));
    if (peek(&p) == '"') MR_TRY(take_quoted(&p, &out->help));
    return peek(&p) == '\0' && p.at == text.len ? MR_OK : expected(&p, "the end");
}
