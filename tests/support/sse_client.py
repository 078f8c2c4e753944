#!/usr/bin/env python3
"""A subscriber in Python: prints a line for each event (its type, a blank, its data) until COUNT came.

    sse_client.py URL COUNT [DROP]

It parses the chunks itself, believes that each holds one whole event, and that `id` is the event's global
position. With DROP it loses its connection after every DROP events and comes again with Last-Event-ID.
"""
import json
import socket
import sys
import urllib.parse


def chunks(stream):
    """The chunks of an answer's body, up to the last one."""
    while True:
        size = int(stream.readline(), 16)
        data = stream.read(size)
        assert stream.read(2) == b"\r\n", "a chunk ends with CR LF"
        if size == 0:
            return
        yield data


def event_of(chunk):
    """(type, id, data) of a chunk, None for a comment."""
    text = chunk.decode("utf-8", "strict")
    assert text.endswith("\n\n") and "\n\n" not in text[:-2] and "\r" not in text, repr(text)
    lines = text[:-2].split("\n")
    if lines[0].startswith(": "):
        assert len(lines) == 1 and lines[0] in (": ready", ": hb"), lines
        return None
    assert [line.split(": ")[0] for line in lines] == ["event", "id", "data"], lines
    kind, number, data = (line.split(": ", 1)[1] for line in lines)
    value = json.loads(data)
    position = value["globalPosition"] if kind == "poke" else value[4]
    assert str(position) == number, (number, data)
    if kind == "poke":
        assert list(value) == ["stream", "position", "globalPosition"], value
    else:
        assert kind == "message" and len(value) == 8, value
    return kind, number, data


def subscribe(url, last_id):
    """The events of one connection."""
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
        head = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        if last_id:
            head += f"Last-Event-ID: {last_id}\r\n"
        sock.sendall((head + "\r\n").encode())
        stream = sock.makefile("rb")
        assert stream.readline().startswith(b"HTTP/1.1 200 ")
        while stream.readline() != b"\r\n":
            pass
        yield from filter(None, map(event_of, chunks(stream)))


def main(url, count, drop=0):
    seen, last_id = 0, ""
    while seen < count:
        for since, (kind, last_id, data) in enumerate(subscribe(url, last_id), 1):
            print(kind, data, flush=True)
            seen += 1
            if seen == count or since == drop:
                break


main(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:]))
