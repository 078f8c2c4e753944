# SPDX-License-Identifier: MIT
"""alerts: what a run says, runs, posts and stops for when its figures are not as somebody wants them."""
import http.server
import json
import os
import socket
import sys
import threading
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, one_line_error, read, run, same, start, test, write

SLOWLY = "reliability: {rate_limit: {requests_per_second: 100, burst: 10}}\n"
ALL = "n\n" + "".join("%d\n" % i for i in range(1, 301))


def pipeline(alerts, *more, rows=ALL):
    write("in.csv", rows)
    write("p.yaml", "name: nightly\nsource: in.csv\ndestination: out.jsonl\nalerts:\n%s%s" % (alerts, "".join(more)))
    return "p.yaml"


def said(result):
    return [line for line in result.err.decode().splitlines() if " alert: " in line]


@test
def an_alert_fires_once_and_is_over_when_it_is():
    pipeline("- {name: Slow, condition: throughput < 100000, for: 1s, severity: critical}\n"
             "- {name: Never, condition: rejected > 5}\n", SLOWLY)
    lines = said(run("run", "p.yaml"))
    same(len([line for line in lines if "Slow (critical): throughput < 100000, and it is " in line]), 1, lines)
    same(len([line for line in lines if "Never" in line]), 0, lines)
    same(len(read("out.jsonl").splitlines()), 300)


@test
def the_last_look_sees_what_a_short_run_did():
    pipeline("- {name: Rejects, condition: rejected > 0, severity: info}\n", rows="a,b\n1,2\n3\n4,5\n")
    lines = said(run("run", "p.yaml", code=3))
    same(len([line for line in lines if "Rejects (info): rejected > 0, and it is 1" in line]), 1, lines)


@test
def a_command_runs_with_the_alert_in_its_environment():
    pipeline("- name: Rejects\n  condition: rejected >= 1\n  severity: critical\n  action: exec\n  command: >-\n"
             "    echo to the log; env | grep ^MILLRACE_ALERT | sort > alert.txt\n", rows="a,b\n1,2\n3\n")
    result = run("run", "p.yaml", code=3)
    same(read("alert.txt").decode().splitlines(),
         ["MILLRACE_ALERT_CONDITION=rejected >= 1", "MILLRACE_ALERT_NAME=Rejects", "MILLRACE_ALERT_SEVERITY=critical",
          "MILLRACE_ALERT_STATE=firing", "MILLRACE_ALERT_VALUE=1"])
    same(result.out, b"")
    expect(b"to the log" in result.err, result)
    pipeline("- {name: Rejects, condition: rejected >= 1, action: exec, command: exit 7}\n", rows="a,b\n1,2\n3\n")
    expect("Rejects: the command ended with code 7" in run("run", "p.yaml", code=3).err.decode())


@test
def a_webhook_gets_an_object():
    got = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.headers["Content-Type"],
                        json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(500 if self.path == "/bad" else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipeline("- {name: A, condition: rejected > 0, action: webhook, url: \"http://127.0.0.1:%d/hook?key=hush\"}\n"
             "- {name: B, condition: read > 1, action: webhook, url: \"http://127.0.0.1:%d/bad\"}\n"
             "- {name: C, condition: written > 1, action: webhook, url: \"http://127.0.0.1:1/hook?key=hush\"}\n"
             % (server.server_port, server.server_port), rows="a,b\n1,2\n3\n4,5\n")
    result = run("run", "p.yaml", code=3)
    same(got[0][:2], ("/hook?key=hush", "application/json"))
    body = got[0][2]
    same({k: v for k, v in body.items() if k != "time"},
         {"alert": "A", "state": "firing", "severity": "warning", "condition": "rejected > 0", "value": "1",
          "pipeline": "nightly", "source": "csv", "destination": "json"})
    expect("B: the webhook answered 500" in result.err.decode(), result)
    expect("C: POST http://127.0.0.1:1/hook: no connection" in result.err.decode(), result)
    expect(b"hush" not in result.err, result)
    server.shutdown()


@test
def stop_ends_the_run_and_the_old_target_stays():
    pipeline("- {name: TooSlow, condition: throughput < 1e6 rec/s, action: stop}\n", SLOWLY)
    write("out.jsonl", "before\n")
    result = run("run", "p.yaml", "--summary", "json", code=1)
    expect(result.seconds < 2.5, result.seconds)
    expect("stopped by the alert 'TooSlow'" in result.err.decode(), result)
    same(read("out.jsonl"), b"before\n")


@test
def the_four_that_are_shipped():
    pipeline("- LowThroughput\n- HighMemoryPerRecord\n- HighLatency\n- ExcessiveTrim\n")
    run("run", "p.yaml")
    write("p.yaml", "source: in.csv\ndestination: out.jsonl\nalerts: default\n")
    run("check", "p.yaml")
    write("p.yaml", "source: \"generate:mixed10r?rows=2000\"\ndestination: out.jsonl\nstorage: {mode: row}\n"
                    "alerts: [{name: Fat, condition: bytes_per_record > 1}]\n")
    expect("Fat (warning)" in " ".join(said(run("run", "p.yaml"))))


@test
def metrics_tell_of_alerts():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pipeline("- {name: Slow, condition: throughput < 100000}\n", SLOWLY, "metrics: 127.0.0.1:%d\n" % port)
    running = start("run", "p.yaml")
    labels = '{source="csv",destination="json",alert="Slow",severity="warning"}'
    page, end = "", time.monotonic() + 10
    while "millrace_alert_firing%s 1\n" % labels not in page:
        expect(time.monotonic() < end, page)
        time.sleep(0.1)
        try:
            page = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=5).read().decode()
        except OSError:
            pass
    expect("millrace_alerts_fired_total%s 1\n" % labels in page, page)
    same(running.finish().code, 0)


@test
def wrong_alerts_are_pointed_at():
    write("in.csv", "a\n1\n")
    for alerts, place, words in [
            ("{a: b}", "3:9", "alerts: expected a list of alerts, or default; found a mapping"),
            ("[[a]]", "3:10", "expected a mapping or a name"),
            ("LowThruput", "3:9", "no alert 'LowThruput' is shipped; did you mean 'LowThroughput'?"),
            ("[{name: A}]", "3:10", "condition"),
            ("[{condition: p99 > 5ms}]", "3:10", "name"),
            ("[{name: A, condition: p98 > 5ms}]", "3:31", "unknown metric 'p98'; did you mean 'p9"),
            ("[{name: A, condition: p99 > x}]", "3:31", "expected a duration (5ms, 1m) after 'p99', found 'x'"),
            ("[{name: A, conditon: p99 > 5ms}]", "3:20", "unknown key 'conditon' in an alert; did you mean 'condition'?"),
            ("[{name: A, condition: p99 > 5ms, for: ever}]", "3:47", "for: expected a duration"),
            ("[{name: A, condition: p99 > 5ms, severity: grave}]", "3:52", "expected info, warning or critical"),
            ("[{name: A, condition: p99 > 5ms, action: exec}]", "3:10", "action exec needs a command"),
            ("[{name: A, condition: p99 > 5ms, action: webhook}]", "3:10", "action webhook needs a url"),
            ("[{name: A, condition: p99 > 5ms, command: x}]", "3:10", "'command' contradicts 'action: log'"),
            ("[HighLatency, HighLatency]", "3:23", "alert 'HighLatency' is given twice")]:
        write("p.yaml", "source: in.csv\ndestination: out.jsonl\nalerts: %s\n" % alerts)
        one_line_error(run("check", "p.yaml", code=2), "p.yaml:%s: " % place, words)


main()
