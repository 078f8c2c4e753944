# SPDX-License-Identifier: MIT
"""`millrace serve` as its operator sees it: start and stop, configuration, tokens, logs, metrics, the service manager.

Runs alone: it measures how long starting and stopping take."""
import json
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import PROGRAM, SOURCE, expect, main, one_line_error, read, run, same, sanitized, skip, test, write
from serving import ZEROS, Server, connected

KNOWN = {}
ONES = "ns_ZGVmYXVsdA_" + "1" * 64


def refused(*args, code=1, env=None):
    """A server that does not start; its error."""
    result = run("serve", "--listen", "127.0.0.1:0", *args, code=code, env=env, seconds=30)
    return result.err.decode()


def refused_file(name):
    return run("serve", "--config", name, code=2, seconds=30).err.decode()


# --- start and stop


@test
def without_configuration_it_stores_under_the_working_directory_and_shows_the_token_once():
    with Server(verb=("serve", "--listen", "127.0.0.1:0")) as server:
        expect(os.path.exists("millrace-data/registry.db") and os.path.exists("millrace-data/namespaces/default.db"))
        expect(server.token is not None, server.log_text())
        same(read("server.out").decode().count(server.token), 1)
        expect(server.token not in server.log_text(), "the token is in the log")
        same(server.write("account-1"), {"position": 0, "globalPosition": 1})
        token = server.token
    with Server(verb=("serve", "--listen", "127.0.0.1:0")) as server:
        same(server.token, None, "shown again")
        same(read("server.out"), b"")
        same(server.write("account-1", token=token), {"position": 1, "globalPosition": 2})


@test
def the_open_pages_need_no_token_and_the_others_do():
    with Server("--data-dir", "d") as server:
        for path, wanted in (("/health", b'{"status":"ok"}'), ("/healthz", b"ok\n"), ("/readyz", b"ok\n")):
            status, _, body = server.request("GET", path)
            same((status, body), (200, wanted), path)
        status, headers, body = server.request("GET", "/version")
        expect(re.match(r"^\d+\.\d+\.\d+", json.loads(body)["version"]), body)
        expect(headers["Server"].startswith("millrace/"), headers)
        for path in ("/rpc", "/subscribe", "/import", "/metrics", "/status", "/debug/heap", "/debug/threads"):
            status, headers, body = server.request("POST" if path in ("/rpc", "/import") else "GET", path)
            same(status, 401, path)
            same(json.loads(body)["error"]["code"], "AUTH_REQUIRED", path)
        for path in ("/metrics", "/status", "/debug/heap", "/debug/threads"):
            same(server.request("GET", path, token=server.token)[0], 200, path)
        for path in ("/", "/nothing", "/rpc/", "/debug/pprof/", "/subscribe/stream/a"):
            status, headers, body = server.request("GET", path)
            same((status, json.loads(body)["error"]["code"]), (404, "NOT_FOUND"), path)
            same(headers["Content-Type"], "application/json", path)


@test
def it_stops_in_a_tenth_of_a_second_when_idle_and_the_port_is_free_again():
    listen = ("--data-dir", "d", "--token", ZEROS)
    server = Server(*listen)
    port = server.port
    server.token = ZEROS
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        server.write("a-1")
        idle = socket.create_connection(("127.0.0.1", port))  # keep-alive, and a subscription
        subscriber = socket.create_connection(("127.0.0.1", port))
        subscriber.sendall(b"GET /subscribe?all=true&token=%s HTTP/1.1\r\nHost: h\r\n\r\n" % ZEROS.encode())
        expect(b"200 OK" in subscriber.recv(4096))
        began = time.monotonic()
        server.send(number)
        time.sleep(max(0, began + 0.1 - time.monotonic()))
        if not sanitized():
            expect(server.child.poll() == 0, "still running 100 ms after the signal", server.log_text())
        server.finish()
        same(idle.recv(10), b"")
        idle.close()
        subscriber.close()
        server = Server(*listen, verb=("serve", "--listen", "127.0.0.1:%d" % port))
        same(server.port, port)
        server.token = ZEROS
    server.stop()


