/* SPDX-License-Identifier: MIT
 *
 * From bytes to tokens. */
#include <stdarg.h>
#include <stdio.h>

#include "core/utf8.h"
#include "expr/compile.h"

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* Letters of other scripts are letters; what is not UTF-8 was refused before. */
static bool begins_name(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26 || c == '_' || (unsigned char)c >= 0x80;
}

static bool continues_name(char c)
{
    return begins_name(c) || is_digit(c);
}

static char byte_at(const mr_compiler *c, size_t at)
{
    return at < c->text.len ? c->text.ptr[at] : '\0';
}

/* Code points are counted from the start of the current token. */
static uint32_t column_of(const mr_compiler *c, size_t at)
{
    const bool same_line = c->counted_at >= c->line_start && c->counted_at <= at;
    uint32_t column = same_line ? c->counted_column : 1;
    for (size_t i = same_line ? c->counted_at : c->line_start; i < at; i++)
        column += ((unsigned char)c->text.ptr[i] & 0xc0) != 0x80;
    return column;
}

mr_code mr_compile_fail(uint32_t line, uint32_t column, mr_error *err, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return mr_fail(err, MR_ERR_USAGE, "%u:%u: %s", line, column, text);
}

const char *mr_token_quote(const mr_token *token, char out[MR_TOKEN_QUOTE_MAX])
{
    mr_slice raw = token->raw;
    const char *more = "";
    if (token->kind == MR_TOKEN_END) return "the end";
    if (raw.len > 32) {
        raw.len = mr_utf8_trim((mr_slice){raw.ptr, 32});
        more = "...";
    }
    snprintf(out, MR_TOKEN_QUOTE_MAX, "'%.*s%s'", MR_SLICE_ARGS(raw), more);
    return out;
}

static mr_code fail_at(const mr_compiler *c, size_t at, mr_error *err, const char *what)
{
    return mr_compile_fail(c->line, column_of(c, at), err, "%s", what);
}

static void skip_space(mr_compiler *c)
{
    for (; c->at < c->text.len; c->at++) {
        const char byte = c->text.ptr[c->at];
        if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n') return;
        if (byte != '\n') continue;
        c->line++;
        c->line_start = c->at + 1;
    }
}

static size_t name_end(const mr_compiler *c, size_t at)
{
    while (at < c->text.len && continues_name(c->text.ptr[at]))
        at++;
    return at;
}

static size_t digits_end(const mr_compiler *c, size_t at)
{
    while (at < c->text.len && is_digit(c->text.ptr[at]))
        at++;
    return at;
}

/* Finishes a token that ends at `end`. */
static void end_token(mr_compiler *c, mr_token_kind kind, size_t end, mr_slice text)
{
    c->token.kind = kind;
    c->token.raw = (mr_slice){c->text.ptr + c->at, end - c->at};
    c->token.text = text;
    c->at = end;
}

static mr_slice span(const mr_compiler *c, size_t from, size_t to)
{
    return (mr_slice){c->text.ptr + from, to - from};
}

static mr_code lex_number(mr_compiler *c, mr_error *err)
{
    size_t end = digits_end(c, c->at);
    if (byte_at(c, c->at) == '0' && end > c->at + 1)
        return fail_at(c, c->at, err, "a number does not begin with 0; a text is written \"007\"");
    if (byte_at(c, end) == '.') {
        const size_t fraction = end + 1;
        end = digits_end(c, fraction);
        if (end == fraction)
            return fail_at(c, fraction, err, "expected digits after the point of a number");
    }
    if ((byte_at(c, end) | 0x20) == 'e') {
        size_t exponent = end + 1;
        if (byte_at(c, exponent) == '+' || byte_at(c, exponent) == '-') exponent++;
        end = digits_end(c, exponent);
        if (end == exponent)
            return fail_at(c, exponent, err, "expected digits in the exponent of a number");
    }
    if (continues_name(byte_at(c, end)) || byte_at(c, end) == '.')
        return fail_at(c, end, err, "expected an operator after a number");
    end_token(c, MR_TOKEN_NUMBER, end, span(c, c->at, end));
    return MR_OK;
}

/* --- strings
 * ---------------------------------------------------------------------------------- */

static bool read_hex(const mr_compiler *c, size_t at, size_t count, uint32_t *out)
{
    uint32_t value = 0;
    for (size_t i = at; i < at + count; i++) {
        const char byte = byte_at(c, i), lower = (char)(byte | 0x20);
        if (!is_digit(byte) && (lower < 'a' || lower > 'f')) return false;
        value = value * 16 + (uint32_t)(is_digit(byte) ? byte - '0' : lower - 'a' + 10);
    }
    *out = value;
    return true;
}

