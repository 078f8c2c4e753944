/* SPDX-License-Identifier: MIT */
#if defined(__AVX2__)
#include "format/json_kernel.h"
#else
typedef int mr_json_avx2_is_not_for_this_machine;
#endif
