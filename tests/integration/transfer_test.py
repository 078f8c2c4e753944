# SPDX-License-Identifier: MIT
"""`millrace store export` and `import`: a namespace to lines and back, as its owner sees it."""
import gzip
import json
import os
import pty
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import PROGRAM, expect, leftovers, main, one_line_error, read, run, same, test, write
from serving import ZEROS, Server

KNOWN = {}


def line(at, stream="account-1", pos=None, time="2025-01-15T10:00:00Z", data='{"n":1}', meta="null", type="T"):
    return ('{"id":"00000000-0000-7000-8000-%012x","stream":"%s","type":"%s","pos":%d,"gpos":%d,"data":%s,"meta":%s,'
            '"time":"%s"}\n' % (at, stream, type, at - 1 if pos is None else pos, at, data, meta, time))


def serve(name="d"):
    server = Server("--data-dir", name, "--token", ZEROS)
    server.token = ZEROS
    return server


def url(server):
    return "http://127.0.0.1:%d" % server.port


def exported(server, *args, code=0):
    return run("store", "export", url(server), "--token", ZEROS, *args, code=code)


def imported(server, *args, code=0, stdin=b"", **more):
    return run("store", "import", url(server), "--token", ZEROS, *args, code=code, stdin=stdin, **more)


# Everything that a line may hold and that must come back byte for byte.
ODD = "".join([
    line(1, "account-1", 0),
    line(5, "account-1", 7, time="2025-01-15T10:00:00.25Z", data="null"),
    line(6, "b", 0, time="1969-12-31T23:59:59.999999Z", meta='{"correlationStreamName":"x-1"}'),
    line(7, "Ünï-✓", 3, data='{"big":12345678901234567890,"f":1.0,"e":1e400,"z":-0,"a":[],"d":1,"d":2}'),
    line(8, "x y-\\\"q\\\"", 0, type="Típ\\t", data='{"esc":"\\u0000\\ud83d\\ude00 <&>","deep":[[[{}]]]}'),
    line(900000000000, "account-2", 4),
])


@test
def an_import_comes_back_byte_for_byte():
    write("in.ndjson", ODD)
    with serve() as server:
        imported(server, "--input", "in.ndjson")
        same(exported(server).out, ODD.encode())
        same(server.call("stream.write", "account-1", {"type": "T", "data": {}}),
             {"position": 8, "globalPosition": 900000000001})


@test
def export_import_export_is_the_same_for_messages_that_were_written():
    with serve("one") as one, serve("two") as two:
        for i in range(2500):
            one.call("stream.write", "s%d-%d" % (i % 3, i % 7),
                     {"type": "T%d" % i, "data": {"i": i, "text": "é\u2028<"}, "metadata": {"m": i} if i % 2 else {}})
        first = exported(one, "--output", "first.ndjson")
        same(first.err, b"\rExported: 2500 events total\n")
        same(first.out, b"")
        told = imported(two, "--input", "first.ndjson")
        expect(re.fullmatch(rb"\rImported: 2500 events in \d+\.\ds\n", told.err), told)
        exported(two, "--output", "second.ndjson")
        same(read("second.ndjson"), read("first.ndjson"))
        same(read("first.ndjson").count(b"\n"), 2500)
        same(two.call("category.get", "s1"), one.call("category.get", "s1"))


@test
def an_empty_namespace_is_an_empty_file():
    with serve() as server:
        exported(server, "--output", "none.ndjson")
        same(read("none.ndjson"), b"")
        exported(server, "--output", "none.gz", "--gzip")
        same(gzip.decompress(read("none.gz")), b"")
        exported(server, "--output", "none", "--gzip")
        same(gzip.decompress(read("none")), b"")
        expect(b"Imported: 0 events" in imported(server, "--input", "none").err)


