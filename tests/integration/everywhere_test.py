# SPDX-License-Identifier: MIT
"""A run is killed just before each of the calls by which it changes files, one after the other, and started again until it is
through: the result is that of a run which nobody disturbed. The windows of a few microseconds that random kills do not hit.

MILLRACE_LONG=1 takes every call of every scenario; else a sample of them where there are many."""
import glob
import os
import random
import shutil
import signal
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import PROGRAM, expect, main, read, rejects, run, same, sanitized, skip, test, write

LIBRARY = os.path.join(os.path.dirname(PROGRAM), "libdying_io.so")
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 32)
RANDOM = random.Random(SEED)
MOST = 10000 if os.environ.get("MILLRACE_LONG") else 24
QUIET = ("--summary", "json", "--progress", "off")
OFTEN = ("--checkpoint-records", "300", "--state-dir", "state")


def rows(first, count, name="name"):
    lines = []
    for i in range(first, first + count):
        lines.append("%d,too few" % i if i % 997 == 5 else "%d,%s %d,%d.25,%s" % (i, name, i, i, "x" * 150))
    return "id,name,price,note\n" + "\n".join(lines) + "\n"


def table(path):
    """The rows of the only table that is the user's."""
    db = sqlite3.connect(path)
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                                            "name NOT LIKE 'millrace%'")]
    same(len(names), 1, names)
    found = db.execute('SELECT * FROM "%s" ORDER BY rowid' % names[0]).fetchall()
    same(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
    db.close()
    return found


def result(target):
    there = os.path.exists(target)
    content = (table if target.endswith(".db") else read)(target) if there else None
    kept = [entry for path in sorted(glob.glob(target + ".rejects.jsonl*")) if not path.endswith(".part")
            for entry in rejects(path)]
    return content, kept


def files():
    """An empty shell of SQLite's journal may lie there until somebody writes to that database."""
    return sorted(name for name in os.listdir(".") if not name.endswith(".db-journal"))


def one(command, code, at=None, tally=None):
    env = {"LD_PRELOAD": LIBRARY, "DYING_IO_COUNT": "count"}
    if at is not None:
        env["DYING_IO_AT"] = str(at)
    done = run(*command, code=None, env=env)
    if at is not None and done.code == -signal.SIGKILL:
        tally["kills"] += 1
        return False
    expect(done.code in code, "code %d, seed %d, killed at %s" % (done.code, SEED, tally["path"] if tally else at), done)
    return True


def everywhere(prepare, target, *flags, source="in.csv", code=(0, 3), word="copy"):
    """`prepare` makes input and target anew; `code`: how the run may end when nobody kills it. Not for plain appending, which
    does it again when it is started again behind its end."""
    if sanitized() or not os.path.exists(LIBRARY):
        skip("a sanitizer's library must be the first to be loaded")
    command = [word, source, target, *OFTEN, *QUIET, *flags] if word == "copy" else [word, source, *OFTEN, *QUIET, *flags]

    def fresh():
        for path in os.listdir("."):
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        prepare()

    fresh()
    one(command, code)
    wanted, calls = result(target), int(read("count"))
    whole = files()
    tally = {"kills": 0, "path": []}
    points = range(1, calls + 1)
    if calls > MOST:
        points = sorted(RANDOM.sample(points, MOST - 16) + list(range(calls - 15, calls + 1)))
    for at in points:
        fresh()
        tally["path"] = [at]
        if not one(command, code, at, tally) and RANDOM.random() < 0.5:  # killed once more while it goes on
            tally["path"].append(RANDOM.randint(1, calls))
            one(command, code, tally["path"][-1], tally)
        one(command, code, tally=tally)
        got = result(target)
        same(got[0], wanted[0], "seed %d, killed at %s of %d" % (SEED, tally["path"], calls))
        same(got[1], wanted[1], "rejects, seed %d, killed at %s of %d" % (SEED, tally["path"], calls))
        same(files(), whole, "seed %d, killed at %s of %d" % (SEED, tally["path"], calls))
    print("    %-60s %4d calls, %4d kills" % (" ".join(command[:3])[:60], calls, tally["kills"]), flush=True)


def input_alone():
    write("in.csv", rows(0, 3000))


@test
def a_file_that_is_replaced():
    def prepare():
        input_alone()
        write("out.jsonl", "old\n")
    everywhere(prepare, "out.jsonl")


@test
def compressed_files():
    everywhere(input_alone, "out.csv.gz")
    everywhere(input_alone, "out.jsonl.zst")


@test
def databases():
    def with_old():
        input_alone()
        db = sqlite3.connect("out.db")
        db.execute('CREATE TABLE "out" (id, name, price, note)')
        db.execute("INSERT INTO \"out\" VALUES (1, 'old', 1, 'x')")
        db.commit()
        db.close()
    everywhere(input_alone, "out.db", "--to-opt", "mode=replace")
    everywhere(with_old, "out.db", "--to-opt", "mode=replace")
    everywhere(input_alone, "out.db", "--to-opt", "commit_every=500", "--mode", "merge", "--keys", "id")


@test
def only_new_files():
    def prepare(target, *flags):
        os.mkdir("in")
        write("in/1.csv", rows(0, 600))
        run("copy", "in/*.csv", target, *OFTEN, *QUIET, *flags, code=3)
        write("in/2.csv", rows(600, 600))
        write("in/3.csv", rows(1200, 600))
    for target, option in (("out.csv", "append=true"), ("out.db", "mode=append")):
        flags = ("--files", "new", "--to-opt", option)
        everywhere(lambda: prepare(target, *flags), target, *flags, source="in/*.csv")


@test
def what_is_above_a_cursor():
    def prepare(target, *flags):
        write("in.csv", rows(0, 600))
        run("copy", "in.csv", target, *OFTEN, *QUIET, *flags, code=3)
        write("in.csv", rows(0, 2000))
    for target, option in (("out.csv", "append=true"), ("out.db", "mode=append")):
        flags = ("--mode", "incremental", "--cursor", "id", "--to-opt", option)
        everywhere(lambda: prepare(target, *flags), target, *flags)
    flags = ("--mode", "merge", "--cursor", "id", "--keys", "name")
    everywhere(lambda: prepare("out.db", *flags), "out.db", *flags)


@test
def runs_that_fail():
    """Too many rejects: the target stays as it was, the rejects are told, and the next run begins anew."""
    def prepare():
        input_alone()
        write("out.csv", "id,name,price,note\n")
    everywhere(prepare, "out.csv", "--max-rejects", "2", code=(4,))

    def loaded(target, *flags):
        write("in.csv", rows(6, 600))
        run("copy", "in.csv", target, *OFTEN, *QUIET, *flags)
        write("in.csv", rows(6, 3000))
    for target, option in (("out.csv", "append=true"), ("out.db", "mode=append")):
        flags = ("--mode", "incremental", "--cursor", "id", "--max-rejects", "2", "--to-opt", option)
        everywhere(lambda: loaded(target, *flags), target, *flags, code=(4,))
    everywhere(input_alone, "out.db", "--max-rejects", "2", code=(4,))


@test
def steps_that_remember():
    def prepare():
        input_alone()
        write("p.yaml", "source: in.csv\ndestination: out.csv\ntransforms:\n"
                        "  - map: {key: .id * .id % 997}\n  - dedupe: {by: [key], window: 900}\n")
    everywhere(prepare, "out.csv", source="p.yaml", word="run")

    def groups():
        input_alone()
        write("p.yaml", "source: in.csv\ndestination: out.csv\ntransforms:\n"
                        "  - aggregate: {by: [note], values: {n: count(), s: sum(price)}}\n")
    everywhere(groups, "out.csv", source="p.yaml", word="run")


main()
