# SPDX-License-Identifier: MIT
"""Checkpoints inside a database: what others see meanwhile, what is left, and when a run starts over."""
import contextlib
import os
import signal
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, leftovers, main, one_line_error, run, same, start, test, write
from torture import EVERY, states

RECORDS = ("--checkpoint-records", "1000")


def rows(count):
    return "id,name\n" + "".join("%d,n%d\n" % (i, i) for i in range(count))


def query(path, sql):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def tables(path):
    return [row[0] for row in query(path, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]


def old_database(path="out.db"):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (id TEXT, name TEXT)")
        db.execute("CREATE INDEX by_name ON t (name)")
        db.execute("INSERT INTO t VALUES ('old', 'old')")
        db.commit()


def stopped(*args, number=signal.SIGTERM):
    """A run that was stopped with a checkpoint to go on from."""
    for _ in range(5):
        process = start("copy", *args, *RECORDS, *EVERY)
        while not states() and process.is_running():
            time.sleep(0.001)
        process.signal(number)
        result = process.finish(30)
        if states() and result.code in (143, -9):
            return
    expect(False, "could not be stopped", result)


@test
def a_new_database_is_gone_on_in_and_shows_nothing_before_it_is_complete():
    write("in.csv", rows(300_000))
    for number in (signal.SIGTERM, signal.SIGKILL):
        stopped("in.csv", "out.db", number=number)
        expect(not os.path.exists("out.db"), "published too early")
        expect("millrace_state" in tables("out.db.part"), tables("out.db.part"))
        summary = run("copy", "in.csv", "out.db", *RECORDS, *EVERY).summary()
        expect(summary["checkpoint"]["resumed_from"] > 0, summary)
        same(query("out.db", "SELECT count(*), count(DISTINCT id), sum(id) FROM out"),
             [(300_000, 300_000, sum(range(300_000)))])
        same(tables("out.db"), ["out"])
        same((leftovers(), states()), ([], []))
        same(query("out.db", "PRAGMA integrity_check"), [("ok",)])
        os.unlink("out.db")


@test
def names_that_are_one_to_sqlite_stay_apart_when_a_run_goes_on():
    write("in.csv", "a,A,b\n" + "".join("%d,x%d,y\n" % (i, i) for i in range(300_000)))
    stopped("in.csv", "out.db")
    run("copy", "in.csv", "out.db", *RECORDS, *EVERY)
    same(query("out.db", "SELECT a, A_2, b FROM out WHERE rowid = 299999"), [(299_998, "x299998", "y")])


@test
def a_table_that_is_replaced_stays_until_the_new_one_is_complete():
    write("in.csv", rows(300_000))
    old_database()
    args = ("in.csv", "out.db", "--to-opt", "table=t", "--to-opt", "mode=replace")
    stopped(*args)
    same(query("out.db", "SELECT * FROM t"), [("old", "old")])
    same(tables("out.db"), ["millrace_new_t", "millrace_state", "t"])
    run("copy", *args, *RECORDS, *EVERY)
    same(query("out.db", "SELECT count(*) FROM t"), [(300_000,)])
    same(tables("out.db"), ["t"])
    same(query("out.db", "SELECT name FROM sqlite_schema WHERE type = 'index'"), [("by_name",)])


@test
def a_replacement_that_is_not_gone_on_with_is_cleared_away():
    write("in.csv", rows(300_000))
    old_database()
    args = ("in.csv", "out.db", "--to-opt", "table=t", "--to-opt", "mode=replace")
    stopped(*args)
    run("copy", *args, *EVERY, "--resume", "never")
    same(query("out.db", "SELECT count(*) FROM t"), [(300_000,)])
    same((tables("out.db"), states()), (["t"], []))


@test
def commits_that_were_asked_for_are_checkpoints():
    write("in.csv", rows(200_000))
    old_database()
    args = ("in.csv", "out.db", "--to-opt", "table=t", "--to-opt", "commit_every=5000", "--infer", "off")
    stopped(*args, number=signal.SIGKILL)
    seen = query("out.db", "SELECT count(*) FROM t")[0][0]
    summary = run("copy", *args, *RECORDS, *EVERY).summary()
    same(summary["checkpoint"]["resumed_from"], seen - 1, "the rows that are there are those of the checkpoint")
    same(query("out.db", "SELECT count(*), count(DISTINCT id) FROM t"), [(200_001, 200_001)])
    same(tables("out.db"), ["t"])


@test
def a_run_into_a_table_that_is_there_starts_over_and_says_so():
    write("in.csv", rows(300_000))
    old_database()
    args = ("in.csv", "out.db", "--to-opt", "table=t", "--infer", "off")
    process = start("copy", *args, *RECORDS, *EVERY)
    time.sleep(0.15)
    process.signal(signal.SIGKILL)
    process.finish(30)
    same(states(), [])
    same(query("out.db", "SELECT * FROM t"), [("old", "old")])
    summary = run("copy", *args, *RECORDS, *EVERY).summary()
    expect("commit_every" in summary["checkpoint"]["none_because"], summary)
    same(query("out.db", "SELECT count(*) FROM t"), [(300_001,)])
    one_line_error(run("copy", *args, "--resume", "require", code=2), "commit_every")


@test
def a_database_that_lost_its_checkpoint_is_not_gone_on_in():
    write("in.csv", rows(200_000))
    old_database()
    args = ("in.csv", "out.db", "--to-opt", "table=t", "--to-opt", "commit_every=5000", "--infer", "off")
    stopped(*args)
    with contextlib.closing(sqlite3.connect("out.db")) as db:
        db.execute("DROP TABLE millrace_state")
        db.commit()
    one_line_error(run("copy", *args, *EVERY, code=2), "no longer holds the checkpoint", "--resume never")


@test
def a_state_directory_that_is_lost_does_no_harm_for_the_database_knows():
    write("in.csv", rows(200_000))
    stopped("in.csv", "out.db", "--state-dir", ".home/.millrace/state")
    for folder, _, names in os.walk(".home"):
        for name in names:
            os.unlink(os.path.join(folder, name))
    summary = run("copy", "in.csv", "out.db", *RECORDS, *EVERY).summary()
    expect(summary["checkpoint"]["resumed_from"] > 0, summary)
    same(query("out.db", "SELECT count(*), count(DISTINCT id) FROM out"), [(200_000, 200_000)])


@test
def a_database_as_a_source_is_refused_when_somebody_wrote_to_it():
    write("in.csv", rows(300_000))
    run("copy", "in.csv", "in.db")
    stopped("in.db", "out.jsonl")
    with contextlib.closing(sqlite3.connect("in.db")) as db:
        db.execute("DELETE FROM 'in' WHERE id = 5")
        db.commit()
    one_line_error(run("copy", "in.db", "out.jsonl", *EVERY, code=2), "in.db", "written to")


if __name__ == "__main__":
    main()
