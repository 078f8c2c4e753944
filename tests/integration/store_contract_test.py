# SPDX-License-Identifier: MIT
"""The store's contract as tables, from outside: names, ids, groups, transport, options, subscriptions, imports."""
import json
import os
import re
import resource
import socket
import sys
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, same, test
from serving import ZEROS, Server

TAIL = "_" + "0" * 64
BEARER = b"Authorization: Bearer " + ZEROS.encode() + b"\r\n"


def server(*args):
    store = Server("--data-dir", "d", "--token", ZEROS, *args)
    store.token = ZEROS
    return store


def post(store, body, token=ZEROS):
    """Status and result of a body as it is."""
    status, _, answer = store.request("POST", "/rpc", body, token)
    return status, json.loads(answer)


def rpc(store, *parts, token=ZEROS):
    return post(store, json.dumps(list(parts)), token)


def message(data=None, **more):
    return {"type": "T", "data": data or {}, **more}


def refused(answer, status, code, says=""):
    """Whether `answer` is that error."""
    error = answer[1].get("error", {}) if isinstance(answer[1], dict) else {}
    expect((answer[0], error.get("code")) == (status, code) and says in error["message"], answer, status, code, says)


def exchange(store, request, until=b"\r\n\r\n", seconds=20):
    """What comes back for raw bytes, up to a text or the end."""
    answer = b""
    with socket.create_connection(("127.0.0.1", store.port), timeout=seconds) as peer:
        peer.sendall(request)
        while until not in answer:
            piece = peer.recv(65536)
            if not piece:
                break
            answer += piece
    return answer


# --- names, ids, groups


NAMES = {"account": "account", "account-123": "account", "account-123+456": "account", "account-a-b": "account",
         "account-a+b-c+d": "account", "account-": "account", "a-+x": "a", "-x": "", "a+b": "a+b", "order:command-1":
         "order:command", "UPPERCASE": "UPPERCASE", "\u00e9-1": "\u00e9", " ": " ", "a'b\"c-1": "a'b\"c", "a/b?c#d-1": "a/b?c#d"}


@test
def any_text_is_a_name_and_what_stands_before_the_first_dash_its_category():
    with server() as store:
        for name in NAMES:
            same(rpc(store, "stream.write", name, message())[0], 200, name)
        for name, category in NAMES.items():
            same(len(rpc(store, "stream.get", name)[1]), 1, name)
            if category:
                same([m[1] for m in rpc(store, "category.get", category)[1]],
                     [n for n, c in NAMES.items() if c == category], category)
        same({c["category"]: c["streamCount"] for c in rpc(store, "ns.categories")[1]},
             {c: list(NAMES.values()).count(c) for c in NAMES.values()})
        same(rpc(store, "stream.write", "\u00e9" * 512, message())[0], 200)
        for name in ("\u00e9" * 513, "a\0b", ""):
            refused(rpc(store, "stream.write", name, message()), 400, "INVALID_REQUEST", "stream")
        refused(post(store, b'["category.get","a\xc3"]'), 400, "INVALID_REQUEST", "category")


# Cardinal id: its member of 2, 3, 4, 8, 16; the table of the contract.
MEMBERS = {"1": (0, 0, 2, 6, 14), "2": (1, 1, 1, 5, 13), "3": (0, 2, 2, 2, 2), "4": (1, 0, 3, 3, 3),
           "123": (1, 1, 3, 3, 11), "a1b2c3d4": (1, 2, 3, 3, 11), "5eb2a97f-84d9-4ccf-8a56-7160338b11e2": (0, 1, 2, 2, 10),
           "\u00e9": (0, 2, 2, 2, 2), "": (0, 2, 0, 4, 12)}


@test
def each_cardinal_id_belongs_to_the_member_of_the_table():
    with server("--heartbeat", "50ms") as store:
        for cardinal in MEMBERS:
            for stream in ("g-" + cardinal, "g-" + cardinal + "+more"):
                same(rpc(store, "stream.write", stream, message())[0], 200)
        rpc(store, "stream.write", "g", message())
        for column, size in enumerate((2, 3, 4, 8, 16)):
            for member in range(size):
                owned = [m for m in rpc(store, "category.get", "g", {"consumerGroup": {"member": member, "size": size}})[1]]
                same({m[1] for m in owned},
                     {"g-" + c + more for c, row in MEMBERS.items() if row[column] == member for more in ("", "+more")})
                if size == 4:
                    same(pokes(store, "category=g&consumer=%d&size=4" % member, len(owned)), [m[4] for m in owned])


