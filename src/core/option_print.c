/* SPDX-License-Identifier: MIT */
#include "core/option_print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_WIDTH    100
#define EXPECTS_BYTES 256

/* ---- what a value looks like ---- */

typedef struct phrase {
    char *out;
    size_t size, used;
} phrase;

static void say(phrase *text, const char *format, ...) MR_PRINTF(2, 3);

static void say(phrase *text, const char *format, ...)
{
    if (text->used + 1 >= text->size) return;
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text->out + text->used, text->size - text->used, format, args);
    va_end(args);
    if (len > 0) text->used += (size_t)len;
}

/* "row, columnar or hybrid": the first name of each value. */
static void say_choices(phrase *text, const mr_option_choice *choices)
{
    const char *pending = NULL;
    bool first = true;
    for (const mr_option_choice *c = choices; c->name != NULL; c++) {
        bool alias = false;
        for (const mr_option_choice *before = choices; before < c; before++)
            alias = alias || before->value == c->value;
        if (alias) continue;
        if (pending != NULL) say(text, "%s%s", first ? "" : ", ", pending);
        if (pending != NULL) first = false;
        pending = c->name;
    }
    if (pending != NULL) say(text, "%s%s", first ? "" : " or ", pending);
}

static const char *duration_unit(int64_t ns, int64_t *count)
{
    static const struct {
        int64_t ns;
        const char *unit;
    } units[] = {{3600000000000, "h"}, {60000000000, "m"}, {1000000000, "s"},
                 {1000000, "ms"},      {1000, "us"},       {1, "ns"}};
    for (size_t i = 0; i < MR_COUNT_OF(units); i++) {
        if (ns % units[i].ns != 0) continue;
        *count = ns / units[i].ns;
        return units[i].unit;
    }
    *count = ns;
    return "ns";
}

static const char *size_unit(int64_t bytes, int64_t *count)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes > 0 && bytes % 1024 == 0 && unit + 1 < MR_COUNT_OF(units)) {
        bytes /= 1024;
        unit++;
    }
    *count = bytes;
    return units[unit];
}

static void say_bound(phrase *text, mr_option_type type, int64_t value)
{
    const char *unit = "";
    int64_t count = value;
    if (type == MR_OPTION_DURATION_NS) unit = duration_unit(value, &count);
    if (type == MR_OPTION_SIZE_BYTES) unit = size_unit(value, &count);
    say(text, "%" PRId64 "%s", count, unit);
}

/* " from 1 to 100", " of at least 1", or nothing. */
static void say_range(phrase *text, const mr_option *option)
{
    if (option->range.min == 0 && option->range.max == 0) return;
    if (option->range.max == INT64_MAX) {
        say(text, " of at least ");
        say_bound(text, option->type, option->range.min);
        return;
    }
    say(text, " from ");
    say_bound(text, option->type, option->range.min);
    say(text, " to ");
    say_bound(text, option->type, option->range.max);
}

static void say_type(phrase *text, const mr_option *option)
{
    switch (option->type) {
    case MR_OPTION_BOOL: say(text, "true or false"); return;
    case MR_OPTION_I64:
    case MR_OPTION_U32:
    case MR_OPTION_U64: say(text, "a whole number"); return;
    case MR_OPTION_F64: say(text, "a number"); return;
    case MR_OPTION_TEXT: say(text, "text"); return;
    case MR_OPTION_CHAR: say(text, "one character"); return;
    case MR_OPTION_DURATION_NS: say(text, "a duration (10s, 1m30s, or nanoseconds)"); return;
    case MR_OPTION_SIZE_BYTES: say(text, "a size (64MiB, or bytes)"); return;
    case MR_OPTION_ENUM: say_choices(text, option->choices); return;
    case MR_OPTION_LIST: say(text, "a list (a,b,c)"); return;
    case MR_OPTION_MAP: say(text, "pairs (key=value,key=value)"); return;
    case MR_OPTION_PARSED: say(text, "a value"); return;
    }
}

void mr_option_expects(const mr_option *option, char *out, size_t size)
{
    phrase text = {.out = out, .size = size};
    if (size > 0) out[0] = 0;
    if (option->syntax != NULL) {
        say(&text, "%s", option->syntax);
        return;
    }
    say_type(&text, option);
    say_range(&text, option);
    if (option->type != MR_OPTION_CHAR || option->choices == NULL) return;
    say(&text, " or ");
    say_choices(&text, option->choices);
}

/* ---- escapes ---- */

