/* SPDX-License-Identifier: MIT */
#include "core/gate.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Why no signal is lost: key and signal both exchange `armed`, so one comes first. If the key does,
 * the signal reads 1 and changes `epoch`, which the kernel compares with the key before it lets
 * anyone sleep. If the signal does, the key's exchange reads what the signal wrote (or what another
 * key wrote after it), so the change made before the signal is visible to the look that follows.
 * `epoch` is read before `armed` is set; a wake-up of an older key in between only makes the wait
 * return early. Keys repeat after 2^32 signals, which no thread sleeps through between taking a key
 * and waiting on it. */

static_assert(sizeof(atomic_uint) == 4, "a futex is 32 bits");

void mr_gate_init(mr_gate *gate)
{
    atomic_init(&gate->armed, 0);
    atomic_init(&gate->epoch, 0);
}

void mr_gate_done(mr_gate *gate)
{
    mr_gate_init(gate);
}

uint64_t mr_gate_key(mr_gate *gate)
{
    const unsigned epoch = atomic_load_explicit(&gate->epoch, memory_order_acquire);
    atomic_exchange_explicit(&gate->armed, 1, memory_order_acq_rel); /* with mr_gate_signal() */
    return epoch;
}

/* Now + `timeout_ns` on the monotonic clock, held below the far end of time_t. */
static struct timespec deadline_after(int64_t timeout_ns)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(timeout_ns / 1000000000);
    at.tv_nsec += (long)(timeout_ns % 1000000000);
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

void mr_gate_wait(mr_gate *gate, uint64_t key, int64_t timeout_ns)
{
    struct timespec deadline = {0};
    if (timeout_ns >= 0) deadline = deadline_after(timeout_ns);
    while (atomic_load_explicit(&gate->epoch, memory_order_acquire) == (unsigned)key) {
        const long rc = syscall(SYS_futex, &gate->epoch, FUTEX_WAIT_BITSET_PRIVATE, (unsigned)key,
                                timeout_ns >= 0 ? &deadline : NULL, NULL, FUTEX_BITSET_MATCH_ANY);
        if (rc != 0 && errno != EINTR) return; /* timed out, or changed already */
    }
}

void mr_gate_signal(mr_gate *gate)
{
    if (atomic_exchange_explicit(&gate->armed, 0, memory_order_acq_rel) == 0) return;
    atomic_fetch_add_explicit(&gate->epoch, 1, memory_order_release);
    syscall(SYS_futex, &gate->epoch, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
