/* SPDX-License-Identifier: MIT */
#include "http/parser.h"

#include "core/number.h"

/* Beside the target a request line has a method, two blanks, the version and CR LF. */
#define LINE_OVERHEAD_BYTES 48u

enum { STAGE_START, STAGE_REQUEST_LINE, STAGE_FIELDS, STAGE_DONE, STAGE_BAD };

void mr_http_head_init(mr_http_head *head, mr_http_field *fields)
{
    *head = (mr_http_head){.fields = fields};
}

static bool fail(mr_http_head *head, uint16_t status, const char *message)
{
    head->fault = (mr_http_fault){status, message};
    return false;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool mr_http_same_word(mr_slice a, mr_slice b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i])) return false;
    return true;
}

/* How many bytes at the start of `text` are of `class`. */
static size_t run_of(mr_slice text, unsigned class)
{
    size_t len = 0;
    while (len < text.len && mr_http_is(text.ptr[len], class))
        len++;
    return len;
}

/* --- The request line ------------------------------------------------------------------------- */

static mr_http_method method_of(mr_slice text)
{
    static const struct {
        const char *name;
        mr_http_method method;
    } methods[] = {
        {"GET", MR_HTTP_GET},         {"POST", MR_HTTP_POST},       {"HEAD", MR_HTTP_HEAD},
        {"PUT", MR_HTTP_PUT},         {"DELETE", MR_HTTP_DELETE},   {"PATCH", MR_HTTP_PATCH},
        {"OPTIONS", MR_HTTP_OPTIONS}, {"CONNECT", MR_HTTP_CONNECT}, {"TRACE", MR_HTTP_TRACE},
    };
    for (size_t i = 0; i < MR_COUNT_OF(methods); i++)
        if (mr_slice_is(text, methods[i].name)) return methods[i].method;
    return MR_HTTP_OTHER;
}

static bool parse_version(mr_http_head *head, mr_slice text)
{
    const bool shaped = text.len == 8 && mr_slice_starts(text, "HTTP/") && text.ptr[5] >= '0' &&
                        text.ptr[5] <= '9' && text.ptr[6] == '.' && text.ptr[7] >= '0' &&
                        text.ptr[7] <= '9';
    if (!shaped) return fail(head, 400, "the request line does not end in an HTTP version");
    if (text.ptr[5] != '1' || text.ptr[7] > '1')
        return fail(head, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    head->minor_version = (uint8_t)(text.ptr[7] - '0');
    return true;
}

/* The length of "http://authority" before the path of an absolute target; 0 when it is none. */
static size_t authority_len(mr_slice target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < MR_COUNT_OF(schemes); i++) {
        const mr_slice scheme = mr_slice_text(schemes[i]);
        if (target.len <= scheme.len) continue;
        if (!mr_http_same_word(mr_slice_of(target.ptr, scheme.len), scheme)) continue;
        const size_t host = run_of(mr_slice_from(target, scheme.len), MR_HTTP_HOST);
        return host > 0 ? scheme.len + host : 0;
    }
    return 0;
}

/* `target` begins at offset `at` of the request. */
static bool parse_target(mr_http_head *head, mr_slice target, size_t at)
{
    const bool asterisk = mr_slice_is(target, "*") && head->method == MR_HTTP_OPTIONS;
    size_t from = 0;
    if (target.ptr[0] != '/' && !asterisk) {
        from = authority_len(target);
        const bool ends = from == target.len || target.ptr[from] == '/' || target.ptr[from] == '?';
        if (from == 0 || !ends)
            return fail(head, 400, "the request target is neither a path nor a URL");
    }
    size_t end = from;
    while (end < target.len && target.ptr[end] != '?')
        end++;
    head->path = (mr_http_span){(uint32_t)(at + from), (uint32_t)(end - from)};
    if (end < target.len)
        head->query = (mr_http_span){(uint32_t)(at + end + 1), (uint32_t)(target.len - end - 1)};
    return true;
}

