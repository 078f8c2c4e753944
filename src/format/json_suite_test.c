/* SPDX-License-Identifier: MIT
 *
 * The public JSON parsing test suite: a file's name begins with what a strict parser does with it
 * (y accept, n refuse, i as it likes). Each file is read as a document, whole and cut at every byte
 * (at some bytes, when it is long), by each twin of the kernels; all must say the same. */
#include <dirent.h>

#include "support/json_transcript.h"
#include "support/test.h"

#define SUITE       "tests/data/json-test-suite/test_parsing"
#define SMALL_BYTES 600u

static const mr_json_options document = {.format = MR_JSON_DOCUMENT, .wrap_scalars = {"v", 1}};

static const mr_json_kernels *const twins[] = {
    &mr_json_kernels_scalar,
    &mr_json_kernels_base,
#if defined(__x86_64__)
    &mr_json_kernels_avx2,
#endif
};

static bool can_run(const mr_json_kernels *kernels)
{
    return kernels != twins[MR_COUNT_OF(twins) - 1] || MR_COUNT_OF(twins) < 3 || mr_cpu_avx2();
}

static bool accepts(mr_slice input, mr_buffer *report)
{
    json_reading r;
    json_reading_open(&r, &document, NULL);
    const mr_code rc = json_reading_feed(&r, input, SIZE_MAX);
    json_say_bytes(report, mr_buffer_slice(&r.report));
    const bool rejected =
        r.report.len > 0 && memmem(r.report.ptr, r.report.len, "! ", 2) == r.report.ptr;
    json_reading_close(&r);
    return rc == MR_OK && !rejected;
}

static void expect_same(const char *name, mr_slice input, mr_slice wanted, size_t cut,
                        const mr_json_kernels *kernels)
{
    json_reading r;
    json_reading_open(&r, &document, kernels);
    (void)json_reading_feed(&r, input, cut);
    if (!mr_slice_equal(mr_buffer_slice(&r.report), wanted))
        MR_TEST_FAIL("%s cut at %zu gives\n%.*s\nnot\n%.*s\n", name, cut, (int)r.report.len,
                     r.report.ptr, (int)wanted.len, wanted.ptr);
    json_reading_close(&r);
}

static void check_file(const char *name)
{
    char path[512];
    size_t len;
    snprintf(path, sizeof path, SUITE "/%s", name);
    char *text = mr_test_read_file(mr_test_path(path), &len);
    const mr_slice input = {text, len};
    mr_buffer report;
    mr_buffer_init(&report, "test", (size_t)1 << 24);
    const bool accepted = accepts(input, &report);
    if ((name[0] == 'y' && !accepted) || (name[0] == 'n' && accepted))
        MR_TEST_FAIL("%s: %s\n%.*s\n", name, accepted ? "accepted" : "refused", (int)report.len,
                     report.ptr);
    for (size_t i = 0; i < MR_COUNT_OF(twins); i++) {
        if (!can_run(twins[i])) continue;
        const size_t step = len < SMALL_BYTES ? 1 : len / 16;
        for (size_t cut = 0; cut <= len; cut += step)
            expect_same(name, input, mr_buffer_slice(&report), cut, twins[i]);
    }
    mr_buffer_done(&report);
    mr_mem_free(text);
}

MR_TEST(the_suite_is_accepted_and_refused_as_it_says)
{
    DIR *suite = opendir(mr_test_path(SUITE));
    unsigned count = 0;
    MR_EXPECT(suite != NULL);
    for (struct dirent *entry; (entry = readdir(suite)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        check_file(entry->d_name);
        count++;
    }
    closedir(suite);
    MR_EXPECT_U64(count, ==, 318);
}
