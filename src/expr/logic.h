/* SPDX-License-Identifier: MIT
 *
 * expr/logic.h - true, false and unknown (null): `and`, `or`, `not` as in SQL.
 *
 * Thread: owned by the evaluator's. */
#ifndef MR_EXPR_LOGIC_H
#define MR_EXPR_LOGIC_H

#include "expr/run.h"

/* Makes the selected rows of a register true, false, null or a fault: absent becomes null, untyped
 * text is read, everything else is a fault. */
MR_HOT void mr_logic_read(mr_run *run, mr_vec *vec);

#endif
