/* SPDX-License-Identifier: MIT */
#include "http/loop.h"

#include <pthread.h>
#include <time.h>

#include "support/test.h"

#define POSTERS     4
#define JOBS_EACH   20000
#define CHAIN_MAX   64
#define ROUND_TRIPS 2000

typedef struct numbered_job {
    mr_loop_job job;
    struct counting *owner;
    unsigned poster, number;
} numbered_job;

typedef struct counting {
    mr_loop loop;
    unsigned next[POSTERS]; /* number of the next job expected of each */
    unsigned ran;
    bool in_order;
} counting;

static void run_numbered(mr_loop_job *job)
{
    const numbered_job *own = (const void *)job;
    counting *owner = own->owner;
    owner->in_order = owner->in_order && owner->next[own->poster] == own->number;
    owner->next[own->poster] = own->number + 1;
    if (++owner->ran == POSTERS * JOBS_EACH) mr_loop_stop(&owner->loop);
}

typedef struct poster {
    counting *owner;
    numbered_job *jobs;
    unsigned number;
    pthread_t thread;
} poster;

/* Posts some one by one and some as chains, and lets the loop fall asleep now and then. */
static void *post_all(void *context)
{
    poster *own = context;
    unsigned seed = own->number * 7919 + 1;
    for (unsigned at = 0, len; at < JOBS_EACH; at += len) {
        seed = seed * 1103515245 + 12345;
        len = (unsigned)mr_min_u64(seed >> 16 & (CHAIN_MAX - 1), JOBS_EACH - at);
        if (len < 2) len = 1;
        for (unsigned i = at + 1; i < at + len; i++)
            own->jobs[i].job.next = &own->jobs[i - 1].job;
        if (len == 1)
            mr_loop_post(&own->owner->loop, &own->jobs[at].job);
        else
            mr_loop_post_chain(&own->owner->loop, &own->jobs[at + len - 1].job, &own->jobs[at].job);
        const struct timespec moment = {.tv_nsec = 20000};
        if ((seed >> 8 & 15) == 0) nanosleep(&moment, NULL);
    }
    return NULL;
}

MR_TEST(every_posted_job_runs_once_and_in_its_poster_s_order)
{
    mr_error err;
    counting c = {.in_order = true};
    poster posters[POSTERS];
    MR_EXPECT_OK(mr_loop_open(&c.loop, &err));
    for (unsigned p = 0; p < POSTERS; p++) {
        posters[p] = (poster){.owner = &c, .number = p};
        posters[p].jobs = mr_mem_zalloc(JOBS_EACH * sizeof *posters[p].jobs);
        for (unsigned i = 0; i < JOBS_EACH; i++)
            posters[p].jobs[i] = (numbered_job){{run_numbered, NULL}, &c, p, i};
        MR_EXPECT(pthread_create(&posters[p].thread, NULL, post_all, &posters[p]) == 0);
    }
    mr_loop_run(&c.loop); /* hangs when a wake is lost */
    for (unsigned p = 0; p < POSTERS; p++) {
        pthread_join(posters[p].thread, NULL);
        mr_mem_free(posters[p].jobs);
    }
    MR_EXPECT_U64(c.ran, ==, POSTERS * JOBS_EACH);
    MR_EXPECT(c.in_order);
    mr_loop_close(&c.loop);
}

/* Two loops throw one job to and fro: each throw finds the other asleep, or just falling. */
typedef struct side {
    mr_loop loop;
    mr_loop_job job;
    struct side *other;
    unsigned caught;
} side;

static void catch_and_throw(mr_loop_job *job)
{
    side *own = MR_CONTAINER_OF(job, side, job);
    mr_loop_post(&own->other->loop, &own->other->job);
    if (++own->caught == ROUND_TRIPS) mr_loop_stop(&own->loop);
}

static void *run_side(void *context)
{
    mr_loop_run(&((side *)context)->loop);
    return NULL;
}

MR_TEST(a_sleeping_loop_is_woken_each_time)
{
    mr_error err;
    static side a, b;
    pthread_t thread;
    a = (side){.other = &b, .job.run = catch_and_throw};
    b = (side){.other = &a, .job.run = catch_and_throw};
    MR_EXPECT_OK(mr_loop_open(&a.loop, &err));
    MR_EXPECT_OK(mr_loop_open(&b.loop, &err));
    mr_loop_post(&a.loop, &a.job);
    MR_EXPECT(pthread_create(&thread, NULL, run_side, &b) == 0);
    mr_loop_run(&a.loop);
    pthread_join(thread, NULL);
    MR_EXPECT_U64(a.caught + b.caught, ==, 2 * ROUND_TRIPS);
    mr_loop_close(&a.loop);
    mr_loop_close(&b.loop);
}
