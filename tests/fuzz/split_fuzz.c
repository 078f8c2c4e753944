/* SPDX-License-Identifier: MIT
 *
 * An array in pieces: its elements, and whether it is one, must not depend on where the pieces are
 * cut. The first byte says how long they are. */
#include <stdlib.h>

#include "connector/store_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mr_code note(void *context, mr_slice element, mr_error *err)
{
    mr_buffer *const out = context;
    MR_TRY(mr_buffer_append(out, element, err));
    return mr_buffer_append_byte(out, '\0', err);
}

static mr_code split(mr_slice text, size_t piece, mr_buffer *out)
{
    mr_store_split own;
    mr_store_split_init(&own, "an element", 1 << 20);
    own.take = note;
    own.context = out;
    mr_code code = MR_OK;
    for (size_t at = 0; code == MR_OK && at < text.len; at += piece) {
        const size_t len = text.len - at < piece ? text.len - at : piece;
        code = mr_store_split_feed(&own, mr_slice_of(text.ptr + at, len), NULL);
    }
    if (code == MR_OK) code = mr_store_split_finish(&own, NULL);
    mr_store_split_done(&own);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const mr_slice text = {(const char *)data + 1, size - 1};
    mr_buffer whole, cut;
    mr_buffer_init(&whole, "elements", 1 << 24);
    mr_buffer_init(&cut, "elements", 1 << 24);
    const mr_code first = split(text, text.len + 1, &whole);
    const mr_code second = split(text, data[0] % 17u + 1, &cut);
    if (first != second || !mr_slice_equal(mr_buffer_slice(&whole), mr_buffer_slice(&cut))) abort();
    mr_buffer_done(&whole);
    mr_buffer_done(&cut);
    return 0;
}
