/* SPDX-License-Identifier: MIT
 *
 * One line of an import: whatever is read must be a message that can be stored, and reading it
 * again from what it says must give the same. */
#include <stdlib.h>

#include "core/scan.h"
#include "core/utf8.h"
#include "store/import_record.h"
#include "store/name.h"

#define CHECK(condition)           \
    do {                           \
        if (!(condition)) abort(); \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_object(mr_slice text)
{
    mr_scan scan;
    mr_scan_value value;
    if (text.ptr == NULL) return;
    mr_scan_init(&scan, text);
    CHECK(mr_scan_next(&scan, &value) && mr_scan_finish(&scan));
    CHECK(value.kind == MR_SCAN_OBJECT && (value.marks & (MR_SCAN_SPACED | MR_SCAN_BROKEN)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mr_arena arena;
    mr_message message;
    mr_error why;
    mr_arena_init(&arena, "fuzz.import", 1 << 20);
    why.text[0] = '\0';
    const mr_slice line = {(const char *)data, size};
    switch (mr_import_record(line, &arena, &message, &why)) {
    case MR_IMPORT_GOOD:
        CHECK(mr_stream_name_check(message.stream, "stream", NULL) == MR_OK);
        CHECK(message.type.len > 0 && mr_utf8_valid(message.type));
        CHECK(message.position >= 0 && message.global_position >= 1);
        CHECK(message.id.text.ptr == NULL);
        check_object(message.data);
        check_object(message.metadata);
        break;
    case MR_IMPORT_INVALID_JSON:
    case MR_IMPORT_INVALID_RECORD: CHECK(why.text[0] != '\0'); break;
    case MR_IMPORT_NO_ROOM: break;
    }
    mr_arena_done(&arena);
    return 0;
}
