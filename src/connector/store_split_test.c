/* SPDX-License-Identifier: MIT */
#include "connector/store_split.h"

#include "support/test.h"

/* Elements with '|' behind each. */
static mr_code note(void *context, mr_slice element, mr_error *err)
{
    mr_buffer *const out = context;
    while (element.len > 0 && element.ptr[element.len - 1] == ' ')
        element.len--;
    MR_TRY(mr_buffer_append(out, element, err));
    return mr_buffer_append_byte(out, '|', err);
}

static mr_code split_at(const char *text, size_t first, size_t second, mr_buffer *out,
                        mr_error *err)
{
    mr_store_split split;
    const mr_slice all = mr_slice_text(text);
    mr_store_split_init(&split, "an element", 1 << 20);
    split.take = note;
    split.context = out;
    mr_buffer_reset(out);
    mr_code code = mr_store_split_feed(&split, mr_slice_of(all.ptr, first), err);
    if (code == MR_OK)
        code = mr_store_split_feed(&split, mr_slice_of(all.ptr + first, second - first), err);
    if (code == MR_OK) code = mr_store_split_feed(&split, mr_slice_from(all, second), err);
    if (code == MR_OK) code = mr_store_split_finish(&split, err);
    mr_store_split_done(&split);
    return code;
}

static const struct {
    const char *text, *elements; /* NULL: refused */
} cases[] = {
    {"[]", ""},
    {" [ ] ", ""},
    {"[1]", "1|"},
    {"[1,2]", "1|2|"},
    {"[[1,2],[3]]", "[1,2]|[3]|"},
    {" [ [1 , 2] , {\"a\":[{}]} ]\n", "[1 , 2]|{\"a\":[{}]}|"},
    {"[\"a]\",\"b\\\"]\",\"\\\\\"]", "\"a]\"|\"b\\\"]\"|\"\\\\\"|"},
    {"[[\"]\\\\\",\"[{\"],null]", "[\"]\\\\\",\"[{\"]|null|"},
    {"", NULL},
    {"{}", NULL},
    {"null", NULL},
    {"[", NULL},
    {"[1", NULL},
    {"[1,", NULL},
    {"[1,]", NULL},
    {"[,1]", NULL},
    {"[1,,2]", NULL},
    {"[1]]", NULL},
    {"[1] 2", NULL},
    {"[[1]", NULL},
    {"[\"a]", NULL},
    {"[1}", NULL},
};

MR_TEST(elements_are_the_same_wherever_the_pieces_are_cut)
{
    mr_buffer out;
    mr_buffer_init(&out, "elements", 1 << 20);
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        const size_t len = strlen(cases[i].text);
        for (size_t a = 0; a <= len; a++) {
            for (size_t b = a; b <= len; b++) {
                mr_error err = {0};
                const mr_code code = split_at(cases[i].text, a, b, &out, &err);
                const bool good =
                    cases[i].elements != NULL
                        ? code == MR_OK && mr_slice_is(mr_buffer_slice(&out), cases[i].elements)
                        : code == MR_ERR_INPUT;
                if (!good)
                    MR_TEST_FAIL("%s cut at %zu and %zu: %.*s (%s)\n", cases[i].text, a, b,
                                 (int)out.len, out.ptr != NULL ? out.ptr : "", err.text);
            }
        }
    }
    mr_buffer_done(&out);
}

MR_TEST(an_element_has_a_limit)
{
    mr_store_split split;
    mr_buffer out;
    mr_error err;
    mr_buffer_init(&out, "elements", 1 << 20);
    mr_store_split_init(&split, "an element", 10);
    split.take = note;
    split.context = &out;
    MR_EXPECT_OK(mr_store_split_feed(&split, MR_SLICE("[[1,2,3,4"), &err));
    MR_EXPECT_CODE(mr_store_split_feed(&split, MR_SLICE(",5,6"), &err), MR_ERR_LIMIT);
    mr_store_split_done(&split);
    mr_buffer_done(&out);
}
