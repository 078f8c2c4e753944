# SPDX-License-Identifier: MIT
"""Rejected records, whatever was wrong with them: one object each, with its place, its reason and its bytes."""
import base64
import csv
import json
import os
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import balanced, expect, leftovers, main, one_line_error, read, rejects, run, same, start, test, write
from serving import ZEROS, Server

KNOWN = {}
KEYS = ["source", "record", "line", "byte_offset", "byte_length", "field", "column", "reason", "detail", "stage",
        "attempts", "time", "raw"]


def sql(path, *statements):
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def entries(path):
    return [json.loads(line) for line in read(path).splitlines()]


def constraint_table():
    sql("o.db", "CREATE TABLE o(a INTEGER UNIQUE, b TEXT NOT NULL CHECK (b <> 'no'), c REAL)")


# reason, source file and its bytes, options of the source, target, flags, what to do before, the line at fault and what
# the entry must say. Line 2 of a CSV file and line 1 of a JSON file are good.
TABLE = [
    ("too_few_fields", "a.csv", "a,b\n1,2\n3\n4,5\n", "", "o.csv", (), None,
     dict(record=2, line=3, byte_offset=8, byte_length=1, field=None, column=None, stage="read", raw="3")),
    ("too_many_fields", "a.csv", "a,b\n1,2\n3,4,5\n6,7\n", "", "o.csv", (), None,
     dict(record=2, line=3, byte_offset=8, byte_length=5, field=None, column=None, stage="read", raw="3,4,5")),
    ("unterminated_quote", "a.csv", 'a,b\n1,2\n3,"open\n4,5\n', "", "o.csv", (), None,
     dict(record=2, line=3, byte_offset=8, byte_length=7, field="b", column=2, stage="read", raw='3,"open')),
    ("text_after_quote", "a.csv", 'a,b\n1,2\n"3"x,4\n5,6\n', "", "o.csv", (), None,
     dict(record=2, line=3, byte_offset=8, byte_length=6, field="a", column=1, stage="read", raw='"3"x,4')),
    ("bare_quote", "a.csv", 'a,b\n1,2\n3,x"y\n5,6\n', "?strict=true", "o.csv", (), None,
     dict(record=2, line=3, byte_offset=8, byte_length=5, field="b", column=2, stage="read", raw='3,x"y')),
    ("record_too_large", "a.csv", "a,b\n1,2\n3," + "x" * 3000 + "\n5,6\n", "", "o.csv", ("limits", 1024), None,
     dict(record=2, line=3, byte_offset=8, byte_length=3002, field=None, column=None, stage="read",
          raw="3," + "x" * 1022, raw_truncated=True)),
    ("record_too_large", "a.jsonl", '{"a":1}\n{"a":"' + "y" * 3000 + '"}\n{"a":2}\n', "?format=lines", "o.jsonl",
     ("limits", 1024), None,
     dict(record=2, line=2, byte_offset=8, byte_length=3008, field=None, column=None, stage="read",
          raw='{"a":"' + "y" * 1018, raw_truncated=True)),
    ("invalid_utf8", "a.jsonl", b'{"a":1}\n{"a":"\xff"}\n{"a":2}\n', "?format=lines", "o.jsonl", (), None,
     dict(record=2, line=2, byte_offset=8, byte_length=9, field="a", column=1, stage="read",
          raw_base64=base64.b64encode(b'{"a":"\xff"}').decode())),
    ("invalid_utf8", "a.csv", b"a,b\n1,2\n3,\xff\n5,6\n", "", "o.jsonl", (), None,
     dict(record=2, line=3, byte_offset=8, byte_length=3, field="b", column=2, stage="write",
          raw_base64=base64.b64encode(b"3,\xff").decode())),
    ("invalid_unicode", "a.jsonl", '{"a":1}\n{"a":"\\ud800"}\n{"a":2}\n', "?format=lines", "o.jsonl", (), None,
     dict(record=2, line=2, byte_offset=8, byte_length=14, field="a", column=1, stage="read", raw='{"a":"\\ud800"}')),
    ("syntax", "a.jsonl", '{"a":1}\n{"a":}\n{"a":2}\n', "?format=lines", "o.jsonl", (), None,
     dict(record=2, line=2, byte_offset=8, byte_length=6, field=None, column=None, stage="read", raw='{"a":}')),
    ("trailing_data", "a.jsonl", '{"a":1}\n{"a":3} x\n{"a":2}\n', "?format=lines", "o.jsonl", (), None,
     dict(record=2, line=2, byte_offset=8, byte_length=9, field=None, column=None, stage="read", raw='{"a":3} x')),
    ("not_an_object", "a.jsonl", '{"a":1}\n[3]\n{"a":2}\n', "?format=lines", "o.jsonl", (), None,
     dict(record=2, line=2, byte_offset=8, byte_length=3, field=None, column=None, stage="read", raw="[3]")),
    ("too_deep", "a.jsonl", '{"a":1}\n{"a":' + "[" * 9 + "]" * 9 + '}\n{"a":2}\n', "?format=lines", "o.jsonl",
     ("depth", 4), None, dict(record=2, line=2, byte_offset=8, byte_length=24, field=None, column=None, stage="read")),
    ("duplicate_key", "a.jsonl", '{"a":1}\n{"a":3,"a":4}\n{"a":2}\n', "?format=lines&duplicate_keys=reject", "o.jsonl",
     (), None, dict(record=2, line=2, byte_offset=8, byte_length=13, field="a", column=1, stage="read")),
    ("constraint", "a.csv", "a,b,c\n1,x,1.5\n1,y,2.5\n2,z,3.5\n", "", "sqlite:o.db?table=o", (), constraint_table,
     dict(record=2, line=3, byte_offset=14, byte_length=7, field="a", column=1, stage="write", raw="1,y,2.5",
          detail="UNIQUE constraint failed: o.a")),
    ("constraint", "a.csv", "a,b,c\n1,x,1.5\n3,,2.5\n2,z,3.5\n", "", "sqlite:o.db?table=o", (), constraint_table,
     dict(record=2, line=3, byte_offset=14, byte_length=6, field="b", column=2, stage="write", raw="3,,2.5",
          detail="NOT NULL constraint failed: o.b")),
    ("constraint", "a.csv", "a,b,c\n1,x,1.5\n3,no,2.5\n2,z,3.5\n", "", "sqlite:o.db?table=o", (), constraint_table,
     dict(record=2, line=3, byte_offset=14, byte_length=8, field=None, column=None, stage="write", raw="3,no,2.5")),
    ("inexact", "a.csv", "a,b,c\n1,x,1.5\n3,y,0.12345678901234567890123\n2,z,3.5\n", "", "sqlite:o.db?table=o", (),
     constraint_table,
     dict(record=2, line=3, byte_offset=14, byte_length=29, field="c", column=3, stage="write")),
]


