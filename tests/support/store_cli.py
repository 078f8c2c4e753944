# SPDX-License-Identifier: MIT
"""The real program as a message store, for tests written in Python.

STORE_PROGRAM names another program to run instead, which is then given EventoDB's flags."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

from cli import PROGRAM, expect

TOKEN = "ns_ZGVmYXVsdA_" + "0" * 64
OTHER = os.environ.get("STORE_PROGRAM")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Store:
    """A running server on the directory `path`; use it in a `with`."""

    def __init__(self, path, *flags, setup=None):
        os.makedirs(path, exist_ok=True)
        self.path, self.log = path, path.rstrip("/") + ".log"
        self.port = free_port() if OTHER else 0
        command = [OTHER, "serve", "-db-url", "sqlite://registry.db", "-data-dir", path, "-port", str(self.port),
                   "-token", TOKEN] if OTHER else [PROGRAM, "serve", "--data-dir", path, "--listen", "127.0.0.1:0",
                                                   "--token", TOKEN, *flags]
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          preexec_fn=setup or (lambda: None))
        until = time.monotonic() + 30
        while not self.answers():
            expect(time.monotonic() < until and self.child.poll() is None, "the server does not start", self.said())
            time.sleep(0.005)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def said(self):
        with open(self.log, "rb") as log:
            return log.read().decode("utf-8", "replace")

    def answers(self):
        if not OTHER:
            found = re.search(r"127\.0\.0\.1:(\d+)\D", self.said())
            if not found:
                return False
            self.port = int(found.group(1))
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False

    def request(self, method, target, body=None, headers=None, timeout=60):
        """(status, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, target, **more):
        return self.request("GET", target, **more)

    def rpc(self, *call, token=TOKEN):
        """(status, decoded body) of one call."""
        status, body = self.request("POST", "/rpc", json.dumps(call), {"Authorization": "Bearer " + token})
        return status, json.loads(body)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def rss(self):
        """Resident memory in MB."""
        with open("/proc/%d/status" % self.child.pid) as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) * 1024 / 1e6

    def stop(self):
        """SIGTERM; (exit code, seconds it took)."""
        start = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        code = self.child.wait(30)
        return code, time.monotonic() - start
