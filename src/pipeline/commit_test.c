/* SPDX-License-Identifier: MIT */
#include "pipeline/commit.h"

#include "core/packed.h"
#include "support/test.h"

static mr_commit example(void)
{
    mr_commit commit = {.pipeline = MR_SLICE("nightly-0123"),
                        .name = MR_SLICE("nightly"),
                        .from = MR_SLICE("a.csv"),
                        .to = MR_SLICE("b.json"),
                        .settings = MR_SLICE("select=a,b\n"),
                        .source = MR_SLICE("where\0it stands"),
                        .destination = MR_SLICE("how long"),
                        .columns = MR_SLICE("a int"),
                        .transform = MR_SLICE("seen"),
                        .watermark = MR_SLICE("2024-01-01"),
                        .history = MR_SLICE("b.json.schema.jsonl"),
                        .schema_changes = 3,
                        .files = 77,
                        .rejects = {100, 5, 2},
                        .sealed = true,
                        .wall_ns = -5,
                        .now_ns = INT64_MAX};
    commit.ledger.read = 1000;
    commit.ledger.written = 900;
    commit.ledger.mended = UINT64_MAX;
    commit.ledger.by_reason[MR_REASON_COUNT - 1] = 7;
    return commit;
}

static void expect_same(const mr_commit *a, const mr_commit *b)
{
    MR_EXPECT(mr_slice_equal(a->pipeline, b->pipeline) && mr_slice_equal(a->name, b->name));
    MR_EXPECT(mr_slice_equal(a->from, b->from) && mr_slice_equal(a->to, b->to));
    MR_EXPECT(mr_slice_equal(a->settings, b->settings) && mr_slice_equal(a->source, b->source));
    MR_EXPECT(mr_slice_equal(a->destination, b->destination));
    MR_EXPECT(mr_slice_equal(a->columns, b->columns));
    MR_EXPECT(mr_slice_equal(a->transform, b->transform));
    MR_EXPECT(mr_slice_equal(a->watermark, b->watermark));
    MR_EXPECT(mr_slice_equal(a->history, b->history));
    MR_EXPECT_U64(a->schema_changes, ==, b->schema_changes);
    MR_EXPECT_U64(a->files, ==, b->files);
    MR_EXPECT(memcmp(&a->ledger, &b->ledger, sizeof a->ledger) == 0);
    MR_EXPECT_U64(a->rejects.length, ==, b->rejects.length);
    MR_EXPECT_U64(a->rejects.count, ==, b->rejects.count);
    MR_EXPECT_U64(a->rejects.dropped, ==, b->rejects.dropped);
    MR_EXPECT(a->sealed == b->sealed);
    MR_EXPECT_I64(a->wall_ns, ==, b->wall_ns);
    MR_EXPECT_I64(a->now_ns, ==, b->now_ns);
}

MR_TEST(a_commit_reads_back_as_it_was)
{
    mr_buffer out;
    mr_error err;
    mr_commit back;
    const mr_commit full = example(), small = {.pipeline = MR_SLICE("p")};
    const mr_commit *const all[] = {&full, &small};
    for (size_t i = 0; i < MR_COUNT_OF(all); i++) {
        mr_buffer_init(&out, "test", 1 << 20);
        MR_EXPECT_OK(mr_commit_encode(all[i], &out, &err));
        MR_EXPECT_OK(mr_commit_decode(mr_buffer_slice(&out), &back, &err));
        expect_same(&back, all[i]);
        mr_buffer_done(&out);
    }
}

/* Between two sections the cut bytes are a commit that lacks some, which only the sum can tell. */
MR_TEST(a_commit_that_is_cut_inside_a_section_is_refused)
{
    mr_buffer out;
    mr_error err;
    mr_commit back;
    const mr_commit commit = example();
    uint32_t good = 0;
    mr_buffer_init(&out, "test", 1 << 20);
    MR_EXPECT_OK(mr_commit_encode(&commit, &out, &err));
    for (size_t len = 0; len < out.len; len++) {
        char *copy = mr_mem_alloc(len + 1); /* so that a read beyond the end shows */
        if (len > 0) memcpy(copy, out.ptr, len);
        good += mr_commit_decode(mr_slice_of(copy, len), &back, &err) == MR_OK;
        mr_mem_free(copy);
    }
    MR_EXPECT_U64(good, <, 40);
    mr_buffer_done(&out);
}

MR_TEST(what_a_later_version_wrote_is_refused)
{
    mr_buffer out;
    mr_error err;
    mr_commit back;
    const mr_commit commit = example();
    mr_buffer_init(&out, "test", 1 << 20);
    MR_EXPECT_OK(mr_commit_encode(&commit, &out, &err));
    MR_EXPECT_OK(mr_pack_u32(&out, 999, &err));
    MR_EXPECT_OK(mr_pack_text(&out, MR_SLICE("new"), &err));
    MR_EXPECT_CODE(mr_commit_decode(mr_buffer_slice(&out), &back, &err), MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "later version") != NULL);
    mr_buffer_done(&out);
}

MR_TEST(a_position_that_is_too_large_is_named)
{
    static char large[MR_POSITION_MAX + 1];
    mr_buffer out;
    mr_error err;
    mr_commit commit = example();
    commit.source = mr_slice_of(large, sizeof large);
    mr_buffer_init(&out, "test", 1 << 20);
    MR_EXPECT_CODE(mr_commit_encode(&commit, &out, &err), MR_ERR_LIMIT);
    MR_EXPECT(strstr(err.text, "the source's position") != NULL);
    mr_buffer_done(&out);
}