def flags_of(extra):
    """Limits have no flags of their own: they come from a file."""
    if not extra:
        return ()
    key = {"limits": "max_record_bytes", "depth": "max_depth"}[extra[0]]
    write("limits.yaml", "limits: {%s: %d}\n" % (key, extra[1]))
    return ("--system-flags", "limits.yaml")


@test
def every_fault_has_its_reason_its_place_and_its_bytes():
    for reason, name, data, options, target, extra, before, wanted in TABLE:
        what = "%s from %s to %s" % (reason, name, target)
        for workers in (1, 8):
            for leftover in ("o.db", "o.csv", "o.jsonl", "r.jsonl"):
                if os.path.exists(leftover):
                    os.remove(leftover)
            if before:
                before()
            write(name, data)
            result = run("copy", name + options, target, "--rejects", "r.jsonl", "--workers", workers, "--summary", "json",
                         *flags_of(extra), code=3)
            summary = balanced(result.summary())
            same((summary["read"], summary["written"], summary["rejected_by_reason"]), (3, 2, {reason: 1}), what)
            entry, = entries("r.jsonl")
            same(entry["reason"], reason, what)
            same([key for key in KEYS if key not in entry and not (key == "raw" and "raw_base64" in entry)], [], what)
            same({key: entry.get(key) for key in wanted}, wanted, what)
            same((entry["source"], entry["attempts"]), (name, 1), what)
            expect(entry["detail"] and "\n" not in entry["detail"], what, entry)


