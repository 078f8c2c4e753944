/* SPDX-License-Identifier: MIT
 *
 * Choosing the form of an integer sequence by exact size, and writing it. What a candidate costs is
 * known before anything is packed, and a candidate that cannot win is dropped as early as a bound
 * shows it. */
#include "core/mem.h"
#include "record/ints.h"

#define LINE_BITS     32                  /* fraction bits of a slope */
#define FINE_LINE_MAX (UINT64_C(1) << 29) /* range that leaves room for them */
#define LINE_MAX      (UINT64_C(1) << 61) /* range beyond which no line is tried */
#define DELTA_GAIN    16 /* deltas are slow to read alone: they must save this part at least */
#define PROBES        16
#define DICT_SAMPLE   256u

void mr_ints_planner_done(mr_ints_planner *planner)
{
    mr_mem_free(planner->values);
    mr_mem_free(planner->run_ends);
    mr_mem_free(planner->run_values);
    mr_mem_free(planner->anchors);
    mr_mem_free(planner->dict_values);
    mr_mem_free(planner->codes);
    mr_mem_free(planner->slots);
    memset(planner, 0, sizeof *planner);
}

size_t mr_ints_planner_held_bytes(const mr_ints_planner *planner)
{
    return mr_mem_usable(planner->values) + mr_mem_usable(planner->run_ends) +
           mr_mem_usable(planner->run_values) + mr_mem_usable(planner->anchors) +
           mr_mem_usable(planner->dict_values) + mr_mem_usable(planner->codes) +
           mr_mem_usable(planner->slots);
}

mr_code mr_ints_planner_reserve(mr_ints_planner *planner, uint32_t count, mr_error *err)
{
    if (planner->cap >= count && planner->values != NULL) return MR_OK;
    mr_ints_planner_done(planner);
    const size_t cap = count < 64 ? 64 : count;
    size_t slots = 64;
    while (slots + 1 < cap) /* at most half of them are in use */
        slots *= 2;
    planner->values = mr_mem_alloc((cap + 1) * sizeof(int64_t));
    planner->run_ends = mr_mem_alloc((cap / MR_INTS_RUN_ROWS + 1) * sizeof(int64_t));
    planner->run_values = mr_mem_alloc((cap / MR_INTS_RUN_ROWS + 1) * sizeof(int64_t));
    planner->anchors = mr_mem_alloc((cap / MR_INTS_BLOCK + 1) * sizeof(int64_t));
    planner->dict_values = mr_mem_alloc((cap / 2 + 1) * sizeof(int64_t));
    planner->codes = mr_mem_alloc(cap * sizeof(uint32_t));
    planner->slots = mr_mem_alloc(slots * sizeof(uint32_t));
    if (planner->values == NULL || planner->run_ends == NULL || planner->run_values == NULL ||
        planner->anchors == NULL || planner->dict_values == NULL || planner->codes == NULL ||
        planner->slots == NULL) {
        mr_ints_planner_done(planner);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to encode %u records", count);
    }
    planner->cap = (uint32_t)cap;
    planner->slot_count = (uint32_t)slots;
    return MR_OK;
}