@test
def ids_have_several_spellings_and_one_form():
    with server() as store:
        for n, spell in enumerate((str.upper, str.lower, lambda i: i.replace("-", ""), "{{{}}}".format, "urn:uuid:{}".format)):
            wanted = str(uuid.UUID(int=0x018F_0000_0000_7000_8000_0000_0000_0000 + n + 0xA0))
            same(rpc(store, "stream.write", "ids", message(), {"id": spell(wanted)})[0], 200)
            same(rpc(store, "stream.last", "ids")[1][0], wanted)
        good = str(uuid.uuid4())
        for bad in ("x", good[:-1], good + "1", "{" + good, good + "}", " " + good, good.replace("-", "_"), "g" + good[1:],
                    "uuid:" + good):
            refused(rpc(store, "stream.write", "ids", message(), {"id": bad}), 400, "INVALID_REQUEST", "options.id")
        made = []
        for _ in range(20):
            before = time.time_ns()
            rpc(store, "stream.write", "made", message())
            after = time.time_ns()
            made.append(rpc(store, "stream.last", "made")[1][0])
            parsed = uuid.UUID(made[-1])
            same((str(parsed), parsed.version, parsed.variant), (made[-1], 7, uuid.RFC_4122))
            when = (parsed.int >> 80) * 1_000_000 + ((parsed.int >> 64) & 0xFFF) * 256
            expect(before - 256 <= when <= after + 256 * 20, "an id of %d, written from %d to %d" % (when, before, after))
        same(made, sorted(made))


# --- transport


@test
def requests_are_read_in_every_framing():
    with server() as store:
        version = b'["sys.version"]'
        for head, body in ((b"Content-Length: 15\r\n", version),
                           (b"Transfer-Encoding: chunked\r\n", b"5\r\n[\"sys\r\na\r\n.version\"]\r\n0\r\n\r\n"),
                           (b"Transfer-Encoding: chunked\r\n", b"f\r\n" + version + b"\r\n0\r\nTrailer: 1\r\n\r\n")):
            answer = exchange(store, b"POST ///rpc HTTP/1.1\r\nHost: h\r\n" + head + BEARER + b"\r\n" + body, b'.0"')
            expect(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b'"'), answer)
            expect(b"X-EventoDB-Token" not in answer and b"Access-Control" not in answer, answer)
        head = b"POST /rpc HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 15\r\n" + BEARER + b"\r\n"
        same(exchange(store, head), b"HTTP/1.1 100 Continue\r\n\r\n")
        small = b"GET /health HTTP/1.1\r\nHost: h\r\nX: %s\r\n\r\n"
        expect(exchange(store, small % (b"x" * 30000)).startswith(b"HTTP/1.1 200 "))
        expect(exchange(store, small % (b"x" * 33000)).startswith(b"HTTP/1.1 431 "))
        large = exchange(store, b"POST /rpc HTTP/1.1\r\nHost: h\r\nContent-Length: 104857601\r\n" + BEARER + b"\r\n", b"}}")
        expect(large.startswith(b"HTTP/1.1 413 ") and b"\r\nConnection: close\r\n" in large and b'"code"' in large, large)
        status, _, body = store.request("POST", "/rpc", version, ZEROS, {"Content-Type": "text/xml"})
        same((status, body), (200, b'"%s"' % json.loads(body).encode()))


@test
def open_paths_take_any_method_and_others_are_not_there():
    with server() as store:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
            for path, status, wanted in (("/health", 200, b'{"status":"ok"}'), ("//health", 200, b'{"status":"ok"}'),
                                         ("/version", 200, b'{"version":"'), ("/health/", 404, b'"NOT_FOUND"'),
                                         ("/rpc/", 404, b'"NOT_FOUND"'), ("/", 404, b'"NOT_FOUND"'),
                                         ("/subscribe/stream/a", 404, b'"NOT_FOUND"'),
                                         ("/subscribe/category/a", 404, b'"NOT_FOUND"'),
                                         ("/debug/pprof/heap", 404, b'"NOT_FOUND"'),
                                         ("/import", 200, b'data: {"done":true,"imported":0,')):
                got, headers, body = store.request(method, path, token=ZEROS)
                same(got, status, method, path)
                expect(method == "HEAD" or wanted in body, method, path, body)
                expect("Access-Control-Allow-Origin" not in headers, headers)
            expect(exchange(store, method.encode() + b" /subscribe?all=true HTTP/1.1\r\nHost: h\r\n" + BEARER + b"\r\n")
                   .startswith(b"HTTP/1.1 200 "), method)


