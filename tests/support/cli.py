# SPDX-License-Identifier: MIT
"""Runs the real program for the acceptance tests, and reports like a test program.

A test is a function decorated with @test; it runs in a directory of its own and fails by an exception (expect() makes
good ones). KNOWN of a test file names the tests whose defect is known: they are reported as such and must not pass.
Environment: MILLRACE = path of the program, SOURCE = repository.
"""
import functools
import gzip
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PROGRAM = os.path.abspath(os.environ.get("MILLRACE", "build/millrace"))
SOURCE = os.path.abspath(os.environ.get("SOURCE", "."))
SECONDS = 120  # a run that takes longer hangs
TESTS = []


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


class Run:
    """What one run of the program left behind."""

    def __init__(self, args, code, out, err, seconds, rss):
        self.args, self.code, self.out, self.err = args, code, out, err
        self.seconds, self.rss = seconds, rss

    def __str__(self):
        return "millrace %s: code %s\nstdout: %.600r\nstderr: %.900s" % (
            " ".join(self.args)[:300], self.code, self.out, self.err.decode("utf-8", "replace"))

    def summary(self):
        """The last JSON object of the streams: what --summary json printed."""
        for stream in (self.out, self.err):
            for line in reversed(stream.splitlines()):
                if line.startswith(b'{"status"'):
                    return json.loads(line)
        raise Failed("no summary\n%s" % self)


def test(function):
    TESTS.append(function)
    return function


def expect(condition, *what):
    if not condition:
        raise Failed("\n".join(str(w) for w in what))


def same(got, wanted, *what):
    if got != wanted:
        if isinstance(got, (bytes, str)) and isinstance(wanted, type(got)) and len(wanted) > 400:
            at = len(os.path.commonprefix([got, wanted]))
            what = ("first difference at %d" % at,) + what
            got, wanted = got[max(at - 40, 0):at + 200], wanted[max(at - 40, 0):at + 200]
        raise Failed("\n".join(["got    %.1500r" % (got,), "wanted %.1500r" % (wanted,)] + [str(w) for w in what]))


def skip(why):
    raise Skipped(why)


def run(*args, stdin=b"", code=0, env=None, prefix=(), stdout=None, setup=None, seconds=SECONDS, piped=False):
    """Runs `millrace args`; `code` is the expected exit code, None for any, a negative number for a signal.

    `stdin` is bytes, an open file, or with `piped` the bytes go through a pipe. `prefix` goes before the program,
    `setup` runs in the child before it starts. `rss` of the result is the child's peak in bytes; it never is below
    this process's own, so tests of memory hold no large data themselves."""
    args = [str(a) for a in args]
    process = start(*args, stdin=stdin, env=env, prefix=prefix, stdout=stdout, setup=setup, piped=piped)
    result = process.finish(seconds)
    if code is not None:
        expect(result.code == code, "expected code %d" % code, result)
    return result


@functools.lru_cache(None)
def sanitized():
    return b"sanitizer" in subprocess.run([PROGRAM, "version"], capture_output=True).stdout


def peak_memory(out, err, usage):
    """The peak in bytes, as the program read it from the kernel (VmHWM). What wait4 says is an upper bound: it
    begins with what this process itself had when it forked."""
    if sanitized():  # shadow memory and red zones are not the program's
        return 0
    said = re.search(rb'"max_rss":(\d+)', out + err)
    if said:
        return int(said.group(1))
    said = re.search(rb"peak memory ([\d.]+) MB", err)
    return int(float(said.group(1)) * 1e6) if said else usage.ru_maxrss * 1024


class start:
    """A running program; finish() waits for its end."""

    def __init__(self, *args, stdin=b"", env=None, prefix=(), stdout=None, setup=None, piped=False):
        self.args = [str(a) for a in args]
        self.began = time.monotonic()
        self.out = tempfile.TemporaryFile() if stdout is None else None
        self.err = tempfile.TemporaryFile()
        source, feeder = stdin, None
        if isinstance(stdin, (bytes, bytearray)):
            if piped:
                source, feeder = subprocess.PIPE, stdin
            else:
                source = tempfile.TemporaryFile()
                source.write(stdin)
                source.seek(0)
        settings = dict(os.environ)
        settings.update(env or {})
        self.child = subprocess.Popen(list(prefix) + [PROGRAM] + self.args, stdin=source, stderr=self.err,
                                      stdout=self.out if stdout is None else stdout, env=settings,
                                      preexec_fn=setup or (lambda: None))  # fork: vfork would hand on our peak
        if feeder is not None:
            threading.Thread(target=self.feed, args=(feeder,), daemon=True).start()

    def feed(self, data):
        try:
            self.child.stdin.write(data)
        except BrokenPipeError:
            pass
        try:
            self.child.stdin.close()
        except BrokenPipeError:
            pass

    def is_running(self):
        return os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def signal(self, number):
        os.kill(self.child.pid, number)

    def finish(self, seconds=SECONDS):
        overdue = threading.Timer(seconds, lambda: os.kill(self.child.pid, signal.SIGKILL))
        overdue.start()
        _, status, usage = os.wait4(self.child.pid, 0)
        late = not overdue.is_alive()
        overdue.cancel()
        self.child.returncode = code = os.waitstatus_to_exitcode(status)
        out, err = read_all(self.out), read_all(self.err)
        result = Run(self.args, code, out, err, time.monotonic() - self.began, peak_memory(out, err, usage))
        expect(not late, "still running after %d s" % seconds, result)
        return result


