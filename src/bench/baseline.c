/* SPDX-License-Identifier: MIT */
#include "bench/baseline.h"

#include "core/number.h"

#define MAX_FILE_BYTES ((size_t)16 << 20)

#define INFO_PERCENT     5
#define WARNING_PERCENT  10
#define CRITICAL_PERCENT 50

/* A tree is one document, so every line is its own. */
static mr_code parse_lines(mr_bench_baseline *baseline, const char *path, mr_slice text,
                           mr_error *err)
{
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        const size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;
        if (len > 0) {
            if (baseline->count == MR_BENCH_MAX_SCENARIOS)
                return mr_fail(err, MR_ERR_LIMIT, "file '%s': more than %d scenarios", path,
                               MR_BENCH_MAX_SCENARIOS);
            MR_TRY(mr_tree_parse(&baseline->arena, path, mr_slice_of(text.ptr, len),
                                 &baseline->lines[baseline->count++], err));
        }
        text = mr_slice_from(text, end != NULL ? len + 1 : len);
    }
    return MR_OK;
}

static mr_code read_file(const char *path, mr_buffer *text, mr_error *err)
{
    mr_file file = {0};
    size_t got = 1;
    mr_code rc = mr_file_open(&file, path, err);
    while (rc == MR_OK && got > 0) {
        rc = mr_buffer_reserve(text, 64u << 10, err);
        if (rc == MR_OK)
            rc = mr_file_read(&file, text->ptr + text->len, text->cap - text->len, &got, err);
        if (rc == MR_OK) text->len += got;
    }
    mr_file_close(&file);
    return rc;
}

mr_code mr_bench_baseline_load(mr_bench_baseline *baseline, const char *path, mr_error *err)
{
    mr_buffer text;
    memset(baseline, 0, sizeof *baseline);
    mr_arena_init(&baseline->arena, "bench baseline", 4 * MAX_FILE_BYTES);
    mr_buffer_init(&text, "the baseline", MAX_FILE_BYTES);
    mr_code rc = read_file(path, &text, err);
    if (rc == MR_OK) rc = parse_lines(baseline, path, mr_buffer_slice(&text), err);
    mr_buffer_done(&text);
    return rc;
}

void mr_bench_baseline_done(mr_bench_baseline *baseline)
{
    mr_arena_done(&baseline->arena);
}

static bool text_is(const mr_node *map, const char *key, const char *text)
{
    const mr_node *node = map->kind == MR_NODE_MAP ? mr_node_get(map, key) : NULL;
    return node != NULL && node->kind == MR_NODE_SCALAR && mr_slice_is(node->text, text);
}

static bool find_median(const mr_bench_baseline *baseline, const char *scenario, const char *name,
                        double *out)
{
    for (uint32_t i = 0; i < baseline->count; i++) {
        if (!text_is(baseline->lines[i].root, "scenario", scenario)) continue;
        const mr_node *figures = mr_node_get(baseline->lines[i].root, "figures");
        if (figures == NULL) continue;
        for (const mr_node_entry *e = figures->first; e != NULL; e = e->next) {
            if (!text_is(e->value, "name", name)) continue;
            const mr_node *median = mr_node_get(e->value, "median");
            if (median != NULL && mr_parse_f64(median->text, out)) return true;
        }
    }
    return false;
}

static const char *mark_of(double worse_percent)
{
    if (worse_percent > CRITICAL_PERCENT) return "critical";
    if (worse_percent > WARNING_PERCENT) return "warning";
    return worse_percent > INFO_PERCENT ? "info" : "";
}

/* By how much of the old value the new one is worse; below 0 = better. From nothing to something
 * is worse without measure. */
static double worse_by(const mr_bench_figure *figure, double before, double now)
{
    const double loss = figure->better == MR_BENCH_HIGHER ? before - now : now - before;
    if (before > 0) return 100 * loss / before;
    return loss > 0 ? 2 * CRITICAL_PERCENT : 0;
}

mr_code mr_bench_compare(const mr_bench_baseline *baseline, const char *scenario,
                         const mr_bench *now, mr_buffer *out, bool *out_worse, mr_error *err)
{
    bool worse = false;
    for (uint32_t i = 0; i < now->figure_count; i++) {
        const mr_bench_figure *figure = &now->figures[i];
        double before;
        if (figure->better == MR_BENCH_INFO ||
            !find_median(baseline, scenario, figure->name, &before))
            continue;
        const double median = mr_bench_spread_of(figure).median;
        const double percent = worse_by(figure, before, median);
        worse |= percent > WARNING_PERCENT;
        MR_TRY(mr_buffer_printf(out, err, "  %-50s %.6g -> %.6g %s: %.1f %% %s %s\n", figure->name,
                                before, median, figure->unit, percent < 0 ? -percent : percent,
                                percent > 0 ? "worse" : "better", mark_of(percent)));
    }
    *out_worse = worse;
    return MR_OK;
}
