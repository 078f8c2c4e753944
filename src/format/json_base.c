/* SPDX-License-Identifier: MIT */
#include "format/json_kernel.h"

const mr_json_kernels *mr_json_kernels_choose(void)
{
    if (mr_cpu_scalar()) return &mr_json_kernels_scalar;
#if defined(__x86_64__)
    if (mr_cpu_avx2()) return &mr_json_kernels_avx2;
#endif
    return &mr_json_kernels_base;
}
