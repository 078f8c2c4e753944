/* SPDX-License-Identifier: MIT
 *
 * B17: what a record costs the allocator once a pipeline is warm, what handing over between threads
 * costs, and what more workers bring. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/move.h"
#include "bench/scenarios.h"
#include "core/clock.h"
#include "core/mpsc.h"
#include "core/ring.h"

#define RING_CAPACITY 1024
#define RING_ITEMS    UINT64_C(2000000)
#define MAX_PRODUCERS 8

/* --- allocations --- */

static mr_code allocations_of(mr_bench *bench, const char *from, const char *to, double *out,
                              mr_error *err)
{
    static mr_bench_cost cost;
    const mr_bench_command command = {
        .args = {NULL, "copy", from, to, "--summary", "json", "--progress", "off"}};
    MR_TRY(mr_bench_run(bench, &command, &cost, err));
    return mr_bench_number(bench, cost.output, "allocs", NULL, out, err);
}

/* A pipeline with twice the records is the same pipeline, warm for longer: what it allocates more
 * is what records cost. Which thread gets which piece is up to chance, and with it how far each
 * thread's buffers grow; hence a difference of a few, of either sign, and medians. */
static mr_code measure_allocations(mr_bench *bench, mr_error *err)
{
    static const mr_bench_target each = {"allocs", MR_BENCH_LOWER, 0.00005, MR_BENCH_NONE};
    static const mr_bench_target all = {"allocs", MR_BENCH_INFO, MR_BENCH_NONE, MR_BENCH_NONE};
    static const char *const ends[][2] = {
        {"csv", "out.csv"}, {"json", "out.jsonl"}, {"json", "out.jsonl.gz"}};
    const uint64_t rows = mr_bench_records(bench, 1000000);
    mr_bench_file files[2];
    for (int i = 0; i < 2; i++)
        MR_TRY(mr_bench_data(bench, "mixed10", rows << i, &files[i], err));
    for (size_t e = 0; e < MR_COUNT_OF(ends); e++) {
        char path[MR_FILE_PATH_MAX], to[MR_FILE_PATH_MAX + 16];
        MR_TRY(mr_bench_path(bench, ends[e][1], path, err));
        snprintf(to, sizeof to, "%s:%s", ends[e][0], path);
        for (uint32_t run = 0; run < bench->runs; run++) {
            double count[2];
            for (int i = 0; i < 2; i++) {
                char from[sizeof files + 8];
                snprintf(from, sizeof from, "csv:%s", files[i].path);
                MR_TRY(allocations_of(bench, from, to, &count[i], err));
            }
            const double more = count[1] > count[0] ? count[1] - count[0] : 0;
            mr_bench_sample(bench, &each, more / (double)rows, "CSV to %s, a record", ends[e][1]);
            mr_bench_sample(bench, &all, more, "CSV to %s, %llu records more", ends[e][1],
                            (unsigned long long)rows);
            mr_bench_sample(bench, &all, count[0], "CSV to %s, the whole run", ends[e][1]);
        }
    }
    return MR_OK;
}

/* --- rings: threads in a child, for this process has one alone --- */

typedef struct contest {
    mr_ring ring;
    mr_mpsc queue;
    uint32_t producers; /* 0 = the ring */
    uint64_t each;      /* items of one producer */
} contest;

static void *push_ring(void *context)
{
    contest *c = context;
    for (uint64_t i = 0; i < c->each; i++)
        if (mr_ring_push_wait(&c->ring, c, -1) != MR_OK) break;
    return NULL;
}

static void *push_queue(void *context)
{
    contest *c = context;
    for (uint64_t i = 0; i < c->each; i++)
        while (!mr_mpsc_push(&c->queue, c))
            sched_yield();
    return NULL;
}

static void pop_all(contest *c, uint64_t count)
{
    void *item;
    for (uint64_t i = 0; i < count; i++)
        if ((c->producers == 0 ? mr_ring_pop_wait(&c->ring, &item, -1)
                               : mr_mpsc_pop_wait(&c->queue, &item, -1)) != MR_OK)
            break;
}

/* In a child. */
static mr_code hand_over(void *context, mr_bench_answer *answer, mr_error *err)
{
    contest *c = context;
    pthread_t threads[MAX_PRODUCERS];
    const uint32_t thread_count = c->producers == 0 ? 1 : c->producers;
    c->each = RING_ITEMS / thread_count;
    MR_TRY(mr_ring_init(&c->ring, RING_CAPACITY, err));
    MR_TRY(mr_mpsc_init(&c->queue, RING_CAPACITY, err));
    const int64_t begun = mr_clock_ns();
    for (uint32_t i = 0; i < thread_count; i++) {
        const int failed =
            pthread_create(&threads[i], NULL, c->producers == 0 ? push_ring : push_queue, c);
        if (failed != 0) return mr_fail_errno(err, failed, "cannot make a thread");
    }
    pop_all(c, c->each * thread_count);
    const int64_t ns = mr_clock_ns() - begun;
    for (uint32_t i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    mr_bench_say(answer, (double)ns / (double)(c->each * thread_count), "ns");
    mr_ring_done(&c->ring);
    mr_mpsc_done(&c->queue);
    return MR_OK;
}

static mr_code measure_rings(mr_bench *bench, mr_error *err)
{
    static const mr_bench_target ns = {"ns", MR_BENCH_LOWER, MR_BENCH_NONE, MR_BENCH_NONE};
    static const uint32_t producers[] = {0, 1, 2, 4, 8};
    static mr_bench_answer answer;
    for (size_t i = 0; i < MR_COUNT_OF(producers); i++)
        for (uint32_t run = 0; run < bench->runs; run++) {
            static contest c;
            memset(&c, 0, sizeof c);
            c.producers = producers[i];
            MR_TRY(mr_bench_fork(hand_over, &c, &answer, err));
            const double each = mr_bench_said(&answer, "ns");
            if (producers[i] == 0)
                mr_bench_sample(bench, &ns, each, "ring, one producer, an item");
            else
                mr_bench_sample(bench, &ns, each, "queue, %u producers, an item", producers[i]);
        }
    return MR_OK;
}

/* --- workers --- */

static mr_code measure_workers(mr_bench *bench, mr_error *err)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    for (long workers = 1; workers <= 2 * cores; workers *= 2) {
        char label[64], number[24];
        snprintf(number, sizeof number, "%ld", workers);
        snprintf(label, sizeof label, "mixed10 to zstd JSON lines, %ld workers", workers);
        const mr_bench_move move = {.label = label,
                                    .set = "mixed10",
                                    .rows = mr_bench_records(bench, 1000000),
                                    .to = "json",
                                    .suffix = ".jsonl.zst",
                                    .flags = {"--workers", number}};
        MR_TRY(mr_bench_move_run(bench, &move, NULL, err));
    }
    return MR_OK;
}

mr_code mr_bench_pools(mr_bench *bench, mr_error *err)
{
    mr_bench_note(bench, "allocations are those of this program's own code (core/mem.h); a codec's "
                         "library keeps its context and asks for no more");
    MR_TRY(measure_allocations(bench, err));
    MR_TRY(measure_rings(bench, err));
    return measure_workers(bench, err);
}
