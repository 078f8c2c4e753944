# SPDX-License-Identifier: MIT
"""A run that was stopped far inside a compressed file goes on near its place: the checkpoint holds a restart point, and
the output is that of an undisturbed run."""
import json
import os
import resource
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import balanced, expect, main, read, run, same, sanitized, skip, test

ROWS = 500_000  # 42 MB: two restart points, 16 MiB decoded apart
BEHIND_ONE = 200_000  # records, more than 16 MiB; how far behind it a checkpoint lies is up to the disk's syncs
ONE = ("--summary", "json", "--progress", "off")
POSITION = {"in.csv.gz": 5_000, "in.csv.zst": 400}  # least hexadecimal digits with a restart point in them


def no_room(size):
    """The disk is full at `size` bytes of a file."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def goes_on_inside(source):
    if sanitized():
        skip("it measures nothing that a sanitizer would see")
    run("copy", "generate:mixed10?rows=%d" % ROWS, source, *ONE)
    run("copy", source, "wanted.jsonl", "--resume", "never", *ONE)
    args = ["copy", source, "out.jsonl", "--state-dir", "state", "--checkpoint-records", "20000", *ONE]
    run(*args, code=1, setup=no_room(os.path.getsize("wanted.jsonl") * 95 // 100))
    state = json.loads(run("state", "export", "--state-dir", "state").out)[0]
    expect(state["ledger"]["read"] > BEHIND_ONE, "an early checkpoint", state["ledger"])
    position = state["source_position"]
    expect(len(position) > POSITION[source], "no restart point in the position", len(position))
    summary = balanced(run(*args, "--resume", "require").summary())
    expect(summary["checkpoint"]["resumed_from"] is not None, "not resumed", summary)
    expect(read("out.jsonl") == read("wanted.jsonl"), "another result")
    same(summary["read"], ROWS)


@test
def in_gzip():
    goes_on_inside("in.csv.gz")


@test
def in_zstd():
    goes_on_inside("in.csv.zst")


main()
