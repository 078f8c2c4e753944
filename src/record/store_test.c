/* SPDX-License-Identifier: MIT */
#include "record/store.h"

#include "record/column.h"
#include "support/test.h"

#define COLUMNS  6u
#define MAX_ROWS 70000u

static mr_error err;
static uint64_t random_state;

static uint32_t next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

/* --- a slow twin: every cell ever appended, in plain columns that are never packed --- */

static mr_column twin[COLUMNS];
static uint32_t twin_rows;

static const char *const names[COLUMNS] = {"id", "text", "amount", "when", "any", "late"};

static mr_code twin_append(uint32_t column, mr_cell_state state, mr_type type, mr_slice text)
{
    mr_column *to = &twin[column];
    if (state == MR_CELL_ABSENT) return mr_column_append_absents(to, twin_rows, 1, &err);
    MR_TRY(mr_column_extend_type(to, twin_rows, 1, type, state == MR_CELL_VALUE, &err));
    if (state == MR_CELL_NULL)
        mr_column_append_null(to, twin_rows);
    else
        MR_TRY(mr_column_append(to, twin_rows, text, &err));
    return MR_OK;
}

static mr_code twin_open(void)
{
    memset(twin, 0, sizeof twin);
    twin_rows = 0;
    for (uint32_t i = 0; i < COLUMNS; i++)
        MR_TRY(mr_column_reserve_rows(&twin[i], MAX_ROWS, &err));
    return MR_OK;
}

static void twin_close(void)
{
    for (uint32_t i = 0; i < COLUMNS; i++)
        mr_column_done(&twin[i]);
}

static mr_cell twin_cell(uint32_t row, uint32_t column)
{
    const mr_column *from = &twin[column];
    if (mr_column_is_absent(from, row)) return (mr_cell){MR_CELL_ABSENT, MR_TYPE_NULL, {NULL, 0}};
    if (mr_column_is_null(from, row)) return (mr_cell){MR_CELL_NULL, MR_TYPE_NULL, {NULL, 0}};
    return (mr_cell){MR_CELL_VALUE, mr_column_type(from, row), mr_column_text(from, row)};
}

/* One random cell of a column's kind. */
static mr_cell random_cell(uint32_t column, uint32_t row, char *text, size_t room)
{
    mr_cell cell = {MR_CELL_VALUE, MR_TYPE_STRING, {text, 0}};
    int len = 0;
    switch (column) {
    case 0:
        cell.type = MR_TYPE_INT;
        len = snprintf(text, room, "%d", (int)row - 50);
        break;
    case 1:
        len = snprintf(text, room, "%s", row % 3 == 0 ? "" : row % 3 == 1 ? "007" : "\xff\xfe");
        break;
    case 2:
        cell.type = MR_TYPE_DECIMAL;
        len = snprintf(text, room, row % 5 == 0 ? "-%u.%u0" : "%u.%u", row % 1000 + 1, row % 7);
        break;
    case 3:
        cell.type = MR_TYPE_TIMESTAMP;
        len = snprintf(text, room, "2024-02-%02uT00:00:%02uZ", row / 60 % 29 + 1, row % 60);
        break;
    default:
        cell.type = row % 3 == 0 ? MR_TYPE_INT : row % 3 == 1 ? MR_TYPE_STRING : MR_TYPE_JSON;
        len = snprintf(text, room, row % 3 == 2 ? "{\"a\":%u}" : "%u", next_random() % 1000);
        break;
    }
    cell.text.len = (size_t)len;
    const uint32_t dice = next_random() % 16;
    if (column > 0 && dice == 0) cell.state = MR_CELL_NULL;
    if (column > 2 && dice == 1) cell.state = MR_CELL_ABSENT;
    return cell;
}

static mr_code put_cell(mr_batch *batch, uint32_t column, uint32_t row, mr_cell cell)
{
    mr_column *to = &batch->columns[column];
    if (cell.state == MR_CELL_ABSENT) return mr_column_append_absent(to, row, &err);
    if (cell.state == MR_CELL_NULL) {
        mr_column_append_null(to, row);
        return MR_OK;
    }
    MR_TRY(mr_column_append(to, row, cell.text, &err));
    return mr_column_tag(to, row, cell.type, &err);
}

