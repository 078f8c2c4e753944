# SPDX-License-Identifier: MIT
"""Remote ends that misbehave: what is repeated, when, how often, and that nothing is lost or doubled."""
import email.utils
import json
import os
import signal
import socket
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, one_line_error, read, run, same, start, test, write
from moody import Moody

SLACK = 0.6  # seconds by which a busy machine may be late
NUMBERS = "n\n" + "".join("%d\n" % i for i in range(1, 1001))
FAST = "reliability: {retry_delay: 100ms, max_retry_delay: 400ms, retry_jitter: 0, retry_attempts: %d%s}\n"


def to_store(server, *sections, batch=100, code=0, env=None, extra=()):
    write("in.csv", NUMBERS)
    write("p.yaml", "source: in.csv\ndestination: {connector: store, path: \"http://127.0.0.1:%d\", stream: n-1, "
                    "options: {type: T}, batch_size: %d}\n%s" % (server.port, batch, "".join(sections)))
    return run("run", "p.yaml", "--summary", "json", *extra, code=code, env=env)


def complete(server):
    """All thousand, each once, in order."""
    same([m[5]["n"] for m in server.stored], list(range(1, 1001)))


def near(got, wanted, *what):
    expect(wanted * 0.999 - 0.01 <= got <= wanted + SLACK, "%.3f s, expected %.3f s" % (got, wanted), *what)


# --- nothing is lost, nothing is doubled


@test
def whatever_the_server_does_each_record_arrives_once():
    moods = [503, "reset", 200, "lost", (429, "1"), 200, 408, 500, 502, 504, 425, "lost", "reset", 200,
             ("cut", 10), 200, ("slow", 0.3), "reset"]
    with Moody(moods) as server:
        result = to_store(server, FAST % (20, ", circuit_breaker: false"))
        complete(server)
        same(result.summary()["written"], 1000)
        same(server.script, [])
        warnings = [line for line in result.err.decode().splitlines() if "trying again in" in line]
        # libcurl replaces a connection that was cut without a word, so cuts may be told or not.
        expect(len(warnings) >= len([m for m in moods if m != 200 and (isinstance(m, int) or m[0] == 429)]), result)
        # A batch keeps its name over its tries, and no two batches share one.
        names = {}
        for asked in server.asked:
            names.setdefault(asked.headers["idempotency-key"], []).append(json.dumps(asked.body))
        same(len(names), 10)
        for bodies in names.values():
            same(len(set(bodies)), 1)


@test
def a_run_that_is_repeated_names_its_batches_alike():
    with Moody() as one, Moody() as two:
        to_store(one)
        to_store(two)
        same([a.headers["idempotency-key"] for a in one.asked], [a.headers["idempotency-key"] for a in two.asked])


@test
def pages_that_break_go_on_where_they_broke():
    messages = [["id-%d" % n, "s-1", "T", n, n + 1, {"n": n}, None, "2026-01-01T00:00:00Z"] for n in range(1000)]
    moods = [("cut", 5000), ("cut", 70), ("cut", 3), "reset", 200, (503, "1"), ("cut", 12345), "lost", 429]
    with Moody(moods, messages) as server:
        write("p.yaml", "source: \"%s\"\ndestination: out.jsonl\n" % server.at("batch_size=300") +
              FAST % (4, ", circuit_breaker: false"))
        run("run", "p.yaml", "--summary", "json")
        same([json.loads(line)["data"]["n"] for line in read("out.jsonl").splitlines()], list(range(1000)))


# --- times


@test
def waits_grow_and_are_capped():
    with Moody([503] * 5) as server:
        to_store(server, FAST % (5, ", circuit_breaker: false"))
        complete(server)
        for got, wanted in zip(server.gaps(), [0.1, 0.2, 0.4, 0.4, 0.4]):
            near(got, wanted, server.gaps())


@test
def waits_are_spread_by_the_jitter():
    gaps = []
    with Moody([503] * 24) as server:
        to_store(server, "reliability: {retry_delay: 100ms, retry_multiplier: 1, retry_jitter: 0.5, "
                         "retry_attempts: 30, circuit_breaker: false}\n")
        gaps = server.gaps()[:24]
    for gap in gaps:
        expect(0.049 <= gap <= 0.15 + SLACK, gap)
    expect(min(gaps) < 0.1 < max(gaps), gaps)


@test
def retry_after_is_obeyed_in_seconds_and_as_a_date():
    with Moody([(429, "1"), (503, "2"), (429, "0")]) as server:
        to_store(server, FAST % (5, ""))
        complete(server)
        for got, wanted in zip(server.gaps(), [1, 2, 0.4]):
            near(got, wanted, server.gaps())
    until = time.time() + 3
    with Moody([(503, email.utils.formatdate(until, usegmt=True))]) as server:
        to_store(server, FAST % (5, ""))
        complete(server)
        expect(time.time() - server.gaps()[0] < until, "began too late to tell")
        expect(1.9 <= server.gaps()[0] <= 3 + SLACK, server.gaps())


