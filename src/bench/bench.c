/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)4 << 20)

mr_code mr_bench_open(mr_bench *bench, uint32_t runs, uint64_t records, mr_error *err)
{
    memset(bench, 0, sizeof *bench);
    if (runs > MR_BENCH_MAX_SAMPLES)
        return mr_fail(err, MR_ERR_USAGE, "--runs: at most %d", MR_BENCH_MAX_SAMPLES);
    bench->runs = runs;
    bench->records = records;
    mr_arena_init(&bench->arena, "bench", ARENA_BYTES);
    const ssize_t got = readlink("/proc/self/exe", bench->program, sizeof bench->program - 1);
    if (got < 0) return mr_fail(err, MR_ERR_IO, "cannot tell where this program is");
    const char *where = getenv("TMPDIR");
    snprintf(bench->dir, sizeof bench->dir, "%s/millrace-bench-XXXXXX",
             where != NULL && where[0] != 0 ? where : "/tmp");
    if (mkdtemp(bench->dir) != NULL) return MR_OK;
    bench->dir[0] = 0;
    return mr_fail(err, MR_ERR_IO, "cannot make a directory for the files of the benchmark");
}

void mr_bench_clear(mr_bench *bench)
{
    bench->figure_count = 0;
    bench->remark_count = 0;
    mr_arena_reset(&bench->arena);
}

static void remove_files(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.') unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(path);
}

void mr_bench_close(mr_bench *bench)
{
    if (bench->dir[0] != 0) remove_files(bench->dir);
    mr_arena_done(&bench->arena);
}

const mr_bench_scenario *mr_bench_find(const char *name)
{
    for (const mr_bench_scenario *s = mr_bench_scenarios; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0 || strcasecmp(s->id, name) == 0) return s;
    return NULL;
}

static mr_bench_figure *figure_called(mr_bench *bench, const mr_bench_target *target,
                                      const char *name)
{
    for (uint32_t i = 0; i < bench->figure_count; i++)
        if (strcmp(bench->figures[i].name, name) == 0) return &bench->figures[i];
    assert(bench->figure_count < MR_BENCH_MAX_FIGURES);
    mr_bench_figure *figure = &bench->figures[bench->figure_count++];
    memset(figure, 0, sizeof *figure);
    snprintf(figure->name, sizeof figure->name, "%s", name);
    figure->unit = target->unit;
    figure->better = target->better;
    figure->must = target->must;
    figure->goal = target->goal;
    return figure;
}

void mr_bench_sample(mr_bench *bench, const mr_bench_target *target, double value,
                     const char *format, ...)
{
    char name[MR_BENCH_NAME_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    mr_bench_figure *figure = figure_called(bench, target, name);
    assert(figure->count < MR_BENCH_MAX_SAMPLES);
    figure->samples[figure->count++] = value;
}

static char *next_remark(mr_bench *bench, int kind)
{
    assert(bench->remark_count < MR_BENCH_MAX_REMARKS);
    mr_bench_remark *remark = &bench->remarks[bench->remark_count++];
    remark->kind = kind;
    return remark->text;
}

void mr_bench_note(mr_bench *bench, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(next_remark(bench, MR_BENCH_NOTE), MR_BENCH_REMARK_BYTES, format, args);
    va_end(args);
}

bool mr_bench_check(mr_bench *bench, bool held, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(next_remark(bench, held ? MR_BENCH_HELD : MR_BENCH_BROKEN), MR_BENCH_REMARK_BYTES,
              format, args);
    va_end(args);
    return held;
}

bool mr_bench_broken(const mr_bench *bench)
{
    for (uint32_t i = 0; i < bench->remark_count; i++)
        if (bench->remarks[i].kind == MR_BENCH_BROKEN) return true;
    return false;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts `values`. */
static double median_of(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

mr_bench_spread mr_bench_spread_of(const mr_bench_figure *figure)
{
    double sorted[MR_BENCH_MAX_SAMPLES], distance[MR_BENCH_MAX_SAMPLES];
    if (figure->count == 0) return (mr_bench_spread){0};
    memcpy(sorted, figure->samples, figure->count * sizeof *sorted);
    mr_bench_spread spread = {.median = median_of(sorted, figure->count)};
    spread.min = sorted[0];
    spread.max = sorted[figure->count - 1];
    for (uint32_t i = 0; i < figure->count; i++) {
        const double d = figure->samples[i] - spread.median;
        distance[i] = d < 0 ? -d : d;
    }
    spread.mad = median_of(distance, figure->count);
    return spread;
}

static bool reaches(const mr_bench_figure *figure, double target, double median)
{
    return figure->better == MR_BENCH_HIGHER ? median >= target : median <= target;
}

const char *mr_bench_verdict(const mr_bench_figure *figure)
{
    const double median = mr_bench_spread_of(figure).median;
    const bool has_must = figure->must >= 0, has_goal = figure->goal >= 0;
    if (!has_must && !has_goal) return "";
    if (has_goal && reaches(figure, figure->goal, median)) return "goal";
    if (has_must && !reaches(figure, figure->must, median)) return "missed";
    return has_must ? "must" : "missed";
}
