# SPDX-License-Identifier: MIT
"""A message store as a source and a destination of pipelines."""
import json
import os
import random
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, one_line_error, read, rejects, run, same, sanitized, start, test, write
from serving import ZEROS, Server

KNOWN = {}
TOKEN = {"MILLRACE_TOKEN": ZEROS}


def serve(*args, name="d", port=0):
    server = Server("--data-dir", name, "--token", ZEROS, *args, verb=("serve", "--listen", "127.0.0.1:%d" % port))
    server.token = ZEROS
    return server


def at(server, query=""):
    return "store:http://127.0.0.1:%d%s" % (server.port, "?" + query if query else "")


def copy(*args, code=0, env=TOKEN, **more):
    return run("copy", *args, "--summary", "json", code=code, env=env, **more)


def all_of(server, category=""):
    """Every message, page by page."""
    found, position = [], 1
    while True:
        page = server.call("category.get", category, {"position": position, "batchSize": 10000})
        found += page
        if len(page) < 10000:
            return found
        position = page[-1][4] + 1


def records(path):
    return [json.loads(line) for line in read(path).splitlines()]


ORDERS = "order_id,customer,total,note\n" + "".join(
    '%d,c%d,%d.50,"n ""%d"""\n' % (i, i % 3, i, i) for i in range(1, 11))


# --- the source


@test
def messages_become_records():
    with serve() as server:
        server.call("stream.write", "account-1", {"type": "Opened", "data": {"n": 1.0, "s": "é"}, "metadata": {"m": 1}})
        server.call("stream.write", "other-1", {"type": "T", "data": {}})
        server.call("stream.write", "account-2", {"type": "Closed", "data": {"a": [1, {}]}})
        copy(at(server), "out.jsonl")
        rows = records("out.jsonl")
        same([r["stream"] for r in rows], ["account-1", "other-1", "account-2"])
        first = server.call("stream.get", "account-1")[0]
        same(rows[0]["id"], first[0])
        same((rows[0]["type"], rows[0]["position"], rows[0]["global_position"]), ("Opened", 0, 1))
        same((rows[0]["data"], rows[0]["metadata"], rows[1]["metadata"]), ({"n": 1.0, "s": "é"}, {"m": 1}, None))
        expect(len(rows[0]["time"]) == len("2025-01-15T10:00:00.000000Z"), rows[0])
        copy(at(server, "category=account"), "out.jsonl")
        same([r["stream"] for r in records("out.jsonl")], ["account-1", "account-2"])
        copy(at(server, "stream=account-2"), "out.csv")
        same(read("out.csv").split(b"\n")[0], b"id,stream,type,position,global_position,data,metadata,time")
        copy(at(server, "position=3"), "out.jsonl")
        same([r["global_position"] for r in records("out.jsonl")], [3])
        copy(at(server, "stream=account-1&position=2"), "out.jsonl")
        same(records("out.jsonl"), [])
        copy(at(server, "category=nothing"), "out.jsonl")
        same(read("out.jsonl"), b"")
        copy(at(server), "sqlite:out.db?table=messages")
        shown = run("preview", at(server, "category=account"), env=TOKEN).out.decode()
        expect("account-1" in shown and "Closed" in shown, shown)


@test
def a_long_history_is_read_page_by_page_and_goes_on_where_it_is_told():
    with serve() as server:
        for page in range(4):
            server.call("stream.append", "s-%d" % page, [{"type": "T", "data": {"i": i}} for i in range(2500)])
        for size in (1, 7, 1000, 10000):
            if size == 1:
                copy(at(server, "position=9990&batch_size=1"), "out.jsonl")
                same([r["global_position"] for r in records("out.jsonl")], list(range(9990, 10001)))
            else:
                copy(at(server, "batch_size=%d" % size), "out.jsonl")
                same([r["global_position"] for r in records("out.jsonl")], list(range(1, 10001)), size)
        copy(at(server, "batch_size=333"), "out.jsonl", "--limit", "1234")
        same(len(records("out.jsonl")), 1234)


@test
def a_group_shares_the_streams():
    with serve() as server:
        for i in range(40):
            server.write("account-%d" % (i % 10))
        seen = []
        for member in range(3):
            copy(at(server, "category=account&group_member=%d&group_size=3" % member), "m.jsonl")
            seen.append({r["stream"] for r in records("m.jsonl")})
            same(len(records("m.jsonl")), 4 * len(seen[-1]))
        same(len(seen[0] | seen[1] | seen[2]), 10)
        same(sum(len(s) for s in seen), 10)


