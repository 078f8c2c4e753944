/* SPDX-License-Identifier: MIT
 *
 * cli/store_token.h - the token with which a verb of `store` goes to a server.
 *
 * Thread: main thread. */
#ifndef MR_CLI_STORE_TOKEN_H
#define MR_CLI_STORE_TOKEN_H

#include "cli/args.h"

/* That of --token or --token-file, else of the variable MR_SERVE_TOKEN_VARIABLE; NUL-terminated.
 * MR_ERR_USAGE when there is none, or both flags. */
MR_NODISCARD mr_code mr_store_find_token(const mr_store_args *args, mr_arena *arena, mr_slice *out,
                                         mr_error *err);

#endif
