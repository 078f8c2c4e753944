# SPDX-License-Identifier: MIT
"""The table of section 8 of the specification, row by row: each key is there under each of its names, has its default, and
does what it is for, or says that it does nothing."""
import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, one_line_error, read, run, same, start, test, write
from moody import Moody

ENDS = "source: in.csv\ndestination: out.jsonl\n"
SECOND = 10 ** 9

# key, its other names, default, another value. A default of None is text that need not be there.
KEYS = [
    ("version", (), "1.0.0", "2.0"),
    ("performance.batch_size", ("batch_size",), "auto", 500),
    ("performance.buffer_size", ("buffer_size",), 10000, 5),
    ("performance.workers", ("workers",), "auto", 3),
    ("performance.max_concurrency", ("max_concurrency",), "auto", 4),
    ("performance.flush_interval", ("flush_interval",), "10s", "3s"),
    ("performance.memory_limit_mb", ("memory.max_memory", "memory_limit_mb", "global.max_memory_mb"), "1024", 64),
    ("performance.enable_streaming", (), True, False),
    ("performance.streaming_mode", ("streaming_mode",), False, True),
    ("performance.async_operations", (), True, False),
    ("performance.prefetch_size", (), 3, 4),
    ("performance.queue_size", (), 1000, 4),
    ("performance.limit", ("limit",), 0, 7),
    ("storage.mode", ("advanced.storage_mode", "storage_mode"), "hybrid", "row"),
    ("storage.compression", (), "none", "lz4"),
    ("storage.columnar_after_records", (), 10000, 5),
    ("storage.columnar_after_bytes", (), "4MiB", "1MiB"),
    ("storage.spill_dir", (), None, "/tmp"),
    ("timeouts.request", (), "30s", "1s"),
    ("timeouts.connection", (), "10s", "1s"),
    ("timeouts.idle", (), "5m", "1s"),
    ("timeouts.read_timeout", ("timeouts.read",), "30s", "1s"),
    ("timeouts.write_timeout", ("timeouts.write",), "30s", "1s"),
    ("timeouts.keep_alive", ("timeouts.keepalive",), "30s", "1s"),
    ("timeouts.shutdown_grace", (), "30s", "1s"),
    ("reliability.retry_attempts", ("reliability.max_retries",), 3, 1),
    ("reliability.retry_delay", (), "1s", "2s"),
    ("reliability.retry_multiplier", (), "2.0", 3),
    ("reliability.max_retry_delay", ("reliability.retry_max_delay",), "60s", "2s"),
    ("reliability.retry_jitter", (), 0.25, 0.5),
    ("reliability.circuit_breaker.enabled", (), True, False),
    ("reliability.circuit_breaker.threshold", (), 5, 6),
    ("reliability.circuit_breaker.success_threshold", (), 3, 2),
    ("reliability.circuit_breaker.timeout", (), "30s", "3s"),
    ("reliability.circuit_breaker.half_open_requests", (), 5, 6),
    ("reliability.circuit_breaker.min_requests", (), 20, 6),
    ("reliability.rate_limit_per_sec", ("reliability.rate_limit.requests_per_second",), 0, 50),
    ("reliability.rate_limit.enabled", (), True, False),  # of a rate that is given
    ("reliability.rate_limit.burst", (), 0, 5),
    ("reliability.rate_limit.unit", (), "records", "bytes"),
    ("reliability.health_check", (), True, False),
    ("reliability.fail_fast", ("fail_fast",), False, True),
    ("reliability.dead_letter.path", ("rejects",), None, "bad.jsonl"),
    ("reliability.dead_letter.max", (), 0, 5),
    ("reliability.dead_letter.rotate", (), False, True),
    ("reliability.delivery", ("delivery",), "auto", "at_least_once"),
    ("reliability.checkpoint.dir", ("state_dir",), None, "state"),
    ("reliability.checkpoint.interval", (), "10s", "3s"),
    ("reliability.checkpoint.records", (), 1000000, 5),
    ("security.enable_tls", ("security.tls.enabled", "tls.enabled"), True, False),
    ("security.tls_skip_verify", ("security.tls.skip_verify", "tls.skip_verify"), False, True),
    ("security.auth_type", (), "", "token"),
    ("security.certificate_path", ("security.tls.cert_file", "tls.certificate_path"), None, "c.pem"),
    ("security.key_path", ("security.tls.key_file", "tls.key_path"), None, "k.pem"),
    ("security.ca_path", ("security.tls.ca_file", "tls.ca_path"), None, "a.pem"),
    ("observability.enable_metrics", ("observability.metrics_enabled", "enable_metrics"), False, True),
    ("observability.enable_tracing", (), False, True),
    ("observability.enable_logging", (), True, False),
    ("observability.metrics_interval", (), "30s", "5s"),
    ("observability.log_level", ("log_level", "observability.logging.level", "global.log_level"), "info", "warn"),
    ("observability.log_format", ("observability.logging.format",), "text", "json"),
    ("observability.logging.output", (), "stderr", "stdout"),
    ("observability.log_file", ("observability.logging.file_path",), None, "log"),
    ("observability.tracing_sample_rate", (), 0.1, 0.5),
    ("observability.metrics.port", ("observability.metrics_port", "server.metrics_port"), 9090, 9091),
    ("observability.metrics.path", (), "/metrics", "/m"),
    ("memory.enable_pools", (), True, False),
    ("memory.record_pool_size", (), 1000, 5),
    ("memory.buffer_pool_size", (), 100, 5),
    ("memory.enable_buffer_reuse", (), True, False),
    ("memory.min_buffer_size", (), "1KiB", "2KiB"),
    ("memory.max_buffer_size", (), "1MiB", "2MiB"),
    ("memory.gc_interval", (), "1m", "2m"),
    ("memory.string_data_multiplier", (), 32, 33),
    ("memory.list_element_multiplier", (), 5, 6),
    ("memory.pre_warm_pools", (), True, False),
    ("advanced.enable_compression", (), False, True),
    ("advanced.compression_algorithm", (), "gzip", "zstd"),
    ("advanced.compression_level", (), 6, 5),
    ("advanced.compression_threshold", (), "1024", 5),
    ("advanced.enable_bulk_operations", (), True, False),
    ("advanced.enable_transactions", (), False, True),
    ("advanced.enable_upsert", ("enable_upsert",), False, None),  # wants keys: see below
    ("advanced.enable_schema_evolution", (), True, False),
    ("advanced.debug", (), False, True),
    ("advanced.enable_profiling", (), False, None),  # not built yet
    ("advanced.profile_port", (), 6060, 6061),
    ("server.host", (), "127.0.0.1", "0.0.0.0"),  # upstream: 0.0.0.0; ours binds to loopback
    ("server.port", (), 8080, 8081),
    ("server.health_port", (), 8081, 8082),
    ("server.graceful_shutdown_timeout", (), 30, 5),
    ("global.temp_directory", (), None, "/tmp"),
    ("global.data_directory", (), None, "./data"),
]


