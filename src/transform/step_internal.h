/* SPDX-License-Identifier: MIT
 *
 * transform/step_internal.h - what reading steps from files and from flags share.
 *
 * Thread: as step.h. */
#ifndef MR_TRANSFORM_STEP_INTERNAL_H
#define MR_TRANSFORM_STEP_INTERNAL_H

#include "transform/step.h"

/* Adds a value of an aggregate; its texts are copied. */
MR_NODISCARD mr_code mr_step_add_value(mr_steps *steps, mr_step *step, const mr_step_part *value,
                                       mr_error *err);

/* Adds the part that `name = expression` says. */
MR_NODISCARD mr_code mr_step_add_assignment(mr_steps *steps, mr_step *step, mr_slice text,
                                            const char *where, mr_error *err);

/* Without blanks at both ends. */
mr_slice mr_step_trim(mr_slice text);

#endif
