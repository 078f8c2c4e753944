# SPDX-License-Identifier: MIT
"""Declared schemas and samples: which records go on."""
import json
import os
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import balanced, expect, gz, main, one_line_error, read, rejects, run, same, test, write

KNOWN = {}


def summary_of(*args, **settings):
    return balanced(run(*args, "--summary", "json", **settings).summary())


def faults(path="o.jsonl.rejects.jsonl"):
    return [(e["record"], e["line"], e["field"], e["column"], e["reason"], e["detail"], e["stage"], e["raw"])
            for e in rejects(path)]


# --- declared schemas


PEOPLE = "id,name,price\n1,Ann,1.50\nx,Bob,2\n3,,4\n4,Cy,abc\n5,007,7\n"
FOUND = [(2, 3, "id", 1, "type_mismatch", "expected int, found 'x'", "schema", "x,Bob,2"),
         (3, 4, "name", 2, "type_mismatch", "the schema says not null, and the value is null", "schema", "3,,4"),
         (4, 5, "price", 3, "type_mismatch", "expected decimal, found 'abc'", "schema", "4,Cy,abc")]


@test
def a_value_that_violates_the_schema_is_rejected_however_the_schema_is_written():
    write("a.csv", PEOPLE)
    forms = ['schema: {id: int, name: {type: string, nullable: false}, price: decimal}',
             'schema: {id: INTEGER, name: text not null, price: numeric null}',
             'schema: [{name: id, type: int}, {name: name, type: string, not_null: true}, price decimal]',
             'schema:\n  columns:\n    - {name: id, type: int}\n    - {name: name, required: true, type: string}\n'
             '    - {name: price, type: decimal}']
    for form in forms:
        for workers in (1, 8):
            write("p.yaml", "source: a.csv\ndestination: o.jsonl\n%s\n" % form)
            same(summary_of("run", "p.yaml", "--workers", workers, code=3)["rejected_by_reason"], {"type_mismatch": 3}, form)
            same(faults(), FOUND, form)
            same(read("o.jsonl"), b'{"id":1,"name":"Ann","price":1.50}\n{"id":5,"name":"007","price":7}\n')
    write("s.yaml", forms[0])
    for flag in ("s.yaml", "id=int,name=string not null,price=decimal"):
        run("copy", "a.csv", "o.jsonl", "--schema", flag, code=3)
        same(faults(), FOUND, flag)


@test
def what_schema_prints_is_a_schema():
    write("a.csv", "id,name\n1,a\n2,b\n")
    write("s.json", run("schema", "a.csv").out)
    write("b.csv", "id,name\n1,a\nx,b\n3,c\n")
    run("copy", "b.csv", "o.jsonl", "--schema", "s.json", code=3)
    same(read("o.jsonl"), b'{"id":1,"name":"a"}\n{"id":3,"name":"c"}\n')


@test
def a_declared_schema_needs_no_first_pass():
    """A pipe is read once, and a value after the sample counts as much as one in it."""
    rows = "".join("%d,%d\n" % (n, n) for n in range(70_000))
    write("a.csv", "a,b\n" + rows + "x,1\n5,6\n")
    for workers in (1, 8):
        summary = summary_of("copy", "csv:-", "json:o.jsonl", "--schema", "a=int,b=string", "--rejects", "r.jsonl",
                             "--workers", workers, stdin=read("a.csv"), piped=True, code=3)
        same(summary["written"], 70_001)
        same(faults("r.jsonl"), [(70_001, 70_002, "a", 1, "type_mismatch", "expected int, found 'x'", "schema", "x,1")])
        expect(read("o.jsonl").endswith(b'{"a":69999,"b":"69999"}\n{"a":5,"b":"6"}\n'), read("o.jsonl")[-80:])


@test
def a_schema_is_checked_whatever_the_destination():
    write("a.csv", "a,b\n1,2\nx,3\n")
    for target in ("o.csv", "o.json", "o.db", "null:", "csv:-"):
        same(summary_of("copy", "a.csv", target, "--schema", "a=int", "--rejects", "r", code=3)["written"], 1, target)
    run("copy", "a.csv", "o.csv", "--schema", "a=int", "--storage-mode", "columnar", code=3)
    same(read("o.csv"), b"a,b\n1,2\n")
    with sqlite3.connect("o.db") as db:
        same(list(db.execute("SELECT typeof(a) FROM o")), [("integer",)])