/* \uXXXX, two of them for what lies beyond U+FFFF, or \u{X...}; `*at` is behind the u. */
static bool read_unicode(const mr_compiler *c, size_t *at, uint32_t *out)
{
    uint32_t low;
    if (byte_at(c, *at) == '{') {
        const size_t from = *at + 1;
        size_t to = from;
        while (to < c->text.len && to - from < 7 && c->text.ptr[to] != '}')
            to++;
        if (byte_at(c, to) != '}' || to == from || !read_hex(c, from, to - from, out)) return false;
        *at = to + 1;
        return true;
    }
    if (!read_hex(c, *at, 4, out)) return false;
    *at += 4;
    if (*out < 0xd800 || *out > 0xdbff) return true;
    if (byte_at(c, *at) != '\\' || byte_at(c, *at + 1) != 'u' || !read_hex(c, *at + 2, 4, &low) ||
        low < 0xdc00 || low > 0xdfff)
        return false;
    *at += 6;
    *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* The escape whose letter is at `*at`, which is moved behind it. */
static mr_code read_escape(const mr_compiler *c, size_t *at, char **to, mr_error *err)
{
    static const char letters[] = "nrt0bf\\\"'/", bytes[] = "\n\r\t\0\b\f\\\"'/";
    const size_t start = *at - 1;
    const char letter = byte_at(c, (*at)++);
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;
    uint32_t code_point;
    if (found != NULL) {
        *(*to)++ = bytes[found - letters];
        return MR_OK;
    }
    if (letter != 'u')
        return fail_at(
            c, start, err,
            "unknown escape; known are \\n \\r \\t \\b \\f \\0 \\\\ \\\" \\' \\/ \\uXXXX "
            "\\u{X}, and r\"...\" has none");
    size_t len = 0;
    if (read_unicode(c, at, &code_point)) len = mr_utf8_encode(code_point, *to);
    if (len == 0) return fail_at(c, start, err, "this escape is not a character of Unicode");
    *to += len;
    return MR_OK;
}

/* Where the string that opens at `open` closes; the text's length if it does not. */
static size_t find_close(const mr_compiler *c, size_t open, bool raw)
{
    size_t at = open + 1;
    while (at < c->text.len && c->text.ptr[at] != c->text.ptr[open])
        at += c->text.ptr[at] == '\\' && !raw ? 2 : 1;
    return at < c->text.len ? at : c->text.len;
}

/* A string that opens at `open`; a raw one has no escapes. */
static mr_code lex_string(mr_compiler *c, size_t open, bool raw, mr_error *err)
{
    const char quote = c->text.ptr[open];
    size_t at = open + 1;
    const size_t close = find_close(c, open, raw);
    if (close == c->text.len)
        return mr_compile_fail(c->line, c->token.column, err, "this string has no end: expected %c",
                               quote);
    char *text = mr_arena_take(c->arena, close - open + 4), *to = text;
    if (text == NULL) return mr_arena_fail(c->arena, err);
    while (at < close) {
        const char byte = c->text.ptr[at++];
        if (byte == '\n') {
            c->line++;
            c->line_start = at;
        }
        if (byte == '\\' && !raw)
            MR_TRY(read_escape(c, &at, &to, err));
        else
            *to++ = byte;
    }
    end_token(c, MR_TOKEN_STRING, close + 1, (mr_slice){text, (size_t)(to - text)});
    return MR_OK;
}

/* --- the rest
 * --------------------------------------------------------------------------------- */

static mr_code lex_sign(mr_compiler *c, mr_error *err)
{
    static const char *const twos[] = {"==", "!=", "<>", "<=", ">=", "??", "&&", "||"};
    const char byte = c->text.ptr[c->at];
    size_t len = byte != '\0' && strchr("+-*/%<>=!()[],.", byte) != NULL;
    for (size_t i = 0; i < MR_COUNT_OF(twos); i++)
        if (byte == twos[i][0] && byte_at(c, c->at + 1) == twos[i][1]) len = 2;
    if (len > 0) {
        end_token(c, MR_TOKEN_SIGN, c->at + len, span(c, c->at, c->at + len));
        return MR_OK;
    }
    if (byte == ';' || byte == '{' || byte == '}' || byte == '&' || byte == '|' || byte == '?')
        return mr_compile_fail(c->line, c->token.column, err, "'%c' has no meaning here", byte);
    return mr_compile_fail(c->line, c->token.column, err, "unexpected character '%c'", byte);
}

mr_code mr_lex(mr_compiler *c, mr_error *err)
{
    const size_t before = c->at;
    skip_space(c);
    c->token.spaced = c->at > before;
    c->token.line = c->line;
    c->token.column = column_of(c, c->at);
    c->counted_at = c->at;
    c->counted_column = c->token.column;
    const char byte = byte_at(c, c->at), next = byte_at(c, c->at + 1);
    if (c->at >= c->text.len) {
        end_token(c, MR_TOKEN_END, c->at, (mr_slice){NULL, 0});
        return MR_OK;
    }
    if (is_digit(byte)) return lex_number(c, err);
    if (byte == '"' || byte == '\'') return lex_string(c, c->at, false, err);
    if (byte == 'r' && (next == '"' || next == '\'')) return lex_string(c, c->at + 1, true, err);
    if (begins_name(byte)) {
        const size_t end = name_end(c, c->at);
        end_token(c, MR_TOKEN_WORD, end, span(c, c->at, end));
        return MR_OK;
    }
    if (byte == '.' && begins_name(next)) {
        const size_t end = name_end(c, c->at + 1);
        end_token(c, MR_TOKEN_FIELD, end, span(c, c->at + 1, end));
        return MR_OK;
    }
    if (byte == '.' && is_digit(next))
        return fail_at(c, c->at, err,
                       "expected a field's name after '.'; a number is written 0.5, an odd name "
                       "[\"1st\"]");
    return lex_sign(c, err);
}
