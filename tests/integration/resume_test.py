# SPDX-License-Identifier: MIT
"""A run that was stopped goes on at its last checkpoint, and its output is the one an undisturbed run would have made;
where that cannot be, the program says why and touches nothing."""
import gzip
import json
import os
import shutil
import signal
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import (balanced, expect, gz, has_connector, leftovers, lz4, main, one_line_error, read, rejects, run, same, start,
                 test, write, zst)

EVERY = ("--checkpoint-records", "1000", "--summary", "json", "--progress", "off")
STATE = ".home/.millrace/state"


def rows(count, bad_every=997):
    """CSV with everything that makes cutting hard: quotes, newlines in quotes, blank lines, rows that are rejected."""
    lines = ["id,name,price,note"]
    for i in range(count):
        if i % bad_every == 5:
            lines.append("%d,too few" % i)
        elif i % 311 == 7:
            lines.append('%d,"quoted ""name"" %d",%d.50,"two\nlines, %d"' % (i, i, i, i))
        else:
            lines.append("%d,name %d,%d.25,%s" % (i, i, i, "x" * (i % 60)))
        if i % 501 == 0:
            lines.append("")
    return "\n".join(lines) + "\n"


def states():
    return sorted(os.listdir(STATE)) if os.path.isdir(STATE) else []


def stop_midway(source, target, *flags, code=143, number=signal.SIGTERM, folder=STATE, before=lambda: None):
    """Runs until there is a checkpoint to go on from."""
    for _ in range(10):
        before()
        process = start("copy", source, target, *EVERY, *flags)
        while not (os.path.isdir(folder) and os.listdir(folder)) and process.is_running():
            time.sleep(0.001)
        process.signal(number)
        result = process.finish(30)
        if result.code == code and os.listdir(folder):
            return result
    return None


def journals():
    """What tells that a checkpoint has been made."""
    found = []
    for folder, _, names in os.walk(STATE):
        for name in names:
            try:
                found.append((name, os.stat(os.path.join(folder, name)).st_size))
            except FileNotFoundError:
                pass
    return found


def reference(source, target, *flags, code=0):
    result = run("copy", source, target, "--resume", "never", "--summary", "json", "--progress", "off", *flags,
                 code=code)
    return read(target), rejects(target + ".rejects.jsonl"), result.summary()


LEDGER = ("status", "read", "written", "rejected", "filtered", "deduplicated", "blank_lines", "rejected_by_reason")


def same_run(summary, wanted):
    for key in LEDGER:
        same(summary[key], wanted[key], key)


def stops_and_goes_on(source, target, *flags, code=0):
    """Interrupts the run again and again until it is through; its result is the undisturbed one's."""
    stem, dot, suffix = target.partition(".")
    wanted = reference(source, stem + "_ref" + dot + suffix, *flags, code=code)
    stopped = 0
    if os.path.exists(target):
        os.unlink(target)
    for attempt in range(8):
        before = journals()
        process = start("copy", source, target, *EVERY, *flags)
        while attempt < 7 and process.is_running() and journals() == before:
            time.sleep(0.001)  # until it has come on, however slow the machine is
        time.sleep(0.003 * (attempt % 4))
        if attempt < 7:
            process.signal(signal.SIGINT)
        result = process.finish(60)
        if result.code not in (130, -signal.SIGINT):  # the latter before anybody listens
            break
        stopped += 1
        expect(not os.path.exists(target), "published too early", result)
    same(result.code, code, result)
    same(read(target), wanted[0], source, target)
    same(rejects(target + ".rejects.jsonl"), wanted[1])
    summary = balanced(result.summary())
    same_run(summary, wanted[2])
    same(states(), [])
    same(leftovers(), [])
    return stopped, summary["checkpoint"]["resumed_from"]


@test
def interrupted_runs_go_on_until_they_are_through():
    write("in.csv", rows(150_000))
    resumed = [stops_and_goes_on("in.csv", target, *flags, code=3)
               for target, flags in (("out.csv", ("--workers", "3")), ("out.jsonl", ("--workers", "1")),
                                     ("out.jsonl", ("--workers", "8")), ("out.json", ("--workers", "2")),
                                     ("out.csv.gz", ("--workers", "3")), ("out.jsonl.zst", ("--workers", "1")),
                                     ("out.csv.lz4", ("--workers", "2")))]
    expect(sum(1 for _, at in resumed if at) >= 4, "hardly any run was resumed", resumed)


