/* SPDX-License-Identifier: MIT */
#include "pipeline/ledger.h"

#include "support/test.h"

MR_TEST(a_ledger_balances_only_when_every_record_is_accounted_for)
{
    mr_error err;
    const mr_ledger good = {.read = 15,
                            .written = 1,
                            .rejected = 2,
                            .filtered = 3,
                            .deduplicated = 4,
                            .aggregated = 5,
                            .blank_lines = 99,
                            .offered = 77};
    MR_EXPECT_OK(mr_ledger_check(&good, &err));
    const size_t terms[] = {offsetof(mr_ledger, read),         offsetof(mr_ledger, written),
                            offsetof(mr_ledger, rejected),     offsetof(mr_ledger, filtered),
                            offsetof(mr_ledger, deduplicated), offsetof(mr_ledger, aggregated)};
    for (size_t i = 0; i < MR_COUNT_OF(terms); i++)
        for (int step = -1; step <= 1; step += 2) {
            mr_ledger bad = good;
            uint64_t *term = (uint64_t *)(void *)((char *)&bad + terms[i]);
            *term += (uint64_t)step;
            MR_EXPECT_I64(mr_ledger_check(&bad, &err), ==, MR_ERR_IO); /* exit code 1 */
            MR_EXPECT(strstr(err.text, "the ledger does not balance") != NULL);
        }
}
