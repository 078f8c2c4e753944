/* SPDX-License-Identifier: MIT */
#include "pipeline/ledger.h"

#include <inttypes.h>

mr_code mr_ledger_check(const mr_ledger *ledger, mr_error *err)
{
    const uint64_t accounted = ledger->written + ledger->rejected + ledger->filtered +
                               ledger->deduplicated + ledger->aggregated;
    if (ledger->read == accounted) return MR_OK;
    return mr_fail(err, MR_ERR_IO,
                   "the ledger does not balance: %" PRIu64 " records read, but %" PRIu64
                   " written + %" PRIu64 " rejected + %" PRIu64 " filtered + %" PRIu64
                   " deduplicated + %" PRIu64 " aggregated; the output was not published",
                   ledger->read, ledger->written, ledger->rejected, ledger->filtered,
                   ledger->deduplicated, ledger->aggregated);
}
