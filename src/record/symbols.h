/* SPDX-License-Identifier: MIT
 *
 * record/symbols.h - a symbol table for texts that repeat pieces but not wholes: up to 255 symbols
 * of 1 to 8 bytes, one byte each; any other byte is escaped. Each text is coded alone, so any can
 * be read alone (Boncz, Neumann and Leis, "FSST: fast random access string compression", 2020).
 *
 *     "http://a.org/x1"   ->   [http://a] [.org/] escape x escape 1
 *
 * A sealed table is position-independent bytes: the number of symbols, the symbols (8 bytes each),
 * their lengths, padded to 8.
 *
 * Thread: sealed tables may be read by any thread; learners are owned by one. */
#ifndef MR_RECORD_SYMBOLS_H
#define MR_RECORD_SYMBOLS_H

#include "record/dict.h"

#define MR_SYMBOLS_MAX    255u
#define MR_SYMBOLS_ESCAPE 255u

typedef struct mr_symbols {
    uint64_t count;
    uint64_t symbols[]; /* then uint8_t lengths[count] */
} mr_symbols;

/* Decodes `coded` at `to`, where 8 bytes for each coded one are writable; returns the end. */
MR_HOT char *mr_symbols_decode(const mr_symbols *symbols, mr_slice coded, char *to);

/* Learns and codes. Opaque: half a megabyte of tables, made when first needed and kept. */
typedef struct mr_symbol_learner mr_symbol_learner;

void mr_symbol_learner_close(mr_symbol_learner *learner);
size_t mr_symbol_learner_held_bytes(const mr_symbol_learner *learner);

/* Learns symbols from a sample of the middles of `source` (without the first `prefix_len` and last
 * `suffix_len` bytes of each). *out_ratio = coded over plain bytes of the sample; 1 when there is
 * too little to learn from. Makes *learner if it is NULL. */
MR_NODISCARD mr_code mr_symbols_learn(mr_symbol_learner **learner, const mr_texts_source *source,
                                      uint32_t prefix_len, uint32_t suffix_len, double *out_ratio,
                                      mr_error *err);

/* Size of the learned table when sealed, a multiple of 8; and the table itself. */
size_t mr_symbols_table_bytes(const mr_symbol_learner *learner);
void mr_symbols_write_table(const mr_symbol_learner *learner, void *to);

/* Codes `text` (8 bytes behind it are readable) at `to`, where twice its length and 8 bytes are
 * writable; returns the end. */
MR_HOT uint8_t *mr_symbols_encode(const mr_symbol_learner *learner, mr_slice text, uint8_t *to);

#endif
