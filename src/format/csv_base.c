/* SPDX-License-Identifier: MIT
 *
 * The CSV kernels for what every machine of this architecture has. */
#include "format/csv_kernel_impl.h"

const mr_csv_kernel *mr_csv_kernel_pick(void)
{
    if (mr_cpu_scalar()) return &mr_csv_kernel_scalar;
#if defined(__x86_64__)
    if (mr_cpu_avx2()) return &mr_csv_kernel_avx2;
#endif
    return &mr_csv_kernel_base;
}
