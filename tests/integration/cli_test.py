# SPDX-License-Identifier: MIT
"""The command line as a person meets it: verbs, help, messages with hints, files of configuration, and secrets that
stay secret."""
import json
import os
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import SOURCE, expect, has_connector, leftovers, main, one_line_error, read, run, same, skip, test, write

KNOWN = {}
VERBS = ["copy", "pipeline", "run", "preview", "schema", "check", "validate", "list", "version", "help", "completion"]


def table(path="a.csv"):
    return write(path, "id,name\n1,x\n2,y\n")


@test
def every_verb_has_help_on_standard_output():
    for verb in VERBS:
        for args in ((verb, "--help"), ("help", verb)):
            result = run(*args)
            expect(b"Usage: millrace " in result.out and not result.err, result)
    same(run("--help").out, run("help").out)
    result = run(code=2)
    expect(b"Usage" in result.out + result.err, result)


@test
def help_shows_every_flag_of_the_specification():
    text = run("help", "copy").out.decode()
    for flag in ("--batch-size", "--workers", "--max-concurrency", "--flush-interval", "--timeout", "--log-level",
                 "--log-format", "--metrics", "--infer", "--on-error", "--rejects", "--max-rejects", "--state-dir",
                 "--resume", "--dry-run", "--progress", "--summary", "--filter", "--map", "--select", "--rename",
                 "--limit", "--sample", "--allow-conflicts", "--memory-limit", "--profile", "--accept-rejects"):
        expect(flag in text.replace("--[no-]", "--"), "help does not show " + flag)


@test
def version_names_build_cpu_and_codecs():
    text = run("version").out.decode()
    for part in ("millrace", "gzip", "zstd", "lz4"):
        expect(part in text, part, text)


@test
def unknown_verbs_flags_connectors_and_options_are_code_2_with_a_hint():
    table()
    for args, parts in (
            (("cpoy", "a.csv", "b.csv"), ("cpoy", "copy")),
            (("copy", "a.csv", "b.csv", "--wrkers", "2"), ("--wrkers", "--workers")),
            (("copy", "a.csv", "b.csv", "--workers", "0"), ("workers", "0")),
            (("copy", "a.csv", "b.csv", "--workers", "many"), ("workers", "many")),
            (("copy", "a.csv", "b.csv", "--batch-size", "-1"), ("batch-size", "-1")),
            (("copy", "a.csv", "b.csv", "--limit"), ("--limit",)),
            (("copy", "a.csv"), ("TO",)),
            (("copy", "a.csv", "b.csv", "c.csv"), ("c.csv",)),
            (("copy", "cvs:a.csv", "b.csv"), ("cvs", "csv")),
            (("copy", "a.csv", "b.unknown"), ("b.unknown",)),
            (("copy", "a.csv?delimter=;", "b.csv"), ("delimter", "delimiter")),
            (("copy", "a.csv?delimiter=;;", "b.csv"), ("delimiter", ";;")),
            (("copy", "a.csv", "b.csv?heder=false"), ("heder", "header")),
            (("copy", "a.csv", "b.csv", "--storage-mode", "colum"), ("storage", "colum", "columnar")),
            (("copy", "a.csv", "b.csv", "--on-error", "explode"), ("on-error", "explode", "quarantine")),
            (("copy", "a.csv", "b.csv", "--select", "id,nme"), ("nme", "name")),
            (("copy", "a.csv", "b.csv", "--memory-limit", "1"), ("memory",)),
            (("copy", "generate:mixed11", "b.csv"), ("mixed11", "mixed10")),
            (("copy", "a.csv", "generate:mixed10"), ("generate",)),
            (("copy", "null:", "b.csv"), ("null",)),
            (("pipeline", "csv", "jsn", "--source-path", "a.csv", "--dest-path", "b"), ("jsn", "json")),
            (("list", "cvs"), ("cvs", "csv")),
            (("help", "cpoy"), ("cpoy",)),
            (("preview",), ("FROM",)),
            (("run",), ()),
            (("check", "missing.yaml"), ("missing.yaml",)),
            (("copy", "a.csv", "b.csv", "--filter", ".idd > 1"), ("filter", "idd", "did you mean 'id'")),
            (("copy", "a.csv", "b.csv", "--compression", "rar"), ("compression", "rar"))):
        result = run(*args, code=2)
        line = one_line_error(result, *parts).replace("_", "-")
        expect(len(line) < 300, line)
        expect(not os.path.exists("b.csv"), "a refused run wrote", result)


