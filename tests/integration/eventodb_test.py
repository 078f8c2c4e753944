# SPDX-License-Identifier: MIT
"""The program under the name `eventodb`: that program's command line, environment, exit codes and log."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import PROGRAM, expect, main, read, same, sanitized, test, write
from serving import ZEROS, Server, connected

KNOWN = {}


def link():
    if not os.path.islink("eventodb"):
        os.symlink(PROGRAM, "eventodb")
    return os.path.abspath("eventodb")


def run(*args, code=0, env=None, stdin=b""):
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("EVENTODB_", "MILLRACE_"))}
    settings.update(env or {})
    done = subprocess.run([link(), *args], input=stdin, capture_output=True, env=settings, timeout=60)
    expect(done.returncode == code, "code %s, expected %s" % (done.returncode, code), done)
    return done


def serve(*args, env=None, **more):
    return Server(*args, program=link(), verb=(), env=env, log_on="stdout", **more)


@test
def no_arguments_and_help_print_the_usage_and_succeed():
    usage = run().stdout
    for command, flag in (("export", b"-since"), ("import", b"-force"), ("version", b"-full")):
        told = run(command, "-h").stdout
        expect(told.startswith(b"Usage: eventodb %s [flags]" % command.encode()) and flag in told, told)
    for words in (["help"], ["-h"], ["--help"], ["serve", "-h"], ["-port", "1", "-help"]):
        same(run(*words).stdout, usage, words)
    for wanted in (b"-port", b"EVENTODB_PORT", b"-db-url", b"-test-mode", b"export", b"import", b"version"):
        expect(wanted in usage, wanted, usage)


@test
def the_version_is_printed_alone():
    for words in (["version"], ["-v"], ["--version"], ["-version"], ["--v"]):
        expect(re.fullmatch(rb"\d+\.\d+\.\d+\n", run(*words).stdout), words)
    expect(re.fullmatch(rb"\d+\.\d+\.\d+\nprogram: millrace\ncommit: \S+\ndate: \S+\n", run("version", "--full").stdout))


@test
def wrong_words_print_the_usage_and_code_2():
    for words, wanted in ((["-bogus"], b"there is no flag -bogus"), (["serve", "--bogus=1"], b"there is no flag -bogus"),
                          (["frobnicate"], b"there is no command 'frobnicate'"),
                          (["-port", "x"], b"flag -port: expected a port"), (["-port"], b"needs a value"),
                          (["-test-mode=perhaps"], b"expected true or false"),
                          (["export", "-bogus"], b"there is no flag -bogus")):
        done = run(*words, code=2)
        expect(wanted in done.stderr and b"Usage: eventodb" in done.stderr, done)
        same(done.stdout, b"")


@test
def a_failed_start_is_one_line_on_standard_output_and_code_1():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for words, wanted in ((["serve"], "-db-url is needed"), (["-db-url", "sqlite://x"], "-data-dir is needed"),
                              (["-db-url", "pebble://d"], "export with the server that wrote it"),
                              (["-db-url", "postgres://u:secret@h/d"], "PostgreSQL is not built"),
                              (["-db-url", "mongodb://u:secret@h"], "expected sqlite://NAME"),
                              (["-test-mode", "-token", "nonsense"], "token: "),
                              (["-test-mode", "-port", port], "Address already in use")):
            done = run(*words, code=1)
            lines = done.stdout.decode().splitlines()
            same(len(lines), 1, done)
            expect(" error server: cannot start: " in lines[0] and wanted in lines[0], done)
            expect("secret" not in lines[0], done)
            same(done.stderr, b"")
    entry = json.loads(run("serve", "-log-format", "json", code=1).stdout)
    same((entry["level"], entry["component"]), ("error", "server"))


@test
def test_mode_is_in_memory_without_tokens():
    for args in (["--test-mode", "--port=0", "--token=" + ZEROS], ["serve", "-test-mode", "-port", "0"],
                 ["-test-mode=t", "-db-url", "pebble://memory", "-port=0"]):
        with serve(*args) as server:
            code, _, body = server.request("POST", "/rpc", '["stream.write","a",{"type":"T","data":{}}]')
            same((code, json.loads(body)["position"]), (200, 0), args)
            code, _, body = server.request("POST", "/rpc", '["ns.create","b"]', token=ZEROS)
            same(code, 200, body)
    same(sorted(os.listdir(".")), ["eventodb", "server.log", "server.out"])


@test
def with_a_sqlite_address_test_mode_has_no_effect():
    args = ("-test-mode", "-db-url", "sqlite://:memory:", "-data-dir", "d", "-port", "0", "-token", ZEROS)
    with serve(*args) as server:
        expect(os.path.exists("d/:memory:"), os.listdir("d"))
        same(server.request("POST", "/rpc", '["sys.version"]')[0], 401)
        same(server.write("a", token=ZEROS)["position"], 0)
    with serve(*args) as server:
        same(server.write("a", token=ZEROS)["position"], 1)


@test
def the_environment_stands_in_for_flags():
    env = {"EVENTODB_PORT": "0", "EVENTODB_DB_URL": "sqlite://r.db", "EVENTODB_DATA_DIR": "d", "EVENTODB_TOKEN": ZEROS,
           "EVENTODB_LOG_FORMAT": "json", "EVENTODB_TEST_MODE": "nonsense"}
    with serve("serve", env=env) as server:
        server.write("a", token=ZEROS)
        expect(os.path.exists("d/r.db"))
    for line in server.log_text().splitlines():
        json.loads(line)
    with serve("serve", "-data-dir=e", "-log-format=console", env=env) as server:
        server.write("a", token=ZEROS)
        expect(os.path.exists("e/r.db"))
    expect("info  http: POST /rpc status=200" in server.log_text())


@test
def a_token_that_was_made_is_in_the_log_once():
    args = ("-db-url", "sqlite://r.db", "-data-dir", "d", "-port", "0")
    with serve(*args) as server:
        token = server.token
        expect(token, server.log_text())
        same(server.log_text().count(token), 1)
        server.write("a")
    with serve(*args) as server:
        same(server.token, None)
        server.write("a", token=token)
    done = run(*args, "-token", ZEROS, code=1)
    expect(b"-rotate-token" in done.stdout, done)
    with serve(*args, "-token", ZEROS, "-rotate-token") as server:
        server.write("a", token=ZEROS)
        server.call("stream.version", "a", token=token, status=403)


@test
def it_listens_on_both_families_and_starts_on_the_same_port_100_ms_after_the_signal():
    args = ("--test-mode", "--token=" + ZEROS)
    server = serve(*args, "--port=0")
    port = server.port
    for _ in range(3):
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                with socket.socket(family) as peer:
                    peer.settimeout(20)
                    peer.connect((host, port))
                    peer.sendall(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
                    expect(b'{"status":"ok"}' in peer.recv(4096))
            except OSError as error:
                expect(family == socket.AF_INET6, error)  # where there is no IPv6
        server.send(signal.SIGTERM)
        time.sleep(5 if sanitized() else 0.1)
        again = serve(*args, "--port=%d" % port)
        server.finish()
        server = again
    server.stop()


@test
def an_unread_log_holds_nothing_up():
    child = subprocess.Popen([link(), "--test-mode", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        told = b""
        while not re.search(rb"listening on http://[^ \"]*:\d+", told):
            more = os.read(child.stdout.fileno(), 4096)
            expect(more, "it ended", told)
            told += more
        port = int(re.search(rb"listening on http://[^ \"]*:(\d+)", told).group(1))
        with connected(port) as peer:
            body = b'["stream.write","a",{"type":"T","data":{}}]'
            request = b"POST /rpc HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            began = time.monotonic()
            for n in range(3000):
                peer.sendall(request)
                expect(b'"position":%d,' % n in peer.recv(4096))
            expect(time.monotonic() - began < (60 if sanitized() else 15))
        child.send_signal(signal.SIGTERM)
        same(child.wait(20), 0)
    finally:
        child.kill()
        child.communicate()


@test
def export_and_import_move_a_namespace_to_another_server():
    with serve("-db-url", "sqlite://r.db", "-data-dir", "a", "-port", "0", "-token", ZEROS) as server:
        for n in range(2500):
            server.write("account-%d" % (n % 7), {"n": n}, token=ZEROS)
        url = "http://127.0.0.1:%d" % server.port
        whole = run("export", "--url", url, "--token", ZEROS)
        same(len(whole.stdout.splitlines()), 2500)
        expect(b"Exported: 2500 events total" in whole.stderr, whole.stderr)
        run("export", "-url=" + url, "-token=" + ZEROS, "--gzip", "--output", "x.gz")
    with serve("-db-url", "sqlite://r.db", "-data-dir", "b", "-port", "0", "-token", ZEROS, log="b.log") as server:
        url = "http://127.0.0.1:%d" % server.port
        done = run("import", "--url", url, "--token", ZEROS, "--gzip", "--input", "x.gz")
        expect(b"Imported: 2500 events in" in done.stderr, done.stderr)
        same(run("export", "--url", url, "--token", ZEROS).stdout, whole.stdout)
        run("import", "--url", url, "--token", ZEROS, code=1, stdin=whole.stdout)
        run("import", "--url", url, "--token", ZEROS, "--force", "--yes", stdin=whole.stdout)
    for words in (["export", "--token", ZEROS], ["import", "--url", "http://127.0.0.1:1"]):
        expect(b"is needed" in run(*words, code=1).stderr)


main(KNOWN)
