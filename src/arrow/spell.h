/* SPDX-License-Identifier: MIT
 *
 * arrow/spell.h - Arrow's values as our literals, exactly: what is here the inverse of
 * arrow/convert.h. Numbers of any width, times in any unit, texts, dictionaries and nested values.
 *
 * Thread: as the structs. */
#ifndef MR_ARROW_SPELL_H
#define MR_ARROW_SPELL_H

#include "arrow/field.h"

/* Rows begin .. begin + rows - 1 of `field` (counted from its offset) become rows 0 .. rows - 1 of
 * `column`, which is empty, has room for them and is of the field's type. MR_ERR_INPUT names column
 * and row of a value that has no place among ours. */
MR_NODISCARD MR_HOT mr_code mr_arrow_spell(mr_arrow_field *field, int64_t begin, uint32_t rows,
                                           mr_column *column, mr_error *err);

/* Spells the dictionaries of a field and of all below, once for each array. */
MR_NODISCARD mr_code mr_arrow_spell_dictionaries(mr_arrow_field *field, mr_error *err);

/* Offsets, validity and number of nulls of a VAR or VAR64 column. `out_data` is where the cells
 * lie, as one text; false when they cannot stay there because a null has bytes. */
MR_NODISCARD mr_code mr_arrow_spell_offsets(mr_arrow_field *field, int64_t begin, uint32_t rows,
                                            mr_column *column, mr_slice *out_data, bool *out_dense,
                                            mr_error *err);

/* Is `text`, the cells of `column` as one, UTF-8 cell by cell? For columns of type STRING. */
MR_NODISCARD mr_code mr_arrow_check_utf8(const mr_arrow_field *field, int64_t begin, uint32_t rows,
                                         const mr_column *column, mr_slice text, mr_error *err);

/* --- one value at a time; for arrow/nested.c
 * ----------------------------------------------------- */

#define MR_ARROW_SPELL_MAX 64

/* The value of a row that has one: its text, in `room` (MR_ARROW_SPELL_MAX bytes) or in the array,
 * and its type. Not for nested fields. */
MR_NODISCARD mr_code mr_arrow_spell_one(const mr_arrow_field *field, int64_t row, char *room,
                                        mr_slice *out, mr_type *out_type, mr_error *err);

/* The value of a nested row as compact JSON, appended to `out`. */
MR_NODISCARD mr_code mr_arrow_spell_nested(const mr_arrow_field *field, int64_t row, mr_buffer *out,
                                           mr_error *err);

mr_code mr_arrow_fail_cell(const mr_arrow_field *field, int64_t row, const char *what,
                           mr_error *err);

#ifdef __clang_analyzer__ /* as in core/error.h */
#define mr_arrow_fail_cell(field, row, what, err) \
    ((void)mr_arrow_fail_cell((field), (row), (what), (err)), (mr_code)MR_ERR_INPUT)
#endif

MR_INLINE bool mr_arrow_is_nested(mr_arrow_kind kind)
{
    return kind >= MR_KIND_STRUCT;
}

#endif