@test
def every_path_that_wants_a_token_refuses_in_the_same_words():
    with server() as store:
        for method, path in (("POST", "/rpc"), ("GET", "/subscribe"), ("POST", "/import")):
            for query, headers, status, code in (
                    ("", {}, 401, "AUTH_REQUIRED"), ("", {"Authorization": "Basic x"}, 401, "AUTH_REQUIRED"),
                    ("", {"Authorization": "bearer " + ZEROS}, 401, "AUTH_REQUIRED"),
                    ("?token=x", {"Authorization": "Bearer " + ZEROS}, 401, "AUTH_INVALID_TOKEN"),
                    ("?token=", {"Authorization": "Bearer x"}, 401, "AUTH_INVALID_TOKEN"),
                    ("?token=ns_bm9uZQ" + TAIL, {}, 403, "AUTH_UNAUTHORIZED"),
                    ("?token=" + ZEROS[:-1] + "1", {}, 403, "AUTH_UNAUTHORIZED")):
                got, answer_headers, body = store.request(method, path + query, headers=headers)
                error = json.loads(body)["error"]
                same((got, error["code"], answer_headers["Content-Type"]), (status, code, "application/json"), path, query)
                same(sorted(error.get("details", {})), {"AUTH_INVALID_TOKEN": ["error"], "AUTH_UNAUTHORIZED": ["namespace"]}
                     .get(code, []))


@test
def in_test_mode_no_method_finds_a_namespace_that_is_not_there():
    none = "ns_bm9uZQ" + TAIL
    with Server("--test-mode") as store:
        for parts in (["stream.write", "a", message()], ["stream.get", "a"], ["stream.last", "a"], ["stream.version", "a"],
                      ["category.get", ""], ["category.last", ""], ["ns.streams"], ["ns.categories"], ["ns.info", "none"],
                      ["ns.delete", "none"], ["stream.append", "a", [message()]], ["batch.write", [["a", message()]]],
                      ["stream.truncate", "a", 1], ["stream.delete", "a"], ["consumer.get", "c"], ["consumer.set", "c", 1],
                      ["retention.get"]):
            answer = rpc(store, *parts, token=none)
            refused(answer, 404, "NAMESPACE_NOT_FOUND", "none")
            expect("details" not in answer[1]["error"], answer)
        for path in ("/import", "/subscribe?all=true"):
            status, _, body = store.request("POST", path, "", none)
            refused((status, json.loads(body)), 404, "NAMESPACE_NOT_FOUND", "none")
        same(rpc(store, "sys.version", token=none)[0], 200)
        same(rpc(store, "sys.version", token="nonsense")[0], 200)


# --- options


@test
def an_option_that_is_null_is_a_type_error():
    with server() as store:
        for options, call in ((("id", "expectedVersion"), ("stream.write", "a", message())),
                              (("position", "globalPosition", "batchSize"), ("stream.get", "a")),
                              (("type",), ("stream.last", "a")),
                              (("position", "globalPosition", "batchSize", "correlation", "consumerGroup"), ("category.get", "a")),
                              (("description", "token", "metadata"), ("ns.create", "x")),
                              (("prefix", "limit", "cursor"), ("ns.streams",))):
            for option in options:
                refused(rpc(store, *call, {option: None}), 400, "INVALID_REQUEST", option)
        for call in (("ns.list",), ("ns.categories",), ("sys.version",), ("sys.health",)):
            same(rpc(store, *call, None)[0], 200, call)


@test
def numbers_are_cut_toward_zero_and_exact_to_64_bits():
    with server() as store:
        rpc(store, "stream.append", "a", [message()] * 3)
        for number, first in ((b"1.9", 1), (b"-0.5", 0), (b"1e0", 1), (b"20e-1", 2), (b"-1e18", 0), (b"-9223372036854775808", 0),
                              (b"9223372036854775807", None), (b"1e18", None)):
            status, got = post(store, b'["stream.get","a",{"position":%s}]' % number)
            same((status, got[0][2] if got else None), (200, first), number)
        for number in (b"1e999", b"-1e999", b"9223372036854775808", b"-9223372036854775809", b"1e19", b"NaN", b"0x1"):
            refused(post(store, b'["stream.get","a",{"position":%s}]' % number), 400, "INVALID_REQUEST")
        answer = post(store, b'["stream.write","a",{"type":"T","data":{}},{"expectedVersion":9007199254740993}]')
        refused(answer, 409, "STREAM_VERSION_CONFLICT", "Expected version 9007199254740993, stream is at version 2")
        same(answer[1]["error"]["details"], {"expected": 9007199254740993, "actual": 2})