@test
def compressed_and_array_inputs_are_gone_on_in_too():
    text = rows(100_000)
    write("in.csv.gz", gz(text.encode()))
    write("in.csv.zst", zst(text.encode()))
    write("in.csv.lz4", lz4(text.encode()))
    write("utf16.csv", text.encode("utf-16"))
    write("bom.csv", b"\xef\xbb\xbf" + text.encode())
    objects = [json.dumps({"a": i, "b": "x" * (i % 50), "c": [i, {}]}) for i in range(100_000)]
    write("in.json", "[" + ",\n".join(objects) + "]")
    write("in.jsonl", "\n".join(objects) + "\nbroken\n")
    for source in ("in.csv.gz", "in.csv.zst", "in.csv.lz4", "utf16.csv", "bom.csv"):
        stops_and_goes_on(source, "out.jsonl", code=3)
    stops_and_goes_on("in.json", "out.csv")
    stops_and_goes_on("in.jsonl", "out.json", code=3)


@test
def many_files_are_gone_on_in_where_the_run_stood():
    os.mkdir("in")
    for i in range(12):
        write("in/part%02d.csv" % i, rows(40_000))
    stopped, _ = stops_and_goes_on("in/*.csv", "out.jsonl", code=3)
    expect(stopped > 0, "never interrupted")


@test
def sigint_and_sigterm_keep_the_state_and_say_so():
    write("in.csv", rows(400_000))
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        result = stop_midway("in.csv", "out.jsonl", code=code, number=number,
                             before=lambda: write("out.jsonl", "old\n"))
        expect(result is not None, "could not be interrupted")
        summary = balanced(result.summary())
        expect(summary["checkpoint"]["state_kept"] and summary["status"] == "interrupted", summary)
        one_line_error(result, "interrupted", "the same command goes on")
        same(read("out.jsonl"), b"old\n")
        same(sorted(leftovers()), ["out.jsonl.part", "out.jsonl.rejects.jsonl.part"])
        result = run("copy", "in.csv", "out.jsonl", *EVERY, code=3)
        same(result.summary()["checkpoint"]["resumed_from"], summary["read"])


def paced_until_done(target, rate, content):
    """Interrupted at moments that lie anywhere in a wait for the rate."""
    write("rate.yaml", "reliability: {rate_limit: %s}\nbatch_size: 100\n" % rate)
    stopped = 0
    for attempt in range(100):
        process = start("copy", "in.csv", target, *EVERY, "--system-flags", "rate.yaml")
        time.sleep(0.3 + 0.037 * (attempt % 9))
        if process.is_running():
            process.signal(signal.SIGTERM)
        result = process.finish(60)
        if result.code == 3:
            break
        same(result.code in (143, -signal.SIGTERM), True, result)
        stopped += 1
    same(result.code, 3, result)
    expect(stopped > 0, target, rate, "was never interrupted")
    same(states(), [])
    return content(), balanced(result.summary())


@test
def a_wait_for_the_rate_is_no_place_to_go_on_from():
    """In the middle of a piece the destination has some of it: going on there would repeat them."""
    write("in.csv", rows(4_000))

    def table():
        with sqlite3.connect("out.db") as db:
            found = list(db.execute("SELECT * FROM t ORDER BY rowid"))
        db.close()
        os.remove("out.db")
        return found
    records, size = "{per_second: 4000, burst: 300}", "{per_second: 200000, burst: 5000, unit: bytes}"
    ways = [("out.csv", size, lambda: read("out.csv")), ("out.json", records, lambda: read("out.json")),
            ("out.csv.gz", records, lambda: gzip.decompress(read("out.csv.gz"))), ("sqlite:out.db?table=t", records, table)]
    for target, rate, content in ways:
        wanted_summary = run("copy", "in.csv", target, "--resume", "never", "--summary", "json", code=3).summary()
        wanted = content()
        for name in ("out.csv", "out.json", "out.csv.gz", "out.db"):
            if os.path.exists(name):
                os.remove(name)
        found, summary = paced_until_done(target, rate, content)
        same(found == wanted, True, target, rate, "content")
        same_run(summary, wanted_summary)


