# SPDX-License-Identifier: MIT
"""A message store that follows a script of moods, for tests of what its clients do about them.

It knows sys.version, batch.write (a message whose id it has is a duplicate) and category.get, keeps messages in memory
and notes when each request came. A script is a list of moods, one for each request to /rpc but those for sys.version
(unless `greet` is set); when it is used up the server is well.

    200                     well
    503, 429, ...           that status
    (429, "2")              with Retry-After
    "reset"                 the connection is cut before anything is done
    "lost"                  done, but the connection is cut before the answer
    ("cut", 100)            the answer ends after so many bytes of the body
    ("slow", 1.5)           the answer takes that long
    "nonsense"              an answer that is not HTTP
"""
import json
import socket
import struct
import threading
import time


class Asked:
    """A request as it came."""

    def __init__(self, when, body, headers, mood):
        self.when, self.body, self.headers, self.mood = when, body, headers, mood


class Moody:
    def __init__(self, script=(), messages=(), greet=False):
        self.script, self.greet = list(script), greet
        self.asked, self.ids, self.stored = [], set(), []
        self.lock = threading.Lock()
        for message in messages:
            self.stored.append(message)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def at(self, query=""):
        return "store:http://127.0.0.1:%d%s" % (self.port, "?" + query if query else "")

    def gaps(self):
        """Seconds between each request of the script and the one before."""
        return [b.when - a.when for a, b in zip(self.asked, self.asked[1:])]

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(peer,), daemon=True).start()

    def converse(self, peer):
        stream = peer.makefile("rb")
        try:
            while self.one_request(peer, stream):
                pass
        except (OSError, ValueError):
            pass
        peer.close()

    def one_request(self, peer, stream):
        line = stream.readline()
        if not line:
            return False
        headers = {}
        for header in iter(stream.readline, b"\r\n"):
            name, value = header.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        body = json.loads(stream.read(int(headers.get("content-length", "0"))) or b"null")
        if body is None:
            return self.answer(peer, 404, {"error": {"code": "NOT_FOUND", "message": line.decode()}})
        with self.lock:
            mood = 200
            if body[0] != "sys.version" or self.greet:
                mood = self.script.pop(0) if self.script else 200
                self.asked.append(Asked(time.monotonic(), body, headers, mood))
        return self.follow(peer, mood, body)

    def follow(self, peer, mood, body):
        kind, detail = mood if isinstance(mood, tuple) else (mood, None)
        if kind == "reset":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if kind == "nonsense":
            peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            return False
        if kind == "slow":
            time.sleep(detail)
            kind = 200
        if isinstance(kind, int) and kind != 200:
            return self.answer(peer, kind, {"error": {"code": "MOOD", "message": "not now"}}, detail)
        with self.lock:
            result = self.do(body)
        if kind == "lost":
            return False
        return self.answer(peer, 200, result, cut=detail if kind == "cut" else None)

    def answer(self, peer, status, result, retry_after=None, cut=None):
        body = json.dumps(result).encode()
        head = "HTTP/1.1 %d Mood\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (status, len(body))
        if retry_after is not None:
            head += "Retry-After: %s\r\n" % retry_after
        peer.sendall(head.encode() + b"\r\n" + body[:cut])
        return cut is None

    def do(self, body):
        if body[0] == "sys.version":
            return "1.0"
        if body[0] == "category.get":
            options = body[2]
            found = [m for m in self.stored if m[4] >= options["position"]]
            return found[:options["batchSize"]]
        assert body[0] == "batch.write", body
        positions = []
        for stream, message, options in body[1]:
            known = options["id"] in self.ids
            self.ids.add(options["id"])
            if not known:
                n = len(self.stored)
                self.stored.append([options["id"], stream, message["type"], n, n + 1, message["data"],
                                    message.get("metadata"), "2026-01-01T00:00:00Z"])
            positions.append({"position": 0, "globalPosition": 1, "duplicate": known})
        return positions