@test
def gzip_is_written_under_the_very_name_and_read_with_and_without_the_flag():
    with serve() as server:
        imported(server, stdin=gzip.compress(ODD.encode()))
        exported(server, "--gzip", "--output", "plain.name")
        same(gzip.decompress(read("plain.name")), ODD.encode())
        same(sorted(n for n in os.listdir(".") if n.startswith("plain")), ["plain.name"])
        exported(server, "--gzip", "--output", "x.ndjson.gz")
        same(gzip.decompress(read("x.ndjson.gz")), ODD.encode())
        same(gzip.decompress(exported(server, "--gzip").out), ODD.encode())
        imported(server, "--gzip", "--input", "plain.name", "--force", "--yes")
        imported(server, "--input", "plain.name", "--force", "--yes")
        same(exported(server).out, ODD.encode())
        refused = imported(server, "--gzip", stdin=ODD.encode(), code=1)
        one_line_error(refused, "gzip")
        broken = imported(server, "--force", "--yes", stdin=gzip.compress(ODD.encode())[:-12], code=1)
        one_line_error(broken, "standard input", "ends early")


@test
def categories_come_one_after_the_other_and_once():
    with serve() as server:
        for name in ("b-1", "a-1", "b-2", "a", "c-1", "b"):
            server.write(name)
        streams = lambda *args: [json.loads(l)["stream"] for l in exported(server, *args).out.splitlines()]
        same(streams(), ["b-1", "a-1", "b-2", "a", "c-1", "b"])
        same(streams("--categories", "b"), ["b-1", "b-2", "b"])
        same(streams("--categories", "b,a"), ["b-1", "b-2", "b", "a-1", "a"])
        same(streams("--categories", " a , b,a,,"), ["a-1", "a", "b-1", "b-2", "b"])
        one_line_error(exported(server, "--categories", " ,", code=1), "--categories", "names none")
        same(streams("--categories", "nothing"), [])
        warned = exported(server, "--categories", "b-1")
        expect(b"warning: 'b-1' is the name of a stream" in warned.err, warned)
        same(warned.out, b"")


@test
def a_sparse_import_keeps_its_gaps():
    with serve("one") as one, serve("two") as two:
        for i in range(30):
            one.write("%s-%d" % ("ab"[i % 2], i % 5))
        part = exported(one, "--categories", "a").out
        imported(two, stdin=part)
        same(exported(two).out, part)
        same(two.call("stream.version", "a-0"), one.call("stream.version", "a-0"))


@test
def since_is_included_and_until_is_not():
    times = ["2025-01-14T23:59:59.999999Z", "2025-01-15T00:00:00Z", "2025-01-15T10:00:00.5Z", "2025-01-16T00:00:00Z"]
    with serve() as server:
        imported(server, stdin="".join(line(i + 1, time=t) for i, t in enumerate(times)).encode())
        kept = lambda *args: [json.loads(l)["gpos"] for l in exported(server, *args).out.splitlines()]
        same(kept("--since", "2025-01-15"), [2, 3, 4])
        same(kept("--until", "2025-01-15"), [1])
        same(kept("--since", "2025-01-15", "--until", "2025-01-16"), [2, 3])
        same(kept("--since", "2025-01-15T12:00:00.5+02:00"), [3, 4])
        same(kept("--until", "2025-01-15T10:00:00.500001Z"), [1, 2, 3])
        for bad in ("yesterday", "2025-02-30", "2025-01-15T10:00:00"):
            one_line_error(exported(server, "--since", bad, code=1), "--since", bad)


@test
def a_file_appears_when_it_is_complete_and_the_old_one_stays_else():
    write("out.ndjson", "precious\n")
    with serve() as server:
        server.write("a-1")
        failed = run("store", "export", url(server), "--token", "ns_ZGVmYXVsdA_" + "1" * 64, "--output", "out.ndjson",
                     code=1)
        one_line_error(failed, "AUTH_UNAUTHORIZED", "check the token")
        expect("1" * 64 not in failed.err.decode(), "the token is in the error")
        same(read("out.ndjson"), b"precious\n")
        same(leftovers(), [])
        exported(server, "--output", "out.ndjson")
        same(read("out.ndjson").count(b"\n"), 1)
    one_line_error(run("store", "export", "http://127.0.0.1:1", "--token", ZEROS, code=1), "no connection")
    one_line_error(run("store", "export", "127.0.0.1:8080", "--token", ZEROS, code=1), "expected the URL")


