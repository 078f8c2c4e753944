# SPDX-License-Identifier: MIT
"""CSV as section 4.1 of the specification has it, read one byte at a time: slow, and obvious enough to be believed.

read() yields the header, the records and the rejects that the program must find; csv_text() and json_text() are
what it must write."""
import random
import re


class Table:
    def __init__(self):
        self.names, self.rows, self.numbers, self.rejects, self.blank = [], [], [], [], 0


def read(data, delimiter=b",", pad=False):
    """Cells of rows are None (null) or bytes."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    scan, table = Scanner(data, delimiter), Table()
    header = scan.record()
    if header is None:
        return table
    table.names = column_names([cell or b"" for cell in header["cells"]])
    width, number = len(table.names), 0
    while True:
        found = scan.record()
        if found is None:
            return table
        if found.get("blank") and width > 1:
            table.blank += 1
            continue
        number += 1
        reason = found.get("reason")
        if not reason and len(found["cells"]) != width:
            reason = "too_few_fields" if len(found["cells"]) < width else "too_many_fields"
        if reason:
            table.rejects.append({"record": number, "line": found["line"], "byte_offset": found["start"],
                                  "reason": reason, "raw": data[found["start"]:found["end"]]})
        else:
            table.rows.append(found["cells"])
            table.numbers.append((number, found["line"], found["start"]))


class Scanner:
    def __init__(self, data, delimiter):
        self.data, self.delimiter, self.at = data, delimiter[0], 0
        self.line = 1
        head = data[:65536]
        self.cr_ends = b"\r" in head and b"\n" not in head

    def row_end(self, at):
        """Bytes of the row end at `at`; 0 when there is none. The end of the data is none either."""
        if self.data[at:at + 1] == b"\n":
            return 1
        if self.data[at:at + 2] == b"\r\n":
            return 2
        return 1 if self.cr_ends and self.data[at:at + 1] == b"\r" else 0

    def record(self):
        data, start, line = self.data, self.at, self.line
        if start >= len(data):
            return None
        cells, at = [], start
        while True:
            if data[at:at + 1] == b'"':
                cell, at = self.quoted(at)
                if cell is None:  # end of the data inside quotes: only the first line is lost
                    return self.rejected("unterminated_quote", start, line, self.line_end(start))
                cells.append(cell)
                if at < len(data) and data[at] != self.delimiter and not self.row_end(at):
                    return self.rejected("text_after_quote", start, line, self.line_end(at))
            else:
                begin = at
                while at < len(data) and data[at] != self.delimiter and not self.row_end(at):
                    at += 1
                cells.append(data[begin:at] or None)
            if at < len(data) and data[at] == self.delimiter:
                at += 1
                continue
            blank = at == start
            self.at = at + self.row_end(at)
            self.line += data.count(b"\n", start, self.at)
            return {"cells": cells, "start": start, "end": at, "line": line, "blank": blank}

    def quoted(self, at):
        """The cell that opens at `at`, and where it ends; (None, _) when it does not."""
        cell, at = bytearray(), at + 1
        while True:
            quote = self.data.find(b'"', at)
            if quote < 0:
                return None, at
            cell += self.data[at:quote]
            at = quote + 1
            if self.data[at:at + 1] != b'"':
                return bytes(cell), at
            cell += b'"'
            at += 1

    def line_end(self, at):
        end = self.data.find(b"\n", at)
        return len(self.data) if end < 0 else end

    def rejected(self, reason, start, line, end):
        self.at = min(end + 1, len(self.data))
        self.line += self.data.count(b"\n", start, self.at)
        return {"reason": reason, "start": start, "end": end, "line": line}


def column_names(cells):
    names = []
    for n, name in enumerate(cells, 1):
        name = name or b"column_%d" % n
        candidate, k = name, 2
        while candidate in names:
            candidate, k = b"%s_%d" % (name, k), k + 1
        names.append(candidate)
    return names


def csv_text(names, rows):
    return b"".join(b",".join(csv_cell(cell) for cell in row) + b"\n" for row in [names] + rows)


def csv_cell(cell):
    if cell is None:
        return b""
    if cell == b"" or any(mark in cell for mark in (b",", b'"', b"\n", b"\r")):
        return b'"' + cell.replace(b'"', b'""') + b'"'
    return cell


INT = re.compile(rb"0|-?[1-9][0-9]*")
DECIMAL = re.compile(rb"-?(0|[1-9][0-9]*)\.[0-9]+")


def kind_of(cell):
    """The type of section 3 as far as JSON shows it: int, decimal, bool or string."""
    if cell in (b"true", b"false"):
        return "bool"
    digits = sum(48 <= byte < 58 for byte in cell)
    if INT.fullmatch(cell):
        if -2 ** 63 <= int(cell) < 2 ** 63:
            return "int"
        return "decimal" if digits <= 38 else "string"
    if DECIMAL.fullmatch(cell) and digits <= 38 and not re.fullmatch(rb"-0\.0+", cell):
        return "decimal"
    return "string"


def join(a, b):
    if a == b or a is None:
        return b
    return "decimal" if {a, b} == {"int", "decimal"} else "string"


def json_text(names, rows):
    """JSON lines of rows that are all valid UTF-8, typed over all of them."""
    kinds = [None] * len(names)
    for row in rows:
        for n, cell in enumerate(row):
            if cell is not None:
                kinds[n] = join(kinds[n], kind_of(cell))
    lines = []
    for row in rows:
        fields = [json_string(name) + b":" + json_cell(cell, kind) for name, cell, kind in zip(names, row, kinds)]
        lines.append(b"{" + b",".join(fields) + b"}\n")
    return b"".join(lines)


def json_cell(cell, kind):
    if cell is None:
        return b"null"
    return json_string(cell) if kind == "string" else cell


ESCAPES = {8: b"\\b", 9: b"\\t", 10: b"\\n", 12: b"\\f", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}


def json_string(text):
    out = bytearray(b'"')
    for byte in text:
        out += ESCAPES.get(byte) or (b"\\u%04x" % byte if byte < 32 else bytes([byte]))
    return bytes(out + b'"')


# Files that are hard to read, from a seed.

PLAIN = [b"", b"", b"x", b"7", b"-12", b"1.10", b"true", b"007", b"some words", b" padded ", b"\xc3\xa9t\xc3\xa9",
         b"2024-02-29", b"lone\rcr", b"tab\there", b"9007199254740993", b'in"side', b"nul\0byte"]
QUOTED = [b'""', b'"a,b"', b'"line\nbreak"', b'"crlf\r\nbreak"', b'"say ""hi"""', b'""""', b'"\n\n\n"',
          b'"\r"', b'"12"', b'",,,\n,,,\n"', b'"' + b"long text, " * 40 + b'"']


def nasty(seed, size, columns=5, bad=0.01, unterminated=2, ends=(b"\n", b"\r\n")):
    """About `size` bytes: quoted newlines, mixed row ends, blank lines, and bad rows of every kind."""
    rng = random.Random(seed)
    rows, length = [b",".join(b"c%d" % n for n in range(columns)) + rng.choice(ends)], 0
    while length < size:
        cells = [rng.choice(QUOTED if rng.random() < 0.3 else PLAIN) for _ in range(columns)]
        dice = rng.random()
        if dice < bad:
            cells = damaged(rng, cells, columns)
        elif dice < bad + 0.01:
            cells = []
        rows.append(b",".join(cells) + rng.choice(ends))
        length += len(rows[-1])
    for _ in range(unterminated):  # an opening quote flips what is inside and outside for the rest of the file
        at = rng.randrange(len(rows) // 2, len(rows))
        rows.insert(at, b'open,"never closed on this line,1,2' + rng.choice(ends))
    if rng.random() < 0.5:
        rows[-1] = rows[-1].rstrip(b"\r\n")
    return b"".join(rows)


def damaged(rng, cells, columns):
    kind = rng.randrange(5)
    if kind == 0:
        return cells[:rng.randrange(1, max(columns, 2))]
    if kind == 1:
        return cells + [b"extra"] * rng.randrange(1, 4)
    at = rng.randrange(columns)
    cells[at] = [b'"closed" then text', b'"multi\nline"x', b'"a" ,"b\nc"'][kind - 2]
    return cells
