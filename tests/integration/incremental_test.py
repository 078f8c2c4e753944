# SPDX-License-Identifier: MIT
"""Incremental loads against a slow obvious twin: whatever was inserted between the runs, late or at the very watermark, is
loaded once, and a run that is killed at any moment and started again loses and repeats nothing."""
import json
import os
import random
import signal
import sqlite3
import sys
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import balanced, expect, main, one_line_error, read, rejects, run, same, start, test, write
from serving import ZEROS, Server

RANDOM = random.Random(int(os.environ.get("SEED", "0")) or None)
QUIET = ("--summary", "json", "--progress", "off")
DAY = datetime(2024, 2, 28, tzinfo=timezone.utc)


def load(source, target, *flags, code=0, **more):
    result = run("copy", source, target, *QUIET, *flags, code=code, **more)
    return balanced(result.summary()) if code in (0, 3) else result


# --- the twin


class Twin:
    """Which rows a run takes. A row is (cursor, everything, keys); cursors are compared as Python compares them."""

    def __init__(self, lookback):
        self.high, self.seen, self.lookback, self.reach, self.out = None, {}, lookback, None, []

    def run(self, rows, lookback=None):
        back = self.lookback if lookback is None else lookback
        low = self.high
        if self.high is not None and back:
            low = max(self.high - back, self.reach) if self.reach is not None else self.high - back
        taken = [r for r in rows if low is None or (r[0] >= low and r[2] not in self.seen)]
        self.out += [r[1] for r in taken]
        if not taken:
            return
        highest = max(r[0] for r in taken)
        high = highest if self.high is None else max(self.high, highest)
        edge = high - back if back else high
        if back and self.reach is not None:
            edge = max(edge, self.reach)
        self.seen = {k: c for k, c in self.seen.items() if c >= edge}
        self.seen.update({r[2]: r[0] for r in taken if r[0] >= edge})
        self.high, self.reach = high, edge


