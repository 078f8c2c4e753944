/* SPDX-License-Identifier: MIT */
#include "expr/functions.h"

#include <strings.h>

#include "core/nearest.h"

static const mr_function *const families[] = {
    mr_functions_arithmetic, mr_functions_order,    mr_functions_cast,   mr_functions_access,
    mr_functions_text,       mr_functions_calendar, mr_functions_digest, mr_functions_pattern,
};

/* Forms that look like functions and are the parser's. */
static const char *const forms[] = {"if", "coalesce", "try"};

const mr_function *mr_function_at(size_t number)
{
    for (size_t i = 0; i < MR_COUNT_OF(families); i++)
        for (const mr_function *f = families[i]; f->name != NULL; f++)
            if (number-- == 0) return f;
    return NULL;
}

const mr_function *mr_function_named(mr_slice name)
{
    for (size_t i = 0; i < MR_COUNT_OF(families); i++)
        for (const mr_function *f = families[i]; f->name != NULL; f++)
            if (strlen(f->name) == name.len && strncasecmp(f->name, name.ptr, name.len) == 0)
                return f;
    return NULL;
}

const char *mr_function_nearest(mr_slice name)
{
    mr_nearest near = mr_nearest_to(name);
    for (size_t i = 0; i < MR_COUNT_OF(forms); i++)
        mr_nearest_offer(&near, forms[i]);
    for (size_t i = 0; mr_function_at(i) != NULL; i++)
        mr_nearest_offer(&near, mr_function_at(i)->name);
    return mr_nearest_best(&near);
}
