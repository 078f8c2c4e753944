# SPDX-License-Identifier: MIT
"""The power fails while a pipeline runs: what was not synced is lost in part or wholly, contents and names. Started
again, as often as it takes, the run leaves what an undisturbed one leaves. `make torture` does it ROUNDS times."""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import PROGRAM, balanced, expect, gz, main, read, rejects, run, same, sanitized, skip, start, test, write
from file_cut import Watched
from torture import EVERY, LEDGER, RANDOM, rounds

LIBRARY = os.path.join(os.path.dirname(PROGRAM), "librecording_io.so")
ROWS = 30_000


def rows(count=ROWS):
    lines = ["id,name,price,note"]
    for i in range(count):
        if i % 997 == 5:
            lines.append("%d,too few" % i)
        else:
            lines.append("%d,name %d,%d.25,%s" % (i, i, i, "x" * (i % 60)))
    return "\n".join(lines) + "\n"


def until_done(args, seconds, watched, old, target, tally):
    """One run with power cuts, to its end; the first summary that came."""
    for _ in range(300):
        process = start(*args, env=watched.env)
        time.sleep(RANDOM.uniform(0, seconds))
        process.signal(signal.SIGKILL)
        result = process.finish(60)
        if result.code == 3:
            return balanced(result.summary())
        same(result.code, -signal.SIGKILL, result)
        lost = watched.cut(RANDOM.choice((0, 50, 90)), RANDOM)
        tally["cuts"] += 1
        tally["lost"] += lost.lost + lost.names_lost
        if os.path.exists(target):
            expect(read(target) in (old, tally["wanted"]), "a half-written target", target)
    raise AssertionError("never came to its end")


def power(kills, source, target, *flags):
    if sanitized() or not os.path.exists(LIBRARY):
        skip("a sanitizer's library must be the first to be loaded")
    os.mkdir("out")
    path, old = os.path.join("out", target), b"what was there before"
    undisturbed = run("copy", source, target, "--resume", "never", *EVERY, *flags, code=3)
    tally = {"cuts": 0, "lost": 0, "resumed": 0, "wanted": read(target)}
    wanted_rejects, ledger = rejects(target + ".rejects.jsonl"), undisturbed.summary()
    args = ["copy", source, path, "--checkpoint-records", "2000", "--state-dir", "out/state", *EVERY, *flags]
    while tally["cuts"] < kills:
        with open(path, "wb") as file:
            file.write(old)
        if os.path.exists(path + ".rejects.jsonl"):
            os.unlink(path + ".rejects.jsonl")
        with Watched("out", LIBRARY) as watched:
            summary = until_done(args, undisturbed.seconds * 1.5, watched, old, path, tally)
        expect(read(path) == tally["wanted"], "another result", source, target)
        same(rejects(path + ".rejects.jsonl"), wanted_rejects, source, target)
        tally["resumed"] += summary["checkpoint"]["resumed_from"] is not None
        for key in LEDGER:
            same(summary[key], ledger[key], key, source, target)
    expect(tally["lost"] > 0, "nothing was ever lost")
    print("  %-36s %4d cuts, %5d changes lost, %3d resumed" % ("%s -> %s" % (source, target), tally["cuts"], tally["lost"],
                                                               tally["resumed"]), flush=True)


@test
def plain_files():
    write("in.csv", rows())
    power(rounds(0.4, 8), "in.csv", "out.jsonl")


@test
def compressed_files():
    write("in.csv.gz", gz(rows().encode()))
    power(rounds(0.3, 5), "in.csv.gz", "out.jsonl.zst")
    os.rename("out", "out.zst")
    power(rounds(0.3, 5), "in.csv.gz", "out.csv.gz", "--workers", "1")


main()
