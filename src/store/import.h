/* SPDX-License-Identifier: MIT
 *
 * store/import.h - POST /import: messages come as lines, batches go to the store, and the answer
 * tells how far it is while more comes.
 *
 *     body  line line line ...  |filling, up to 1000|  ->  |committing|  ->  {"imported":1000,...}
 *                                  parsed meanwhile          one op of the store
 *
 * A batch is stored whole or not at all. What is behind a bad line, or behind a batch that was
 * refused, is not looked at; what was before stays. When both batches are full the body is not read
 * on: that is the back-pressure, and the reason why a body has no limit.
 *
 * The answer is sections of server-sent events, `data: {...}` each: `{"imported":n,"gpos":n}` after
 * each full batch, and at the end `{"done":true,...}` or `{"error":CODE,"message":...,"line":n}`.
 * Whoever does not read gets the latest figure when he does.
 *
 * One mr_importer serves any number of loops. Its end, in this order: stop the servers,
 * mr_importer_settle(), mr_message_store_finish(), close the servers, mr_importer_close(), close
 * the store.
 *
 * Thread: open, settle and close belong to one thread; the handler runs on the loops'. */
#ifndef MR_STORE_IMPORT_H
#define MR_STORE_IMPORT_H

#include "http/request.h"
#include "store/auth.h"
#include "store/store.h"

#define MR_IMPORT_BATCH_RECORDS         1000u
#define MR_IMPORT_LINE_BYTES            ((size_t)16 << 20)
#define MR_IMPORT_BATCH_BYTES           ((size_t)16 << 20) /* of lines; a batch that has more is full */
#define MR_IMPORT_SESSIONS_MAX          16u                /* at a time; 503 beyond */
#define MR_IMPORT_SESSIONS_OF_SPACE_MAX 4u /* so that one namespace cannot take them all */

typedef struct mr_importer mr_importer;

/* Both are borrowed until close. */
MR_NODISCARD mr_code mr_importer_open(mr_message_store *store, const mr_auth *auth,
                                      mr_importer **out, mr_error *err);
/* Returns when none of its ops is under way in the store. The servers must have stopped. */
void mr_importer_settle(mr_importer *importer);
/* NULL is harmless. */
void mr_importer_close(mr_importer *importer);

/* Answers /import, with any method; `context` is the mr_importer. Its route has `in_pieces` and no
 * limit to its body. */
void mr_import_serve(mr_http_request *request, void *context);

#endif
