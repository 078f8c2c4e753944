/* SPDX-License-Identifier: MIT
 *
 * connector/store_split.h - an array that arrives in pieces, handed over element by element.
 *
 *     [ [1,"a,]"] , {"b":2} , 3 ]      three calls: [1,"a,]"]   {"b":2}   3
 *
 * Only brackets, strings and commas are looked at: whoever takes an element reads it strictly.
 *
 * Thread: owned by one thread. */
#ifndef MR_CONNECTOR_STORE_SPLIT_H
#define MR_CONNECTOR_STORE_SPLIT_H

#include "core/buffer.h"

typedef struct mr_store_split {
    mr_buffer element; /* the beginning of one, from earlier pieces */
    uint32_t depth;    /* 1: inside the array */
    bool in_string, escaped;
    bool began, ended; /* the array */
    bool has_element;  /* bytes of one have been seen since the last comma */
    bool after_comma;  /* and no element since */
    mr_code (*take)(void *context, mr_slice element, mr_error *err);
    void *context;
} mr_store_split;

/* `name` is what a too large element is called. */
void mr_store_split_init(mr_store_split *split, const char *name, size_t element_bytes_max);
void mr_store_split_done(mr_store_split *split);
/* Ready for a new array; memory, take and context stay. */
void mr_store_split_reset(mr_store_split *split);

/* The next bytes. MR_ERR_INPUT when they are not what an array is made of; or as `take` says. */
MR_NODISCARD MR_HOT mr_code mr_store_split_feed(mr_store_split *split, mr_slice bytes,
                                                mr_error *err);
/* MR_ERR_INPUT unless the array has ended. */
MR_NODISCARD mr_code mr_store_split_finish(const mr_store_split *split, mr_error *err);

#endif
