/* SPDX-License-Identifier: MIT
 *
 * The power fails under the store: whatever it had not synced is undone in part or wholly, and what
 * was acknowledged is there nevertheless.
 * Runs alone: 64 writers want the machine. */
#include <time.h>

#include "support/power_cut.h"
#include "support/store_torture.h"
#include "support/test.h"

#define WRITERS 64
#define ROUNDS  9

#ifdef MR_RECORDING_IO

static void pause_ms(unsigned ms)
{
    const struct timespec moment = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&moment, NULL);
}

MR_TEST(what_was_acknowledged_survives_a_power_cut)
{
    static mr_torture torture;
    static const unsigned staying[] = {0, 50, 90};
    mr_store_server server;
    char record[600];
    uint64_t messages = 0;
    size_t lost = 0, kept = 0;
    mr_store_server_init(&server, "power");
    snprintf(record, sizeof record, "%s.record", server.dir);
    setenv(POWER_CUT_ENV, record, 1);
    mr_torture_init(&torture, &server, WRITERS, (uint64_t)time(NULL));
    server.preload = MR_RECORDING_IO;
    mr_store_server_start(&server);
    for (unsigned round = 0; round < ROUNDS; round++) {
        mr_torture_begin(&torture);
        pause_ms(40 + 23 * round);
        mr_store_server_kill(&server);
        mr_torture_end(&torture);
        const power_cut_result cut =
            power_cut(record, staying[round % MR_COUNT_OF(staying)], (uint64_t)time(NULL) + round);
        lost += cut.lost;
        kept += cut.kept;
        mr_store_server_expect_intact(&server);
        mr_store_server_start(&server);
        messages = mr_torture_verify(&torture);
    }
    print_message("%" PRIu64 " messages, %" PRIu64 " operations acknowledged; of the changes that "
                  "were not synced %zu were lost and %zu stayed\n",
                  messages, atomic_load(&torture.acknowledged), lost, kept);
    MR_EXPECT_U64(lost, >, 0);
    MR_EXPECT_I64(mr_store_server_stop(&server), ==, 0);
    mr_torture_done(&torture);
}

#else

MR_TEST(a_power_cut_is_tested_by_builds_without_sanitizers)
{
    print_message("SKIPPED: a sanitizer's library must be the first to be loaded\n");
}

#endif