/* Fills `batch` with `rows` random records, which the twin gets too. The last column appears only
 * from record 500 on. */
static mr_code random_batch(mr_batch *batch, uint32_t rows)
{
    char text[64];
    uint32_t number;
    mr_batch_reset(batch);
    const uint32_t columns = twin_rows >= 500 ? COLUMNS : COLUMNS - 1;
    for (uint32_t i = 0; i < columns; i++)
        MR_TRY(mr_batch_add_column(batch, mr_slice_text(names[i]), MR_TYPE_NULL, &number, &err));
    for (uint32_t row = 0; row < rows; row++) {
        MR_TRY(mr_batch_begin_row(batch, &err));
        for (uint32_t i = 0; i < COLUMNS; i++) {
            mr_cell cell = random_cell(i, twin_rows, text, sizeof text);
            if (i >= columns) cell.state = MR_CELL_ABSENT;
            if (i < columns) MR_TRY(put_cell(batch, i, row, cell));
            MR_TRY(twin_append(i, cell.state, cell.type, cell.text));
        }
        mr_batch_end_row(batch, 0, 0, 0, 0);
        twin_rows++;
    }
    return MR_OK;
}

static void expect_same(mr_cell got, uint32_t row, uint32_t column)
{
    const mr_cell wanted = twin_cell(row, column);
    if (got.state != wanted.state ||
        (wanted.state == MR_CELL_VALUE &&
         (got.type != wanted.type || !mr_slice_equal(got.text, wanted.text))))
        MR_TEST_FAIL("record %u, column %s: %d %s \"%.*s\" came back as %d %s \"%.*s\"\n", row,
                     names[column], wanted.state, mr_type_name(wanted.type),
                     MR_SLICE_ARGS(wanted.text), got.state, mr_type_name(got.type),
                     MR_SLICE_ARGS(got.text));
}

/* Compares rows of a batch that was read from record `first` on with the twin. */
static void expect_batch(const mr_batch *batch, uint64_t first, uint64_t count)
{
    MR_EXPECT_U64(batch->row_count, ==, count);
    mr_batch_check(batch);
    for (uint32_t column = 0; column < batch->column_count; column++) {
        const mr_column *from = &batch->columns[column];
        for (uint32_t row = 0; row < count; row++) {
            mr_cell got = {MR_CELL_VALUE, MR_TYPE_NULL, {NULL, 0}};
            if (mr_column_is_absent(from, row))
                got.state = MR_CELL_ABSENT;
            else if (mr_column_is_null(from, row))
                got.state = MR_CELL_NULL;
            else
                got =
                    (mr_cell){MR_CELL_VALUE, mr_column_type(from, row), mr_column_text(from, row)};
            expect_same(got, (uint32_t)first + row, column);
        }
    }
}

static void expect_all(mr_store *store, uint32_t step)
{
    mr_batch out;
    mr_buffer scratch;
    uint64_t count;
    MR_EXPECT_U64(mr_store_end(store), ==, twin_rows);
    mr_batch_init(&out, step);
    for (uint64_t at = mr_store_first(store); at < twin_rows; at += count) {
        MR_EXPECT_OK(mr_store_read(store, at, &out, &count, &err));
        MR_EXPECT_U64(count, >, 0);
        expect_batch(&out, at, count);
    }
    MR_EXPECT_OK(mr_store_read(store, twin_rows, &out, &count, &err));
    MR_EXPECT_U64(count, ==, 0);
    mr_batch_done(&out);
    mr_buffer_init(&scratch, "scratch", 1 << 20);
    const uint32_t columns = mr_store_schema(store)->field_count;
    for (uint64_t record = mr_store_first(store); record < twin_rows; record++) {
        mr_cell cell;
        const uint32_t column = next_random() % columns;
        MR_EXPECT_OK(mr_store_get(store, record, column, &scratch, &cell, &err));
        expect_same(cell, (uint32_t)record, column);
    }
    mr_buffer_done(&scratch);
}

