# SPDX-License-Identifier: MIT
"""Schemas that change: within a run and between runs, for every policy."""
import json
import os
import signal
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import balanced, expect, leftovers, main, one_line_error, read, rejects, run, same, start, test, write

KNOWN = {}
SAMPLE = 65_536  # records that decide about the schema of a pipe


def entries(path):
    return [json.loads(line) for line in read(path).splitlines()] if os.path.exists(path) else []


def changes(path):
    return [(e["kind"], e["column"], e["from"], e["to"], e["policy"], e["record"], e["line"])
            for e in entries(path) if e["event"] == "change"]


def drift(**keys):
    return "drift: {%s}\n" % ", ".join("%s: %s" % item for item in keys.items())


def copy(*args, config="", **settings):
    write("d.yaml", config or "{}\n")
    return run("copy", *args, "--system-flags", "d.yaml", "--rejects", "r.jsonl", "--summary", "json", **settings)


def clean():
    for name in os.listdir():
        if name.startswith(("o.", "o-", "r.")):
            os.remove(name)


# --- within a run: JSON from a pipe, whose sample says the columns a (int) and b (string)


HEAD = "".join('{"a":%d,"b":"x"}\n' % n for n in range(SAMPLE))
TAIL = ['{"a":1,"b":"x","late":7}', '{"a":2,"b":"y"}', '{"a":"no","b":"z"}', '{"a":2.5,"b":"z","late":"w"}', '{"b":"n","a":4}']
LATE = ("new_column", "late", None, "int")
WIDER = [("type_change", "a", "int", "string")]


def piped(target, config, workers, code=0):
    clean()
    return copy("json:-?format=lines", target, "--workers", workers, config=config, code=code,
                stdin=(HEAD + "\n".join(TAIL) + "\n").encode(), piped=True)


def tail_of(path):
    return read(path).decode().splitlines()[-len(TAIL):]


@test
def evolve_lets_everything_on():
    for workers in (1, 8):
        summary = balanced(piped("json:o.jsonl", drift(new_column="evolve", type_change="evolve"), workers).summary())
        same((summary["written"], summary["schema_changes"], summary["rejected"]), (SAMPLE + 5, 2, 0))
        same([json.loads(line) for line in tail_of("o.jsonl")], [json.loads(line) for line in TAIL])
        same(changes("o.jsonl.schema.jsonl"),
             [LATE + ("evolve", SAMPLE + 1, SAMPLE + 1), WIDER[0] + ("evolve", SAMPLE + 3, SAMPLE + 3)])
        same(entries("o.jsonl.schema.jsonl")[-1]["columns"],
             [{"name": "a", "type": "string", "nullable": True}, {"name": "b", "type": "string", "nullable": True},
              {"name": "late", "type": "int", "nullable": True}])


@test
def freeze_fails_the_run_at_the_record_and_publishes_nothing():
    for workers in (1, 8):
        for config, line, parts in ((drift(new_column="freeze"), SAMPLE + 1, ("late", "new_column: freeze")),
                                    (drift(type_change="freeze"), SAMPLE + 3, ("'a' was int", "type_change: freeze")),
                                    ("advanced: {enable_schema_evolution: false}\n", SAMPLE + 1, ("late", "freeze"))):
            write("o.jsonl", "old\n")
            result = copy("json:-?format=lines", "json:o.jsonl", "--workers", workers, config=config, code=1,
                          stdin=(HEAD + "\n".join(TAIL) + "\n").encode(), piped=True)
            one_line_error(result, "line %d" % line, "schema drift", *parts)
            same((read("o.jsonl"), leftovers()), (b"old\n", []))


