/* SPDX-License-Identifier: MIT
 *
 * expr/expr.h - the expression language of pipelines: what `filter` asks of a record and what `map`
 * makes of it. docs/expressions.md is the language, this is how a program uses it.
 *
 *     text --mr_expr_compile()--> mr_expr            once; constant, shared by all lanes
 *     mr_expr --mr_eval_new()---> mr_eval            one a lane; its scratch memory
 *     mr_eval + batch --mr_eval_keep()-----> a bitmap of the rows that are true
 *                     --mr_eval_value()----> a column with a cell for each row
 *
 *     mr_expr *expr;
 *     mr_eval *eval;
 *     MR_TRY(mr_expr_compile(arena, MR_SLICE(".score > 100 and .city != \"Paris\""),
 *                            &(mr_expr_env){.schema = schema, .predicate = true}, &expr, err));
 *     MR_TRY(mr_eval_new(expr, &eval, err));
 *     for (each batch) {
 *         MR_TRY(mr_eval_keep(eval, batch, NULL, keep, &kept, err));
 *         for (uint32_t i = 0; i < mr_eval_fault_count(eval); i++) reject(mr_eval_fault_at(eval,
 * i)); mr_batch_keep_rows(batch, keep);
 *     }
 *     mr_eval_free(eval), mr_expr_free(expr);
 *
 * A value is null, absent (the record has no such key), or has one of record/type.h's types. It is
 * worked on row by row of a batch: a node of the expression is one loop over a block of rows. What
 * goes wrong in one row (a division by zero, a text that int() cannot read) is not an error but a
 * fault of that row: the row goes to quarantine, the others go on. Errors of the functions below
 * are those of memory and limits, and, when compiling, of the text.
 *
 * Untyped text. The columns of a CSV file that no inference has looked at have MR_TYPE_STRING, yet
 * `.score > 100` should work without reading the file twice. Columns that are marked `untyped` give
 * each cell the type that its use asks for: compared with a number it is read as a number by the
 * exact typing rules (record/type.h), compared with a string it stays the text it is.
 *
 * Thread: an mr_expr is constant once compiled and may be used from any; an mr_eval belongs to one
 * thread at a time. */
#ifndef MR_EXPR_EXPR_H
#define MR_EXPR_EXPR_H

#include "core/arena.h"
#include "record/batch.h"

#define MR_EXPR_MAX_BYTES       65536 /* of the text of one expression */
#define MR_EXPR_MAX_NODES       8192  /* operators, calls, fields and literals of one expression */
#define MR_EXPR_MAX_DEPTH       100  /* parentheses, calls and prefix operators inside each other */
#define MR_EXPR_MAX_ARGS        1024 /* of one call; entries of one `in (...)` */
#define MR_EXPR_MAX_BRANCHES    256  /* conditions of one if() */
#define MR_EXPR_MAX_FIELDS      1024 /* distinct top-level fields that one expression reads */
#define MR_EXPR_MAX_REGEX_BYTES 4096 /* of one pattern */
#define MR_EXPR_MAX_REGEX_STEPS 1000000 /* of one match; more is a fault of the row */
/* Of one value that an expression makes; more is a fault of the row. */
#define MR_EXPR_MAX_VALUE_BYTES ((size_t)64 << 20)
/* Of the texts that an expression makes for one block of rows. */
#define MR_EXPR_MAX_SCRATCH_BYTES ((size_t)256 << 20)

typedef struct mr_expr mr_expr;
typedef struct mr_eval mr_eval;

/* --- compiling -------------------------------------------------------------------------------- */

/* What is known of the records before the first one comes. A zeroed env knows nothing. */
typedef struct mr_expr_env {
    /* The columns of all records. With it a field that is not there is an error that names the
     * nearest one, and types that cannot fit are errors. NULL when records may bring any fields
     * (JSON that was not inferred): a field that a batch has no column for is then absent. Borrowed
     * for the call. A column of MR_TYPE_NULL or MR_TYPE_MIXED may hold anything. */
    const mr_schema *schema;
    /* For each column of the schema, whether it is untyped text (see above); counts only where its
     * type is MR_TYPE_STRING. NULL: none is. Borrowed for the call. */
    const bool *untyped;
    bool all_untyped; /* every MR_TYPE_STRING column is untyped, those of later batches too */
    bool predicate;   /* the expression must be true or false: what cannot be is an error */
    int64_t now_ns;   /* now(): the wall time at which the run began; 0 = that of this call */
} mr_expr_env;

/* Compiles `text`, which need not outlive the call, into memory of `arena`. The result must be
 * given to mr_expr_free() before the arena dies.
 *
 * MR_ERR_USAGE: `LINE:COLUMN: what is wrong`, both 1-based within `text`, columns in code points:
 *     1:1: no field '.scroe'; did you mean '.score'?
 *     1:10: expected a value, found ')'
 *     2:5: '+' cannot add string and int
 * The caller puts the file and the key in front (mr_error_prefix()) and, if it likes, adds the
 * place to its own. MR_ERR_LIMIT names one of the limits above. MR_ERR_NOMEM. */
