/* SPDX-License-Identifier: MIT */
#include "support/files.h"

#include <sys/stat.h>

#include "support/test.h"

static mr_error err;

const char *mr_test_at(const char *name)
{
    static char paths[8][512];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", mr_test_dir(), name);
    return path;
}

const char *mr_test_put(const char *name, mr_slice bytes)
{
    const char *path = mr_test_at(name);
    mr_test_write_file(path, bytes);
    return path;
}

void mr_test_pack(mr_codec codec, mr_slice plain, mr_buffer *to)
{
    mr_compressor *stream;
    MR_EXPECT_OK(mr_compressor_open(&stream, codec, mr_codec_default_level(codec), &err));
    MR_EXPECT_OK(mr_compressor_block(stream, plain, to, &err));
    MR_EXPECT_OK(mr_buffer_append(to, mr_codec_tail(codec), &err));
    mr_compressor_close(stream);
}

const char *mr_test_put_packed(const char *name, mr_codec codec, mr_slice plain)
{
    mr_buffer packed;
    mr_buffer_init(&packed, "test", 64 << 20);
    mr_test_pack(codec, plain, &packed);
    const char *path = mr_test_put(name, mr_buffer_slice(&packed));
    mr_buffer_done(&packed);
    return path;
}

mr_slice mr_test_lines(size_t len)
{
    static char text[3 << 20];
    static size_t made;
    uint32_t state = 12345;
    MR_EXPECT(len <= sizeof text - 64);
    while (made < sizeof text - 64) {
        state = state * 1664525 + 1013904223;
        made += (size_t)snprintf(text + made, 64, "%u,order %u,\"%x\"\n", state >> 20, state >> 28,
                                 state);
    }
    return mr_slice_of(text, len);
}

bool mr_test_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

void mr_test_expect_holds(const char *path, const char *wanted)
{
    size_t len;
    char *bytes = mr_test_read_file(path, &len);
    MR_EXPECT_SLICE(mr_slice_of(bytes, len), wanted);
    mr_mem_free(bytes);
}
