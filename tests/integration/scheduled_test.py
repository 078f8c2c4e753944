# SPDX-License-Identifier: MIT
"""Pipelines that a server runs when they are due."""
import json
import os
import signal
import sqlite3
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, one_line_error, read, run, same, start, test, write
from serving import ZEROS, Server


def serve(text, name="d"):
    write("serve.yaml", "listen: 127.0.0.1:0\ndata_dir: %s\n" % name + text)
    server = Server("--config", "serve.yaml", "--token", ZEROS, verb=("serve",))
    server.token = ZEROS
    return server


def page(server, path="/pipelines", token=ZEROS):
    request = urllib.request.Request("http://127.0.0.1:%d%s" % (server.port, path),
                                     headers={"Authorization": "Bearer " + token} if token else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def wait(server, good, seconds=20):
    """The page's entries, once they are as wanted."""
    for _ in range(seconds * 20):
        entries = {e["name"]: e for e in json.loads(page(server))}
        if good(entries):
            return entries
        time.sleep(0.05)
    raise AssertionError(entries)


def pipeline(path, source="s.csv", target="d.jsonl", more=""):
    write(path, "source: %s\ndestination: %s\n%s" % (source, target, more))


@test
def a_pipeline_runs_when_it_is_due_and_tells_how_it_went():
    write("s.csv", "id\n1\n2\n")
    pipeline("good.yaml")
    pipeline("bad.yaml", source="missing.csv", target="e.jsonl")
    with serve("pipelines:\n  - {file: good.yaml, every: 1s}\n  - {file: bad.yaml, every: 1h, on_start: true, name: b}\n") as s:
        entries = wait(s, lambda e: e["good"]["runs"] >= 2 and e["b"]["runs"] == 1)
        same((entries["good"]["last_exit_code"], entries["good"]["failures"]), (0, 0))
        same(entries["good"]["last_summary"]["written"], 2)
        expect("missing.csv" in entries["b"]["last_error"], entries["b"])
        same((entries["b"]["last_exit_code"], entries["b"]["failures"]), (1, 1))
        metrics = page(s, "/metrics")
        expect('millrace_pipeline_runs_total{pipeline="b",result="failed"} 1' in metrics, metrics[-2000:])
        expect('millrace_pipeline_last_exit_code{pipeline="good"} 0' in metrics, metrics[-2000:])
        try:
            page(s, token=None)
            expect(False, "the page is open to all")
        except urllib.error.HTTPError as fault:
            expect(fault.code in (401, 403), fault.code)
    same(read("d.jsonl"), b'{"id":1}\n{"id":2}\n')


@test
def an_inline_pipeline_loads_what_is_new():
    write("s.csv", "id,v\n1,a${X}\n")
    with serve("pipelines:\n  - name: inline\n    every: 1s\n    pipeline:\n      source: s.csv\n"
               "      destination: {type: sqlite, path: d.db, table: t}\n      mode: incremental\n      cursor: id\n") as s:
        wait(s, lambda e: e["inline"]["runs"] >= 1)
        write("s.csv", "id,v\n1,a${X}\n2,b\n")
        seen = wait(s, lambda e: True)["inline"]["runs"]
        wait(s, lambda e: e["inline"]["runs"] >= seen + 2)
    same(sqlite3.connect("d.db").execute("SELECT id, v FROM t ORDER BY id").fetchall(), [(1, "a${X}"), (2, "b")])


SLOW = "reliability: {rate_limit: {requests_per_second: 20, burst: 1, unit: records}}\n"


@test
def a_run_that_is_not_over_is_not_joined_by_another():
    write("s.csv", "id\n" + "".join("%d\n" % n for n in range(50)))
    pipeline("slow.yaml", more=SLOW)
    pipeline("next.yaml", target="e.jsonl", more=SLOW)
    with serve("pipelines:\n  - {file: slow.yaml, every: 1s}\n  - {file: next.yaml, every: 1s, overlap: queue}\n") as s:
        entries = wait(s, lambda e: e["slow"]["skipped"] >= 1 and e["next"]["queued"])
        same((entries["slow"]["queued"], entries["next"]["skipped"]), (False, 0))
        wait(s, lambda e: e["next"]["runs"] >= 1 and e["next"]["running"])


@test
def stopping_the_server_stops_runs_in_order():
    write("s.csv", "id\n" + "".join("%d\n" % n for n in range(5000)))
    pipeline("slow.yaml", more=SLOW)
    server = serve("pipelines:\n  - {file: slow.yaml, every: 1h, on_start: true}\n")
    with server as s:
        wait(s, lambda e: e["slow"]["running"])
        began = time.monotonic()
    expect(time.monotonic() - began < 10, "slow to stop")
    expect(not os.path.exists("d.jsonl"), "half an output was published")


@test
def a_run_that_was_missed_is_made_up_for_once():
    write("s.csv", "id\n1\n")
    pipeline("p.yaml")
    text = "pipelines:\n  - {file: p.yaml, cron: '0 3 1 1 *'}\n"
    with serve(text) as s:
        same(wait(s, lambda e: True)["p"]["runs"], 0)
    write("d/pipelines.state", "1600000000000000000 p\n")
    with serve(text) as s:
        wait(s, lambda e: e["p"]["runs"] == 1)
    with serve(text) as s:
        time.sleep(0.3)
        same(wait(s, lambda e: True)["p"]["runs"], 0)


@test
def the_file_is_checked_before_anything_runs():
    pipeline("p.yaml")
    pipeline("wrong.yaml", target="x.jsonl", more="mode: merge\n")
    plans = [("{file: p.yaml}", ("every",)), ("{file: p.yaml, every: 5m, cron: '* * * * *'}", ("'every'", "'cron'")),
             ("{every: 5m}", ("file",)), ("{file: p.yaml, every: 10ms}", ("every", "10ms")),
             ("{file: p.yaml, cron: '61 * * * *'}", ("cron", "61", "minute")),
             ("{file: p.yaml, evry: 5m}", ("evry", "every")), ("{file: gone.yaml, every: 5m}", ("gone.yaml",)),
             ("{file: p.yaml, every: 5m, overlap: twice}", ("overlap", "twice")),
             ("{file: wrong.yaml, every: 5m}", ("wrong", "mode: merge"))]
    for entry, words in plans:
        write("serve.yaml", "data_dir: n\npipelines:\n  - %s\n" % entry)
        one_line_error(run("check", "serve.yaml", code=2), "serve.yaml:3:", *words)
        one_line_error(run("serve", "--config", "serve.yaml", code=None), *words)
        expect(not os.path.exists("n"), entry)
    write("serve.yaml", "data_dir: n\npipelines:\n  - {file: p.yaml, every: 5m}\n")
    plan = run("check", "serve.yaml").out.decode()
    expect("p: every 5m, p.yaml" in plan, plan)


main()
