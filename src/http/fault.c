/* SPDX-License-Identifier: MIT */
#include "http/fault.h"

mr_fault_class mr_http_fault_of_status(unsigned status, bool asked_to_wait)
{
    if (status < 300) return MR_CLASS_NONE;
    switch (status) {
    case 408:
    case 425: return MR_CLASS_TRANSIENT;
    case 429: return MR_CLASS_THROTTLED;
    case 503: return asked_to_wait ? MR_CLASS_THROTTLED : MR_CLASS_TRANSIENT;
    case 507: return MR_CLASS_FATAL;
    default: return status >= 500 && status <= 599 ? MR_CLASS_TRANSIENT : MR_CLASS_PERMANENT;
    }
}
