/* SPDX-License-Identifier: MIT
 *
 * store: the verbs that look at a message store from outside. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/help.h"
#include "core/json.h"
#include "core/number.h"
#include "store/backup.h"
#include "store/check.h"
#include "store/token.h"

#define MAX_LINE_BYTES ((size_t)1 << 16)

static int print_and_free(mr_buffer *out, mr_code code, mr_error *err)
{
    if (code == MR_OK) code = mr_cli_print(mr_buffer_slice(out), err);
    mr_buffer_done(out);
    return code == MR_OK ? MR_EXIT_OK : mr_cli_fail(code, err);
}

int mr_cmd_store(MR_UNUSED mr_args *args)
{
    mr_buffer out;
    mr_error err = {0};
    mr_buffer_init(&out, "help text", MR_HELP_MAX_BYTES);
    const mr_code code = mr_help_store(&out, &err);
    const int exit_code = print_and_free(&out, code, &err);
    return exit_code == MR_EXIT_OK ? MR_EXIT_USAGE : exit_code; /* shown, but nothing was asked */
}

static mr_code make_token(const char *id, mr_buffer *out, mr_error *err)
{
    char token[MR_TOKEN_TEXT_MAX];
    MR_TRY(mr_space_id_check(mr_slice_text(id), err));
    const size_t len = mr_token_make(mr_slice_text(id), token);
    if (len == 0) return mr_fail(err, MR_ERR_IO, "the system has no randomness to give");
    MR_TRY(mr_buffer_append(out, mr_slice_of(token, len), err));
    return mr_buffer_append_byte(out, '\n', err);
}

int mr_cmd_store_token(mr_args *args)
{
    mr_buffer out;
    mr_error err = {0};
    mr_buffer_init(&out, "token", 1024);
    const mr_code code =
        make_token(args->operand_count > 0 ? args->operands[0] : "default", &out, &err);
    return print_and_free(&out, code == MR_ERR_INPUT ? MR_ERR_USAGE : code, &err);
}

/* --- check --------------------------------------------------------------------------------------
 */

typedef struct checking {
    mr_check check;
    mr_buffer line;
    bool json;
    mr_code code; /* of printing */
    mr_error err;
} checking;

/* Prints the line that has been put together. */
static void flush_line(checking *c, mr_code code)
{
    if (code == MR_OK) code = mr_cli_print(mr_buffer_slice(&c->line), &c->err);
    if (c->code == MR_OK) c->code = code;
    mr_buffer_reset(&c->line);
}

static void on_found(mr_check *check, const char *space, bool is_fault, const char *text)
{
    checking *c = MR_CONTAINER_OF(check, checking, check);
    if (!c->json) {
        flush_line(c, mr_buffer_printf(&c->line, &c->err, "%s: %s: %s\n",
                                       space != NULL ? space : "registry",
                                       is_fault ? "fault" : "remark", text));
        return;
    }
    mr_json_out json = {.out = &c->line};
    mr_json_open(&json, '{');
    mr_json_key(&json, "namespace");
    space != NULL ? mr_json_text(&json, mr_slice_text(space)) : mr_json_null(&json);
    mr_json_key(&json, "fault"), mr_json_bool(&json, is_fault);
    mr_json_key(&json, "text"), mr_json_text(&json, mr_slice_text(text));
    mr_json_close(&json, '}');
    flush_line(c, json.failed ? mr_json_out_fail(&json, &c->err)
                              : mr_buffer_append_byte(&c->line, '\n', &c->err));
}

static void on_checked(mr_check *check, const mr_check_space *space)
{
    checking *c = MR_CONTAINER_OF(check, checking, check);
    char size[MR_UNIT_TEXT_MAX];
    if (c->json) return;
    const int size_len = (int)mr_format_size(size, space->size_bytes);
    flush_line(c, mr_buffer_printf(&c->line, &c->err,
                                   "%s: %llu messages in %llu streams, %.*s%s: %s\n", space->id,
                                   (unsigned long long)space->messages,
                                   (unsigned long long)space->streams, size_len, size,
                                   space->form == MR_DATA_EVENTODB ? ", not yet taken over" : "",
                                   space->faults == 0 ? "ok" : "damaged"));
}

static mr_code put_total(checking *c)
{
    const mr_check *check = &c->check;
    if (!c->json)
        return mr_buffer_printf(
            &c->line, &c->err, "%llu namespaces, %llu messages, %llu faults, %llu remarks\n",
            (unsigned long long)check->spaces, (unsigned long long)check->messages,
            (unsigned long long)check->faults, (unsigned long long)check->remarks);
    return mr_buffer_printf(&c->line, &c->err,
                            "{\"namespaces\":%llu,\"messages\":%llu,\"faults\":%llu,\"remarks\":"
                            "%llu}\n",
                            (unsigned long long)check->spaces, (unsigned long long)check->messages,
                            (unsigned long long)check->faults, (unsigned long long)check->remarks);
}

int mr_cmd_store_check(mr_args *args)
{
    mr_error err = {0};
    checking c = {.check = {.registry = args->store.registry,
                            .strict = args->store.strict,
                            .found = on_found,
                            .done = on_checked},
                  .json = args->json};
    mr_buffer_init(&c.line, "line", MAX_LINE_BYTES);
    mr_code rc = mr_check_run(&c.check, args->operands[0], &err);
    if (rc == MR_OK) {
        flush_line(&c, put_total(&c));
        rc = c.code;
        err = c.err;
    }
    mr_buffer_done(&c.line);
    if (rc != MR_OK) return mr_cli_fail(rc, &err);
    return c.check.faults == 0 ? MR_EXIT_OK : MR_EXIT_FAILED;
}

/* --- backup -------------------------------------------------------------------------------------
 */

int mr_cmd_store_backup(mr_args *args)
{
    mr_error err = {0};
    char line[256], size[MR_UNIT_TEXT_MAX];
    mr_backup backup = {.registry = args->store.registry};
    mr_code rc = mr_backup_run(&backup, args->operands[0], args->operands[1], &err);
    if (rc == MR_OK) {
        const int size_len = (int)mr_format_size(size, backup.size_bytes);
        const int len = snprintf(line, sizeof line, "%llu namespaces, %.*s, copied and checked\n",
                                 (unsigned long long)backup.spaces, size_len, size);
        rc = mr_cli_print(mr_slice_of(line, (size_t)len), &err);
    }
    return rc == MR_OK ? MR_EXIT_OK : mr_cli_fail(rc, &err);
}