MR_TEST(every_mode_and_group_size_reads_back)
{
    static const uint32_t group_rows[] = {1, 2, 3, 7, 64, 65, 199, 200, 1000, 65536};
    for (mr_store_mode mode = MR_STORE_HYBRID; mode < MR_STORE_MODE_COUNT; mode++) {
        for (size_t i = 0; i < MR_COUNT_OF(group_rows); i++) {
            const mr_store_config config = {
                .mode = mode, .group_rows = group_rows[i], .columnar_after_records = 700};
            mr_store *store;
            mr_batch batch;
            random_state = i;
            mr_batch_init(&batch, 0);
            MR_EXPECT_OK(twin_open());
            MR_EXPECT_OK(mr_store_open(&config, &store, &err));
            for (uint32_t rows = 1; twin_rows + rows < 1500; rows = rows * 2 % 301 + 1) {
                MR_EXPECT_OK(random_batch(&batch, rows));
                MR_EXPECT_OK(mr_store_append(store, &batch, &err));
            }
            expect_all(store, 77);
            MR_EXPECT_OK(mr_store_seal(store, &err));
            expect_all(store, 1000);
            mr_store_close(store);
            mr_batch_done(&batch);
            twin_close();
        }
    }
}

MR_TEST(a_full_group_reads_back)
{
    const mr_store_config config = {.mode = MR_STORE_COLUMNAR};
    mr_store *store;
    mr_batch batch;
    random_state = 5;
    mr_batch_init(&batch, 0);
    MR_EXPECT_OK(twin_open());
    MR_EXPECT_OK(mr_store_open(&config, &store, &err));
    while (twin_rows < 66000) {
        MR_EXPECT_OK(random_batch(&batch, 3000));
        MR_EXPECT_OK(mr_store_append(store, &batch, &err));
    }
    expect_all(store, 65536);
    MR_EXPECT_OK(mr_store_seal(store, &err));
    expect_all(store, 4096);
    mr_store_close(store);
    mr_batch_done(&batch);
    twin_close();
}

MR_TEST(records_leave_at_the_front_while_others_arrive)
{
    for (mr_store_mode mode = MR_STORE_HYBRID; mode < MR_STORE_MODE_COUNT; mode++) {
        const mr_store_config config = {
            .mode = mode, .group_rows = 256, .columnar_after_records = 1000};
        mr_store *store;
        mr_batch batch, out;
        uint64_t count, taken = 0;
        random_state = mode;
        mr_batch_init(&batch, 0);
        mr_batch_init(&out, 100);
        MR_EXPECT_OK(twin_open());
        MR_EXPECT_OK(mr_store_open(&config, &store, &err));
        for (uint32_t round = 0; round < 100; round++) {
            MR_EXPECT_OK(random_batch(&batch, next_random() % 300));
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
            for (uint32_t takes = next_random() % 6; takes > 0; takes--) {
                MR_EXPECT_OK(mr_store_take_front(store, &out, &count, &err));
                expect_batch(&out, taken, count);
                taken += count;
                MR_EXPECT_U64(mr_store_first(store), ==, taken);
            }
            MR_EXPECT_OK(mr_store_flush(store, &err));
            if (round % 20 == 0) expect_all(store, 1000);
        }
        do {
            MR_EXPECT_OK(mr_store_take_front(store, &out, &count, &err));
            expect_batch(&out, taken, count);
            taken += count;
        } while (count > 0);
        MR_EXPECT_U64(taken, ==, twin_rows);
        mr_store_close(store);
        mr_batch_done(&batch);
        mr_batch_done(&out);
        twin_close();
    }
}

/* --- switching --- */

/* A batch of `rows` records with one int column. */
static void int_batch(mr_batch *batch, uint32_t rows, uint32_t text_len)
{
    char text[1024];
    uint32_t number;
    memset(text, '1', sizeof text);
    mr_batch_reset(batch);
    MR_EXPECT_OK(mr_batch_add_column(batch, MR_SLICE("n"), MR_TYPE_STRING, &number, &err));
    for (uint32_t row = 0; row < rows; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(batch, &err));
        MR_EXPECT_OK(mr_column_append(&batch->columns[0], row, (mr_slice){text, text_len}, &err));
        mr_batch_end_row(batch, 0, 0, 0, 0);
    }
}

static mr_store *open_with(const mr_store_config *config)
{
    mr_store *store;
    MR_EXPECT_OK(mr_store_open(config, &store, &err));
    return store;
}

