# SPDX-License-Identifier: MIT
"""A TLS client of another make, for tests of the server: tls_peer.py SCENARIO PORT CA-FILE.

It prints nothing and exits 0 when the server did what the scenario says."""
import random
import socket
import ssl
import sys
import time

REQUEST = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def context():
    made = ssl.create_default_context(cafile=CA)
    made.set_alpn_protocols(["http/1.1"])
    return made


def connect():
    plain = socket.create_connection(("127.0.0.1", PORT), timeout=20)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def wrapped():
    return context().wrap_socket(connect(), server_hostname="localhost")


def answer(tls):
    """One answer framed by Content-Length: its body."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        more = tls.recv(65536)
        assert more, seen
        seen += more
    head, body = seen.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        more = tls.recv(65536)
        assert more
        body += more
    return body[:length], body[length:]


def check_speaks():
    tls = wrapped()
    assert tls.selected_alpn_protocol() == "http/1.1"
    assert tls.version() == "TLSv1.3", tls.version()
    for _ in range(20):
        tls.sendall(REQUEST)
        assert answer(tls) == (b"hello", b"")
    # Pipelined, so that several requests come in one record and one request in several.
    tls.sendall(REQUEST * 30)
    rest = b""
    for _ in range(30):
        while rest.count(b"hello") == 0:
            rest += tls.recv(65536)
        rest = rest.split(b"hello", 1)[1]
    for at in range(len(REQUEST)):
        tls.sendall(REQUEST[at:at + 1])
    assert answer(tls)[0] == b"hello"


class Dribble:
    """TLS in memory, whose bytes the scenario sends as it likes."""

    def __init__(self):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context().wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.socket = connect()

    def drive(self, action, send):
        while True:
            try:
                result = action()
                send(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                send(self.outgoing.read())
                more = self.socket.recv(65536)
                if not more:
                    raise EOFError
                self.incoming.write(more)


def check_cut():
    """Every record cut at every byte."""
    for size in (1, 2, 7):
        peer = Dribble()

        def send(data):
            for at in range(0, len(data), size):
                peer.socket.sendall(data[at:at + size])
        peer.drive(peer.tls.do_handshake, send)
        peer.drive(lambda: peer.tls.write(REQUEST), send)
        seen = b""
        while b"hello" not in seen:
            seen += peer.drive(lambda: peer.tls.read(65536), send)
        peer.socket.close()


def check_mutated():
    """Damaged handshakes and damaged records end the connection and nothing else."""
    rng = random.Random(1)
    for _ in range(300):
        peer = Dribble()
        good = rng.randrange(0, 3)  # sends that are left alone

        sends = [0]

        def send(data):
            if not data:
                return
            if sends[0] == good:
                data = bytearray(data)
                for _ in range(rng.randrange(1, 4)):
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                if rng.random() < 0.3:
                    data = data[:rng.randrange(len(data))]
            sends[0] += 1
            peer.socket.sendall(bytes(data))
            if sends[0] > good:
                peer.socket.shutdown(socket.SHUT_WR)
        try:
            peer.drive(peer.tls.do_handshake, send)
            peer.drive(lambda: peer.tls.write(REQUEST), send)
            peer.drive(lambda: peer.tls.read(65536), send)
        except (ssl.SSLError, EOFError, OSError):
            pass
        peer.socket.close()


def check_garbage():
    rng = random.Random(2)
    for round_number in range(200):
        plain = connect()
        try:
            plain.sendall(bytes(rng.randrange(256) for _ in range(rng.randrange(1, 600))))
            if round_number % 2:
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(65536):
                    pass
        except OSError:
            pass
        plain.close()


def check_http():
    """Plain HTTP to a TLS port: the connection ends."""
    plain = connect()
    plain.sendall(REQUEST)
    try:
        while plain.recv(65536):
            pass
    except OSError:
        pass


def check_half_close():
    """Who sends no more after its request has its answer: once it ends its socket's sending, once
    TLS's (after which Python cannot read, so the answer's size has to do)."""
    request = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    for close_notify in (False, True):
        peer = Dribble()
        peer.drive(peer.tls.do_handshake, peer.socket.sendall)
        peer.tls.write(request)
        if close_notify:
            try:
                peer.tls.unwrap()
            except ssl.SSLWantReadError:
                pass
        peer.socket.sendall(peer.outgoing.read())
        peer.socket.shutdown(socket.SHUT_WR)
        seen = b""
        while True:
            more = peer.socket.recv(65536)
            if not more:
                break
            seen += more
        assert len(seen) > 120, len(seen)
        if not close_notify:
            peer.incoming.write(seen)
            assert b"hello" in peer.tls.read(65536)


def check_close_notify():
    """The server's end of a connection is one that cannot be mistaken for a cut."""
    tls = wrapped()
    tls.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answer(tls)[0] == b"hello"
    assert tls.recv(100) == b""  # an SSLEOFError without close_notify


def check_idle():
    """300 connections that were served once, held until the reader of our output is done."""
    held = []
    for _ in range(300):
        tls = wrapped()
        tls.sendall(REQUEST)
        answer(tls)
        held.append(tls)
    with open(sys.argv[4], "w", encoding="ascii"):
        pass
    time.sleep(1.5)


PORT, CA = int(sys.argv[2]), sys.argv[3]
globals()["check_" + sys.argv[1]]()