mr_code mr_print_json_text(mr_slice text, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_append_byte(out, '"', err));
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.ptr[i];
        if ((unsigned char)byte < 0x20) {
            MR_TRY(mr_buffer_printf(out, err, "\\u%04x", (unsigned)byte));
            continue;
        }
        if (byte == '"' || byte == '\\') MR_TRY(mr_buffer_append_byte(out, '\\', err));
        MR_TRY(mr_buffer_append_byte(out, byte, err));
    }
    return mr_buffer_append_byte(out, '"', err);
}

mr_code mr_print_man_text(mr_slice text, mr_buffer *out, mr_error *err)
{
    if (text.len > 0 && (text.ptr[0] == '.' || text.ptr[0] == '\''))
        MR_TRY(mr_buffer_append(out, MR_SLICE("\\&"), err));
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.ptr[i];
        if (byte == '-') {
            MR_TRY(mr_buffer_append(out, MR_SLICE("\\-"), err));
        } else if (byte == '\\') {
            MR_TRY(mr_buffer_append(out, MR_SLICE("\\e"), err));
        } else {
            MR_TRY(mr_buffer_append_byte(out, byte, err));
        }
    }
    return MR_OK;
}

/* A table cell of Markdown: '|' would end it. */
static mr_code print_cell(mr_slice text, mr_buffer *out, mr_error *err)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '|') MR_TRY(mr_buffer_append_byte(out, '\\', err));
        MR_TRY(mr_buffer_append_byte(out, text.ptr[i], err));
    }
    return MR_OK;
}

mr_code mr_print_wrapped(mr_slice text, size_t indent, size_t width, mr_buffer *out, mr_error *err)
{
    const size_t room = width > indent + 20 ? width - indent : 20;
    while (text.len > room) {
        size_t cut = room;
        while (cut > 0 && text.ptr[cut] != ' ')
            cut--;
        if (cut == 0) break;
        MR_TRY(mr_buffer_append(out, mr_slice_of(text.ptr, cut), err));
        MR_TRY(mr_buffer_printf(out, err, "\n%*s", (int)indent, ""));
        text = mr_slice_from(text, cut + 1);
    }
    return mr_buffer_append(out, text, err);
}

/* ---- tables ---- */

static const char *status_of(const mr_option *option)
{
    if ((option->flags & MR_OPTION_REFUSED) != 0) return "not supported yet";
    if ((option->flags & MR_OPTION_IGNORED) != 0) return "no effect";
    if ((option->flags & MR_OPTION_DEPRECATED) != 0) return "deprecated";
    if ((option->flags & MR_OPTION_REQUIRED) != 0) return "required";
    if ((option->flags & MR_OPTION_REMOTE) != 0) return "remote ends only";
    return NULL;
}

/* "help (no effect: note)" */
static mr_code compose_help(const mr_option *option, mr_buffer *line, mr_error *err)
{
    MR_TRY(mr_buffer_append(line, mr_slice_text(option->help), err));
    const char *status = status_of(option);
    if (status == NULL) return MR_OK;
    MR_TRY(mr_buffer_printf(line, err, "%s(%s", option->help != NULL ? " " : "", status));
    if (option->note != NULL) MR_TRY(mr_buffer_printf(line, err, ": %s", option->note));
    return mr_buffer_append_byte(line, ')', err);
}

/* "a whole number from 1 to 10; default 5; also called x, y" */
static mr_code compose_value(const mr_option *option, mr_buffer *line, mr_error *err)
{
    char expects[EXPECTS_BYTES];
    mr_option_expects(option, expects, sizeof expects);
    MR_TRY(mr_buffer_append(line, mr_slice_text(expects), err));
    if (option->fallback != NULL && option->fallback[0] != 0)
        MR_TRY(mr_buffer_printf(line, err, "; default %s", option->fallback));
    const char *rest = option->aliases;
    const char *comma = "; also ";
    for (mr_slice alias; mr_option_next_alias(&rest, &alias); comma = ", ")
        MR_TRY(mr_buffer_printf(line, err, "%s%.*s", comma, MR_SLICE_ARGS(alias)));
    return MR_OK;
}

static mr_code print_text(const mr_option *option, mr_buffer *line, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_printf(out, err, "  %s\n      ", option->name));
    MR_TRY(compose_help(option, line, err));
    MR_TRY(mr_print_wrapped(mr_buffer_slice(line), 6, TEXT_WIDTH, out, err));
    mr_buffer_reset(line);
    MR_TRY(compose_value(option, line, err));
    MR_TRY(mr_buffer_append(out, MR_SLICE("\n      "), err));
    MR_TRY(mr_print_wrapped(mr_buffer_slice(line), 6, TEXT_WIDTH, out, err));
    return mr_buffer_append_byte(out, '\n', err);
}

