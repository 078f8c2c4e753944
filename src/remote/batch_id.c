/* SPDX-License-Identifier: MIT */
#include "remote/batch_id.h"

#include <stdio.h>

#include "core/sha256.h"

/* Each part with its length before it, so that no two lists of parts give the same bytes. */
static void add_part(mr_sha256 *sum, mr_slice part)
{
    char length[32];
    const int len = snprintf(length, sizeof length, "%zu:", part.len);
    mr_sha256_add(sum, mr_slice_of(length, (size_t)len));
    if (part.len > 0) mr_sha256_add(sum, part);
}

void mr_batch_id_write(char out[MR_BATCH_ID_BYTES], const mr_batch_place *place)
{
    char numbers[80], hex[65];
    mr_sha256 sum;
    mr_sha256_init(&sum);
    add_part(&sum, MR_SLICE("millrace batch"));
    add_part(&sum, place->feed);
    add_part(&sum, place->source);
    snprintf(numbers, sizeof numbers, "%llu %llu %llu", (unsigned long long)place->first_record,
             (unsigned long long)place->first_part, (unsigned long long)place->row_count);
    add_part(&sum, mr_slice_text(numbers));
    mr_sha256_hex(&sum, hex);
    memcpy(out, hex, MR_BATCH_ID_BYTES);
}
