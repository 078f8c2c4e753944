# SPDX-License-Identifier: MIT
"""A running server for the acceptance tests: started as a user would, spoken to over plain sockets."""
import atexit
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

from cli import PROGRAM, Failed, expect, sanitized

ZEROS = "ns_ZGVmYXVsdA_" + "0" * 64
START_SECONDS = 60 if sanitized() else 20


def connected(port):
    """A connection, as soon as there is one. A port that nobody listens on may be given to the very socket that is to
    be connected, which then is connected to itself."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        peer = socket.socket()
        if peer.connect_ex(("127.0.0.1", port)) == 0 and peer.getsockname() != peer.getpeername():
            peer.settimeout(20)
            return peer
        peer.close()
    raise Failed("nobody listens on port %d" % port)


def end_all():
    """What a failed test left running ends with the test program."""
    for server in STARTED:
        server.kill()


STARTED = []
atexit.register(end_all)


class Server:
    """`millrace serve ARGS`, or another name's command line. Its log is on standard error or standard output and goes to
    the file `log`, or it writes that itself; what else it prints goes to `out`."""

    def __init__(self, *args, program=PROGRAM, verb=("serve", "--listen", "127.0.0.1:0"), env=None, log="server.log",
                 out="server.out", log_on="stderr", setup=None, pass_fds=()):
        self.log, self.out = log, out
        settings = {k: v for k, v in os.environ.items() if not k.startswith(("EVENTODB_", "MILLRACE_"))}
        settings.update(env or {})
        out_name, err_name = {"stderr": (out, log), "stdout": (log, out), "file": (out, out + ".err")}[log_on]
        self.began = time.monotonic()
        with open(out_name, "wb") as stdout, open(err_name, "wb") as stderr:
            self.child = subprocess.Popen([program, *verb, *[str(a) for a in args]], stdin=subprocess.DEVNULL,
                                          stdout=stdout, stderr=stderr, env=settings, preexec_fn=setup,
                                          pass_fds=pass_fds)
        STARTED.append(self)
        self.port, self.token = None, None
        try:
            self.wait()
        except BaseException:
            self.kill()
            raise

    def read(self, name):
        with open(name, errors="replace") as file:
            return file.read()

    def log_text(self):
        return self.read(self.log) if os.path.exists(self.log) else ""

    def wait(self):
        """Until it says where it listens."""
        end = time.monotonic() + START_SECONDS
        while True:
            found = re.search(r"listening on (https?)://[^ \"]*:(\d+)", self.log_text())
            if found:
                break
            if self.child.poll() is not None or time.monotonic() > end:
                raise Failed("the server did not start: code %s\n%s" % (self.child.poll(), self.log_text()))
            time.sleep(0.002)
        self.started = time.monotonic() - self.began
        self.scheme, self.port = found.group(1), int(found.group(2))
        shown = re.search(r"ns_[A-Za-z0-9_-]+_[0-9a-f]{64}", self.read(self.out) + self.log_text())
        self.token = shown.group(0) if shown else None

    def request(self, method, path, body=None, token=None, headers=None, seconds=20):
        """Status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            lines = dict(headers or {})
            if token is not None:
                lines["Authorization"] = "Bearer " + token
            connection.request(method, path, body=body, headers=lines)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def call(self, *parts, token=None, status=200):
        """One RPC; its result."""
        code, _, body = self.request("POST", "/rpc", json.dumps(list(parts)), token or self.token)
        expect(code == status, "status %s, expected %s" % (code, status), body)
        return json.loads(body)

    def write(self, stream, data=None, token=None):
        return self.call("stream.write", stream, {"type": "T", "data": data or {}}, token=token)

    def metrics(self, token=None):
        code, _, body = self.request("GET", "/metrics", token=token or self.token)
        expect(code == 200, "status %s" % code, body)
        return body.decode()

    def rss(self):
        with open("/proc/%d/status" % self.child.pid) as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024

    def send(self, number):
        self.child.send_signal(number)

    def finish(self, seconds=60, code=0):
        """Waits for the end; how long that took."""
        began = time.monotonic()
        try:
            got = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed("the server did not end\n%s" % self.log_text()) from None
        expect(got == code, "code %s, expected %s" % (got, code), self.log_text())
        return time.monotonic() - began

    def stop(self, number=signal.SIGTERM, seconds=60, code=0):
        self.send(number)
        return self.finish(seconds, code)

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None and self.child.poll() is None:
            self.stop()
        self.kill()
