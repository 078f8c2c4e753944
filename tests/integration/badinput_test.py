# SPDX-License-Identifier: MIT
"""Hostile input and a hostile world: one line that says what is wrong, the right exit code, the old target untouched,
no temporary file left, and memory within its ceiling."""
import filecmp
import json
import os
import random
import struct
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import (balanced, expect, gz, has_connector, leftovers, lz4, main, one_line_error, read, rejects,
                 run, same, skip, start, test, write, zst)

KNOWN = {}
MIB = 1 << 20
DEFAULT_CEILING = (1024 + 64) * MIB
OLD = b"old\n"


def refused(*args, parts=(), code=1, target="b.csv", ceiling=DEFAULT_CEILING, **settings):
    """A run that fails, and must leave `target` as it was."""
    write(target, OLD)
    result = run(*args, code=code, **settings)
    one_line_error(result, *parts)
    same(read(target), OLD, "the old target", result)
    same(leftovers(), [], result)
    expect(result.rss < ceiling, "peak memory %d MiB" % (result.rss // MIB), result)
    return result


@test
def binary_noise_is_rejected_row_by_row_or_refused():
    noise = random.Random(1).randbytes(400_000)
    write("noise.csv", noise)
    for workers in (1, 2, 8):
        result = run("copy", "noise.csv", "n.csv", "--workers", workers, "--summary", "json", code=3)
        summary = balanced(result.summary())
        entries = rejects("n.csv.rejects.jsonl")  # valid JSON in valid UTF-8, whatever the input
        same(len(entries), summary["rejected"])
        expect(summary["rejected"] > 100, summary)
        os.remove("n.csv.rejects.jsonl")
    refused("copy", "json:noise.csv", "b.csv", parts=("noise.csv", "line 1, column 1"))
    for name in ("noise.gz", "noise.zst", "noise.lz4"):
        magic = {"noise.gz": b"\x1f\x8b\x08\x00", "noise.zst": b"\x28\xb5\x2f\xfd", "noise.lz4": b"\x04\x22\x4d\x18"}
        write(name, magic[name] + noise)
        refused("copy", "csv:" + name, "b.csv", parts=(name, "byte"))
    if has_connector("sqlite", "sources"):
        refused("copy", "sqlite:noise.csv?table=t", "b.csv", parts=("noise.csv",))


@test
def json_noise_in_lines_is_rejected_line_by_line():
    rng = random.Random(2)
    lines = [bytes(rng.randrange(32, 255) for _ in range(rng.randrange(1, 60))) for _ in range(3000)]
    write("n.jsonl", b'{"a":1}\n' + b"\n".join(lines) + b'\n{"a":2}\n')
    first = None
    for workers in (1, 2, 8):
        result = run("copy", "n.jsonl?format=lines", "o.jsonl", "--workers", workers, "--summary", "json", code=3)
        balanced(result.summary())
        same(read("o.jsonl"), b'{"a":1}\n{"a":2}\n')
        entries = rejects("o.jsonl.rejects.jsonl")
        first = first or entries
        same(entries, first)
        same(len(entries), sum(bool(line.strip()) for line in lines))
        os.remove("o.jsonl.rejects.jsonl")


@test
def a_directory_is_no_input_and_no_output():
    os.mkdir("folder.csv")
    for source in ("folder.csv", "json:folder.csv"):
        refused("copy", source, "b.csv", parts=("folder.csv", "directory"), code=2)  # as one that cannot be a source
    write("a.csv", "a\n1\n")
    one_line_error(run("copy", "a.csv", "folder.csv", code=2), "folder.csv", "directory")
    same(os.listdir("folder.csv"), [])
    same(leftovers(), [])


@test
def a_missing_file_or_folder_is_named():
    refused("copy", "missing.csv", "b.csv", parts=("missing.csv", "No such file"))
    refused("copy", "no/folder/*.csv", "b.csv", parts=("no/folder/*.csv",))
    write("a.csv", "a\n1\n")
    one_line_error(run("copy", "a.csv", "nowhere/b.csv", code=1), "nowhere/b.csv", "No such file")


@test
def what_may_not_be_read_or_written_is_named():
    prefix = ()
    if os.getuid() == 0:
        os.chmod(".", 0o755)
        prefix = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        try:
            run("version", prefix=prefix)
        except Exception:
            skip("another user cannot run the program")
    write("a.csv", "a\n1\n")
    write("open.csv", "a\n1\n")
    os.chmod("open.csv", 0o644)
    os.chmod("a.csv", 0)
    os.mkdir("locked")
    os.chmod("locked", 0o555)
    try:
        one_line_error(run("copy", "a.csv", "csv:-", code=1, prefix=prefix), "a.csv", "Permission denied")
        one_line_error(run("copy", "open.csv", "locked/b.csv", code=1, prefix=prefix), "locked/b.csv",
                       "Permission denied")
    finally:
        os.chmod("a.csv", 0o644)
        os.chmod("locked", 0o755)


@test
def a_broken_pipe_ends_the_run_with_code_1():
    for target in ("csv:-", "json:-"):
        reader, writer = os.pipe()
        process = start("copy", "generate:mixed10?rows=1000000", target, stdout=writer)
        os.close(writer)
        expect(len(os.read(reader, 100)) > 0, "no output")
        os.close(reader)
        result = process.finish(20)
        same(result.code, 1, result)
        one_line_error(result, "standard output", "Broken pipe")


@test
def closed_descriptors_are_errors_and_never_mixed_up_with_files():
    result = run("copy", "generate:mixed10?rows=10", "csv:-", code=1, setup=lambda: os.close(1))
    one_line_error(result, "standard output")
    one_line_error(run("copy", "csv:-", "b.csv", code=1, setup=lambda: os.close(0)), "standard input")
    expect(not os.path.exists("b.csv"), "a target without a source")
    write("a.csv", "a,b\n" + "1,2\n" * 5 + "1\n")
    for closed in ((1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
        run("copy", "a.csv", "b.csv", code=3, setup=lambda: [os.close(fd) for fd in closed])
        same(read("b.csv"), b"a,b\n" + b"1,2\n" * 5, "closed:", closed)
        same(len(rejects("b.csv.rejects.jsonl")), 1)


def truncated(name, data, whole_rows):
    """Everything decodable is processed, then the run fails and nothing is published."""
    write(name, data)
    result = refused("copy", "csv:" + name, "b.csv", "--summary", "json", "--accept-rejects", parts=(name, "byte"))
    expect(balanced(result.summary())["status"] == "failed", result)
    counted = run("copy", "csv:" + name, "null:", "--summary", "json", code=1).summary()
    expect(counted["read"] >= whole_rows, "%d records read, %d can be decoded" % (counted["read"], whole_rows))
    run("copy", "csv:-", "b.csv", stdin=data, piped=True, code=1)
    same(read("b.csv"), OLD)


@test
def truncated_gzip_zstd_and_lz4_fail_after_what_can_be_decoded():
    text = b"a,b\n" + b"".join(b"%d,text %d\n" % (n, n * 7919 % 10007) for n in range(200_000))
    packed = gz(text)[:400_000]
    truncated("t.gz", packed, zlib.decompressobj(31).decompress(packed).count(b"\n") - 2)
    truncated("t.zst", zst(text)[:1_050_000], text[:1_000_000].count(b"\n") - 2)
    truncated("t.lz4", lz4(text)[:1_050_000], text[:1_020_000].count(b"\n") - 2)
    for name, pack in (("e.gz", gz), ("e.zst", zst), ("e.lz4", lz4)):  # cut inside the header and the trailer
        whole = pack(b"a,b\n1,2\n")
        for size in (4, 6, len(whole) - 1):
            write(name, whole[:size])
            refused("copy", "csv:" + name, "b.csv", parts=(name,))


@test
def corrupt_gzip_is_noticed():
    packed = bytearray(gz(b"a,b\n" + b"1,2\n" * 100_000))
    packed[-6] ^= 1  # its checksum
    write("c.gz", packed)
    refused("copy", "csv:c.gz", "b.csv", parts=("c.gz",))
    write("junk.gz", gz(b"a,b\n1,2\n") + b"no gzip member")
    refused("copy", "csv:junk.gz", "b.csv", parts=("junk.gz",))


def huge(path, before, piece, mib, after):
    with open(path, "wb") as out:
        out.write(before)
        piece = (piece * (MIB // len(piece) + 1))[:MIB]
        for _ in range(mib):
            out.write(piece)
        out.write(after)


HUGE = [("quoted, with newlines", b'a,b\n1,"', b"xyz,\n", b'"\n2,after\n'),
        ("without any newline", b"a,b\n1,", b"abcdefgh", b"\n2,after\n")]


def huge_fields(ceiling, *flags):
    for name, before, piece, after in HUGE:
        huge("h.csv", before, piece, 63, after)
        for workers in (1, 8):
            result = run("copy", "h.csv", "o.csv", "--workers", workers, "--summary", "json", *flags, code=None)
            expect(result.rss < ceiling, "%s: peak memory %d MiB" % (name, result.rss // MIB))
            summary = balanced(result.summary())
            if summary["rejected"] == 0:
                expect(filecmp.cmp("o.csv", "h.csv", False), "63 MiB " + name)
            else:  # the limit on memory allows no such record: it is one reject, two where its end looks like another
                expect(flags and summary["rejected"] <= 2 and result.code == 3, result)
            expect(read("o.csv").endswith(b"2,after\n"), "what follows the huge field is missing")


@test
def memory_holds_with_huge_fields():
    huge_fields(DEFAULT_CEILING)


@test
def memory_holds_with_huge_fields_and_a_limit_of_64_mib():
    huge_fields((64 + 64) * MIB, "--memory-limit", "64MiB")


@test
def the_length_of_a_record_over_the_limit_is_told_whole():
    huge("h.csv", b"a,b\n1,", b"abcdefgh", 65, b"\n2,after\n")
    run("copy", "h.csv", "o.csv", code=3)
    same(rejects("o.csv.rejects.jsonl")[0]["byte_length"], 2 + 65 * MIB)


@test
def a_field_below_the_limit_comes_back_and_one_above_is_rejected():
    for name, before, piece, after in HUGE:
        huge("h.csv", before, piece, 63, after)
        run("copy", "h.csv", "o.csv")
        expect(filecmp.cmp("o.csv", "h.csv", False), "63 MiB " + name)
        huge("h.csv", before, piece, 65, after)
        for workers in (1, 2, 8):
            result = run("copy", "h.csv", "o.csv", "--workers", workers, "--summary", "json", code=3)
            summary = balanced(result.summary())
            entry = rejects("o.csv.rejects.jsonl")[0]
            same((entry["record"], entry["line"], entry["byte_offset"], entry["reason"]),
                 (1, 2, 4, "unterminated_quote" if b'"' in before else "record_too_large"), name)
            expect(len(entry["raw"]) <= 65536, "raw is longer than 64 KiB")
            if b'"' not in before:
                same((summary["read"], summary["rejected"], read("o.csv")), (2, 1, b"a,b\n2,after\n"))
                expect(entry.get("raw_truncated") is True, {k: v for k, v in entry.items() if k != "raw"})
            os.remove("o.csv.rejects.jsonl")


@test
def a_line_of_300_mb_of_garbage_costs_one_record():
    garbage = bytes(byte if byte not in b'\n\r"' else 65 for byte in random.Random(3).randbytes(MIB))
    huge("g.csv", b"a,b\n", garbage, 300, b"\n1,2\n")
    for flags, ceiling in ((), DEFAULT_CEILING), (("--workers", "8"), DEFAULT_CEILING):
        result = run("copy", "g.csv", "o.csv", "--summary", "json", *flags, code=3)
        same(read("o.csv"), b"a,b\n1,2\n")
        entry, = rejects("o.csv.rejects.jsonl")
        same((entry["record"], entry["line"], entry["reason"]), (1, 2, "record_too_large"))
        expect(result.rss < ceiling, "peak memory %d MiB" % (result.rss // MIB))
        os.remove("o.csv.rejects.jsonl")
    huge("g.jsonl", b'{"a":1}\n{"a":"', b"abcdefgh", 300, b'"}\n{"a":2}\n')
    result = run("copy", "g.jsonl?format=lines", "o.jsonl", code=3)
    same(read("o.jsonl"), b'{"a":1}\n{"a":2}\n')
    same([e["reason"] for e in rejects("o.jsonl.rejects.jsonl")], ["record_too_large"])
    expect(result.rss < DEFAULT_CEILING, "peak memory %d MiB" % (result.rss // MIB))


@test
def a_decompression_bomb_stays_within_its_memory():
    blocks = 4096  # of 128 KiB, a run of one byte each: 512 MiB from 16 KiB
    header = struct.pack("<IBB", 0xFD2FB528, 0, 0x58)
    body = b"".join(struct.pack("<I", 131072 << 3 | 2)[:3] + b"x" for _ in range(blocks))
    write("bomb.zst", header + body + struct.pack("<I", 1)[:3])
    result = run("copy", "csv:bomb.zst", "o.csv", "--memory-limit", "256MiB", code=None)
    expect(result.rss < (256 + 64) * MIB, "peak memory %d MiB" % (result.rss // MIB), result)
    expect(result.code in (1, 3), result)


@test
def memory_holds_with_many_workers_and_a_low_limit():
    run("copy", "generate:people8?rows=300000", "a.csv")
    for target in ("o.csv", "o.jsonl", "o.json", "null:"):
        for workers in (1, 8):
            result = run("copy", "a.csv", target, "--workers", workers, "--memory-limit", "64MiB")
            expect(result.rss < (64 + 64) * MIB, "%s, %d workers: peak memory %d MiB" % (
                target, workers, result.rss // MIB))
    if has_connector("sqlite"):
        result = run("copy", "a.csv", "sqlite:o.db?table=t", "--memory-limit", "64MiB")
        expect(result.rss < (64 + 64) * MIB, "sqlite: peak memory %d MiB" % (result.rss // MIB))


@test
def memory_holds_when_records_are_stored():
    run("copy", "generate:mixed10r?rows=1000000", "a.csv")
    one_line_error(run("copy", "a.csv", "o.csv", "--storage-mode", "row", "--memory-limit", "64MiB", code=2),
                   "storage.mode: row", "memory_limit_mb")
    for mode in ("columnar", "hybrid"):
        result = run("copy", "a.csv", "o.csv", "--storage-mode", mode, "--memory-limit", "64MiB")
        expect(filecmp.cmp("o.csv", "a.csv", False), mode)
        expect(result.rss < (64 + 64) * MIB, "%s: peak memory %d MiB" % (mode, result.rss // MIB))


@test
def a_million_records_flow_in_64_mb():
    run("copy", "generate:mixed10?rows=1000000", "a.csv")
    for target in ("o.csv", "o.jsonl"):
        for source, settings in (("a.csv", {}), ("csv:-", {"stdin": open("a.csv", "rb")})):
            result = run("copy", source, target, "--workers", "2", **settings)
            expect(result.rss < 64_000_000, "%s to %s: peak memory %d MB" % (source, target, result.rss // 1_000_000))


@test
def columns_up_to_65536_are_read_and_more_are_refused():
    names = b",".join(b"c%d" % n for n in range(65_536))
    row = b",".join(b"%d" % (n % 97) for n in range(65_536))
    write("w.csv", b"\n".join([names, row, row, b"1,2", row, b""]))
    for workers in (1, 8):
        result = run("copy", "w.csv", "o.csv", "--workers", workers, "--accept-rejects")
        expect(read("o.csv") == b"\n".join([names, row, row, row, b""]), "65,536 columns")
        expect(result.rss < DEFAULT_CEILING, "peak memory %d MiB" % (result.rss // MIB))
        run("copy", "w.csv", "o.jsonl", "--workers", workers, "--accept-rejects")
        same(len(json.loads(read("o.jsonl").splitlines()[0])), 65_536)
    write("x.csv", names + b",one more\n" + row + b",1\n")
    refused("copy", "x.csv", "b.csv", parts=("x.csv", "max_columns"))
    run("copy", "o.jsonl", "back.csv")
    expect(read("back.csv") == b"\n".join([names, row, row, row, b""]), "65,536 columns from JSON")


@test
def json_1000_deep_is_kept_and_deeper_than_1024_is_rejected():
    def nested(depth):
        return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}\n"
    write("d.jsonl", nested(1000) + nested(1024))
    run("copy", "d.jsonl", "o.jsonl")
    same(read("o.jsonl"), read("d.jsonl"))
    write("e.jsonl", nested(3) + nested(1025) + nested(100_000) + nested(2))
    run("copy", "e.jsonl?format=lines", "p.jsonl", code=3)
    same(read("p.jsonl"), nested(3) + nested(2))
    same([(e["line"], e["reason"]) for e in rejects("p.jsonl.rejects.jsonl")], [(2, "too_deep"), (3, "too_deep")])
    write("f.json", b"[" * 100_000)
    refused("copy", "f.json", "b.csv", parts=("f.json",))
    write("g.json", b'{"a":' * 100_000)
    refused("copy", "g.json?format=document", "b.csv", parts=("g.json",))


@test
def nul_bytes_are_data():
    write("n.csv", b"a,b\n\0,1\nx\0y,2\n\"\0\n\",3\n")
    run("copy", "n.csv", "o.csv")
    same(read("o.csv"), read("n.csv"))
    run("copy", "n.csv", "o.jsonl")
    same(read("o.jsonl"), b'{"a":"\\u0000","b":1}\n{"a":"x\\u0000y","b":2}\n{"a":"\\u0000\\n","b":3}\n')
    write("z.csv", bytes(1_000_000))  # a file of nothing else is one header name
    run("copy", "z.csv", "o.csv")
    expect(read("o.csv") == bytes(1_000_000) + b"\n", "a million NUL bytes")


@test
def too_many_resyncs_end_with_code_4():
    rows = [b'%d,"open" text' % n if n % 2 else b"%d,fine" % n for n in range(4000)]
    write("r.csv", b"a,b\n" + b"\n".join(rows) + b"\n")
    first = None
    for workers in (1, 2, 8):
        result = refused("copy", "r.csv", "b.csv", "--workers", workers, code=4, parts=("r.csv",))
        expect("max_resyncs" in result.err.decode(), result)
        entries = rejects("b.csv.rejects.jsonl")
        first = first or entries
        same(entries, first, "%d workers" % workers)
    rows = [b'%d,"open" text' % n if n % 4 == 0 else b"%d,fine" % n for n in range(4000)]
    write("r.csv", b"a,b\n" + b"\n".join(rows) + b"\n")
    same(run("copy", "r.csv", "c.csv", "--summary", "json", code=3).summary()["rejected"], 1000)


@test
def the_source_is_never_its_own_target():
    write("a.csv", "a,b\n" + "1,2\n" * 1000)
    os.link("a.csv", "same.csv")
    text = read("a.csv")
    for target in ("a.csv", "./a.csv", "same.csv"):
        result = run("copy", "a.csv", target, code=None)
        same(read("a.csv"), text, result)  # either refused or replaced by the same bytes, never emptied
    run("copy", "a.csv", "a.csv", "--in-place", code=None)
    same(read("a.csv"), text, "in place")


main(KNOWN)
