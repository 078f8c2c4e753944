# SPDX-License-Identifier: MIT
"""What comes out is what went in: for every number of workers, way of reading, codec and storage mode.

The reference sets are those of section 6 of the specification; hostile files are judged by the slow reader in
tests/support/csv_reference.py."""
import filecmp
import hashlib
import json
import os
import random
import sqlite3
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import csv_reference as reference
from cli import (PACKERS, SOURCE, balanced, expect, gz, has_connector, main, read, rejects, run, same, skip, test,
                 write)

KNOWN = {}
WORKERS = (1, 2, 3, 8)
SETS = {
    "mixed10": (85425989, "a6e6d3852bf2ba2566802af4fa1390b2e0b8935d60547eece41c42c587175059", "0a8a913a3f390212"),
    "orders9": (76283417, "6c17c4f79938d7bf53c6c4b9a57fff90f26986fe166cd3771e92912dab0d7ef9", "03b663eb22dc9176"),
    "people8": (72565994, "50def5dc0b086a1f17ac46f3b75b95286a7d7b31e17cfc85cacadd14e41f9715", "16f3dda4a2d04f46"),
    "users7": (82466717, "6606ff381dd20f9395cc136dcb9761c201c3bf10dcff7d8cc3808b5f69bcf433", "40c8ac10949e9035"),
    "mixed10r": (86011788, "4df1c2970e2295151c28bf8d7b4dd54b78d72dbd8be3f63a023b6fcf06fe5149", "bce8418727146a2c"),
}


def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def copy(source, target, *flags, **settings):
    settings.setdefault("code", 0)
    return run("copy", source, target, "--summary", "json", "--progress", "off", *flags, **settings)


def packed_digest(path):
    """SHA-256 of what a .gz file holds, decoded here."""
    total, decoder = hashlib.sha256(), zlib.decompressobj(31)
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            total.update(decoder.decompress(block))
            while decoder.eof and decoder.unused_data:
                rest, decoder = decoder.unused_data, zlib.decompressobj(31)
                total.update(decoder.decompress(rest))
    return total.hexdigest()


def whole_set(name):
    """A reference set of 1 M rows, through CSV by file, pipe and codec, with 1, 2, 3 and 8 workers."""
    size, wanted, _ = SETS[name]
    copy("generate:%s?rows=1000000" % name, "a.csv")
    same((os.path.getsize("a.csv"), digest("a.csv")), (size, wanted), "generate:" + name)
    for workers in WORKERS:
        summary = balanced(copy("a.csv", "b.csv", "--workers", workers).summary())
        same(summary["written"], 1000000)
        expect(filecmp.cmp("a.csv", "b.csv", False), "CSV to CSV differs, workers %d" % workers)
    with open("a.csv", "rb") as stream:
        run("copy", "csv:-", "csv:-", "--progress", "off", stdin=stream, stdout=open("b.csv", "wb"))
    expect(filecmp.cmp("a.csv", "b.csv", False), "standard input to standard output differs")
    for suffix in (".gz", ".zst", ".lz4"):
        copy("a.csv", "c.csv" + suffix)
        if suffix == ".gz":
            same(packed_digest("c.csv.gz"), wanted, "what another decoder finds in c.csv.gz")
        os.rename("c.csv" + suffix, "c.csv")  # codecs are found by the first bytes, not by the name
        copy("c.csv", "b.csv", "--workers", 2)
        expect(filecmp.cmp("a.csv", "b.csv", False), "through %s differs" % suffix)
        os.remove("c.csv")
    copy("a.csv", "one.jsonl", "--workers", 1)
    copy("a.csv", "eight.jsonl", "--workers", 8)
    expect(filecmp.cmp("one.jsonl", "eight.jsonl", False), "JSON depends on the number of workers")
    copy("one.jsonl", "b.csv")
    expect(filecmp.cmp("a.csv", "b.csv", False), "CSV to JSON to CSV differs")


@test
def mixed10_comes_back_byte_for_byte():
    whole_set("mixed10")


@test
def orders9_comes_back_byte_for_byte():
    whole_set("orders9")


@test
def people8_comes_back_byte_for_byte():
    whole_set("people8")


@test
def users7_comes_back_byte_for_byte():
    whole_set("users7")


@test
def mixed10r_comes_back_byte_for_byte():
    whole_set("mixed10r")


@test
def the_prefixes_of_1000_rows_are_those_of_the_specification():
    for name, (_, _, wanted) in SETS.items():
        for workers in WORKERS:
            copy("generate:%s?rows=1000" % name, "p.csv", "--workers", workers)
            same(digest("p.csv")[:16], wanted, name)
        table = reference.read(read("p.csv"))
        copy("p.csv", "p.jsonl")
        same(read("p.jsonl"), reference.json_text(table.names, table.rows), name)


