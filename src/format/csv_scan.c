/* SPDX-License-Identifier: MIT */
#include "format/csv_scan.h"

/* How a field ended. */
typedef enum field_end {
    AT_DELIMITER,
    AT_ROW_END,
    AT_DAMAGE, /* finished by damaged() */
    UNKNOWN,   /* the bytes end too soon */
} field_end;

/* One record being read. A record may be `cap - start` bytes long; byte `cap` is looked at only to
 * see whether it begins the row end. */
typedef struct walk {
    const mr_csv_scanner *s;
    mr_csv_scan *out;
    const char *p;
    size_t len;
    size_t start;
    size_t cap;
    size_t stop;  /* where the record's own bytes must end: the nearer of `len` and `cap` */
    size_t at;    /* start of the field being read, then of the next */
    size_t end;   /* of the field just read */
    bool escaped; /* escapes were seen in it */
} walk;

void mr_csv_special(const mr_csv_options *options, uint8_t special[256])
{
    memset(special, 0, 256);
    special['\n'] = special['\r'] = 1;
    special[(unsigned char)options->delimiter] = 1;
    if (options->quote != 0) special[(unsigned char)options->quote] = 1;
}

/* Is the CR at `at` (part of) a row end? */
typedef enum cr_meaning { CR_IS_DATA, CR_ENDS_ROW, CR_UNKNOWN } cr_meaning;

static cr_meaning look_at_cr(const mr_csv_scanner *s, size_t at, size_t *next)
{
    if (at + 1 == s->bytes.len && !s->final) return CR_UNKNOWN;
    if (at + 1 < s->bytes.len && s->bytes.ptr[at + 1] == '\n') {
        *next = at + 2;
        return CR_ENDS_ROW;
    }
    *next = at + 1;
    return s->options->cr_rows ? CR_ENDS_ROW : CR_IS_DATA;
}

bool mr_csv_line_end(const mr_csv_scanner *s, size_t from, size_t *out_end, size_t *out_next)
{
    const char *p = s->bytes.ptr;
    const size_t len = s->bytes.len;
    *out_end = *out_next = len;
    if (!s->options->cr_rows) {
        const char *lf = from < len ? memchr(p + from, '\n', len - from) : NULL;
        if (lf == NULL) return false;
        *out_end = (size_t)(lf - p);
        *out_next = *out_end + 1;
        return true;
    }
    size_t at = from;
    while (at < len && p[at] != '\n' && p[at] != '\r')
        at++;
    if (at >= len) return false;
    *out_end = at;
    *out_next = at + 1;
    if (p[at] == '\n' || look_at_cr(s, at, out_next) == CR_ENDS_ROW) return true;
    *out_next = at;
    return false;
}

uint64_t mr_csv_count_lines(const mr_csv_options *options, mr_slice bytes, size_t from, size_t to)
{
    uint64_t count = 0;
    if (options->cr_rows) {
        for (size_t i = from; i < to; i++)
            count += bytes.ptr[i] == '\n' ||
                     (bytes.ptr[i] == '\r' && !(i + 1 < to && bytes.ptr[i + 1] == '\n'));
        return count;
    }
    while (from < to) {
        const char *lf = memchr(bytes.ptr + from, '\n', to - from);
        if (lf == NULL) break;
        count++;
        from = (size_t)(lf - bytes.ptr) + 1;
    }
    return count;
}

static field_end row_ends(walk *w, size_t end, size_t next)
{
    w->end = end;
    w->out->raw_end = end;
    w->out->next = next;
    return AT_ROW_END;
}

static field_end delimited(walk *w, size_t end)
{
    w->end = end;
    w->at = end + 1;
    return AT_DELIMITER;
}

/* The record is damaged at `fault_at`. The text to reject runs to the end of the line that byte is
 * in, of the first line for an unterminated quote, but never past `cap`. */
