/* SPDX-License-Identifier: MIT
 *
 * bench: runs scenarios and prints their figures, as a table or one JSON object a scenario, alone
 * or against those of an earlier day. */
#include <inttypes.h>
#include <stdio.h>

#include "bench/baseline.h"
#include "bench/bench.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "core/clock.h"
#include "core/json.h"

#define MAX_TEXT_BYTES ((size_t)1 << 20)

/* --- as a table --- */

/* Four significant digits, and whole numbers in full: 0.2143, 12.61, 4565135. */
static const char *short_number(char out[32], double value)
{
    const double size = value < 0 ? -value : value;
    int digits = 0;
    double limit = 1000;
    while (digits < 6 && size < limit) {
        limit /= 10;
        digits++;
    }
    snprintf(out, 32, "%.*f", size == 0 ? 0 : digits, value);
    return out;
}

static const char *target_text(char out[32], double value)
{
    return value < 0 ? "" : short_number(out, value);
}

static mr_code put_figure(mr_buffer *out, const mr_bench_figure *f, mr_error *err)
{
    char a[32], b[32], c[32], d[32], e[32], g[32];
    const mr_bench_spread s = mr_bench_spread_of(f);
    return mr_buffer_printf(out, err, "  %-50s %11s %-10s %11s..%-11s %9s %3u %8s %8s %s\n",
                            f->name, short_number(a, s.median), f->unit, short_number(b, s.min),
                            short_number(c, s.max), short_number(d, s.mad), f->count,
                            target_text(e, f->must), target_text(g, f->goal), mr_bench_verdict(f));
}

static mr_code put_table(const mr_bench *bench, mr_buffer *out, mr_error *err)
{
    static const char *const words[] = {
        [MR_BENCH_NOTE] = "note", [MR_BENCH_HELD] = "held", [MR_BENCH_BROKEN] = "BROKEN"};
    if (bench->figure_count > 0)
        MR_TRY(mr_buffer_printf(out, err, "  %-50s %11s %-10s %11s..%-11s %9s %3s %8s %8s %s\n",
                                "figure", "median", "", "min", "max", "MAD", "n", "must", "goal",
                                "reached"));
    for (uint32_t i = 0; i < bench->figure_count; i++)
        MR_TRY(put_figure(out, &bench->figures[i], err));
    for (uint32_t i = 0; i < bench->remark_count; i++)
        MR_TRY(mr_buffer_printf(out, err, "  %s: %s\n", words[bench->remarks[i].kind],
                                bench->remarks[i].text));
    return mr_buffer_append_byte(out, '\n', err);
}

/* --- as JSON --- */

static void put_target(mr_json_out *json, const char *key, double value)
{
    mr_json_key(json, key);
    value < 0 ? mr_json_null(json) : mr_json_f64(json, value, 6);
}

static void put_json_figure(mr_json_out *json, const mr_bench_figure *f)
{
    static const char *const better[] = {
        [MR_BENCH_INFO] = "info", [MR_BENCH_LOWER] = "lower", [MR_BENCH_HIGHER] = "higher"};
    const mr_bench_spread s = mr_bench_spread_of(f);
    mr_json_open(json, '{');
    mr_json_key(json, "name"), mr_json_text(json, mr_slice_text(f->name));
    mr_json_key(json, "unit"), mr_json_text(json, mr_slice_text(f->unit));
    mr_json_key(json, "better"), mr_json_text(json, mr_slice_text(better[f->better]));
    mr_json_key(json, "median"), mr_json_f64(json, s.median, 9);
    mr_json_key(json, "min"), mr_json_f64(json, s.min, 9);
    mr_json_key(json, "max"), mr_json_f64(json, s.max, 9);
    mr_json_key(json, "mad"), mr_json_f64(json, s.mad, 9);
    put_target(json, "must", f->must);
    put_target(json, "goal", f->goal);
    mr_json_key(json, "reached"), mr_json_text(json, mr_slice_text(mr_bench_verdict(f)));
    mr_json_key(json, "samples");
    mr_json_open(json, '[');
    for (uint32_t i = 0; i < f->count; i++)
        mr_json_f64(json, f->samples[i], 9);
    mr_json_close(json, ']');
    mr_json_close(json, '}');
}

static void put_json_remarks(mr_json_out *json, const mr_bench *bench)
{
    mr_json_key(json, "checks");
    mr_json_open(json, '[');
    for (uint32_t i = 0; i < bench->remark_count; i++) {
        if (bench->remarks[i].kind == MR_BENCH_NOTE) continue;
        mr_json_open(json, '{');
        mr_json_key(json, "held");
        mr_json_bool(json, bench->remarks[i].kind == MR_BENCH_HELD);
        mr_json_key(json, "text"), mr_json_text(json, mr_slice_text(bench->remarks[i].text));
        mr_json_close(json, '}');
    }
    mr_json_close(json, ']');
    mr_json_key(json, "notes");
    mr_json_open(json, '[');
    for (uint32_t i = 0; i < bench->remark_count; i++)
        if (bench->remarks[i].kind == MR_BENCH_NOTE)
            mr_json_text(json, mr_slice_text(bench->remarks[i].text));
    mr_json_close(json, ']');
}

