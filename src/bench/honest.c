/* SPDX-License-Identifier: MIT
 *
 * B16: bytes per held record, published only if the four honesty checks of specs/pipeline.md
 * section 6 hold. Each load is a process of its own.
 *
 *     1  the C library's books, before and after, differ by store_bytes within 2 %
 *     2  a million records more grow the process by at most 1.10 of what is claimed for them
 *     3  the input is deleted, and the store still gives it back byte for byte
 *     4  file, pipe, and 1, 2 or 8 workers give the same figure within 3 % */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/data.h"
#include "bench/keep.h"
#include "bench/scenarios.h"
#include "core/mem.h"

typedef struct load {
    const char *path;
    const char
        *warm_path; /* a small file, loaded first: what a process takes once is no record's */
    bool books;     /* the allocator's books are wanted exactly, rather than the resident size */
    bool piped;     /* `path` comes through a pipe */
    bool deletes;   /* `path` is ours to delete when it has been read */
    uint32_t workers;
    uint64_t rows;
    const char *sha256; /* what the store must give back; NULL = do not look */
} load;

static double resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) return 0;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel's own text */
    if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Standard input becomes the output of `cat`. */
static mr_code pipe_in(const char *path, mr_error *err)
{
    int ends[2];
    if (pipe(ends) != 0) return mr_fail_errno(err, errno, "cannot make a pipe");
    const pid_t cat = fork();
    if (cat == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("cat", "cat", path, (char *)NULL);
        _exit(127);
    }
    if (cat < 0 || dup2(ends[0], STDIN_FILENO) < 0)
        return mr_fail_errno(err, errno, "cannot run cat");
    close(ends[0]);
    close(ends[1]);
    return MR_OK;
}

static mr_code look(const load *l, mr_bench_kept *kept, mr_bench_answer *answer, mr_error *err)
{
    char hex[65];
    mr_store_stats stats;
    mr_store_stats_now(kept->store, &stats);
    mr_bench_say(answer, (double)kept->records, "records");
    mr_bench_say(answer, (double)stats.store_bytes, "store_bytes");
    mr_bench_say(answer, (double)stats.peak_bytes, "peak_bytes");
    if (l->deletes) unlink(l->path);
    if (l->sha256 == NULL) return MR_OK;
    MR_TRY(mr_bench_kept_sum(kept->store, 10000, hex, err));
    mr_bench_say(answer, strcmp(hex, l->sha256) == 0, "same");
    return MR_OK;
}

typedef struct keeping {
    const char *path;
    uint32_t workers;
    mr_bench_kept kept;
    mr_code code;
    mr_error *err;
} keeping;

static void *keep_in_thread(void *context)
{
    static const mr_store_config config = {0};
    keeping *k = context;
    k->code = mr_bench_keep(k->path, k->workers, 0, &config, &k->kept, k->err);
    return NULL;
}

/* For exact books in a thread of its own: what the C library keeps for a thread counts as handed
 * out until the thread ends. But a thread's heap is not trimmed as well as the first one's. */
static mr_code keep(const char *path, const load *l, mr_bench_kept *out, mr_error *err)
{
    pthread_t thread;
    const uint32_t workers = l->workers;
    static const mr_store_config config = {0};
    if (!l->books) return mr_bench_keep(path, workers, 0, &config, out, err);
    keeping k = {.path = path, .workers = workers, .err = err};
    const int failed = pthread_create(&thread, NULL, keep_in_thread, &k);
    if (failed != 0) return mr_fail_errno(err, failed, "cannot make a thread");
    pthread_join(thread, NULL);
    *out = k.kept;
    return k.code;
}

/* In a child: loads, and says what it took. */
static mr_code load_and_look(void *context, mr_bench_answer *answer, mr_error *err)
{
    const load *l = context;
    mr_bench_kept kept;
    MR_TRY(keep(l->warm_path, l, &kept, err));
    mr_store_close(kept.store);
    if (l->piped) MR_TRY(pipe_in(l->path, err));
    mr_mem_trim();
    const double heap_before = (double)mr_mem_heap_bytes();
    const double resident_before = resident_bytes();
    MR_TRY(keep(l->piped ? "-" : l->path, l, &kept, err));
    mr_bench_say(answer, (double)mr_mem_heap_bytes() - heap_before, "heap_growth");
    mr_mem_trim();
    mr_bench_say(answer, resident_bytes() - resident_before, "resident_growth");
    const mr_code rc = look(l, &kept, answer, err);
    mr_store_close(kept.store);
    return rc;
}

/* Lets a child of its own do it. */
static mr_code load_apart(mr_bench *bench, const char *set, load *l, mr_bench_answer *answer,
                          mr_error *err)
{
    mr_bench_file small;
    MR_TRY(mr_bench_data(bench, set, 1000, &small, err));
    l->warm_path = small.path;
    return mr_bench_fork(load_and_look, l, answer, err);
}

/* --- the checks: each says what it saw, and false when it does not hold --- */

static bool within(double value, double of, double share)
{
    return value >= of * (1 - share) && value <= of * (1 + share);
}

static bool allocator_agrees(mr_bench *bench, const char *set, const mr_bench_answer *a)
{
    const double counted = mr_bench_said(a, "store_bytes"), held = mr_bench_said(a, "heap_growth");
    return mr_bench_check(bench, within(held, counted, 0.02),
                          "%s: store_bytes %.0f, the heap grew by %.0f (%+.2f %%, at most 2)", set,
                          counted, held, 100 * (held / counted - 1));
}

static bool file_comes_back(mr_bench *bench, const char *set, const mr_bench_answer *a)
{
    return mr_bench_check(bench, mr_bench_said(a, "same") > 0,
                          "%s: after deleting the input, the export has its SHA-256", set);
}