@test
def values_of_json_are_not_turned_into_other_types():
    write("a.jsonl", '{"n":1,"s":"x","d":"2024-01-01","t":true}\n{"n":"1","s":"x"}\n{"n":1.5,"s":"x"}\n{"n":2,"s":3}\n'
                     '{"n":3}\n{"s":"y","d":"no"}\n{"n":null,"s":"z"}\n')
    run("copy", "a.jsonl", "o.jsonl", "--schema", "n=int,s=string not null,d=date", code=3)
    same(read("o.jsonl"), b'{"n":1,"s":"x","d":"2024-01-01","t":true}\n{"n":null,"s":"z"}\n')
    same([(e["line"], e["field"], e["detail"]) for e in rejects("o.jsonl.rejects.jsonl")],
         [(2, "n", "expected int, found '1'"), (3, "n", "expected int, found '1.5'"), (4, "s", "expected string, found '3'"),
          (5, "s", "the schema says not null, and the value is missing"), (6, "d", "expected date, found 'no'")])


@test
def each_declared_type_takes_what_it_says():
    cases = {"bool": ("true", "1"), "int": ("-5", "5.0"), "decimal": ("1.10", "1e5"), "float": ("1e5", "NaN"),
             "number": ("1e999", "0x1"), "date": ("2024-02-29", "2023-02-29"), "time": ("23:59:59.5", "24:00:00"),
             "timestamp": ("2024-01-01T00:00:00Z", "2024-01-01"), "json": ('"{""a"":[1]}"', '"{""a"": 1}"'),
             "uuid": ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "f47ac10b"), "string": ("1", None), "bytes": ("x", None)}
    for kind, (good, bad) in cases.items():
        write("a.csv", "a,b\n%s,1\n,2\n" % good + ("%s,3\n" % bad if bad else ""))
        summary = summary_of("copy", "a.csv", "o.jsonl", "--schema", "a=" + kind, code=3 if bad else 0)
        same((summary["written"], summary["rejected"]), (2, 1 if bad else 0), kind)
        value = json.loads(read("o.jsonl").splitlines()[0], parse_float=str, parse_int=str)["a"]
        text = good.replace('""', "\0").strip('"').replace("\0", '"')
        wanted = {"json": lambda: {"a": ["1"]}, "bool": lambda: True}.get(kind, lambda: text)()
        same(value, wanted, kind)


@test
def a_schema_that_cannot_be_is_refused_with_its_place():
    write("a.csv", "id,name\n1,a\n")
    write("o.jsonl", "old\n")
    one_line_error(run("copy", "a.csv", "o.jsonl", "--schema", "idd=int", code=2), "idd", "'id'")
    one_line_error(run("copy", "a.csv", "o.jsonl", "--schema", "id=inte", code=2), "--schema", "inte", "'int'")
    one_line_error(run("copy", "a.csv", "o.jsonl", "--schema", "id=int,id=string", code=2), "id", "twice")
    one_line_error(run("copy", "a.csv", "o.jsonl", "--schema", "missing.yaml", code=2), "missing.yaml")
    write("p.yaml", "source: a.csv\ndestination: o.jsonl\nschema:\n  id: {type: int, nulable: false}\n")
    one_line_error(run("run", "p.yaml", code=2), "p.yaml:4:28")
    same(read("o.jsonl"), b"old\n")


@test
def without_inference_the_schema_alone_says_what_is_typed():
    write("a.csv", "id,n\n1,2\n")
    run("copy", "a.csv", "o.jsonl", "--infer", "off", "--schema", "id=int")
    same(read("o.jsonl"), b'{"id":1,"n":"2"}\n')
    write("a.jsonl", '{"b":1,"a":2}\n')
    run("copy", "a.jsonl", "o.csv", "--infer", "off", "--schema", "a=int,b=int,c=string")
    same(read("o.csv"), b"a,b,c\n2,1,\n")


# --- samples


def big(rows=60_000):
    """Several pieces, quoted newlines and bad rows included."""
    lines = ['%d,"line\n%d",%s\n' % (n, n, "x" * (n % 40)) if n % 7 == 0 else "%d,plain %d,%d\n" % (n, n, n * 3)
             for n in range(rows)]
    for n in range(0, rows, 1000):
        lines.insert(n, "bad\n")
    return write("big.csv", "a,b,c\n" + "".join(lines))


