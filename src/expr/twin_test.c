/* SPDX-License-Identifier: MIT
 *
 * Thousands of random expressions over random cells give what tests/support/expr_twin.py says,
 * which computes with python's integers, fractions and dates.
 *
 * MR_EXPR_TWIN_CASES=1000000 makes it long; MR_EXPR_TWIN_SEED begins elsewhere. */
#include "core/number.h"
#include "support/expr_case.h"
#include "support/test.h"

#define CASES     "6000"
#define MAX_CELLS 24

static const char *setting(const char *name, const char *fallback)
{
    const char *value = getenv(name);
    return value != NULL ? value : fallback;
}

/* "name=type=text", or "name=type" for null; cuts the line up. */
static expr_cell cell_of(char *part)
{
    expr_cell cell = {.name = part};
    char *type = strchr(part, '=');
    *type++ = '\0';
    char *text = strchr(type, '=');
    if (text != NULL) *text++ = '\0';
    cell.text = text;
    cell.untyped = strcmp(type, "untyped") == 0;
    cell.type = cell.untyped ? MR_TYPE_STRING : mr_type_named(mr_slice_text(type));
    return cell;
}

/* Is what was found what the twin says? A value is written "=text" there and "type text" here. */
static bool agrees(const char *found, const char *said)
{
    if (said[0] != '=') return strncmp(found, said, strlen(said)) == 0;
    const char *value = strchr(found, ' ');
    return value != NULL && strncmp(found, "fault", 5) != 0 && strncmp(found, "error", 5) != 0 &&
           strcmp(value + 1, said + 1) == 0;
}

/* One line of the twin. */
static void check(char *line)
{
    expr_cell cells[MAX_CELLS + 1] = {{0}};
    expr_case c;
    unsigned count = 0;
    char *rest = line;
    line[strcspn(line, "\n")] = '\0';
    const char *expression = strsep(&rest, "\t"), *said = strsep(&rest, "\t");
    for (char *part; count < MAX_CELLS && (part = strsep(&rest, "\t")) != NULL;)
        cells[count++] = cell_of(part);
    expr_case_open(&c, cells);
    const char *found = expr_case_run(&c, expression);
    if (!agrees(found, said)) {
        for (unsigned i = 0; i < count; i++)
            print_error(".%s = %s\n", cells[i].name,
                        cells[i].text != NULL ? cells[i].text : "null");
        MR_TEST_FAIL("%s\n  is   %s\n  twin %s\n", expression, found, said);
    }
    expr_case_close(&c);
}

MR_TEST(random_expressions_give_what_the_twin_says)
{
    char command[512];
    static char line[1 << 16];
    unsigned cases = 0;
    snprintf(command, sizeof command, "python3 '%s' %s %s",
             mr_test_path("tests/support/expr_twin.py"), setting("MR_EXPR_TWIN_SEED", "1"),
             setting("MR_EXPR_TWIN_CASES", CASES));
    FILE *twin = popen(command, "r");
    MR_EXPECT(twin != NULL);
    for (; fgets(line, sizeof line, twin) != NULL; cases++)
        check(line);
    MR_EXPECT_I64(pclose(twin), ==, 0);
    MR_EXPECT_U64(cases, >, 1000);
}
