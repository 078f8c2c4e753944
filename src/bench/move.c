/* SPDX-License-Identifier: MIT */
#include "bench/move.h"

#include <stdio.h>
#include <unistd.h>

typedef struct plan {
    const mr_bench_move *move;
    mr_bench_file in;
    char from[MR_FILE_PATH_MAX + 64]; /* endpoints */
    char to[MR_FILE_PATH_MAX + 64];
    char out_path[MR_FILE_PATH_MAX]; /* "" = nothing is written */
    char label[MR_BENCH_NAME_BYTES];
    mr_bench_command command;
    uint64_t quick_sum;
} plan;

static mr_code make_plan(mr_bench *bench, const mr_bench_move *move, plan *p, mr_error *err)
{
    memset(p, 0, sizeof *p);
    p->move = move;
    MR_TRY(mr_bench_data(bench, move->set, move->rows, &p->in, err));
    if (move->generated)
        snprintf(p->from, sizeof p->from, "generate:%s?rows=%llu", move->set,
                 (unsigned long long)move->rows);
    else
        snprintf(p->from, sizeof p->from, "csv:%s", p->in.path);
    if (move->suffix != NULL) {
        char name[64];
        snprintf(name, sizeof name, "out%s", move->suffix);
        MR_TRY(mr_bench_path(bench, name, p->out_path, err));
    }
    snprintf(p->to, sizeof p->to, "%s:%s", move->to, p->out_path);
    if (move->label != NULL)
        snprintf(p->label, sizeof p->label, "%s", move->label);
    else
        snprintf(p->label, sizeof p->label, "%s %llu rows to %s", move->set,
                 (unsigned long long)move->rows, move->suffix);
    const char *args[] = {NULL, "copy", p->from, p->to, "--summary", "json", "--progress", "off"};
    memcpy(p->command.args, args, sizeof args);
    for (size_t i = 0; i < MR_BENCH_MAX_FLAGS && move->flags[i] != NULL; i++)
        p->command.args[MR_COUNT_OF(args) + i] = move->flags[i];
    return MR_OK;
}

static mr_code expect_written(mr_bench *bench, const plan *p, const char *summary, mr_error *err)
{
    double written = 0;
    MR_TRY(mr_bench_number(bench, summary, "written", NULL, &written, err));
    if ((uint64_t)written == p->move->rows) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "%s: %.0f records were written, expected %llu", p->label,
                   written, (unsigned long long)p->move->rows);
}

/* The output as CSV, made by a further run unless it is CSV already. */
static mr_code back_to_csv(mr_bench *bench, const plan *p, char *path, mr_error *err)
{
    if (strcmp(p->move->suffix, ".csv") == 0) {
        memcpy(path, p->out_path, sizeof p->out_path);
        return MR_OK;
    }
    static mr_bench_cost cost;
    char from[MR_FILE_PATH_MAX + 64], to[MR_FILE_PATH_MAX + 64];
    MR_TRY(mr_bench_path(bench, "back.csv", path, err));
    snprintf(from, sizeof from, "%s:%s", p->move->to, p->out_path);
    snprintf(to, sizeof to, "csv:%s", path);
    const mr_bench_command back = {.args = {NULL, "copy", from, to, "--summary", "off"}};
    return mr_bench_run(bench, &back, &cost, err);
}

/* The first run, and its output. */
static mr_code warm_up(mr_bench *bench, plan *p, mr_bench_moved *moved, mr_error *err)
{
    char path[MR_FILE_PATH_MAX];
    mr_bench_file back;
    MR_TRY(mr_bench_run(bench, &p->command, &moved->last, err));
    MR_TRY(expect_written(bench, p, moved->last.output, err));
    if (p->out_path[0] == 0) return MR_OK;
    MR_TRY(back_to_csv(bench, p, path, err));
    MR_TRY(mr_bench_sum(path, &back, err));
    if (strcmp(back.sha256, p->in.sha256) != 0)
        return mr_fail(err, MR_ERR_INPUT, "%s: as CSV the output has the SHA-256 %s, the input %s",
                       p->label, back.sha256, p->in.sha256);
    MR_TRY(mr_bench_quick_sum(p->out_path, &p->quick_sum, err));
    mr_bench_check(bench, true, "%s: output as CSV has the input's SHA-256 %.16s...", p->label,
                   p->in.sha256);
    return MR_OK;
}

static mr_code expect_same_output(const plan *p, mr_error *err)
{
    uint64_t sum;
    if (p->out_path[0] == 0) return MR_OK;
    MR_TRY(mr_bench_quick_sum(p->out_path, &sum, err));
    if (sum == p->quick_sum) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "%s: two runs wrote different bytes", p->label);
}

/* A target of 0 is none. */
static double target(double value)
{
    return value > 0 ? value : MR_BENCH_NONE;
}

static void take_samples(mr_bench *bench, const plan *p, const mr_bench_cost *cost)
{
    const mr_bench_move *m = p->move;
    const mr_bench_target wall = {"s", MR_BENCH_LOWER, target(m->seconds_must),
                                  target(m->seconds_goal)};
    const mr_bench_target rate = {"records/s", MR_BENCH_INFO, target(m->rate_must), MR_BENCH_NONE};
    const mr_bench_target passing = {"records/s", MR_BENCH_HIGHER, m->rate_must, MR_BENCH_NONE};
    const mr_bench_target cpu = {"s", MR_BENCH_LOWER, MR_BENCH_NONE, MR_BENCH_NONE};
    const mr_bench_target rss = {"MB", MR_BENCH_LOWER, target(m->rss_must), target(m->rss_goal)};
    if (!m->only_rss) {
        mr_bench_sample(bench, &wall, cost->seconds, "%s, wall", p->label);
        mr_bench_sample(bench, m->rate_must > 0 ? &passing : &rate, (double)m->rows / cost->seconds,
                        "%s, rate", p->label);
        mr_bench_sample(bench, &cpu, cost->cpu_seconds, "%s, cpu", p->label);
    }
    mr_bench_sample(bench, &rss, (double)cost->max_rss_bytes / 1e6, "%s, memory", p->label);
}

mr_code mr_bench_move_run(mr_bench *bench, const mr_bench_move *move, mr_bench_moved *out,
                          mr_error *err)
{
    static plan p; /* large: paths */
    static mr_bench_moved own;
    mr_bench_figure wall = {.count = 0}, cpu = {.count = 0};
    mr_bench_moved *moved = out != NULL ? out : &own;
    MR_TRY(make_plan(bench, move, &p, err));
    MR_TRY(warm_up(bench, &p, moved, err));
    for (uint32_t run = 0; run < bench->runs; run++) {
        if (p.out_path[0] != 0) unlink(p.out_path); /* freeing an old file is no part of it */
        MR_TRY(mr_bench_run(bench, &p.command, &moved->last, err));
        MR_TRY(expect_written(bench, &p, moved->last.output, err));
        MR_TRY(expect_same_output(&p, err));
        take_samples(bench, &p, &moved->last);
        wall.samples[wall.count++] = moved->last.seconds;
        cpu.samples[cpu.count++] = moved->last.cpu_seconds;
    }
    mr_identity written = {0};
    if (p.out_path[0] != 0) mr_identity_of_path(p.out_path, &written);
    moved->seconds = mr_bench_spread_of(&wall).median;
    moved->cpu_seconds = mr_bench_spread_of(&cpu).median;
    moved->bytes_in = p.in.bytes;
    moved->bytes_out = written.size_bytes;
    return MR_OK;
}
