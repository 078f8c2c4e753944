# SPDX-License-Identifier: MIT
"""Killed at random moments and started again until it is through, a run leaves what an undisturbed one leaves. `make
torture` does it 1,000 times; here it is a few dozen."""
import contextlib
import os
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import gz, main, run, same, sanitized, test, write, zst
from serving import ZEROS, Server
from torture import EVERY, Tally, rounds, states, torture, until_done

ROWS = 4_000 if sanitized() else 40_000


def rows(count=ROWS):
    lines = ["id,name,price,note"]
    for i in range(count):
        if i % 997 == 5:
            lines.append("%d,too few" % i)
        elif i % 311 == 7:
            lines.append('%d,"quoted ""name"" %d",%d.50,"two\nlines, %d"' % (i, i, i, i))
        else:
            lines.append("%d,name %d,%d.25,%s" % (i, i, i, "x" * (i % 60)))
    return "\n".join(lines) + "\n"


@test
def csv_to_csv():
    write("in.csv", rows())
    torture(rounds(0.12, 12), "in.csv", "out.csv", code=3)


@test
def steps_that_remember():
    write("in.csv", rows())
    for number, steps in enumerate(("dedupe: [key]", "dedupe: {by: [key], window: 700}", "dedupe: {by: [key], window: 90s, time: at}",
                                    "dedupe: [key]\n  - map: {list: 'split(.key, \"7\")'}\n  - explode: list")):
        write("p.yaml", "source: in.csv\ndestination: out.csv\ntransforms:\n"
                        "  - map: {key: 'string(.id * .id %% 4999)', at: 'date_add(timestamp(\"2024-01-01T00:00:00Z\"), .id %% 3600, \"seconds\")'}\n"
                        "  - %s\n" % steps)
        torture(rounds(0.03, 6), "in.csv", "out.csv", code=3, config="p.yaml")


@test
def csv_to_json_lines_and_array():
    write("in.csv", rows())
    torture(rounds(0.12, 12), "in.csv", "out.jsonl", code=3)
    torture(rounds(0.10, 8), "in.csv", "out.json", "--workers", "1", code=3)


@test
def csv_to_zstd_and_gzip():
    write("in.csv", rows())
    torture(rounds(0.12, 10), "in.csv", "out.jsonl.zst", code=3)
    torture(rounds(0.10, 8), "in.csv", "out.csv.gz", "--workers", "3", code=3)


@test
def gzip_and_zstd_inputs():
    write("in.csv.gz", gz(rows().encode()))
    write("in.csv.zst", zst(rows().encode()))
    torture(rounds(0.10, 8), "in.csv.gz", "out.jsonl", code=3)
    torture(rounds(0.04, 4), "in.csv.zst", "out.csv", code=3)


@test
def many_files():
    os.mkdir("in")
    for i in range(5):
        write("in/%d.csv" % i, rows(ROWS // 5))
    torture(rounds(0.08, 6), "in/*.csv", "out.jsonl", code=3)


def dump(path):
    """All rows of a database, in the order of their tables."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        return [(name, db.execute('SELECT * FROM "%s"' % name).fetchall()) for name in names]


def remove_database(path):
    for name in (path, path + ".part", path + "-journal", path + ".part-journal"):
        if os.path.exists(name):
            os.unlink(name)


def prepare_database(path, table):
    """A database with other things in it, and an old table if there is to be one."""
    remove_database(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE other (a, b)")
        db.execute("INSERT INTO other VALUES (1, 'kept')")
        if table:
            db.execute("CREATE TABLE %s (id TEXT, name TEXT, price TEXT, note TEXT)" % table)
            db.execute("INSERT INTO %s VALUES ('old', 'old', 'old', 'old')" % table)
        db.commit()


def has_new_rows(path, table):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT count(*) FROM %s WHERE id <> 'old'" % table).fetchone()[0] > 0


@test
def csv_to_a_new_database():
    write("in.csv", rows())
    torture(rounds(0.08, 8), "in.csv", "out.db", code=3, content=dump, remove=lambda: remove_database("out.db"))


@test
def csv_into_the_place_of_an_old_table():
    write("in.csv", rows())
    torture(rounds(0.05, 5), "in.csv", "out.db", "--to-opt", "table=t", "--to-opt", "mode=replace", "--infer", "off",
            code=3, content=dump, remove=lambda: prepare_database("out.db", "t"), done=lambda: has_new_rows("out.db", "t"))


@test
def csv_into_a_table_in_many_transactions():
    write("in.csv", rows())
    torture(rounds(0.05, 5), "in.csv", "out.db", "--to-opt", "table=t", "--to-opt", "commit_every=3000", "--infer",
            "off", code=3, content=dump, remove=lambda: prepare_database("out.db", "t"), every=1_000_000,
            done=lambda: has_new_rows("out.db", "t"))


STORE = {"MILLRACE_TOKEN": ZEROS}


def messages(server, category):
    """What each message says, in order; ids and times aside, which a twin in another category cannot share."""
    found, position = [], 1
    while True:
        page = server.call("category.get", category, {"position": position, "batchSize": 10000})
        found += page
        if len(page) < 10000:
            break
        position = page[-1][4] + 1
    return [(m[1].partition("-")[2], m[2], m[3], m[5]) for m in found]


@test
def csv_to_a_message_store():
    write("in.csv", rows(ROWS // 4))
    kills, wanted, run_number, tally = rounds(0.05, 4), None, 0, Tally()
    with Server("--data-dir", "d", "--token", ZEROS, verb=("serve", "--listen", "127.0.0.1:0")) as server:
        server.token = ZEROS
        while tally.kills < kills or wanted is None:
            category = "c%d" % run_number
            target = "store:http://127.0.0.1:%d?stream=%s-1&type=T" % (server.port, category)
            args = ["copy", "in.csv", target, "--checkpoint-records", "500", *EVERY]
            run_number += 1
            if wanted is None:
                undisturbed = run(*args, "--resume", "never", code=3, env=STORE)
                wanted = messages(server, category)
                continue
            summary = until_done(args, undisturbed.seconds * 1.1, 3, tally, lambda: False, env=STORE)
            same(messages(server, category) == wanted, True, "another history", category)
            same(summary["written"], len(wanted))
            same(states(), [])
            tally.resumed += summary["checkpoint"]["resumed_from"] is not None
    print("  %-44s %4d kills, %4d runs, %4d resumed" % ("in.csv -> store", tally.kills, run_number - 1, tally.resumed),
          flush=True)


@test
def a_database_and_generated_records_as_sources():
    write("in.csv", rows())
    run("copy", "in.csv", "in.db", code=3)
    torture(rounds(0.04, 4), "in.db", "out.jsonl")
    torture(rounds(0.04, 4), "generate:mixed10r?rows=%d" % ROWS, "out.csv")


if __name__ == "__main__":
    main()