@test
def a_running_request_is_finished_before_the_end():
    with Server("--data-dir", "d", "--token", ZEROS) as server:
        peer = socket.create_connection(("127.0.0.1", server.port))
        body = json.dumps(["stream.write", "a-1", {"type": "T", "data": {}}]).encode()
        peer.sendall(b"POST /rpc?token=%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (ZEROS.encode(), len(body)))
        peer.sendall(body[:5])
        time.sleep(0.05)
        server.send(signal.SIGTERM)
        time.sleep(0.2)
        expect(server.child.poll() is None, "it did not wait for the request")
        refusing = socket.socket()
        expect(refusing.connect_ex(("127.0.0.1", server.port)) != 0, "it still accepts")
        peer.sendall(body[5:])
        answer = b""
        while True:
            piece = peer.recv(4096)
            answer += piece
            if not piece:
                break
        expect(b"200 OK" in answer and b'"position":0' in answer, answer)
        server.finish()


@test
def what_does_not_finish_is_cut_after_the_grace_time():
    server = Server("--data-dir", "d", "--token", ZEROS, "--shutdown-grace", "300ms")
    peer = socket.create_connection(("127.0.0.1", server.port))
    peer.sendall(b"POST /rpc?token=%s HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n[" % ZEROS.encode())
    time.sleep(0.05)
    seconds = server.stop()
    expect(0.25 < seconds < (30 if sanitized() else 2), "%.2f s" % seconds)


def write_until_refused(port, stream, acknowledged):
    """Writes on one connection, several requests at a time, until it ends; counts what was answered."""
    body = json.dumps(["stream.write", stream, {"type": "T", "data": {}}]).encode()
    request = b"POST /rpc?token=%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (ZEROS.encode(), len(body), body)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
            while True:
                peer.sendall(request * 8)
                answers = b""
                while answers.count(b'"position":') < 8:
                    piece = peer.recv(65536)
                    acknowledged[stream] = acknowledged.get(stream, 0) + piece.count(b'"globalPosition":')
                    if not piece:
                        return
                    answers += piece
    except OSError:
        pass


@test
def stopped_under_load_and_cut_it_keeps_what_it_acknowledged():
    for grace in ("1ms", "10s"):
        acknowledged = {}
        server = Server("--data-dir", "d" + grace, "--token", ZEROS, "--shutdown-grace", grace)
        writers = [threading.Thread(target=write_until_refused, args=(server.port, "a-%d" % n, acknowledged))
                   for n in range(16)]
        for writer in writers:
            writer.start()
        time.sleep(0.3)
        server.stop()
        for writer in writers:
            writer.join()
        expect(sum(acknowledged.values()) > 100, acknowledged)
        with Server("--data-dir", "d" + grace, "--token", ZEROS) as server:
            for stream, count in acknowledged.items():
                version = server.call("stream.version", stream, token=ZEROS)
                expect(version >= count - 1, "%s: %d were acknowledged, its version is %s" % (stream, count, version))


@test
def a_second_signal_does_not_wait():
    if sanitized():
        skip("ThreadSanitizer reports the threads that are cut off")
    server = Server("--data-dir", "d", "--token", ZEROS)
    peer = socket.create_connection(("127.0.0.1", server.port))
    peer.sendall(b"POST /rpc?token=%s HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n[" % ZEROS.encode())
    time.sleep(0.05)
    server.send(signal.SIGTERM)
    time.sleep(0.2)
    expect(server.child.poll() is None)
    server.send(signal.SIGTERM)
    server.finish(seconds=5, code=143)
    with Server("--data-dir", "d"):
        pass  # nothing is left behind that would keep it from starting


@test
def killed_in_mid_flight_it_starts_again_with_everything_acknowledged():
    server = Server("--data-dir", "d", "--token", ZEROS)
    for n in range(50):
        same(server.write("a-1", token=ZEROS)["position"], n)
    server.kill()
    with Server("--data-dir", "d", "--token", ZEROS) as server:
        same(server.call("stream.version", "a-1", token=ZEROS), 49)


@test
def from_the_start_to_the_first_answer_take_ten_milliseconds():
    if sanitized():
        skip("a sanitizer's start is not the program's")
    with Server("--data-dir", "d", "--token", ZEROS):
        pass  # there are databases to open
    best = 1.0
    for _ in range(20):
        best = min(best, first_answer())
    expect(best < 0.010, "%.1f ms at best" % (best * 1e3))
    print("first answer after %.1f ms at best" % (best * 1e3))


def first_answer():
    """Seconds from starting a server to its first answer."""
    port = free_port()
    began = time.monotonic()
    child = subprocess.Popen([PROGRAM, "serve", "--listen", "127.0.0.1:%d" % port, "--data-dir", "d", "--token", ZEROS],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connected(port) as peer:
            peer.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            expect(b"200 OK" in peer.recv(4096))
            seconds = time.monotonic() - began
        child.terminate()
        same(child.wait(20), 0)
        return seconds
    finally:
        child.kill()
        child.wait()


def free_port():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


@test
def idle_it_takes_less_than_12_mb():
    if sanitized():
        skip("a sanitizer's memory is not the program's")
    with Server("--data-dir", "d") as server:
        for n in range(200):
            server.write("a-%d" % n)
        server.metrics()
        expect(server.rss() < 12e6, "%.1f MB" % (server.rss() / 1e6))
        print("resident: %.1f MB" % (server.rss() / 1e6))


# --- what keeps it from starting


@test
def a_failed_start_is_one_line_and_code_1():
    with Server("--data-dir", "d") as server:
        one_line_error(run("serve", "--listen", "127.0.0.1:%d" % server.port, "--data-dir", "other", code=1),
                       "Address already in use; stop the program that has this port, or choose another")
        one_line_error(run("serve", "--listen", "127.0.0.1:0", "--data-dir", "d", code=1),
                       "another process serves the data directory 'd'")
    write("file", "x")
    one_line_error(run("serve", "--listen", "127.0.0.1:0", "--data-dir", "file", code=1),
                   "'file': expected a data directory, found a file")
    one_line_error(run("serve", "--listen", "127.0.0.1:0", "--data-dir", "a/b", code=1),
                   "cannot make the directory 'a/b'", "make the directory above it first")
    one_line_error(run("serve", "--listen", "192.0.2.1:0", "--data-dir", "other", code=1), "no address of this machine")
    if os.geteuid() == 0:
        return  # may write everywhere
    os.mkdir("closed", 0o500)
    for name in ("closed", "closed/inner"):
        one_line_error(run("serve", "--listen", "127.0.0.1:0", "--data-dir", name, code=1), name, "Permission denied",
                       "change its owner, or use another directory")


@test
def a_wrong_configuration_is_code_2_with_place_and_nearest_key():
    write("c.yaml", "listen: 127.0.0.1:0\ndurabilty: full\n")
    same(refused("--config", "c.yaml", code=2).strip(), "millrace: c.yaml:2:1: unknown key 'durabilty' in the server; "
         "did you mean 'durability'?\nTry 'millrace help serve'.")
    expect("did you mean '--durability'" in refused("--durabilty", "full", code=2))
    expect("--listen: listen: '127.0.0.1:99999' is not an address" in refused("--listen", "127.0.0.1:99999", code=2))
    expect("--port: listen: 'x' is not an address" in refused("--port", "x", code=2))  # as other servers have it
    write("d.yaml", "durability: full\nlisten: nowhere\n")
    expect("d.yaml:2:9: listen: 'nowhere' is not an address" in refused_file("d.yaml"))
    expect("needs 'tls.key' too" in refused("--tls-cert", "c.pem", code=2))
    expect("expected full, normal or off" in refused("--durability", "most", code=2))
    write("bad", "nonsense\n")
    write("d.yaml", "token: nonsense\n")
    for place, text in (("--token", refused("--token", "nonsense", code=2)), ("d.yaml:1:8", refused_file("d.yaml")),
                        ("bad", refused("--token-file", "bad", code=2)),
                        ("MILLRACE_TOKEN", refused(code=2, env={"MILLRACE_TOKEN": "nonsense"}))):
        same(text.splitlines()[0], "millrace: %s: the token of 'default': a token begins with 'ns_'; "
             "'millrace store token' makes one" % place)
    expect("takes no operands" in refused("file", code=2))
    expect("No such file" in refused("--config", "missing.yaml", code=2))
    expect("--token-file: token_file: 'missing'" in refused("--token-file", "missing", code=2))


@test
def flags_beat_the_environment_which_beats_the_file():
    write("c.yaml", "listen: 127.0.0.1:0\ndata_dir: d\ntoken: ${FROM_FILE}\nlog: {level: warn}\n")
    with Server("--config", "c.yaml", "--log-level", "info", env={"FROM_FILE": ONES}) as server:
        server.write("a", token=ONES)
        expect(os.path.isdir("d"))
    with Server("--config", "c.yaml", "--log-level", "info", "--data-dir", "e",
                env={"FROM_FILE": ONES, "MILLRACE_TOKEN": ZEROS}) as server:
        server.write("a", token=ZEROS)
        server.call("stream.version", "a", token=ONES, status=403)


@test
def check_shows_the_plan_of_a_server_and_no_secret():
    write("c.yaml", "listen: 127.0.0.1:9000\ntoken: %s\nadmin_namespaces: [default]\n" % ONES)
    result = run("check", "c.yaml")
    for wanted in (b"http://127.0.0.1:9000", b"durability  full", b"token       given", b"tokens of default", b"ok\n"):
        expect(wanted in result.out, wanted, result)
    expect(b"1" * 64 not in result.out + result.err, result)
    expect(not os.path.exists("millrace-data"), "check made something")
    write("c.yaml", "listen: x\nlog: {levle: info}\n")
    expect(b"did you mean 'level'" in run("check", "c.yaml", code=2).err)


# --- tokens


@test
def a_given_token_stays_and_another_one_needs_rotation():
    with Server("--data-dir", "d", "--token", ZEROS) as server:
        same(server.token, None, "a token that is known is not shown")
        server.write("a", token=ZEROS)
    with Server("--data-dir", "d") as server:
        same(server.token, None)
        server.write("a", token=ZEROS)
    expect("--rotate-token" in refused("--data-dir", "d", "--token", ONES))
    with Server("--data-dir", "d", "--token", ONES, "--rotate-token") as server:
        server.write("a", token=ONES)
        server.call("stream.version", "a", token=ZEROS, status=403)
    with Server("--data-dir", "d", "--rotate-token") as server:
        expect(server.token not in (None, ZEROS, ONES))
        same(server.write("a")["position"], 3)
        server.call("stream.version", "a", token=ONES, status=403)
    write("token", server.token + "\n")
    with Server("--data-dir", "d", "--token-file", "token", "--rotate-token") as again:
        same(again.token, None, "it is the right one already")
        again.write("a", token=server.token)


@test
def test_mode_needs_no_token_and_leaves_nothing():
    with Server("--test-mode") as server:
        same(server.token, None)
        expect("test mode" in server.log_text())
        code, _, body = server.request("POST", "/rpc", '["stream.write","a",{"type":"T","data":{}}]')
        same((code, json.loads(body)["position"]), (200, 0))
        same(server.request("GET", "/metrics")[0], 200)
    same(sorted(os.listdir(".")), ["server.log", "server.out"])


@test
def administration_can_be_kept_to_some_namespaces():
    with Server("--data-dir", "d", "--admin-namespaces", "default") as server:
        other = server.call("ns.create", "tenant")["token"]
        server.call("ns.list", token=other, status=403)
        same(server.request("GET", "/metrics", token=other)[0], 403)
        same(server.request("GET", "/metrics", token=server.token)[0], 200)
    with Server("--data-dir", "d", "--metrics-access", "open") as server:
        same(server.request("GET", "/metrics")[0], 200)
        same(server.request("GET", "/status")[0], 200)
        same(server.request("POST", "/rpc", "[]")[0], 401)


# --- log


@test
def every_request_leaves_a_line_without_its_query():
    with Server("--data-dir", "d", "--token", ZEROS) as server:
        server.write("a", token=ZEROS)
        server.request("GET", "/nothing?token=" + ZEROS)
        server.request("POST", "/rpc?token=" + ZEROS, "[]")
    log = server.log_text()
    for pattern in (r"info  http: POST /rpc status=200 ms=\d+\.\d{3} request=[0-9a-f]{16}\n",
                    r"info  http: GET /nothing status=404 ms=",
                    r"info  http: POST /rpc status=400 ms=",
                    r"info  server: stopping: SIGTERM\n", r"info  server: stopped\n"):
        expect(re.search(pattern, log), pattern, log)
    expect(ZEROS not in log, "a token is in the log")


@test
def logs_can_be_json_and_requests_left_out():
    with Server("--data-dir", "d", "--token", ZEROS, "--log-format", "json") as server:
        status, headers, _ = server.request("POST", "/rpc", '["sys.version"]', token=ZEROS)
    entries = [json.loads(line) for line in server.log_text().splitlines()]
    entry, = [e for e in entries if e["component"] == "http"]
    same((entry["level"], entry["message"], entry["status"]), ("info", "POST /rpc", 200))
    same(entry["request"], headers["X-Request-Id"])
    with Server("--data-dir", "d", "--no-log-requests") as server:
        server.write("a", token=ZEROS)
    expect(" http: " not in server.log_text(), server.log_text())
    with Server("--data-dir", "d", "--log-level", "info", "--log-file", "own.log", log="own.log", out="o",
                log_on="file") as server:
        server.write("a", token=ZEROS)
    expect("status=200" in read("own.log").decode())


@test
def a_log_file_that_was_moved_away_is_made_again_on_sighup():
    with Server("--data-dir", "d", "--token", ZEROS, "--log-file", "own.log", log="own.log", out="o",
                log_on="file") as server:
        os.rename("own.log", "old.log")
        server.send(signal.SIGHUP)
        end = time.monotonic() + 20
        while not os.path.exists("own.log") and time.monotonic() < end:
            time.sleep(0.01)
        server.write("a", token=ZEROS)
    expect("POST /rpc" in read("own.log").decode(), read("own.log"))
    expect("POST /rpc" not in read("old.log").decode())


@test
def a_log_that_nobody_reads_blocks_no_request():
    reading, writing = os.pipe()
    child = subprocess.Popen([PROGRAM, "serve", "--listen", "127.0.0.1:%d" % (port := free_port()), "--data-dir", "d",
                              "--token", ZEROS], stderr=writing, stdout=writing)
    os.close(writing)
    try:
        slowest = 0
        peer = connected(port)
        for _ in range(3000):  # of 90 bytes each in a pipe of 64 KiB
            began = time.monotonic()
            peer.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            expect(b"200 OK" in peer.recv(4096))
            slowest = max(slowest, time.monotonic() - began)
        expect(slowest < (5 if sanitized() else 0.4), "a request took %.2f s" % slowest)
        peer.close()
        child.terminate()
        same(child.wait(20), 0)
    finally:
        child.kill()
        child.wait()
        os.close(reading)


# --- browsers and TLS


@test
def browsers_of_the_named_origin_may_call_and_others_are_not_told_so():
    origin = "https://app.example"
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type"}
    with Server("--data-dir", "d", "--token", ZEROS, "--cors", origin) as server:
        status, headers, body = server.request("OPTIONS", "/rpc", headers=asked)
        same((status, body), (204, b""))
        same(headers["Access-Control-Allow-Origin"], origin)
        expect("POST" in headers["Access-Control-Allow-Methods"], headers)
        expect("authorization" in headers["Access-Control-Allow-Headers"].lower(), headers)
        for method, path, body, wanted in (("POST", "/rpc", '["sys.version"]', 200), ("POST", "/rpc", "[", 400),
                                           ("GET", "/health", None, 200), ("GET", "/nothing", None, 404)):
            status, headers, _ = server.request(method, path, body, token=ZEROS)
            same(status, wanted)
            same(headers.get_all("Access-Control-Allow-Origin"), [origin], path)
            same(headers.get_all("Vary"), ["Origin"], path)
    with Server("--data-dir", "d", "--token", ZEROS) as server:
        status, headers, _ = server.request("OPTIONS", "/rpc", headers=asked)
        same(status, 401)
        same(headers.get_all("Access-Control-Allow-Origin"), None)


def certificate(name):
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                           "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=" + name,
                           "-addext", "subjectAltName=DNS:" + name], capture_output=True)
    same(done.returncode, 0, done.stderr)


