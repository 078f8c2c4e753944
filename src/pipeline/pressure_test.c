/* SPDX-License-Identifier: MIT */
#include "pipeline/pressure.h"

#include "support/test.h"

MR_TEST(it_is_active_from_80_percent_until_it_falls_below_60)
{
    static const struct {
        uint32_t depth;
        bool active, critical;
    } steps[] = {
        {0, false, false},  {59, false, false}, {60, false, false}, {79, false, false},
        {80, true, false},  {94, true, false},  {95, true, true},   {100, true, true},
        {94, true, false},  {79, true, false},  {60, true, false},  {59, false, false},
        {79, false, false}, {100, true, true},  {0, false, false},
    };
    mr_pressure p = {0};
    for (size_t i = 0; i < MR_COUNT_OF(steps); i++) {
        mr_pressure_update(&p, steps[i].depth, 100, (int64_t)i);
        if (p.active != steps[i].active || p.critical != steps[i].critical)
            MR_TEST_FAIL("step %zu\n", i);
    }
    MR_EXPECT_U64(p.times, ==, 2);
}

MR_TEST(its_time_is_counted)
{
    mr_pressure p = {0};
    mr_pressure_update(&p, 0, 4, 1000);
    mr_pressure_update(&p, 4, 4, 2000);
    mr_pressure_update(&p, 4, 4, 2500);
    mr_pressure_update(&p, 0, 4, 3000);
    mr_pressure_update(&p, 0, 4, 9000);
    MR_EXPECT_U64(p.active_ns, ==, 1000);
    MR_EXPECT_U64(p.depth, ==, 0);
    MR_EXPECT_U64(p.capacity, ==, 4);
    mr_pressure_update(&p, 0, 0, 9000); /* no queue, no pressure */
    MR_EXPECT(!p.active);
}
