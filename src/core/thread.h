/* SPDX-License-Identifier: MIT
 *
 * core/thread.h - how the scheduler treats a thread.
 *
 * Thread: the one it is about. */
#ifndef MR_CORE_THREAD_H
#define MR_CORE_THREAD_H

#include "core/base.h"

/* What a thread that answers others asks for; the least that Linux grants. */
#define MR_THREAD_PROMPT_NS 100000

/* For threads that wake for a moment's work that somebody waits for: they go before threads that
 * compute, and in return are interrupted sooner themselves. Their share of the processor stays the
 * same. Linux gives each thread the processor for a slice, 1.4 ms on two cores, and one that wakes
 * waits for the end of another's; from 6.12 on a thread may ask for slices of its own (EEVDF,
 * Stoica and Abdel-Wahab 1995: of those that are owed time the earliest deadline goes first, and a
 * shorter slice has an earlier one). Without effect where the kernel knows nothing of it. */
void mr_thread_be_prompt(void);

#endif
