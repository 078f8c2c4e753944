# SPDX-License-Identifier: MIT
"""What a hostile client of the message store can do: be refused. Memory stays bounded, files too, and a witness, who
writes and reads all the while, notices nothing worse than a busy machine.

What concerns the HTTP server alone is tested by http_limits_test.c; here it is the whole of `millrace serve`.
Runs alone: the witness measures how long it waits.
"""
import json
import os
import random
import resource
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, same, sanitized, skip, test
from store_cli import OTHER, TOKEN, Store
import http.client

AUTH = "Authorization: Bearer %s\r\n" % TOKEN
PATIENCE_S = 20 if sanitized() else 2  # of the witness, for one request
MIB = 1 << 20


def post(body, target="/rpc", length=None):
    """The bytes of a request."""
    body = body.encode() if isinstance(body, str) else body
    head = "POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n" % (
        target, AUTH, len(body) if length is None else length)
    return head.encode() + body


def answer_of(connection, seconds=20):
    """(status, body) of the next answer; (0, b"") when the server closed without one."""
    connection.settimeout(seconds)
    answer = http.client.HTTPResponse(connection)
    try:
        answer.begin()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""


def say(store, data):
    """What the server answers to bytes on a connection of their own."""
    with store.connect() as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass  # it has answered and closed
        return answer_of(connection)


class Witness:
    """Somebody who behaves: writes and reads in turn, and measures how long that takes."""

    def __init__(self, store):
        self.store, self.stopped = store, threading.Event()
        self.calls, self.slowest, self.wrong = 0, 0.0, []
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.store.port, timeout=60)
        calls = ['["stream.write","witness-1",{"type":"T","data":{}}]', '["stream.last","witness-1"]']
        while not self.stopped.is_set():
            start = time.monotonic()
            try:
                connection.request("POST", "/rpc", calls[self.calls % 2], {"Authorization": "Bearer " + TOKEN})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    self.wrong.append((answer.status, body[:200]))
            except OSError as error:
                self.wrong.append(repr(error))
                connection.close()
            self.slowest = max(self.slowest, time.monotonic() - start)
            self.calls += 1
            time.sleep(0.002)
        connection.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stopped.set()
        self.thread.join()
        if kind is None:
            expect(not self.wrong, "the witness was refused", self.wrong[:3])
            expect(self.calls >= (1 if sanitized() else 4), "the witness made only %d calls" % self.calls)
            expect(self.slowest < PATIENCE_S, "the witness waited %.2f s" % self.slowest)


def grew_less(store, before, most, what):
    if not sanitized():
        expect(store.rss() - before < most, "%s: %.1f MB became %.1f MB" % (what, before, store.rss()))


@test
def slow_clients_are_cut_off_and_cost_little():
    with Store("data", "--header-time", "1s", "--body-time", "1s", "--idle-time", "1s") as store, Witness(store):
        before = store.rss()
        kinds = [b"POST /rpc HTTP/1.1\r\nHost: a\r\nX: ", post("[", length=50000),
                 post("", "/import", length=50000), b""]
        connections = [store.connect() for _ in range(400)]
        for at, connection in enumerate(connections):
            connection.sendall(kinds[at % len(kinds)])
            connection.settimeout(0)
        open_ones, deadline = set(connections), time.monotonic() + (60 if sanitized() else 15)
        while open_ones and time.monotonic() < deadline:
            for connection in list(open_ones):
                try:
                    if connections.index(connection) % len(kinds) < 2:  # an import may be slow, but not silent
                        connection.send(b" ")
                    if not connection.recv(4096):
                        open_ones.discard(connection)
                except BlockingIOError:
                    pass
                except OSError:
                    open_ones.discard(connection)
            time.sleep(0.1)
        same(len(open_ones), 0, "connections that were never closed")
        grew_less(store, before, 30, "400 slow clients")


@test
def answers_that_nobody_reads_are_not_kept():
    with Store("data", "--write-time", "3s") as store:
        message = '{"type":"T","data":{"x":"%s"}}' % ("y" * 20000)
        for _ in range(20):
            same(say(store, post('["stream.append","big-1",[%s]]' % ",".join([message] * 50)))[0], 200)
        with Witness(store):
            before = store.rss()
            connections = [store.connect() for _ in range(40)]
            for connection in connections:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(post('["category.get","big",{"batchSize":10000}]'))
            for _ in range(10):
                time.sleep(0.2)
                grew_less(store, before, 200, "40 answers of 20 MB that nobody reads")
            for connection in connections:
                connection.close()