static mr_code put_json(const mr_bench *bench, const mr_bench_scenario *scenario,
                        const char *machine, mr_buffer *out, mr_error *err)
{
    char when[MR_TIME_TEXT_MAX];
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    mr_json_key(&json, "scenario"), mr_json_text(&json, mr_slice_text(scenario->name));
    mr_json_key(&json, "id"), mr_json_text(&json, mr_slice_text(scenario->id));
    mr_json_key(&json, "title"), mr_json_text(&json, mr_slice_text(scenario->title));
    mr_json_key(&json, "date");
    mr_json_text(&json, mr_slice_of(when, mr_format_wall(when, mr_clock_wall_ns(), 0)));
    mr_json_key(&json, "version"), mr_json_text(&json, MR_SLICE(MR_VERSION));
    mr_json_key(&json, "machine"), mr_json_text(&json, mr_slice_text(machine));
    mr_json_key(&json, "runs"), mr_json_u64(&json, bench->runs);
    mr_json_key(&json, "records");
    bench->records > 0 ? mr_json_u64(&json, bench->records) : mr_json_null(&json);
    mr_json_key(&json, "figures");
    mr_json_open(&json, '[');
    for (uint32_t i = 0; i < bench->figure_count; i++)
        put_json_figure(&json, &bench->figures[i]);
    mr_json_close(&json, ']');
    put_json_remarks(&json, bench);
    mr_json_close(&json, '}');
    return json.failed ? mr_json_out_fail(&json, err) : mr_buffer_append_byte(out, '\n', err);
}

/* --- running --- */

typedef struct session {
    mr_bench bench;
    mr_bench_baseline baseline;
    bool json, compares;
    bool failed; /* a check did not hold, or something became slower */
    mr_buffer text;
} session;

static mr_code print_text(session *s, mr_error *err)
{
    const mr_code rc = mr_cli_print(mr_buffer_slice(&s->text), err);
    mr_buffer_reset(&s->text);
    return rc;
}

static mr_code run_one(session *s, const mr_bench_scenario *scenario, mr_error *err)
{
    char machine[MR_BENCH_REMARK_BYTES];
    mr_bench_clear(&s->bench);
    mr_bench_machine(machine);
    if (!s->json) {
        MR_TRY(mr_buffer_printf(&s->text, err, "%s%s%s: %s\n%s, %u runs\n", scenario->name,
                                scenario->id[0] != 0 ? " " : "", scenario->id, scenario->title,
                                machine, s->bench.runs));
        MR_TRY(print_text(s, err));
    }
    const mr_code rc = scenario->run(&s->bench, err);
    if (rc != MR_OK) return mr_error_prefix(err, "%s", scenario->name);
    if (mr_bench_broken(&s->bench)) s->failed = true;
    MR_TRY(s->json ? put_json(&s->bench, scenario, machine, &s->text, err)
                   : put_table(&s->bench, &s->text, err));
    MR_TRY(print_text(s, err));
    if (!s->compares) return MR_OK;
    bool worse = false;
    MR_TRY(mr_bench_compare(&s->baseline, scenario->name, &s->bench, &s->text, &worse, err));
    s->failed |= worse;
    if (s->json) fprintf(stderr, "%.*s", MR_SLICE_ARGS(mr_buffer_slice(&s->text)));
    if (s->json) mr_buffer_reset(&s->text);
    return print_text(s, err);
}

static mr_code run_named(session *s, const char *name, mr_error *err)
{
    if (strcmp(name, "all") != 0) {
        const mr_bench_scenario *scenario = mr_bench_find(name);
        if (scenario != NULL) return run_one(s, scenario, err);
        return mr_fail(err, MR_ERR_USAGE,
                       "there is no scenario '%s'; `millrace bench list` shows all", name);
    }
    for (const mr_bench_scenario *each = mr_bench_scenarios; each->name != NULL; each++)
        MR_TRY(run_one(s, each, err));
    return MR_OK;
}

static mr_code list(mr_buffer *out, mr_error *err)
{
    for (const mr_bench_scenario *s = mr_bench_scenarios; s->name != NULL; s++)
        MR_TRY(mr_buffer_printf(out, err, "%-10s %-4s %s\n", s->name, s->id, s->title));
    return MR_OK;
}

static mr_code run_session(session *s, const mr_args *args, mr_error *err)
{
    if (strcmp(args->operands[0], "list") == 0) {
        MR_TRY(list(&s->text, err));
        return print_text(s, err);
    }
    MR_TRY(mr_bench_open(&s->bench, args->runs, args->records, err));
    if (args->baseline != NULL) MR_TRY(mr_bench_baseline_load(&s->baseline, args->baseline, err));
    return run_named(s, args->operands[0], err);
}

int mr_cmd_bench(mr_args *args)
{
    static session s; /* large: samples */
    mr_error err = {0};
    s.json = args->json;
    s.compares = args->baseline != NULL;
    mr_buffer_init(&s.text, "the figures", MAX_TEXT_BYTES);
    const mr_code rc = run_session(&s, args, &err);
    mr_bench_baseline_done(&s.baseline);
    mr_bench_close(&s.bench);
    mr_buffer_done(&s.text);
    if (rc != MR_OK) return mr_cli_fail(rc, &err);
    return s.failed ? MR_EXIT_FAILED : MR_EXIT_OK;
}
