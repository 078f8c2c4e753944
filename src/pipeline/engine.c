/* SPDX-License-Identifier: MIT
 *
 * Three kinds of thread, joined by single-producer rings. Jobs go round: the source takes empty
 * ones from `empty`, fills them and deals them out to the lanes in turn; the collector takes them
 * from the lanes in the same turn, which restores the order without sorting. With no workers the
 * collector takes them from the source directly and does the lanes' work itself. */
#include "pipeline/engine.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/ring.h"
#include "pipeline/collector.h"

#define JOBS_PER_WORKER 2u
#define EXTRA_JOBS      2u
#define TICK_NS         ((int64_t)200 * 1000 * 1000)

typedef struct worker {
    struct engine *engine;
    pthread_t thread;
    bool started;
    mr_lane lane;
    mr_ring in;  /* source -> lane; without workers, source -> collector */
    mr_ring out; /* lane -> collector */
} worker;

typedef struct engine {
    const mr_engine_config *config;
    mr_job *jobs;
    uint32_t job_count;
    mr_ring empty; /* collector -> source */
    worker *workers;
    uint32_t worker_count; /* rings; at least 1 */
    bool threaded;         /* lanes have threads of their own */
    pthread_t source_thread;
    bool source_started;
    mr_collector collector;
    mr_end end;
} engine;

/* --- source thread
 * ---------------------------------------------------------------------------------- */

static bool stopping(const engine *e)
{
    return atomic_load_explicit(e->config->stop, memory_order_relaxed);
}

/* Above the ceiling nothing new is begun until what is under way has gone out. */
static void wait_for_memory(engine *e)
{
    const struct timespec nap = {0, 500 * 1000};
    while (e->config->memory_limit_bytes > 0 && !stopping(e) &&
           mr_ring_depth(&e->empty) + 1 < e->job_count &&
           mr_mem_stats_now().live_bytes > e->config->memory_limit_bytes)
        nanosleep(&nap, NULL);
}

static void *source_main(void *context)
{
    engine *e = context;
    for (uint64_t sequence = 0;; sequence++) {
        void *item;
        if (mr_ring_pop_wait(&e->empty, &item, -1) != MR_OK) return NULL;
        wait_for_memory(e);
        mr_job *job = item;
        job->sequence = sequence;
        if (stopping(e))
            job->end = true;
        else
            job->code = e->config->source->fetch(e->config->source_state, job, &job->error);
        if (job->born_ns == 0) job->born_ns = mr_clock_ns();
        job->queued_ns = mr_clock_ns();
        const bool last = job->end || job->code != MR_OK;
        if (mr_ring_push_wait(&e->workers[sequence % e->worker_count].in, job, -1) != MR_OK || last)
            return NULL;
    }
}

/* --- lane threads
 * ----------------------------------------------------------------------------------- */

static void *worker_main(void *context)
{
    worker *w = context;
    void *item;
    while (mr_ring_pop_wait(&w->in, &item, -1) == MR_OK) {
        mr_job *job = item;
        if (!job->end) {
            mr_lane_load(&w->lane, job);
            const bool left = job->from_batch && w->engine->config->limit != 0;
            if (!left && mr_lane_guess(&w->lane, job)) mr_lane_work(&w->lane, job, UINT64_MAX);
        }
        if (mr_ring_push_wait(&w->out, job, -1) != MR_OK) break;
    }
    return NULL;
}

/* --- collector: the loop
 * ---------------------------------------------------------------------------- */

/* Is the run to end for a reason of its own user's? Then `err` says it. */
static bool is_called_off(engine *e, mr_error *err)
{
    if (atomic_load_explicit(e->config->cancelled, memory_order_relaxed)) {
        e->end = MR_END_CANCELLED;
        mr_fail(err, MR_ERR_CLOSED, "interrupted");
    } else if (e->config->deadline_ns != 0 && mr_clock_ns() > e->config->deadline_ns) {
        e->end = MR_END_TIMEOUT;
        mr_fail(err, MR_ERR_CLOSED, "the time-out (--timeout) has passed");
    } else {
        return false;
    }
    return true;
}

/* Between two pieces: everything before the collector's place is settled, and nothing behind it. */
static bool must_end(engine *e, mr_error *err)
{
    mr_error settling;
    if (!is_called_off(e, err)) return false;
    if (mr_collector_settled(&e->collector, true, &settling) != MR_OK) *err = settling;
    return true;
}

/* How many jobs lie in queues, of those that are not in somebody's hands. */
static void look_at_queues(const engine *e)
{
    uint32_t depth = 0;
    for (uint32_t i = 0; i < e->worker_count; i++)
        depth += mr_ring_depth(&e->workers[i].in) + mr_ring_depth(&e->workers[i].out);
    const uint32_t in_hands = 2 + (e->threaded ? e->worker_count : 0);
    const uint32_t capacity = e->job_count - in_hands;
    mr_pressure_update(&e->config->view->pressure, depth < capacity ? depth : capacity, capacity,
                       mr_clock_ns());
}

static void recycle(engine *e, mr_job *job)
{
    look_at_queues(e);
    mr_job_reset(job);
    mr_ring_push(&e->empty, job); /* has room for all jobs */
}

