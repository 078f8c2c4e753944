# SPDX-License-Identifier: MIT
"""`millrace store ...`: what an operator does with a data directory, mostly while a server has it open."""
import json
import os
import re
import sqlite3
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, one_line_error, run, same, test, write
from serving import ZEROS, Server

KNOWN = {}


def filled():
    """A server with two namespaces, and the other one's token."""
    server = Server("--data-dir", "d", "--token", ZEROS)
    server.token = ZEROS
    other = server.call("ns.create", "tenant/1", {"description": "another"})["token"]
    for n in range(30):
        server.write("account-%d" % (n % 3), {"n": n})
        server.write("order", {"n": n}, token=other)
    return server, other


@test
def a_backup_of_a_server_under_load_is_whole_and_serves():
    server, other = filled()
    stop, acknowledged = threading.Event(), [0]

    def write_on():
        while not stop.is_set():
            acknowledged[0] = server.write("busy-1")["position"] + 1
    writer = threading.Thread(target=write_on)
    with server:
        writer.start()
        try:
            while acknowledged[0] < 20:
                pass
            before = acknowledged[0]
            same(run("store", "backup", "d", "copy").out.decode().split(",")[0], "2 namespaces")
        finally:
            stop.set()
            writer.join()
        one_line_error(run("store", "backup", "d", "copy", code=1), "'copy' exists already")
        one_line_error(run("store", "backup", "nothing", "copy2", code=1), "nothing")
        expect(not os.path.exists("copy2") and not os.path.exists("copy2.part"))
    expect(b" 0 faults, 0 remarks" in run("store", "check", "copy", "--strict").out)
    with Server("--data-dir", "copy", "--token", ZEROS) as copy:
        expect(copy.call("stream.version", "busy-1", token=ZEROS) >= before - 1)
        same(copy.call("stream.version", "order", token=other), 29)
        same(copy.write("account-0", token=ZEROS)["position"], 10)


@test
def check_finds_nothing_in_a_running_store_and_says_what_is_damaged():
    server, _ = filled()
    with server:
        result = run("store", "check", "d", "--strict")
        expect(re.search(rb"default: 30 messages in 3 streams, [\d.]+ KiB: ok\n", result.out), result)
        expect(b"2 namespaces, 60 messages, 0 faults, 0 remarks\n" in result.out, result)
        server.write("account-0")
    same(sorted(f for f in os.listdir("d/namespaces") if f.endswith(".db")), ["default.db", "tenant%2F1.db"])
    with sqlite3.connect("d/namespaces/default.db") as db:
        db.execute("DELETE FROM messages WHERE position = 4 AND stream = (SELECT id FROM streams WHERE name = 'account-0')")
    result = run("store", "check", "d", code=1)
    expect(b"fault: category 'account' counts 31 messages, there are 30\n" in result.out, result)
    expect(b"remark: stream 'account-0': 1 of the positions 0 to 10 are missing\n" in result.out, result)
    entries = [json.loads(line) for line in run("store", "check", "d", "--json", code=1).out.splitlines()]
    same([e["fault"] for e in entries[:-1]], [False, True])
    same(entries[-1], {"namespaces": 2, "messages": 60, "faults": 1, "remarks": 1})
    one_line_error(run("store", "check", "nothing", code=1), "nothing")
    write("file", "x")
    one_line_error(run("store", "check", "file", code=2), "expected a data directory, found a file")