MR_TEST(the_switching_rules_hold)
{
    static const struct {
        const char *what;
        mr_store_config config;
        uint32_t records, batch_rows, text_len;
        mr_store_mode mode;
        int reason; /* -1 = no switch */
    } cases[] = {
        {"few records stay rows", {0}, 9999, 1000, 5, MR_STORE_ROW, -1},
        {"10,000 records", {0}, 10000, 1000, 5, MR_STORE_COLUMNAR, MR_STORE_BY_RECORDS},
        {"one more", {0}, 10001, 1, 5, MR_STORE_COLUMNAR, MR_STORE_BY_RECORDS},
        {"one batch", {0}, 10000, 10000, 5, MR_STORE_COLUMNAR, MR_STORE_BY_RECORDS},
        {"4 MiB", {0}, 5000, 100, 1000, MR_STORE_COLUMNAR, MR_STORE_BY_BYTES},
        {"less", {0}, 4000, 100, 1000, MR_STORE_ROW, -1},
        {"large batches",
         {.batch_size = 10001},
         1,
         1,
         5,
         MR_STORE_COLUMNAR,
         MR_STORE_BY_BATCH_HINT},
        {"normal batches", {.batch_size = 10000}, 1, 1, 5, MR_STORE_ROW, -1},
        {"streaming", {.streaming = true}, 20000, 1000, 5, MR_STORE_ROW, MR_STORE_BY_STREAMING},
        {"streaming wins over the hint",
         {.streaming = true, .batch_size = 20000},
         20000,
         1000,
         5,
         MR_STORE_ROW,
         MR_STORE_BY_STREAMING},
        {"row is row", {.mode = MR_STORE_ROW}, 20000, 1000, 5, MR_STORE_ROW, -1},
        {"columnar is columnar", {.mode = MR_STORE_COLUMNAR}, 1, 1, 5, MR_STORE_COLUMNAR, -1},
        {"memory",
         {.memory_limit_bytes = 600000, .columnar_after_records = 1000000},
         500,
         50,
         1000,
         MR_STORE_COLUMNAR,
         MR_STORE_BY_PRESSURE},
    };
    mr_batch batch;
    mr_batch_init(&batch, 0);
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_store_stats stats;
        mr_store *store = open_with(&cases[i].config);
        for (uint32_t done = 0; done < cases[i].records; done += batch.row_count) {
            const uint32_t left = cases[i].records - done;
            int_batch(&batch, left < cases[i].batch_rows ? left : cases[i].batch_rows,
                      cases[i].text_len);
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
        }
        mr_store_stats_now(store, &stats);
        if (stats.now != cases[i].mode || stats.switch_count != (cases[i].reason >= 0))
            MR_TEST_FAIL("%s: mode %s after %u switches\n", cases[i].what,
                         mr_store_mode_name(stats.now), (unsigned)stats.switch_count);
        MR_EXPECT_U64(stats.records, ==, cases[i].records);
        if (cases[i].reason >= 0) {
            MR_EXPECT_TEXT(mr_store_reason_name(stats.switch_log[0].reason),
                           mr_store_reason_name((mr_store_reason)cases[i].reason));
            MR_EXPECT_U64(stats.switches[stats.now][cases[i].reason], ==, 1);
        }
        mr_store_close(store);
    }
    mr_batch_done(&batch);
}

MR_TEST(three_low_flushes_in_a_row_lead_back_to_rows)
{
    const mr_store_config config = {.columnar_after_records = 1000};
    mr_store_stats stats;
    mr_batch batch;
    mr_store *store = open_with(&config);
    mr_batch_init(&batch, 0);
    random_state = 3;
    MR_EXPECT_OK(twin_open());
    MR_EXPECT_OK(random_batch(&batch, 2000));
    MR_EXPECT_OK(mr_store_append(store, &batch, &err));
    static const struct {
        uint32_t held;
        mr_store_mode mode;
    } steps[] = {{249, MR_STORE_COLUMNAR}, {249, MR_STORE_COLUMNAR}, {250, MR_STORE_COLUMNAR},
                 {249, MR_STORE_COLUMNAR}, {100, MR_STORE_COLUMNAR}, {100, MR_STORE_ROW}};
    for (size_t i = 0; i < MR_COUNT_OF(steps); i++) {
        const uint64_t held = mr_store_end(store) - mr_store_first(store);
        if (held < steps[i].held) {
            MR_EXPECT_OK(random_batch(&batch, (uint32_t)(steps[i].held - held)));
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
        }
        mr_store_drop_before(store, mr_store_end(store) - steps[i].held);
        MR_EXPECT_OK(mr_store_flush(store, &err));
        mr_store_stats_now(store, &stats);
        MR_EXPECT_TEXT(mr_store_mode_name(stats.now), mr_store_mode_name(steps[i].mode));
    }
    MR_EXPECT_U64(stats.switches[MR_STORE_ROW][MR_STORE_BY_DRAINED], ==, 1);
    MR_EXPECT_OK(random_batch(&batch, 300));
    MR_EXPECT_OK(mr_store_append(store, &batch, &err));
    expect_all(store, 1000);
    MR_EXPECT_OK(random_batch(&batch, 3000));
    MR_EXPECT_OK(mr_store_append(store, &batch, &err));
    expect_all(store, 1000);
    mr_store_stats_now(store, &stats);
    MR_EXPECT_U64(stats.now, ==, MR_STORE_COLUMNAR);
    mr_store_close(store);
    mr_batch_done(&batch);
    twin_close();
}