def nested(name, value):
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


def joined(a, b):
    """Two mappings as one; what both have are mappings."""
    for key, value in b.items():
        a[key] = joined(a[key], value) if key in a else value
    return a


def document(*pairs):
    whole = {"source": "in.csv", "destination": "out.jsonl", "allow_conflicts": True}
    for name, value in pairs:
        joined(whole, nested(name, value))
    return whole


def check(whole, code=0):
    write("p.json", json.dumps(whole))
    return run("check", "p.json", code=code)


def default_of(schema, name):
    node = schema
    for part in name.split("."):
        options = [node] + node.get("anyOf", [])
        node = next(option["properties"][part] for option in options if part in option.get("properties", {}))
    return node.get("default")


@test
def each_key_has_its_default():
    schema = json.loads(run("check", "--json-schema").out)
    for name, _, default, _ in KEYS:
        found = default_of(schema, name)
        if default is None:
            expect(found in (None, ""), name, found)
        elif name in ("reliability.circuit_breaker.enabled",):
            same(default_of(schema, "reliability.circuit_breaker") if found is None else found, default, name)
        else:
            same(str(found).lower() if found is not None else "", str(default).lower(), name)


@test
def each_key_is_known_by_each_of_its_names_and_they_are_one():
    """A name alone is accepted; two names with two values contradict each other, with one value they do not."""
    write("in.csv", "a\n1\n")
    for name, others, default, other_value in KEYS:
        if other_value is None:
            continue
        check(document((name, other_value)))
        if default not in (None, "") and name != "reliability.rate_limit.enabled":
            check(document((name, default)))
        for alias in others:
            check(document((alias, other_value)))
            check(document((name, other_value), (alias, other_value)))
            if default not in (None, ""):
                one_line_error(check(document((name, default), (alias, other_value)), code=2), "p.json:1:",
                               "already set to another value")


