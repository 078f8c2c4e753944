/* SPDX-License-Identifier: MIT
 *
 * Reads the input as what one connection receives, once whole, once byte by byte and once cut where
 * its own bytes say, and expects the same requests, bodies and faults each time; once more with
 * chunks decoded where they lie, as bodies in pieces are. */
#include <stdio.h>
#include <stdlib.h>

#include "http/chunked.h"
#include "http/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define INPUT_MAX 4096
#define FIELDS    16

static const mr_http_limits limits = {.uri_bytes_max = 200,
                                      .header_bytes_max = 700,
                                      .header_count_max = FIELDS,
                                      .body_bytes_max = 1000};

/* A sum over everything a reader of the connection would have learnt. */
typedef struct transcript {
    uint64_t sum;
    unsigned requests;
    uint16_t fault;
} transcript;

static void add(transcript *seen, mr_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        seen->sum = (seen->sum ^ (unsigned char)bytes.ptr[i]) * 0x100000001b3u;
    seen->sum = (seen->sum ^ bytes.len) * 0x100000001b3u;
}

static void add_head(transcript *seen, const mr_http_head *head, const char *base)
{
    seen->requests++;
    seen->sum = seen->sum * 31 + head->method;
    seen->sum = seen->sum * 31 + head->minor_version;
    seen->sum =
        seen->sum * 31 + head->keep_alive + head->chunked * 2u + head->expects_continue * 4u;
    seen->sum = seen->sum * 31 + head->content_length;
    add(seen, mr_http_span_of(base, head->method_text));
    add(seen, mr_http_span_of(base, head->path));
    add(seen, mr_http_span_of(base, head->query));
    for (uint32_t i = 0; i < head->field_count; i++) {
        add(seen, mr_http_span_of(base, head->fields[i].name));
        add(seen, mr_http_span_of(base, head->fields[i].value));
    }
}

/* The connection: what has arrived and has not been used is in `bytes`. */
typedef struct reader {
    const char *bytes; /* of the present request or body */
    size_t arrived;    /* from there */
    bool in_body, in_place;
    mr_http_head head;
    mr_http_field fields[FIELDS];
    mr_http_chunked chunked;
    mr_buffer body;
    transcript seen;
} reader;

static void use(reader *r, size_t len)
{
    r->bytes += len;
    r->arrived -= len;
}

static void end_body(reader *r)
{
    add(&r->seen, mr_buffer_slice(&r->body));
    mr_buffer_reset(&r->body);
    mr_http_head_init(&r->head, r->fields);
    r->chunked = (mr_http_chunked){0};
    r->in_body = false;
}

static mr_http_progress parse_chunks(reader *r, size_t *used)
{
    return mr_http_chunked_parse(&r->chunked, &limits, limits.body_bytes_max,
                                 mr_slice_of(r->bytes, r->arrived), &r->body, used);
}

static mr_http_progress decode_in_place(reader *r, size_t *used)
{
    char *copy = malloc(r->arrived); /* of exactly that length, for the sanitizer */
    size_t data = 0;
    if (copy == NULL && r->arrived > 0) abort();
    if (r->arrived > 0) memcpy(copy, r->bytes, r->arrived);
    const mr_http_progress progress = mr_http_chunked_decode(
        &r->chunked, &limits, limits.body_bytes_max, copy, r->arrived, &data, used);
    if (data > *used || mr_buffer_append(&r->body, mr_slice_of(copy, data), NULL) != MR_OK) abort();
    free(copy);
    return progress;
}

/* One step; false when more bytes or another connection are needed. */
static bool step(reader *r)
{
    if (r->seen.fault != 0) return false;
    if (!r->in_body) {
        if (r->arrived == 0) return false;
        switch (mr_http_head_parse(&r->head, &limits, mr_slice_of(r->bytes, r->arrived))) {
        case MR_HTTP_MORE: return false;
        case MR_HTTP_BAD: r->seen.fault = r->head.fault.status; return false;
        case MR_HTTP_DONE: break;
        }
        add_head(&r->seen, &r->head, r->bytes);
        if (r->head.content_length > limits.body_bytes_max) {
            r->seen.fault = 413;
            return false;
        }
        use(r, r->head.length);
        r->in_body = true;
        return true;
    }
    if (!r->head.chunked) {
        const uint64_t left = r->head.content_length - r->body.len;
        const size_t len = (size_t)mr_min_u64(left, r->arrived);
        if (mr_buffer_append(&r->body, mr_slice_of(r->bytes, len), NULL) != MR_OK) abort();
        use(r, len);
        if (len < left) return false;
        end_body(r);
        return true;
    }
    size_t used = 0;
    const mr_http_progress progress =
        r->in_place ? decode_in_place(r, &used) : parse_chunks(r, &used);
    use(r, used);
    if (progress == MR_HTTP_BAD) r->seen.fault = r->chunked.fault.status;
    if (progress != MR_HTTP_DONE) return false;
    end_body(r);
    return true;
}

typedef enum cutting { WHOLE, BYTES, ODD, IN_PLACE } cutting;

static transcript read_all(const char *text, size_t size, cutting how)
{
    static reader r;
    r = (reader){.bytes = text, .in_place = how == IN_PLACE};
    mr_http_head_init(&r.head, r.fields);
    mr_buffer_init(&r.body, "body", limits.body_bytes_max);
    size_t at = 0;
    do {
        size_t len = size - at;
        if (how == BYTES && len > 1) len = 1;
        if (how >= ODD && len > 0) len = mr_min_u64(len, (unsigned char)text[at] % 23 + 1u);
        at += len;
        r.arrived += len;
        while (step(&r))
            continue;
    } while (at < size && r.seen.fault == 0);
    if (r.in_body) add(&r.seen, mr_buffer_slice(&r.body));
    mr_buffer_done(&r.body);
    return r.seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size > INPUT_MAX) return 0;
    const char *text = (const char *)bytes;
    const transcript whole = read_all(text, size, WHOLE);
    for (cutting how = BYTES; how <= IN_PLACE; how++) {
        const transcript cut = read_all(text, size, how);
        if (cut.sum == whole.sum && cut.requests == whole.requests && cut.fault == whole.fault)
            continue;
        fprintf(stderr, "cut %d: %u requests, fault %u; whole: %u requests, fault %u\n", how,
                cut.requests, cut.fault, whole.requests, whole.fault);
        abort();
    }
    return 0;
}
