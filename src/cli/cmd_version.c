/* SPDX-License-Identifier: MIT */
#include <lz4.h>
#include <sqlite3.h>
#include <stdio.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "core/buffer.h"
#include "core/poison.h"
#include "core/simd.h"
#include "format/codec.h"

#if defined(MR_HAS_ASAN)
#define SANITIZER ", address sanitizer"
#elif defined(__SANITIZE_THREAD__)
#define SANITIZER ", thread sanitizer"
#else
#define SANITIZER ""
#endif

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#ifdef NDEBUG
#define BUILD "release" SANITIZER
#else
#define BUILD "debug" SANITIZER
#endif

static const char *kernels(void)
{
    if (mr_cpu_avx2()) return "avx2";
    return mr_cpu_scalar() ? "scalar" : "base";
}

static mr_code print_version(mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_printf(out, err, "millrace %s\n", MR_VERSION));
    MR_TRY(mr_buffer_printf(out, err, "build: %s, %s\n", BUILD, COMPILER));
    MR_TRY(mr_buffer_printf(out, err, "cpu kernels: %s\n", kernels()));
    MR_TRY(mr_buffer_append(out, MR_SLICE("codecs: "), err));
    for (int codec = MR_CODEC_GZIP; codec <= MR_CODEC_LZ4; codec++)
        MR_TRY(mr_buffer_printf(out, err, "%s%s", codec == MR_CODEC_GZIP ? "" : ", ",
                                mr_codec_name((mr_codec)codec)));
    return mr_buffer_printf(
        out, err, "\nlibraries: zlib %s, zstd %s, lz4 %s, sqlite %s, libyaml %s\n", zlibVersion(),
        ZSTD_versionString(), LZ4_versionString(), sqlite3_libversion(), yaml_get_version_string());
}

int mr_cmd_version(mr_args *args)
{
    (void)args;
    mr_buffer out;
    mr_error err = {0};
    mr_buffer_init(&out, "version text", 4096);
    mr_code code = print_version(&out, &err);
    if (code == MR_OK) code = mr_cli_print(mr_buffer_slice(&out), &err);
    mr_buffer_done(&out);
    return code == MR_OK ? MR_EXIT_OK : mr_cli_fail(code, &err);
}