@test
def a_namespace_may_have_any_printable_name():
    with server() as store:
        for name in ("a-b", "a_b", "A-b", "tenant/123", "\u00e9\u2713", "a b", "..", ".", "../x", "%2e", "x" * 200, "?" * 50, "null", "CON"):
            status, made = rpc(store, "ns.create", name)
            same(status, 200, name)
            same(rpc(store, "stream.write", "s", message(), token=made["token"])[1], {"position": 0, "globalPosition": 1}, name)
            same(rpc(store, "ns.info", name)[1]["messageCount"], 1, name)
        for name in ("x" * 201, "\u00e9" * 101, "a\nb", "a\x7fb", "\u0085", ""):
            refused(rpc(store, "ns.create", name), 400, "INVALID_REQUEST", "namespace")
        same(sorted(n for n in os.listdir(".") if n.startswith("x")), [])
        times = [n["createdAt"] for n in rpc(store, "ns.list")[1]]
        same(times, sorted(times, reverse=True))


# --- subscriptions


def subscribe(store, query):
    return b"GET /subscribe?%s HTTP/1.1\r\nHost: h\r\n%s\r\n" % (query.encode(), BEARER)


def pokes(store, query, count):
    """Global positions of what has come when `count` pokes and two heartbeats are there."""
    answer = b""
    with socket.create_connection(("127.0.0.1", store.port), timeout=20) as peer:
        peer.sendall(subscribe(store, query))
        while answer.count(b": hb") < 2 or answer.count(b"event: ") < count:
            piece = peer.recv(65536)
            expect(piece, "it ended", query, answer)
            answer += piece
    expect(answer.startswith(b"HTTP/1.1 200 "), query, answer)
    return [json.loads(data)["globalPosition"] for data in re.findall(rb"\ndata: (.*)\n", answer)]


@test
def what_is_asked_for_decides_what_is_poked():
    with server("--heartbeat", "50ms") as store:
        for stream in ("account-1", "account-1", "account-2", "account", "account-+z", "other-1"):
            rpc(store, "stream.write", stream, message())
        for query, wanted in (("stream=account-1", [1, 2]), ("stream=account-1&position=1", [2]), ("stream=account-%2Bz", [5]),
                              ("stream=account-+z", []), ("stream=&category=account", [1, 2, 3, 4, 5]),
                              ("all=&stream=account-1", [1, 2]), ("all=false&stream=account-1", [1, 2]),
                              ("category=account&position=3", [3, 4, 5]), ("category=account&position=", [1, 2, 3, 4, 5]),
                              ("category=account&position=-9", [1, 2, 3, 4, 5]), ("category=account&consumer=0", [1, 2, 3, 4, 5]),
                              ("category=account&size=0", [1, 2, 3, 4, 5]), ("category=account&size=2", [1, 2, 5]),
                              ("category=account&consumer=1&size=2", [3]), ("stream=account-1&consumer=1&size=2", [1, 2]),
                              ("category=account&consumerGroupMember=1&consumerGroupSize=2", [3]), ("category=ACCOUNT", []),
                              ("category=other-1", []), ("category=none", []), ("all=true", []), ("all=true&position=2", []),
                              ("all=true&catchup=false", []), ("all=true&catchup=true", [1, 2, 3, 4, 5, 6]),
                              ("all=true&catchup=true&position=5", [5, 6])):
            same(pokes(store, query, len(wanted)), wanted, query)


@test
def what_cannot_be_asked_for_is_told_in_plain_text():
    with server() as store:
        for query in ("", "all=", "all=TRUE", "all=1", "all=true&stream=a", "all=true&category=a", "stream=a&category=b",
                      "stream=a&position=x", "stream=a&position=1.5", "stream=a&position=99999999999999999999",
                      "category=a&consumer=x", "category=a&size=x", "category=a&consumer=1", "category=a&consumer=1&size=0",
                      "category=a&consumer=2&size=2", "category=a&consumer=3&size=2", "category=a&consumer=-1&size=2",
                      "category=a&consumer=0&size=-2", "stream=a&consumer=-1", "stream=" + "x" * 1025, "stream=a%00b",
                      "stream=a%ff"):
            status, headers, body = store.request("GET", "/subscribe?" + query, token=ZEROS)
            same((status, headers["Content-Type"].split(";")[0]), (400, "text/plain"), query)
            expect(len(body) > 10 and not body.startswith(b"{"), body)