@test
def namespaces_and_streams_are_listed_from_the_directory_and_from_the_server():
    server, other = filled()
    with server:
        url = "http://127.0.0.1:%d" % server.port
        offline = run("store", "namespaces", "d").out.decode().splitlines()
        same([line.split("\t")[0::1][:2] for line in offline], [["default", "30"], ["tenant/1", "30"]])
        online = run("store", "namespaces", url, "--token", ZEROS).out.decode().splitlines()
        same(sorted(online), sorted(offline))
        same([json.loads(line)["namespace"] for line in run("store", "namespaces", "d", "--json").out.splitlines()],
             ["default", "tenant/1"])
        offline = run("store", "streams", "d").out
        same([line.split(b"\t")[:2] for line in offline.splitlines()],
             [[b"account-0", b"9"], [b"account-1", b"9"], [b"account-2", b"9"]])
        names = [json.loads(line) for line in run("store", "streams", url, "--json", env={"MILLRACE_TOKEN": ZEROS})
                 .out.splitlines()]
        same([(n["stream"], n["version"]) for n in names], [("account-%d" % n, 9) for n in range(3)])
        same(run("store", "streams", "d", "--namespace", "tenant/1").out.split(b"\t")[0], b"order")
        same(run("store", "streams", url, "--token", other).out.split(b"\t")[0], b"order")
        for where in ("d", url):
            same(len(run("store", "streams", where, "--token", ZEROS, "--prefix", "account-1").out.splitlines()), 1)
            same(len(run("store", "streams", where, "--token", ZEROS, "--limit", "2").out.splitlines()), 2)
        one_line_error(run("store", "streams", "d", "--namespace", "none", code=2), "there is no namespace 'none'")
        one_line_error(run("store", "streams", url, code=2), "a server wants a token")
        one_line_error(run("store", "streams", url, "--token", ZEROS[:-1] + "1", code=1), "403")
    one_line_error(run("store", "streams", url, "--token", ZEROS, code=1), url)


@test
def many_streams_come_in_pages():
    with Server("--data-dir", "d", "--token", ZEROS) as server:
        calls = [["stream.write", "s-%04d" % n, {"type": "T", "data": {}}] for n in range(2100)]
        for n in range(0, 2100, 300):
            server.call("batch.write", [c[1:] for c in calls[n:n + 300]], token=ZEROS)
        url = "http://127.0.0.1:%d/" % server.port
        wanted = [b"s-%04d" % n for n in range(2100)]
        for where in ("d", url):
            out = run("store", "streams", where, "--token", ZEROS).out
            same([line.split(b"\t")[0] for line in out.splitlines()], wanted, where)


@test
def what_was_removed_by_truncating_rules_clearing_and_imports_leaves_no_faults():
    with Server("--data-dir", "d", "--token", ZEROS, "--retention-interval", "1s") as server:
        server.token = ZEROS
        for n in range(20):
            for stream in ("a-1", "a-2", "a-3", "b-1", "b-2", "c"):
                server.write(stream, {"n": n})
        server.call("stream.truncate", "a-1", 5)
        server.call("stream.truncate", "a-2", 1000)
        server.call("stream.delete", "a-3")
        server.call("retention.set", "b", {"maxCount": 7})
        end = time.monotonic() + 30
        while server.call("ns.info", "default")["messageCount"] > 15 + 7 + 20 and time.monotonic() < end:
            time.sleep(0.1)
        same(server.call("ns.info", "default")["messageCount"], 15 + 7 + 20)
        server.write("a-2")
        server.write("a-3")
        expect(b" 0 faults" in run("store", "check", "d").out, run("store", "check", "d", code=None))
        result = run("store", "check", "d", "--strict", code=1)
        expect(b"stream 'a-1': it begins at position 5" in result.out, result)
        line = {"id": "018f0000-0000-7000-8000-000000000001", "stream": "d-1", "type": "T", "pos": 7, "gpos": 9000,
                "data": {}, "meta": None, "time": "2025-01-15T10:00:00Z"}
        later = dict(line, id="018f0000-0000-7000-8000-000000000002", pos=9, gpos=8000)
        status, _, body = server.request("POST", "/import", json.dumps(line) + "\n" + json.dumps(later), token=ZEROS)
        expect(b'"done":true' in body, body)
        result = run("store", "check", "d")
        expect(b"stream 'd-1': 1 of the positions 7 to 9 are missing" in result.out, result)
        expect(b"stream 'd-1': position 9 has a lower global position" in result.out, result)
        status, _, body = server.request("POST", "/import?force=true", "", token=ZEROS)
        expect(b'"done":true' in body, body)
        server.write("a-1")
        expect(b"default: 1 messages in 1 streams" in run("store", "check", "d", "--strict").out)