@test
def subscribers_that_do_not_read_do_not_hold_up_writers():
    with Store("data", "--write-time", "3s") as store, Witness(store):
        before = store.rss()
        connections = [store.connect() for _ in range(200)]
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(("GET /subscribe?all=true&body=true HTTP/1.1\r\nHost: a\r\n%s\r\n" % AUTH).encode())
        message = '{"type":"T","data":{"x":"%s"}}' % ("y" * 1000)
        for _ in range(100):
            same(say(store, post('["stream.append","fast-1",[%s]]' % ",".join([message] * 100)))[0], 200)
        grew_less(store, before, 150, "200 subscribers who do not read 10 MB")
        for connection in connections:
            connection.close()


@test
def large_bodies_are_refused_or_bounded():
    with Store("data", "--bodies-limit", "128MiB", "--body-limit", "64MiB") as store, Witness(store):
        before = store.rss()
        for size in 65 * MIB, 101 * MIB, 1 << 40, 1 << 62:
            status, body = say(store, post("[", length=size))
            same((status, "error" in json.loads(body)), (413, True), size)
        same(say(store, post("[", length=1 << 70))[0] in (400, 413), True)
        found = []

        def flood():
            found.append(say(store, post(b"[" + b" " * (48 * MIB)))[0])

        threads = [threading.Thread(target=flood) for _ in range(6)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            grew_less(store, before, 128 * 1.05 + 60, "six bodies of 48 MiB, of which 128 MiB are allowed")
            time.sleep(0.02)
        expect(set(found) <= {0, 400, 413, 503}, found)
        time.sleep(0.3)
        grew_less(store, before, 100, "and afterwards")


@test
def deep_and_strange_json_is_answered():
    deep = 200000
    bodies = ["[" * deep, "[" * deep + "]" * deep, '{"a":' * deep + "1" + "}" * deep, '["stream.write","a",' + "[" * deep,
              '["stream.write","a",{"type":"T","data":%s1%s}]' % ('{"a":' * deep, "}" * deep),
              '["stream.write","a",{"type":"T","data":{},"metadata":%s1%s}]' % ('{"a":' * deep, "}" * deep),
              '["stream.write","a",{"type":"T","data":{"a":%s1}}]' % ("-" * deep),
              '["stream.write","a",{"type":"T","data":{"a":%s}}]' % ("9" * deep),
              '["stream.write","a",{"type":"T","data":{"\\u0000":"\\ud800"}}]',
              '["stream.write","a\\u0000b",{"type":"T","data":{}}]', '["stream.write","%s",{"type":"T","data":{}}]' % ("a" * 1025),
              '["stream.write","%s",{"type":"T","data":{}}]' % ("a" * 1024), '["%s"]' % ("m" * 100000),
              '["stream.get","a",{%s}]' % ",".join('"k%d":1' % n for n in range(100000)), "null", "[null]", "1e999", '"',
              "\ufeff[]", "[]]", '["sys.version"]x', '["sys.version",%s1]' % ("1," * 100000)]
    with Store("data") as store, Witness(store):
        before = store.rss()
        for body in bodies:
            status, answer = say(store, post(body))
            expect(status in (200, 400, 404, 413), status, body[:80], answer[:200])
            json.loads(answer) if len(answer) < 100000 else None
        for line in bodies:
            record = '{"id":"00000000-0000-4000-8000-000000000000","stream":"a","type":"T","pos":0,"gpos":1,"data":%s}\n'
            for text in line, record % line[:60000]:
                status, answer = say(store, post(text, "/import"))
                expect(status == 200 and b'"error"' in answer, status, text[:80], answer[:200])
        grew_less(store, before, 60, "deep JSON")


@test
def numbers_out_of_range_are_refused_or_harmless():
    numbers = ["0", "-1", "-2", "1.9", "-0.5", "10001", "1e3", "1e19", "1e308", "1e-308", "9223372036854775807",
               "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "null", '"1"', "[]", "{}", "true"]
    calls = ['["stream.get","witness-1",{"position":%s}]', '["stream.get","witness-1",{"globalPosition":%s}]',
             '["stream.get","witness-1",{"batchSize":%s}]', '["category.get","witness",{"position":%s}]',
             '["category.get","witness",{"batchSize":%s}]', '["ns.streams",{"limit":%s}]',
             '["category.get","witness",{"consumerGroup":{"member":%s,"size":2}}]',
             '["category.get","witness",{"consumerGroup":{"member":0,"size":%s}}]',
             '["stream.write","n-1",{"type":"T","data":{}},{"expectedVersion":%s}]',
             '["stream.write","n-1",{"type":"T","data":{}},{"id":%s}]']
    with Store("data") as store, Witness(store):
        for call in calls:
            for number in numbers:
                status, answer = say(store, post(call % number))
                expect(status in (200, 400, 409), status, call % number, answer[:200])
                json.loads(answer)
        for query in "position", "consumer", "size":
            for number in "-1", "1e9", "9223372036854775808", "x", "%00", "", "1" * 5000:
                with store.connect() as connection:
                    connection.sendall(("GET /subscribe?category=witness&position=999999999&%s=%s HTTP/1.1\r\nHost: a\r\n%s\r\n"
                                        % (query, number, AUTH)).encode())
                    first = connection.recv(15)
                    expect(first in (b"HTTP/1.1 200 OK", b"HTTP/1.1 400 Ba"), first, query, number)


@test
def hundreds_of_namespaces_keep_few_files_open():
    count = 60 if sanitized() else 300
    with Store("data", "--open-namespaces-max", "32") as store, Witness(store):
        before, tokens = store.rss(), []
        for n in range(count):
            status, answer = store.rpc("ns.create", "tenant/%d" % n)
            same(status, 200, answer)
            tokens.append(answer["token"])
        for n, token in enumerate(tokens):
            same(store.rpc("stream.write", "s-1", {"type": "T", "data": {"n": n}}, token=token)[0], 200)
        files = len(os.listdir("/proc/%d/fd" % store.child.pid))
        expect(files < 32 * 12 + 100, "%d files are open" % files)
        for n in random.Random(1).sample(range(count), 50):
            status, answer = store.rpc("stream.get", "s-1", token=tokens[n])
            same((status, [message[4] for message in answer]), (200, [{"n": n}]))
        for bad in "", "a" * 201, "a\nb", "../../x", "..", ".", "con\u0000", "/etc/passwd", "default":
            status, answer = store.rpc("ns.create", bad)
            expect(status in (200, 400, 409), status, answer, repr(bad))
        grew_less(store, before, 60, "%d namespaces" % count)
        expect(all(os.path.commonpath([os.path.abspath("data"), os.path.realpath(os.path.join(root, name))])
                   == os.path.abspath("data") for root, _, names in os.walk("data") for name in names))
        expect(sorted(os.listdir(".")) == ["data", "data.log"], "files outside of the data directory", os.listdir("."))


@test
def garbage_is_answered_or_dropped():
    dice = random.Random(7)
    good = [post('["stream.write","g-1",{"type":"T","data":{"a":[1,2,{"b":null}]}},{"expectedVersion":3}]'),
            post('["category.get","g",{"position":1,"batchSize":10,"consumerGroup":{"member":0,"size":2}}]'),
            post('["ns.streams",{"prefix":"a","limit":10}]'), post('{"id":"x","stream":"a"}\n', "/import"),
            ("GET /subscribe?category=g&position=5 HTTP/1.1\r\nHost: a\r\n%s\r\n" % AUTH).encode()]
    with Store("data", "--header-time", "2s", "--body-time", "2s") as store, Witness(store):
        before = store.rss()
        for turn in range(300 if sanitized() else 1500):
            data = bytearray(dice.choice(good)) if turn % 5 else bytearray(dice.randbytes(dice.randrange(1, 4000)))
            for _ in range(dice.randrange(1, 6)):
                at = dice.randrange(len(data))
                kind = dice.randrange(3)
                if kind == 0:
                    data[at] = dice.randrange(256)
                elif kind == 1:
                    del data[at:at + dice.randrange(1, 9)]
                else:
                    data[at:at] = dice.randbytes(dice.randrange(1, 9))
                data = data or bytearray(b" ")
            with store.connect() as connection:
                try:
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(0.02)
                    first = connection.recv(12)
                except OSError:
                    continue
                expect(first == b"" or first.startswith(b"HTTP/1."), first, bytes(data))
                expect(not first.endswith(b" 500"), first, bytes(data))
        grew_less(store, before, 40, "garbage")
        same(store.child.poll(), None)


@test
def an_import_without_end_is_bounded():
    with Store("data") as store, Witness(store):
        before = store.rss()
        for piece in b"x" * MIB, b"\n" * MIB:
            with store.connect() as connection:
                connection.sendall(("POST /import HTTP/1.1\r\nHost: a\r\n%sTransfer-Encoding: chunked\r\n\r\n" % AUTH).encode())
                try:
                    for _ in range(64):
                        connection.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
                        grew_less(store, before, 60, "an import that does not end")
                    connection.sendall(b"0\r\n\r\n")
                except OSError:
                    pass  # refused in the midst of it
                status, answer = answer_of(connection)
                if piece[:1] == b"\n":
                    expect(status == 200 and b'"done":true' in answer, status, answer)
                else:
                    expect(status in (0, 200) and b'"done"' not in answer, status, answer)


@test
def thousands_of_idle_connections_are_cheap():
    wanted = 500 if sanitized() else 4000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted + 200:
        skip("only %d files may be open" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 200), hard))
    with Store("data") as store, Witness(store):
        before = store.rss()
        connections = [store.connect() for _ in range(wanted)]
        for connection in connections:
            connection.sendall(post('["sys.health"]'))
        for connection in connections:
            same(answer_of(connection)[0], 200)
        grew_less(store, before, 40, "%d connections" % wanted)
        for connection in connections:
            connection.close()


if OTHER:
    print("skipped: the answers of another program differ")
else:
    main()
