# SPDX-License-Identifier: MIT
"""A disk that is full or broken ends a run; when it is well again the same command goes on, and the result is that of a
run without trouble."""
import errno
import os
import random
import resource
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import PROGRAM, balanced, expect, leftovers, main, one_line_error, read, rejects, run, same, sanitized, skip, test, write
from torture import EVERY, LEDGER, states

LIBRARY = os.path.join(os.path.dirname(PROGRAM), "libfailing_io.so")
WRITE, SYNC, TRUNCATE = 1, 2, 4
RECORDS = ("--checkpoint-records", "1000")


def rows(count=40_000):
    lines = ["id,name,price"]
    for i in range(count):
        lines.append("%d,too few" % i if i % 997 == 5 else "%d,name %d,%d.25" % (i, i, i))
    return "\n".join(lines) + "\n"


class Faults:
    """Makes calls of the program fail for files in this directory: support/failing_io.h."""

    def __init__(self):
        if not os.path.exists(LIBRARY) or sanitized():
            skip("failing_io cannot be loaded into a sanitized program")
        self.path = os.path.abspath("control")
        self.env = {"LD_PRELOAD": LIBRARY, "FAILING_IO_CONTROL": self.path}
        self.set(armed=0)

    def set(self, kinds=WRITE, error=errno.ENOSPC, after=0, count=1 << 40, armed=1, folder=None):
        where = (folder or os.getcwd()).encode()
        write(self.path, struct.pack("<IIiIQQQQ512s", armed, kinds, error, 0, after, count, 0, 0, where))


def goes_on_after(faults, target, arm, code=3, content=read, attempts=60):
    """Runs under faults that come later and later, until one run is through; says how many failed before."""
    run("copy", "in.csv", "ref" + target[3:], "--resume", "never", *EVERY, code=code)
    failed = kept = 0
    for attempt in range(attempts):
        arm(attempt)
        result = run("copy", "in.csv", target, *RECORDS, *EVERY, env=faults.env, code=None)
        if result.code == code:
            break
        same(result.code, 1, result)
        one_line_error(result)
        balanced(result.summary())
        failed += 1
        kept += result.summary()["checkpoint"]["state_kept"]
        expect(not os.path.exists(target), "published", result)
    faults.set(armed=0)
    if result.code != code:
        result = run("copy", "in.csv", target, *RECORDS, *EVERY, code=code)
    same(content(target), content("ref" + target[3:]), target)
    same(rejects(target + ".rejects.jsonl"), rejects("ref" + target[3:] + ".rejects.jsonl"))
    same((states(), leftovers()), ([], []))
    os.unlink(target)
    return failed, kept, result.summary()


@test
def a_full_disk_is_gone_on_from():
    faults = Faults()
    write("in.csv", rows(200_000))
    for target in ("out.csv", "out.jsonl.zst", "out.json"):
        failed, kept, summary = goes_on_after(faults, target, lambda n: faults.set(after=8 + 2 * n))
        expect(failed > 0 and kept > 0, "nothing failed, or nothing was kept", target, failed, kept)


@test
def failing_syncs_and_truncations_are_gone_on_from():
    faults = Faults()
    write("in.csv", rows())
    for kinds, step in ((SYNC, 2), (TRUNCATE, 1), (WRITE | SYNC | TRUNCATE, 9)):
        goes_on_after(faults, "out.jsonl", lambda n: faults.set(kinds=kinds, error=errno.EIO, after=1 + step * n, count=1))


@test
def a_failing_sync_fails_the_run_for_what_was_not_synced_may_be_gone():
    faults = Faults()
    write("in.csv", rows())
    for after in (0, 2):  # of the name, of the data
        faults.set(kinds=SYNC, error=errno.EIO, after=after, count=1)
        result = run("copy", "in.csv", "out.csv", *RECORDS, *EVERY, env=faults.env, code=1)
        one_line_error(result, "synced")
        expect(not os.path.exists("out.csv"), "published", result)


@test
def a_limit_of_file_size_is_gone_on_from():
    write("in.csv", rows(150_000))
    run("copy", "in.csv", "ref.jsonl", "--resume", "never", *EVERY, code=3)
    size = os.path.getsize("ref.jsonl")
    limited = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size * 2 // 3, resource.RLIM_INFINITY))
    result = run("copy", "in.csv", "out.jsonl", *RECORDS, *EVERY, setup=limited, code=1)
    one_line_error(result, "out.jsonl", "ulimit", "the same command goes on")
    same(balanced(result.summary())["checkpoint"]["state_kept"], True)
    result = run("copy", "in.csv", "out.jsonl", *RECORDS, *EVERY, code=3)
    expect(result.summary()["checkpoint"]["resumed_from"] > 10_000, result)
    same(read("out.jsonl"), read("ref.jsonl"))
    wanted = run("copy", "in.csv", "ref.jsonl", "--resume", "never", *EVERY, code=3).summary()
    same([result.summary()[key] for key in LEDGER], [wanted[key] for key in LEDGER])


@test
def checkpoints_that_cannot_be_kept_do_no_harm():
    faults = Faults()
    write("in.csv", rows())
    run("copy", "in.csv", "ref.csv", "--resume", "never", *EVERY, code=3)
    os.makedirs(".home/.millrace/state")
    faults.set(folder=os.path.join(os.environ["HOME"], ".millrace"))
    result = run("copy", "in.csv", "out.csv", *RECORDS, *EVERY, env=faults.env, code=3)
    expect(b"no checkpoint could be made" in result.err, result)
    same(read("out.csv"), read("ref.csv"))
    result = run("copy", "in.csv", "out.csv", *RECORDS, *EVERY, "--delivery", "exactly_once", env=faults.env, code=1)
    one_line_error(result, "checkpoints")


@test
def random_faults_of_all_kinds_end_in_the_right_output():
    faults = Faults()
    write("in.csv", rows(20_000))
    draw = random.Random(4)
    for _ in range(3):
        goes_on_after(faults, "out.csv", lambda n: faults.set(
            kinds=draw.choice((WRITE, SYNC, TRUNCATE, 7)), error=draw.choice((errno.EIO, errno.ENOSPC)),
            after=draw.randrange(120), count=draw.choice((1, 2, 1 << 40)), armed=n < 50))


if __name__ == "__main__":
    main()