def follows(server, query, out):
    return start("copy", at(server, query), "json:-", "--streaming-mode", "--summary", "off", env=TOKEN,
                 stdout=open(out, "wb"))


@test
def follow_hands_on_what_is_written_later():
    scopes = {"c": "category=a&follow=true", "s": "stream=a-1&follow=true", "all": "follow=true",
              "group": "category=a&follow=true&group_size=2&group_member=0"}
    with serve() as server:
        server.write("a-1", {"i": 0})
        running = {name: follows(server, query, name) for name, query in scopes.items()}
        waited = []
        for i in range(1, 31):
            server.write("a-1", {"i": i})
            began = time.monotonic()
            if i % 3 == 0:
                server.write("b-1")
            for name in ("c", "s", "all", "group"):
                while not read(name).endswith(b"}\n") or {"i": i} not in [r["data"] for r in records(name)]:
                    expect(time.monotonic() < began + 20, name, read(name))
                    time.sleep(0.002)
            waited.append(time.monotonic() - began)
        for name, process in running.items():
            process.signal(signal.SIGINT)
            result = process.finish()
            same(result.code, 130, result)
            same([r["data"]["i"] for r in records(name) if r["stream"] == "a-1"], list(range(31)), name)
        same(len(records("all")), 41)
        waited.sort()
        if not sanitized():
            expect(waited[15] < 0.25, "a message is handed on late", waited)


@test
def follow_outlives_a_restart_of_the_server():
    server = serve()
    port = server.port
    running = follows(server, "category=a&follow=true&poll_interval=50ms", "out")
    for i in range(3):
        server.write("a-1", {"i": i})
        deadline = time.monotonic() + 20
        while len(read("out").splitlines()) < i + 1:
            expect(time.monotonic() < deadline, read("out"))
            time.sleep(0.01)
        server.kill()
        server = serve(port=port)
    running.signal(signal.SIGTERM)
    running.finish()
    same([r["data"]["i"] for r in records("out")], [0, 1, 2])
    server.stop()


@test
def wrong_settings_are_refused_before_anything_is_read():
    with serve() as server:
        for query, said in (("stream=a-1&category=a", "contradict"), ("category=a-1", "write stream="),
                            ("stream=a-1&group_size=2", "contradict"), ("group_member=2&group_size=2", "not below"),
                            ("nonsense=1", "nonsense"), ("batch_size=0", "batch_size")):
            one_line_error(copy(at(server, query), "out.jsonl", code=2), said)
        one_line_error(copy(at(server), "out.jsonl", code=2, env={"MILLRACE_TOKEN": ""}), "AUTH_REQUIRED")
        write("token", ZEROS + "\n")
        copy(at(server, "token_file=token"), "out.jsonl", env={"MILLRACE_TOKEN": ""})
        failed = copy(at(server, "token=ns_ZGVmYXVsdA_" + "1" * 64), "out.jsonl", code=2)
        expect("1" * 64 not in failed.err.decode(), failed)
    one_line_error(copy("store:http://127.0.0.1:1?retry=0s", "out.jsonl", code=1), "no connection")
    one_line_error(copy("store:127.0.0.1:8080", "out.jsonl", code=2), "expected the URL")


# --- the destination


@test
def records_become_messages():
    write("orders.csv", ORDERS)
    with serve() as server:
        summary = copy("orders.csv", at(server, "stream=orders-1&type=Order")).summary()
        same((summary["read"], summary["written"], summary["rejected"]), (10, 10, 0))
        found = server.call("stream.get", "orders-1")
        same([m[2] for m in found], list(range(10)))
        same(found[0][1], "Order")
        same(found[0][4], {"order_id": 1, "customer": "c1", "total": 1.5, "note": 'n "1"'})
        same(found[0][5], None)
        raw = server.request("POST", "/rpc", '["stream.last","orders-1"]', ZEROS)[2]
        expect(b'"total":10.50' in raw, "numbers keep their text", raw)
        copy("orders.csv", at(server, "stream=customer-{customer}%2B{order_id}&type={customer}{{x}}"))
        same(sorted(m[1] for m in all_of(server, "customer"))[:2], ["customer-c0+3", "customer-c0+6"])
        same(server.call("stream.last", "customer-c1+10")[1], "c1{x}")