@test
def list_tells_what_there_is():
    text = run("list").out.decode()
    everything = json.loads(run("list", "--json").out)
    for kind, names in (("sources", ("csv", "json", "generate")), ("destinations", ("csv", "json", "null"))):
        for name in names:
            expect(name in [entry["name"] for entry in everything[kind]] and name in text, kind, name)
    for entry in everything["destinations"]:
        expect(entry["guarantee"] and entry["summary"], entry)
    same(sorted(everything["codecs"])[:1] and set(everything["codecs"]) >= {"gzip", "zstd", "lz4"}, True)
    for name in ("csv", "json", "generate", "null"):
        expect(name in run("list", name).out.decode(), name)
    expect("delimiter" in json.dumps(json.loads(run("list", "csv", "--json").out)), "options of one as JSON")
    for alias, name in (("csv-legacy", "csv"), ("csv_legacy", "csv")):
        same(run("list", alias).out, run("list", name).out, alias)


@test
def preview_shows_rows_types_and_rejects_and_writes_nothing():
    write("a.csv", "id,price,day\nbad\n" + "".join("%d,%d.50,2024-01-%02d\n" % (n, n, n % 28 + 1) for n in range(100)))
    before = os.listdir(".")
    text = run("preview", "a.csv", "-n", "5").out.decode()
    for part in ("id", "int", "price", "decimal", "day", "date", "0.50", "4.50", "too_few_fields"):
        expect(part in text, part, text)
    expect("5.50" not in text, "more rows than asked for", text)
    same(os.listdir("."), before)
    same(run("preview", "a.csv").out.decode().count(".50"), 20)
    expect("string" not in run("preview", "generate:mixed10?rows=3", "--select", "id,value").out.decode(), "select")


@test
def what_is_easily_meant_otherwise_is_told():
    table()
    os.mkdir("dir")
    one_line_error(run("copy", "dir", "b.csv", code=2), "'dir' is a directory", "'dir/*.csv'")
    one_line_error(run("copy", "a.csv", "dir", code=2), "'dir' is a directory")
    expect(b"--timeout: the time-out is 5 nanoseconds, as a number without a unit says; seconds are written 5s" in
           run("copy", "a.csv", "b.csv", "--timeout", "5", code=5).err, "no word on nanoseconds")
    expect(b"nanoseconds" not in run("copy", "a.csv", "b.csv", "--timeout", "5s").err, "a word too many")
    for flag in ("--system-flags", "--schema"):
        one_line_error(run("copy", "a.csv", "b.csv", flag, "gone.yaml", code=2), "'gone.yaml'", "check the path")
    write("one.csv", "a\n1\n")
    expect(b"done: 1 record read, 1 written" in run("copy", "one.csv", "b.csv").err, "plural")
    write("bad.csv", "a,b\n1\n")
    expect(b"done with rejects: 1 record read, 0 written" in run("copy", "bad.csv", "b.csv", code=3).err, "underscores")