def common_name(port):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.load_verify_locations("cert.pem")
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="any") as peer:
            peer.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            expect(b"200 OK" in peer.recv(4096))
            return dict(part[0] for part in peer.getpeercert()["subject"])["commonName"]


@test
def the_certificate_is_read_again_on_sighup_and_a_bad_one_changes_nothing():
    certificate("first")
    with Server("--data-dir", "d", "--tls-cert", "cert.pem", "--tls-key", "key.pem") as server:
        same((server.scheme, common_name(server.port)), ("https", "first"))
        certificate("second")
        server.send(signal.SIGHUP)
        wait_for_log(server, "read the TLS certificate and key again")
        same(common_name(server.port), "second")
        os.rename("cert.pem", "good.pem")
        write("cert.pem", "nonsense")
        server.send(signal.SIGHUP)
        wait_for_log(server, "error server: the old TLS certificate stays in use: ")
        os.rename("good.pem", "cert.pem")
        same(common_name(server.port), "second")
    one_line_error(run("serve", "--listen", "127.0.0.1:0", "--data-dir", "d", "--tls-cert", "missing.pem", "--tls-key",
                       "key.pem", code=1), "missing.pem")


def wait_for_log(server, text):
    end = time.monotonic() + 20
    while text not in server.log_text():
        expect(time.monotonic() < end, "the log does not say " + text, server.log_text())
        time.sleep(0.01)


