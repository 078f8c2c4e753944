/* SPDX-License-Identifier: MIT
 *
 * The reader against a twin that reads section 4.1 aloud, one byte after the other, with all bytes
 * in hand: on random inputs of few different bytes, under random options, for every kernel and for
 * many ways to cut the bytes.
 * One thread: a reader and its twin. */
#include "support/csv_transcript.h"
#include "support/test.h"

/* --- the twin --- */

typedef struct twin {
    const csv_case *test;
    mr_slice in;
    mr_buffer *out;
    size_t at; /* start of the record */
    uint64_t line, record, blanks, resyncs;
    mr_buffer cells; /* the fields of the record, as csv_say_bytes() writes them, '|' between */
    mr_buffer value; /* of a quoted field */
    uint32_t fields;
    uint32_t bare;
    bool failed;
} twin;

/* Bytes of the row end at `i`; 0 when there is none. */
static size_t row_end_at(const twin *t, size_t i)
{
    const char *p = t->in.ptr;
    if (i >= t->in.len) return 0;
    if (p[i] == '\n') return 1;
    if (p[i] != '\r') return 0;
    if (i + 1 < t->in.len && p[i + 1] == '\n') return 2;
    return t->test->options.cr_rows ? 1 : 0;
}

/* The end of the physical line that holds byte `i`. Outside cr_rows only LF counts, so the CR of a
 * CRLF belongs to the line. */
static size_t line_end(const twin *t, size_t i)
{
    while (i < t->in.len && t->in.ptr[i] != '\n' &&
           !(t->test->options.cr_rows && t->in.ptr[i] == '\r'))
        i++;
    return i;
}

/* Goes on at `next`, counting the lines that end before. */
static void go_on(twin *t, size_t next)
{
    while (t->at < next) {
        const size_t length = row_end_at(t, t->at);
        t->line += length > 0;
        t->at += length > 0 ? length : 1;
    }
}

static void say_reject(twin *t, const char *reason, uint32_t field, size_t end)
{
    csv_say_place(t->out, t->record++, t->line, t->at, end - t->at);
    CSV_SAY(t->out, "%s %u ", reason, field);
    csv_say_bytes(t->out, (mr_slice){t->in.ptr + t->at, end - t->at});
    CSV_SAY(t->out, "\n");
}

/* Rejects the text from the record's start to the end of the line of `from`, and resyncs. */
static void resync(twin *t, const char *reason, uint32_t field, size_t from)
{
    const size_t end = line_end(t, from), limit = t->at + t->test->limits.max_record_bytes;
    size_t length = row_end_at(t, end);
    if (!t->test->options.cr_rows && length == 2) length = 1;
    t->resyncs++;
    say_reject(t, reason, field, end < limit ? end : limit);
    go_on(t, end + length);
}

static void keep_field(twin *t, mr_slice text, bool quoted)
{
    const mr_csv_options *o = &t->test->options;
    const uint32_t number = t->fields++;
    if (!quoted && o->trim_space) {
        while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
            text.ptr++, text.len--;
        while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
            text.len--;
    }
    bool null = !quoted && text.len == 0;
    for (uint32_t i = 0; i < o->null_value_count; i++)
        null = null || (!quoted && mr_slice_equal(text, o->null_values[i]));
    const uint32_t known = t->test->schema->field_count;
    const uint8_t *wanted = t->test->wanted;
    if (wanted != NULL && (number >= known || wanted[number] == 0)) return;
    bool first = true;
    for (uint32_t i = 0; wanted != NULL && i < number; i++)
        first = first && wanted[i] == 0;
    if (wanted == NULL) first = number == 0;
    if (number >= known)
        CSV_SAY(&t->cells, "|+field_%u=", number + 1);
    else if (!first)
        CSV_SAY(&t->cells, "|");
    if (null)
        CSV_SAY(&t->cells, "~");
    else
        csv_say_bytes(&t->cells, text);
}

/* A record of t->fields fields that ends at `end`. */
static void finish_record(twin *t, size_t end)
{
    const mr_csv_options *o = &t->test->options;
    const uint32_t known = t->test->schema->field_count;
    if (o->strict && t->bare > 0) {
        say_reject(t, "bare_quote", t->bare, end);
    } else if (t->fields != known &&
               (o->ragged != MR_CSV_RAGGED_PAD || t->fields > t->test->limits.max_columns)) {
        say_reject(t, t->fields < known ? "too_few_fields" : "too_many_fields", 0, end);
        if (o->ragged == MR_CSV_RAGGED_FAIL) t->failed = true;
    } else {
        while (t->fields < known)
            keep_field(t, (mr_slice){0}, false);
        csv_say_place(t->out, t->record++, t->line, t->at, end - t->at);
        CSV_SAY(t->out, "[");
        if (mr_buffer_append(t->out, mr_buffer_slice(&t->cells), NULL) != MR_OK) abort();
        CSV_SAY(t->out, "]\n");
    }
    if (!t->failed) go_on(t, end + row_end_at(t, end));
}

