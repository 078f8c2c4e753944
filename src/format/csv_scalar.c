/* SPDX-License-Identifier: MIT
 *
 * The plain twin of the CSV kernels, for tests and MILLRACE_SIMD=scalar. */
#define MR_SIMD_SCALAR 1
#include "format/csv_kernel_impl.h"
