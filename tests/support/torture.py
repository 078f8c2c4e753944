# SPDX-License-Identifier: MIT
"""Kills a run at random moments and starts it again until it is through, then compares what is left with what an
undisturbed run makes: the target byte for byte (a database row for row), rejects, and the ledger.

ROUNDS in the environment is how many kills there are to be in all; SEED makes them the same again."""
import os
import random
import shutil
import signal
import time

from cli import balanced, expect, leftovers, read, rejects, run, same, start

EVERY = ("--summary", "json", "--progress", "off")
LEDGER = ("read", "written", "rejected", "filtered", "deduplicated", "blank_lines", "rejected_by_reason")
RANDOM = random.Random(int(os.environ.get("SEED", "0")) or None)


def rounds(share, short):
    """The kills of one scenario: `share` (0 to 1) of ROUNDS, without it `short`."""
    return max(1, int(int(os.environ.get("ROUNDS", "0")) * share)) or short if "ROUNDS" in os.environ else short


class Tally:
    kills = resumed = finished = 0


def states():
    folder = os.path.join(os.environ["HOME"], ".millrace", "state")
    return os.listdir(folder) if os.path.isdir(folder) else []


def until_done(args, seconds, code, tally, done, setup=None, env=None):
    """One run with kills, to its end. Returns its summary, or None when the kill came after the end: everything was
    published and nothing is left to be gone on from."""
    for attempt in range(500):
        process = start(*args, setup=setup, env=env)
        time.sleep(RANDOM.uniform(0, seconds * (1 + attempt / 20)))  # on a busy machine a run may take longer
        process.signal(signal.SIGKILL)
        result = process.finish(60)
        if result.code == code:
            return balanced(result.summary())
        same(result.code, -signal.SIGKILL, result)
        tally.kills += 1
        if not states() and done():
            return None
    raise AssertionError("never came to its end")


def torture(kills, source, target, *flags, code=0, content=read, remove=None, env=None, setup=None, every=2000,
            done=None, config=None):
    """Runs SOURCE to TARGET again and again under kills until there have been so many; `config` is a file that says so."""
    tally = Tally()
    work = ["copy", source, target] if config is None else ["run", config]
    args = [*work, "--checkpoint-records", every, *EVERY, *flags]
    clear = remove or (lambda: os.path.exists(target) and os.unlink(target))
    clear()
    undisturbed = run(*work, "--resume", "never", *EVERY, *flags, code=code, env=env)
    wanted, wanted_rejects = content(target), rejects(target + ".rejects.jsonl")
    ledger = undisturbed.summary()
    while tally.kills < kills:
        clear()
        if os.path.exists(target + ".rejects.jsonl"):
            os.unlink(target + ".rejects.jsonl")
        summary = until_done(args, undisturbed.seconds * 1.1, code, tally, done or (lambda: os.path.exists(target)), setup,
                             env)
        got = content(target)
        expect(got == wanted, "another result", source, target, len(got), len(wanted))
        same(rejects(target + ".rejects.jsonl"), wanted_rejects, source, target)
        same(states(), [])
        same(leftovers(), [])
        tally.finished += 1
        if summary is None:
            continue
        tally.resumed += summary["checkpoint"]["resumed_from"] is not None
        for key in LEDGER:
            same(summary[key], ledger[key], key, source, target)
    expect(tally.resumed > 0 or kills < 40, "no run was ever resumed", tally.kills)
    print("  %-44s %4d kills, %4d runs, %4d resumed" % ("%s -> %s" % (source, target), tally.kills, tally.finished,
                                                         tally.resumed), flush=True)
