/* SPDX-License-Identifier: MIT */
#ifdef __AVX2__
#define MR_UTF8_KERNEL
#endif
#include "core/utf8_kernel.h"