/* `line` is without its CR LF and begins at offset `at` of the request. */
static bool parse_request_line(mr_http_head *head, const mr_http_limits *limits, mr_slice line,
                               size_t at)
{
    const size_t method_len = run_of(line, MR_HTTP_TOKEN);
    if (method_len == 0 || method_len == line.len || line.ptr[method_len] != ' ')
        return fail(head, 400, "the request line does not begin with a method and one space");
    head->method_text = (mr_http_span){(uint32_t)at, (uint32_t)method_len};
    head->method = method_of(mr_slice_of(line.ptr, method_len));

    mr_slice rest = mr_slice_from(line, method_len + 1);
    const size_t target_len = run_of(rest, MR_HTTP_TARGET);
    if (target_len == 0 || target_len == rest.len || rest.ptr[target_len] != ' ')
        return fail(head, 400, "the request line has no target followed by one space");
    if (target_len > limits->uri_bytes_max)
        return fail(head, 414, "the request target is longer than the server's limit");
    const mr_slice target = mr_slice_of(rest.ptr, target_len);
    rest = mr_slice_from(rest, target_len + 1);
    return parse_version(head, rest) && parse_target(head, target, at + method_len + 1);
}

/* --- Fields ----------------------------------------------------------------------------------- */

/* The next member of a comma-separated list, without blanks around it; false at its end. */
static bool next_member(mr_slice *list, mr_slice *out)
{
    if (list->len == 0) return false;
    size_t len = 0;
    while (len < list->len && list->ptr[len] != ',')
        len++;
    mr_slice member = mr_slice_of(list->ptr, len);
    *list = mr_slice_from(*list, len < list->len ? len + 1 : len);
    while (member.len > 0 && (member.ptr[0] == ' ' || member.ptr[0] == '\t'))
        member = mr_slice_from(member, 1);
    while (member.len > 0 &&
           (member.ptr[member.len - 1] == ' ' || member.ptr[member.len - 1] == '\t'))
        member.len--;
    *out = member;
    return true;
}

static bool take_connection(mr_http_head *head, mr_slice value)
{
    for (mr_slice member; next_member(&value, &member);) {
        if (mr_http_same_word(member, MR_SLICE("close"))) head->has_connection_close = true;
        if (mr_http_same_word(member, MR_SLICE("keep-alive"))) head->has_connection_keep = true;
    }
    return true;
}

static bool take_length(mr_http_head *head, mr_slice value)
{
    if (head->has_length) return fail(head, 400, "more than one Content-Length");
    if (!mr_parse_u64(value, &head->content_length))
        return fail(head, 400, "Content-Length is not a plain number");
    head->has_length = true;
    return true;
}

static bool take_coding(mr_http_head *head, mr_slice value)
{
    if (head->chunked) return fail(head, 400, "more than one Transfer-Encoding");
    if (!mr_http_same_word(value, MR_SLICE("chunked")))
        return fail(head, 501, "the only transfer coding understood is chunked");
    head->chunked = true;
    return true;
}

static bool take_host(mr_http_head *head, mr_slice value)
{
    if (head->has_host) return fail(head, 400, "more than one Host");
    if (run_of(value, MR_HTTP_HOST) != value.len) return fail(head, 400, "Host is malformed");
    head->has_host = true;
    return true;
}

static bool take_expect(mr_http_head *head, mr_slice value)
{
    if (!mr_http_same_word(value, MR_SLICE("100-continue")))
        return fail(head, 417, "the only expectation understood is 100-continue");
    head->expects_continue = true;
    return true;
}

/* The few fields that decide how the request is framed and what happens to its connection. */
static bool take_field(mr_http_head *head, mr_slice name, mr_slice value)
{
    switch (name.len) {
    case 4:
        if (mr_http_same_word(name, MR_SLICE("host"))) return take_host(head, value);
        break;
    case 6:
        if (mr_http_same_word(name, MR_SLICE("expect"))) return take_expect(head, value);
        break;
    case 10:
        if (mr_http_same_word(name, MR_SLICE("connection"))) return take_connection(head, value);
        break;
    case 14:
        if (mr_http_same_word(name, MR_SLICE("content-length"))) return take_length(head, value);
        break;
    case 17:
        if (mr_http_same_word(name, MR_SLICE("transfer-encoding"))) return take_coding(head, value);
        break;
    default: break;
    }
    return true;
}

static bool parse_field(mr_http_head *head, const mr_http_limits *limits, mr_slice line, size_t at)
{
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return fail(head, 400, "a header line is folded or begins with white space");
    const size_t name_len = run_of(line, MR_HTTP_TOKEN);
    if (name_len == 0 || name_len == line.len || line.ptr[name_len] != ':')
        return fail(head, 400, "a header line is not a name followed by a colon");
    size_t from = name_len + 1, end = line.len;
    if (run_of(mr_slice_from(line, from), MR_HTTP_VALUE) != line.len - from)
        return fail(head, 400, "a header value has a control character");
    while (from < end && (line.ptr[from] == ' ' || line.ptr[from] == '\t'))
        from++;
    while (end > from && (line.ptr[end - 1] == ' ' || line.ptr[end - 1] == '\t'))
        end--;
    if (head->field_count == limits->header_count_max)
        return fail(head, 431, "more headers than the server's limit");
    head->fields[head->field_count++] = (mr_http_field){
        {(uint32_t)at, (uint32_t)name_len}, {(uint32_t)(at + from), (uint32_t)(end - from)}};
    return take_field(head, mr_slice_of(line.ptr, name_len),
                      mr_slice_of(line.ptr + from, end - from));
}

