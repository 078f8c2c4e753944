/* SPDX-License-Identifier: MIT */
#include "cli/go_flags.h"

#include "core/number.h"

bool mr_go_parse_bool(mr_slice text, bool *out)
{
    static const char *const yes[] = {"1", "t", "T", "true", "True", "TRUE"};
    static const char *const no[] = {"0", "f", "F", "false", "False", "FALSE"};
    for (size_t i = 0; i < MR_COUNT_OF(yes); i++) {
        if (!mr_slice_is(text, yes[i]) && !mr_slice_is(text, no[i])) continue;
        *out = mr_slice_is(text, yes[i]);
        return true;
    }
    return false;
}

static bool parse_port(mr_slice text, uint32_t *out)
{
    uint64_t port;
    if (!mr_parse_u64(text, &port) || port > UINT16_MAX) return false;
    *out = (uint32_t)port;
    return true;
}

/* `text` is NUL-terminated and outlives the values. */
static bool set_value(const mr_go_flag *flag, void *values, const char *text)
{
    char *field = (char *)values + flag->offset;
    const mr_slice value = mr_slice_text(text);
    bool yes;
    uint32_t port;
    switch (flag->kind) {
    case MR_GO_TEXT: memcpy(field, &text, sizeof text); return true;
    case MR_GO_BOOL:
        if (!mr_go_parse_bool(value, &yes)) return false;
        memcpy(field, &yes, sizeof yes);
        return true;
    case MR_GO_PORT:
        if (!parse_port(value, &port)) return false;
        memcpy(field, &port, sizeof port);
        return true;
    }
    return false;
}

static void set_fallbacks(const mr_go_flag *table, void *values, mr_go_getenv *environment)
{
    for (const mr_go_flag *flag = table; flag->name != NULL; flag++) {
        if (flag->fallback != NULL) set_value(flag, values, flag->fallback);
        const char *text = flag->variable != NULL ? environment(flag->variable) : NULL;
        if (text != NULL && text[0] != 0) set_value(flag, values, text);
    }
}

static const mr_go_flag *find_flag(const mr_go_flag *table, mr_slice name)
{
    for (const mr_go_flag *flag = table; flag->name != NULL; flag++)
        if (mr_slice_is(name, flag->name)) return flag;
    return NULL;
}

static const char *expected(mr_go_kind kind)
{
    return kind == MR_GO_BOOL ? "true or false" : "a port from 0 to 65535";
}

/* The words of one flag: its name, and its value when it was written with '='. */
typedef struct flag_text {
    mr_slice name;
    const char *value; /* or NULL */
} flag_text;

/* False for the end of the flags. */
static bool read_flag_text(const char *word, flag_text *out)
{
    if (word[0] != '-' || word[1] == 0) return false;
    const char *name = word + (word[1] == '-' ? 2 : 1);
    if (name[0] == 0) return false;
    const char *equals = strchr(name, '=');
    out->name =
        mr_slice_of(name, equals != NULL && equals > name ? (size_t)(equals - name) : strlen(name));
    out->value = equals != NULL && equals > name ? equals + 1 : NULL;
    return true;
}

/* Takes the flag's value, from the next word if need be. */
static mr_code take_flag(const mr_go_flag *flag, const flag_text *text, void *values, int argc,
                         char **argv, int *at, mr_error *err)
{
    const char *value = text->value;
    if (value == NULL && flag->kind == MR_GO_BOOL) value = "true";
    if (value == NULL && *at == argc)
        return mr_fail(err, MR_ERR_USAGE, "flag -%s needs a value", flag->name);
    if (value == NULL) value = argv[(*at)++];
    if (set_value(flag, values, value)) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "flag -%s: expected %s, found '%s'", flag->name,
                   expected(flag->kind), value);
}

mr_code mr_go_flags_parse(const mr_go_flag *table, void *values, int argc, char **argv, int *at,
                          mr_go_getenv *environment, bool *out_help, mr_error *err)
{
    *out_help = false;
    set_fallbacks(table, values, environment);
    while (*at < argc) {
        flag_text text;
        const char *word = argv[*at];
        if (!read_flag_text(word, &text)) {
            if (strcmp(word, "--") == 0) ++*at;
            return MR_OK;
        }
        ++*at;
        const mr_go_flag *flag = find_flag(table, text.name);
        if (flag == NULL && (mr_slice_is(text.name, "h") || mr_slice_is(text.name, "help"))) {
            *out_help = true;
            return MR_OK;
        }
        if (flag == NULL)
            return mr_fail(err, MR_ERR_USAGE, "there is no flag -%.*s", MR_SLICE_ARGS(text.name));
        MR_TRY(take_flag(flag, &text, values, argc, argv, at, err));
    }
    return MR_OK;
}

mr_code mr_go_flags_print(const mr_go_flag *table, mr_buffer *out, mr_error *err)
{
    for (const mr_go_flag *flag = table; flag->name != NULL; flag++) {
        const char *value = flag->kind == MR_GO_TEXT   ? " VALUE"
                            : flag->kind == MR_GO_PORT ? " NUMBER"
                                                       : "";
        MR_TRY(mr_buffer_printf(out, err, "  -%s%s\n        %s", flag->name, value, flag->help));
        const bool plain_switch =
            flag->kind == MR_GO_BOOL &&
            (flag->fallback == NULL || mr_slice_is(mr_slice_text(flag->fallback), "false"));
        if (flag->fallback != NULL && !plain_switch)
            MR_TRY(mr_buffer_printf(out, err, "; default %s", flag->fallback));
        if (flag->variable != NULL) MR_TRY(mr_buffer_printf(out, err, " [%s]", flag->variable));
        MR_TRY(mr_buffer_append_byte(out, '\n', err));
    }
    return MR_OK;
}
