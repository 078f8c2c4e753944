/* SPDX-License-Identifier: MIT */
#include "support/test.h"

#include <ftw.h>
#include <unistd.h>

static struct CMUnitTest tests[MR_TEST_MAX];
static size_t test_count;
static char own_dir[64];

void mr_test_register(const char *name, void (*function)(void **state))
{
    if (test_count == MR_TEST_MAX) abort();
    tests[test_count++] = (struct CMUnitTest){.name = name, .test_func = function};
}

const char *mr_test_path(const char *relative)
{
    static char paths[4][4096];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", MR_SOURCE_DIR, relative);
    return path;
}

const char *mr_test_dir(void)
{
    if (own_dir[0] == 0) {
        snprintf(own_dir, sizeof own_dir, "/tmp/millrace-test-XXXXXX");
        if (mkdtemp(own_dir) == NULL) abort();
    }
    return own_dir;
}

static int remove_one(const char *path, MR_UNUSED const struct stat *info, MR_UNUSED int type,
                      MR_UNUSED struct FTW *walk)
{
    return remove(path);
}

void mr_test_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *mr_test_read_file(const char *path, size_t *out_len)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) MR_TEST_FAIL("%s cannot be opened\n", path);
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    char *bytes = mr_mem_alloc((size_t)size + 1);
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size)
        MR_TEST_FAIL("%s cannot be read\n", path);
    fclose(file);
    bytes[size] = 0;
    if (out_len != NULL) *out_len = (size_t)size;
    return bytes;
}

void mr_test_write_file(const char *path, mr_slice bytes)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes.ptr, 1, bytes.len, file) != bytes.len || fclose(file) != 0)
        MR_TEST_FAIL("%s cannot be written\n", path);
}

/* An argument runs only the tests whose names contain it. */
int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const int failed = _cmocka_run_group_tests("tests", tests, test_count, NULL, NULL);
    if (own_dir[0] != 0) mr_test_remove(own_dir);
    return failed == 0 ? 0 : 1;
}
