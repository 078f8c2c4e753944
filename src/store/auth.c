/* SPDX-License-Identifier: MIT */
#include "store/auth.h"

#include <stdio.h>

#include "core/json.h"
#include "http/query.h"

#define SCHEME "Bearer "

/* Answers with an error that may have one detail. */
static void refuse(mr_http_request *request, uint16_t status, const char *code, const char *message,
                   const char *detail, mr_slice value)
{
    mr_buffer *body = mr_http_output(request);
    mr_json_out json = {.out = body};
    mr_json_open(&json, '{');
    mr_json_key(&json, "error");
    mr_json_open(&json, '{');
    mr_json_key(&json, "code");
    mr_json_text(&json, mr_slice_text(code));
    mr_json_key(&json, "message");
    mr_json_text(&json, mr_slice_text(message));
    if (detail != NULL) {
        mr_json_key(&json, "details");
        mr_json_open(&json, '{');
        mr_json_key(&json, detail);
        mr_json_text(&json, value);
        mr_json_close(&json, '}');
    }
    mr_json_close(&json, '}');
    mr_json_close(&json, '}');
    if (json.failed) mr_buffer_reset(body);
    mr_http_reply(request, &(mr_http_response){.status = status,
                                               .content_type = MR_SLICE("application/json"),
                                               .body = mr_buffer_slice(body),
                                               .body_stays = true});
}

/* The token as it came; NULL when there is none. `why` then says what is missing. */
static mr_slice token_of(mr_http_request *request, const char **why)
{
    mr_slice token;
    if (mr_http_query_find(mr_http_query(request), "token", mr_http_arena(request), &token) ==
            MR_HTTP_FOUND &&
        token.len > 0)
        return token;
    if (!mr_http_header(request, "authorization", &token) || token.len == 0) {
        *why = "Authorization header is required";
        return (mr_slice){0};
    }
    if (!mr_slice_starts(token, SCHEME)) {
        *why = "Authorization header must be: Bearer, one space, the token";
        return (mr_slice){0};
    }
    return mr_slice_from(token, sizeof SCHEME - 1);
}

static bool admit_untested(const mr_auth *auth, mr_http_request *request, mr_caller *out)
{
    const char *why = NULL;
    mr_error err;
    const mr_slice token = token_of(request, &why);
    if (token.ptr == NULL) {
        refuse(request, 401, "AUTH_REQUIRED", why, NULL, (mr_slice){0});
        return false;
    }
    if (mr_token_parse(token, out->id, &out->id_len, &err) != MR_OK) {
        refuse(request, 401, "AUTH_INVALID_TOKEN", "Invalid token", "error",
               mr_slice_text(err.text));
        return false;
    }
    const mr_slice id = mr_slice_of(out->id, out->id_len);
    out->space = mr_message_store_find(auth->store, id);
    if (out->space != NULL && mr_space_admits(out->space, token)) return true;
    if (out->space != NULL) mr_space_release(out->space);
    out->space = NULL;
    refuse(request, 403, "AUTH_UNAUTHORIZED", "The token is not valid for its namespace",
           "namespace", id);
    return false;
}

bool mr_auth_admit(const mr_auth *auth, mr_http_request *request, mr_caller *out)
{
    *out = (mr_caller){0};
    if (!auth->test_mode) return admit_untested(auth, request, out);
    const char *why;
    const mr_slice token = token_of(request, &why);
    if (token.ptr == NULL || mr_token_parse(token, out->id, &out->id_len, NULL) != MR_OK) {
        out->id_len = sizeof "default" - 1;
        memcpy(out->id, "default", out->id_len);
    }
    out->space = mr_message_store_find(auth->store, mr_slice_of(out->id, out->id_len));
    return true;
}

void mr_auth_reply_no_space(mr_http_request *request, const mr_caller *caller)
{
    char message[MR_SPACE_ID_MAX + 32];
    snprintf(message, sizeof message, "Namespace '%.*s' not found", (int)caller->id_len,
             caller->id);
    refuse(request, 404, "NAMESPACE_NOT_FOUND", message, NULL, (mr_slice){0});
}