@test
def messages_of_a_store_go_to_another_as_they_are():
    with serve(name="one") as one, serve(name="two") as two:
        for i in range(300):
            one.call("stream.write", "s%d-%d" % (i % 2, i % 7),
                     {"type": "T%d" % (i % 3), "data": {"i": i}, "metadata": {"m": i} if i % 2 else None})
        for _ in range(2):
            copy(at(one), at(two))
            same([m[:4] + m[5:7] for m in all_of(two)], [m[:4] + m[5:7] for m in all_of(one)])


@test
def a_repeated_run_appends_nothing_and_another_feed_everything():
    write("orders.csv", ORDERS)
    write("more.csv", ORDERS + "11,c9,1.00,new\n")
    with serve() as server:
        to = at(server, "stream=o-1&type=T")
        count = lambda: len(all_of(server))
        copy("orders.csv", to)
        again = copy("orders.csv", to, "--workers", "1", "--batch-size", "3")
        expect(b"10 of 10 messages were in the store already" in again.err, again)
        same(count(), 10)
        copy("orders.csv", at(server, "stream=o-1&type=T&batch_size=3"))
        same(count(), 10)
        copy("orders.csv", to + "&key=second")
        same(count(), 20)
        copy("more.csv", to)
        same(count(), 31, "another file is another feed")
        copy("orders.csv", to + "&ids=random")
        copy("orders.csv", to + "&ids=random")
        same(count(), 51)
        write("orders.csv", ORDERS.replace("1.50", "1.75", 1))
        one_line_error(copy("orders.csv", to, code=1), "other content", "key=")
        same(count(), 51)


@test
def ids_follow_from_key_columns_when_told():
    write("a.csv", "k,v\n1,x\n2,y\n")
    write("b.csv", "k,v\n2,y\n3,z\n1,x\n")
    with serve() as server:
        for name in ("a.csv", "b.csv"):
            copy(name, at(server, "stream=s&type=T&keys=k"))
        same([m[4]["k"] for m in server.call("stream.get", "s")], [1, 2, 3])


@test
def an_expected_version_is_kept_to():
    write("orders.csv", ORDERS)
    with serve() as server:
        to = at(server, "stream=o-1&type=T&batch_size=4&expected_version=-1")
        copy("orders.csv", to)
        copy("orders.csv", to)  # all of it is there: that is a repeated write, whatever is expected
        same(len(all_of(server)), 10)
        one_line_error(copy("orders.csv", to + "&key=other", code=1), "STREAM_VERSION_CONFLICT")
        same(len(all_of(server)), 10)
        copy("orders.csv", at(server, "stream=o-1&type=T&key=other&expected_version=9"))
        same(len(all_of(server)), 20)
        write("v.csv", "s,v\nx-1,-1\nx-2,-1\nx-1,0\n")
        copy("v.csv", at(server, "stream={s}&type=T&expected_column=v"))
        same(server.call("stream.version", "x-1"), 1)
        one_line_error(copy("v.csv", at(server, "stream={s}&type=T&expected_version=1"), code=2), "expected_column")


@test
def records_that_are_no_messages_are_set_aside():
    rows = [
        {"stream": "a-1", "type": "T", "data": {"n": 1}, "metadata": {"m": 1}, "id": "00000000-0000-4000-8000-000000000001"},
        {"stream": "", "type": "T", "data": {}},
        {"stream": None, "type": "T", "data": {}},
        {"stream": "a-1", "type": "", "data": {}},
        {"stream": "a-1", "type": "T", "data": [1]},
        {"stream": "a-1", "type": "T", "data": None},
        {"stream": "a-1", "type": "T", "data": {}, "metadata": [2]},
        {"stream": "a-1", "type": "T", "data": {}, "id": "seven"},
        {"stream": "a" * 1025, "type": "T", "data": {}},
        {"stream": "a-1", "type": "T", "data": {"n": 2}, "id": "00000000-0000-4000-8000-000000000002"},
    ]
    write("in.jsonl", "".join(json.dumps(r) + "\n" for r in rows))
    with serve() as server:
        summary = copy("in.jsonl", at(server), code=3).summary()
        same((summary["written"], summary["rejected"]), (2, 8))
        same([(m[2], m[5], m[6]) for m in all_of(server)], [("T", {"n": 1}, {"m": 1}), ("T", {"n": 2}, None)])
        set_aside = rejects("millrace.rejects.jsonl")
        same([r["record"] for r in set_aside], [2, 3, 4, 5, 6, 7, 8, 9])
        expect(all(r["reason"] == "destination_refused" for r in set_aside), set_aside)