@test
def a_signal_is_heard_at_any_moment():
    write("in.csv", rows(2000))
    write("p.yaml", "source: in.csv\ndestination: out.jsonl\nreliability:\n  rate_limit: {requests_per_second: 50, burst: 1}\n")
    for attempt in range(60):
        process = start("run", "p.yaml", "--summary", "off", "--progress", "off")
        time.sleep(0.0003 * attempt)
        process.signal(signal.SIGTERM)
        result = process.finish(20)  # the run would take 40 s
        expect(result.code in (143, -signal.SIGTERM), result)


@test
def a_time_out_keeps_what_was_done():
    write("in.csv", rows(300_000))
    wanted = reference("in.csv", "ref.jsonl", code=3)
    result = None
    for attempt in range(100):
        result = run("copy", "in.csv", "out.jsonl", *EVERY, "--timeout", "%dms" % (60 + 5 * attempt), "--infer", "off",
                     code=None)
        if result.code != 5:
            break
    same(result.code, 3, result)
    same(len(read("out.jsonl").splitlines()), len(wanted[0].splitlines()))


def interrupted(source="in.csv", target="out.jsonl", count=400_000):
    write("in.csv", rows(count))
    result = stop_midway(source, target)
    expect(result is not None, "could not be interrupted")
    return states()


def refused(*parts, source="in.csv", target="out.jsonl", flags=()):
    """The run is refused with the reason; state, output so far and old target stay."""
    before = {name: os.stat(name).st_size for name in leftovers()}
    kept = states()
    one_line_error(run("copy", source, target, *EVERY, *flags, code=2), *parts)
    same({name: os.stat(name).st_size for name in leftovers()}, before)
    same(states(), kept)


@test
def a_source_that_was_changed_is_refused_with_the_reason():
    interrupted()
    text = read("in.csv")
    with open("in.csv", "r+b") as stream:
        stream.write(b"ID")
    refused("in.csv", "first bytes", "--resume never")
    write("in.csv", text[:20_000])
    refused("in.csv", "shorter")
    os.rename("in.csv", "was.csv")
    write("in.csv", text)
    refused("in.csv", "another file")
    os.rename("was.csv", "in.csv")
    write("in.csv", text)  # the same file with the same bytes again
    wanted = reference("in.csv", "ref.jsonl", code=3)
    run("copy", "in.csv", "out.jsonl", *EVERY, code=3)
    same(read("out.jsonl"), wanted[0])


@test
def bytes_before_the_place_that_have_changed_are_noticed():
    interrupted()
    size = os.path.getsize("in.csv")
    with open("in.csv", "r+b") as stream:
        stream.seek(5000)
        stream.write(b"~" * (size - 5000))
    refused("in.csv", "bytes before the place")


@test
def a_source_that_has_only_grown_is_gone_on_in():
    interrupted()
    with open("in.csv", "a") as stream:
        stream.write("x1,appended,not a number,\n" * 3)
    wanted = reference("in.csv", "ref.jsonl", "--infer", "off", code=3)
    run("copy", "in.csv", "out.jsonl", *EVERY, code=3)
    got = [json.loads(line) for line in read("out.jsonl").splitlines()]
    same(len(got), len(wanted[0].splitlines()))
    same(got[-1]["price"], "not a number")  # the types found before do not hold for it, and it is not bent to them
    same(got[0]["id"], 0)


@test
def other_files_under_a_pattern_are_refused():
    os.mkdir("in")
    for i in range(4):
        write("in/part%d.csv" % i, rows(150_000))
    expect(stop_midway("in/*.csv", "out.jsonl") is not None, "could not be interrupted")
    write("in/part00.csv", rows(10))
    refused("in/*.csv", "other files", source="in/*.csv")


@test
def settings_that_decide_about_the_output_may_not_change():
    interrupted()
    refused("'select'", "not what it was", flags=("--select", "id"))
    refused("'source.ragged'", flags=("--from-opt", "ragged=pad"))
    run("copy", "in.csv", "out.jsonl", *EVERY, "--workers", "1", "--accept-rejects")  # these do not


@test
def output_that_is_gone_is_refused():
    interrupted()
    os.rename("out.jsonl.part", "elsewhere")
    refused("out.jsonl.part", "missing")
    write("out.jsonl.part", b"something else")
    refused("out.jsonl.part", "not the file")
    os.rename("elsewhere", "out.jsonl.part")
    run("copy", "in.csv", "out.jsonl", *EVERY, code=3)


