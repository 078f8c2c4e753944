/* SPDX-License-Identifier: MIT
 *
 * Reads the input as JSON, whole and piece by piece, and expects what the slow twin says: whether
 * it is JSON, what each part says, and what is kept of it. */
#include <stdio.h>
#include <stdlib.h>

#include "support/scan_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define INPUT_MAX 65536

/* What the storage looks for in every message. */
static void find_text(mr_slice input)
{
    char room[64];
    mr_slice text;
    mr_scan scan;
    mr_scan_value value;
    mr_scan_init(&scan, input);
    if (!mr_scan_next(&scan, &value) || value.kind != MR_SCAN_OBJECT) return;
    if (mr_scan_find_text(value.raw, "correlationStreamName", room, sizeof room, &text) &&
        text.len > 0 && !(text.ptr >= input.ptr && text.ptr < input.ptr + input.len) &&
        !(text.ptr == room && text.len <= sizeof room))
        abort();
}

static void read_number(mr_slice input)
{
    int64_t number;
    mr_scan scan;
    mr_scan_value value;
    mr_scan_init(&scan, input);
    if (!mr_scan_next(&scan, &value) || value.kind != MR_SCAN_NUMBER) return;
    if (mr_scan_i64(&value, &number) && number == 0 && value.raw.ptr[0] > '0' && value.raw.len < 3)
        abort(); /* two digits that do not begin with 0 are not 0 */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    bool accepted;
    if (size > INPUT_MAX) return 0;
    /* A copy of its own size, so that one byte too many is seen. */
    char *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) return 0;
    if (size > 0) memcpy(copy, bytes, size);
    const char *why = scan_differs((mr_slice){copy, size}, &accepted);
    if (why != NULL) {
        fprintf(stderr, "the twin disagrees: %s\n", why);
        abort();
    }
    if (accepted) {
        find_text((mr_slice){copy, size});
        read_number((mr_slice){copy, size});
    }
    free(copy);
    return 0;
}