MR_TEST(columnar_and_streaming_contradict_each_other)
{
    const mr_store_config config = {.mode = MR_STORE_COLUMNAR, .streaming = true};
    mr_store *store;
    MR_EXPECT_CODE(mr_store_open(&config, &store, &err), MR_ERR_USAGE);
    MR_EXPECT_TEXT(err.text,
                   "storage_mode: columnar and streaming_mode: true contradict each other");
    MR_EXPECT_U64(mr_store_mode_named(MR_SLICE("hybrid")), ==, MR_STORE_HYBRID);
    MR_EXPECT_U64(mr_store_mode_named(MR_SLICE("fast")), ==, MR_STORE_MODE_COUNT);
}

/* --- pressure --- */

static void fill_until_tight(mr_store *store, mr_batch *batch, uint32_t rows)
{
    while (twin_rows < rows) {
        MR_EXPECT_OK(random_batch(batch, 1000));
        MR_EXPECT_OK(mr_store_append(store, batch, &err));
    }
}

MR_TEST(under_pressure_groups_are_compressed_then_spilled_and_read_back)
{
    static const mr_store_codec codecs[] = {MR_STORE_PLAIN, MR_STORE_LZ4, MR_STORE_ZSTD};
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++) {
        const mr_store_config config = {.memory_limit_bytes = 1800000,
                                        .group_rows = 8192,
                                        .compression = codecs[i],
                                        .spill_dir = mr_test_dir()};
        mr_store_stats stats;
        mr_batch batch, out;
        uint64_t count;
        mr_store *store = open_with(&config);
        random_state = 9;
        mr_batch_init(&batch, 0);
        mr_batch_init(&out, 5000);
        MR_EXPECT_OK(twin_open());
        fill_until_tight(store, &batch, 60000);
        mr_store_stats_now(store, &stats);
        MR_EXPECT_U64(stats.groups_spilled, >, 0);
        MR_EXPECT_U64(stats.switches[MR_STORE_COLUMNAR][MR_STORE_BY_SPILL], >, 0);
        if (codecs[i] == MR_STORE_PLAIN) MR_EXPECT_U64(stats.groups_compressed, ==, 0);
        expect_all(store, 3000);
        for (uint64_t taken = 0; taken < twin_rows; taken += count) {
            MR_EXPECT_OK(mr_store_take_front(store, &out, &count, &err));
            expect_batch(&out, taken, count);
        }
        mr_store_stats_now(store, &stats);
        MR_EXPECT_U64(stats.spilled_bytes, ==, 0);
        mr_store_close(store);
        mr_batch_done(&batch);
        mr_batch_done(&out);
        twin_close();
    }
}