MR_NODISCARD mr_code mr_expr_compile(mr_arena *arena, mr_slice text, const mr_expr_env *env,
                                     mr_expr **out, mr_error *err);

/* Gives back what an arena cannot hold (compiled regular expressions). NULL is harmless. */
void mr_expr_free(mr_expr *expr);

/* The top-level fields that are read, each once, in the order of their first use; lives as long as
 * the expression. A step that only reads these leaves the other columns alone. */
const mr_slice *mr_expr_fields(const mr_expr *expr, uint32_t *out_count);

/* What the values will be. */
typedef struct mr_expr_result {
    /* The type that every value has, where that is known in advance. INT and DECIMAL together are
     * DECIMAL: `.a + .b` of two ints is a decimal column, as the sum may leave 64 bits;
     * `int(.a + .b)` is an int column. MR_TYPE_MIXED when it depends on the record, MR_TYPE_NULL
     * when there never is a value. */
    mr_type type;
    /* The values may be untyped text that is handed on: the type is then MR_TYPE_STRING and the
     * column is as untyped as the one it came from. */
    bool untyped;
    bool constant; /* the same for every record; mr_eval_value() says what */
    bool clock;    /* now() or today() has a say: another run gives another result */
    bool random;   /* uuid_v4() has a say: no two runs give the same, a resumed one neither */
} mr_expr_result;

mr_expr_result mr_expr_result_of(const mr_expr *expr);

/* The one field, and nothing else, that the expression is (`.a`): a caller may then move a column
 * instead of copying it. False for all else. The slice lives as long as the expression. */
bool mr_expr_is_field(const mr_expr *expr, mr_slice *out_name);

/* --- evaluating ------------------------------------------------------------------------------- */

/* The row at fault and why: what becomes a record in quarantine with MR_REASON_TRANSFORM_ERROR. A
 * row is named at most once, by the fault that comes first in the order of evaluation. */
typedef struct mr_eval_fault {
    uint32_t row;   /* of the batch */
    mr_slice field; /* the field that was at fault where one was alone, else empty */
    mr_slice text;  /* one line: "1:7: int: 'n/a' is not an int" */
} mr_eval_fault;

/* An evaluator for `expr`, which is borrowed and must outlive it. It takes memory while it warms up
 * and none once it has seen its largest batch. MR_ERR_NOMEM. */
MR_NODISCARD mr_code mr_eval_new(const mr_expr *expr, mr_eval **out, mr_error *err);
void mr_eval_free(mr_eval *eval); /* NULL is harmless */

/* Bit `row` of `keep` becomes 1 where the expression is true; it is 0 where it is false, null or
 * absent, where the row is at fault, and behind the last row up to the end of its byte. `keep` has
 * room for (row_count + 7) / 8 bytes. `rows`, if not NULL, is a bitmap of the rows to look at: the
 * others are 0 in `keep` and have no faults; it may be `keep` itself. `out_kept` (may be NULL) =
 * the ones in `keep`.
 *
 * The batch's columns may differ from call to call; names are looked up once a batch.
 * MR_ERR_NOMEM, MR_ERR_LIMIT. */
MR_NODISCARD MR_HOT mr_code mr_eval_keep(mr_eval *eval, const mr_batch *batch, const uint8_t *rows,
                                         uint8_t *keep, uint32_t *out_kept, mr_error *err);

/* Makes `out` a column of one cell for each row of the batch: what it held is forgotten, its memory
 * is kept; a zeroed column is fine, and one of `batch` itself is not. Its name is left alone. Rows
 * that `rows` leaves out, and rows at fault, are null. The column's type is that of
 * mr_expr_result_of(), or, where that is MR_TYPE_MIXED, what the values turn out to be
 * (mr_column_tag()). A column all of nulls has the type MR_TYPE_NULL if nothing better is known.
 *
 * MR_ERR_LIMIT when the column would exceed MR_COLUMN_MAX_BYTES; MR_ERR_NOMEM. */
MR_NODISCARD MR_HOT mr_code mr_eval_value(mr_eval *eval, const mr_batch *batch, const uint8_t *rows,
                                          mr_column *out, mr_error *err);

/* The faults of the last call of mr_eval_keep() or mr_eval_value(), in the order of rows. Texts
 * live until the next call. */
uint32_t mr_eval_fault_count(const mr_eval *eval);
mr_eval_fault mr_eval_fault_at(const mr_eval *eval, uint32_t number);

/* Memory that the evaluator holds. */
size_t mr_eval_held_bytes(const mr_eval *eval);

#endif
