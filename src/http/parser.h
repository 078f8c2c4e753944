/* SPDX-License-Identifier: MIT
 *
 * http/parser.h - the head of an HTTP/1.x request: request line and header fields (RFC 9112),
 * strictly.
 *
 *     POST /rpc?x=1 HTTP/1.1\r\n        method, path, query, version
 *     Host: example\r\n                 fields, kept as offsets: the buffer may move while it grows
 *     Content-Length: 2\r\n
 *     \r\n                              the head ends here; the body is not this file's business
 *
 * What two programs could read in two ways is refused, because a proxy in front of us may be the
 * other one: bare CR or LF, folded lines, space before a colon, control bytes, more than one
 * Content-Length, Content-Length together with Transfer-Encoding, any coding but "chunked", more
 * than one Host. The verdict is a function of the bytes alone, never of how they were cut into
 * reads.
 *
 * One empty line before the request line is skipped (RFC 9112, 2.2).
 *
 * Thread: owned by one thread. */
#ifndef MR_HTTP_PARSER_H
#define MR_HTTP_PARSER_H

#include "http/limits.h"

typedef enum mr_http_method {
    MR_HTTP_GET,
    MR_HTTP_HEAD,
    MR_HTTP_POST,
    MR_HTTP_PUT,
    MR_HTTP_DELETE,
    MR_HTTP_PATCH,
    MR_HTTP_OPTIONS,
    MR_HTTP_CONNECT,
    MR_HTTP_TRACE,
    MR_HTTP_OTHER, /* a token we have no name for */
    MR_HTTP_ANY,   /* in tables: whichever; never the result of parsing */
} mr_http_method;

/* Why a request was refused: the status to answer with and a literal for its body. */
typedef struct mr_http_fault {
    uint16_t status; /* 0: no fault */
    const char *message;
} mr_http_fault;

/* A stretch of the bytes given to the parser. */
typedef struct mr_http_span {
    uint32_t at;
    uint32_t len;
} mr_http_span;

typedef struct mr_http_field {
    mr_http_span name;
    mr_http_span value; /* without white space around it */
} mr_http_field;

typedef enum mr_http_progress {
    MR_HTTP_MORE, /* all bytes so far are fine, more must come */
    MR_HTTP_DONE,
    MR_HTTP_BAD, /* see the fault; final */
} mr_http_progress;

typedef struct mr_http_head {
    /* The result. */
    mr_http_method method;
    mr_http_span method_text;
    mr_http_span path;     /* up to '?', as sent; empty stands for "/" */
    mr_http_span query;    /* after '?', as sent; empty without one */
    uint8_t minor_version; /* of HTTP/1: 0 or 1 */
    bool keep_alive;       /* what version and Connection ask for */
    bool chunked;
    bool has_length;
    bool expects_continue;
    uint64_t content_length;
    uint32_t field_count;
    uint32_t length; /* bytes of the head once done */
    mr_http_fault fault;

    mr_http_field *fields; /* room for header_count_max; given to init */

    /* Progress. */
    uint32_t line_at; /* where the line being read begins */
    uint32_t scanned; /* no line feed before this */
    uint8_t stage;
    bool has_host, has_connection_close, has_connection_keep;
} mr_http_head;

/* Ready for a request. `fields` has room for limits->header_count_max entries, borrowed. */
void mr_http_head_init(mr_http_head *head, mr_http_field *fields);

/* Goes on with a request whose bytes so far are `bytes`: from its first byte, at any address, all
 * that was given before included. After MR_HTTP_DONE the body starts at bytes[head->length]. */
MR_NODISCARD MR_HOT mr_http_progress mr_http_head_parse(mr_http_head *head,
                                                        const mr_http_limits *limits,
                                                        mr_slice bytes);

MR_INLINE mr_slice mr_http_span_of(const char *base, mr_http_span span)
{
    return (mr_slice){base + span.at, span.len};
}

/* The value of the first field called `name` (any case) in a head whose bytes start at `base`.
 * False when there is none. */
bool mr_http_head_find(const mr_http_head *head, const char *base, const char *name, mr_slice *out);

/* True when `a` and `b` are equal but for the case of ASCII letters. */
bool mr_http_same_word(mr_slice a, mr_slice b);

/* Classes of bytes in HTTP's grammar, for the parsers here. */
enum {
    MR_HTTP_TOKEN = 1,  /* tchar */
    MR_HTTP_VALUE = 2,  /* of a field value: tab, space, visible, 0x80 and up */
    MR_HTTP_TARGET = 4, /* of a request target: visible but '#', 0x80 and up */
    MR_HTTP_HOST = 8,   /* of a Host value */
};
extern const uint8_t mr_http_classes[256];

MR_INLINE bool mr_http_is(char byte, unsigned class)
{
    return (mr_http_classes[(unsigned char)byte] & class) != 0;
}

#endif