@test
def quarantine_rejects_the_records_that_bring_it():
    for workers in (1, 8):
        for target in ("json:o.jsonl", "csv:o.csv"):
            summary = balanced(piped(target, drift(new_column="quarantine", type_change="quarantine"), workers, 3).summary())
            same((summary["written"], summary["rejected_by_reason"]), (SAMPLE + 2, {"drift": 3}), target)
            same([(e["line"], e["field"], e["detail"], e["stage"], e["raw"]) for e in rejects("r.jsonl")],
                 [(SAMPLE + 1, "late", "column 'late' is new", "schema", TAIL[0]),
                  (SAMPLE + 3, "a", "column 'a' was int and is string: 'no'", "schema", TAIL[2]),
                  (SAMPLE + 4, "late", "column 'late' is new", "schema", TAIL[3])])
        same(read("o.csv").splitlines()[-2:], [b"2,y", b"4,n"])


@test
def discard_value_leaves_the_values_out_and_counts_them():
    for workers in (1, 8):
        result = piped("json:o.jsonl", drift(new_column="discard_value", type_change="discard_value"), workers)
        summary = balanced(result.summary())
        same((summary["written"], summary["discarded_values"], summary["schema_changes"]), (SAMPLE + 5, 4, 2))
        same(tail_of("o.jsonl"), ['{"a":1,"b":"x"}', '{"a":2,"b":"y"}', '{"a":null,"b":"z"}', '{"a":null,"b":"z"}',
                                  '{"a":4,"b":"n"}'])


@test
def a_csv_target_goes_on_in_a_new_part():
    """The default: a header that is written cannot get another column."""
    for workers in (1, 2, 8):
        for config in ("", drift(new_column="new_part"), drift(new_column="evolve")):
            summary = balanced(piped("csv:o.csv", config, workers).summary())
            same((summary["written"], summary["rejected"]), (SAMPLE + 5, 0))
            same(read("o.csv").splitlines()[-1], b"%d,x" % (SAMPLE - 1))
            same(read("o.csv").count(b"\n"), SAMPLE + 1)
            same(read("o.2.csv"), b"a,b,late\n1,x,7\n2,y,\nno,z,\n2.5,z,w\n4,n,\n")
            same(json.loads(read("o.csv.manifest.json")),
                 {"parts": [{"path": "o.csv", "columns": ["a", "b"], "records": SAMPLE},
                            {"path": "o.2.csv", "columns": ["a", "b", "late"], "records": 5, "source": "standard input",
                             "record": SAMPLE + 1, "line": SAMPLE + 1}]})
            same(changes("o.csv.schema.jsonl")[0], LATE + ("new_part", SAMPLE + 1, SAMPLE + 1))
            same(summary["bytes_out"], os.path.getsize("o.csv") + os.path.getsize("o.2.csv"))
            same(leftovers(), [])
    run("copy", "o.2.csv", "o.csv")
    expect(not os.path.exists("o.csv.manifest.json"), "the manifest of an earlier run is left")