@test
def defaults_written_out_are_defaults():
    """A file that says every default plans the same run as one that says nothing."""
    write("in.csv", "a\n1\n")
    plain = check(document()).out
    whole = document(*[(name, default) for name, _, default, other in KEYS if default not in (None, "") and name not in
                       ("reliability.delivery", "storage.mode", "reliability.rate_limit.enabled")])  # naming a storage mode switches it on
    same(check(whole).out, plain)


@test
def yaml_and_json_are_one_language():
    write("in.csv", "a\n1\n2\n")
    for name, text in (("p.yaml", "source:\n  type: csv\n  path: in.csv\ndestination: out.jsonl\nperformance:\n  limit: 1\n"),
                       ("p.json", '{"source": {"type": "csv", "path": "in.csv"}, "destination": "out.jsonl",'
                                  ' "performance": {"limit": 1}}'),
                       ("flow.yaml", "{source: {type: csv, path: in.csv}, destination: out.jsonl, performance: {limit: 1}}")):
        write(name, text)
        run("run", name)
        same(read("out.jsonl"), b'{"a":1}\n', name)


@test
def durations_and_sizes_have_many_spellings_of_one_value():
    write("in.csv", "a\n1\n")
    for spellings in (("1m30s", "90s", 90 * SECOND, "90000ms", "1.5m"), ("10s", 10 * SECOND, "10000000000")):
        for text in spellings:
            check({**document(("timeouts.run", spellings[0])), "timeout": text})
    one_line_error(check({**document(("timeouts.run", "1m30s")), "timeout": "91s"}, code=2), "already set")
    for text in ("64MiB", 64 * 2 ** 20, "65536KiB"):
        check(document(("storage.columnar_after_bytes", text)))
    for text in ("64XiB", "-1", "1e3", "10 s"):
        for key in ("storage.columnar_after_bytes", "timeout"):
            one_line_error(check(document((key, text)), code=2), "p.json:1:", "expected a", "found '%s'" % text)


@test
def the_wrapper_around_an_end_is_optional_and_credentials_hold_its_options():
    write("in.csv", "a;b\n1;2\n")
    write("d.yaml", "type: json\npath: out.json\nformat: array\n")
    for text in ("type: csv\npath: in.csv\ndelimiter: ';'\n", "source: {type: csv, path: in.csv, delimiter: ';'}\n",
                 "type: csv\nversion: 1.0.0\nsecurity: {credentials: {path: in.csv, delimiter: ';'}}\n",
                 "connector: csv\noptions: {file_path: in.csv, delimiter: ';'}\n"):
        write("s.yaml", text)
        run("run", "-s", "s.yaml", "-d", "d.yaml")
        same(json.loads(read("out.json")), [{"a": 1, "b": 2}], text)
        os.remove("out.json")
    write("s.yaml", "path: in.csv\n")
    one_line_error(run("run", "-s", "s.yaml", code=2), "-d FILE")


# --- secrets

SECRET = "hush-hush-0123456789"


@test
def secrets_are_in_no_log_state_summary_or_page():
    """Whatever is written while and after a run that has one, at the most talkative level."""
    write("in.csv", "n\n" + "".join("%d\n" % n for n in range(4000)))
    write("token.txt", SECRET + "\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for where in ("token_file: token.txt", "token: %s" % SECRET, "token: \"${HUSH}\""):
        for moods, code in (([], 143), ([401], 1), (["nonsense"], 1)):
            for verb in ("check", "dry", "run"):
                with Moody(list(moods)) as server:
                    write("p.yaml", "source: in.csv\ndestination: {connector: store, path: \"http://127.0.0.1:%d\", stream: s-1, "
                                    "options: {type: T}, batch_size: 10, %s}\ntransforms:\n"
                                    "- mask: {columns: n, method: hash, salt: %s}\nmetrics: 127.0.0.1:%d\n"
                                    "state_dir: state\nlog_level: trace\nlog_format: json\nsummary: json\n"
                                    "reliability: {checkpoint: {records: 100}, retry_attempts: 0, "
                                    "rate_limit_per_sec: 1000}\n"
                          % (server.port, where, where.split(": ")[1] if "file" not in where else SECRET, port))
                    args = {"check": ("check", "p.yaml"), "dry": ("run", "p.yaml", "--dry-run"), "run": ("run", "p.yaml")}[verb]
                    running = start(*args, env={"HUSH": SECRET})
                    pages = b""
                    if verb == "run" and not moods:
                        pages = page_of(running, port, "/status") + page_of(running, port, "/metrics")
                        time.sleep(0.5)
                        running.signal(15)
                    result = running.finish()
                    if verb == "run":
                        expect(result.code == code or code == 1 and result.code == 2, where, moods, result)
                    parts = [result.out, result.err, pages] + [run("state", "export", "--state-dir", "state", code=None).out]
                    for folder, _, names in os.walk("."):
                        parts += [read(os.path.join(folder, name)) for name in names if name not in ("p.yaml", "token.txt")]
                    for part in parts:
                        expect(SECRET.encode() not in part, where, verb, part[:2000])
                    if os.path.isdir("state"):
                        subprocess.run(["rm", "-r", "state"], check=True)