@test
def the_first_bad_line_is_named_and_what_was_before_is_there():
    good = "".join(line(i) for i in range(1, 1501))
    cases = [("nonsense\n", "line 1501: INVALID_JSON: "),
             (line(1501, time="soon"), "line 1501: INVALID_RECORD: field 'time'"),
             (line(1501, pos=3), "line 1501: POSITION_EXISTS: "),
             ("\n\n" + line(7, pos=5000), "line 1503: POSITION_EXISTS: ")]
    with serve() as server:
        for bad, said in cases:
            failed = imported(server, "--force", "--yes", stdin=(good + bad + line(1502)).encode(), code=1)
            one_line_error(failed, "standard input, " + said)
            same(len(exported(server).out.splitlines()), 1000, said)


def on_terminal(server, answer):
    """Runs an import with --force on a terminal of its own; exit code and what was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(PROGRAM, [PROGRAM, "store", "import", url(server), "--token", ZEROS, "--force", "--input", "in"])
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, answer)
    try:
        while True:
            more = os.read(terminal, 1000)
            if not more:
                break
            shown += more
    except OSError:
        pass
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown


@test
def force_asks_before_it_removes_anything():
    write("in", line(1))
    with serve() as server:
        for answer, removes in ((b"n\n", False), (b"\n", False), (b"yes!\n", False), (b"y\n", True), (b"YES\n", True)):
            server.write("old-1")
            code, shown = on_terminal(server, answer)
            same(code, 0 if removes else 1, shown)
            same(server.call("stream.version", "old-1") is None, removes, answer)
        alone = imported(server, "--force", "--input", "in", code=1, prefix=("setsid", "--wait"))
        one_line_error(alone, "no terminal", "--yes")
        same(server.call("stream.version", "account-1"), 0)


@test
def a_pipe_that_brings_lines_slowly_is_read_to_its_end():
    with serve() as server:
        child = subprocess.Popen([PROGRAM, "store", "import", url(server), "--token", ZEROS], stdin=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        for at in range(1, 6):
            child.stdin.write(line(at).encode())
            child.stdin.flush()
            time.sleep(0.2)
        child.stdin.close()
        same(child.stderr.read().count(b"Imported: 5 events"), 1)
        same(child.wait(), 0)


@test
def the_server_s_report_is_followed_line_by_line():
    body = "".join(line(i) for i in range(1, 2101)).encode()
    with serve() as server:
        status, headers, report = server.request("POST", "/import", body, ZEROS)
        same(status, 200)
        same(headers["Content-Type"], "text/event-stream")
        same(headers["Cache-Control"], "no-cache")
        same(headers["X-Accel-Buffering"], "no")
        expect(re.fullmatch(rb'data: \{"imported":1000,"gpos":1000\}\n\ndata: \{"imported":2000,"gpos":2000\}\n\n'
                            rb'data: \{"done":true,"imported":2100,"elapsed":"\d+\.\ds"\}\n\n', report), report)


@test
def the_name_eventodb_takes_its_own_flags():
    os.symlink(PROGRAM, "eventodb")
    with serve() as server:
        base = ["./eventodb", "import", "-url", url(server), "--token=" + ZEROS]
        done = subprocess.run(base + ["-input", write("in", ODD)], capture_output=True)
        same(done.returncode, 0, done.stderr)
        done = subprocess.run(["./eventodb", "export", "--url=" + url(server), "-token", ZEROS, "-gzip", "-output", "o"],
                              capture_output=True)
        same(done.returncode, 0, done.stderr)
        same(gzip.decompress(read("o")), ODD.encode())
        same(subprocess.run(["./eventodb", "export", "-nonsense"], capture_output=True).returncode, 2)


main(KNOWN)