# --- metrics


LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (-?[0-9.e+-]+|\+Inf|NaN)$')


@test
def the_metrics_page_parses_and_tells_what_happened():
    with Server("--data-dir", "d") as server:
        for n in range(20):
            server.write("a-%d" % n, {"n": n})
        server.request("GET", "/nothing")
        page = server.metrics()
    values, types = {}, {}
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line[7:].split()
            expect(name not in types, "declared twice", line)
            types[name] = kind
        elif not line.startswith("#"):
            found = LINE.match(line)
            expect(found, "no series", line)
            values[found.group(1) + (found.group(2) or "")] = float(found.group(3))
    same(values['millrace_http_responses_total{path="/rpc",code="200"}'], 20)
    same(values['millrace_http_responses_total{path="other",code="404"}'], 1)
    same(values["millrace_store_messages_total"], 20)
    same(values["millrace_store_namespaces"], 1)
    expect(values['millrace_store_disk_bytes{kind="database"}'] > 0)
    for name in ("millrace_store_commits_total", "millrace_store_group_messages", "millrace_subscribers",
                 "millrace_allocations_total", "millrace_live_bytes", "millrace_rss_bytes", "millrace_log_lines_total",
                 "millrace_store_requests_total"):
        expect(name in types, "no " + name)
    listed = run("help", "metrics").out.decode()
    for name, kind in types.items():
        expect("%s (%s)\n" % (name, kind) in listed, "not in help metrics: " + name)
        expect(re.search(r"^# HELP %s \S" % name, page, re.M), "no help for " + name)