@test
def row_columnar_and_hybrid_storage_give_the_same_bytes():
    for name in SETS:
        copy("generate:%s?rows=70000" % name, "a.csv")  # one full group of 65,536 and a part
        for mode in ("row", "columnar", "hybrid"):
            for workers in (1, 2, 8):
                copy("a.csv", "b.csv", "--storage-mode", mode, "--workers", workers)
                expect(filecmp.cmp("a.csv", "b.csv", False), "%s in %s mode, %d workers" % (name, mode, workers))


@test
def what_was_held_goes_into_a_table_that_was_there():
    """The destination is still at work when the source has ended: that is no interruption."""
    copy("generate:mixed10?rows=50000", "a.csv")
    for mode in ("row", "columnar", "hybrid"):
        for workers in (1, 2):
            for n in (1, 2):
                copy("a.csv", "sqlite:o.db?table=t", "--storage-mode", mode, "--workers", workers)
            copy("sqlite:o.db?table=t", "b.csv")
            same(read("b.csv").count(b"\n"), 100_001, mode, workers)
            os.remove("o.db")


@test
def a_run_says_in_which_storage_mode_its_records_were():
    copy("generate:mixed10?rows=100000", "a.csv")
    for mode in ("row", "columnar"):
        store = copy("a.csv", "b.csv", "--storage-mode", mode).summary()["store"]
        same(store["mode"], mode, store)


@test
def hybrid_storage_loses_nothing_where_it_switches():
    for rows in (9999, 10000, 10001):
        copy("generate:mixed10?rows=%d" % rows, "a.csv")
        for workers in (1, 2):
            summary = copy("a.csv", "b.csv", "--storage-mode", "hybrid", "--workers", workers).summary()
            same(summary["written"], rows)
            expect(filecmp.cmp("a.csv", "b.csv", False), "%d rows" % rows)


@test
def streaming_gives_the_same_bytes():
    copy("generate:orders9?rows=30000", "a.csv")
    copy("a.csv", "b.csv", "--streaming-mode")
    expect(filecmp.cmp("a.csv", "b.csv", False), "streaming from a file")
    run("copy", "csv:-", "b.csv", "--streaming-mode", stdin=read("a.csv"), piped=True)
    expect(filecmp.cmp("a.csv", "b.csv", False), "streaming from a pipe")


@test
def batch_sizes_do_not_show():
    data = reference.nasty(5, 200000)
    table = reference.read(data)
    write("a.csv", data)
    for size in (1, 7, 1000, 1000000):
        copy("a.csv", "b.csv", "--batch-size", size, "--accept-rejects")
        same(read("b.csv"), reference.csv_text(table.names, table.rows), "batch size %d" % size)


def real_files():
    for folder in ("data/real", "../shared/data/real", "tests/data/real"):
        path = os.path.normpath(os.path.join(SOURCE, folder))
        if os.path.isdir(path):
            return [os.path.join(path, name) for name in sorted(os.listdir(path))
                    if name.endswith((".csv", ".json", ".tsv"))]
    skip("no folder data/real")


@test
def real_csv_files_come_back():
    for path in real_files():
        if not path.endswith(".csv"):
            continue
        data = read(path)
        table = reference.read(data)
        wanted = reference.csv_text(table.names, table.rows)
        expect(not table.rejects, path)
        for workers in WORKERS:
            for suffix, pack in PACKERS.items():
                write("in", pack(data))
                copy("csv:in", "out.csv", "--workers", workers)
                same(read("out.csv"), wanted, path, suffix, workers)
        for mode in ("row", "columnar", "hybrid"):
            copy("csv:" + path, "out.csv", "--storage-mode", mode)
            same(read("out.csv"), wanted, path, mode)
        copy("csv:" + path, "out.jsonl")
        same(read("out.jsonl"), reference.json_text(table.names, table.rows), path)
        copy("csv:" + path, "out.json", "--format", "array")
        same(len(json.loads(read("out.json"))), len(table.rows), path)


@test
def real_json_files_keep_every_value():
    for path in real_files():
        if not path.endswith(".json"):
            continue
        wanted = json.loads(read(path), parse_float=str, parse_int=str)
        for workers in WORKERS:
            copy("json:" + path, "out.json", "--format", "array", "--workers", workers)
            same(json.loads(read("out.json"), parse_float=str, parse_int=str), wanted, path)
        copy("json:" + path, "out.jsonl")
        same([json.loads(line, parse_float=str, parse_int=str) for line in read("out.jsonl").splitlines()], wanted)


def ways(data):
    """Every way of handing the same bytes over: (name, source, keywords of run)."""
    yield "file", "csv:in.csv", {}
    yield "pipe", "csv:-", {"stdin": data, "piped": True}
    yield "gz", "csv:in.gz", {}


