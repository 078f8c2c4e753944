/* SPDX-License-Identifier: MIT
 *
 * format/encoding.h - text encodings of input files, made UTF-8 as the bytes stream by.
 *
 * Nothing is replaced or dropped: a surrogate of UTF-16 that has no partner becomes the three bytes
 * that UTF-8 would give it (ED A0 80 to ED BF BF). Those are not valid UTF-8, so whoever checks the
 * text sees the damage and can say where it is. latin1 is ISO 8859-1: bytes are code points.
 *
 * Thread: values, owned by one thread. */
#ifndef MR_FORMAT_ENCODING_H
#define MR_FORMAT_ENCODING_H

#include "core/error.h"

typedef enum mr_encoding {
    MR_ENCODING_UTF8 = 0, /* passed through; the default */
    MR_ENCODING_LATIN1,
    MR_ENCODING_UTF16LE,
    MR_ENCODING_UTF16BE,
    MR_ENCODING_BINARY, /* passed through, and a byte order mark is data */
} mr_encoding;

#define MR_BOM_MAX             4 /* bytes of the longest byte order mark */
#define MR_TRANSCODE_OUT_BYTES 8 /* the least room that lets mr_transcode() make progress */

/* utf-8, latin1 (iso-8859-1), utf-16le, utf-16be, binary; MR_ERR_USAGE for others. */
MR_NODISCARD mr_code mr_encoding_parse(mr_slice text, mr_encoding *out, mr_error *err);
const char *mr_encoding_name(mr_encoding encoding);

typedef enum mr_bom {
    MR_BOM_NONE,
    MR_BOM_MORE, /* the bytes may be the beginning of one */
    MR_BOM_UTF8,
    MR_BOM_UTF16LE,
    MR_BOM_UTF16BE,
    MR_BOM_UTF32, /* not supported */
} mr_bom;

/* The byte order mark at the start of `head`. Never MR_BOM_MORE for MR_BOM_MAX bytes. */
mr_bom mr_bom_detect(mr_slice head, bool at_end);
size_t mr_bom_bytes(mr_bom bom);

/* A zeroed one with its encoding set is ready. */
typedef struct mr_transcoder {
    mr_encoding encoding;
    uint16_t high; /* a high surrogate that waits for its partner; 0 = none */
    uint8_t odd;   /* first byte of a unit whose second has not come */
    bool has_odd;
} mr_transcoder;

/* Converts from `*in`, which is advanced, to `to`; `cap` is at least MR_TRANSCODE_OUT_BYTES. Stops
 * when `*in` is empty or `to` has less than that left. Returns the bytes made. */
MR_HOT size_t mr_transcode(mr_transcoder *self, mr_slice *in, char *to, size_t cap);

/* At the end of the input, until it gives 0: makes the bytes of what waits (at most 3).
 * MR_ERR_INPUT when the input ended inside a unit. */
MR_NODISCARD mr_code mr_transcode_finish(mr_transcoder *self, char *to, size_t *out_got,
                                         mr_error *err);

#endif
