/* SPDX-License-Identifier: MIT */
#include "cli/store_token.h"

#include <stdlib.h>

mr_code mr_store_find_token(const mr_store_args *args, mr_arena *arena, mr_slice *out,
                            mr_error *err)
{
    const char *variable = getenv(MR_SERVE_TOKEN_VARIABLE);
    if (args->token != NULL && args->token_file != NULL)
        return mr_fail(err, MR_ERR_USAGE, "--token and --token-file: give one of the two");
    if (args->token_file != NULL) return mr_secret_load(arena, args->token_file, out, err);
    const char *token = args->token != NULL ? args->token : variable;
    if (token == NULL || token[0] == 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "a server wants a token: --token, --token-file or the variable %s",
                       MR_SERVE_TOKEN_VARIABLE);
    *out = mr_slice_text(token);
    return MR_OK;
}