@test
def resume_never_starts_over_and_require_wants_a_checkpoint():
    write("in.csv", rows(1000))
    one_line_error(run("copy", "in.csv", "out.jsonl", "--resume", "require", code=2), "nothing to go on from")
    one_line_error(run("copy", "csv:-", "out.jsonl", "--resume", "require", code=2), "standard input")
    interrupted()
    summary = run("copy", "in.csv", "out.jsonl", *EVERY, "--resume", "require", code=3).summary()
    expect(summary["checkpoint"]["resumed_from"] > 0, summary)
    interrupted()
    summary = run("copy", "in.csv", "out.jsonl", *EVERY, "--resume", "never", code=3).summary()
    same((summary["checkpoint"]["resumed_from"], summary["checkpoint"]["made"]), (None, 0))
    same((states(), leftovers()), ([], []))


@test
def a_short_run_leaves_no_trace_and_makes_no_directory():
    write("in.csv", rows(1000))
    summary = run("copy", "in.csv", "out.jsonl", "--summary", "json", code=3).summary()
    same((summary["checkpoint"]["made"], os.path.exists(".home")), (0, False))


@test
def checkpoints_are_made_by_time_and_by_number():
    write("in.csv", rows(60_000))
    write("p.yaml", "source: in.csv\ndestination: out.jsonl\nreliability:\n  rate_limit: {requests_per_second: 40000, burst: 1000}\n")

    def made(*flags):
        result = run("run", "p.yaml", "--summary", "json", "--progress", "off", *flags, code=3)
        return result.summary()["checkpoint"]["made"]

    same(made("--checkpoint-records", "0", "--checkpoint-interval", "0"), 0)
    same(made(), 0, "10 s and a million records are far")
    expect(made("--checkpoint-records", "0", "--checkpoint-interval", "100ms") >= 5, "of 1.5 s")
    expect(2 <= made("--checkpoint-records", "20000", "--checkpoint-interval", "0") <= 4, "of 60,000")


@test
def pipes_and_standard_output_say_that_they_cannot():
    write("in.csv", rows(5000))
    for source, target, part in (("csv:-", "out.csv", "standard input"), ("in.csv", "csv:-", "standard output")):
        result = run("copy", source, target, *EVERY, stdin=read("in.csv"), code=3)
        expect(part in result.summary()["checkpoint"]["none_because"], result)
        same(states(), [])
    one_line_error(run("copy", "in.csv", "csv:-", "--delivery", "exactly_once", code=2), "exactly_once",
                   "standard output")
    run("copy", "in.csv", "out.csv", "--delivery", "exactly_once", code=3)


@test
def steps_go_on_and_those_that_cannot_say_why_not():
    write("in.csv", rows(150_000))
    write("p.yaml", "source: in.csv\ndestination: out.jsonl\ntransforms:\n  - dedupe: [name]\n")
    expect(b"goes on at its last checkpoint" in run("check", "p.yaml").out)
    write("p.yaml", "source: in.csv\ndestination: out.jsonl\ntransforms:\n"
                    "  - aggregate: {by: [note], values: {n: count()}}\n")
    expect("aggregate" in run("check", "p.yaml").out.decode(), "the reason is missing")
    stops_and_goes_on("in.csv", "out.jsonl", "--filter", ".price > 100", "--map", "twice = .price * 2", code=3)
    interrupted()
    refused("'transforms'", flags=("--filter", ".price > 100"))


@test
def now_is_one_moment_also_when_a_run_goes_on():
    write("in.csv", rows(400_000))
    flags = ("--map", "at = now()")
    expect(stop_midway("in.csv", "out.jsonl", *flags) is not None, "could not be interrupted")
    run("copy", "in.csv", "out.jsonl", *EVERY, *flags, code=3)
    same(len({json.loads(line)["at"] for line in read("out.jsonl").splitlines()}), 1)


@test
def check_says_which_guarantee_and_why():
    write("in.csv", rows(10))
    for target, parts in (("path: out.csv", ("exactly once", "checkpoint")),
                          ("path: \"-\", type: csv", ("at least once",)),
                          ("type: 'null'", ("starts over", "cannot go on"))):
        write("p.yaml", "source: {path: in.csv}\ndestination: {%s}\n" % target)
        shown = run("check", "p.yaml").out.decode()
        for part in parts:
            expect(part in shown, part, shown)
    write("p.yaml", "source: {path: in.csv}\ndestination: {path: out.csv}\nstorage: {mode: row}\n")
    expect("storage.mode" in run("check", "p.yaml").out.decode(), "the reason is missing")


