# SPDX-License-Identifier: MIT
"""`--files new`: each file of a pattern is taken once, by whatever run, killed ones included; changed ones again."""
import contextlib
import glob
import os
import random
import signal
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, read, run, same, start, test, write

SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 32)
RANDOM = random.Random(SEED)
TURNS = int(os.environ.get("TURNS", "4"))
FLAGS = ("--files", "new", "--state-dir", "state", "--summary", "json", "--progress", "off")


def take(target, *flags, code=0):
    return run("copy", "in/*.csv", target, *FLAGS, *flags, code=code).summary()


def prepare():
    os.mkdir("in")
    write("in/1.csv", "a\n1\n")
    write("in/2.csv", "a\n2\n")


@test
def files_are_taken_once():
    prepare()
    append = ("--to-opt", "append=true")
    same(take("out.csv", *append)["read"], 2)
    same(read("out.csv"), b"a\n1\n2\n")
    again = take("out.csv", *append)
    same((again["status"], again["read"]), ("nothing_new", 0))
    same(read("out.csv"), b"a\n1\n2\n", "nothing new leaves the target alone")
    write("in/3.csv", "a\n3\n")
    same(take("out.csv", *append)["read"], 1)
    write("in/2.csv", "a\n22\n")  # has changed
    os.utime("in/1.csv", (1, 1))  # was only touched
    same(take("out.csv", *append)["read"], 1)
    same(read("out.csv"), b"a\n1\n2\n3\n22\n")
    write("in/1.csv", "a\n9\n")  # the same size
    os.utime("in/1.csv", (2, 2))
    same(take("out.csv", *append)["read"], 1)
    same(read("out.csv"), b"a\n1\n2\n3\n22\n9\n")


@test
def a_failed_run_has_taken_nothing():
    prepare()
    write("in/3.csv", "a\n3,4\n")
    take("out.jsonl", "--on-error", "fail", code=4)
    write("in/3.csv", "a\n3\n")
    same(take("out.jsonl", "--on-error", "fail")["read"], 3)


@test
def what_it_is_not_for_is_said():
    said = run("copy", "generate:mixed10?rows=3", "out.csv", *FLAGS, code=2)
    expect(b"'files: new' is for files that csv and json read" in said.err, said)


def rows_of(target):
    if not target.endswith(".db"):
        return read(target).decode().splitlines()[1:]
    with contextlib.closing(sqlite3.connect(target)) as db:
        (table,) = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'millrace%'").fetchone()
        return [str(row[0]) for row in db.execute('SELECT * FROM "%s"' % table)]


def take_with_kills(source, target, *flags):
    """One run, started until one is let live; it is followed by another now and then, which has nothing to do."""
    for _ in range(RANDOM.randint(0, 4)):
        process = start("copy", source, target, *FLAGS, *flags, "--checkpoint-records", "500")
        time.sleep(RANDOM.uniform(0, 0.05))
        process.signal(signal.SIGKILL)
        process.finish(60)
    run("copy", source, target, *FLAGS, *flags)


@test
def killed_at_any_moment_each_file_is_taken_once():
    os.mkdir("in")
    for target in ("out.csv", "out.db"):
        flags = ("--to-opt", "append=true") if target == "out.csv" else ("--to-opt", "mode=append", "--infer", "off")
        wanted = []
        for turn in range(TURNS):
            rows = ["%s-%d-%d" % (target, turn, i) for i in range(3000)]
            wanted += rows
            write("in/%s-%03d.csv" % (target, turn), "a\n" + "\n".join(rows) + "\n")
            take_with_kills("in/%s-*.csv" % target, target, *flags)
            got = rows_of(target)
            expect(got == wanted, "other rows", SEED, target, turn, len(got), len(wanted))


@test
def files_that_have_grown_are_read_again_and_only_their_new_rows_taken():
    os.mkdir("in")
    for target in ("out.csv", "out.db"):
        flags = ("--mode", "incremental", "--cursor", "id")
        flags += ("--to-opt", "append=true") if target == "out.csv" else ("--to-opt", "mode=append")
        path, count = "in/%s-growing.csv" % target, 0
        write(path, "id\n")
        for turn in range(TURNS):
            with open(path, "a") as file:
                file.write("".join("%d\n" % i for i in range(count, count + 3000)))
            count += 3000
            take_with_kills("in/%s-*.csv" % target, target, *flags)
            got = rows_of(target)
            expect(got == [str(i) for i in range(count)], "other rows", SEED, target, turn, len(got), count)


@test
def an_unfinished_run_whose_files_have_changed_is_no_silent_restart():
    os.mkdir("in")
    write("in/1.csv", "a\n" + "1234567890123456789012345678901234567890\n" * 2000000)
    process = start("copy", "in/*.csv", "out.csv", *FLAGS, "--checkpoint-records", "1000")
    for _ in range(10000):
        if glob.glob("state/*/journal*"):
            break
        time.sleep(0.001)
    process.signal(signal.SIGKILL)
    expect(process.finish(60).code != 0, "it was over before the kill")
    write("in/1.csv", "a\n1\n")
    said = run("copy", "in/*.csv", "out.csv", *FLAGS, code=2)
    expect(b"are not what they were" in said.err and b"--resume never" in said.err, said)
    run("copy", "in/*.csv", "out.csv", *FLAGS, "--resume", "never")
    same(read("out.csv"), b"a\n1\n")


main()