/* Packed numbers that come back every 50 records are what a block codec can still shrink. */
MR_TEST(under_pressure_what_repeats_is_compressed_in_memory)
{
    for (mr_store_codec codec = MR_STORE_PLAIN; codec <= MR_STORE_ZSTD; codec++) {
        const mr_store_config config = {
            .memory_limit_bytes = 500000, .group_rows = 8192, .compression = codec};
        mr_store_stats stats;
        mr_batch batch;
        mr_buffer scratch;
        uint32_t number, record = 0;
        char text[16];
        mr_store *store = open_with(&config);
        mr_batch_init(&batch, 0);
        mr_buffer_init(&scratch, "scratch", 1 << 20);
        for (int i = 0; i < 100; i++) {
            mr_batch_reset(&batch);
            MR_EXPECT_OK(mr_batch_add_column(&batch, MR_SLICE("n"), MR_TYPE_INT, &number, &err));
            for (uint32_t row = 0; row < 4000; row++, record++) {
                const int len = snprintf(text, sizeof text, "%u", record * 7919 % 50);
                MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
                MR_EXPECT_OK(
                    mr_column_append(&batch.columns[0], row, (mr_slice){text, (size_t)len}, &err));
                mr_batch_end_row(&batch, 0, 0, 0, 0);
            }
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
        }
        mr_store_stats_now(store, &stats);
        MR_EXPECT_U64(stats.groups_compressed > 0, ==, codec != MR_STORE_PLAIN);
        for (uint32_t i = 0; i < record; i += 1001) {
            mr_cell cell;
            MR_EXPECT_OK(mr_store_get(store, i, 0, &scratch, &cell, &err));
            snprintf(text, sizeof text, "%u", i * 7919 % 50);
            MR_EXPECT_SLICE(cell.text, text);
        }
        mr_store_close(store);
        mr_buffer_done(&scratch);
        mr_batch_done(&batch);
    }
}

MR_TEST(a_full_store_says_so_until_records_are_dropped)
{
    const mr_store_config config = {.memory_limit_bytes = 1000000, .group_rows = 4096};
    mr_batch batch;
    mr_store *store = open_with(&config);
    random_state = 9;
    mr_batch_init(&batch, 0);
    MR_EXPECT_OK(twin_open());
    while (mr_store_pressure_now(store) != MR_STORE_FULL && twin_rows < 60000)
        fill_until_tight(store, &batch, twin_rows + 1000);
    MR_EXPECT_U64(mr_store_pressure_now(store), ==, MR_STORE_FULL);
    expect_all(store, 3000);
    mr_store_drop_before(store, mr_store_end(store));
    MR_EXPECT_OK(mr_store_seal(store, &err));
    MR_EXPECT_U64(mr_store_pressure_now(store), ==, MR_STORE_OK);
    mr_store_close(store);
    mr_batch_done(&batch);
    twin_close();
}

MR_TEST(a_spill_directory_that_is_not_there_is_an_error_that_names_it)
{
    const mr_store_config config = {
        .memory_limit_bytes = 100000, .group_rows = 500, .spill_dir = "/nonexistent/spill"};
    mr_batch batch;
    mr_code rc = MR_OK;
    mr_store *store = open_with(&config);
    mr_batch_init(&batch, 0);
    random_state = 9;
    MR_EXPECT_OK(twin_open());
    while (rc == MR_OK && twin_rows < 60000) {
        MR_EXPECT_OK(random_batch(&batch, 1000));
        rc = mr_store_append(store, &batch, &err);
    }
    MR_EXPECT_U64(rc, ==, MR_ERR_IO);
    MR_EXPECT(strstr(err.text, "/nonexistent/spill") != NULL);
    expect_all(store, 3000); /* nothing is lost */
    mr_store_close(store);
    mr_batch_done(&batch);
    twin_close();
}

MR_TEST(huge_cells_cut_groups_short)
{
    const mr_store_config config = {.mode = MR_STORE_COLUMNAR};
    mr_store_stats stats;
    mr_batch batch, out;
    mr_buffer huge;
    uint32_t number;
    uint64_t count;
    mr_store *store = open_with(&config);
    mr_batch_init(&batch, 0);
    mr_batch_init(&out, 0);
    mr_buffer_init(&huge, "huge", 1 << 20);
    MR_EXPECT_OK(mr_buffer_reserve(&huge, 1 << 20, &err));
    random_state = 1;
    for (huge.len = 0; huge.len < 1 << 20; huge.len++)
        huge.ptr[huge.len] = (char)next_random();
    MR_EXPECT_OK(mr_batch_add_column(&batch, MR_SLICE("blob"), MR_TYPE_BYTES, &number, &err));
    for (uint32_t row = 0; row < 100; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
        huge.ptr[0] = (char)row;
        MR_EXPECT_OK(mr_column_append(&batch.columns[0], row, mr_buffer_slice(&huge), &err));
        mr_batch_end_row(&batch, 0, 0, 0, 0);
    }
    MR_EXPECT_OK(mr_store_append(store, &batch, &err));
    mr_store_stats_now(store, &stats);
    MR_EXPECT_U64(stats.groups, ==, 1);
    uint32_t rows = 0;
    for (uint64_t at = 0; at < 100; at += count) {
        MR_EXPECT_OK(mr_store_read(store, at, &out, &count, &err));
        for (uint32_t row = 0; row < count; row++, rows++)
            MR_EXPECT(mr_slice_equal(mr_column_text(&out.columns[0], row),
                                     mr_column_text(&batch.columns[0], rows)));
    }
    MR_EXPECT_U64(rows, ==, 100);
    mr_store_close(store);
    mr_buffer_done(&huge);
    mr_batch_done(&batch);
    mr_batch_done(&out);
}