KINDS = {
    "int": (lambda n: n, lambda n: str(n), "INTEGER"),
    "decimal": (lambda n: Decimal(n) / 4, lambda n: "%.2f" % (n / 4), "DECIMAL_TEXT"),
    "time": (lambda n: DAY + timedelta(hours=n), lambda n: (DAY + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%SZ"),
             "TIMESTAMP"),
    "date": (lambda n: DAY + timedelta(days=n), lambda n: (DAY + timedelta(days=n)).strftime("%Y-%m-%d"), "DATE"),
    "text": (lambda n: "k%06d" % n, lambda n: "k%06d" % n, "TEXT"),
}
LOOKBACK = {"int": (3, "3"), "time": (timedelta(hours=5), "5h"), "date": (timedelta(days=2), "2d")}


class History:
    """A table that grows: mostly upwards, often at the same value, sometimes late."""

    def __init__(self, source, kind, keyed):
        self.source, self.kind, self.keyed = source, kind, keyed
        self.rows, self.at, self.id = [], 10, 0
        if source.endswith(".db"):
            if os.path.exists(source):
                os.unlink(source)
            self.db = sqlite3.connect(source, isolation_level=None)
            self.db.execute("PRAGMA synchronous=OFF")
            self.db.execute("CREATE TABLE t(id INTEGER, at %s, v TEXT)" % KINDS[kind][2])

    def grow(self, count):
        fresh = []
        for _ in range(count):
            step = RANDOM.random()
            self.at += step > 0.5
            at = self.at - RANDOM.choice([0, 0, 0, 0, 1, 2, 4, 9])
            self.id += 1
            fresh.append((self.id if self.keyed else self.id % 3, at, RANDOM.choice("ab")))
        RANDOM.shuffle(fresh)
        self.rows += fresh
        value, text, _ = KINDS[self.kind]
        if self.source.endswith(".db"):
            self.db.executemany("INSERT INTO t VALUES (?, ?, ?)",
                                [(i, at if self.kind == "int" else text(at), v) for i, at, v in fresh])
        elif self.source.endswith(".csv"):
            write(self.source, "id,at,v\n" + "".join("%d,%s,%s\n" % (i, text(at), v) for i, at, v in self.rows))
        else:
            bare = self.kind in ("int", "decimal")
            write(self.source, "".join('{"id":%d,"at":%s,"v":"%s"}\n' % (i, text(at) if bare else '"%s"' % text(at), v)
                                       for i, at, v in self.rows))

    def seen_by_twin(self):
        value, text, _ = KINDS[self.kind]
        return [(value(at), (str(i), text(at), v), (i, at) if self.keyed else (i, at, v)) for i, at, v in self.rows]


def contents(target):
    if target.endswith(".db"):
        db = sqlite3.connect(target)
        return [tuple(str(c) for c in row) for row in db.execute("SELECT id, at, v FROM t ORDER BY rowid")]
    if target.endswith(".csv"):
        lines = read(target).decode().splitlines()
        same(lines[0], "id,at,v")
        return [tuple(line.split(",")) for line in lines[1:]]
    rows = [json.loads(line, parse_float=str) for line in read(target).decode().splitlines()]
    return [tuple(str(r[k]) for k in ("id", "at", "v")) for r in rows]


def endpoint(path, role):
    return path + "?table=t" if path.endswith(".db") else path


def against_the_twin(source, target, kind, keyed, back):
    for path in (source, target):
        if os.path.exists(path):
            os.unlink(path)
    lookback, flag = LOOKBACK[kind] if back else (None, None)
    history, twin = History(source, kind, keyed), Twin(lookback)
    flags = ["--mode", "incremental", "--cursor", "at", "--state-dir", "state-%s-%s" % (source, target)]
    flags += ["--keys", "id"] if keyed else []
    flags += ["--lookback", flag] if back else []
    for _ in range(5):
        history.grow(RANDOM.choice([1, 3, 8]))
        twin.run(history.seen_by_twin())
        summary = load(endpoint(source, "from"), endpoint(target, "to"), *flags)
        same(contents(target), twin.out, source, target, kind, keyed, back)
        same(summary["watermark"]["cursor"], "at")
    summary = load(endpoint(source, "from"), endpoint(target, "to"), *flags)
    same(summary["written"], 0)
    os.system("rm -rf state-%s-%s" % (source, target))


@test
def every_source_and_destination_agrees_with_the_twin():
    plans = [(s, t, k, keyed, back) for s in ("s.db", "s.csv", "s.jsonl") for t in ("d.db", "d.csv", "d.jsonl")
             for k in KINDS for keyed in (False, True) for back in (False, True) if not back or k in LOOKBACK]
    few = int(os.environ.get("ROUNDS", "0")) == 0
    for plan in RANDOM.sample(plans, 8) if few else plans:
        against_the_twin(*plan)


# --- modes


def table(path, rows, sql="CREATE TABLE IF NOT EXISTS t(id INTEGER, at TIMESTAMP, v TEXT)"):
    with sqlite3.connect(path) as db:
        db.execute(sql)
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    db.close()


def rows_of(path, sql="SELECT * FROM t ORDER BY 1, 2"):
    return sqlite3.connect(path).execute(sql).fetchall()


@test
def each_mode_does_what_it_says():
    table("s.db", [(1, "2024-01-01", "a"), (2, "2024-01-02", "b")])
    for mode, twice in (("full", 2), ("append", 4), ("snapshot", 4)):
        for target in ("d.db?table=t", "d.csv", "d.jsonl"):
            for _ in range(2):
                load("s.db", target, "--mode", mode)
            count = len(rows_of("d.db")) if "db" in target else len(read(target).splitlines()) - ("csv" in target)
            same(count, twice, mode, target)
            os.unlink(target.split("?")[0])
    load("s.db", "m.db?table=t", "--mode", "merge", "--keys", "id")
    table("s.db", [(2, "2024-01-03", "B"), (3, "2024-01-03", "c")])
    load("s.db?query=SELECT * FROM t WHERE rowid > 2", "m.db?table=t", "--mode", "merge", "--keys", "id")
    same(rows_of("m.db"), [(1, "2024-01-01", "a"), (2, "2024-01-03", "B"), (3, "2024-01-03", "c")])


@test
def a_snapshot_marks_each_row_with_its_run():
    write("s.csv", "id\n1\n2\n")
    for _ in range(2):
        load("s.csv", "d.csv", "--mode", "snapshot", "--snapshot-column", "run")
    lines = [line.split(b",") for line in read("d.csv").splitlines()]
    same(lines[0], [b"id", b"run"])
    marks = [line[1] for line in lines[1:]]
    same(len(set(marks)), 2)
    expect(marks == sorted(marks) and len(marks[0]) == len("2024-01-01T00:00:00.000000Z"), marks)
    result = run("copy", "d.csv", "e.csv", "--mode", "snapshot", "--snapshot-column", "run", code=2)
    one_line_error(result, "snapshot_column", "run")


@test
def merging_keeps_the_newest_of_a_key_whatever_the_order():
    write("s.csv", "id,n,v\n1,9,new\n1,10,newest\n1,2,old\n2,1,x\n")
    load("s.csv", "d.db?table=t", "--mode", "merge", "--keys", "id", "--cursor", "n")
    same(rows_of("d.db"), [(1, 10, "newest"), (2, 1, "x")])
    write("s.csv", "id,n,v\n1,9,new\n1,10,newest\n1,2,old\n2,1,x\n2,11,y\n1,10,again\n")
    summary = load("s.csv", "d.db?table=t", "--mode", "merge", "--keys", "id", "--cursor", "n")
    same(rows_of("d.db"), [(1, 10, "again"), (2, 11, "y")])
    same((summary["read"], summary["filtered"]), (6, 3))


@test
def the_first_run_begins_at_cursor_start():
    table("s.db", [(n, "2024-01-%02d" % n, "v") for n in range(1, 10)])
    load("s.db", "d.db?table=t", "--mode", "incremental", "--cursor", "at", "--cursor-start", "2024-01-05")
    same([r[0] for r in rows_of("d.db")], [5, 6, 7, 8, 9])


@test
def full_loads_everything_again_and_the_next_run_goes_on():
    flags = ("--cursor", "id", "--mode")
    table("s.db", [(n, "2024-01-01", "v") for n in range(1, 4)])
    for target in ("d.db?table=t", "d.jsonl"):
        load("s.db", target, *flags, "incremental")
        same(load("s.db", target, *flags, "full")["written"], 3)
        same(load("s.db", target, *flags, "incremental")["written"], 0)
    result = run("copy", "s.db", "d.db?table=t", "--cursor", "at", "--mode", "incremental", code=2)
    one_line_error(result, "'id'", "'at'", "--mode full")
    os.unlink("d.jsonl")
    one_line_error(run("copy", "s.db", "d.jsonl", *flags, "incremental", code=2), "d.jsonl", "--mode full")
    sqlite3.connect("d.db").execute("DROP TABLE t").connection.commit()
    one_line_error(run("copy", "s.db", "d.db?table=t", *flags, "incremental", code=2), '"t"', "--mode full")
    same(load("s.db", "d.jsonl", *flags, "full")["written"], 3)


@test
def the_source_reads_only_what_is_new():
    table("s.db", [(n, "2024-01-01T00:00:%02dZ" % (n % 60), "v") for n in range(1, 1000)])
    flags = ("d.db?table=t", "--mode", "incremental", "--cursor", "id")
    load("s.db", *flags)
    table("s.db", [(n, "2024-01-02T00:00:00Z", "v") for n in range(1000, 1003)])
    summary = load("s.db", *flags)
    same((summary["read"], summary["written"], summary["deduplicated"]), (4, 3, 1))
    query = "s.db?query=SELECT * FROM t -- all of it;"
    same(load(query, "q.db?table=t", "--mode", "incremental", "--cursor", "id")["written"], 1002)
    table("s.db", [(2000, "2024-01-03T00:00:00Z", "v")])
    same(load(query, "q.db?table=t", "--mode", "incremental", "--cursor", "id")["read"], 2)


@test
def moments_are_compared_whatever_their_spelling():
    spelled = [("2024-03-01T12:00:00Z", 1), ("2024-03-01T11:30:00-01:00", 2), ("2024-03-01T14:00:00+05:00", 3)]
    table("s.db", [(n, at, "v") for at, n in spelled[:1]])
    flags = ("d.jsonl", "--mode", "incremental", "--cursor", "at")
    load("s.db", *flags)
    table("s.db", [(n, at, "v") for at, n in spelled[1:]])
    same(load("s.db", *flags)["written"], 1)  # the third is earlier than the first
    same([json.loads(line)["id"] for line in read("d.jsonl").splitlines()], [1, 2])


@test
def records_without_a_cursor_are_rejected_or_skipped():
    write("s.jsonl", '{"id":1,"n":5}\n{"id":2}\n{"id":3,"n":null}\n')
    summary = load("s.jsonl", "d.jsonl", "--mode", "incremental", "--cursor", "n", code=3)
    same((summary["written"], summary["rejected"]), (1, 2))
    same({r["stage"] for r in rejects("d.jsonl.rejects.jsonl")}, {"cursor"})
    summary = load("s.jsonl", "e.jsonl", "--mode", "incremental", "--cursor", "n", "--cursor-nulls", "skip")
    same((summary["written"], summary["filtered"]), (1, 2))


@test
def contradictions_name_both_keys():
    write("s.csv", "id,n\n1,2\n")
    plans = [
        (("d.db", "--mode", "merge"), ("mode: merge", "keys")),
        (("d.db", "--mode", "incremental"), ("mode: incremental", "cursor")),
        (("d.csv", "--mode", "merge", "--keys", "id"), ("mode: merge", "destination.type: csv")),
        (("csv:-", "--mode", "incremental", "--cursor", "n"), ("mode: incremental", "destination.type: csv")),
        (("null:", "--mode", "incremental", "--cursor", "n"), ("mode: incremental", "destination.type: null")),
        (("d.csv", "--mode", "append", "--cursor", "n"), ("mode: append", "cursor: n")),
        (("d.csv", "--mode", "full", "--lookback", "3"), ("mode: full", "lookback: 3")),
        (("d.csv", "--mode", "incremental", "--cursor", "n", "--limit", "3"), ("incremental", "performance.limit")),
        (("d.csv", "--mode", "incremental", "--cursor", "n", "--sample", "0.5"), ("incremental", "sample")),
        (("d.csv", "--mode", "incremental", "--cursor", "n", "--resume", "never"), ("incremental", "resume: never")),
        (("d.csv?append=false", "--mode", "incremental", "--cursor", "n"), ("incremental", "destination.append: false")),
        (("d.db?mode=append", "--mode", "full"), ("mode: full", "destination.mode: append")),
        (("d.csv", "--mode", "incremental", "--cursor", "n", "--lookback", "2d"), ("lookback: 2d", "cursor: n")),
        (("d.csv", "--mode", "incremental", "--cursor", "n", "--cursor-start", "x"), ("cursor_start: x", "cursor: n")),
        (("d.csv", "--mode", "incremental", "--cursor", "m"), ("cursor", "'m'", "'n'")),
        (("d.csv", "--mode", "incremental", "--cursor", "n", "--keys", "idd"), ("keys", "'idd'", "'id'")),
    ]
    for args, words in plans:
        one_line_error(run("copy", "s.csv", *args, code=2), *words)
        expect(not os.path.exists(args[0].split("?")[0]), args)


@test
def rows_of_other_columns_do_not_get_into_a_file():
    write("d.csv", "id,other\n1,2\n")
    write("s.csv", "id,n\n1,2\n")
    run("copy", "s.csv", "d.csv", "--mode", "append", code=3)
    same([r["reason"] for r in rejects("d.csv.rejects.jsonl")], ["drift"])
    same(read("d.csv"), b"id,other\n1,2\n")


@test
def states_are_shown_and_kept_when_a_run_fails():
    write("s.csv", "id,n\n1,1\n2,2\n")
    flags = ("--mode", "incremental", "--cursor", "n")
    load("s.csv", "d.csv", *flags)
    shown = run("state", "show").out.decode()
    expect("up to n 2" in shown, shown)
    write("s.csv", "id,n\n1,1\n2,2\n3,3\nx,y,z\n")
    run("copy", "s.csv", "d.csv", *flags, "--max-rejects", "0", code=4)
    same(read("d.csv"), b"id,n\n1,1\n2,2\n")
    load("s.csv", "d.csv", *flags, code=3)
    same(read("d.csv"), b"id,n\n1,1\n2,2\n3,3\n")


@test
def a_store_is_read_behind_its_last_position():
    with Server("--data-dir", "data", "--token", ZEROS, verb=("serve", "--listen", "127.0.0.1:0")) as server:
        server.token = ZEROS
        source, env = "store:http://127.0.0.1:%d" % server.port, {"MILLRACE_TOKEN": ZEROS}
        for n in range(5):
            server.call("stream.write", "a-%d" % n, {"type": "T", "data": {"n": n}})
        same(load(source, "d.jsonl", "--mode", "incremental", env=env)["written"], 5)
        for n in range(5, 8):
            server.call("stream.write", "a-%d" % n, {"type": "T", "data": {"n": n}})
        summary = load(source, "d.jsonl", "--mode", "incremental", env=env)
        same((summary["read"], summary["written"]), (4, 3))
        same([json.loads(line)["data"]["n"] for line in read("d.jsonl").splitlines()], list(range(8)))


# --- killed


def big(count, first=0):
    return "".join("%d,%d,%s\n" % (i, i // 3, "x" * (i % 40)) for i in range(first, first + count))


def kills(source, target, grow, wanted, *flags, rounds):
    """Kills runs until each growth of the source has been loaded."""
    killed, usual = 0, 0.02
    args = ["copy", source, target, *QUIET, *flags]
    for number in range(rounds):
        grow(number)
        for attempt in range(60):
            process = start(*args)
            if attempt < 4:
                time.sleep(RANDOM.uniform(0, 0.8 * usual))
                process.signal(signal.SIGKILL)
            result = process.finish(60)
            if result.code == 0:
                usual = max(result.seconds, 0.005)
                break
            same(result.code, -signal.SIGKILL, result)
            killed += 1
        run(*args)  # the one before may only have finished what was there
        wanted(number)
    return killed


@test
def a_killed_load_leaves_no_gap_and_nothing_twice():
    rounds = max(3, int(os.environ.get("ROUNDS", "0")) // 10)
    every = ("--checkpoint-records", "9000", "--mode", "incremental", "--cursor", "n")
    header = "id,n,v\n"

    def grow_csv(number):
        with open("s.csv", "a") as out:
            out.write((header if number == 0 else "") + big(40000, number * 40000))

    def wanted_csv(number):
        expect(read("d.csv") == (header + big((number + 1) * 40000)).encode(), "another d.csv")

    killed = kills("s.csv", "d.csv", grow_csv, wanted_csv, *every, rounds=rounds)
    os.unlink("s.csv")

    def wanted_db(number):
        ids = [r[0] for r in sqlite3.connect("d.db").execute("SELECT id FROM t ORDER BY rowid")]
        same(ids, list(range((number + 1) * 40000)))

    killed += kills("s.csv", "d.db?table=t", grow_csv, wanted_db, *every, rounds=rounds)
    os.unlink("d.db")
    os.unlink("s.csv")
    killed += kills("s.csv", "d.db?table=t&commit_every=12000", grow_csv, wanted_db, *every, rounds=rounds)

    def grow_db(number):
        table("s.db", [(i, i // 3, "x") for i in range(number * 30000, number * 30000 + 30000)])

    def wanted_jsonl(number):
        ids = [json.loads(line)["id"] for line in read("d.jsonl").splitlines()]
        same(ids, list(range((number + 1) * 30000)))

    load = ("--mode", "incremental", "--cursor", "id")
    killed += kills("s.db", "d.jsonl", grow_db, wanted_jsonl, *load, rounds=rounds)
    expect(killed > 4, "hardly anything was ever killed: %d times" % killed)


main()
