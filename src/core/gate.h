/* SPDX-License-Identifier: MIT
 *
 * core/gate.h - a place to sleep until something changes, whatever that something is (an
 * "eventcount").
 *
 * The sleeper takes a key, looks once more, and sleeps on the key. A signal that comes between key
 * and wait makes the wait return at once, so nothing is missed:
 *
 *     for (;;) {                                          other threads:
 *         const uint64_t key = mr_gate_key(gate);             make the change;
 *         if (look at every ring) break;                      mr_gate_signal(gate);
 *         mr_gate_wait(gate, key, -1);
 *     }
 *
 * A signal costs one atomic exchange while nobody has taken a key.
 *
 * Thread: any number of sleepers and signallers. Must not be moved while in use. */
#ifndef MR_CORE_GATE_H
#define MR_CORE_GATE_H

#include <stdatomic.h>

#include "core/base.h"

typedef struct mr_gate {
    atomic_uint armed; /* 1 = a key was taken since the last signal */
    atomic_uint epoch; /* counts the signals that found it armed; sleepers sleep on it */
} mr_gate;

void mr_gate_init(mr_gate *gate);

/* Nobody may be sleeping any more. */
void mr_gate_done(mr_gate *gate);

/* To be taken before looking. A look that succeeds needs no wait and gives nothing back. */
uint64_t mr_gate_key(mr_gate *gate);

/* Sleeps until a signal that came after `key` was taken, or for `timeout_ns` (real time; below 0 =
 * for ever). Wakes for a signal, the time-out, or now and then for no reason: look again. */
void mr_gate_wait(mr_gate *gate, uint64_t key, int64_t timeout_ns);

/* Wakes all who took a key before. What was done before the signal is seen by them. */
MR_HOT void mr_gate_signal(mr_gate *gate);

#endif
