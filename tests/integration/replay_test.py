# SPDX-License-Identifier: MIT
"""Rejected records, mended and read again: what was rejected and what was delivered make up the clean run."""
import base64
import json
import os
import random
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import balanced, expect, leftovers, main, one_line_error, read, rejects, run, same, test, write

KNOWN = {}


def entries(path):
    return [json.loads(line) for line in read(path).splitlines()]


def put(path, objects):
    write(path, "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in objects))


def clean_rows(count):
    dice = random.Random(count)
    return [[str(n), dice.choice(["plain", 'with "quotes"', "new\nline", "a;b,c", "", "é"]),
             dice.choice(["1.50", "-3", "12345678901234567890", "0.001"]), dice.choice(["true", "false"])]
            for n in range(count)]


def csv_line(row, delimiter=","):
    cells = ['"%s"' % cell.replace('"', '""') if any(c in cell for c in '",;\n') or cell == "" else cell for cell in row]
    return delimiter.join(cells)


def spoil(row, n):
    """A line that cannot be read, in one of four ways."""
    good = csv_line(row, ";")
    return ["%s;one too many" % good, row[0], '%s;"x"y' % row[0], '%s;"x" ;1;2' % row[0]][n % 4]


def spoiled(count, every):
    """A CSV file with a bad row in `every`, the clean one, and the clean text of each bad row by its number."""
    rows, mended, dirty = clean_rows(count), {}, ["id;text;number;flag"]
    for n, row in enumerate(rows):
        if n % every == every // 2:
            mended[n + 1] = csv_line(row, ";")
            dirty.append(spoil(row, n // every))
        else:
            dirty.append(csv_line(row, ";"))
    write("clean.csv", "id;text;number;flag\n" + "\n".join(csv_line(row, ";") for row in rows) + "\n")
    write("dirty.csv", "\n".join(dirty) + "\n")
    return mended


def mend(path, mended):
    """What a person does: each entry's text becomes what it should have been."""
    objects = entries(path)
    for entry in objects:
        entry["raw"] = mended[entry["record"]]
    put(path, objects)
    return objects


def lines(path):
    return sorted(read(path).split(b"\n"))


@test
def what_is_mended_and_replayed_makes_up_the_clean_run():
    mended = spoiled(20_000, 100)
    run("copy", "clean.csv?delimiter=;", "want.jsonl")
    run("copy", "clean.csv?delimiter=;", "want.csv")
    run("copy", "clean.csv?delimiter=;", "want.db?table=t")
    for workers in (1, 8):
        for target in ("o.jsonl", "o.csv", "o.db?table=t", "o.jsonl.gz"):
            for old in ("o.jsonl", "o.csv", "o.db", "o.jsonl.gz", "r.jsonl", "r.again.jsonl"):
                if os.path.exists(old):
                    os.remove(old)
            run("copy", "dirty.csv?delimiter=auto", target, "--rejects", "r.jsonl", "--workers", workers, code=3)
            before = mend("r.jsonl", mended)
            same([e["record"] for e in before], sorted(mended), "not every spoiled row was rejected")
            result = run("replay", "r.jsonl", target, "--workers", workers, "--summary", "json")
            summary = balanced(result.summary())
            same((summary["read"], summary["written"], summary["rejected"]), (200, 200, 0), target)
            expect(not os.path.exists("r.again.jsonl"), "a rejects file without rejects")
            if target.startswith("o.db"):
                with sqlite3.connect("o.db") as got, sqlite3.connect("want.db") as want:
                    query = "SELECT id, text, number, flag, typeof(id), typeof(flag) FROM t ORDER BY id"
                    expect(list(got.execute(query)) == list(want.execute(query)), target)
            elif target == "o.csv":
                expect(lines("o.csv") == lines("want.csv"), target)
            else:
                run("copy", target, "back.jsonl") if target.endswith("gz") else os.replace(target, "back.jsonl")
                expect(lines("back.jsonl") == lines("want.jsonl"), target)


@test
def records_keep_their_numbers_however_often_they_are_replayed():
    mended = spoiled(3_000, 100)
    run("copy", "dirty.csv?delimiter=;", "o.jsonl", "--rejects", "r.jsonl", code=3)
    first = rejects("r.jsonl")
    for workers in (1, 2, 8):
        run("replay", "r.jsonl", "o.jsonl", "--workers", workers, code=3)
        again = rejects("r.again.jsonl")
        keys = ("record", "line", "byte_offset", "byte_length", "reason", "raw")
        same([[e[k] for k in keys] for e in again], [[e[k] for k in keys] for e in first], workers)
        same([e["attempts"] for e in again], [2] * 30)
    same(entries("r.again.jsonl")[0]["origin"], entries("r.jsonl")[0]["origin"])
    run("replay", "r.again.jsonl", "o.jsonl", code=3)
    same([e["attempts"] for e in rejects("r.again.again.jsonl")], [3] * 30)
    mend("r.again.again.jsonl", mended)
    run("replay", "r.again.again.jsonl", "o.jsonl")
    run("copy", "clean.csv?delimiter=;", "want.jsonl")
    expect(lines("o.jsonl") == lines("want.jsonl"), "something is missing")


@test
def options_can_be_changed_instead_of_the_text():
    write("a.csv", 'a,b,c\n1,2\n3,4,5\n6,x"y"z,7\n8\n')
    run("copy", "a.csv?strict=true", "o.csv", code=3)
    run("replay", "o.csv.rejects.jsonl", "o.csv", "--from-opt", "ragged=pad", "--from-opt", "strict=false")
    same(read("o.csv"), b'a,b,c\n3,4,5\n1,2,\n6,"x""y""z",7\n8,,\n')
    one_line_error(run("replay", "o.csv.rejects.jsonl", "o.csv", "--from-opt", "raged=pad", code=2), "raged", "ragged")


@test
def json_is_replayed_as_json():
    write("a.jsonl", '{"id":1,"v":1.50}\n{"id":2,\n{"id":3,"v":"x"} tail\n[4]\n{"id":5,"n":null}\n')
    run("copy", "a.jsonl", "o.jsonl", "--rejects", "r.jsonl", code=3)
    objects = entries("r.jsonl")
    same([e["line"] for e in objects], [2, 3, 4])
    objects[0]["raw"], objects[1]["raw"] = '{"id":2,"v":\n  2.0}', '{"id":3,"v":"x"}'
    put("r.jsonl", objects)
    run("replay", "r.jsonl", "o.jsonl", code=3)
    same(read("o.jsonl"), b'{"id":1,"v":1.50}\n{"id":5,"n":null}\n{"id":2,"v":2.0}\n{"id":3,"v":"x"}\n')
    same([(e["record"], e["line"], e["reason"], e["raw"]) for e in rejects("r.again.jsonl")], [(4, 4, "not_an_object", "[4]")])
    run("replay", "r.again.jsonl", "o.jsonl", "--from-opt", "wrap_scalars=id", "--rejects", "x")
    same(read("o.jsonl").splitlines()[-1], b'{"id":[4]}')


@test
def columns_of_a_csv_target_stay_as_they_were():
    """The columns of JSON are known from the run that made the target, not from the few records of the replay."""
    write("a.jsonl", '{"a":1,"b":2}\n{"c":5,"b":}\n{"c":3}\n')
    run("copy", "a.jsonl", "o.csv", "--rejects", "r.jsonl", code=3)
    objects = entries("r.jsonl")
    objects[0]["raw"] = '{"c":5,"b":6}'
    put("r.jsonl", objects)
    run("replay", "r.jsonl", "o.csv")
    same(read("o.csv"), b"a,b,c\n1,2,\n,,3\n,6,5\n")


@test
def values_of_a_table_are_replayed_with_their_types():
    with sqlite3.connect("a.db") as db:
        db.execute("CREATE TABLE s(id INTEGER, t TEXT, r REAL, b BLOB, d TEXT)")
        db.executemany("INSERT INTO s VALUES (?, ?, ?, ?, ?)",
                       [(n, 'x"%d\n' % n if n % 3 else None, n / 4, bytes([n, 255, 0, 34]), "2024-01-%02d" % (n + 1))
                        for n in range(20)])
    db.close()
    with sqlite3.connect("o.db") as db:
        db.execute("CREATE TABLE t(id INTEGER CHECK (id % 5 <> 0), t TEXT, r REAL, b BLOB, d TEXT)")
    db.close()
    run("copy", "sqlite:a.db?table=s", "sqlite:o.db?table=t", "--rejects", "r.jsonl", code=3)
    for entry in entries("r.jsonl"):
        same((entry["line"], entry["byte_offset"], entry["raw_format"]), (None, None, "json"))
        same(json.loads(base64.b64decode(entry["raw_base64"]).decode("utf-8", "replace"))["id"] % 5, 0)
    run("replay", "r.jsonl", "sqlite:o.db?table=t", code=3)  # the constraint is still there
    same([(e["record"], e["line"], e["attempts"]) for e in rejects("r.again.jsonl")],
         [(1, None, 2), (6, None, 2), (11, None, 2), (16, None, 2)])
    same(dict(entries("r.again.jsonl")[0]["origin"], options=None), dict(entries("r.jsonl")[0]["origin"], options=None))
    with sqlite3.connect("o.db") as db:
        db.execute("ALTER TABLE t RENAME TO old")
        db.execute("CREATE TABLE t(id INTEGER, t TEXT, r REAL, b BLOB, d TEXT)")
        db.execute("INSERT INTO t SELECT * FROM old")
    db.close()
    run("replay", "r.again.jsonl", "sqlite:o.db?table=t")
    with sqlite3.connect("a.db") as want, sqlite3.connect("o.db") as got:
        same(list(got.execute("SELECT *, typeof(b), typeof(r) FROM t ORDER BY id")),
             list(want.execute("SELECT *, typeof(b), typeof(r) FROM s ORDER BY id")))


@test
def a_text_that_was_cut_is_refused_with_its_old_reason():
    write("a.csv", "a,b\n1,2\n" + "x" * 70_000 + "\n3,4\n5\n")
    run("copy", "a.csv", "o.csv", code=3)
    objects = entries("o.csv.rejects.jsonl")
    objects[1]["raw"] = "5,6"
    put("o.csv.rejects.jsonl", objects)
    summary = balanced(run("replay", "o.csv.rejects.jsonl", "o.csv", "--summary", "json", code=3).summary())
    same((summary["read"], summary["written"], summary["rejected_by_reason"]), (2, 1, {"too_few_fields": 1}))
    entry, = rejects("o.csv.rejects.again.jsonl")
    same((entry["line"], entry["byte_offset"], entry["byte_length"], entry["raw_truncated"], len(entry["raw"])),
         (3, 8, 70_000, True, 65_536))
    expect("cut" in entry["detail"], entry)
    same(read("o.csv"), b"a,b\n1,2\n3,4\n5,6\n")
    objects[0].update(raw="7,8")
    del objects[0]["raw_truncated"]  # the whole text is there now
    put("r.jsonl", objects[:1])
    run("replay", "r.jsonl", "o.csv")
    same(read("o.csv").splitlines()[-1], b"7,8")


@test
def a_rejects_file_that_is_none_is_refused_with_its_line():
    write("a.csv", "a,b\n1\n2\n")
    write("o.csv", "old\n")
    run("copy", "a.csv", "x.csv", "--rejects", "r.jsonl", code=3)
    good = read("r.jsonl")
    for bad, parts in ((good + b"{broken\n", ("line 3",)), (good + b"\n[1]\n", ("line 4", "object")),
                       (good + b'{"record":1}\n', ("line 3", "raw")), (good + b'{"raw":"x","line":"y"}\n', ("line 3", "line")),
                       (good + b'{"raw_base64":"?"}\n', ("line 3", "base64"))):
        write("r2.jsonl", bad)
        one_line_error(run("replay", "r2.jsonl", "o.csv", code=1), "r2.jsonl", *parts)
        same((read("o.csv"), leftovers()), (b"old\n", []))
    for other in ("a.csv", "o.csv"):
        one_line_error(run("replay", other, "n.csv", code=1), other, "line 1", "is this a rejects file?")
    one_line_error(run("replay", "none.jsonl", "o.csv", code=None), "none.jsonl")
    one_line_error(run("replay", "r.jsonl", "o.csv", "--rejects", "r.jsonl", code=2), "r.jsonl", "--rejects")
    same(read("r.jsonl"), good)
    write("empty.jsonl", "")
    run("replay", "empty.jsonl", "o.csv")
    same(read("o.csv"), b"old\n")


@test
def what_the_file_does_not_say_can_be_said():
    write("a.csv", "a,b\n1,2\n3\n")
    run("copy", "a.csv", "o.csv", "--rejects", "r.jsonl", code=3)
    objects = entries("r.jsonl")
    del objects[0]["origin"]
    objects[0]["raw"] = "3,4"
    put("r.jsonl", objects)
    one_line_error(run("replay", "r.jsonl", "o.csv", code=2), "--from-format")
    one_line_error(run("replay", "r.jsonl", "o.csv", "--from-format", "csv", code=2), "--source", "columns")
    one_line_error(run("replay", "r.jsonl", "o.csv", "--from-format", "xml", code=2), "csv or json")
    run("replay", "r.jsonl", "o.csv", "--from-format", "csv", "--source", "a.csv")
    run("replay", "r.jsonl", "o.jsonl", "--from-format", "csv", "--from-opt", "columns=a,b")
    same((read("o.csv"), read("o.jsonl")), (b"a,b\n1,2\n3,4\n", b'{"a":3,"b":4}\n'))


@test
def each_file_of_a_rotation_can_be_replayed():
    write("a.csv", "a;b\n" + "".join("%d\n" % n for n in range(25)) + "1;2\n")
    write("d.yaml", "reliability: {dead_letter: {path: r.jsonl, max: 10, rotate: true}}\n")
    run("copy", "a.csv?delimiter=;", "o.csv", "--system-flags", "d.yaml", code=3)
    for name in ("r.jsonl", "r.jsonl.2", "r.jsonl.3"):
        run("replay", name, "o.csv", "--from-opt", "ragged=pad")
    same(read("o.csv"), b"a,b\n1,2\n" + b"".join(b"%d,\n" % n for n in range(25)))


@test
def records_of_files_with_other_headers_are_replayed_with_their_own():
    write("p1.csv", "a,b\n1,x\n2\n")
    write("p2.csv", "b,c,a\nz,1.5,3\nq,2.5\n")
    write("p3.csv", "a\n5\n6,7\n")
    run("copy", "p*.csv", "o.csv", "--rejects", "r.jsonl", code=3)
    objects = entries("r.jsonl")
    same([e["raw_columns"] for e in objects], [["a", "b"], ["b", "c", "a"], ["a"]])
    for workers in (1, 8):
        objects[0]["raw"], objects[1]["raw"], objects[2]["raw"] = "2,w", "q,2.5,9", "6,7"
        put("r.jsonl", objects)
        write("again.csv", read("o.csv"))
        run("replay", "r.jsonl", "again.csv", "--workers", workers, code=3)
        same(read("again.csv"), b"a,b,c\n1,x,\n3,z,1.5\n5,,\n2,w,\n9,q,2.5\n")
        same([(e["source"], e["line"], e["raw_columns"]) for e in entries("r.again.jsonl")], [("p3.csv", 3, ["a"])])
        put("r.again.jsonl", [dict(entries("r.again.jsonl")[0], raw="6")])
        run("replay", "r.again.jsonl", "again.csv", "--workers", workers)
        same(read("again.csv").splitlines()[-1], b"6,,")


@test
def what_is_appended_has_the_columns_of_the_target():
    write("o.csv", "b,a\nx,1\n")
    write("n.csv", "a,b\n2,y\n")
    run("copy", "n.csv", "o.csv?append=true")
    same(read("o.csv"), b"b,a\nx,1\ny,2\n")
    write("m.csv", "a,c\n3,\n4,z\n")
    run("copy", "m.csv", "o.csv?append=true", "--resume", "never")
    same((read("o.csv"), read("o.2.csv")), (b"b,a\nx,1\ny,2\n,3\n", b"b,a,c\n,4,z\n"))
    run("copy", "m.csv", "o.csv?append=true", "--resume", "never")
    same((read("o.csv").splitlines()[-1], read("o.3.csv")), (b",3", b"b,a,c\n,4,z\n"))
    run("copy", "m.csv", "o.csv?append=true", "--rejects", "r.jsonl", code=3)  # a part is no part of a checkpoint
    same([(e["line"], e["reason"], e["field"]) for e in rejects("r.jsonl")], [(3, "drift", "c")])
    write("d.yaml", "drift: {new_column: quarantine}\n")
    run("copy", "m.csv", "o.csv?append=true", "--system-flags", "d.yaml", "--rejects", "r.jsonl", code=3)
    same([(e["line"], e["reason"], e["field"]) for e in rejects("r.jsonl")], [(3, "drift", "c")])


@test
def records_that_passed_through_the_store_are_replayed_from_their_values():
    with sqlite3.connect("o.db") as db:
        db.execute("CREATE TABLE t(a INTEGER UNIQUE, b TEXT, c TEXT)")
    db.close()
    write("a.csv", 'a,b,c\n1,x,\n1,"y ""q"", z",""\n2,w,3\n')
    run("copy", "a.csv", "sqlite:o.db?table=t", "--storage-mode", "row", "--rejects", "r.jsonl", code=3)
    entry, = rejects("r.jsonl")
    same((entry["record"], entry["line"], entry["byte_offset"], entry["byte_length"], entry["raw_format"],
          json.loads(entry["raw"])), (2, 3, 11, 17, "json", {"a": 1, "b": 'y "q", z', "c": ""}))
    run("replay", "r.jsonl", "n.csv")
    same(read("n.csv"), b'a,b,c\n1,"y ""q"", z",""\n')


@test
def modes_of_loads_are_no_matter_of_a_replay():
    for flag in ("--mode", "--cursor", "--lookback", "--files"):
        said = run("replay", "r.jsonl", "out.jsonl", flag, "x", code=2)
        expect(b"unknown flag '%s' of replay" % flag.encode() in said.err, said)


@test
def a_replay_can_be_sampled_limited_and_shaped():
    write("a.csv", "a,b,c\n" + "".join("%d,x\n" % n for n in range(200)))
    run("copy", "a.csv", "o.csv", "--rejects", "r.jsonl", code=3)
    summary = balanced(run("replay", "r.jsonl", "p.csv", "--from-opt", "ragged=pad", "--limit", "5", "--select", "b,a",
                           "--rename", "a=n", "--summary", "json").summary())
    same((summary["written"], read("p.csv").splitlines()[:2]), (5, [b"b,n", b"x,0"]))


if __name__ == "__main__":
    main(KNOWN)