# --- the service manager


def manager():
    """A datagram socket to be notified on, and what has come so far."""
    socket_ = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    socket_.bind(os.path.abspath("notify"))
    socket_.settimeout(20)
    return socket_


@test
def the_service_manager_is_told_of_ready_reloading_stopping_and_alive():
    ears = manager()
    env = {"NOTIFY_SOCKET": os.path.abspath("notify"), "WATCHDOG_USEC": "100000"}
    with Server("--data-dir", "d", env=env) as server:
        ready = ears.recv(4096).decode()
        expect(ready.startswith("READY=1\nSTATUS=listening on http://127.0.0.1:%d" % server.port), ready)
        expect("MAINPID=%d" % server.child.pid in ready, ready)
        same(ears.recv(4096), b"WATCHDOG=1")
        server.send(signal.SIGHUP)
        heard = []
        while not any("READY" in h for h in heard):
            heard.append(ears.recv(4096).decode())
        told = [h for h in heard if not h.startswith("WATCHDOG")]
        expect(told[0].startswith("RELOADING=1\nMONOTONIC_USEC="), told)
        expect(told[1].startswith("READY=1"), told)
        server.send(signal.SIGTERM)
        while not (last := ears.recv(4096)).startswith(b"STOPPING=1"):
            same(last, b"WATCHDOG=1")
        server.finish()
    ears.close()