@test
def preview_tells_types_rejects_and_conflicts_before_a_byte_is_written():
    """Behind the steps, of every destination, with what a run would say about them."""
    write("a.csv", "a,b\n1,x\n2\n0,y\n4,z\n")
    write("out.jsonl", "old\n")
    steps = "transforms:\n- map: {c: 12 / .a}\n- filter: .b != \"x\"\n"
    write("p.yaml", "source: a.csv\ndestination: out.jsonl\n" + steps)
    before = sorted(os.listdir("."))
    lines = [line.split() for line in run("preview", "p.yaml").out.decode().splitlines()]
    same(lines[:3], [["a", "b", "c"], ["int", "string", "decimal"], ["4", "z", "3"]])
    same([" ".join(line) for line in lines[3:5]], ["1 rejected: too_few_fields", "1 rejected: transform_error"])
    for verb in (("preview", "p.yaml"), ("run", "p.yaml", "--dry-run"), ("check", "p.yaml"), ("schema", "p.yaml")):
        result = run(*verb, "--storage-mode", "columnar", "--streaming-mode", code=2)
        one_line_error(result, "storage.mode: columnar", "performance.streaming_mode: true")
        wrong = run(*verb, "--filter", ".d > 1", code=None)
        if verb[0] in ("preview", "schema"):
            same(wrong.code, 2, verb)
            one_line_error(wrong, "--filter: 1:1: no field 'd'")
    same((sorted(os.listdir(".")), read("out.jsonl")), (before, b"old\n"))
    for verb in (("preview", "gone.csv"), ("schema", "gone.csv")):
        one_line_error(run(*verb, code=1), "gone.csv", "check the path")
    write("q.yaml", "source: gone.csv\ndestination: nowhere/x.csv\n")
    run("check", "q.yaml")  # looks at nothing
    one_line_error(run("check", "q.yaml", "--connect", code=1), "gone.csv", "check the path")


@test
def schema_prints_types_and_what_forced_them():
    write("a.csv", "a,b,c,d\n" + "1,1,true,2024-01-01\n" * 10 + "2.5,x,false,2024-01-02\n" + "3,2,true,\n" * 10)
    schema = json.loads(run("schema", "a.csv").out)
    columns = {column["name"]: column for column in schema["columns"]}
    same({name: column["type"] for name, column in columns.items()},
         {"a": "decimal", "b": "string", "c": "bool", "d": "date"})
    same([(w["type"], w["line"], w["value"]) for w in columns["b"]["because"]],
         [("int", 2, "1"), ("string", 12, "x")])
    same([(w["type"], w["line"], w["value"]) for w in columns["a"]["because"]],
         [("int", 2, "1"), ("decimal", 12, "2.5")])
    same((columns["d"]["nulls"], schema["records"]), (10, 21))
    for workers in (1, 2, 8):
        same(json.loads(run("schema", "a.csv", "--workers", workers).out), schema)


@test
def schema_of_a_large_file_does_not_depend_on_workers():
    rows = ["%d,%d,%s" % (n, n % 7, "x" if n == 150_000 else n) for n in range(200_000)]
    write("a.csv", "a,b,c\n" + "\n".join(rows) + "\n")
    first = json.loads(run("schema", "a.csv", "--workers", "1").out)
    for workers in (2, 3, 8):
        same(json.loads(run("schema", "a.csv", "--workers", workers).out), first)
    same([(w["type"], w["line"]) for w in first["columns"][2]["because"]], [("int", 2), ("string", 150_002)])


@test
def types_are_those_of_section_3():
    cells = {"int": ["0", "-1", "9223372036854775807"], "decimal": ["1.10", "12345678901234567890", "0.0"],
             "bool": ["true", "false"], "date": ["2024-02-29", "0001-01-01"],
             "timestamp": ["2024-02-29T12:00:00Z", "2024-02-29T12:00:01Z"],
             "uuid": ["123e4567-e89b-12d3-a456-426614174000"],
             "string": ["007", "1e5", "True", "2023-02-29", "2024-02-29T12:00:60Z", "24:00", "-0", "x",
                        "123E4567-E89B-12D3-A456-426614174000"]}
    for kind, values in cells.items():
        for value in values:
            write("a.csv", "v,w\n%s,1\n" % value)
            same(json.loads(run("schema", "a.csv").out)["columns"][0]["type"], kind, value)
    for values, kind in ((["1", "1.5"], "decimal"), (["1", "true"], "string"), (["2024-01-01", "1"], "string"),
                         (["1", '""'], "string"), (["", "5"], "int"), (["2024-01-01", "2024-01-01T00:00:00Z"], "string"),
                         (["true", "1.5"], "string")):
        write("a.csv", "v,w\n" + "".join("%s,1\n" % value for value in values))
        same(json.loads(run("schema", "a.csv").out)["columns"][0]["type"], kind, values)


