# SPDX-License-Identifier: MIT
"""Every record is accounted for: read = written + rejected + filtered + deduplicated, in every way a run can end, and
the rejects file says where each missing one is."""
import base64
import json
import os
import signal
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import (balanced, expect, gz, has_connector, leftovers, main, one_line_error, read, rejects, run, same, sanitized, skip,
                 start, test, write)

KNOWN = {}
SUMMARY_KEYS = ["status", "read", "written", "rejected", "filtered", "deduplicated", "blank_lines", "bytes_in",
                "bytes_out", "seconds", "records_per_sec", "latency_us", "queue_wait_us", "store", "cpu_utilization",
                "max_rss", "allocs", "checkpoint"]
REJECT_KEYS = ["source", "record", "line", "byte_offset", "byte_length", "field", "column", "reason", "detail", "stage",
               "attempts", "time", "raw"]


def bad_rows(good, bad, name="a.csv"):
    """`good` good rows, and `bad` rows with a field too few spread evenly among them."""
    rows = ["%d,x" % n for n in range(good)]
    for n in range(bad):
        rows.insert((n + 1) * len(rows) // (bad + 1), "bad")
    return write(name, "a,b\n" + "\n".join(rows) + "\n")


def summary_of(*args, **settings):
    return run(*args, "--summary", "json", "--progress", "off", **settings).summary()


@test
def the_summary_has_the_keys_of_the_specification():
    bad_rows(100, 3)
    result = run("copy", "a.csv", "b.csv", "--summary", "json", code=3)
    last = result.out.splitlines()[-1]
    summary = balanced(json.loads(last))
    same([key for key in SUMMARY_KEYS if key not in summary], [], "missing keys")
    same((summary["read"], summary["written"], summary["rejected"]), (103, 100, 3))
    same(summary["bytes_in"], os.path.getsize("a.csv"))
    same(summary["bytes_out"], os.path.getsize("b.csv"))
    for key in ("latency_us", "queue_wait_us"):
        same(sorted(summary[key]), ["p50", "p95", "p99"])
        expect(summary[key]["p50"] <= summary[key]["p95"] <= summary[key]["p99"], summary)
    same(sorted(summary["store"]), ["bytes_per_record", "compression_ratio", "mode", "peak", "switches"])
    expect((sanitized() or 0 < summary["max_rss"] < 100 << 20) and 0 < summary["seconds"] < 10, summary)


@test
def the_summary_goes_to_standard_error_when_standard_output_carries_data():
    bad_rows(10, 0)
    result = run("copy", "a.csv", "csv:-", "--summary", "json")
    same(result.out, read("a.csv"))
    same(balanced(json.loads(result.err.splitlines()[-1]))["written"], 10)
    for form, stream in (("text", "out"), ("off", None)):
        result = run("copy", "a.csv", "b.csv", "--summary", form)
        same(bool(result.out + result.err), stream is not None, result)


@test
def the_identity_holds_however_a_run_goes():
    bad_rows(5000, 50)
    write("b.jsonl", '{"a":1}\nbroken\n[1]\n{"a":"\\ud800"}\n{"a":2} x\n{"a":3}\n')
    for workers in (1, 2, 8):
        for source in ("a.csv", "b.jsonl?format=lines"):
            for target in ("o.csv", "o.jsonl", "o.json", "null:", "csv:-"):
                for flags in ((), ("--limit", "7"), ("--max-rejects", "3"), ("--on-error", "fail"), ("--infer", "off")):
                    summary = run("copy", source, target, "--workers", workers, "--summary", "json", *flags,
                                  "--rejects", "r.jsonl", code=None).summary()
                    balanced(summary)
                    same(summary["rejected"], sum(summary["rejected_by_reason"].values()), source, target, flags)


@test
def a_rejects_file_has_the_fields_of_the_specification():
    write("a.csv", 'a,b\n1,2\n3\n4,"x"y\n5,6,7\n8,9\n"open,1\n')
    run("copy", "a.csv", "b.csv", code=3)
    entries = [json.loads(line) for line in read("b.csv.rejects.jsonl").splitlines()]
    for entry in entries:
        same([key for key in REJECT_KEYS if key not in entry], [], entry)
        same(entry["attempts"], 1)
        expect(entry["source"].endswith("a.csv") and entry["time"].startswith("20"), entry)
    same([(e["record"], e["line"], e["byte_offset"], e["byte_length"], e["reason"], e["raw"]) for e in entries],
         [(2, 3, 8, 1, "too_few_fields", "3"), (3, 4, 10, 6, "text_after_quote", '4,"x"y'),
          (4, 5, 17, 5, "too_many_fields", "5,6,7"), (6, 7, 27, 7, "unterminated_quote", '"open,1')])
    same(read("b.csv"), b"a,b\n1,2\n8,9\n")


@test
def raw_bytes_that_are_no_text_are_base64_and_long_ones_are_cut():
    write("a.csv", b"a,b\n1,2\n\xff\xfe\n" + b"x" * 70_000 + b"\n3,4\n")
    run("copy", "a.csv", "b.csv", code=3)
    first, second = rejects("b.csv.rejects.jsonl")
    same(base64.b64decode(first["raw_base64"]), b"\xff\xfe")
    expect("raw" not in first or first["raw"] is None, first)
    same((len(second["raw"]), second["raw_truncated"], second["byte_length"]), (65536, True, 70_000))


@test
def a_rejects_file_is_made_only_when_needed_and_replaced_by_the_next_run():
    bad_rows(10, 0)
    run("copy", "a.csv", "b.csv")
    expect(not os.path.exists("b.csv.rejects.jsonl"), "an empty rejects file")
    bad_rows(10, 2)
    for _ in range(2):
        run("copy", "a.csv", "b.csv", code=3)
        same(len(rejects("b.csv.rejects.jsonl")), 2)
    run("copy", "a.csv", "b.csv", "--rejects", "elsewhere.jsonl", code=3)
    same(len(rejects("elsewhere.jsonl")), 2)


@test
def a_warning_with_counts_ends_a_run_with_rejects():
    write("a.csv", 'a,b\n1\n2\n3,4,5\n6,7\n')
    result = run("copy", "a.csv", "b.csv", code=3)
    for part in (b"too_few_fields", b"too_many_fields", b"b.csv.rejects.jsonl"):
        expect(part in result.out + result.err, part, result)


@test
def accepted_rejects_are_code_0():
    bad_rows(100, 3)
    same(balanced(summary_of("copy", "a.csv", "b.csv", "--accept-rejects"))["rejected"], 3)
    same(len(rejects("b.csv.rejects.jsonl")), 3)


@test
def max_rejects_is_a_count_or_a_percentage():
    write("b.csv", "old\n")
    for workers in (1, 2, 8):
        bad_rows(5000, 100)
        for flag, code in (("100", 3), ("99", 4), ("0", 4), ("none", 3), ("2%", 3), ("1.9%", 4), ("0.5%", 4)):
            write("b.csv", "old\n")
            result = run("copy", "a.csv", "b.csv", "--max-rejects", flag, "--workers", workers, "--summary", "json",
                         code=code)
            balanced(result.summary())
            if code == 4:
                same(read("b.csv"), b"old\n", "a run over its limit published")
                same(leftovers(), [])
                one_line_error(result, "max_rejects")
        bad_rows(450, 50)  # a percentage is not looked at before 1,000 records
        run("copy", "a.csv", "b.csv", "--max-rejects", "5%", "--workers", workers, code=3)


@test
def on_error_fail_and_fail_fast_end_with_code_4_and_name_the_place():
    bad_rows(5000, 4)
    line = read("a.csv").split(b"\n").index(b"bad") + 1
    for flags in (("--on-error", "fail"), ("--fail-fast",)):
        for workers in (1, 2, 8):
            write("b.csv", "old\n")
            result = run("copy", "a.csv", "b.csv", *flags, "--workers", workers, code=4)
            one_line_error(result, "a.csv", "line %d" % line, "too_few_fields")
            same(read("b.csv"), b"old\n")
            same(leftovers(), [])
    bad_rows(50, 0)
    run("copy", "a.csv", "b.csv", "--on-error", "fail")


@test
def a_limit_is_exact_for_every_number_of_workers():
    bad_rows(50_000, 0)
    lines = read("a.csv").splitlines(keepends=True)
    for limit in (1, 999, 1000, 30_001, 50_000, 60_000):
        for workers in (1, 2, 8):
            summary = balanced(summary_of("copy", "a.csv", "b.csv", "--limit", limit, "--workers", workers))
            same(summary["written"], min(limit, 50_000))
            expect(read("b.csv") == b"".join(lines[:limit + 1]), "limit %d, %d workers" % (limit, workers))
    same(run("copy", "generate:orders9", "csv:-", "--limit", "3").out.count(b"\n"), 4)
    same(run("copy", "csv:-", "csv:-", "--limit", "2", stdin=read("a.csv"), piped=True).out, b"".join(lines[:3]))


@test
def select_and_rename_shape_the_records():
    write("a.csv", "a,b,c\n1,x,2.50\n3,y,4.00\n")
    run("copy", "a.csv", "o.csv", "--select", "c,a", "--rename", "c=price")
    same(read("o.csv"), b"price,a\n2.50,1\n4.00,3\n")
    run("copy", "a.csv", "o.jsonl", "--rename", "a=id,b=name")
    same(read("o.jsonl"), b'{"id":1,"name":"x","c":2.50}\n{"id":3,"name":"y","c":4.00}\n')
    write("a.jsonl", '{"x":1,"y":[1, 2],"z":null}\n{"y":{"k":1}}\n')
    run("copy", "a.jsonl", "o.jsonl", "--select", "y,x")
    same(read("o.jsonl"), b'{"y":[1,2],"x":1}\n{"y":{"k":1}}\n')
    write("d.csv", "old\n")
    one_line_error(run("copy", "a.csv", "d.csv", "--select", "a,bb", code=2), "bb", "'b'")
    one_line_error(run("copy", "a.csv", "d.csv", "--rename", "q=z", code=2), "q")
    same(read("d.csv"), b"old\n")


@test
def a_name_that_would_be_there_twice_is_refused():
    write("a.csv", "a,b,c\n1,x,2.50\n")
    one_line_error(run("copy", "a.csv", "d.csv", "--rename", "a=b", code=2), "b")
    one_line_error(run("copy", "a.csv", "d.csv", "--select", "a,a", code=2), "a")


@test
def absent_null_and_empty_survive_json_to_json():
    text = '{"a":1,"b":null}\n{"b":""}\n{}\n{"a":null,"b":"x"}\n'
    write("a.jsonl", text)
    run("copy", "a.jsonl", "b.jsonl")
    same(read("b.jsonl").decode(), text)
    run("copy", "a.jsonl", "b.json", "--format", "array")
    run("copy", "b.json", "c.jsonl")
    same(read("c.jsonl").decode(), text)


@test
def mixed_types_in_json_keep_their_own():
    text = '{"v":1}\n{"v":"1"}\n{"v":1.50}\n{"v":true}\n{"v":null}\n{"v":[1,"x",{"k":null}]}\n{"v":{"z":1,"a":2}}\n'
    write("a.jsonl", text)
    for workers in (1, 8):
        run("copy", "a.jsonl", "b.jsonl", "--workers", workers)
        same(read("b.jsonl").decode(), text)
    run("copy", "a.jsonl", "c.csv")
    same(read("c.csv").decode(), 'v\n1\n1\n1.50\ntrue\n\n"[1,""x"",{""k"":null}]"\n"{""z"":1,""a"":2}"\n')


@test
def json_is_written_compactly_with_normal_escapes():
    write("a.jsonl", '{ "k" : "\\u0041\\/\\u00e9\\u0001\\u001F\\b\\f\\n\\r\\t\\"\\\\" , "n" : { "a" : [ 1 , 2.0 ] } }\n'
                     '{"s":"\\ud83d\\ude00","d":{"x":1,"x":2}}\n')
    run("copy", "a.jsonl", "b.jsonl")
    same(read("b.jsonl").decode(), '{"k":"A/é\\u0001\\u001f\\b\\f\\n\\r\\t\\"\\\\","n":{"a":[1,2.0]}}\n'
                                   '{"s":"\U0001f600","d":{"x":1,"x":2}}\n')


@test
def json_faults_have_their_reasons():
    lines = ['{"a":1}', '{"a":1} tail', '{"a":', '[1]', '"text"', '{"a":"\\ud800"}', '{"a":01}', '{"a":1,}', 'nul',
             '{"a":2}']
    write("a.jsonl", "\n".join(lines).encode() + b'\n{"a":"\xff"}\n\n{"a":3}\n')
    for workers in (1, 2, 8):
        result = run("copy", "a.jsonl?format=lines", "b.jsonl", "--workers", workers, "--summary", "json", code=3)
        balanced(result.summary())
        same(read("b.jsonl"), b'{"a":1}\n{"a":2}\n{"a":3}\n')
        entries = rejects("b.jsonl.rejects.jsonl")
        same([(e["line"], e["reason"]) for e in entries],
             [(2, "trailing_data"), (3, "syntax"), (4, "not_an_object"), (5, "not_an_object"), (6, "invalid_unicode"),
              (7, "syntax"), (8, "syntax"), (9, "syntax"), (11, "invalid_utf8")])
        same([e["raw"] for e in entries[:-1]], lines[1:9])
    write("d.jsonl", '{"a":1,"b":2,"a":3}\n')
    for how, out in (("last", b'{"a":3,"b":2}\n'), ("first", b'{"a":1,"b":2}\n')):
        run("copy", "d.jsonl?duplicate_keys=" + how, "e.jsonl")
        same(read("e.jsonl"), out)
    run("copy", "d.jsonl?duplicate_keys=reject", "e.jsonl", code=3)
    same(rejects("e.jsonl.rejects.jsonl")[0]["reason"], "duplicate_key")


@test
def json_formats_are_told_apart():
    write("s.json", b'{"a":1}{"a":2}\n\n{"a":\n3}')
    run("copy", "s.json", "o.csv")
    same(read("o.csv"), b"a\n1\n2\n3\n")
    write("rs.json", b'\x1e{"a":1}\n\x1e{"a":2}\n')
    run("copy", "rs.json?format=lines", "o.csv")
    same(read("o.csv"), b"a\n1\n2\n")
    write("doc.json", b'{"a":1}')
    run("copy", "doc.json?format=document", "o.csv")
    same(read("o.csv"), b"a\n1\n")
    for text in (b"", b"  \n", b'{"a":1} {"a":2}'):
        write("bad.json", text)
        run("copy", "bad.json?format=document", "o.csv", code=1)  # a document is exactly one value
    write("n.json", b'[1,"x",null,{"v":2}]')
    run("copy", "n.json", "o.jsonl", "--wrap-scalars", "v")
    same(read("o.jsonl"), b'{"v":1}\n{"v":"x"}\n{"v":null}\n{"v":2}\n')


@test
def flattening_and_exploding_make_columns_and_records():
    write("a.jsonl", '{"id":1,"p":{"x":1,"y":{"z":2}},"t":["a","b"]}\n')
    run("copy", "a.jsonl?flatten=dot", "o.jsonl")
    same(read("o.jsonl"), b'{"id":1,"p.x":1,"p.y.z":2,"t":["a","b"]}\n')
    run("copy", "a.jsonl?flatten=underscore&flatten_depth=1", "o.jsonl")
    same(read("o.jsonl"), b'{"id":1,"p_x":1,"p_y":{"z":2},"t":["a","b"]}\n')
    run("copy", "a.jsonl?explode=t", "o.jsonl", "--select", "id,t")
    same(read("o.jsonl"), b'{"id":1,"t":"a"}\n{"id":1,"t":"b"}\n')


@test
def columns_of_csv_from_json_are_the_union_however_late():
    write("a.jsonl", "".join('{"a":%d}\n' % n for n in range(80_000)) + '{"late":"x","a":1}\n')
    for workers in (1, 8):
        run("copy", "a.jsonl", "b.csv", "--workers", workers)
        lines = read("b.csv").splitlines()
        same((lines[0], lines[1], lines[-1], len(lines)), (b"a,late", b"0,", b"1,x", 80_002))
    # From a pipe the first 65,536 records decide: the late key is refused or kept, never dropped in silence.
    result = run("copy", "json:-", "p.csv", "--summary", "json", "--rejects", "r", stdin=read("a.jsonl"), piped=True,
                 code=None)
    summary = balanced(result.summary())
    same((summary["rejected"], read("p.2.csv")), (0, b"a,late\n1,x\n"))


@test
def types_can_be_left_out_or_sampled():
    write("a.csv", "a,b\n1,true\n2,x\n")
    run("copy", "a.csv", "o.jsonl", "--infer", "off")
    same(read("o.jsonl"), b'{"a":"1","b":"true"}\n{"a":"2","b":"x"}\n')
    write("s.csv", "a,b\n" + "".join("%d,ok\n" % n for n in range(50)) + "x,ok\n5,ok\n")
    result = run("copy", "s.csv", "o.jsonl", "--infer", "sample:20", "--summary", "json", code=None)
    summary = balanced(result.summary())
    same(summary["written"] + summary["rejected"], 52)
    if summary["rejected"]:
        same([(e["reason"], e["line"], e["field"]) for e in rejects("o.jsonl.rejects.jsonl")],
             [("type_mismatch", 52, "a")])
    else:
        expect(b'"a":"x"' in read("o.jsonl"), read("o.jsonl")[-200:])


@test
def quoting_makes_strings_only_when_asked_for():
    write("a.csv", 'a,b\n"1",2\n')
    run("copy", "a.csv", "o.jsonl")
    same(read("o.jsonl"), b'{"a":1,"b":2}\n')
    run("copy", "a.csv?quoted_is_string=true", "o.jsonl")
    same(read("o.jsonl"), b'{"a":"1","b":2}\n')


@test
def null_spellings_read_as_null_and_come_back():
    write("a.csv", 'a,b\nNA,1\nx,NA\n"NA",\n')
    run("copy", "a.csv?null_values=NA", "o.jsonl")
    same(read("o.jsonl"), b'{"a":null,"b":1}\n{"a":"x","b":null}\n{"a":"NA","b":null}\n')


@test
def ragged_rows_can_be_padded():
    write("a.csv", "a,b\n1\n1,2,3\n4,5\n")
    run("copy", "a.csv?ragged=pad", "o.jsonl")
    same(read("o.jsonl"), b'{"a":1,"b":null}\n{"a":1,"b":2,"field_3":3}\n{"a":4,"b":5}\n')


@test
def ragged_rows_can_be_fatal():
    write("a.csv", "a,b\n1\n1,2,3\n4,5\n")
    write("o.csv", "old\n")
    result = run("copy", "a.csv?ragged=fail", "o.csv", code=None)
    expect(result.code in (1, 4), result)
    one_line_error(result, "a.csv", "line 2")
    same(read("o.csv"), b"old\n")


@test
def options_of_csv_do_what_they_say():
    write("a.csv", "skipped\n# note\nx;y\n1;'it''s'\n2;b\n")
    run("copy", "a.csv?delimiter=semicolon&quote='&comment=%23&skip_rows=1", "o.jsonl")
    same(read("o.jsonl"), b'{"x":1,"y":"it\'s"}\n{"x":2,"y":"b"}\n')
    for delimiter in ",;\t|":
        write("d.csv", delimiter.join("abc") + "\n" + delimiter.join("123") + "\n")
        run("copy", "d.csv?delimiter=auto", "o.csv")
        same(read("o.csv"), b"a,b,c\n1,2,3\n", repr(delimiter))
    write("t.tsv", "a\tb\n1\tx,y\n")
    run("copy", "t.tsv", "o.csv")
    same(read("o.csv"), b'a,b\n1,"x,y"\n')
    write("e.csv", 'a,b\n"x\\"y",1\n')
    run("copy", "e.csv?escape=%5C", "o.csv")
    same(read("o.csv"), b'a,b\n"x""y",1\n')
    write("l.csv", "a\ncaf\xe9\n".encode("latin-1"))
    run("copy", "l.csv?encoding=latin1", "o.csv")
    same(read("o.csv"), "a\ncafé\n".encode())
    write("n.csv", "1,2\n3,4\n")
    run("copy", "n.csv?has_header=false", "o.csv?header=false&crlf=true")
    same(read("o.csv"), b"1,2\r\n3,4\r\n")
    write("b.csv", 'a,b\nx"y,1\n')
    run("copy", "b.csv?strict=true", "o.csv", code=3)
    same(rejects("o.csv.rejects.jsonl")[0]["reason"], "bare_quote")


@test
def several_files_are_read_in_order_of_their_names():
    os.mkdir("in")
    for n in (2, 0, 1):
        write("in/p%d.csv" % n, "a,b\n" + "".join("%d,%d\n" % (n, k) for k in range(100)) + ("bad\n" if n == 1 else ""))
    write("in/p3.csv", gz(b"a,b\n3,0\n"))
    for workers in (1, 8):
        summary = balanced(summary_of("copy", "in/p*.csv", "o.csv", "--workers", workers, code=3))
        same((summary["read"], summary["written"]), (302, 301))
        lines = read("o.csv").decode().splitlines()
        same(lines[0], "a,b")
        same(lines[1:], ["%d,%d" % (n, k) for n in range(3) for k in range(100)] + ["3,0"])
        entry = json.loads(read("o.csv.rejects.jsonl").splitlines()[0])
        expect(entry["source"].endswith("in/p1.csv"), entry)
        same(entry["line"], 102)


@test
def files_that_end_their_rows_in_different_ways_are_not_mixed():
    """What ends a row is found once; a file of carriage returns among others was one long record."""
    for first, second in (("a\n1\n", "a\r2\r3\r"), ("a\r1\r", "a\n2\n")):
        write("p1.csv", first)
        write("p2.csv", second)
        write("o.csv", "old\n")
        for workers in (1, 8):
            one_line_error(run("copy", "p*.csv", "o.csv", "--workers", workers, code=1), "p2.csv", "ends its rows with", "CR", "LF")
            same(read("o.csv"), b"old\n")
    write("p1.csv", "a\r1\r")
    write("p2.csv", "a\r2\r")
    write("p3.csv", "")
    run("copy", "p*.csv", "o.csv")
    same(read("o.csv"), b"a\n1\n2\n")


@test
def standard_input_and_output_carry_records():
    text = b"a,b\n1,x\n"
    same(run("copy", "csv:-", "json:-", stdin=text, piped=True).out, b'{"a":1,"b":"x"}\n')
    same(run("copy", "csv:-", "json:-?format=array", stdin=text, piped=True).out, b'[\n{"a":1,"b":"x"}\n]\n')
    same(run("copy", "json:-", "csv:-", stdin=b'{"a":1,"b":"x"}', piped=True).out, text)
    same(run("copy", "csv:-", "csv:-", stdin=b"", piped=True).out, b"")


@test
def standard_input_may_be_a_file_and_begin_anywhere():
    rows = b"".join(b"%d,x%d\n" % (n, n % 7) for n in range(120_000))
    wanted = b"".join(b'{"a":%d,"b":"x%d"}\n' % (n, n % 7) for n in range(120_000))
    for name, before, data in (("plain", b"", b"a,b\n" + rows), ("gz", b"", gz(b"a,b\n" + rows)),
                               ("later", b"# a preface that somebody else has read\n", b"a,b\n" + rows)):
        write("in", before + data)
        for source in ("csv:-", "csv:/dev/stdin") if not before else ("csv:-",):
            for workers in (1, 2, 8):
                with open("in", "rb", buffering=0) as stream:
                    stream.seek(len(before))
                    summary = balanced(summary_of("copy", source, "o.jsonl", "--workers", workers, stdin=stream))
                same(summary["written"], 120_000, name, source)
                expect(read("o.jsonl") == wanted, name, source, workers)
    write("bad.csv", "a,b\n1,2\n3\n4,5\n")
    with open("bad.csv", "rb") as stream:
        run("copy", "csv:-", "o.jsonl", stdin=stream, code=3)
    same([(e["line"], e["byte_offset"], e["raw"]) for e in rejects("o.jsonl.rejects.jsonl")], [(3, 8, "3")])
    with open("bad.csv", "rb") as stream:
        same(json.loads(run("schema", "csv:-", stdin=stream).out)["records"], 2)
    write("in.json", '{"a":1}\n{"b":2}\n')
    with open("in.json", "rb") as stream:
        same(run("copy", "json:-", "csv:-", stdin=stream).out, b"a,b\n1,\n,2\n")


@test
def interrupts_end_with_130_and_143_and_publish_nothing():
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        for target in ("t.csv", "t.json"):
            write(target, "old\n")
            process = start("copy", "generate:mixed10?rows=1000000&rate=2000", target, "--summary", "json",
                            "--resume", "never")
            time.sleep(0.4)
            process.signal(number)
            result = process.finish(10)
            same(result.code, code, result)
            summary = balanced(result.summary())
            expect(0 < summary["read"] < 1000000, summary)
            same(read(target), b"old\n")
            same(leftovers(), [])


def silent_source(said, *flags):
    """A run whose standard input has said `said`, and then neither speaks nor ends. Returns it and the open end."""
    reader, writer = os.pipe()
    process = start("copy", "csv:-", "t.csv", *flags, stdin=os.fdopen(reader, "rb"))
    os.write(writer, said)
    time.sleep(0.3)
    return process, writer


@test
def interrupts_end_a_run_whose_source_has_fallen_silent():
    process, writer = silent_source(b"a,b\n1,2\n" * 50_000)
    process.signal(signal.SIGTERM)
    same(process.finish(10).code, 143)
    os.close(writer)
    same(leftovers(), [])


@test
def interrupts_end_a_run_whose_source_says_nothing():
    process, writer = silent_source(b"")
    process.signal(signal.SIGINT)
    same(process.finish(5).code, 130)
    os.close(writer)


@test
def a_time_out_ends_a_run_whose_source_has_fallen_silent():
    process, writer = silent_source(b"a,b\n1,2\n" * 50_000, "--timeout", "300ms")
    same(process.finish(10).code, 5)
    os.close(writer)


@test
def a_time_out_ends_a_run_whose_source_says_nothing():
    process, writer = silent_source(b"", "--timeout", "300ms")
    same(process.finish(5).code, 5)
    os.close(writer)


@test
def a_time_out_ends_with_code_5():
    write("t.csv", "old\n")
    result = run("copy", "generate:mixed10?rows=1000000&rate=1000", "t.csv", "--timeout", "500ms", "--summary", "json",
                 "--resume", "never", code=5)
    expect(0.4 < result.seconds < 5, result.seconds)
    balanced(result.summary())
    same(read("t.csv"), b"old\n")
    same(leftovers(), [])


@test
def appending_continues_a_file_and_overwrite_false_protects_it():
    write("a.csv", "a,b\n1,2\n")
    write("o.csv", "a,b\n0,0\n")
    run("copy", "a.csv", "o.csv?append=true")
    same(read("o.csv"), b"a,b\n0,0\n1,2\n")
    result = run("copy", "a.csv", "o.csv?overwrite=false", code=None)
    expect(result.code in (1, 2), result)
    same(read("o.csv"), b"a,b\n0,0\n1,2\n")
    write("j.jsonl", '{"a":0}\n')
    run("copy", "a.csv", "j.jsonl?append=true")
    same(read("j.jsonl"), b'{"a":0}\n{"a":1,"b":2}\n')


@test
def sqlite_appends_replaces_and_merges():
    if not has_connector("sqlite"):
        skip("no connector sqlite")
    write("a.csv", "id,v\n1,x\n2,y\n")
    write("b.csv", "id,v\n2,new\n3,z\n")
    rows = lambda: sqlite3.connect("s.db").execute("select id, v from t order by id, v").fetchall()
    run("copy", "a.csv", "sqlite:s.db?table=t")
    run("copy", "b.csv", "sqlite:s.db?table=t")
    same(rows(), [(1, "x"), (2, "new"), (2, "y"), (3, "z")])
    run("copy", "a.csv", "sqlite:s.db?table=t&mode=replace")
    same(rows(), [(1, "x"), (2, "y")])
    os.remove("s.db")
    run("copy", "a.csv", "sqlite:s.db?table=t&mode=merge&keys=id")
    balanced(summary_of("copy", "b.csv", "sqlite:s.db?table=t&mode=merge&keys=id"))
    same(rows(), [(1, "x"), (2, "new"), (3, "z")])
    result = run("copy", "a.csv", "sqlite:s.db?table=t", "--summary", "json", code=None)  # the keys are taken
    summary = balanced(result.summary())
    same(rows(), [(1, "x"), (2, "new"), (3, "z")])
    if result.code == 3:
        same({e["reason"] for e in rejects("s.db.rejects.jsonl")}, {"constraint"})
    run("copy", "sqlite:s.db?query=select v from t where id>1", "q.csv")
    same(read("q.csv"), b"v\nnew\nz\n")


main(KNOWN)