/* `first` is of the rows, and another child loads twice as many; medians of bench->runs. */
static mr_code slope_holds(mr_bench *bench, const char *set, uint64_t rows, double claimed,
                           bool *out, mr_error *err)
{
    static mr_bench_answer answer;
    mr_bench_figure once = {.count = 0}, twice = {.count = 0};
    mr_bench_file files[2];
    MR_TRY(mr_bench_data(bench, set, rows, &files[0], err));
    MR_TRY(mr_bench_data(bench, set, 2 * rows, &files[1], err));
    for (uint32_t run = 0; run < bench->runs; run++)
        for (int i = 0; i < 2; i++) {
            load l = {.path = files[i].path, .workers = 2, .rows = rows};
            mr_bench_figure *of = i == 0 ? &once : &twice;
            MR_TRY(load_apart(bench, set, &l, &answer, err));
            of->samples[of->count++] = mr_bench_said(&answer, "resident_growth");
        }
    unlink(files[1].path);
    const double slope =
        (mr_bench_spread_of(&twice).median - mr_bench_spread_of(&once).median) / (double)rows;
    *out = mr_bench_check(bench, slope <= 1.10 * claimed,
                          "%s: a record more took %.3f bytes of resident memory, %.3f claimed "
                          "(ratio %.2f, at most 1.10)",
                          set, slope, claimed, slope / claimed);
    return MR_OK;
}

static mr_code every_way_agrees(mr_bench *bench, const char *set, const mr_bench_file *file,
                                double claimed, bool *out, mr_error *err)
{
    static mr_bench_answer answer;
    const load ways[] = {{.path = file->path, .workers = 1},
                         {.path = file->path, .workers = 2},
                         {.path = file->path, .workers = 8},
                         {.path = file->path, .workers = 2, .piped = true}};
    double least = claimed, most = claimed;
    for (size_t i = 0; i < MR_COUNT_OF(ways); i++) {
        load l = ways[i];
        MR_TRY(load_apart(bench, set, &l, &answer, err));
        const double records = mr_bench_said(&answer, "records");
        const double each = records > 0 ? mr_bench_said(&answer, "store_bytes") / records : 0;
        if (each < least) least = each;
        if (each > most) most = each;
    }
    *out = mr_bench_check(bench, within(least, claimed, 0.03) && within(most, claimed, 0.03),
                          "%s: %.3f to %.3f by file, pipe, 1, 2 and 8 workers (3 %% allowed)", set,
                          least, most);
    return MR_OK;
}

/* The figure's own load reads a copy of the input and deletes it. */
static mr_code load_and_delete(mr_bench *bench, const char *set, uint64_t rows,
                               mr_bench_answer *answer, mr_error *err)
{
    char copy[MR_FILE_PATH_MAX];
    mr_bench_file file;
    MR_TRY(mr_bench_data(bench, set, rows, &file, err));
    MR_TRY(mr_bench_path(bench, "deleted.csv", copy, err));
    unlink(copy);
    if (link(file.path, copy) != 0) return mr_fail(err, MR_ERR_IO, "cannot link '%s'", copy);
    unlink(file.path); /* so that none is left when the child deletes its own */
    load l = {.path = copy,
              .books = true,
              .deletes = true,
              .workers = 2,
              .rows = rows,
              .sha256 = file.sha256};
    return load_apart(bench, set, &l, answer, err);
}

static mr_code measure_set(mr_bench *bench, const char *set, double goal, mr_error *err)
{
    static mr_bench_answer answer;
    static const mr_bench_target largest = {"bytes", MR_BENCH_INFO, MR_BENCH_NONE, MR_BENCH_NONE};
    const mr_bench_target target = {"bytes", MR_BENCH_LOWER, 50, goal};
    const uint64_t rows = mr_bench_records(bench, 1000000);
    mr_bench_file file;
    bool slope, ways;
    MR_TRY(load_and_delete(bench, set, rows, &answer, err));
    const double records = mr_bench_said(&answer, "records");
    if ((uint64_t)records != rows)
        return mr_fail(err, MR_ERR_INPUT, "%s: %.0f records are held", set, records);
    const double claimed = mr_bench_said(&answer, "store_bytes") / records;
    const double peak = mr_bench_said(&answer, "peak_bytes") / records;
    const bool books = allocator_agrees(bench, set, &answer);
    const bool back = file_comes_back(bench, set, &answer);
    MR_TRY(mr_bench_data(bench, set, rows, &file, err));
    MR_TRY(slope_holds(bench, set, rows, claimed, &slope, err));
    MR_TRY(every_way_agrees(bench, set, &file, claimed, &ways, err));
    unlink(file.path);
    if (!books || !back || !slope || !ways) {
        mr_bench_note(bench, "%s: no figure, because a check did not hold", set);
        return MR_OK;
    }
    mr_bench_sample(bench, &target, claimed, "%s, bytes per record", set);
    mr_bench_sample(bench, &largest, peak, "%s, largest while loading", set);
    return MR_OK;
}

mr_code mr_bench_bytes(mr_bench *bench, mr_error *err)
{
    static const struct {
        const char *set;
        double goal;
    } sets[] = {
        {"mixed10", 24}, {"orders9", 12}, {"people8", 24}, {"users7", 20}, {"mixed10r", 30}};
    for (size_t i = 0; i < MR_COUNT_OF(sets); i++)
        MR_TRY(measure_set(bench, sets[i].set, sets[i].goal, err));
    mr_bench_note(bench, "one sample each: the same bytes every time; the slopes are medians of "
                         "all runs");
    return MR_OK;
}