static mr_code print_man(const mr_option *option, mr_buffer *line, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_append(out, MR_SLICE(".TP\n.B "), err));
    MR_TRY(mr_print_man_text(mr_slice_text(option->name), out, err));
    MR_TRY(mr_buffer_append_byte(out, '\n', err));
    MR_TRY(compose_help(option, line, err));
    MR_TRY(mr_buffer_append(line, MR_SLICE(": "), err));
    MR_TRY(compose_value(option, line, err));
    MR_TRY(mr_print_man_text(mr_buffer_slice(line), out, err));
    return mr_buffer_append(out, MR_SLICE(".\n"), err);
}

static mr_code print_markdown(const mr_option *option, mr_buffer *line, mr_buffer *out,
                              mr_error *err)
{
    char expects[EXPECTS_BYTES];
    mr_option_expects(option, expects, sizeof expects);
    MR_TRY(mr_buffer_printf(out, err, "| `%s`", option->name));
    const char *rest = option->aliases;
    for (mr_slice alias; mr_option_next_alias(&rest, &alias);)
        MR_TRY(mr_buffer_printf(out, err, "<br>`%.*s`", MR_SLICE_ARGS(alias)));
    MR_TRY(mr_buffer_append(out, MR_SLICE(" | "), err));
    MR_TRY(print_cell(mr_slice_text(expects), out, err));
    MR_TRY(mr_buffer_append(out, MR_SLICE(" | "), err));
    if (option->fallback != NULL && option->fallback[0] != 0) {
        MR_TRY(mr_buffer_append_byte(out, '`', err));
        MR_TRY(print_cell(mr_slice_text(option->fallback), out, err));
        MR_TRY(mr_buffer_append_byte(out, '`', err));
    }
    MR_TRY(mr_buffer_append(out, MR_SLICE(" | "), err));
    MR_TRY(compose_help(option, line, err));
    MR_TRY(print_cell(mr_buffer_slice(line), out, err));
    return mr_buffer_append(out, MR_SLICE(" |\n"), err);
}

static const char *type_name(mr_option_type type)
{
    switch (type) {
    case MR_OPTION_BOOL: return "bool";
    case MR_OPTION_I64: return "i64";
    case MR_OPTION_U32: return "u32";
    case MR_OPTION_U64: return "u64";
    case MR_OPTION_F64: return "f64";
    case MR_OPTION_TEXT: return "text";
    case MR_OPTION_CHAR: return "char";
    case MR_OPTION_DURATION_NS: return "duration";
    case MR_OPTION_SIZE_BYTES: return "size";
    case MR_OPTION_ENUM: return "enum";
    case MR_OPTION_LIST: return "list";
    case MR_OPTION_MAP: return "map";
    case MR_OPTION_PARSED: return "special";
    }
    return "unknown";
}

static mr_code json_member(const char *key, const char *value, mr_buffer *out, mr_error *err)
{
    if (value == NULL) return MR_OK;
    MR_TRY(mr_buffer_printf(out, err, ",\"%s\":", key));
    return mr_print_json_text(mr_slice_text(value), out, err);
}

static mr_code json_names(const mr_option *option, mr_buffer *out, mr_error *err)
{
    const char *rest = option->aliases, *comma = ",\"aliases\":[";
    for (mr_slice alias; mr_option_next_alias(&rest, &alias); comma = ",") {
        MR_TRY(mr_buffer_append(out, mr_slice_text(comma), err));
        MR_TRY(mr_print_json_text(alias, out, err));
    }
    if (option->aliases != NULL) MR_TRY(mr_buffer_append_byte(out, ']', err));
    if (option->choices == NULL) return MR_OK;
    comma = ",\"choices\":[";
    for (const mr_option_choice *c = option->choices; c->name != NULL; c++, comma = ",") {
        MR_TRY(mr_buffer_append(out, mr_slice_text(comma), err));
        MR_TRY(mr_print_json_text(mr_slice_text(c->name), out, err));
    }
    return mr_buffer_append_byte(out, ']', err);
}