def page_of(running, port, path, seconds=20):
    end = time.monotonic() + seconds
    while True:
        expect(running.is_running(), "it has ended", running.finish() if not running.is_running() else "")
        try:
            return urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=10).read()
        except (urllib.error.URLError, ConnectionError) as why:
            expect(time.monotonic() < end, "no page %s at port %d: %s" % (path, port, why))
            time.sleep(0.05)


# --- what keys do


@test
def metrics_are_served_at_the_port_and_path_of_the_file_and_nowhere_unasked():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for keys in ("enable_metrics: true, metrics: {port: %d, path: /m}", "metrics_enabled: true, metrics_port: %d, metrics: {path: /m}",
                 "metrics: {enabled: true, port: %d, path: /m}"):
        write("p.yaml", "source: \"generate:mixed10?rows=100000\"\ndestination: \"null:\"\nrate_limit: 5000\nobservability: {%s}\n"
              % (keys % port))
        running = start("run", "p.yaml")
        expect(b"millrace_records_read_total" in page_of(running, port, "/m"), keys)
        listening = sockets_of(running.child.pid)
        running.signal(15)
        same(running.finish().code, 143, keys)
        same(listening, ["0100007F:%04X" % port], "bound to loopback alone")
    for path in ("m", "/status", "/m?x", "/a b", ""):
        write("p.yaml", ENDS + "observability: {metrics: {path: \"%s\"}}\n" % path)
        one_line_error(run("check", "p.yaml", code=2), "p.yaml:3:", "metrics.path", "'%s'" % path)
    write("p.yaml", "source: \"generate:mixed10?rows=100000\"\ndestination: \"null:\"\nrate_limit: 5000\n")
    running = start("run", "p.yaml")
    time.sleep(0.4)
    same(sockets_of(running.child.pid), [], "a run listens only when asked to")
    running.signal(15)
    running.finish()


def sockets_of(pid):
    """Local addresses on which a process listens, as the kernel writes them."""
    inodes = set()
    for name in os.listdir("/proc/%d/fd" % pid):
        try:
            found = re.match(r"socket:\[(\d+)\]", os.readlink("/proc/%d/fd/%s" % (pid, name)))
        except OSError:
            continue
        if found:
            inodes.add(found.group(1))
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            for line in read(table).decode().splitlines()[1:]:
                parts = line.split()
                if parts[3] == "0A" and parts[9] in inodes:
                    found.append(parts[1])
    return found


@test
def logs_go_where_and_look_as_the_file_says():
    write("in.csv", "a,b\n1,2\n3\n")
    write("p.yaml", ENDS + "accept_rejects: true\nsummary: off\n%s")
    for keys in ("log_level: warn, log_format: json, log_file: run.log",
                 "logging: {level: warn, format: json, file_path: run.log}"):
        write("q.yaml", read("p.yaml").decode() % ("observability: {%s}\n" % keys))
        result = run("run", "q.yaml")
        line, = [json.loads(line) for line in read("run.log").splitlines()]
        same((line["level"], line["message"][:19], result.err), ("warn", "1 record rejected: ", b""), keys)
        os.remove("run.log")
    write("q.yaml", read("p.yaml").decode() % "global: {log_level: error}\nlog_file: run.log\n")
    run("run", "q.yaml")
    expect(not os.path.exists("run.log") or read("run.log") == b"", "a warning at level error")
    write("q.yaml", read("p.yaml").decode() % "observability: {log_level: warn}\n")
    expect(b" warn  pipeline: 1 record rejected" in run("run", "q.yaml").err, "text on standard error is the default")


