/* SPDX-License-Identifier: MIT
 *
 * The store is killed at random moments while 64 writers are at work, and started again: whatever
 * was acknowledged is there.
 *
 * ROUNDS=500 in the environment makes the short form a long one; SEED repeats a run's choices,
 * though not its timing.
 * Runs alone: 64 writers want the machine.
 * May take 7200 s: 500 rounds do. */
#include <time.h>
#include <unistd.h>

#include "support/store_torture.h"
#include "support/test.h"

#define WRITERS        64
#define ROUNDS_DEFAULT 10
#define ROUNDS_A_STORE 10 /* then a new one, so that reading it all stays cheap */

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void pause_ms(uint64_t ms)
{
    const struct timespec moment = {.tv_sec = (time_t)(ms / 1000),
                                    .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&moment, NULL);
}

/* One kill, and what is found afterwards. */
static uint64_t round_of(mr_store_server *server, mr_torture *torture, uint64_t ms)
{
    mr_torture_begin(torture);
    pause_ms(ms);
    mr_store_server_kill(server);
    mr_torture_end(torture);
    mr_store_server_expect_intact(server);
    mr_store_server_start(server);
    return mr_torture_verify(torture);
}

MR_TEST(what_was_acknowledged_survives_a_kill_at_any_moment)
{
    static mr_torture torture;
    const uint64_t rounds = setting("ROUNDS", ROUNDS_DEFAULT);
    const uint64_t seed = setting("SEED", (uint64_t)time(NULL));
    uint64_t random = seed, messages = 0, acknowledged = 0, unknown = 0, repeated = 0, errors = 0;
    print_message("%" PRIu64 " rounds, SEED=%" PRIu64 "\n", rounds, seed);
    for (uint64_t round = 0; round < rounds;) {
        char name[40];
        mr_store_server server;
        snprintf(name, sizeof name, "torture-%" PRIu64, round);
        mr_store_server_init(&server, name);
        mr_torture_init(&torture, &server, WRITERS, seed + round);
        mr_store_server_start(&server);
        uint64_t there = 0;
        for (unsigned i = 0; i < ROUNDS_A_STORE && round < rounds; i++, round++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            /* as often in the first moments as later: starting has states of its own */
            there = round_of(&server, &torture, (random >> 33) % (i % 3 == 0 ? 30 : 400));
        }
        MR_EXPECT_I64(mr_store_server_stop(&server), ==, 0);
        mr_store_server_expect_intact(&server);
        messages += there;
        acknowledged += atomic_load(&torture.acknowledged);
        unknown += atomic_load(&torture.unknown);
        repeated += atomic_load(&torture.repeated);
        errors += atomic_load(&torture.server_errors);
        mr_torture_done(&torture);
        mr_test_remove(server.dir);
    }
    print_message("%" PRIu64 " messages, %" PRIu64 " operations acknowledged, %" PRIu64
                  " without an answer, %" PRIu64 " of them sent again; nothing lost\n",
                  messages, acknowledged, unknown, repeated);
    MR_EXPECT_U64(errors, ==, 0);
    MR_EXPECT_U64(acknowledged, >, rounds);
}