@test
def sockets_of_the_service_manager_take_the_place_of_the_address():
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for count in (1, 2):
        def hand_over():
            for n in range(count):
                os.dup2(listeners[n].fileno(), 3 + n)
        # The variable must name the child itself, so a shell puts it there and then becomes the server.
        start = 'LISTEN_PID=$$ LISTEN_FDS=%d exec "$0" "$@"' % count
        with Server("--listen", "127.0.0.1:1", "--data-dir", "d", "--token", ZEROS, program="/bin/sh",
                    verb=("-c", start, PROGRAM, "serve"), setup=hand_over, pass_fds=(3, 4)) as server:
            same(server.port, ports[0])
            for port in ports[:count]:
                server.port = port
                for _ in range(20):
                    same(server.request("GET", "/health")[0], 200)
    for listener in listeners:
        listener.close()


@test
def the_unit_file_is_understood_by_systemd():
    folder = os.path.join(SOURCE, "packaging")
    units = [os.path.join(folder, name) for name in ("millrace.service", "millrace.socket")]
    text = read(units[0]).decode()
    for wanted in ("Type=notify", "NoNewPrivileges=", "ProtectSystem=", "ExecReload="):
        expect(wanted in text, wanted)
    try:
        done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    except FileNotFoundError:
        skip("there is no systemd-analyze")
    faults = [line for line in done.stderr.splitlines() if "millrace." in line and "is not executable" not in line and "Command 'man" not in line]
    same(faults, [])


@test
def it_raises_its_limit_of_descriptors():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096))
    with Server("--data-dir", "d", "--token", ZEROS, setup=few) as server:
        peers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
        peers[-1].sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        expect(b"200 OK" in peers[-1].recv(4096))
        for peer in peers:
            peer.close()


main(KNOWN)