@test
def the_defaults_are_three_retries_after_one_two_and_four_seconds():
    with Moody([503] * 4) as server:
        result = to_store(server, code=1)
        same(len(server.asked), 4)
        for got, wanted in zip(server.gaps(), [1, 2, 4]):
            expect(wanted * 0.75 - 0.01 <= got <= wanted * 1.25 + SLACK, server.gaps())
        expect("given up after 4 tries in" in result.err.decode(), result)
        same(server.stored, [])


# --- giving up


@test
def what_does_not_pass_by_itself_is_not_repeated():
    for mood in (400, 401, 403, 404, 409, 413, 301, 507, "nonsense"):
        with Moody([mood] * 2) as server:
            result = to_store(server, FAST % (5, ""), code=None)
            expect(result.code in (1, 2), mood, result)
            same(len(server.asked), 1, mood)
            expect("trying again" not in result.err.decode(), result)


@test
def no_retries_means_one_try():
    with Moody([503]) as server:
        result = to_store(server, FAST % (0, ""), code=1)
        same(len(server.asked), 1)
        expect("given up" not in result.err.decode(), result)


@test
def a_wait_beyond_the_deadline_is_not_begun():
    with Moody([(503, "3600")]) as server:
        result = to_store(server, FAST % (5, ", retry_deadline: 1m"), code=1)
        expect(result.seconds < 3, result.seconds)
        expect("the next one is due in 3600.0 s, and all must end within 60.0 s" in result.err.decode(), result)


@test
def the_end_may_say_how_long_it_is_tried():
    with Moody([503] * 1000) as server:
        write("in.csv", NUMBERS)
        result = run("copy", "in.csv", server.at("stream=n-1&type=T&retry=4s"), code=1)
        expect(2 < result.seconds < 4 + SLACK, result.seconds)
        expect("the next one is due in" in result.err.decode(), result)
    one_line_error(run("copy", "in.csv", server.at("stream=n-1&type=T&retry=2x"), code=2),
                   "expected auto or a duration from 0s to 24h, found '2x'")


# --- nobody waits in silence


@test
def a_wrong_port_is_told_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        write("in.csv", NUMBERS)
        running = start("copy", "in.csv", "store:http://127.0.0.1:%d?stream=n-1&type=T" % taken.getsockname()[1])
        time.sleep(0.8)
        running.err.seek(0)
        said = running.err.read().decode()
        expect("Connection refused; trying again in" in said and "(retry 1 of 3)" in said, said)
        running.signal(signal.SIGINT)
        result = running.finish()
        same(result.code, 130)
        expect(result.seconds < 1.6, result.seconds)


@test
def a_slow_answer_is_told_and_then_given_up():
    with Moody([("slow", 30)]) as server:
        result = to_store(server, "timeouts: {read_timeout: 3s}\n", FAST % (0, ""), code=1)
        expect(3 <= result.seconds <= 3 + 2 * SLACK, result.seconds)
        expect("destination: no answer for 2 s; still waiting" in result.err.decode(), result)
        expect("nothing was heard of the server for 3." in result.err.decode(), result)
    with Moody([("slow", 30)]) as server:
        result = to_store(server, "timeouts: {request: 1s}\n", FAST % (0, ""), code=1)
        expect(1 <= result.seconds <= 1 + 2 * SLACK, result.seconds)


@test
def progress_shows_the_waiting():
    with Moody([503, 503]) as server:
        result = to_store(server, "reliability: {retry_delay: 1500ms, retry_multiplier: 1, retry_jitter: 0}\n",
                          extra=("--progress", "json"))
        complete(server)
        expect('"waiting":"destination"' in result.err.decode(), result)


@test
def metrics_tell_of_retries_and_the_breaker():
    with Moody([503] * 5) as server:
        write("in.csv", NUMBERS)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        write("p.yaml", "source: in.csv\ndestination: {connector: store, path: \"http://127.0.0.1:%d\", stream: n-1, "
                        "options: {type: T}}\n"
                        "reliability: {retry_attempts: 9, retry_delay: 50ms, circuit_breaker: {timeout: 2s}}\n"
                        "metrics: 127.0.0.1:%d\n" % (server.port, port))
        running = start("run", "p.yaml")
        page, end = "", time.monotonic() + 10
        while 'circuit_opens_total{source="csv",destination="store",stage="destination"} 1' not in page:
            expect(time.monotonic() < end, page)
            time.sleep(0.1)
            try:
                page = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=5).read().decode()
            except OSError:
                pass
        labels = '{source="csv",destination="store",stage="destination"}'
        for series in ("requests_total%s 6", "retries_total%s 4", "retry_exhausted_total%s 0", "circuit_state%s 1",
                       "rate_limited_seconds_total%s 0"):
            expect("\nmillrace_" + series % labels in page, series, page)
        same(running.finish().code, 0)
        complete(server)