MR_TEST(reading_what_is_not_there_is_refused)
{
    mr_store_config config = {0};
    mr_store *store = open_with(&config);
    mr_batch out;
    mr_buffer scratch;
    mr_cell cell;
    uint64_t count;
    mr_batch_init(&out, 0);
    mr_buffer_init(&scratch, "scratch", 1 << 20);
    MR_EXPECT_OK(mr_store_read(store, 0, &out, &count, &err));
    MR_EXPECT_U64(count, ==, 0);
    MR_EXPECT_CODE(mr_store_read(store, 1, &out, &count, &err), MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_store_get(store, 0, 0, &scratch, &cell, &err), MR_ERR_USAGE);
    MR_EXPECT_OK(mr_store_take_front(store, &out, &count, &err));
    MR_EXPECT_U64(count, ==, 0);
    mr_batch_done(&out);
    mr_store_close(store);
}

/* --- memory --- */

static mr_code each_step_once(mr_store_mode mode)
{
    const mr_store_config config = {.mode = mode, .group_rows = 300, .columnar_after_records = 700};
    mr_store *store = NULL;
    mr_batch batch, out;
    uint64_t count;
    mr_batch_init(&batch, 0);
    mr_batch_init(&out, 500);
    random_state = 4;
    mr_code rc = twin_open();
    if (rc == MR_OK) rc = mr_store_open(&config, &store, &err);
    for (int i = 0; rc == MR_OK && i < 4; i++) {
        rc = random_batch(&batch, 250);
        if (rc == MR_OK) rc = mr_store_append(store, &batch, &err);
    }
    if (rc == MR_OK) rc = mr_store_read(store, 100, &out, &count, &err);
    if (rc == MR_OK) rc = mr_store_seal(store, &err);
    if (rc == MR_OK) {
        mr_store_drop_before(store, 900);
        for (int i = 0; rc == MR_OK && i < 3; i++)
            rc = mr_store_flush(store, &err);
    }
    if (rc == MR_OK) rc = mr_store_take_front(store, &out, &count, &err);
    mr_store_close(store);
    mr_batch_done(&batch);
    mr_batch_done(&out);
    twin_close();
    return rc;
}

MR_TEST(every_allocation_of_a_store_may_fail)
{
    MR_EACH_ALLOC_FAILS(each_step_once(MR_STORE_HYBRID));
    MR_EACH_ALLOC_FAILS(each_step_once(MR_STORE_ROW));
    MR_EACH_ALLOC_FAILS(each_step_once(MR_STORE_COLUMNAR));
}

/* An append that fails for want of memory leaves whole records, and the next one goes on. */
MR_TEST(a_failed_append_loses_nothing_that_was_there)
{
    for (mr_store_mode mode = MR_STORE_HYBRID; mode < MR_STORE_MODE_COUNT; mode++) {
        for (uint64_t nth = 1; nth < 60; nth++) {
            const mr_store_config config = {
                .mode = mode, .group_rows = 128, .columnar_after_records = 300};
            mr_store *store = open_with(&config);
            mr_batch batch;
            mr_batch_init(&batch, 0);
            random_state = nth;
            MR_EXPECT_OK(twin_open());
            MR_EXPECT_OK(random_batch(&batch, 200));
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
            MR_EXPECT_OK(random_batch(&batch, 200));
            mr_mem_fail_at(nth);
            const mr_code rc = mr_store_append(store, &batch, &err);
            mr_mem_fail_at(0);
            MR_EXPECT(rc == MR_OK || rc == MR_ERR_NOMEM);
            MR_EXPECT_U64(mr_store_end(store), >=, 200);
            for (uint32_t i = 0; i < COLUMNS; i++)
                mr_column_truncate(&twin[i], (uint32_t)mr_store_end(store));
            twin_rows = (uint32_t)mr_store_end(store);
            MR_EXPECT_OK(random_batch(&batch, 300));
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
            expect_all(store, 100);
            mr_store_close(store);
            mr_batch_done(&batch);
            twin_close();
        }
    }
}

