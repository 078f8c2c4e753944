/* SPDX-License-Identifier: MIT
 *
 * docs/expressions.md tells the truth: every row of its tables whose first two cells are code is an
 * expression and what it gives, and every function is in one of them. */
#include "core/mem.h"
#include "expr/functions.h"
#include "support/expr_case.h"
#include "support/test.h"

static const expr_cell record[] = {
    {"id", MR_TYPE_INT, "7", false},
    {"qty", MR_TYPE_INT, "3", false},
    {"price", MR_TYPE_DECIMAL, "1.10", false},
    {"rate", MR_TYPE_FLOAT, "0.5", false},
    {"name", MR_TYPE_STRING, "Zo\xc3\xab", false},
    {"city", MR_TYPE_STRING, NULL, false},
    {"active", MR_TYPE_BOOL, "true", false},
    {"day", MR_TYPE_DATE, "2024-02-29", false},
    {"at", MR_TYPE_TIMESTAMP, "2024-02-29T12:34:56.789+02:00", false},
    {"address", MR_TYPE_JSON, "{\"zip\":\"02134\",\"geo\":[52.50,13.4]}", false},
    {"odd name", MR_TYPE_INT, "5", false},
    {"score", MR_TYPE_STRING, "120", true},
    {"note", MR_TYPE_STRING, "n/a", true},
    {NULL, MR_TYPE_NULL, NULL, false},
};

/* The code span that a table's cell begins with, unescaped; false when it begins otherwise. */
static bool take_code(const char **at, char *out, size_t size)
{
    size_t len = 0;
    if (strncmp(*at, "| `", 3) != 0) return false;
    const char *p = *at + 3;
    for (; *p != '`' && *p != '\n' && len + 1 < size; p++) {
        if (p[0] == '\\' && p[1] == '|') p++;
        out[len++] = *p;
    }
    out[len] = '\0';
    if (strncmp(p, "` |", 3) != 0) return false;
    *at = p + 2;
    return true;
}

/* What expr_case_run() said as the page shows it: strings in quotes, no types. */
static const char *shown(const char *found)
{
    static char text[2048];
    size_t len = 0;
    if (strncmp(found, "fault ", 6) == 0) return found;
    if (strncmp(found, "error ", 6) == 0) return found + 6;
    const char *value = strchr(found, ' ');
    if (value == NULL) return found;
    if (strncmp(found, "string ", 7) != 0) return value + 1;
    text[len++] = '"';
    for (value++; *value != '\0' && len + 4 < sizeof text; value++) {
        if (*value == '"' || *value == '\\') text[len++] = '\\';
        if (*value == '\n') text[len++] = '\\';
        text[len++] = *value == '\n' ? 'n' : *value;
    }
    text[len++] = '"';
    text[len] = '\0';
    return text;
}

MR_TEST(the_examples_of_the_page_give_what_it_says)
{
    size_t size;
    unsigned rows = 0, differences = 0;
    expr_case c;
    char expression[512], wanted[512];
    char *page = mr_test_read_file(mr_test_path("docs/expressions.md"), &size);
    expr_case_open(&c, record);
    for (const char *line = page; line != NULL && *line != '\0';) {
        const char *at = line;
        if (take_code(&at, expression, sizeof expression) &&
            take_code(&at, wanted, sizeof wanted)) {
            const char *found = shown(expr_case_run(&c, expression));
            rows++;
            if (strcmp(found, wanted) != 0) {
                print_error("%s\n  is   %s\n  page %s\n", expression, found, wanted);
                differences++;
            }
        }
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    MR_EXPECT_U64(rows, >, 150);
    MR_EXPECT_U64(differences, ==, 0);
    expr_case_close(&c);
    mr_mem_free(page);
}

/* "likewise quarter, month, day": those that differ from an example by their name alone. */
static bool is_named_with_others(const char *page, const char *name)
{
    const size_t len = strlen(name);
    for (const char *at = page; (at = strstr(at, "likewise ")) != NULL; at++)
        for (const char *word = at; *word != '\n'; word++)
            if (word[-1] == ' ' && strncmp(word, name, len) == 0 && strchr(", ", word[len]) != NULL)
                return true;
    return false;
}

MR_TEST(every_function_is_on_the_page)
{
    size_t size;
    char *page = mr_test_read_file(mr_test_path("docs/expressions.md"), &size);
    for (size_t i = 0; mr_function_at(i) != NULL; i++) {
        const char *name = mr_function_at(i)->name;
        char call[64];
        snprintf(call, sizeof call, "`%s(", name);
        const char *example = strstr(page, call);
        if (example == NULL && !is_named_with_others(page, name))
            MR_TEST_FAIL("%s() has no example on the page\n", name);
    }
    mr_mem_free(page);
}