static field_end damaged(walk *w, mr_reason reason, size_t fault_at)
{
    mr_csv_scan *out = w->out;
    const size_t from = reason == MR_REASON_UNTERMINATED_QUOTE ? w->start : fault_at;
    size_t end = 0;
    const bool found = mr_csv_line_end(w->s, from, &end, &out->next);
    if (!found && !w->s->final) {
        if (w->len < w->cap || out->next < w->len) return UNKNOWN;
        out->in_long_line = true;
    }
    out->reason = reason;
    out->fault_at = fault_at;
    out->fault_field = out->field_count + 1;
    out->raw_end = end < w->cap ? end : w->cap;
    out->text_end = end;
    out->kind = MR_CSV_BROKEN;
    return AT_DAMAGE;
}

/* The scan reached `stop`: the bytes end, or the record has all the bytes it may have. */
static field_end unquoted_stops(walk *w)
{
    if (w->stop == w->len) return w->s->final ? row_ends(w, w->len, w->len) : UNKNOWN;
    size_t next = w->cap + 1;
    if (w->p[w->cap] == '\n') return row_ends(w, w->cap, next);
    if (w->p[w->cap] == '\r') {
        const cr_meaning cr = look_at_cr(w->s, w->cap, &next);
        if (cr == CR_UNKNOWN) return UNKNOWN;
        if (cr == CR_ENDS_ROW) return row_ends(w, w->cap, next);
    }
    return damaged(w, MR_REASON_RECORD_TOO_LARGE, w->cap);
}

static field_end scan_unquoted(walk *w)
{
    const char *p = w->p;
    const uint8_t *special = w->s->special;
    for (size_t i = w->at;; i++) {
        while (i < w->stop && !special[(unsigned char)p[i]])
            i++;
        if (i >= w->stop) return unquoted_stops(w);
        if (p[i] == w->s->options->delimiter) return delimited(w, i);
        if (p[i] == '\n') return row_ends(w, i, i + 1);
        if (p[i] == '\r') {
            size_t next;
            const cr_meaning cr = look_at_cr(w->s, i, &next);
            if (cr == CR_UNKNOWN) return UNKNOWN;
            if (cr == CR_ENDS_ROW) return row_ends(w, i, next);
        } else if (w->out->bare_field == 0) {
            w->out->bare_field = w->out->field_count + 1;
        }
    }
}

/* What follows a closing quote at `at - 1`. */
static field_end after_quote(walk *w, size_t at)
{
    if (at == w->len) return w->s->final ? row_ends(w, at, at) : UNKNOWN;
    size_t next;
    if (w->p[at] == '\n') return row_ends(w, at, at + 1);
    if (w->p[at] == '\r') {
        const cr_meaning cr = look_at_cr(w->s, at, &next);
        if (cr == CR_UNKNOWN) return UNKNOWN;
        if (cr == CR_ENDS_ROW) return row_ends(w, at, next);
    }
    if (at == w->cap) return damaged(w, MR_REASON_RECORD_TOO_LARGE, at);
    if (w->p[at] == w->s->options->delimiter) return delimited(w, at);
    return damaged(w, MR_REASON_TEXT_AFTER_QUOTE, at);
}

/* The next quote from `i` that no escape byte stands before; `stop` when there is none. */
static size_t find_quote(const walk *w, size_t i, char quote, char escape)
{
    if (escape == 0) {
        const char *found = i < w->stop ? memchr(w->p + i, quote, w->stop - i) : NULL;
        return found == NULL ? w->stop : (size_t)(found - w->p);
    }
    while (i < w->stop && w->p[i] != quote)
        i += w->p[i] == escape ? 2 : 1;
    return i < w->stop ? i : w->stop;
}

static field_end scan_quoted(walk *w)
{
    const char quote = w->s->options->quote, escape = mr_csv_escape(w->s->options);
    for (size_t i = w->at + 1;;) {
        const size_t at = find_quote(w, i, quote, escape);
        if (at >= w->stop) {
            if (w->stop == w->cap || w->s->final)
                return damaged(w, MR_REASON_UNTERMINATED_QUOTE, w->at);
            return UNKNOWN;
        }
        if (escape != 0 || at + 1 >= w->len || w->p[at + 1] != quote) return after_quote(w, at + 1);
        i = at + 2; /* past `stop` when the pair straddles the limit: then no quote is found */
    }
}