static mr_code print_json(const mr_option *option, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_append(out, MR_SLICE("{\"name\":"), err));
    MR_TRY(mr_print_json_text(mr_slice_text(option->name), out, err));
    MR_TRY(json_member("type", type_name(option->type), out, err));
    MR_TRY(json_names(option, out, err));
    MR_TRY(json_member("default", option->fallback, out, err));
    if (option->range.min != 0 || option->range.max != 0)
        MR_TRY(mr_buffer_printf(out, err, ",\"min\":%" PRId64 ",\"max\":%" PRId64,
                                option->range.min, option->range.max));
    MR_TRY(json_member("syntax", option->syntax, out, err));
    if ((option->flags & MR_OPTION_SECRET) != 0)
        MR_TRY(mr_buffer_append(out, MR_SLICE(",\"secret\":true"), err));
    MR_TRY(json_member("status", status_of(option), out, err));
    MR_TRY(json_member("help", option->help, out, err));
    MR_TRY(json_member("note", option->note, out, err));
    return mr_buffer_append_byte(out, '}', err);
}

static mr_code print_one(const mr_option *option, mr_option_style style, mr_buffer *line,
                         mr_buffer *out, mr_error *err)
{
    mr_buffer_reset(line);
    switch (style) {
    case MR_OPTION_STYLE_TEXT: return print_text(option, line, out, err);
    case MR_OPTION_STYLE_MAN: return print_man(option, line, out, err);
    case MR_OPTION_STYLE_MARKDOWN: return print_markdown(option, line, out, err);
    case MR_OPTION_STYLE_JSON: return print_json(option, out, err);
    }
    return MR_OK;
}

static mr_code print_all(const mr_option *table, mr_option_style style, mr_buffer *line,
                         mr_buffer *out, mr_error *err)
{
    const bool json = style == MR_OPTION_STYLE_JSON;
    if (style == MR_OPTION_STYLE_MARKDOWN)
        MR_TRY(mr_buffer_append(
            out, MR_SLICE("| Key | Value | Default | Meaning |\n|---|---|---|---|\n"), err));
    if (json) MR_TRY(mr_buffer_append_byte(out, '[', err));
    for (const mr_option *option = table; option->name != NULL; option++) {
        if (json && option != table) MR_TRY(mr_buffer_append_byte(out, ',', err));
        MR_TRY(print_one(option, style, line, out, err));
    }
    return json ? mr_buffer_append_byte(out, ']', err) : MR_OK;
}

mr_code mr_option_print(const mr_option *table, mr_option_style style, mr_buffer *out,
                        mr_error *err)
{
    mr_buffer line;
    mr_buffer_init(&line, "option help", 64 * 1024);
    const mr_code code = print_all(table, style, &line, out, err);
    mr_buffer_done(&line);
    return code;
}

/* ---- values ---- */

static mr_code print_collection(const mr_options *options, const mr_option *option, mr_buffer *out,
                                mr_error *err)
{
    const void *field = (const char *)options->values + option->offset;
    const char *comma = "";
    if (option->type == MR_OPTION_LIST) {
        const mr_option_list *list = field;
        for (uint32_t i = 0; i < list->count; i++, comma = ",")
            MR_TRY(mr_buffer_printf(out, err, "%s%s", comma, list->items[i]));
        return MR_OK;
    }
    const mr_option_map *map = field;
    for (uint32_t i = 0; i < map->count; i++, comma = ",")
        MR_TRY(
            mr_buffer_printf(out, err, "%s%s=%s", comma, map->items[i].key, map->items[i].value));
    return MR_OK;
}

static mr_code print_value(const mr_options *options, const mr_option *option,
                           const mr_option_state *state, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_printf(out, err, "%s: ", option->name));
    if ((option->flags & MR_OPTION_SECRET) != 0) {
        MR_TRY(mr_buffer_append(out, MR_SLICE("***"), err));
    } else if (option->type == MR_OPTION_LIST || option->type == MR_OPTION_MAP) {
        MR_TRY(print_collection(options, option, out, err));
    } else {
        MR_TRY(mr_buffer_append(out, mr_slice_text(state->text), err));
    }
    if (state->where != NULL) MR_TRY(mr_buffer_printf(out, err, "    # %s", state->where));
    return mr_buffer_append_byte(out, '\n', err);
}

mr_code mr_options_print_values(const mr_options *options, bool all, mr_buffer *out, mr_error *err)
{
    for (uint32_t i = 0; i < options->count; i++) {
        const mr_option_state *state = &options->states[i];
        if (state->origin == MR_ORIGIN_DEFAULT && (!all || state->text == NULL)) continue;
        MR_TRY(print_value(options, &options->table[i], state, out, err));
    }
    return MR_OK;
}