def numbered(path, first, rows):
    """A CSV file whose column a holds numbers some of which come twice, with quoted newlines, bad rows, both row ends."""
    lines = ["a,b,c"]
    for n in range(first, first + rows):
        if n % 211 == 0:
            lines.append("%d" % n)
        elif n % 97 == 0:
            lines.append('%d,"two\nlines ""%d""",%d.5' % (n // 3, n, n))
        else:
            lines.append("%d,%s,%d.5" % (n // 2 if n % 53 == 0 else n, "x" * (n * 7919 % 90), n))
    write(path, "\r\n".join(lines[:50]) + "\r\n" + "\n".join(lines[50:]) + "\n")


@test
def records_that_the_store_held_are_found_in_their_source():
    """Places are those of a run without the store, and lead to the record's bytes."""
    for number in range(3):
        numbered("in-%d.csv" % number, 20_000 * number, 20_000)
    base = ("copy", "in-*.csv", "sqlite:o.db?table=o", "--rejects", "r.jsonl", "--filter", ".c > 12", "--summary", "json")
    found = {}
    for mode, workers in ((None, 2), ("row", 1), ("row", 8), ("columnar", 2), ("hybrid", 8)):
        if os.path.exists("o.db"):
            os.remove("o.db")
        sql("o.db", "CREATE TABLE o(a INTEGER UNIQUE, b TEXT, c REAL)")
        result = run(*base, "--workers", workers, *(("--storage-mode", mode) if mode else ()), code=3)
        balanced(result.summary())
        places = sorted([e[key] for key in ("source", "record", "line", "byte_offset", "byte_length", "reason", "stage",
                                            "detail")] for e in entries("r.jsonl"))
        expect(len(places) > 1000, len(places))
        found.setdefault("places", places)
        same(places, found["places"], mode, workers)
        for entry in entries("r.jsonl"):
            text = read(entry["source"])[entry["byte_offset"]:][:entry["byte_length"]].decode()
            if entry.get("raw_format") == "json":
                values = json.loads(entry["raw"])
                row, = csv.reader([text.replace("\n", " ")])
                same([str(values["a"]), values["b"].replace("\n", " "), str(values["c"])], row)
            else:
                same(entry["raw"], text)
    expect(any(e.get("raw_format") == "json" for e in entries("r.jsonl")), "nothing went through the store")


@test
def records_of_a_table_have_no_place_behind_the_store_either():
    sql("in.db", "CREATE TABLE t(a, b)", "INSERT INTO t VALUES (1, 'x'), (1, 'y'), (2, 'z'), (2, 'w')")
    sql("o.db", "CREATE TABLE o(a INTEGER UNIQUE, b TEXT)")
    run("copy", "sqlite:in.db?table=t", "sqlite:o.db?table=o", "--storage-mode", "row", "--rejects", "r.jsonl", code=3)
    same([(e["record"], e["line"], e["byte_offset"], json.loads(e["raw"])) for e in entries("r.jsonl")],
         [(2, None, None, {"a": 1, "b": "y"}), (4, None, None, {"a": 2, "b": "w"})])


@test
def a_column_that_comes_too_late_is_told_with_its_name():
    text = '{"a":0}\n' * 65_536 + '{"a":1,"late":"x"}\n{"a":2}\n'
    run("copy", "json:-?format=lines", "csv:-", "--rejects", "r.jsonl", "--summary", "json", stdin=text.encode(),
        piped=True, code=3)
    entry, = entries("r.jsonl")
    same((entry["reason"], entry["field"], entry["column"], entry["line"], entry["raw"], entry["stage"]),
         ("drift", "late", 2, 65_537, '{"a":1,"late":"x"}', "write"))


@test
def what_a_message_store_refuses_is_destination_refused():
    with Server("--data-dir", "d", "--token", ZEROS, verb=("serve", "--listen", "127.0.0.1:0")) as server:
        write("m.csv", "stream,type,n\na-1,T,1\n,T,2\na-1,T,3\n")
        result = run("copy", "m.csv", "store:http://127.0.0.1:%d?stream=%%7Bstream%%7D&type=%%7Btype%%7D" % server.port,
                     "--rejects", "r.jsonl", "--summary", "json", env={"MILLRACE_TOKEN": ZEROS}, code=None)
        if result.code == 2:
            one_line_error(result)
        entry, = entries("r.jsonl")
        same((entry["reason"], entry["record"], entry["line"], entry["raw"], entry["stage"]),
             ("destination_refused", 2, 3, ",T,2", "write"))


@test
def the_length_of_a_record_beyond_the_limit_is_its_own():
    """However long it is, and wherever the input is cut."""
    for size in (2_000, 600_000, 1_500_000):
        for form, name, row, good in (("", "a.csv", "x" * size, "1\n"), ("?format=lines", "a.jsonl", '"' + "x" * (size - 2)
                                                                       + '"', '{"a":1}\n')):
            header = "a\n" if form == "" else ""
            write(name, header + good * 5 + row + "\n" + good * 5 + row + "\n" + row)
            seen = []
            for workers in (1, 2, 8):
                write("limits.yaml", "limits: {max_record_bytes: 1024}\n")
                run("copy", name + form, "null:", "--rejects", "r.jsonl", "--workers", workers, "--system-flags",
                    "limits.yaml", "--summary", "off", code=3)
                seen.append([(e["record"], e["line"], e["byte_offset"], e["byte_length"], e["reason"],
                              len(e["raw"]), e["raw_truncated"]) for e in rejects("r.jsonl")])
            at = len(header) + 5 * len(good)
            first = 7 if header else 6
            same(seen[0], [(6, first, at, size, "record_too_large", 1024, True),
                           (12, first + 6, at + size + 1 + 5 * len(good), size, "record_too_large", 1024, True),
                           (13, first + 7, at + 2 * size + 2 + 5 * len(good), size, "record_too_large", 1024, True)], name,
                 size)
            same(seen[1:], seen[:1] * 2, name, size)


@test
def a_rejects_file_has_as_many_entries_as_allowed_and_goes_on_in_the_next():
    write("a.csv", "a,b\n" + "1\n" * 25 + "1,2\n")
    write("d.yaml", "reliability: {dead_letter: {path: r.jsonl, max: 10}}\n")
    result = run("copy", "a.csv", "o.csv", "--system-flags", "d.yaml", "--summary", "json", code=3)
    same((balanced(result.summary())["rejected"], result.summary()["rejects_not_kept"]), (25, 15))
    same([e["record"] for e in entries("r.jsonl")], list(range(1, 11)))
    expect(b"25 records rejected: 25 too_few_fields; see r.jsonl (15 not kept: dead_letter.max)" in result.err, result)
    write("d.yaml", "reliability: {dead_letter: {path: r.jsonl, max: 10, rotate: true}}\n")
    result = run("copy", "a.csv", "o.csv", "--system-flags", "d.yaml", code=3)
    same([[e["record"] for e in entries(name)] for name in ("r.jsonl", "r.jsonl.2", "r.jsonl.3")],
         [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))])
    expect(b"see r.jsonl to .3" in result.err, result)
    same(leftovers(), [])


@test
def rejects_may_go_to_a_device_or_a_pipe():
    write("a.csv", "a,b\n" + "1\n" * 25 + "1,2\n")
    write("d.yaml", "reliability: {dead_letter: {max: 10, rotate: true}}\n")
    for flags in ((), ("--system-flags", "d.yaml")):
        result = run("copy", "a.csv", "o.csv", "--rejects", "/dev/null", *flags, code=3)
        expect(b"25 records rejected: 25 too_few_fields; see /dev/null\n" in result.err, result)
        same((os.path.exists("/dev/null.2"), os.path.exists("/dev/null.part"), read("o.csv")), (False, False, b"a,b\n1,2\n"))
        result = run("copy", "a.csv", "o.csv", "--rejects", "/dev/stderr", "--summary", "off", *flags, code=3)
        same([json.loads(line)["record"] for line in result.err.splitlines() if line.startswith(b"{")], list(range(1, 26)))
        result = run("copy", "a.csv", "o.csv", "--rejects", "-", "--summary", "off", *flags, code=3)
        same([json.loads(line)["record"] for line in result.out.splitlines()], list(range(1, 26)))
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    run("copy", "a.csv", "o.csv", "--rejects", "pipe", code=3)
    same(os.read(reader, 1 << 20).count(b'"reason":"too_few_fields"'), 25)
    os.close(reader)
    os.mkdir("folder")
    for path in ("folder", "nowhere/r.jsonl"):
        result = run("copy", "a.csv", "p.csv", "--rejects", path, code=None)
        expect(result.code in (1, 2), result)
        one_line_error(result, path)
        expect(b"; see" not in result.err, "it names a file that is not there", result)
        expect(not os.path.exists("p.csv"), "published although its rejects could not be kept")
    same([name for name in os.listdir() if name.endswith(".2")], [])


@test
def the_warning_ends_every_run_with_rejects():
    write("a.csv", "a,b\n1\n2\n3,4,5\n6,7\n")
    for form in ("text", "json", "off"):
        for flags, code in (((), 3), (("--max-rejects", "1"), 4), (("--accept-rejects",), 0)):
            result = run("copy", "a.csv", "o.csv", "--summary", form, *flags, code=code)
            expect(b"rejected: 2 too_few_fields, 1 too_many_fields; see o.csv.rejects.jsonl" in result.err, result)
    expect(b"rejected" not in run("copy", "a.csv?ragged=pad", "o.csv", "--summary", "off").err, "a warning too many")


if __name__ == "__main__":
    main(KNOWN)