@test
def checkpoints_keep_to_the_keys_of_a_file():
    write("in.csv", "n\n" + "".join("%d\n" % n for n in range(300_000)))
    for keys, least, most in (("{dir: s, interval: 0, records: 50000}", 1, 6), ("{dir: s, interval: 0, records: 0}", 0, 0)):
        write("p.yaml", ENDS + "batch_size: 1000\nworkers: 1\nsummary: json\nreliability: {checkpoint: %s}\n" % keys)
        made = run("run", "p.yaml").summary()["checkpoint"]["made"]
        expect(least <= made <= most, keys, made)
    write("p.yaml", ENDS + "rate_limit: 100000\nbatch_size: 1000\nworkers: 1\nreliability: {checkpoint: {dir: s, interval: 300ms}}\n")
    running = start("run", "p.yaml")
    end = time.monotonic() + 20
    while b"pipeline" not in run("state", "show", "--state-dir", "s", code=None).out:
        expect(time.monotonic() < end and running.is_running(), "no checkpoint")
        time.sleep(0.05)
    running.finish()
    same(os.listdir("s"), [], "removed when the run has come to its end")


@test
def a_batch_waits_no_longer_than_the_flush_interval():
    """A source that says one record and then nothing: it is handed on when the interval is over, not before."""
    for interval, comes in (("200ms", True), ("1h", False)):
        write("p.yaml", "source: csv:-\ndestination: csv:-\nflush_interval: %s\n" % interval)
        reader, writer = os.pipe()
        running = start("run", "p.yaml", stdin=os.fdopen(reader, "rb"))
        os.write(writer, b"a,b\n1,2\n")
        end, came = time.monotonic() + (20 if comes else 1), False
        while time.monotonic() < end and not came:
            time.sleep(0.05)
            came = os.fstat(running.out.fileno()).st_size > len("a,b\n")
        same(came, comes, interval)
        os.close(writer)
        same(running.finish().out, b"a,b\n1,2\n")
    for key in ("flush_interval: 200ms", "streaming_mode: true"):  # one that never falls silent
        write("p.yaml", "source: csv:-\ndestination: csv:-\n%s\n" % key)
        reader, writer = os.pipe()
        running = start("run", "p.yaml", stdin=os.fdopen(reader, "rb"))
        os.write(writer, b"a,b\n")
        count, end = 0, time.monotonic() + 20
        while os.fstat(running.out.fileno()).st_size < 100 and time.monotonic() < end:
            os.write(writer, b"1,2\n")
            count += 1
            time.sleep(0.01)
        expect(time.monotonic() < end, key, "nothing came while records kept coming")
        os.close(writer)
        same(running.finish().out, b"a,b\n" + b"1,2\n" * count)


@test
def keys_without_effect_say_so():
    write("in.csv", "a\n1\n")
    schema = json.loads(run("check", "--json-schema").out)
    told = 0
    for name, _, default, other in KEYS:
        said = description_of(schema, name)
        if other is None or "no effect" not in said:
            continue
        told += 1
        result = check(document((name, other)))
        expect(("%s has no effect: " % name).encode() in result.out + result.err, name, result)
        expect(said.split("no effect: ")[1].rstrip(")").encode() in result.out + result.err, name, said, result)
    expect(told > 30, told)


def description_of(schema, name):
    node = schema
    for part in name.split("."):
        options = [node] + node.get("anyOf", [])
        node = next(option["properties"][part] for option in options if part in option.get("properties", {}))
    return node.get("description", "")


@test
def upsert_merges_by_key():
    write("in.csv", "id,v\n1,a\n2,b\n1,c\n")
    for keys in ("advanced: {enable_upsert: true}\nkeys: id\n", "advanced: {enable_upsert: true}\n", "enable_upsert: true\n"):
        own = "" if "keys" in keys else ", keys: [id]"
        write("p.yaml", "source: in.csv\ndestination: {type: sqlite, path: o.db, table: t%s}\n%s" % (own, keys))
        run("run", "p.yaml")
        with sqlite3.connect("o.db") as db:
            same(list(db.execute("SELECT id, v FROM t ORDER BY id")), [(1, "c"), (2, "b")], keys)
        db.close()
        os.remove("o.db")


