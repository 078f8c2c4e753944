/* SPDX-License-Identifier: MIT */
#include "remote/fault.h"

#include <errno.h>

const char *mr_fault_name(mr_fault_class fault)
{
    switch (fault) {
    case MR_CLASS_NONE: return "none";
    case MR_CLASS_TRANSIENT: return "transient";
    case MR_CLASS_THROTTLED: return "throttled";
    case MR_CLASS_PERMANENT: return "permanent";
    case MR_CLASS_DATA: return "data";
    case MR_CLASS_FATAL: return "fatal";
    }
    return "none";
}

bool mr_fault_passes(mr_fault_class fault)
{
    return fault == MR_CLASS_TRANSIENT || fault == MR_CLASS_THROTTLED;
}

mr_fault_class mr_fault_of_errno(int error_number)
{
    switch (error_number) {
    case 0: return MR_CLASS_NONE;
    case EAGAIN:
    case EINTR:
    case EBUSY:
    case ETXTBSY:
    case EDEADLK:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case EPIPE:
    case ETIME:
    case ETIMEDOUT:
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case ENETDOWN:
    case ENETRESET:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL: /* no local port is free */
    case ESTALE: return MR_CLASS_TRANSIENT;
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case ENOMEM:
    case ENODEV:
    case ENXIO: return MR_CLASS_FATAL;
    default: return MR_CLASS_PERMANENT;
    }
}
