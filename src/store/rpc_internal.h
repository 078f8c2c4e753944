/* SPDX-License-Identifier: MIT
 *
 * store/rpc_internal.h - what the files of /rpc share: a call, its arguments, its end.
 *
 *     rpc.c           authentication, the order of checks, the table of methods, figures
 *     rpc_args.c      arguments and options, with the errors they earn
 *     rpc_read.c      reads, whole and in pieces
 *     rpc_stream.c    stream.get, last, version, delete, truncate
 *     rpc_write.c     stream.write, stream.append, batch.write
 *     rpc_category.c  category.*
 *     rpc_space.c     ns.*
 *     rpc_system.c    sys.*, consumer.*, retention.*
 *
 * A method checks its arguments and either refuses, answers at once or submits the call's op with
 * the function that will finish it. Each call ends exactly once: rpc_answer(), rpc_refuse() or the
 * end of its stream.
 *
 * Thread: a call belongs to its loop's thread, and between rpc_submit() and its finish to the
 * store's. */
#ifndef MR_STORE_RPC_INTERNAL_H
#define MR_STORE_RPC_INTERNAL_H

#include "core/scan.h"
#include "store/answer.h"
#include "store/auth.h"
#include "store/rpc.h"

#define RPC_ARGS_MAX       4     /* that any method looks at; more are ignored */
#define RPC_BATCH_DEFAULT  1000  /* batchSize */
#define RPC_BATCH_MAX      10000 /* batchSize, and messages in one append */
#define RPC_PIECE_BYTES    (1u << 20)
#define RPC_SEND_BYTES     (16u << 10) /* of one chunk; below any output_high_bytes worth setting */
#define RPC_ARENA_KEEP_MAX (256u << 10) /* larger values are minified into the output's memory */
#define RPC_DETAIL_TEXT    300          /* bytes of a caller's text that an error quotes */

/* How a call ended, for answers and figures. */
typedef enum rpc_code {
    RPC_OK = 0,
    RPC_INVALID_REQUEST,
    RPC_METHOD_NOT_FOUND,
    RPC_AUTH, /* refused by store/auth.h */
    RPC_AUTH_UNAUTHORIZED,
    RPC_NAMESPACE_NOT_FOUND,
    RPC_NAMESPACE_EXISTS,
    RPC_STREAM_VERSION_CONFLICT,
    RPC_MESSAGE_ID_CONFLICT,
    RPC_QUOTA_EXCEEDED,
    RPC_BACKEND_ERROR,
    RPC_INTERNAL_ERROR,
    RPC_UNAVAILABLE,
    RPC_CODES, /* how many */
} rpc_code;

typedef struct rpc_call rpc_call;

typedef struct rpc_method {
    const char *name;
    size_t args_min;
    void (*run)(rpc_call *call);
} rpc_method;

#define RPC_METHODS 25
extern const rpc_method rpc_methods[RPC_METHODS];

struct mr_rpc {
    mr_rpc_options options;
    mr_auth auth;
    mr_gauge *connections; /* the HTTP server's; NULL without metrics */
    mr_metric_family *requests;
    mr_buckets *seconds[RPC_METHODS + 1]; /* the last is for calls without a known method */
    /* Made when a method first ends with a code. Set once to what the registry gives to everybody
     * who asks, so that two threads may do it at once. */
    _Atomic(mr_counter *) counts[RPC_METHODS + 1][RPC_CODES];
};

struct rpc_call {
    mr_rpc *rpc;
    mr_http_request *request;
    mr_arena *arena;
    mr_buffer *out; /* mr_http_output(); NULL until wanted */
    size_t method;  /* index; RPC_METHODS: none yet */
    int64_t started_ns;
    mr_caller caller;
    mr_space *target; /* another namespace, referenced */
    mr_scan_value args[RPC_ARGS_MAX];
    size_t arg_count; /* without the method's name */
    bool body_utf8;
    void (*finish)(rpc_call *call);
    union {
        mr_op op;
        mr_append_op append;
        mr_truncate_op truncate;
        mr_consumer_op consumer;
        mr_setting_op setting;
        mr_read_op read;
        mr_version_op version;
        mr_streams_op streams;
        mr_categories_op categories;
        mr_info_op info;
        mr_space_op space;
        mr_space_list_op spaces;
    } u;
    bool failed; /* the answer could not grow */
    bool comma;  /* something is in the list already */

    /* A read, see rpc_read.c. */
    bool stream_names, single, complete, streaming, cut;
    size_t sent; /* of the piece in `out` */

    /* A write. */
    mr_new_message message; /* the one of stream.write */
    bool many, per_message; /* the shape of the answer */

    /* Names and new rules, kept while an op is under way. */
    mr_slice name, token;
    mr_rules rules;
    bool sets_quota;
};

/* --- rpc.c ---------------------------------------------------------------------------------- */

/* Answers with the error: the code's name and, unless `error` has one, its status are filled in.
 * Always false, so that a check is one statement. */