@test
def a_sample_does_not_depend_on_workers_or_on_how_the_input_comes():
    big()
    wanted, entries = None, None
    for workers in (1, 2, 3, 8):
        summary = summary_of("copy", "big.csv", "o.csv", "--sample", "0.1", "--workers", workers, code=3)
        same((summary["read"], summary["rejected"]), (60_060, 60))
        expect(5_700 < summary["written"] < 6_300, summary)
        wanted = wanted or read("o.csv")
        expect(read("o.csv") == wanted, workers, "workers take other records")
    run("copy", "csv:-", "csv:o.csv", "--sample", "10%", "--rejects", "r", stdin=read("big.csv"), piped=True, code=3)
    # another source, another name, so another sample: but of the same size
    write("big2.csv.gz", gz(read("big.csv")))
    same(summary_of("copy", "big2.csv.gz", "o.csv", "--sample", "0.1", "--workers", 8, code=3)["read"], 60_060)
    os.makedirs("d")
    os.rename("big2.csv.gz", "d/big.csv")
    os.chdir("d")
    run("copy", "big.csv", "o.csv", "--sample", "0.1", code=3)
    expect(read("o.csv") == wanted, "compressed input gives another sample")


@test
def another_seed_takes_other_records_and_shares_are_kept():
    run("copy", "generate:mixed10?rows=50000", "a.csv")
    got = {}
    for seed in ("0", "1"):
        run("copy", "a.csv", "o.csv", "--sample", "0.01", "--sample-seed", seed)
        got[seed] = read("o.csv").splitlines()[1:]
        expect(400 < len(got[seed]) < 600, seed, len(got[seed]))
    expect(len(set(got["0"]) & set(got["1"])) < 30, "the seeds agree too much")
    same(summary_of("copy", "a.csv", "o.csv", "--sample", "1")["filtered"], 0)
    same(summary_of("copy", "a.csv", "o.csv", "--sample", "0")["written"], 0)
    same(read("o.csv").count(b"\n"), 1)
    for bad in ("1.5", "-1", "x", "101%"):
        one_line_error(run("copy", "a.csv", "o.csv", "--sample", bad, code=2), "--sample")
    for source in ("generate:orders9?rows=20000", "a.csv"):
        run("copy", source, "first.jsonl", "--sample", "0.2", "--workers", "1")
        run("copy", source, "second.jsonl", "--sample", "0.2", "--workers", "8")
        same(read("first.jsonl"), read("second.jsonl"), source)


@test
def a_limit_counts_what_the_sample_lets_through():
    big()
    run("copy", "big.csv", "all.csv", "--sample", "0.05", code=3)
    import csv
    with open("all.csv", newline="") as stream:
        everything = list(csv.reader(stream))
    for limit in (1, 100, 2000):
        counts = set()
        for workers in (1, 2, 8):
            summary = summary_of("copy", "big.csv", "o.csv", "--sample", "0.05", "--limit", limit, "--workers", workers,
                                 code=3)
            same(summary["written"], limit)
            with open("o.csv", newline="") as stream:
                expect(list(csv.reader(stream)) == everything[:limit + 1], limit, workers)
            counts.add((summary["read"], summary["filtered"], summary["rejected"]))
        same(len(counts), 1, "what was read depends on the workers", limit, counts)
    summary = summary_of("copy", "generate:orders9?rows=5000", "o.csv", "--sample", "0.5", "--limit", 100)
    same(summary["written"], 100)
    expect(150 < summary["read"] < 260, summary)


@test
def a_limit_counts_what_the_destination_is_shown():
    """A destination that refuses some does not make the run pass records over."""
    write("a.csv", "a,b\n" + "".join("%d,%s\n" % (n // 2, "x" * 50) for n in range(40_000)))
    with sqlite3.connect("o.db") as db:
        db.execute("CREATE TABLE o(a INTEGER UNIQUE, b TEXT)")
    db.close()
    for workers in (1, 8):
        summary = summary_of("copy", "a.csv", "o.db?table=o", "--limit", 10, "--workers", workers, "--rejects", "r", code=3)
        same((summary["read"], summary["written"], summary["rejected"]), (10, 5 if workers == 1 else 0,
                                                                         5 if workers == 1 else 10))


if __name__ == "__main__":
    main(KNOWN)