MR_TEST(the_store_counts_what_the_allocator_counts)
{
    for (mr_store_mode mode = MR_STORE_HYBRID; mode < MR_STORE_MODE_COUNT; mode++) {
        const mr_store_config config = {.mode = mode};
        mr_batch batch;
        mr_batch_init(&batch, 0);
        random_state = 4;
        MR_EXPECT_OK(twin_open());
        MR_EXPECT_OK(random_batch(&batch, 30000));
        const uint64_t before = mr_mem_stats_now().live_bytes;
        mr_store *store = open_with(&config);
        MR_EXPECT_OK(mr_store_append(store, &batch, &err));
        for (int sealed = 0; sealed < 2; sealed++) {
            const uint64_t held = mr_mem_stats_now().live_bytes - before;
            const uint64_t counted = mr_store_bytes(store);
            MR_EXPECT_U64(counted, <=, held + held / 50);
            MR_EXPECT_U64(counted + held / 50, >=, held);
            MR_EXPECT_OK(mr_store_seal(store, &err));
        }
        mr_store_close(store);
        MR_EXPECT_U64(mr_mem_stats_now().live_bytes, ==, before);
        mr_batch_done(&batch);
        twin_close();
    }
}

MR_TEST(reading_allocates_nothing_once_warm)
{
    for (mr_store_mode mode = MR_STORE_HYBRID; mode < MR_STORE_MODE_COUNT; mode++) {
        const mr_store_config config = {.mode = mode, .group_rows = 5000};
        mr_batch batch, out;
        mr_buffer scratch;
        mr_cell cell;
        uint64_t count;
        mr_store *store = open_with(&config);
        mr_batch_init(&batch, 0);
        mr_batch_init(&out, 1000);
        mr_buffer_init(&scratch, "scratch", 1 << 20);
        random_state = 4;
        MR_EXPECT_OK(twin_open());
        MR_EXPECT_OK(random_batch(&batch, 12000));
        MR_EXPECT_OK(mr_store_append(store, &batch, &err));
        mr_mem_mark warm = {0};
        for (int round = 0; round < 3; round++) {
            for (uint64_t at = 0; at < 12000; at += count)
                MR_EXPECT_OK(mr_store_read(store, at, &out, &count, &err));
            for (uint32_t i = 0; i < 100; i++)
                MR_EXPECT_OK(
                    mr_store_get(store, i * 119, i % (COLUMNS - 1), &scratch, &cell, &err));
            if (round == 0) warm = mr_mem_mark_now();
        }
        MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
        mr_store_close(store);
        mr_buffer_done(&scratch);
        mr_batch_done(&batch);
        mr_batch_done(&out);
        twin_close();
    }
}

MR_TEST(a_row_store_that_was_reset_or_drained_allocates_nothing)
{
    const mr_store_config config = {.streaming = true};
    mr_batch batch, out;
    uint64_t count;
    mr_store *store = open_with(&config);
    mr_batch_init(&batch, 0);
    mr_batch_init(&out, 1000);
    int_batch(&batch, 1000, 100);
    mr_mem_mark warm = {0};
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 5; i++)
            MR_EXPECT_OK(mr_store_append(store, &batch, &err));
        if (round % 2 == 0) {
            mr_store_reset(store);
        } else {
            for (int i = 0; i < 5; i++)
                MR_EXPECT_OK(mr_store_take_front(store, &out, &count, &err));
            MR_EXPECT_U64(mr_store_first(store), ==, mr_store_end(store));
        }
        if (round == 2) warm = mr_mem_mark_now();
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    mr_store_close(store);
    mr_batch_done(&batch);
    mr_batch_done(&out);
}
