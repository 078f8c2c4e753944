/* SPDX-License-Identifier: MIT
 *
 * expr/program.h - what an expression is compiled to: instructions on registers, each one loop over
 * a block of rows.
 *
 *     .price * .qty > 100         r0 = load .price     r1 = load .qty
 *                                 r0 = r0 * r1         r0 = r0 > 100
 *
 * Rows that need not be looked at (the right side of `and` where the left is false, the branch of
 * an `if` not taken) are left out: a selection lists the rows at work, and the SELECT instructions
 * push narrower ones.
 *
 * Thread: constant once compiled. */
#ifndef MR_EXPR_PROGRAM_H
#define MR_EXPR_PROGRAM_H

#include "expr/expr.h"
#include "expr/value.h"

typedef struct mr_run mr_run;

/* Instructions that the machine itself carries out. */
typedef enum mr_control {
    MR_DO_CALL = 0,       /* `call` */
    MR_DO_MOVE,           /* out = operand, for the rows selected */
    MR_DO_SELECT_TRUE,    /* push the rows where it is not true, then those where it is; see `if` */
    MR_DO_SELECT_UNFALSE, /* push the rows where it is not false; out = false in the others */
    MR_DO_SELECT_UNTRUE,  /* push the rows where it is not true; out = true in the others */
    MR_DO_SELECT_NONE,    /* push the rows where it is null or absent */
    MR_DO_SELECT_FAULT,   /* push the rows where it is a fault */
    MR_DO_POP,            /* pop as many selections as `extra` says */
} mr_control;

typedef enum mr_where {
    MR_IN_CONSTANT = 0,
    MR_IN_REGISTER,
    MR_IN_FIELD, /* only of instructions that read columns themselves */
} mr_where;

typedef struct mr_operand {
    uint16_t where; /* mr_where */
    uint16_t spare;
    uint32_t index;
} mr_operand;

/* How a function reads an argument; what it does not read is a fault, or an error if it can never
 * be. */
typedef enum mr_reading {
    MR_READ_ANY = 0, /* as it is */
    MR_READ_TEXT,    /* the text of anything but json */
    MR_READ_NUMBER,  /* INT, DECIMAL or FLOAT */
    MR_READ_INT,
    MR_READ_BOOL,
    MR_READ_MOMENT, /* DATE or TIMESTAMP */
    MR_READ_JSON,
} mr_reading;

#define MR_FUNCTION_ARGS 4 /* readings told apart; later arguments are read as the last */

typedef struct mr_compiler mr_compiler;
typedef struct mr_term mr_term;
typedef struct mr_instruction mr_instruction;

enum {
    MR_FUNCTION_NONES = 1,  /* looks at nulls and absents itself; else they make the result null */
    MR_FUNCTION_RANDOM = 2, /* another result each time */
    MR_FUNCTION_RECORD = 4, /* looks at all columns of the batch: no constant either */
};

typedef struct mr_function {
    const char *name;
    const char *signature; /* as the manual has it */
    void (*call)(mr_run *run);
    /* Instead of `call` where the first argument is a field and the others are constants with
     * values: the field is then no register but a column. NULL: there is no such way. */
    void (*column_call)(mr_run *run);
    uint16_t least, most;            /* arguments */
    uint8_t reads[MR_FUNCTION_ARGS]; /* mr_reading */
    uint8_t flags;
    mr_kinds gives; /* when there is a value; 0 = as `result` says */
    mr_kinds (*result)(const mr_term *args, uint32_t count);
    /* Looks at constant arguments while compiling; may set `extra`. NULL: nothing to do. */
    mr_code (*prepare)(mr_compiler *c, mr_instruction *in, const mr_term *args, uint32_t count,
                       mr_error *err);
} mr_function;

struct mr_instruction {
    uint16_t control;      /* mr_control */
    uint16_t out;          /* register */
    uint32_t first, count; /* operands */
    uint32_t extra;        /* by control and function: a jump's target, a path, a regex, a unit */
    uint32_t line, column;
    uint32_t field; /* the one at fault, + 1; 0 = none or several */
    void (*call)(mr_run *run);
    const mr_function *function;
};

/* A step into a json value: a member, or an element (from the end if negative). */
typedef struct mr_step {
    mr_slice key;
    int64_t index;
    bool is_index;
} mr_step;

typedef struct mr_path {
    uint32_t first, count; /* steps */
} mr_path;

typedef struct mr_expr_field {
    mr_slice name;
    uint32_t hash;
    bool untyped;
} mr_expr_field;

typedef struct mr_regex mr_regex;
typedef struct mr_set mr_set;

/* An array of the compiler's, in the expression's arena. */
typedef struct mr_list {
    void *items;
    uint32_t count, cap;
} mr_list;

struct mr_expr {
    mr_arena *arena;
    mr_list code;      /* mr_instruction */
    mr_list operands;  /* mr_operand */
    mr_list constants; /* mr_value */
    mr_list fields;    /* mr_expr_field */
    mr_list names;     /* mr_slice, as mr_expr_fields() gives them */
    mr_list steps;     /* mr_step */
    mr_list paths;     /* mr_path */
    mr_list regexes;   /* mr_regex * */
    mr_list sets;      /* mr_set * */
    uint32_t register_count;
    uint32_t selection_depth;
    mr_operand result;
    mr_expr_result about;
    uint32_t only_field; /* the field that is all of the expression, + 1 */
    int64_t now_ns;
};

MR_INLINE const mr_instruction *mr_expr_code(const mr_expr *expr, uint32_t number)
{
    return (const mr_instruction *)expr->code.items + number;
}

MR_INLINE const mr_operand *mr_expr_operands(const mr_expr *expr, const mr_instruction *in)
{
    return (const mr_operand *)expr->operands.items + in->first;
}

MR_INLINE const mr_value *mr_expr_constant(const mr_expr *expr, uint32_t number)
{
    return (const mr_value *)expr->constants.items + number;
}

MR_INLINE const mr_expr_field *mr_expr_field_at(const mr_expr *expr, uint32_t number)
{
    return (const mr_expr_field *)expr->fields.items + number;
}

#endif
