/* SPDX-License-Identifier: MIT
 *
 * http/fault.h - what kind of trouble an HTTP status is.
 *
 *     408 425 500-599           transient     except as below
 *     429, 503 + Retry-After    throttled
 *     507                       fatal         the server's disk is full
 *     other 3xx and 4xx         permanent
 *
 * Thread: pure, any. */
#ifndef MR_HTTP_FAULT_H
#define MR_HTTP_FAULT_H

#include "remote/fault.h"

/* `asked_to_wait`: the answer had a Retry-After. 0 (no status) and 2xx are none. */
mr_fault_class mr_http_fault_of_status(unsigned status, bool asked_to_wait);

#endif
