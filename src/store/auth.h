/* SPDX-License-Identifier: MIT
 *
 * store/auth.h - whose request it is: the namespace that its token names.
 *
 *     ?token=T, else "Authorization: Bearer T"     401 AUTH_REQUIRED without either
 *     T parses                                     401 AUTH_INVALID_TOKEN
 *     its namespace exists and T is its token      403 AUTH_UNAUTHORIZED
 *
 * In test mode what has no usable token is of the namespace `default`, any token is taken for its
 * namespace's, and the namespace need not exist.
 *
 * Thread: any; answers on the loop's. */
#ifndef MR_STORE_AUTH_H
#define MR_STORE_AUTH_H

#include "http/request.h"
#include "store/store.h"

typedef struct mr_auth {
    mr_message_store *store; /* borrowed */
    bool test_mode;
} mr_auth;

typedef struct mr_caller {
    mr_space *space; /* referenced by the caller from now on; NULL, in test mode: does not exist */
    size_t id_len;
    char id[MR_SPACE_ID_MAX]; /* of the namespace */
} mr_caller;

/* False: the request has been answered. */
MR_NODISCARD MR_HOT bool mr_auth_admit(const mr_auth *auth, mr_http_request *request,
                                       mr_caller *out);

/* Answers 404 NAMESPACE_NOT_FOUND for a caller without space. */
void mr_auth_reply_no_space(mr_http_request *request, const mr_caller *caller);

#endif