@test
def a_dry_run_and_check_write_nothing():
    table()
    before = sorted(os.listdir("."))
    for target in ("b.csv", "b.json.gz") + (("sqlite:c.db?table=t",) if has_connector("sqlite") else ()):
        text = run("copy", "a.csv", target, "--dry-run").out.decode()
        expect("a.csv" in text, text)
    same(sorted(os.listdir(".")), before)
    write("p.yaml", "source: a.csv\ndestination: b.csv\n")
    for verb in ("check", "validate"):
        text = run(verb, "p.yaml").out.decode()
        expect("a.csv" in text and "b.csv" in text, text)
    same(sorted(os.listdir(".")), sorted(before + ["p.yaml"]))
    run("copy", "missing.csv", "b.csv", "--dry-run", code=None)
    same(leftovers(), [])


@test
def check_finds_every_kind_of_mistake():
    table()
    good = "source: a.csv\ndestination: b.csv\n"
    for text, parts in ((good + "limit: -5\n", ("bad.yaml:3:", "limit")),
                        (good + "performance:\n  workers: lots\n", ("bad.yaml:4:", "workers", "lots")),
                        (good + "select: [id\n", ("bad.yaml",)),
                        (good + "limit: 1\nlimit: 2\n", ("bad.yaml:4:", "limit")),
                        (good + "performance: {bach_size: 3}\n", ("bad.yaml:3:", "bach_size", "batch_size")),
                        ("source: a.csv\n", ("destination",)),
                        ("destination: a.csv\n", ("source",)),
                        ("source: {type: cvs, path: a.csv}\ndestination: b.csv\n", ("bad.yaml:1:", "cvs", "csv")),
                        ("source: {path: a.csv, delimtier: ','}\ndestination: b.csv\n", ("delimtier", "delimiter")),
                        (good + "storage:\n  mode: columnar\nperformance:\n  streaming_mode: true\n",
                         ("storage.mode: columnar", "performance.streaming_mode: true"))):
        write("bad.yaml", text)
        for verb in ("check", "run"):
            result = run(verb, "bad.yaml", code=None)
            same(result.code, 2, text, result)
            one_line_error(result, *parts)
            expect(not os.path.exists("b.csv"), "a refused run wrote", text)


@test
def run_reads_yaml_with_variables():
    table()
    write("p.yaml", "name: p\nsource: {type: csv, path: '${IN}'}\ndestination:\n  type: json\n  path: ${OUT:-d.jsonl}\n"
                    "select: [name]\nrename: {name: 'n'}\nlimit: 1\n")
    run("run", "p.yaml", env={"IN": "a.csv"})
    same(read("d.jsonl"), b'{"n":"x"}\n')
    run("run", "p.yaml", env={"IN": "a.csv", "OUT": "e.jsonl"})
    same(read("e.jsonl"), b'{"n":"x"}\n')
    one_line_error(run("run", "p.yaml", code=2), "p.yaml:2:", "IN")
    write("q.yaml", "source: a.csv\ndestination: 'odd$${IN}.csv'\n")
    run("run", "q.yaml", env={"IN": "wrong"})
    same(read("odd${IN}.csv"), read("a.csv"))
    run("run", "p.yaml", "--limit", "0", "--select", "id,name", env={"IN": "a.csv"})  # flags win
    same(read("d.jsonl"), b'{"id":1,"n":"x"}\n{"id":2,"n":"y"}\n')
    # What a variable holds cannot change the structure, and refers to no further variable.
    write("s.yaml", "source: a.csv\ndestination: ${OUT}\n")
    run("run", "s.yaml", env={"OUT": "x: y ${IN} #.csv", "IN": "no"}, code=None)
    expect(os.path.exists("x: y ${IN} #.csv"), os.listdir("."))


