/* SPDX-License-Identifier: MIT */
#define MR_SIMD_SCALAR 1
#include "format/json_kernel.h"
