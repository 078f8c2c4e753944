/* SPDX-License-Identifier: MIT
 *
 * The CSV kernels for AVX2; nothing where the build has none. */
#include "core/base.h"

#if defined(__AVX2__)
#include "format/csv_kernel_impl.h"
#endif
