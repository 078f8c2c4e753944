/* SPDX-License-Identifier: MIT
 *
 * arrow/abi.h - the three structs of the Arrow C Data Interface, by which programs and libraries
 * hand columns to each other inside one process (https://arrow.apache.org/docs/format/
 * CDataInterface.html). Names and layout are that specification's; everybody who speaks it has this
 * text, so it is guarded the way the specification says. include/millrace/plugin.h has it too.
 *
 * Thread: values; a struct may be moved and released by any thread, one at a time. */
#ifndef MR_ARROW_ABI_H
#define MR_ARROW_ABI_H

#include "core/base.h"

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif

/* A struct is released when its `release` is NULL; releasing twice is harmless with these. */
MR_INLINE void mr_arrow_release_schema(struct ArrowSchema *schema)
{
    if (schema->release != NULL) schema->release(schema);
}

MR_INLINE void mr_arrow_release_array(struct ArrowArray *array)
{
    if (array->release != NULL) array->release(array);
}

MR_INLINE void mr_arrow_release_stream(struct ArrowArrayStream *stream)
{
    if (stream->release != NULL) stream->release(stream);
}

#endif
