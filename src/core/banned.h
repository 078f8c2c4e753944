/* SPDX-License-Identifier: MIT
 *
 * core/banned.h - functions that do not compile here, each with what to call instead. The build
 * includes this file before every source of ours except core/mem.c and third-party test
 * interposers.
 *
 * Thread: none. */
#ifndef MR_CORE_BANNED_H
#define MR_CORE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <mm_malloc.h> /* the intrinsics headers use malloc */
#endif

#ifndef MR_ALLOW_MALLOC
#pragma GCC poison malloc calloc realloc reallocarray /* core/mem.h counts */
#pragma GCC poison strdup strndup asprintf vasprintf  /* core/mem.h, core/buffer.h */
#endif
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets /* snprintf, mr_buffer */
#pragma GCC poison strtok atoi atol atoll atof                         /* core/number.h */
#pragma GCC poison gmtime localtime ctime asctime                      /* the _r forms */
#pragma GCC poison tmpnam mktemp tempnam                               /* mkstemp */

#endif