def judge(data, ends_with=None, all_ways=True):
    """The program must find what the slow reader finds, whatever the workers and the way."""
    table = reference.read(data)
    resyncs = sum(entry["reason"] in ("text_after_quote", "unterminated_quote") for entry in table.rejects)
    expect(resyncs <= 1000, "the test's file has %d resyncs" % resyncs)
    csv = reference.csv_text(table.names, table.rows)
    texts = [(n, row) for n, row in enumerate(table.rows) if all(is_text(cell) for cell in row)]
    jsonl = reference.json_text(table.names, [row for _, row in texts])
    write("in.csv", data)
    write("in.gz", gz(data))
    first = None
    for workers in WORKERS:
        for name, source, settings in ways(data):
            if not all_ways and (name, workers) not in (("file", 1), ("file", 8), ("pipe", 2), ("gz", 3), ("file", 2)):
                continue
            where = "%s, %d workers" % (name, workers)
            if os.path.exists("rejects"):
                os.remove("rejects")
            result = copy(source, "out.csv", "--workers", workers, "--rejects", "rejects",
                          code=3 if table.rejects else 0, **settings)
            summary = balanced(result.summary())
            same(summary["written"], len(table.rows), where)
            same(summary["blank_lines"], table.blank, where)
            got = rejects("rejects")
            same([(e["record"], e["line"], e["byte_offset"], e["reason"], e["byte_length"], raw(e)) for e in got],
                 [(e["record"], e["line"], e["byte_offset"], e["reason"], len(e["raw"]), e["raw"])
                  for e in table.rejects], where)
            expect(read("out.csv") == csv, "the CSV differs: " + where)
            first = first or got
            same(got, first, where)
            if name == "file" and len(texts) == len(table.rows):
                copy(source, "out.jsonl", "--workers", workers, "--accept-rejects")
                expect(read("out.jsonl") == jsonl, "the JSON differs: " + where)
    return table


def raw(entry):
    if "raw_base64" in entry:
        import base64
        return base64.b64decode(entry["raw_base64"])
    return entry["raw"].encode()


def is_text(cell):
    try:
        return cell is None or cell.decode() is not None
    except UnicodeDecodeError:
        return False


@test
def small_hostile_files_read_as_the_slow_reader_reads_them():
    for seed in range(12):
        judge(reference.nasty(seed, 300 << seed % 4 * 2, columns=1 + seed % 5, bad=(0.3, 0.05, 0.02)[seed % 3]))


@test
def hostile_files_of_several_pieces_read_as_the_slow_reader_reads_them():
    for seed in (100, 101, 102):
        table = judge(reference.nasty(seed, 2400000, columns=2 + seed % 4, bad=0.002), all_ways=seed == 100)
        expect(len(table.rejects) > 10 and len(table.rows) > 3000, "the file shows nothing")


@test
def hostile_files_are_the_same_through_every_storage_mode():
    data = reference.nasty(55, 1500000, columns=4, bad=0.005)
    table = reference.read(data)
    write("in.csv", data)
    wanted = reference.csv_text(table.names, table.rows)
    places = [(e["record"], e["line"], e["byte_offset"], e["reason"]) for e in table.rejects]
    for mode in ("row", "columnar", "hybrid"):
        for workers in (1, 2, 8):
            result = copy("in.csv", "out.csv", "--storage-mode", mode, "--workers", workers, "--rejects", "r", code=3)
            balanced(result.summary())
            expect(read("out.csv") == wanted, "%s, %d workers" % (mode, workers))
            same([(e["record"], e["line"], e["byte_offset"], e["reason"]) for e in rejects("r")], places, mode, workers)
            copy("in.csv", "o%s.jsonl" % mode, "--storage-mode", mode, "--workers", workers, "--accept-rejects")
            same(read("o%s.jsonl" % mode), reference.json_text(table.names, table.rows), mode, workers)


@test
def json_keeps_absent_null_and_mixed_types_through_every_storage_mode():
    rng = random.Random(77)
    values = ["null", "1", "1.50", "-0", "1E400", '"x"', '""', "true", "[1,2]", '{"k":null}', '"\u00e9"', "1" * 40]
    lines = ["{" + ",".join('"%s":%s' % (key, rng.choice(values)) for key in "abcde" if rng.random() < 0.7) + "}"
             for _ in range(30000)]
    text = ("\n".join(lines) + "\n").replace("\\u00e9", "é").encode()
    write("in.jsonl", text)
    for mode in (None, "row", "columnar", "hybrid"):
        for workers in (1, 8):
            flags = ("--storage-mode", mode) if mode else ()
            copy("in.jsonl", "out.jsonl", "--workers", workers, *flags)
            got = [json.loads(line, parse_int=str, parse_float=str) for line in read("out.jsonl").splitlines()]
            same(got, [json.loads(line, parse_int=str, parse_float=str) for line in text.splitlines()], mode, workers)