@test
def parts_begin_at_their_record_whatever_else_is_there():
    """Many parts, bad rows among them, a limit, a compressed target: the same for any number of workers."""
    lines = [HEAD]
    for n in range(3_000):
        keys = ['"a":%d' % n, '"b":"%s"' % ("y" * (n % 50))] + (['"k%d":%d' % (n // 500, n)] if n % 500 == 250 else [])
        lines.append("{%s}\n" % ",".join(keys) if n % 97 else "broken\n")
    data = "".join(lines).encode()
    wanted = None
    for workers in (1, 2, 8):
        for target in ("csv:o.csv", "csv:o.csv.gz"):
            clean()
            summary = balanced(copy("json:-?format=lines", target, "--workers", workers, stdin=data, piped=True, code=3).summary())
            suffix = target[len("csv:o"):]
            names = ["o" + suffix] + ["o.%d%s" % (n, suffix) for n in range(2, 8)]
            manifest = json.loads(read("o%s.manifest.json" % suffix))["parts"]
            same([part["path"] for part in manifest], names)
            same(sum(part["records"] for part in manifest), summary["written"])
            import gzip
            found = [read(name) if suffix == ".csv" else gzip.decompress(read(name)) for name in names]
            wanted = wanted or found
            expect(found == wanted, "parts differ", workers, target)
    same(wanted[1].splitlines()[0], b"a,b,k0")
    same(wanted[6].splitlines()[0], b"a,b,k0,k1,k2,k3,k4,k5")
    for workers in (1, 8):
        clean()
        copy("json:-?format=lines", "csv:o.csv", "--workers", workers, "--limit", SAMPLE + 253, stdin=data, piped=True, code=3)
        same(sum(part["records"] for part in json.loads(read("o.csv.manifest.json"))["parts"]), SAMPLE + 253)


@test
def what_cannot_have_parts_rejects_the_records():
    result = run("copy", "json:-?format=lines", "csv:-", "--rejects", "r.jsonl", "--summary", "json",
                 stdin=(HEAD + "\n".join(TAIL) + "\n").encode(), piped=True, code=3)
    same([e["reason"] for e in rejects("r.jsonl")], ["drift"] * 2)
    same(balanced(result.summary())["written"], SAMPLE + 3)


@test
def a_table_gets_the_new_column():
    for workers in (1, 8):
        piped("sqlite:o.db?table=t", "", workers)
        with sqlite3.connect("o.db") as db:
            same(list(db.execute("SELECT a, b, late FROM t ORDER BY rowid DESC LIMIT 5")),
                 [(4, "n", None), (2.5, "z", "w"), ("no", "z", None), (2, "y", None), (1, "x", 7)])
        db.close()


@test
def text_after_the_sample_keeps_the_type_it_has():
    """CSV from a pipe: a column of ints meets a decimal, a text and a date."""
    data = ("a,b\n" + "".join("%d,x\n" % n for n in range(SAMPLE)) + "1.50,x\nword,x\n7,x\n2024-01-01,y\n").encode()
    for workers in (1, 8):
        clean()
        copy("csv:-", "json:o.jsonl", "--workers", workers, stdin=data, piped=True)
        same(read("o.jsonl").splitlines()[-4:], [b'{"a":1.50,"b":"x"}', b'{"a":"word","b":"x"}', b'{"a":7,"b":"x"}',
                                                 b'{"a":"2024-01-01","b":"y"}'])
        same(changes("o.jsonl.schema.jsonl"), [("type_change", "a", "int", "decimal", "evolve", SAMPLE + 1, SAMPLE + 2),
                                               ("type_change", "a", "int", "string", "evolve", SAMPLE + 2, SAMPLE + 3)])
        clean()
        copy("csv:-", "json:o.jsonl", "--workers", workers, stdin=data, piped=True, code=3, config=drift(type_change="quarantine"))
        same([(e["line"], e["reason"], e["raw"]) for e in rejects("r.jsonl")],
             [(SAMPLE + 2, "drift", "1.50,x"), (SAMPLE + 3, "drift", "word,x"), (SAMPLE + 5, "drift", "2024-01-01,y")])


# --- within a run: files with headers of their own


def files():
    write("p1.csv", "a,b\n1,x\n2,y\n")
    write("p2.csv", "b,c,a\nz,1.5,3\n,,4\n")
    write("p3.csv", "a\n5\n")


@test
def files_with_other_headers_are_joined_by_name():
    files()
    for workers in (1, 8):
        clean()
        copy("p*.csv", "o.csv", "--workers", workers)
        same(read("o.csv"), b"a,b,c\n1,x,\n2,y,\n3,z,1.5\n4,,\n5,,\n")
        same(changes("o.csv.schema.jsonl"), [("new_column", "c", None, "decimal", "evolve", 1, 2),
                                             ("missing_column", "b", "string", None, "evolve", 1, 2)])
        same([e["source"] for e in entries("o.csv.schema.jsonl")], ["p2.csv", "p3.csv"])
        copy("p*.csv", "o.jsonl", "--workers", workers)
        same(read("o.jsonl").splitlines()[2:], [b'{"a":3,"b":"z","c":1.5}', b'{"a":4,"b":null,"c":null}', b'{"a":5}'])
        copy("p*.csv", "sqlite:o.db?table=t", "--workers", workers)
        with sqlite3.connect("o.db") as db:
            same(list(db.execute("SELECT a, b, c FROM t")),
                 [(1, "x", None), (2, "y", None), (3, "z", "1.5"), (4, None, None), (5, None, None)])
        db.close()
    write("q1.csv", "a,b\n1,2\n")
    write("q2.csv", "b,a\n3,4\n")  # another order alone is no change
    copy("q*.csv", "o-q.csv")
    same((read("o-q.csv"), os.path.exists("o-q.csv.schema.jsonl")), (b"a,b\n1,2\n4,3\n", False))


@test
def each_policy_holds_for_files_with_other_headers():
    files()
    for workers in (1, 8):
        clean()
        copy("p*.csv", "o.csv", "--workers", workers, config=drift(new_column="quarantine", missing_column="quarantine"), code=3)
        same(read("o.csv"), b"a,b\n1,x\n2,y\n4,\n")
        same([(e["source"], e["line"], e["field"], e["detail"]) for e in entries("r.jsonl")],
             [("p2.csv", 2, "c", "column 'c' is new"), ("p3.csv", 2, "b", "column 'b' is missing")])
        clean()
        copy("p*.csv", "o.csv", "--workers", workers, config=drift(new_column="discard_value", missing_column="discard_value"))
        same(read("o.csv"), b"a,b\n1,x\n2,y\n3,z\n4,\n5,\n")
        clean()
        copy("p*.csv", "o.csv", "--workers", workers, config=drift(new_column="new_part", missing_column="new_part"))
        same([read(name) for name in ("o.csv", "o.2.csv", "o.3.csv")], [b"a,b\n1,x\n2,y\n", b"a,b,c\n3,z,1.5\n4,,\n", b"a\n5\n"])
        clean()
        for keys, parts in ((dict(new_column="freeze"), ("p2.csv", "line 2", "'c' is new")),
                            (dict(missing_column="freeze"), ("p3.csv", "line 2", "'b' is missing"))):
            one_line_error(copy("p*.csv", "o.csv", "--workers", workers, config=drift(**keys), code=1), *parts)
            expect(not os.path.exists("o.csv"), "published")


# --- between runs


def first_then(first, second, config, code=0, target="o.jsonl", source="a.csv"):
    clean()
    write(source, first)
    copy(source, target, config=config)
    write(source, second)
    return copy(source, target, config=config, code=code)


@test
def a_run_is_compared_with_the_last_one():
    first, second = "a,b,c\n1,x,2024-01-01\n", "a,c,d\n1,2024-01-01,5\n2.5,2024-01-02,6\n"
    found = [("missing_column", "b", "string", None), ("type_change", "a", "int", "decimal"), ("new_column", "d", None, "int")]
    first_then(first, second, drift(strategy="default"))
    same(read("o.jsonl"), b'{"a":1,"c":"2024-01-01","d":5}\n{"a":2.5,"c":"2024-01-02","d":6}\n')
    same(sorted(change[:5] for change in changes("o.jsonl.schema.jsonl")), sorted(change + ("evolve",) for change in found))
    same({e["column"]: (e["record"], e["line"], e["source"]) for e in entries("o.jsonl.schema.jsonl") if e["event"] == "change"},
         {"a": (2, 3, "a.csv"), "b": (1, 2, "a.csv"), "d": (1, 2, "a.csv")})
    same([c["name"] for c in entries("o.jsonl.schema.jsonl")[-1]["columns"]], ["a", "b", "c", "d"])
    write("a.csv", second)
    copy("a.csv", "o.jsonl", config=drift(strategy="default"))  # the same again: only b is still missing
    same(len(changes("o.jsonl.schema.jsonl")), 4)
    first_then(first, second, drift(strategy="default"), target="o.csv")
    same(read("o.csv"), b"a,b,c,d\n1,,2024-01-01,5\n2.5,,2024-01-02,6\n")  # never dropped
    first_then(first, second, drift(strategy="flexible"), target="o.csv")
    same(read("o.csv"), b"a,c,d\n1,2024-01-01,5\n2.5,2024-01-02,6\n")


@test
def each_policy_holds_between_runs():
    first, second = "a,b\n1,x\n", "a,b,d\n1,x,\nno,y,\n2,z,7\n"
    first_then(first, second, drift(new_column="quarantine", type_change="quarantine"), code=3)
    same(read("o.jsonl"), b'{"a":1,"b":"x"}\n')
    same([(e["line"], e["field"], e["reason"]) for e in rejects("r.jsonl")], [(3, "a", "drift"), (4, "d", "drift")])
    first_then(first, second, drift(new_column="discard_value", type_change="discard_value"))
    same(read("o.jsonl"), b'{"a":1,"b":"x"}\n{"a":null,"b":"y"}\n{"a":2,"b":"z"}\n')
    for keys, parts in ((dict(new_column="freeze"), ("'d' is new", "line 4")),
                        (dict(type_change="freeze"), ("'a' was int and is string", "line 3"))):
        one_line_error(first_then(first, second, drift(**keys), code=1), "a.csv", *parts)
        same(read("o.jsonl"), b'{"a":1,"b":"x"}\n')
    one_line_error(first_then(first, "a\n1\n", drift(missing_column="freeze"), code=1), "'b' is missing")
    first_then(first, "a\n1\n2\n", drift(missing_column="quarantine"), code=3)
    same(([e["line"] for e in rejects("r.jsonl")], read("o.jsonl")), ([2, 3], b""))
    first_then(first, "b\nx\n", drift(missing_column="discard_value"), target="o.csv")
    same(read("o.csv"), b"a,b\n,x\n")


@test
def json_and_tables_are_compared_too():
    for workers in (1, 8):
        clean()
        first_then('{"a":1}\n', '{"a":2,"n":"x"}\n{"a":"z"}\n', drift(new_column="quarantine", type_change="quarantine"),
                   source="a.jsonl", code=3)
        same([(e["line"], e["field"]) for e in rejects("r.jsonl")], [(1, "n"), (2, "a")])
    clean()
    with sqlite3.connect("s.db") as db:
        db.execute("CREATE TABLE s(a INTEGER, b TEXT)")
        db.execute("INSERT INTO s VALUES (1, 'x')")
    copy("sqlite:s.db?table=s", "o.jsonl", config=drift(new_column="freeze"))
    with sqlite3.connect("s.db") as db:
        db.execute("ALTER TABLE s ADD COLUMN c INTEGER")
    db.close()
    one_line_error(copy("sqlite:s.db?table=s", "o.jsonl", config=drift(new_column="freeze"), code=1), "'c' is new")
    copy("sqlite:s.db?table=s", "o.jsonl", config=drift(new_column="evolve"))
    same(changes("o.jsonl.schema.jsonl")[0][:2], ("new_column", "c"))


# --- compatibility


COMPATIBILITY = [  # first run, second run, and the modes that allow it
    ("a,b\n1,x\n", "a,b,c\n1,x,2\n", "none backward forward full backward_transitive"),  # an optional column more
    ("a,b\n1,x\n", "a\n1\n", "none"),  # a column less that was never null
    ("a,b\n1,x\n2,\n", "a\n1\n", "none backward forward full backward_transitive"),  # one that was null at times
    ("a\n1\n", "a\n1.5\n", "none backward backward_transitive"),  # int -> decimal
    ("a\n1.5\n", "a\n1\n", "none backward forward full backward_transitive"),  # ints fit a decimal column
    ("a\n1\n", "a\nx\n", "none backward backward_transitive"),  # int -> string
    ("a\n1.5\n", "a\nx\n", "none backward backward_transitive"),  # decimal -> string
    ("a\ntrue\n", "a\n1\n", "none backward backward_transitive"),  # bool and int have string in common
    ("a\n2024-01-01\n", "a\n1\n", "none backward backward_transitive"),  # and so have date and int
    ("a\ntrue\n", "a\nx\n", "none backward backward_transitive"),  # bool -> string
    ("a\nx\n", "a\n1\n", "none backward forward full backward_transitive"),  # a number is a text as well
]


@test
def compatibility_says_which_changes_are_allowed():
    for first, second, allowed in COMPATIBILITY:
        for mode in "none backward forward full backward_transitive".split():
            ok = mode in allowed.split()
            result = first_then(first, second, drift(compatibility=mode), code=0 if ok else 1)
            if not ok:
                one_line_error(result, "schema drift", "not %s compatible" % mode)


@test
def transitive_looks_at_every_earlier_version():
    for mode, code in (("backward", 0), ("backward_transitive", 1)):
        clean()
        for text, wanted in (("a,b\n1,x\n", 0), ("a,b\n1,\n", 0), ("a\n1\n", code)):
            # b was never null in the first version; in the second it was, so that the last version alone allows it
            write("a.csv", text)
            result = copy("a.csv", "o.jsonl", config=drift(compatibility=mode), code=wanted)
        if code:
            one_line_error(result, "'b' is missing", "an earlier run")


@test
def strict_is_backward_and_what_is_incompatible_may_be_quarantined():
    one_line_error(first_then("a,b\n1,x\n", "a\n1\n", "drift: strict\n", code=1), "not backward compatible")
    first_then("a\n1\n", "a\n1.5\n", "drift: strict\n")
    first_then("a\n1\n", "a\nx\n2\n", drift(compatibility="forward", fail_on_incompatible="false"), code=3)
    same((read("o.jsonl"), rejects("r.jsonl")[0]["reason"]), (b'{"a":2}\n', "drift"))


@test
def a_column_that_is_gone_stays_or_goes_as_preserve_old_fields_says():
    first, second = "a,b\n1,x\n", "a\n2\n"
    for config, wanted in ((drift(strategy="default"), b"a,b\n2,\n"), (drift(strategy="flexible"), b"a\n2\n"),
                           (drift(preserve_old_fields="false"), b"a\n2\n"),
                           (drift(strategy="flexible", preserve_old_fields="true"), b"a,b\n2,\n")):
        first_then(first, second, config, target="o.csv")
        same(read("o.csv"), wanted, config)
        same([change[:5] for change in changes("o.csv.schema.jsonl")], [("missing_column", "b", "string", None, "evolve")])
    first_then(first, "a,b,c\n1,y,2\n", "drift: default\n")
    same(entries("o.jsonl.schema.jsonl")[-1]["columns"][2], {"name": "c", "type": "int", "nullable": True})


@test
def a_type_that_changes_begins_no_part():
    """new_part of type_change is evolve: a CSV file holds any value."""
    for workers in (1, 8):
        summary = balanced(piped("csv:o.csv", drift(new_column="evolve", type_change="new_part"), workers).summary())
        same((summary["written"], summary["rejected"]), (SAMPLE + 5, 0))
        same(read("o.2.csv"), b"a,b,late\n1,x,7\n2,y,\nno,z,\n2.5,z,w\n4,n,\n")
        summary = balanced(piped("csv:o.csv", drift(new_column="discard_value", type_change="new_part"), workers).summary())
        same((summary["written"], os.path.exists("o.2.csv"), read("o.csv").splitlines()[-3:]),
             (SAMPLE + 5, False, [b"no,z", b"2.5,z", b"4,n"]))


# --- each change is told once, with its place


def told(path):
    return [{key: value for key, value in entry.items() if key != "time"} for entry in entries(path)]


@test
def a_run_that_is_interrupted_tells_each_change_once_and_state_shows_them():
    rows = 60_000
    write("p1.csv", "a,b\n" + "".join("%d,x\n" % n if n != 700 else ",x\n" for n in range(rows)))
    write("p2.csv", "a,c\n" + "".join("%d,%d\n" % (n, n) for n in range(rows)))
    for target in ("o.csv", "o.jsonl"):
        for config in ("", "drift: default\n"):
            clean()
            undisturbed = copy("p*.csv", target, config=config).summary()
            wanted = told(target + ".schema.jsonl")
            same([(e["kind"], e["column"], e["source"], e["record"], e["line"]) for e in wanted if e["event"] == "change"],
                 [("new_column", "c", "p2.csv", 1, 2), ("missing_column", "b", "p2.csv", 1, 2)])
            if config:
                same([column["nullable"] for column in wanted[-1]["columns"]], [True, True, True])
            output = read(target)
            clean()
            os.makedirs(".state", exist_ok=True)
            stopped, shown = 0, b""
            write("d.yaml", config + "reliability: {checkpoint: {dir: .state, records: 5000, interval: 0}, rate_limit_per_sec: 100000, "
                                     "rate_limit: {burst: 2000}}\nbatch_size: 1000\n")
            for attempt in range(20):
                running = start("copy", "p*.csv", target, "--system-flags", "d.yaml", "--summary", "json")
                while running.is_running() and not os.listdir(".state"):  # what is killed before is another run
                    time.sleep(0.01)
                time.sleep(0.1 * attempt)
                if running.is_running():
                    running.signal(signal.SIGTERM)
                result = running.finish()
                expect(result.code in (0, 143), result)
                if result.code == 0:
                    break
                stopped += 1
                shown += run("state", "show", "--state-dir", ".state").out
                states = json.loads(run("state", "show", "--json", "--state-dir", ".state").out)
                expect(all(s["schema_changes"] in (1, 2) and s["schema_history"] == target + ".schema.jsonl" for s in states), states)
            same((result.code, read(target) == output), (0, True))
            expect(stopped > 0, "it was never interrupted")
            same(told(target + ".schema.jsonl"), wanted, stopped)
            same(result.summary()["schema_changes"], undisturbed["schema_changes"])
            expect(b"1 change of the schema, told in %s.schema.jsonl" % target.encode() in shown, shown)


@test
def a_change_in_a_file_that_grows_has_its_line():
    write("g.jsonl", "".join('{"a":%d}\n' % n for n in range(3)))
    write("d.yaml", "drift: {new_column: evolve, history: h.jsonl}\n")
    run("copy", "tail:g.jsonl?stop_when_idle=200ms", "o.jsonl", "--system-flags", "d.yaml", "--resume", "never")
    with open("g.jsonl", "a") as out:
        out.write('{"a":3}\n{"a":4,"late":true}\n')
    run("copy", "tail:g.jsonl?stop_when_idle=200ms", "o.jsonl", "--system-flags", "d.yaml", "--resume", "never")
    same([(e["kind"], e["column"], e["record"], e["line"]) for e in entries("h.jsonl") if e["event"] == "change"],
         [("new_column", "late", 5, 5)])


@test
def keys_have_the_names_that_others_use():
    for config in ("schema_evolution: {strategy: strict, compatibility_mode: backward, fail_on_incompatible: true}\n",
                   "drift: {contract: {new_column: freeze}}\n", "drift: {new_column: discard_row}\n",
                   "drift: {batch_size_for_inference: 10, schema_check_interval: 1m, preserve_old_fields: true}\n"):
        clean()
        write("a.csv", "a\n1\n")
        copy("a.csv", "o.jsonl", config=config)
    one_line_error(copy("a.csv", "o.jsonl", config="drift: {new_colum: freeze}\n", code=2), "new_colum", "new_column")
    one_line_error(run("copy", "a.csv", "o.jsonl", "--drift", "strickt", code=2), "--drift", "strict")


@test
def nothing_is_kept_unless_asked_for():
    write("a.csv", "a\n1\n")
    run("copy", "a.csv", "o.jsonl")
    same([name for name in os.listdir() if "schema" in name], [])
    copy("a.csv", "o.jsonl", config=drift(history="h.jsonl"))
    same([e["event"] for e in entries("h.jsonl")], ["schema"])
    with open("h.jsonl", "ab") as out:
        out.write(b'{"event":"schema","columns":[{"na')  # a run that was killed while it wrote
    write("a.csv", "a,b\n1,2\n")
    copy("a.csv", "o.jsonl", config=drift(history="h.jsonl"))
    same(read("h.jsonl").count(b'"kind":"new_column"'), 1)


if __name__ == "__main__":
    main(KNOWN)