@test
def state_can_be_shown_exported_and_reset():
    same(run("state", "show").out, b"no checkpoints in .home/.millrace/state\n".replace(
        b".home", os.environ["HOME"].encode()))
    ids = interrupted()
    shown = run("state", "show").out.decode()
    for part in (ids[0], "csv in.csv", "json out.jsonl", "records"):
        expect(part in shown, part, shown)
    listed = json.loads(run("state", "show", "--json").out)
    same((len(listed), listed[0]["pipeline"], listed[0]["sealed"]), (1, ids[0], False))
    expect(listed[0]["ledger"]["read"] > 0 and listed[0]["sequence"] > 0, listed)
    exported = json.loads(run("state", "export", ids[0]).out)
    same(exported["pipeline"], ids[0])
    one_line_error(run("state", "reset", "nobody", code=2), "nobody")
    run("state", "reset", ids[0])
    same(states(), [])
    summary = run("copy", "in.csv", "out.jsonl", *EVERY, code=3).summary()
    same(summary["checkpoint"]["resumed_from"], None)


@test
def two_runs_of_one_pipeline_exclude_each_other():
    write("in.csv", rows(300_000))
    first = start("copy", "in.csv", "out.jsonl", *EVERY)
    deadline = time.monotonic() + 10
    while not states() and time.monotonic() < deadline and first.child.poll() is None:
        time.sleep(0.002)
    os.kill(first.child.pid, signal.SIGSTOP)
    second = run("copy", "in.csv", "out.jsonl", *EVERY, code=None)
    os.kill(first.child.pid, signal.SIGCONT)
    result = first.finish(30)
    expect(second.code in (1, 2), second)
    one_line_error(second, "another")
    same(result.code, 3, result)


@test
def a_state_directory_of_ones_own_is_used_and_left_empty():
    write("in.csv", rows(300_000))
    expect(stop_midway("in.csv", "out.jsonl", "--state-dir", "there", folder="there") is not None, "could not be interrupted")
    same(os.listdir("there") != [], True)
    run("copy", "in.csv", "out.jsonl", *EVERY, "--state-dir", "there", code=3)
    same((os.listdir("there"), os.path.exists(".home")), ([], False))


@test
def a_state_directory_that_cannot_be_made_is_a_warning_unless_it_was_asked_for():
    write("in.csv", rows(30_000))
    write("file", "")
    result = run("copy", "in.csv", "out.jsonl", *EVERY, "--infer", "off", env={"HOME": os.path.abspath("file")}, code=3)
    expect(b"no checkpoint could be made" in result.err, result)
    one_line_error(run("copy", "in.csv", "out.jsonl", *EVERY, "--state-dir", "file/x", code=1), "file/x")
    same(leftovers(), [])


@test
def an_appended_file_is_gone_on_in_too():
    write("in.csv", rows(150_000))
    write("start.csv", "id,name,price,note\n0,before,1,\n")
    shutil.copy("start.csv", "ref.csv")
    shutil.copy("start.csv", "out.csv")
    run("copy", "in.csv", "ref.csv", "--to-opt", "append=true", "--resume", "never", code=3)
    for attempt in range(100):
        process = start("copy", "in.csv", "out.csv", "--to-opt", "append=true", *EVERY)
        time.sleep(0.01 + 0.011 * (attempt % 5) + 0.005 * attempt)
        process.signal(signal.SIGKILL)
        code = process.finish(30).code
        if code == 3 or (not states() and os.path.getsize("out.csv") >= os.path.getsize("ref.csv")):
            break  # through, or killed when all was done
    same(read("out.csv"), read("ref.csv"))


@test
def generated_records_go_on_where_they_were():
    for name in ("mixed10", "people8", "mixed10r"):
        source = "generate:%s?rows=200000" % name
        run("copy", source, "ref.csv", "--resume", "never")
        for attempt in range(100):
            process = start("copy", source, "out.csv", *EVERY)
            time.sleep(0.01 + 0.011 * (attempt % 5) + 0.005 * attempt)
            process.signal(signal.SIGINT)
            if process.finish(30).code == 0:
                break
        else:  # a slow machine is let be
            run("copy", source, "out.csv", *EVERY)
        same(read("out.csv"), read("ref.csv"), name)
        os.unlink("out.csv")


if __name__ == "__main__":
    main()
