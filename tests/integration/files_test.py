# SPDX-License-Identifier: MIT
"""`--files new`: each file of a pattern is taken once, by whatever run, killed ones included; changed ones again."""
import contextlib
import os
import random
import signal
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, read, run, same, start, test, write

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


@test
def killed_at_any_moment_each_file_is_taken_once():
    chance = random.Random(7)
    os.mkdir("in")
    for target in ("out.csv", "out.db"):
        flags = ("--to-opt", "append=true") if target == "out.csv" else ("--to-opt", "mode=append", "--infer", "off")
        wanted = []
        for turn in range(4):
            rows = ["%s-%d-%d" % (target, turn, i) for i in range(3000)]
            wanted += rows
            write("in/%s-%d.csv" % (target, turn), "a\n" + "\n".join(rows) + "\n")
            for _ in range(4):
                process = start("copy", "in/%s-*.csv" % target, target, *FLAGS, *flags, "--checkpoint-records", "500")
                time.sleep(chance.uniform(0, 0.06))
                process.signal(signal.SIGKILL)
                process.finish(60)
            run("copy", "in/%s-*.csv" % target, target, *FLAGS, *flags)
            if target == "out.csv":
                got = read(target).decode().splitlines()[1:]
            else:
                with contextlib.closing(sqlite3.connect(target)) as db:
                    table = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchone()[0]
                    got = [row[0] for row in db.execute('SELECT a FROM "%s"' % table)]
            expect(got == wanted, "other rows", target, turn, len(got), len(wanted))


main()