static mr_code keep_cell(const mr_csv_scanner *s, size_t start, size_t end, bool quoted,
                         mr_error *err)
{
    MR_TRY(mr_buffer_reserve(s->cells, sizeof(mr_csv_cell), err));
    const mr_csv_cell cell = {(uint32_t)start, (uint32_t)(end - start) & 0x7fffffff, quoted};
    memcpy(s->cells->ptr + s->cells->len, &cell, sizeof cell);
    s->cells->len += sizeof cell;
    return MR_OK;
}

static mr_code scan_fields(walk *w, mr_error *err)
{
    const mr_csv_scanner *s = w->s;
    for (;;) {
        const size_t begin = w->at;
        const bool quoted =
            begin < w->stop && s->options->quote != 0 && w->p[begin] == s->options->quote;
        const field_end how = quoted ? scan_quoted(w) : scan_unquoted(w);
        if (how == UNKNOWN) w->out->kind = MR_CSV_MORE;
        if (how == UNKNOWN || how == AT_DAMAGE) return MR_OK;
        if (w->out->field_count < s->keep) MR_TRY(keep_cell(s, begin, w->end, quoted, err));
        w->out->field_count++;
        if (how == AT_ROW_END) return MR_OK;
    }
}

static void scan_comment(const walk *w)
{
    size_t end;
    w->out->kind = MR_CSV_COMMENT;
    if (mr_csv_line_end(w->s, w->start, &end, &w->out->next) || w->s->final) return;
    if (w->len - w->start > w->s->max_record_bytes && w->out->next == w->len)
        w->out->in_long_line = true;
    else
        w->out->kind = MR_CSV_MORE;
}

/* Is there an empty line? Sets kind to BLANK, or to MORE when a CR leaves it open. */
static bool scan_blank(const walk *w)
{
    mr_csv_scan *out = w->out;
    out->next = w->start + 1;
    out->raw_end = w->start;
    out->kind = MR_CSV_BLANK;
    if (w->p[w->start] == '\n') return true;
    if (w->p[w->start] != '\r') return false;
    const cr_meaning cr = look_at_cr(w->s, w->start, &out->next);
    if (cr == CR_UNKNOWN) out->kind = MR_CSV_MORE;
    return cr != CR_IS_DATA;
}

mr_code mr_csv_scan_record(const mr_csv_scanner *s, size_t start, mr_csv_scan *out, mr_error *err)
{
    MR_DCHECK(start < s->bytes.len);
    const size_t cap = start + (size_t)s->max_record_bytes;
    walk w = {.s = s, .out = out, .p = s->bytes.ptr, .len = s->bytes.len, .start = start};
    w.cap = cap;
    w.stop = w.len < cap ? w.len : cap;
    w.at = start;
    *out = (mr_csv_scan){.kind = MR_CSV_RECORD};
    mr_buffer_reset(s->cells);
    if (s->options->comment != 0 && w.p[start] == s->options->comment) {
        scan_comment(&w);
        return MR_OK;
    }
    if (scan_blank(&w)) return MR_OK;
    out->kind = MR_CSV_RECORD;
    return scan_fields(&w, err);
}

void mr_csv_unquote(const mr_csv_options *options, const char *cell, size_t length, mr_buffer *out)
{
    const char escape = mr_csv_escape(options) != 0 ? options->escape : options->quote;
    const char *from = cell + 1, *const end = cell + length - 1;
    char *to = out->ptr + out->len;
    while (from < end) {
        const char *mark = memchr(from, escape, (size_t)(end - from));
        const size_t count = (size_t)((mark != NULL ? mark : end) - from);
        memcpy(to, from, count);
        to += count;
        if (mark == NULL) break;
        *to++ = mark[1]; /* the escaped byte; within the cell, for the record was read whole */
        from = mark + 2;
    }
    out->len = (size_t)(to - out->ptr);
}