@test
def a_made_token_serves():
    token = run("store", "token").out.decode().strip()
    with Server("--data-dir", "d", "--token", token) as server:
        server.write("a", token=token)
        other = run("store", "token", "tenant").out.decode().strip()
        same(server.call("ns.create", "tenant", {"token": other}, token=token)["token"], other)
        server.write("a", token=other)
    expect(run("store", "token").out.decode().strip() != token)
    run("store", "token", "x" * 201, code=2)


@test
def without_a_verb_it_says_what_there_is():
    result = run("store", code=2)
    for verb in (b"store backup", b"store check", b"store namespaces", b"store streams", b"store export", b"store import",
                 b"store token"):
        expect(verb in result.out, verb, result)
    expect(b"did you mean 'store check'" in run("store", "chekc", "d", code=2).err)
    expect(b"--strict" in run("help", "store", "check").out)
    expect(b"--strict" in run("store", "check", "--help").out)


@test
def a_directory_of_eventodb_is_looked_at_as_it_is_and_taken_over_when_served():
    os.mkdir("d")
    with sqlite3.connect("d/meta.db") as db:
        db.executescript("""
            CREATE TABLE namespaces (id TEXT PRIMARY KEY, token_hash TEXT UNIQUE NOT NULL, db_path TEXT UNIQUE NOT NULL,
              description TEXT, created_at INTEGER NOT NULL, metadata TEXT DEFAULT '{}');
            CREATE TABLE schema_migrations (version TEXT PRIMARY KEY, applied_at INTEGER);""")
        db.execute("INSERT INTO namespaces VALUES ('default', ?, './elsewhere/default.db', 'Default namespace', 1736900000,"
                   " '{}')", ("6fefedfc989ca8bea8ce1b63672607c06fbd0d8b3c0667164cf4f5a02911fb52",))
    with sqlite3.connect("d/default.db") as db:
        db.executescript("""
            CREATE TABLE messages (id TEXT NOT NULL, stream_name TEXT NOT NULL, type TEXT NOT NULL, position INTEGER NOT NULL,
              global_position INTEGER PRIMARY KEY AUTOINCREMENT, data TEXT, metadata TEXT, time INTEGER NOT NULL);
            CREATE UNIQUE INDEX messages_id ON messages (id);
            CREATE UNIQUE INDEX messages_stream ON messages (stream_name, position);
            CREATE TABLE _schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER);
            INSERT INTO _schema_version VALUES (1, 1), (2, 1);""")
        for n in range(12):
            db.execute("INSERT INTO messages VALUES (?, ?, 'T', ?, NULL, ?, NULL, 1736900000)",
                       ("018f0000-0000-7000-8000-%012x" % n, "account-%d" % (n % 2), n // 2, b'{"n":%d}' % n))
    registry = ("--registry", "meta.db")
    result = run("store", "check", "d", *registry, "--strict")
    expect(b"default: 12 messages in 2 streams" in result.out and b"not yet taken over: ok" in result.out, result)
    same([line.split(b"\t")[0] for line in run("store", "streams", "d", *registry).out.splitlines()],
         [b"account-0", b"account-1"])
    run("store", "backup", "d", "copy", *registry)
    for where in ("copy", "d"):
        with Server("--data-dir", where, *registry, "--token", ZEROS) as server:
            same(server.call("stream.version", "account-1", token=ZEROS), 5)
            same(server.write("account-1", token=ZEROS), {"position": 6, "globalPosition": 13})
        result = run("store", "check", where, *registry, "--strict")
        expect(b"default: 13 messages in 2 streams" in result.out and b": ok\n" in result.out, result)


main(KNOWN)
