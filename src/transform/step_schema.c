/* SPDX-License-Identifier: MIT
 *
 * What a step looks like to an editor: JSON Schema of one entry of `transforms`. step_load.c has
 * the same grammar; a test holds the two together. */
#include "transform/step.h"

#define NAME  "{\"type\":[\"string\",\"number\",\"boolean\"]}"
#define NAMES "{\"anyOf\":[" NAME ",{\"type\":\"array\",\"minItems\":1,\"items\":" NAME "}]}"
#define PAIRS "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":" NAME "}"
#define TEXTS                                                                         \
    "{\"anyOf\":[" PAIRS ",{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1," \
    "\"items\":{\"type\":\"string\"}}]}"
#define WHOLE  "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"string\"}]}"
#define SIZE   "{\"type\":[\"string\",\"integer\"],\"description\":\"a size, such as 256MiB\"}"
#define OBJECT "{\"type\":\"object\",\"additionalProperties\":false,"

static const char schema[] =
    "{\"type\":\"object\",\"minProperties\":1,\"maxProperties\":1,\"additionalProperties\":false,"
    "\"properties\":{"
    "\"filter\":{\"type\":[\"string\",\"boolean\"],\"description\":\"keeps the records for which "
    "the expression is true\"},"
    "\"map\":" TEXTS ",\"set\":" TEXTS ",\"drop\":" NAMES ",\"select\":" NAMES ",\"rename\":" PAIRS
    ","
    "\"cast\":{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":{\"enum\":["
    "\"int\",\"decimal\",\"float\",\"bool\",\"date\",\"time\",\"timestamp\",\"uuid\",\"string\","
    "\"json\"]}},"
    "\"flatten\":{\"anyOf\":[" NAMES "," OBJECT "\"properties\":{\"columns\":" NAMES
    ",\"column\":" NAMES ",\"separator\":" NAME ",\"depth\":" WHOLE "}}]},"
    "\"explode\":" NAME ","
    "\"dedupe\":{\"anyOf\":[" NAMES "," OBJECT "\"required\":[\"by\"],\"properties\":{\"by\":" NAMES
    ",\"window\":{\"type\":[\"integer\",\"string\"],\"description\":\"records, or a duration with "
    "time\"},\"time\":" NAME ",\"memory\":" SIZE "}}]},"
    "\"mask\":" OBJECT "\"properties\":{\"columns\":" NAMES ",\"column\":" NAMES
    ",\"method\":{\"enum\":[\"redact\",\"hash\",\"keep_first\",\"keep_last\"]},\"salt\":" NAME
    ",\"salt_file\":{\"type\":\"string\"},\"keep\":" WHOLE ",\"with\":" NAME "}},"
    "\"aggregate\":" OBJECT "\"properties\":{\"by\":" NAMES ",\"values\":{\"type\":\"object\","
    "\"additionalProperties\":{\"type\":\"string\",\"pattern\":\"^ *(count|count_distinct|sum|min|"
    "max|mean) *\\\\(.*\\\\) *$\"}},\"max_groups\":" WHOLE ",\"memory\":" SIZE "}}}}";

const char *mr_step_json_schema(void)
{
    return schema;
}