@test
def groups_are_compressed_and_spilled_as_storage_says():
    run("copy", "generate:mixed10r?rows=1000000", "in.csv")
    for keys, wanted in (("{mode: columnar, compression: zstd}", "zstd"), ("{mode: columnar, spill_dir: spill}", "spilled"),
                         ("{mode: columnar, compression: lz4, spill_dir: spill}", "spilled")):
        os.makedirs("spill", exist_ok=True)
        write("p.yaml", "source: in.csv\ndestination: out.csv\nmemory_limit_mb: 16\nstorage: %s\nsummary: json\n" % keys)
        result = run("run", "p.yaml")
        expect(read("out.csv") == read("in.csv"), keys)
        same(os.listdir("spill"), [], "spilled groups are gone with the run")
        switches = result.summary()["store"]["switches"]
        expect(switches > 0 or wanted != "spilled", keys, result.summary()["store"])
    write("p.yaml", "source: in.csv\ndestination: out.csv\nmemory_limit_mb: 16\nstorage: {mode: columnar, spill_dir: nowhere/x}\n")
    one_line_error(run("run", "p.yaml", code=None), "nowhere/x")


@test
def waits_for_a_connection_and_for_a_peer_that_takes_nothing_end():
    """A listener whose queue is full answers no further connection; one that never reads fills the pipe."""
    write("in.csv", "n\n" + "".join("%d,%s\n" % (n, "") if False else "%s\n" % ("x" * 5000) for n in range(4000)))
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        time.sleep(0.1)
        write("p.yaml", "source: in.csv\ndestination: {connector: store, path: \"http://127.0.0.1:%d\", stream: s-1}\n"
                        "timeouts: {connection: 700ms}\nreliability: {retry_attempts: 0}\n" % port)
        result = run("run", "p.yaml", code=1)
        expect(0.6 < result.seconds < 15, result.seconds)  # 30 s is the default of a request
        for filler in fillers:
            filler.close()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peers = []

        def hear_nothing():
            while True:
                try:
                    peer, _ = deaf.accept()
                except OSError:
                    return
                peers.append(peer)
                request = peer.recv(2000)
                if b"sys.version" in request:
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\"1.0\"")
        threading.Thread(target=hear_nothing, daemon=True).start()
        write("p.yaml", "source: in.csv\ndestination: {connector: store, path: \"http://127.0.0.1:%d\", stream: s-1, batch_size: "
                        "4000, options: {type: T}}\ntimeouts: {write_timeout: 1s}\nreliability: {retry_attempts: 0}\n"
              % deaf.getsockname()[1])
        result = run("run", "p.yaml", code=1)
        expect(0.9 < result.seconds < 15, result.seconds)


@test
def certificates_and_trust_come_from_the_security_section():
    """A server that wants a certificate of its client, and has one that nobody signed."""
    for name in ("server", "client"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                        name + ".key", "-out", name + ".pem", "-days", "2", "-subj", "/CN=" + name, "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    context.load_verify_locations("client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    seen = []

    def serve(listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(peer, server_side=True) as secured:
                    seen.append(dict(pair[0] for pair in secured.getpeercert()["subject"])["commonName"])
                    secured.recv(65536)
                    secured.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            except OSError:
                pass
    write("in.csv", "n\n1\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        own = "certificate_path: client.pem, key_path: client.key"
        for security, trusted in (("security: {ca_path: server.pem, %s}" % own, True),
                                  ("security: {tls_skip_verify: true, %s}" % own, True),
                                  ("tls: {skip_verify: true, cert_file: client.pem, key_file: client.key}", True),
                                  ("security: {tls: {ca_file: server.pem, certificate_path: client.pem, key_path: client.key}}", True),
                                  ("security: {%s}" % own, False), ("security: {ca_path: server.pem}", False)):
            seen.clear()
            write("p.yaml", "source: in.csv\ndestination: {connector: store, path: \"https://127.0.0.1:%d\", stream: s-1, "
                            "options: {type: T}}\nreliability: {retry_attempts: 0}\n%s\n" % (listener.getsockname()[1], security))
            result = run("run", "p.yaml", code=None)
            expect(result.code in (1, 2), security, result)
            same(seen != [], trusted, security, result)
            expect(set(seen) <= {"client"}, seen)


if __name__ == "__main__":
    main()