bool rpc_refuse_with(rpc_call *call, rpc_code code, const mr_answer_error *error);
bool rpc_refuse(rpc_call *call, rpc_code code, const char *format, ...) MR_PRINTF(3, 4);
#define rpc_invalid(call, ...) rpc_refuse((call), RPC_INVALID_REQUEST, __VA_ARGS__)
/* The arguments need more memory than a request may take. Always false. */
bool rpc_no_room(rpc_call *call);
/* The call's buffer, emptied. */
mr_buffer *rpc_out(rpc_call *call);
/* Answers 200 with what is in call->out, or an error when it could not grow. */
void rpc_answer(rpc_call *call);
/* Counts the call and lets its namespaces go: the last use. */
void rpc_end(rpc_call *call, rpc_code code);

/* False, refused: the caller's namespace does not exist (test mode). */
MR_NODISCARD bool rpc_has_space(rpc_call *call);
/* False, refused: the caller may not administer `space_id`, which may be its own when `own`. */
MR_NODISCARD bool rpc_may_administer(rpc_call *call, mr_slice space_id, bool own);

/* Submits call->u.op, of which all but `kind` is filled, for `space` (NULL: of the store);
 * `finish` runs on the loop's thread afterwards. */
void rpc_submit(rpc_call *call, mr_op_kind kind, mr_space *space, void (*finish)(rpc_call *));
/* False, answered: the op failed. */
MR_NODISCARD bool rpc_succeeded(rpc_call *call);

/* Sets call->failed when an answer cannot grow. */
MR_INLINE void rpc_put(rpc_call *call, mr_code rc)
{
    if (MR_UNLIKELY(rc != MR_OK)) call->failed = true;
}
/* `text` is JSON, or a part of it. */
MR_INLINE void rpc_put_raw(rpc_call *call, const char *text)
{
    rpc_put(call, mr_answer_raw(call->out, mr_slice_text(text)));
}
/* "," unless it is the first in a list. */
MR_INLINE void rpc_put_comma(rpc_call *call)
{
    if (call->comma) rpc_put_raw(call, ",");
    call->comma = true;
}

/* --- rpc_args.c ----------------------------------------------------------------------------- */

/* Each is false when it has refused. `what` names the argument in the error. */

/* A stream's, category's or consumer's name. */
MR_NODISCARD bool rpc_name_of(rpc_call *call, const mr_scan_value *value, const char *what,
                              bool may_be_empty, mr_slice *out);
MR_NODISCARD bool rpc_space_id_of(rpc_call *call, const mr_scan_value *value, mr_slice *out);
/* The members of argument `index`, MR_SCAN_NONE where absent or when there is no such argument. */
MR_NODISCARD bool rpc_options_of(rpc_call *call, size_t index, const char *const *keys,
                                 size_t count, mr_scan_value *out);
/* The same of any value. */
MR_NODISCARD bool rpc_members_of(rpc_call *call, const mr_scan_value *value, const char *what,
                                 const char *const *keys, size_t count, mr_scan_value *out);
/* Options: `out` keeps what it had when the option is absent. */
MR_NODISCARD bool rpc_option_i64(rpc_call *call, const mr_scan_value *value, const char *what,
                                 int64_t *out);
MR_NODISCARD bool rpc_option_text(rpc_call *call, const mr_scan_value *value, const char *what,
                                  mr_slice *out);
MR_NODISCARD bool rpc_option_bool(rpc_call *call, const mr_scan_value *value, const char *what,
                                  bool *out);
/* A number of 0 or more. */
MR_NODISCARD bool rpc_option_count(rpc_call *call, const mr_scan_value *value, const char *what,
                                   uint64_t *out);
/* batchSize, already known to be within its bounds. */
MR_NODISCARD bool rpc_option_batch(rpc_call *call, const mr_scan_value *value, int64_t *out);
/* An object or array as it will be kept. */
MR_NODISCARD bool rpc_keep(rpc_call *call, const mr_scan_value *value, mr_slice *out);

/* --- rpc_read.c ----------------------------------------------------------------------------- */

/* Submits call->u.read, whose scope, name, from, filters and limit are filled, and answers with a
 * list of messages. */
void rpc_read_list(rpc_call *call, bool stream_names);
/* The same with one message or null. */
void rpc_read_one(rpc_call *call, bool stream_names);

/* --- The methods ---------------------------------------------------------------------------- */

void rpc_stream_write(rpc_call *call);
void rpc_stream_append(rpc_call *call);
void rpc_batch_write(rpc_call *call);
void rpc_stream_get(rpc_call *call);
void rpc_stream_last(rpc_call *call);
void rpc_stream_version(rpc_call *call);
void rpc_stream_truncate(rpc_call *call);
void rpc_stream_delete(rpc_call *call);
void rpc_category_get(rpc_call *call);
void rpc_category_last(rpc_call *call);
void rpc_ns_create(rpc_call *call);
void rpc_ns_delete(rpc_call *call);
void rpc_ns_list(rpc_call *call);
void rpc_ns_info(rpc_call *call);
void rpc_ns_streams(rpc_call *call);
void rpc_ns_categories(rpc_call *call);
void rpc_ns_rotate(rpc_call *call);
void rpc_ns_quota(rpc_call *call);
void rpc_sys_version(rpc_call *call);
void rpc_sys_health(rpc_call *call);
void rpc_consumer_get(rpc_call *call);
void rpc_consumer_set(rpc_call *call);
void rpc_consumer_delete(rpc_call *call);
void rpc_retention_get(rpc_call *call);
void rpc_retention_set(rpc_call *call);

#endif