/* What only the whole head can tell. */
static bool finish(mr_http_head *head)
{
    if (head->minor_version == 1 && !head->has_host) return fail(head, 400, "Host is missing");
    if (head->chunked && head->has_length)
        return fail(head, 400, "both Content-Length and Transfer-Encoding");
    if (head->chunked && head->minor_version == 0)
        return fail(head, 400, "Transfer-Encoding in an HTTP/1.0 request");
    if (head->minor_version == 0) head->expects_continue = false;
    head->keep_alive =
        !head->has_connection_close && (head->minor_version == 1 || head->has_connection_keep);
    return true;
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* False when the present line, of which `end` is the last byte known, is beyond a limit. The limit
 * that ends a line is the same whether the line is whole or still arriving. */
static bool line_fits(mr_http_head *head, const mr_http_limits *limits, size_t end)
{
    if (head->stage < STAGE_FIELDS) {
        const uint64_t longest = (uint64_t)limits->uri_bytes_max + LINE_OVERHEAD_BYTES;
        if (end > mr_min_u64(longest, limits->header_bytes_max))
            return fail(head, 414, "the request line is longer than the server's limit");
    }
    if (end > limits->header_bytes_max)
        return fail(head, 431, "the headers are larger than the server's limit");
    return true;
}

static bool take_line(mr_http_head *head, const mr_http_limits *limits, mr_slice line, size_t at)
{
    if (line.len == 0 || line.ptr[line.len - 1] != '\r')
        return fail(head, 400, "a line ends in a line feed without a carriage return");
    line.len--;
    switch (head->stage) {
    case STAGE_START:
    case STAGE_REQUEST_LINE:
        if (line.len == 0 && head->stage == STAGE_START) { /* one empty line may come first */
            head->stage = STAGE_REQUEST_LINE;
            return true;
        }
        head->stage = STAGE_FIELDS;
        return parse_request_line(head, limits, line, at);
    case STAGE_FIELDS:
        if (line.len > 0) return parse_field(head, limits, line, at);
        head->stage = STAGE_DONE;
        return finish(head);
    default: return true;
    }
}

mr_http_progress mr_http_head_parse(mr_http_head *head, const mr_http_limits *limits,
                                    mr_slice bytes)
{
    if (head->stage == STAGE_START && bytes.len > 0 && bytes.ptr[0] != '\r' &&
        !mr_http_is(bytes.ptr[0], MR_HTTP_TOKEN)) {
        fail(head, 400, "the request line does not begin with a method and one space");
        head->stage = STAGE_BAD; /* a TLS hello, for one, has no line feed to wait for */
    }
    while (head->stage < STAGE_DONE) {
        const size_t unseen = bytes.len - head->scanned;
        const char *feed = unseen > 0 ? memchr(bytes.ptr + head->scanned, '\n', unseen) : NULL;
        const size_t end = feed != NULL ? (size_t)(feed - bytes.ptr) + 1 : bytes.len;
        const size_t at = head->line_at;
        bool good = line_fits(head, limits, end);
        if (good && feed == NULL) {
            head->scanned = (uint32_t)end;
            return MR_HTTP_MORE;
        }
        good = good && take_line(head, limits, mr_slice_of(bytes.ptr + at, end - 1 - at), at);
        head->line_at = head->scanned = (uint32_t)end;
        if (!good) head->stage = STAGE_BAD;
    }
    if (head->stage == STAGE_BAD) return MR_HTTP_BAD;
    head->length = head->line_at;
    return MR_HTTP_DONE;
}

bool mr_http_head_find(const mr_http_head *head, const char *base, const char *name, mr_slice *out)
{
    const mr_slice wanted = mr_slice_text(name);
    for (uint32_t i = 0; i < head->field_count; i++) {
        if (!mr_http_same_word(mr_http_span_of(base, head->fields[i].name), wanted)) continue;
        *out = mr_http_span_of(base, head->fields[i].value);
        return true;
    }
    return false;
}
