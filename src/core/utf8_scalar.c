/* SPDX-License-Identifier: MIT */
#define MR_SIMD_SCALAR
#define MR_UTF8_KERNEL
#include "core/utf8_kernel.h"