@test
def wrong_targets_are_refused():
    write("orders.csv", ORDERS)
    with serve() as server:
        for query, said in (("", "names the column 'stream'"), ("stream=o-1", "names the column 'type'"),
                            ("stream=o-{nix}&type=T", "column 'nix'"), ("stream=o-{nix&type=T", "written twice"),
                            ("stream=&type=T", "stream is empty"), ("stream=o&type=T&id=x&keys=y", "contradict"),
                            ("stream=o&type=T&expected_version=soon", "expected any")):
            one_line_error(copy("orders.csv", at(server, query), code=2), said)
        same(all_of(server), [])


@test
def a_server_with_a_certificate_of_its_own_is_trusted_when_told():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    write("orders.csv", ORDERS)
    with serve("--tls-cert", "cert.pem", "--tls-key", "key.pem") as server:
        to = "store:https://127.0.0.1:%d?stream=o-1&type=T" % server.port
        one_line_error(copy("orders.csv", to, code=2), "certificate is not trusted")
        copy("orders.csv", to + "&ca_file=cert.pem")
        again = copy("orders.csv", to + "&insecure=true")
        expect(b"10 of 10 messages were in the store already" in again.err, again)
        one_line_error(copy("orders.csv", to + "&ca_file=orders.csv", code=2), "orders.csv", "PEM")
        plain = "store:http://127.0.0.1:%d?stream=o-1&type=T&retry=0s" % server.port
        expect(copy("orders.csv", plain, code=1).err)


# --- interruptions


@test
def a_server_that_is_away_for_a_moment_is_waited_for():
    write("orders.csv", "n\n" + "".join("%d\n" % i for i in range(20000)))
    server = serve()
    port = server.port
    running = start("copy", "orders.csv", at(server, "stream=o-1&type=T&batch_size=100"), "--summary", "off", env=TOKEN)
    for _ in range(3):
        time.sleep(0.1)
        server.kill()
        time.sleep(0.3)
        server = serve(port=port)
    result = running.finish()
    same(result.code, 0, result)
    same([m[5]["n"] for m in all_of(server)], list(range(20000)))
    server.stop()


@test
def a_killed_run_that_is_repeated_appends_each_record_exactly_once_and_in_order():
    count = 20000 if sanitized() else 60000
    write("in.csv", "n,text\n" + "".join('%d,"text of record %d"\n' % (i, i) for i in range(count)))
    dice = random.Random(7)
    with serve() as server:
        to = at(server, "stream=s-1&type=T&batch_size=40")  # so small that a run takes a second and more
        kills = 0
        for _ in range(200):
            workers = str(dice.choice([1, 2, 3]))
            running = start("copy", "in.csv", to, "--workers", workers, "--summary", "off", env=TOKEN)
            time.sleep(dice.uniform(0.0, 0.2))
            running.signal(signal.SIGKILL)
            code = running.finish().code
            kills += code == -signal.SIGKILL
            expect(code in (0, -signal.SIGKILL), code)
            found = server.call("stream.version", "s-1")
            if kills >= 12 or (found is not None and found + 1 == count):
                break
        expect(kills >= 3, "the runs were too short to be killed: %d" % kills)
        copy("in.csv", to)
        found = all_of(server)
        same([m[5]["n"] for m in found], list(range(count)))
        same([m[3] for m in found], list(range(count)))


@test
def a_server_killed_in_the_middle_of_a_run_loses_and_doubles_nothing():
    count = 30000
    write("in.csv", "n\n" + "".join("%d\n" % i for i in range(count)))
    dice = random.Random(11)
    server = serve()
    port = server.port
    running = start("copy", "in.csv", at(server, "stream=s-1&type=T&batch_size=200"), "--summary", "off", env=TOKEN)
    for _ in range(6):
        time.sleep(dice.uniform(0.02, 0.2))
        server.kill()
        server = serve(port=port)
    result = running.finish()
    same(result.code, 0, result)
    same([m[5]["n"] for m in all_of(server)], list(range(count)))
    server.stop()


main(KNOWN)