# --- the circuit breaker


@test
def five_failures_leave_the_server_in_peace():
    with Moody([503] * 6) as server:
        result = to_store(server, FAST % (20, ", circuit_breaker: {timeout: 1500ms}"))
        complete(server)
        gaps = server.gaps()
        near(gaps[4], 1.5, gaps)  # after the fifth failure
        near(gaps[5], 1.5, gaps)  # one failure opens it again
        expect("the circuit breaker leaves it in peace for 1.5 s" in result.err.decode(), result)


# --- rates


@test
def requests_keep_to_the_rate():
    with Moody() as server:
        result = to_store(server, "reliability: {rate_limit: {requests_per_second: 10, burst: 5, unit: requests}}\n",
                          batch=40)
        complete(server)
        same(len(server.asked), 25)  # and one for the version before: 26 less 5 at 10 a second
        near(result.seconds, 2.1)
        began = server.asked[0].when
        for i, asked in enumerate(server.asked):
            expect(i + 2 <= 5.5 + 10 * (asked.when - began + 0.05), i)


def paced(limit, *more):
    write("in.csv", NUMBERS)
    write("p.yaml", "source: in.csv\ndestination: out.jsonl\nreliability: {rate_limit: %s}\n" % limit)
    result = run("run", "p.yaml", "--summary", "json", *more)
    same([json.loads(line)["n"] for line in read("out.jsonl").splitlines()], list(range(1, 1001)))
    return result


@test
def records_and_bytes_keep_to_the_rate():
    near(paced("{requests_per_second: 500, burst: 100}").seconds, 1.8)
    near(paced("{requests_per_second: 400}").seconds, 0.5)  # the burst is twice the rate
    size = sum(len('{"n":%d}\n' % i) for i in range(1, 1001))
    near(paced("{requests_per_second: 5000, burst: 1, unit: bytes}").seconds, 0, "one piece pays afterwards")
    near(paced("{requests_per_second: %d, burst: %d, unit: bytes}" % (size // 2, size // 4),
               "--batch-size", "100").seconds, 1.5)
    near(paced("{requests_per_second: 1, enabled: false}").seconds, 0)


@test
def a_rate_that_waits_can_be_interrupted():
    write("in.csv", NUMBERS)
    write("p.yaml", "source: in.csv\ndestination: out.jsonl\nreliability: {rate_limit_per_sec: 10}\n")
    running = start("run", "p.yaml")
    time.sleep(0.5)
    running.signal(signal.SIGTERM)
    result = running.finish()
    same(result.code, 143)
    expect(result.seconds < 1.5, result.seconds)
    running = start("run", "p.yaml", "--timeout", "1s")
    result = running.finish()
    same(result.code, 5)
    expect(result.seconds < 1 + SLACK, result.seconds)


# --- back-pressure


@test
def a_slow_destination_holds_the_source_back_and_nothing_is_dropped():
    write("p.yaml", "source: \"generate:mixed10?rows=60000\"\ndestination: out.jsonl\n"
                    "reliability: {rate_limit: {requests_per_second: 30000, burst: 2000}}\n%s")
    for names in ("", "backpressure: throttle\n", "backpressure: adaptive\n"):
        write("q.yaml", read("p.yaml").decode() % names)
        summary = run("run", "q.yaml", "--summary", "json").summary()
        same((summary["read"], summary["written"], summary["filtered"]), (60000, 60000, 0), names)
    write("q.yaml", read("p.yaml").decode() % "backpressure: drop\nlossy: allow\n")
    result = run("run", "q.yaml", "--summary", "json")
    summary = result.summary()
    expect(0 < summary["written"] < 60000, summary)
    same(summary["read"], summary["written"] + summary["filtered"])
    same(len(read("out.jsonl").splitlines()), summary["written"])
    expect("%d records were dropped" % summary["filtered"] in result.err.decode(), result)


@test
def back_pressure_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write("p.yaml", "source: \"generate:mixed10?rows=60000\"\ndestination: out.jsonl\nmetrics: 127.0.0.1:%d\n"
                    "reliability: {rate_limit: {requests_per_second: 20000, burst: 2000}}\n" % port)
    running = start("run", "p.yaml")
    page, end = "", time.monotonic() + 10
    labels = '{source="generate",destination="json"}'
    while "millrace_backpressure_critical%s 1" % labels not in page:
        expect(time.monotonic() < end, page)
        time.sleep(0.1)
        try:
            page = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=5).read().decode()
        except OSError:
            pass
    expect("millrace_backpressure_active%s 1" % labels in page, page)
    running.signal(signal.SIGTERM)
    same(running.finish().code, 143)


main()