/* Reads one quoted field at `i`; returns where the byte after its closing quote is, or 0 when it is
 * not closed within the record's limit. */
static size_t read_quoted(twin *t, size_t i, size_t limit)
{
    const mr_csv_options *o = &t->test->options;
    const char escape = o->escape == o->quote ? 0 : o->escape;
    mr_buffer_reset(&t->value);
    for (i++;; i++) {
        if (i >= t->in.len || i >= limit) return 0;
        const bool more = i + 1 < t->in.len;
        if (escape != 0 && t->in.ptr[i] == escape) {
            if (!more) return 0;
            i++;
        } else if (t->in.ptr[i] == o->quote) {
            if (escape != 0 || !more || t->in.ptr[i + 1] != o->quote) break;
            i++;
        }
        if (i >= limit) return 0;
        if (mr_buffer_append_byte(&t->value, t->in.ptr[i], NULL) != MR_OK) abort();
    }
    keep_field(t, mr_buffer_slice(&t->value), true);
    return i + 1;
}

static void read_record(twin *t)
{
    const mr_csv_options *o = &t->test->options;
    const char *p = t->in.ptr;
    const size_t len = t->in.len, limit = t->at + t->test->limits.max_record_bytes;
    size_t i = t->at;
    mr_buffer_reset(&t->cells);
    t->fields = t->bare = 0;
    for (;;) {
        const bool quoted = i < len && i < limit && o->quote != 0 && p[i] == o->quote;
        const size_t start = i;
        if (quoted) {
            i = read_quoted(t, i, limit);
            if (i == 0) {
                resync(t, "unterminated_quote", t->fields + 1, t->at);
                return;
            }
        } else {
            for (; i < len && i < limit && row_end_at(t, i) == 0 && p[i] != o->delimiter; i++)
                if (o->quote != 0 && p[i] == o->quote && t->bare == 0) t->bare = t->fields + 1;
        }
        const bool ends = i == len || row_end_at(t, i) > 0;
        if (!ends && i >= limit) {
            resync(t, "record_too_large", 0, limit);
            return;
        }
        if (!ends && p[i] != o->delimiter) {
            resync(t, "text_after_quote", t->fields, i);
            return;
        }
        if (!quoted) keep_field(t, (mr_slice){p + start, i - start}, false);
        if (ends) {
            finish_record(t, i);
            return;
        }
        i++;
    }
}

static void twin_transcribe(const csv_case *test, mr_slice in, mr_buffer *out)
{
    const mr_csv_options *o = &test->options;
    twin t = {.test = test, .in = in, .out = out};
    mr_buffer_init(&t.cells, "twin", (size_t)1 << 30);
    mr_buffer_init(&t.value, "twin", (size_t)1 << 30);
    while (t.at < in.len && !t.failed) {
        const size_t row_end = row_end_at(&t, t.at);
        if (o->comment != 0 && in.ptr[t.at] == o->comment) {
            const size_t end = line_end(&t, t.at), length = row_end_at(&t, end);
            go_on(&t, end + length);
        } else if (row_end > 0 &&
                   (o->blank_lines == MR_CSV_BLANK_SKIP ||
                    (o->blank_lines == MR_CSV_BLANK_AUTO && test->schema->field_count != 1))) {
            t.blanks++;
            go_on(&t, t.at + row_end);
        } else {
            read_record(&t);
        }
    }
    if (t.failed) CSV_SAY(out, "error input\n");
    CSV_SAY(out, "blank %llu lines %llu resyncs %llu\n", (unsigned long long)t.blanks,
            (unsigned long long)t.line, (unsigned long long)t.resyncs);
    mr_buffer_done(&t.cells);
    mr_buffer_done(&t.value);
}

/* --- random cases --- */

static uint64_t dice_state = 1;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % sides;
}

static mr_arena arena;
static mr_error err;

static void make_schema(mr_schema *schema, uint32_t columns)
{
    mr_arena_init(&arena, "test", (size_t)64 << 20);
    mr_schema_init(schema, &arena);
    for (uint32_t i = 0; i < columns; i++)
        MR_EXPECT_OK(mr_schema_add_header_name(schema, (mr_slice){0}, &err));
}

static const mr_slice null_spellings[] = {{"a", 1}, {"NA", 2}};
static const uint8_t some_wanted[] = {0, 1, 0, 1, 1, 0, 1, 1};

