/* SPDX-License-Identifier: MIT */
#include "http/chunked.h"

#define SIZE_DIGITS_MAX 16

enum {
    SIZE,
    EXTENSION,
    SIZE_FEED, /* the LF after a size line */
    DATA,
    DATA_RETURN, /* the CR after data */
    DATA_FEED,
    TRAILER_START, /* a name, or the CR of the last line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_FEED,
    LAST_FEED,
    DONE,
    BAD,
};

static uint8_t fail(mr_http_chunked *chunked, uint16_t status, const char *message)
{
    chunked->fault = (mr_http_fault){status, message};
    return BAD;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static uint8_t on_size(mr_http_chunked *chunked, char c, uint64_t body_bytes_max)
{
    const int digit = hex_digit(c);
    if (digit >= 0) {
        if (++chunked->digits > SIZE_DIGITS_MAX)
            return fail(chunked, 400, "a chunk size is too long");
        chunked->size = chunked->size << 4 | (unsigned)digit;
        return SIZE;
    }
    if (chunked->digits == 0 || (c != '\r' && c != ';'))
        return fail(chunked, 400, "a chunk size is malformed");
    if (chunked->size > body_bytes_max || chunked->total > body_bytes_max - chunked->size)
        return fail(chunked, 413, "the body is larger than the limit");
    chunked->total += chunked->size;
    return c == ';' ? EXTENSION : SIZE_FEED;
}

static uint8_t on_extension(mr_http_chunked *chunked, char c)
{
    if (c == '\r') return SIZE_FEED;
    if (!mr_http_is(c, MR_HTTP_VALUE)) return fail(chunked, 400, "a chunk extension is malformed");
    if (++chunked->extension_bytes > MR_HTTP_CHUNK_EXTENSION_BYTES_MAX)
        return fail(chunked, 400, "the chunk extensions are too long");
    return EXTENSION;
}

static uint8_t on_trailer(mr_http_chunked *chunked, const mr_http_limits *limits, char c)
{
    if (++chunked->trailer_bytes > limits->header_bytes_max)
        return fail(chunked, 431, "the trailers are larger than the server's limit");
    switch (chunked->state) {
    case TRAILER_START:
        if (c == '\r') return LAST_FEED;
        if (!mr_http_is(c, MR_HTTP_TOKEN)) break;
        if (++chunked->trailer_count > limits->header_count_max)
            return fail(chunked, 431, "more trailers than the server's limit");
        return TRAILER_NAME;
    case TRAILER_NAME:
        if (c == ':') return TRAILER_VALUE;
        if (mr_http_is(c, MR_HTTP_TOKEN)) return TRAILER_NAME;
        break;
    case TRAILER_VALUE:
        if (c == '\r') return TRAILER_FEED;
        if (mr_http_is(c, MR_HTTP_VALUE)) return TRAILER_VALUE;
        break;
    default: break;
    }
    return fail(chunked, 400, "a trailer is malformed");
}

static uint8_t expect(mr_http_chunked *chunked, char c, char wanted, uint8_t next)
{
    return c == wanted ? next : fail(chunked, 400, "a chunk is not framed by CR LF");
}

/* The state after `c`, anywhere but in data. */
static uint8_t step(mr_http_chunked *chunked, const mr_http_limits *limits, uint64_t body_bytes_max,
                    char c)
{
    switch (chunked->state) {
    case SIZE: return on_size(chunked, c, body_bytes_max);
    case EXTENSION: return on_extension(chunked, c);
    case SIZE_FEED: return expect(chunked, c, '\n', chunked->size > 0 ? DATA : TRAILER_START);
    case DATA_RETURN: return expect(chunked, c, '\r', DATA_FEED);
    case DATA_FEED:
        chunked->size = 0;
        chunked->digits = 0;
        return expect(chunked, c, '\n', SIZE);
    case TRAILER_FEED: return expect(chunked, c, '\n', TRAILER_START);
    case LAST_FEED: return expect(chunked, c, '\n', DONE);
    default: return on_trailer(chunked, limits, c);
    }
}

/* Takes `len` bytes of the present chunk's data as given on. */
static void pass_data(mr_http_chunked *chunked, size_t len)
{
    chunked->size -= len;
    if (chunked->size == 0) chunked->state = DATA_RETURN;
}

/* Copies as much data as there is; returns how much. */
static size_t take_data(mr_http_chunked *chunked, mr_slice bytes, mr_buffer *body)
{
    const size_t len = (size_t)mr_min_u64(chunked->size, bytes.len);
    const mr_code rc = mr_buffer_append(body, mr_slice_of(bytes.ptr, len), NULL);
    if (rc != MR_OK) {
        chunked->state = rc == MR_ERR_LIMIT
                             ? fail(chunked, 413, "the body is larger than the limit")
                             : fail(chunked, 503, "no memory left for the body");
        return 0;
    }
    pass_data(chunked, len);
    return len;
}

static mr_http_progress progress_of(const mr_http_chunked *chunked)
{
    if (chunked->state == DONE) return MR_HTTP_DONE;
    return chunked->state == BAD ? MR_HTTP_BAD : MR_HTTP_MORE;
}

mr_http_progress mr_http_chunked_parse(mr_http_chunked *chunked, const mr_http_limits *limits,
                                       uint64_t body_bytes_max, mr_slice bytes, mr_buffer *body,
                                       size_t *out_used)
{
    size_t at = 0;
    while (at < bytes.len && chunked->state < DONE) {
        if (chunked->state == DATA)
            at += take_data(chunked, mr_slice_from(bytes, at), body);
        else
            chunked->state = step(chunked, limits, body_bytes_max, bytes.ptr[at++]);
    }
    *out_used = at;
    return progress_of(chunked);
}

mr_http_progress mr_http_chunked_decode(mr_http_chunked *chunked, const mr_http_limits *limits,
                                        uint64_t body_bytes_max, char *bytes, size_t len,
                                        size_t *out_data, size_t *out_used)
{
    size_t at = 0, data = 0;
    while (at < len && chunked->state < DONE) {
        if (chunked->state != DATA) {
            chunked->state = step(chunked, limits, body_bytes_max, bytes[at++]);
            continue;
        }
        const size_t some = (size_t)mr_min_u64(chunked->size, len - at);
        if (data != at) memmove(bytes + data, bytes + at, some);
        pass_data(chunked, some);
        at += some;
        data += some;
    }
    *out_data = data;
    *out_used = at;
    return progress_of(chunked);
}

uint64_t mr_http_chunked_expects(const mr_http_chunked *chunked)
{
    return chunked->state == DATA ? chunked->size : 0;
}
