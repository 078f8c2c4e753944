/* SPDX-License-Identifier: MIT
 *
 * record/texts.h - a sealed sequence of texts, in the smallest of several forms, with any text
 * readable alone. A text is prefix + middle + suffix, where prefix and suffix are what all texts of
 * the sequence share (often nothing), and the middle is
 *
 *     constant   nothing: all texts are the prefix
 *     int        ints[i], with leading zeros up to a least width     "user" 00042 "@example.com"
 *     decimal    ints[i] at one scale                                 1099.50 = 109950 at 2
 *     decimals   ints[i] at scale ints[i] of a second sequence        1, 2.5, 0.125
 *     date, timestamp, bool    ints[i]
 *     uuid       16 bytes
 *     dict       texts[ints[i]], the distinct texts in any other form
 *     symbols    bytes[ints[i] .. ints[i + 1]) coded by a symbol table (record/symbols.h)
 *     plain      bytes[ints[i] .. ints[i + 1])
 *
 * A numeric form is used only if every text of the sequence is written back as the same bytes
 * (record/numtext.h), whatever the column's type claims. The integers are sequences of
 * record/ints.h. A sealed sequence is position-independent bytes, 8-aligned, and is read with
 * MR_TEXTS_SLACK readable bytes behind it.
 *
 * Thread: sealed sequences may be read by any thread; encoders and readers are owned by one. */
#ifndef MR_RECORD_TEXTS_H
#define MR_RECORD_TEXTS_H

#include "record/batch.h"
#include "record/dict.h"
#include "record/ints.h"
#include "record/symbols.h"

#define MR_TEXTS_SLACK 32

typedef enum mr_texts_kind {
    MR_TEXTS_CONSTANT,
    MR_TEXTS_INT,
    MR_TEXTS_DECIMAL,
    MR_TEXTS_DECIMALS,
    MR_TEXTS_DATE,
    MR_TEXTS_TIMESTAMP,
    MR_TEXTS_BOOL,
    MR_TEXTS_UUID,
    MR_TEXTS_DICT,
    MR_TEXTS_SYMBOLS,
    MR_TEXTS_PLAIN,
    MR_TEXTS_KIND_COUNT
} mr_texts_kind;

/* What a sealed sequence begins with. Followed by prefix and suffix (padded to 8), the first inner
 * sequence (integers), the second (integers, texts or symbols), and bytes. */
typedef struct mr_texts {
    uint8_t kind; /* mr_texts_kind */
    uint8_t spare[3];
    uint32_t count;
    uint32_t param;   /* int: least width; decimal: scale; timestamp: layout */
    uint32_t longest; /* no text is longer */
    uint32_t prefix_len, suffix_len;
    uint32_t first_bytes;  /* of the first inner sequence */
    uint32_t second_bytes; /* of the second */
} mr_texts;

/* "constant", "int", ...; "affix" for an int between a prefix and a suffix or with leading zeros.
 */
const char *mr_texts_kind_name(const mr_texts *texts);
/* The form of its integers: "for", "linear", ...; "" when it has none. */
const char *mr_texts_ints_name(const mr_texts *texts);
/* Distinct texts of a dictionary, of either level; 0 without one. */
uint32_t mr_texts_distinct(const mr_texts *texts);

/* --- sealing --- */

/* Memory that sealing needs and keeps. Zeroed = empty. */
typedef struct mr_texts_encoder {
    mr_ints_planner ints;
    mr_dict dict;
    mr_symbol_learner *symbols;
    int64_t *scales; /* of decimals */
    uint32_t scales_cap;
} mr_texts_encoder;

void mr_texts_encoder_done(mr_texts_encoder *encoder);
size_t mr_texts_encoder_held_bytes(const mr_texts_encoder *encoder);

/* Appends `source` (at least one text), sealed in its smallest form, to `out`, whose length is a
 * multiple of 8 and stays so. */
MR_NODISCARD mr_code mr_texts_seal(mr_texts_encoder *encoder, const mr_texts_source *source,
                                   mr_buffer *out, mr_error *err);

/* --- reading --- */

/* Memory that reading dictionaries needs and keeps. */
typedef struct mr_texts_reader {
    mr_column entries;
} mr_texts_reader;

void mr_texts_reader_done(mr_texts_reader *reader);
size_t mr_texts_reader_held_bytes(const mr_texts_reader *reader);

/* Appends texts first .. first + count - 1 to the data of `out` as cells row, row + 1, ...; sets
 * their offsets and nothing else. There is room in offsets; data grows. */
MR_NODISCARD MR_HOT mr_code mr_texts_read(const mr_texts *texts, uint32_t first, uint32_t count,
                                          mr_texts_reader *reader, mr_column *out, uint32_t row,
                                          mr_error *err);

/* Text `index`: a piece of the sealed bytes, or written into `scratch` (which is reset first);
 * borrowed until either goes. O(1). */
MR_NODISCARD MR_HOT mr_code mr_texts_get(const mr_texts *texts, uint32_t index, mr_buffer *scratch,
                                         mr_slice *out, mr_error *err);

#endif