static csv_case random_case(const mr_schema *schema)
{
    csv_case c = {.options = MR_CSV_OPTIONS_DEFAULT, .limits = MR_TEXT_LIMITS_DEFAULT};
    c.schema = schema;
    c.options.escape = "\0\0\0\"\\"[dice(5)];
    if (dice(6) == 0) c.options.comment = '#';
    if (dice(10) == 0) c.options.quote = '\'';
    if (dice(12) == 0 && c.options.escape == 0) c.options.quote = 0;
    if (dice(10) == 0) c.options.delimiter = 'a';
    c.options.strict = dice(5) == 0;
    c.options.trim_space = dice(6) == 0;
    c.options.quoted_is_string = dice(2) == 0;
    c.options.cr_rows = dice(6) == 0;
    c.options.ragged = dice(8) == 0 ? MR_CSV_RAGGED_FAIL : (mr_csv_ragged)dice(2);
    c.options.blank_lines = (mr_csv_blank_lines)dice(3);
    c.options.null_values = null_spellings;
    c.options.null_value_count = dice(4) == 0 ? 2 : 0;
    c.wanted = dice(6) == 0 ? some_wanted : NULL;
    c.max_rows = dice(3) == 0 ? 1 + dice(4) : 0;
    if (dice(3) == 0) c.limits.max_record_bytes = 1 + dice(24);
    if (dice(3) == 0) c.limits.max_columns = 4;
    return c;
}

static size_t random_text(char *to, size_t max, unsigned quote_weight)
{
    static const char alphabet[] = "a,\"\n\r\0\x80 #\\'b,,\n\n\"";
    const size_t length = dice((uint32_t)max);
    for (size_t i = 0; i < length; i++) {
        char byte = alphabet[dice(sizeof alphabet - 1)];
        if (byte == '"' && dice(4) >= quote_weight) byte = 'x';
        to[i] = byte;
    }
    return length;
}

/* Mostly well-formed text, so that the index gets far. */
static size_t neat_text(char *to, size_t max)
{
    static const char *const cells[] = {"",
                                        "a",
                                        "\"\"",
                                        "\"a,b\"",
                                        "\"\n\"",
                                        "\"\"\"\"",
                                        "12345678",
                                        "\"x\"\"y\r\n\"",
                                        "long text of more than thirty-two bytes in a cell",
                                        "\"long quoted text, more than thirty-two bytes\""};
    static const char *const ends[] = {"\n", "\n", "\n", "\r\n", "\n\n", "\n#,\"\n", "\r", "\"\n"};
    size_t length = 0;
    const size_t wanted = dice((uint32_t)max);
    const uint32_t fields = 1 + dice(4), odd_ends = 4 + dice(5), odd_rows = 1 + dice(40);
    while (length + 100 < wanted) {
        const char *text = cells[dice(MR_COUNT_OF(cells))];
        const char *end = dice(fields) > 0 ? "," : ends[dice(dice(odd_rows) == 0 ? odd_ends : 1)];
        length += (size_t)snprintf(to + length, 100, "%s%s", text, end);
    }
    return length;
}

/* Fails with the first line on which two transcripts differ; the test library prints 1 KiB. */
static void expect_same(const mr_buffer *got, const mr_buffer *wanted, mr_slice in, const char *how)
{
    if (mr_slice_equal(mr_buffer_slice(got), mr_buffer_slice(wanted))) return;
    size_t line = 0, at = 0;
    for (; at < got->len && at < wanted->len && got->ptr[at] == wanted->ptr[at]; at++)
        if (got->ptr[at] == '\n') line = at + 1;
    mr_buffer text;
    mr_buffer_init(&text, "text", (size_t)1 << 30);
    csv_say_bytes(&text, in);
    const mr_slice g = mr_slice_from(mr_buffer_slice(got), line);
    const mr_slice w = mr_slice_from(mr_buffer_slice(wanted), line);
    MR_TEST_FAIL("%s: got\n%.*s\nexpected\n%.*s\ninput (%zu bytes) %.*s\n", how,
                 (int)(g.len < 200 ? g.len : 200), g.ptr, (int)(w.len < 200 ? w.len : 200), w.ptr,
                 in.len, (int)(text.len < 400 ? text.len : 400), text.ptr);
}

static const char *const kernels[] = {"", "base", "scalar"};

