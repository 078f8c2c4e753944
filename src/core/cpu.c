/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/simd.h"

static bool asked_for(const char *name)
{
    const char *asked = getenv("MILLRACE_SIMD");
    return asked != NULL && strcmp(asked, name) == 0;
}

bool mr_cpu_avx2(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("pclmul") && !asked_for("base") && !asked_for("scalar");
#else
    return false;
#endif
}

bool mr_cpu_scalar(void)
{
    return asked_for("scalar");
}
