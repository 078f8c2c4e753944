/* SPDX-License-Identifier: MIT */
#include "http/timer.h"

#define SLOT_MASK (MR_TIMER_SLOTS - 1)

static bool is_empty(const mr_timer *slot)
{
    return slot->next == slot;
}

static void link_before(mr_timer *position, mr_timer *timer)
{
    timer->next = position;
    timer->prev = position->prev;
    position->prev->next = timer;
    position->prev = timer;
}

static void unlink_timer(mr_timer *timer)
{
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    timer->prev = timer->next = NULL;
}

void mr_timer_wheel_init(mr_timer_wheel *wheel, uint64_t now_ns)
{
    memset(wheel, 0, sizeof *wheel);
    for (size_t i = 0; i < MR_TIMER_SLOTS; i++)
        wheel->slots[i].prev = wheel->slots[i].next = &wheel->slots[i];
    wheel->tick = now_ns >> MR_TIMER_TICK_SHIFT;
}

/* The first tick that begins at or after `deadline_ns` and has not been looked at. */
static uint64_t tick_of(const mr_timer_wheel *wheel, uint64_t deadline_ns)
{
    const uint64_t tick = (deadline_ns >> MR_TIMER_TICK_SHIFT) + 1;
    return mr_max_u64(tick, wheel->tick + 1);
}

static void place(mr_timer_wheel *wheel, mr_timer *timer)
{
    timer->tick = tick_of(wheel, timer->deadline_ns);
    const size_t slot = timer->tick & SLOT_MASK;
    link_before(&wheel->slots[slot], timer);
    wheel->used[slot / 64] |= 1ull << slot % 64;
}

void mr_timer_set(mr_timer_wheel *wheel, mr_timer *timer, uint64_t deadline_ns)
{
    timer->deadline_ns = deadline_ns;
    if (timer->next != NULL) {
        if (tick_of(wheel, deadline_ns) >= timer->tick) return; /* found in time where it is */
        unlink_timer(timer);
    }
    place(wheel, timer);
}

void mr_timer_cancel(mr_timer *timer)
{
    if (timer->next != NULL) unlink_timer(timer);
    timer->deadline_ns = UINT64_MAX;
}

/* Takes the slot's list away first: what its timers set anew must not be met again in this pass. */
static void run_slot(mr_timer_wheel *wheel, size_t slot, uint64_t now_ns)
{
    mr_timer *head = &wheel->slots[slot];
    wheel->used[slot / 64] &= ~(1ull << slot % 64);
    if (is_empty(head)) return;
    mr_timer due = {.prev = head->prev, .next = head->next};
    due.prev->next = &due;
    due.next->prev = &due;
    head->prev = head->next = head;
    while (!is_empty(&due)) {
        mr_timer *timer = due.next;
        unlink_timer(timer);
        if (timer->deadline_ns > now_ns) {
            place(wheel, timer);
        } else {
            timer->deadline_ns = UINT64_MAX;
            timer->fire(timer);
        }
    }
}

void mr_timer_wheel_run(mr_timer_wheel *wheel, uint64_t now_ns)
{
    const uint64_t now_tick = now_ns >> MR_TIMER_TICK_SHIFT;
    if (now_tick <= wheel->tick) return;
    uint64_t tick = wheel->tick + 1;
    if (now_tick - wheel->tick > MR_TIMER_SLOTS) tick = now_tick - MR_TIMER_SLOTS + 1;
    wheel->tick = now_tick;
    for (; tick <= now_tick; tick++) {
        const size_t slot = tick & SLOT_MASK;
        if ((wheel->used[slot / 64] >> slot % 64 & 1) != 0) run_slot(wheel, slot, now_ns);
    }
}

uint64_t mr_timer_wheel_wait_ns(mr_timer_wheel *wheel, uint64_t now_ns)
{
    for (uint64_t ahead = 1; ahead <= MR_TIMER_SLOTS;) {
        const size_t slot = (wheel->tick + ahead) & SLOT_MASK;
        const uint64_t bits = wheel->used[slot / 64] >> slot % 64;
        if (bits == 0) {
            ahead += 64 - slot % 64;
            continue;
        }
        ahead += (uint64_t)__builtin_ctzll(bits);
        const size_t found = (wheel->tick + ahead) & SLOT_MASK;
        if (!is_empty(&wheel->slots[found])) {
            const uint64_t at_ns = (wheel->tick + ahead) << MR_TIMER_TICK_SHIFT;
            return at_ns > now_ns ? at_ns - now_ns : 0;
        }
        wheel->used[found / 64] &= ~(1ull << found % 64); /* cancelled meanwhile */
        ahead++;
    }
    return UINT64_MAX;
}