static void compare_with_twin(const csv_case *c, mr_slice in, unsigned random_cuts)
{
    mr_buffer wanted, got;
    mr_buffer_init(&wanted, "wanted", (size_t)1 << 30);
    mr_buffer_init(&got, "got", (size_t)1 << 30);
    twin_transcribe(c, in, &wanted);
    for (size_t k = 0; k < MR_COUNT_OF(kernels); k++) {
        setenv("MILLRACE_SIMD", kernels[k], 1);
        mr_buffer_reset(&got);
        csv_transcribe(c, in, NULL, 0, &got);
        expect_same(&got, &wanted, in, "whole");
    }
    setenv("MILLRACE_SIMD", "", 1);
    size_t *cuts = malloc(sizeof *cuts * (in.len + 1));
    for (unsigned i = 0; i < random_cuts; i++) {
        size_t count = 0;
        const uint32_t often = 1 + dice(i == 0 ? 1 : 20);
        for (size_t at = 0; at <= in.len; at++)
            if (dice(often) == 0) cuts[count++] = at;
        mr_buffer_reset(&got);
        csv_transcribe(c, in, cuts, count, &got);
        expect_same(&got, &wanted, in, "cut");
    }
    free(cuts);
    mr_buffer_done(&wanted);
    mr_buffer_done(&got);
}

MR_TEST(random_bytes_read_as_the_twin_reads_them)
{
    char text[400];
    for (int round = 0; round < 20000; round++) {
        mr_schema schema;
        make_schema(&schema, 1 + dice(3));
        const csv_case c = random_case(&schema);
        const size_t length = random_text(text, dice(4) == 0 ? sizeof text : 40, dice(5));
        compare_with_twin(&c, (mr_slice){text, length}, 2);
        mr_arena_done(&arena);
    }
}

MR_TEST(neat_text_reads_as_the_twin_reads_it)
{
    static char text[3000];
    for (int round = 0; round < 3000; round++) {
        mr_schema schema;
        make_schema(&schema, 1 + dice(3));
        const csv_case c = random_case(&schema);
        const size_t length = neat_text(text, sizeof text);
        compare_with_twin(&c, (mr_slice){text, length}, 1);
        mr_arena_done(&arena);
    }
}

/* Whatever one block of 64 bytes hands to the next: each text stands at every place in a block. */
MR_TEST(blocks_may_end_anywhere)
{
    static const char *const texts[] = {
        "\"a\"\r\nx,y\n",
        "\"a\"\rx,y\n",
        "a,\"b\"\rx\n",
        "a,\"b\"\r\n",
        "\"a\",\"b\"\n",
        "\"a\"\"b\",\"\"\n",
        "\"a\"\"\",\"\"\"\"\n",
        "a,b\"c\n\"d\",e\n",
        "#a,b\nx,y\n",
        "a,b\n#\"a\",b\nx,y\n",
        "\"a\"b,c\nx,y\n",
        "\"a\nb\",\"c\r\nd\"\r\n",
        "\n\r\nx,y\n",
        "x,\"y",
        "\"\n",
        "x,y\r\r\n",
        "\"\",\"\"\nx,y\n",
        "a,\"\n\",b\nx,\"\"\n",
    };
    char text[300];
    for (size_t t = 0; t < MR_COUNT_OF(texts); t++) {
        for (int pad = 0; pad < 140; pad++) {
            mr_schema schema;
            make_schema(&schema, 2);
            csv_case c = {.options = MR_CSV_OPTIONS_DEFAULT, .limits = MR_TEXT_LIMITS_DEFAULT};
            c.schema = &schema;
            c.options.comment = t % 2 == 0 ? '#' : 0;
            const int length =
                snprintf(text, sizeof text, "%.*s,\n%stail,1\n", pad,
                         "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
                         "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp",
                         texts[t]);
            compare_with_twin(&c, (mr_slice){text, (size_t)length}, 1);
            c.options.comment ^= '#';
            compare_with_twin(&c, (mr_slice){text, (size_t)length}, 0);
            mr_arena_done(&arena);
        }
    }
}

MR_TEST(text_of_several_windows_reads_as_the_twin_reads_it)
{
    static char text[60000];
    for (int round = 0; round < 30; round++) {
        mr_schema schema;
        make_schema(&schema, 1 + dice(3));
        csv_case c = random_case(&schema);
        c.options.ragged = MR_CSV_RAGGED_QUARANTINE;
        size_t length = 0;
        while (length + 3000 < sizeof text)
            length += neat_text(text + length, 3000);
        setenv("MILLRACE_SIMD", "", 1);
        mr_buffer wanted, got;
        mr_buffer_init(&wanted, "wanted", (size_t)1 << 30);
        mr_buffer_init(&got, "got", (size_t)1 << 30);
        twin_transcribe(&c, (mr_slice){text, length}, &wanted);
        const size_t cuts[] = {length / 5, length / 3, length / 2 + 1};
        csv_transcribe(&c, (mr_slice){text, length}, cuts, 3, &got);
        expect_same(&got, &wanted, (mr_slice){text, length}, "windows");
        mr_buffer_done(&wanted);
        mr_buffer_done(&got);
        mr_arena_done(&arena);
    }
}