@test
def secrets_are_not_shown():
    table()
    secret = "hunter2-very-secret"
    write("p.yaml", "source:\n  type: csv\n  path: a.csv\n  credentials: {password: '${PW}'}\ndestination: b.csv\n")
    for args in (("check", "p.yaml"), ("run", "p.yaml"), ("run", "p.yaml", "--dry-run"),
                 ("run", "p.yaml", "--log-level", "trace")):
        result = run(*args, env={"PW": secret}, code=None)
        expect(secret.encode() not in result.out + result.err, "the secret is shown", args)
    result = run("copy", "a.csv?password=" + secret, "b.csv", code=2)
    expect(secret.encode() not in result.out + result.err, "the secret is shown", result)


@test
def quiet_means_quiet_and_progress_can_be_read_by_machines():
    run("copy", "generate:mixed10?rows=300000", "a.csv")
    result = run("copy", "a.csv", "b.csv", "--summary", "off", "--progress", "off")
    same(result.out + result.err, b"")
    result = run("copy", "a.csv", "b.csv")
    expect(b"\r" not in result.out + result.err and b"\x1b" not in result.out + result.err, result)
    result = run("copy", "generate:mixed10?rows=9000&rate=4000", "null:", "--progress", "json", "--summary", "off")
    lines = [json.loads(line) for line in result.err.splitlines()]
    expect(len(lines) >= 1, "no progress", result)


@test
def log_lines_can_be_json():
    result = run("copy", "generate:mixed10?rows=10", "b.csv", "--log-format", "json", "--log-level", "debug",
                 "--summary", "off", "--progress", "off")
    for line in result.err.splitlines():
        json.loads(line)


@test
def names_of_columns_may_be_odd():
    write("a.csv", '"a,b","c ""d""",é,=x\n1,2,3,4\n')
    run("copy", "a.csv", "b.jsonl")
    same(read("b.jsonl").decode(), '{"a,b":1,"c \\"d\\"":2,"é":3,"=x":4}\n')
    run("copy", "b.jsonl", "c.csv")
    same(read("c.csv"), read("a.csv"))
    if has_connector("sqlite"):
        run("copy", "a.csv", "sqlite:o.db?table=odd table")
        same(sqlite3.connect("o.db").execute('select * from "odd table"').fetchall(), [(1, 2, 3, 4)])
        run("copy", "sqlite:o.db?table=odd table", "d.csv")
        same(read("d.csv"), read("a.csv"))


@test
def paths_may_be_odd():
    for name in ("with space.csv", "ünï.csv", "percent%20.csv", "-dash.csv", "a:b.csv", "new\nline.csv"):
        table("./" + name)
        source = "./" + name
        run("copy", source, "o.jsonl")
        same(read("o.jsonl"), b'{"id":1,"name":"x"}\n{"id":2,"name":"y"}\n', name)
        run("copy", source, "./out " + name)
        same(read("out " + name), read(name))
    table("q?.csv")
    run("copy", "csv:", "o.csv", "--from-opt", "path=q?.csv")
    same(read("o.csv"), read("q?.csv"))


@test
def targets_keep_mode_and_links_of_what_they_replace():
    table()
    write("real.csv", "old\n")
    os.chmod("real.csv", 0o640)
    os.symlink("real.csv", "link.csv")
    run("copy", "a.csv", "link.csv")
    same(read("real.csv"), read("a.csv"), "the link was replaced, not its file")
    expect(os.path.islink("link.csv"), "the link is gone")
    same(os.stat("real.csv").st_mode & 0o777, 0o640)


@test
def pipes_and_devices_are_written_in_place():
    table()
    os.mkfifo("pipe")
    if os.fork() == 0:
        with open("pipe", "rb") as stream, open("got", "wb") as out:
            out.write(stream.read())
        os._exit(0)
    run("copy", "a.csv", "csv:pipe")
    os.wait()
    same(read("got"), read("a.csv"))
    run("copy", "a.csv", "csv:/dev/null")
    run("copy", "a.csv", "b.csv", "--in-place")
    same(read("b.csv"), read("a.csv"))


@test
def the_documents_are_what_the_program_prints():
    for command, path in ((("help", "--man"), "docs/millrace.1"), (("completion", "bash"), "tools/millrace.bash")):
        same(run(*command).out, read(os.path.join(SOURCE, path)), "run `make docs`: " + path)


main(KNOWN)