def read_all(stream):
    if stream is None:
        return b""
    stream.seek(0)
    return stream.read(50 << 20)


def write(path, data):
    with open(path, "wb") as out:
        out.write(data.encode() if isinstance(data, str) else data)
    return path


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def rejects(path):
    """The objects of a rejects file without what may differ between runs."""
    if not os.path.exists(path):
        return []
    entries = [json.loads(line) for line in read(path).splitlines()]
    for entry in entries:
        entry.pop("time")
        entry.pop("source")
    return entries


def leftovers(folder="."):
    return [name for name in os.listdir(folder) if ".part" in name]


def balanced(summary):
    """The identity of the ledger."""
    parts = ("written", "rejected", "filtered", "deduplicated", "aggregated")
    same(summary["read"], sum(summary[part] for part in parts), "ledger", summary)
    return summary


def one_line_error(result, *parts):
    """The error is one line for people, and it names every one of `parts`."""
    text = result.err.decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.startswith("millrace: ")]
    expect(len(lines) == 1, "expected one line that begins with 'millrace: '", result)
    for part in parts:
        expect(part in lines[0], "the message does not name %r" % part, result)
    return lines[0]


# Compressed inputs made here and not by the program: gzip, and frames of stored blocks.

def gz(data):
    return gzip.compress(data, 1)


def zst(data, block=100_000):
    parts = [struct.pack("<IBB", 0xFD2FB528, 0, 0x58)]  # window of 2 MiB, no checksum
    for at in range(0, max(len(data), 1), block):
        piece = data[at:at + block]
        parts += [struct.pack("<I", len(piece) << 3 | (at + block >= len(data)))[:3], piece]
    return b"".join(parts)


def lz4(data, block=60_000):
    header = bytes([0x60, 0x40])  # version 1, independent blocks of at most 64 KiB
    parts = [struct.pack("<I", 0x184D2204), header, bytes([xxh32_short(header) >> 8 & 255])]
    for at in range(0, len(data), block):
        piece = data[at:at + block]
        parts += [struct.pack("<I", len(piece) | 1 << 31), piece]
    return b"".join(parts + [bytes(4)])


def xxh32_short(data):
    """xxHash32, seed 0, of fewer than four bytes."""
    h = (374761393 + len(data)) & 0xFFFFFFFF
    for byte in data:
        h = (h + byte * 374761393) & 0xFFFFFFFF
        h = ((h << 11 | h >> 21) * 2654435761) & 0xFFFFFFFF
    h = ((h ^ h >> 15) * 2246822519) & 0xFFFFFFFF
    h = ((h ^ h >> 13) * 3266489917) & 0xFFFFFFFF
    return h ^ h >> 16


PACKERS = {"": bytes, ".gz": gz, ".zst": zst, ".lz4": lz4}


def has_connector(name, kind="destinations"):
    return any(entry["name"] == name for entry in json.loads(run("list", "--json").out)[kind])


def main(known=None):
    """Runs the tests of a file (those named on the command line, or all) and exits with 1 if one failed."""
    known = dict(known or {})
    wanted = sys.argv[1:]
    names = [function.__name__ for function in TESTS]
    bad = ["KNOWN names no test: %s" % name for name in known if name not in names]
    home, began = os.getcwd(), time.monotonic()
    for function in TESTS:
        name = function.__name__
        if wanted and not any(part in name for part in wanted):
            continue
        folder = tempfile.mkdtemp(prefix="millrace-test-")
        os.chdir(folder)
        os.environ["HOME"] = os.path.join(folder, ".home")  # checkpoints are kept below it
        start_time = time.monotonic()
        try:
            function()
            verdict, message = "ok", ""
        except Skipped as why:
            verdict, message = "skipped", str(why)
        except Exception as error:
            verdict = "FAILED"
            message = str(error) if isinstance(error, Failed) else traceback.format_exc()
        os.chdir(home)
        shutil.rmtree(folder, ignore_errors=True)
        if name in known and verdict == "ok":
            verdict, message = "FAILED", "passes, but is listed as known: " + known[name]
        elif name in known and verdict == "FAILED":
            verdict, message = "known failure", known[name]
        print("%-13s %-60s %6.2f s" % (verdict, name.replace("_", " "), time.monotonic() - start_time), flush=True)
        if message:
            print("    " + message.replace("\n", "\n    "), flush=True)
        if verdict == "FAILED":
            bad.append(name)
    print("%s: %s in %.1f s" % (os.path.basename(sys.argv[0]), "%d FAILED" % len(bad) if bad else "all as expected",
                                time.monotonic() - began))
    for name in bad:
        print("  " + name)
    sys.exit(1 if bad else 0)