@test
def quoted_newlines_everywhere_do_not_depend_on_where_the_file_is_cut():
    rng = random.Random(9)
    rows = [b"a,b"]
    for n in range(5000):
        lines = b"\n".join(b'x,""y"",%d' % rng.randrange(99) for _ in range(rng.randrange(1, 60)))
        rows.append(b'%d,"%s"' % (n, lines))
    judge(b"\r\n".join(rows) + b"\r\n", all_ways=False)


@test
def one_quote_that_never_closes_costs_its_line_and_no_more():
    for where in (1, 3000, 29999):
        rows = [b"%d,text %d" % (n, n) for n in range(30000)]  # without further quotes: the file is one open quote
        rows[where] = b'%d,"open' % where
        data = b"a,b\n" + b"\n".join(rows) + b"\n"
        table = judge(data, all_ways=False)
        same([(e["record"], e["line"], e["reason"]) for e in table.rejects],
             [(where + 1, where + 2, "unterminated_quote")])


@test
def bytes_that_are_no_utf8_pass_through_csv_and_are_refused_by_json():
    data = b"a,b\nok,1\n\xff\xfe,2\n\xc3(,3\ncaf\xc3\xa9,4\n\xed\xa0\x80,5\n"
    judge(data)
    for workers in WORKERS:
        summary = balanced(copy("in.csv", "j.jsonl", "--workers", workers, "--rejects", "r", code=3).summary())
        same((summary["written"], summary["rejected"]), (2, 3))
        same(read("j.jsonl"), b'{"a":"ok","b":1}\n{"a":"caf\xc3\xa9","b":4}\n')
        same([(e["record"], e["line"], e["reason"], e["field"]) for e in rejects("r")],
             [(2, 3, "invalid_utf8", "a"), (3, 4, "invalid_utf8", "a"), (5, 6, "invalid_utf8", "a")])
        same([raw(e) for e in rejects("r")], [b"\xff\xfe,2", b"\xc3(,3", b"\xed\xa0\x80,5"])
        os.remove("r")


@test
def carriage_returns_alone_end_rows_only_in_a_file_without_line_feeds():
    judge(b"a,b\r1,2\r3,\"x\ry\"\r5,6")
    judge(b"a,b\r\n1,x\ry\r\n3,4\r")
    judge(b"a,b\n1,2\r\n\"q\"\r\n\"q\"\rz,1\n5,6\r\n")


@test
def a_byte_order_mark_is_removed_and_counted_in_no_name():
    judge(b"\xef\xbb\xbfa,b\n1,2\n")
    judge(b"\xef\xbb\xbf\"a\",b\n1,2\n")


@test
def header_names_and_empty_inputs():
    judge(b"a,a,,a_2,a\n1,2,3,4,5\n")
    judge(b'"x,y","say ""hi""","new\nline"\n1,2,3\n')
    judge(b"a,b\n")
    judge(b"a,b")
    judge(b"one\n1\n\n2\n\n")
    for suffix, pack in PACKERS.items():
        write("empty", pack(b""))
        result = copy("csv:empty", "out.csv")
        same((read("out.csv"), result.summary()["read"]), (b"", 0), suffix)
        copy("csv:empty", "out.json", "--format", "array")
        same(read("out.json"), b"[]\n", suffix)
        copy("csv:empty", "out.jsonl")
        same(read("out.jsonl"), b"", suffix)


@test
def a_table_in_sqlite_gives_the_csv_back():
    if not has_connector("sqlite"):
        skip("no connector sqlite")
    for name in SETS:
        copy("generate:%s?rows=20000" % name, "a.csv")
        for workers in (1, 8):
            copy("a.csv", "sqlite:t%d.db?table=t" % workers, "--workers", workers)
            copy("sqlite:t%d.db?table=t" % workers, "b.csv", "--workers", workers)
            expect(filecmp.cmp("a.csv", "b.csv", False), "%s, %d workers" % (name, workers))
        same(sqlite3.connect("t8.db").execute("select count(*) from t").fetchone(), (20000,))
        os.remove("t1.db")
        os.remove("t8.db")


@test
def hostile_text_comes_back_from_sqlite():
    if not has_connector("sqlite"):
        skip("no connector sqlite")
    table = reference.read(reference.nasty(31, 60000))
    rows = [row for row in table.rows if not any(b"\0" in (cell or b"") for cell in row)]
    write("a.csv", reference.csv_text(table.names, rows))
    copy("a.csv", "sqlite:h.db?table=t")
    copy("sqlite:h.db?table=t", "b.csv")
    same(read("b.csv"), read("a.csv"))


main(KNOWN)