static bool over(engine *e, mr_job *job, mr_error *err)
{
    mr_histogram_record(&e->config->view->queue_wait, (uint64_t)(mr_clock_ns() - job->queued_ns));
    const bool at_end = job->end && job->code == MR_OK;
    mr_code rc = at_end ? mr_collector_finish(&e->collector, err)
                        : mr_collector_take(&e->collector, job, err);
    if (rc == MR_OK) rc = mr_collector_settled(&e->collector, false, err);
    if (rc != MR_OK) {
        e->end = e->collector.rejects_exceeded ? MR_END_REJECTS : MR_END_FAILED;
        return true;
    }
    if (mr_collector_rejects_exceeded(&e->collector, err)) {
        e->end = MR_END_REJECTS;
        return true;
    }
    return at_end || (e->config->limit != 0 && e->collector.ledger->offered >= e->config->limit);
}

static void collect(engine *e, mr_error *err)
{
    int64_t next_tick = mr_clock_ns() + TICK_NS;
    for (uint64_t sequence = 0;;) {
        worker *w = &e->workers[sequence % e->worker_count];
        void *item = NULL;
        const mr_code rc = mr_ring_pop_wait(e->threaded ? &w->out : &w->in, &item, TICK_NS);
        if (must_end(e, err)) return;
        if (e->config->tick != NULL && mr_clock_ns() >= next_tick) {
            e->config->tick(e->config->tick_context);
            next_tick = mr_clock_ns() + TICK_NS;
            look_at_queues(e);
        }
        if (rc == MR_ERR_LIMIT) continue; /* nothing yet */
        mr_job *job = item;
        if (rc != MR_OK) return;
        if (over(e, job, err)) {
            /* A wait that was ended from outside is no failure of its own. It was in the middle of
             * a piece, of which the destination has a part: no place to go on from. */
            if (e->end == MR_END_FAILED && err->code == MR_ERR_CLOSED) (void)is_called_off(e, err);
            return;
        }
        recycle(e, job);
        sequence++;
    }
}

/* --- start and stop
 * --------------------------------------------------------------------------------- */

static mr_code open_workers(engine *e, mr_error *err)
{
    const mr_engine_config *c = e->config;
    e->threaded = c->worker_count > 0;
    e->worker_count = e->threaded ? c->worker_count : 1;
    e->job_count = e->worker_count * JOBS_PER_WORKER + EXTRA_JOBS;
    e->workers = mr_mem_zalloc(sizeof *e->workers * e->worker_count);
    e->jobs = mr_mem_zalloc(sizeof *e->jobs * e->job_count);
    if (e->workers == NULL || e->jobs == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for the workers");
    MR_TRY(mr_ring_init(&e->empty, e->job_count, err));
    for (uint32_t i = 0; i < e->job_count; i++) {
        mr_job_init(&e->jobs[i]);
        mr_ring_push(&e->empty, &e->jobs[i]);
    }
    for (uint32_t i = 0; i < e->worker_count; i++) {
        e->workers[i].engine = e;
        MR_TRY(mr_ring_init(&e->workers[i].in, e->job_count, err));
        MR_TRY(mr_ring_init(&e->workers[i].out, e->job_count, err));
        if (e->threaded) MR_TRY(mr_lane_open(&e->workers[i].lane, c, err));
    }
    return mr_collector_open(&e->collector, c, e->threaded, err);
}

static mr_code start_threads(engine *e, mr_error *err)
{
    for (uint32_t i = 0; e->threaded && i < e->worker_count; i++) {
        if (pthread_create(&e->workers[i].thread, NULL, worker_main, &e->workers[i]) != 0)
            return mr_fail(err, MR_ERR_IO, "a worker thread cannot be started");
        e->workers[i].started = true;
    }
    if (pthread_create(&e->source_thread, NULL, source_main, e) != 0)
        return mr_fail(err, MR_ERR_IO, "the source's thread cannot be started");
    e->source_started = true;
    return MR_OK;
}

/* Everybody leaves at the next hand-over: the rings are closed, the source sees *stop. */
static void stop_threads(engine *e)
{
    atomic_store(e->config->stop, true);
    mr_ring_close(&e->empty);
    for (uint32_t i = 0; i < e->worker_count && e->workers != NULL; i++) {
        mr_ring_close(&e->workers[i].in);
        mr_ring_close(&e->workers[i].out);
    }
    if (e->source_started) pthread_join(e->source_thread, NULL);
    for (uint32_t i = 0; i < e->worker_count && e->workers != NULL; i++)
        if (e->workers[i].started) pthread_join(e->workers[i].thread, NULL);
}

static void close_all(engine *e)
{
    for (uint32_t i = 0; i < e->worker_count && e->workers != NULL; i++) {
        mr_lane_close(&e->workers[i].lane);
        mr_ring_done(&e->workers[i].in);
        mr_ring_done(&e->workers[i].out);
    }
    mr_collector_close(&e->collector);
    for (uint32_t i = 0; i < e->job_count && e->jobs != NULL; i++)
        mr_job_done(&e->jobs[i]);
    mr_ring_done(&e->empty);
    mr_mem_free(e->workers);
    mr_mem_free(e->jobs);
}

mr_end mr_engine_run(const mr_engine_config *config, mr_ledger *ledger, mr_error *err)
{
    engine e = {.config = config, .end = MR_END_DONE};
    if (config->from == NULL) memset(ledger, 0, sizeof *ledger);
    e.collector.ledger = ledger;
    mr_code rc = open_workers(&e, err);
    if (rc == MR_OK) rc = start_threads(&e, err);
    if (rc == MR_OK) {
        collect(&e, err);
        if (mr_collector_release(&e.collector, e.end == MR_END_DONE ? err : NULL) != MR_OK &&
            e.end == MR_END_DONE)
            e.end = MR_END_FAILED;
    } else {
        e.end = MR_END_FAILED;
    }
    stop_threads(&e);
    mr_pressure_update(&config->view->pressure, 0, 0, mr_clock_ns());
    close_all(&e);
    return e.end;
}