static size_t form_bytes(uint64_t packed_count, unsigned width)
{
    return sizeof(mr_ints) + mr_align_up(mr_bitpack_bytes(packed_count, width), 8);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The greatest common divisor of all values less `base`. A few of them usually prove that it is 1.
 */
static uint64_t factor_of(const int64_t *values, uint32_t count, uint64_t base)
{
    uint64_t factor = 0;
    for (uint32_t i = 0; i < PROBES && factor != 1; i++)
        factor = common_divisor(factor,
                                (uint64_t)values[(uint64_t)i * (count - 1) / (PROBES - 1)] - base);
    for (uint32_t i = 0; i < count && factor != 1; i++) {
        const uint64_t value = (uint64_t)values[i] - base;
        if (factor == 0 || value % factor != 0) factor = common_divisor(factor, value);
    }
    return factor == 0 ? 1 : factor;
}

/* Turns values into (value - base) / factor and returns the greatest of these. */
static uint64_t normalise(int64_t *values, uint32_t count, mr_ints *head)
{
    int64_t least = values[0], most = values[0];
    for (uint32_t i = 1; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    head->base = (uint64_t)least;
    head->factor = factor_of(values, count, head->base);
    if (head->factor == 1)
        for (uint32_t i = 0; i < count; i++)
            values[i] = (int64_t)((uint64_t)values[i] - head->base);
    else if (((uint64_t)most - head->base) >> 32 == 0) /* 32-bit division is much faster */
        for (uint32_t i = 0; i < count; i++)
            values[i] = (uint32_t)((uint64_t)values[i] - head->base) / (uint32_t)head->factor;
    else
        for (uint32_t i = 0; i < count; i++)
            values[i] = (int64_t)(((uint64_t)values[i] - head->base) / head->factor);
    return ((uint64_t)most - head->base) / head->factor;
}

/* How a normalised sequence moves. */
typedef struct motion {
    uint32_t runs;
    uint32_t first_change, last_change; /* indexes; 0 = none */
    int64_t least_delta, most_delta;
} motion;

static motion motion_of(const int64_t *values, uint32_t count)
{
    motion m = {.runs = 1, .least_delta = INT64_MAX, .most_delta = INT64_MIN};
    for (uint32_t i = 1; i < count; i++) {
        const int64_t delta = (int64_t)((uint64_t)values[i] - (uint64_t)values[i - 1]);
        m.runs += delta != 0;
        m.least_delta = delta < m.least_delta ? delta : m.least_delta;
        m.most_delta = delta > m.most_delta ? delta : m.most_delta;
    }
    if (m.runs == 1) return m;
    uint32_t i = 1;
    while (values[i] == values[i - 1])
        i++;
    m.first_change = i;
    i = count - 1;
    while (values[i] == values[i - 1])
        i--;
    m.last_change = i;
    return m;
}

/* Slope and shift of the line through the first and last change; false when there is none. */
static bool fit_line(const int64_t *values, uint32_t count, uint64_t range, const motion *m,
                     mr_ints *head)
{
    if (m->last_change <= m->first_change || range >= LINE_MAX) return false;
    head->shift = range < FINE_LINE_MAX ? LINE_BITS : 0;
    const int64_t rise = values[m->last_change] - values[m->first_change];
    head->slope = rise * (INT64_C(1) << head->shift) / (m->last_change - m->first_change);
    const int64_t steepest = (int64_t)((LINE_MAX << 1) / count);
    return head->slope <= steepest && head->slope >= -steepest;
}

/* Distance from element i to the line through the origin; within +-(2^61 + 2^62). */
MR_INLINE int64_t above_line(const int64_t *values, const mr_ints *head, uint32_t i)
{
    return values[i] * (INT64_C(1) << head->shift) - head->slope * (int64_t)i;
}

static unsigned residue_bits(int64_t lowest, int64_t highest, const mr_ints *head)
{
    return mr_bits_for(((uint64_t)highest - (uint64_t)lowest) >> head->shift);
}

/* Replaces `best` if a line has a smaller residue than best->width. */
static void try_linear(const int64_t *values, uint32_t count, uint64_t range, const motion *m,
                       mr_ints_form *best)
{
    mr_ints head = best->head;
    if (best->head.width == 0 || !fit_line(values, count, range, m, &head)) return;
    int64_t lowest = above_line(values, &head, 0), highest = lowest;
    for (uint32_t probe = 1; probe < PROBES; probe++) { /* a lower bound of the residue */
        const int64_t e =
            above_line(values, &head, (uint32_t)((uint64_t)probe * (count - 1) / (PROBES - 1)));
        lowest = e < lowest ? e : lowest;
        highest = e > highest ? e : highest;
    }
    if (residue_bits(lowest, highest, &head) >= best->head.width) return;
    for (uint32_t i = 0; i < count; i++) {
        const int64_t e = above_line(values, &head, i);
        lowest = e < lowest ? e : lowest;
        highest = e > highest ? e : highest;
    }
    head.width = (uint8_t)residue_bits(lowest, highest, &head);
    if (head.width >= best->head.width) return;
    head.kind = MR_INTS_LINEAR;
    head.intercept = highest;
    *best = (mr_ints_form){head, form_bytes(count, head.width)};
}

/* The better of for and linear, which need no inner sequences. */
static motion plan_simple(int64_t *values, uint32_t count, mr_ints_form *out, uint64_t *out_range)
{
    mr_ints head = {.kind = MR_INTS_FOR, .count = count, .factor = 1};
    *out = (mr_ints_form){head, sizeof(mr_ints)};
    *out_range = 0;
    if (count == 0) return (motion){0};
    const uint64_t range = normalise(values, count, &head);
    head.width = (uint8_t)mr_bits_for(range);
    *out = (mr_ints_form){head, form_bytes(count, head.width)};
    *out_range = range;
    if (range == 0) return (motion){.runs = 1};
    const motion m = motion_of(values, count);
    try_linear(values, count, range, &m, out);
    return m;
}

static void plan_inner(int64_t *values, uint32_t count, mr_ints_form *out)
{
    uint64_t range;
    plan_simple(values, count, out, &range);
}

static mr_ints head_of(const mr_ints_choice *best, mr_ints_kind kind, unsigned width)
{
    return (mr_ints){.kind = (uint8_t)kind,
                     .width = (uint8_t)width,
                     .count = best->form.head.count,
                     .base = best->form.head.base,
                     .factor = best->form.head.factor};
}

/* Makes `found` the best if it is smaller by more than `margin` bytes. */
static void offer(mr_ints_choice *found, size_t packed_bytes, size_t margin, mr_ints_choice *best)
{
    found->form.head.first_bytes = (uint32_t)found->first.bytes;
    found->form.head.second_bytes = (uint32_t)found->second.bytes;
    found->form.bytes = sizeof(mr_ints) + found->first.bytes + found->second.bytes + packed_bytes;
    if (found->form.bytes + margin < best->form.bytes) *best = *found;
}

static void try_delta(mr_ints_planner *planner, uint64_t range, const motion *m)
{
    mr_ints_choice *best = &planner->plan;
    const uint32_t count = best->form.head.count;
    if (range >= LINE_MAX || count < 2) return;
    const unsigned width = mr_bits_for((uint64_t)m->most_delta - (uint64_t)m->least_delta);
    const uint32_t blocks = (count - 1) / MR_INTS_BLOCK + 1;
    const size_t packed = mr_align_up(mr_bitpack_bytes(count - blocks, width), 8);
    if (packed + 2 * sizeof(mr_ints) >= best->form.bytes) return;
    for (uint32_t block = 0; block < blocks; block++)
        planner->anchors[block] = planner->values[(size_t)block * MR_INTS_BLOCK];
    mr_ints_choice found = {.first_values = planner->anchors};
    found.form.head = head_of(best, MR_INTS_DELTA, width);
    found.form.head.slope = m->least_delta;
    plan_inner(planner->anchors, blocks, &found.first);
    offer(&found, packed, best->form.bytes / DELTA_GAIN, best);
}

static void try_runs(mr_ints_planner *planner, uint32_t runs)
{
    mr_ints_choice *best = &planner->plan;
    const uint32_t count = best->form.head.count;
    if (runs > count / MR_INTS_RUN_ROWS || 3 * sizeof(mr_ints) >= best->form.bytes) return;
    uint32_t run = 0;
    for (uint32_t i = 0; i < count; i++) {
        planner->run_ends[run] = i + 1;
        planner->run_values[run] = planner->values[i];
        run += i + 1 < count && planner->values[i + 1] != planner->values[i];
    }
    mr_ints_choice found = {.first_values = planner->run_ends,
                            .second_values = planner->run_values};
    found.form.head = head_of(best, MR_INTS_RUNS, 0);
    plan_inner(planner->run_ends, runs, &found.first);
    plan_inner(planner->run_values, runs, &found.second);
    offer(&found, 0, 0, best);
}

MR_INLINE uint32_t slot_of(uint64_t value, uint32_t slot_count)
{
    return (uint32_t)((value * 0x9e3779b97f4a7c15u) >> 32) & (slot_count - 1);
}

/* Do values come back in a pseudo-random sample? Without that no dictionary is worth trying. */
static bool sample_repeats(const mr_ints_planner *planner, uint32_t count)
{
    uint64_t seen[DICT_SAMPLE * 2];
    uint8_t used[DICT_SAMPLE * 2] = {0};
    uint32_t repeats = 0, at = 0;
    for (uint32_t i = 0; i < DICT_SAMPLE; i++) {
        at = (uint32_t)((at * UINT64_C(1103515245) + 12345) & 0x7fffffff);
        const uint64_t value = (uint64_t)planner->values[at % count];
        uint32_t slot = slot_of(value, DICT_SAMPLE * 2);
        while (used[slot] && seen[slot] != value)
            slot = (slot + 1) % (DICT_SAMPLE * 2);
        repeats += used[slot];
        used[slot] = 1;
        seen[slot] = value;
    }
    return repeats > DICT_SAMPLE / 16;
}

/* Numbers the distinct values in order of appearance; 0 when there are too many to pay. `width` is
 * what one value takes, `limit` the bytes to stay below. */
static uint32_t number_values(mr_ints_planner *planner, uint32_t count, unsigned width,
                              size_t limit)
{
    uint32_t distinct = 0;
    const uint32_t max = count / 2;
    memset(planner->slots, 0, planner->slot_count * sizeof *planner->slots);
    for (uint32_t i = 0; i < count; i++) {
        const int64_t value = planner->values[i];
        uint32_t slot = slot_of((uint64_t)value, planner->slot_count);
        while (planner->slots[slot] != 0 && planner->dict_values[planner->slots[slot] - 1] != value)
            slot = (slot + 1) & (planner->slot_count - 1);
        if (planner->slots[slot] == 0) {
            if (distinct == max) return 0;
            planner->dict_values[distinct] = value;
            planner->slots[slot] = ++distinct;
            const size_t least = mr_bitpack_bytes(count, mr_bits_for(distinct - 1)) +
                                 mr_bitpack_bytes(distinct, width) / 2;
            if (distinct % 64 == 0 && least > limit) return 0;
        }
        planner->codes[i] = planner->slots[slot] - 1;
    }
    return distinct;
}

static void try_dict(mr_ints_planner *planner, uint64_t range)
{
    mr_ints_choice *best = &planner->plan;
    const uint32_t count = best->form.head.count;
    const unsigned width = mr_bits_for(range);
    if (width < 2 || mr_bitpack_bytes(count, 1) + 2 * sizeof(mr_ints) >= best->form.bytes) return;
    if (!sample_repeats(planner, count)) return;
    const uint32_t distinct = number_values(planner, count, width, best->form.bytes);
    if (distinct == 0) return;
    mr_ints_choice found = {.first_values = planner->dict_values};
    const unsigned code_width = mr_bits_for(distinct - 1);
    found.form.head = head_of(best, MR_INTS_DICT, code_width);
    plan_inner(planner->dict_values, distinct, &found.first);
    offer(&found, mr_align_up(mr_bitpack_bytes(count, code_width), 8), 0, best);
}

size_t mr_ints_plan(mr_ints_planner *planner, uint32_t count, mr_ints_effort effort)
{
    MR_DCHECK(count <= planner->cap + 1);
    uint64_t range;
    planner->plan = (mr_ints_choice){0};
    const motion m = plan_simple(planner->values, count, &planner->plan.form, &range);
    if (planner->plan.form.head.width > 0) {
        if (effort >= MR_INTS_CODES) try_runs(planner, m.runs);
        if (effort >= MR_INTS_OFFSETS) try_delta(planner, range, &m);
        if (effort >= MR_INTS_ALL) try_dict(planner, range);
    }
    return planner->plan.form.bytes;
}

static void write_for(const int64_t *values, const mr_ints *head, uint8_t *to)
{
    mr_bitpacker packer = {.to = to, .width = head->width};
    for (uint32_t i = 0; i < head->count; i++)
        mr_bitpacker_put(&packer, (uint64_t)values[i]);
    mr_bitpacker_end(&packer);
}

static void write_linear(const int64_t *values, const mr_ints *head, uint8_t *to)
{
    mr_bitpacker packer = {.to = to, .width = head->width};
    for (uint32_t i = 0; i < head->count; i++) {
        const int64_t line =
            (int64_t)((uint64_t)head->slope * i + (uint64_t)head->intercept) >> head->shift;
        mr_bitpacker_put(&packer, (uint64_t)line - (uint64_t)values[i]);
    }
    mr_bitpacker_end(&packer);
}

static void write_delta(const int64_t *values, const mr_ints *head, uint8_t *to)
{
    mr_bitpacker packer = {.to = to, .width = head->width};
    for (uint32_t i = 1; i < head->count; i++)
        if (i % MR_INTS_BLOCK != 0)
            mr_bitpacker_put(&packer,
                             (uint64_t)values[i] - (uint64_t)values[i - 1] - (uint64_t)head->slope);
    mr_bitpacker_end(&packer);
}

static void write_codes(const uint32_t *codes, const mr_ints *head, uint8_t *to)
{
    mr_bitpacker packer = {.to = to, .width = head->width};
    for (uint32_t i = 0; i < head->count; i++)
        mr_bitpacker_put(&packer, codes[i]);
    mr_bitpacker_end(&packer);
}

static uint8_t *write_simple(const mr_ints_form *form, const int64_t *values, uint8_t *to)
{
    memcpy(to, &form->head, sizeof form->head);
    uint8_t *packed = to + sizeof form->head;
    if (form->head.width > 0 && form->head.kind == MR_INTS_FOR)
        write_for(values, &form->head, packed);
    else if (form->head.width > 0)
        write_linear(values, &form->head, packed);
    return to + form->bytes;
}

void mr_ints_write(const mr_ints_planner *planner, uint8_t *to)
{
    const mr_ints_choice *plan = &planner->plan;
    const mr_ints *head = &plan->form.head;
    if (head->kind <= MR_INTS_LINEAR) {
        write_simple(&plan->form, planner->values, to);
        return;
    }
    memcpy(to, head, sizeof *head);
    to = write_simple(&plan->first, plan->first_values, to + sizeof *head);
    if (plan->second.bytes > 0) to = write_simple(&plan->second, plan->second_values, to);
    if (head->width > 0 && head->kind == MR_INTS_DELTA) write_delta(planner->values, head, to);
    if (head->width > 0 && head->kind == MR_INTS_DICT) write_codes(planner->codes, head, to);
}