# --- imports


def record(at, **more):
    return json.dumps({"id": str(uuid.UUID(int=at)), "stream": "i-1", "type": "T", "pos": at, "gpos": at, "data": {}, "meta": None,
                       "time": "2025-01-15T10:00:00Z", **more})


@test
def each_field_of_a_line_is_judged():
    with server() as store:
        def imported(*lines, query=""):
            status, _, body = store.request("POST", "/import" + query, "\n".join(lines), ZEROS)
            same(status, 200)
            return json.loads(body.split(b"data: ")[-1])
        expect(imported(record(100), "", record(105), record(106, zzz=1)).get("imported") == 3)
        same(rpc(store, "stream.write", "i-1", message())[1], {"position": 107, "globalPosition": 107})
        for code, fields in (("INVALID_JSON", ({"data": []}, {"data": "x"}, {"data": 1}, {"gpos": "5"}, {"gpos": 1.5}, {"pos": "5"},
                                               {"meta": "x"}, {"meta": []}, {"type": 5}, {"stream": 5}, {"id": 5}, {"time": 5})),
                             ("INVALID_RECORD", ({"id": ""}, {"id": "x"}, {"stream": ""}, {"type": ""}, {"gpos": 0}, {"gpos": -1},
                                                 {"pos": -1}, {"time": None}, {"time": ""}, {"time": "2025-01-15 10:00:00"},
                                                 {"time": "2025-01-15T10:00:00"}, {"time": "2025-13-01T00:00:00Z"})),
                             ("POSITION_EXISTS", ({"gpos": 105}, {"pos": 105}, {"id": str(uuid.UUID(int=105))}))):
            for field in fields:
                end = imported(record(200, **field), "", record(201))
                same((end["error"], end["line"]), (code, 1), field, end)
                expect(code != "POSITION_EXISTS" or end["message"].endswith(" %d" % field.get("gpos", 200)), end)
        for at, field, column, wanted in ((300, {"data": None}, 4, None), (301, {"meta": {"a": 1}}, 5, {"a": 1}),
                                          (302, {"time": "2025-01-15T12:30:00.1234567+02:30"}, 6, "2025-01-15T10:00:00.123456Z"),
                                          (303, {"time": "1969-12-31T23:59:59.5Z"}, 6, "1969-12-31T23:59:59.5Z")):
            same(imported(record(at, **field))["imported"], 1)
            same(rpc(store, "stream.last", "i-1")[1][column], wanted)
        same(imported(record(7), query="?force=1")["imported"], 1)  # only `true` empties
        same(len(rpc(store, "category.get", "")[1]), 9)
        same(imported("", query="?force=true")["imported"], 0)
        same(rpc(store, "stream.write", "i-1", message())[1], {"position": 0, "globalPosition": 1})


@test
def a_file_that_cannot_grow_fails_writes_imports_and_clearing_by_their_own_codes():
    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    with Server("--data-dir", "d", "--token", ZEROS, setup=small) as store:
        stored = 0
        while stored < 20000:
            answer = rpc(store, "stream.append", "a-1", [message({"x": "y" * 500})] * 100)
            if answer[0] != 200:
                break
            stored += 100
        refused(answer, 500, "BACKEND_ERROR")
        expect(stored > 0)
        for at in range(2):  # it fails again, and in the same way
            lines = "\n".join(record(100000 + n, data={"x": "y" * 500}) for n in range(3000))
            report = json.loads(store.request("POST", "/import", lines, ZEROS)[2].split(b"data: ")[-1])
            same((report["error"], type(report["line"])), ("IMPORT_FAILED", int), report)
            status, headers, body = store.request("POST", "/import?force=true", record(1), ZEROS)
            same((status, headers["Content-Type"]), (500, "application/json"))
            refused((status, json.loads(body)), 500, "CLEAR_FAILED")
        same(rpc(store, "stream.version", "a-1"), (200, stored - 1))
    for path in ("/rpc", "/import"):
        expect(re.search(r" error http: POST %s status=500 " % path, store.log_text()), store.log_text())
    with server() as store:
        same(rpc(store, "stream.version", "a-1"), (200, stored - 1))
        same(rpc(store, "stream.write", "a-1", message())[1]["position"], stored)


if __name__ == "__main__":
    main()
