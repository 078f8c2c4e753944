# SPDX-License-Identifier: MIT
"""Random records with bad ones among them, every way of running steps on them, and exact values: what the tests that
compare steps with slow twins share."""
import decimal
import fractions
import json
import os
import random

from cli import balanced, gz, read, rejects, run, same, sanitized, write

LONG = "MILLRACE_LONG" in os.environ  # all ways, more records
ROWS = 4000 if sanitized() else 24000 if LONG else 12000  # several pieces of 512 KiB
WAYS = [(workers, form) for workers in (1, 2, 3, 8) for form in ("file", "pipe", "gz")]
if not LONG:
    WAYS = [(1, "file"), (2, "file"), (3, "pipe"), (8, "file"), (2, "gz")]
COLUMNS = ["id", "city", "kind", "price", "note", "at"]
decimal.getcontext().prec = 200


# --- data ---

def cell(value):
    if value is None:
        return ""
    if value == "" or any(c in value for c in ",\"\r\n"):
        return '"' + value.replace('"', '""') + '"'
    return value


def random_price(rng):
    kind = rng.randrange(40)
    if kind == 0:
        return rng.choice(["x", "n/a", "007", "1e5", "", " 5"])
    if kind == 1:
        return None
    if kind == 2:
        return str(rng.randrange(-10 ** 30, 10 ** 30))
    scale = rng.choice([0, 0, 1, 2, 2, 2, 7])
    number = rng.randrange(-10 ** 6, 10 ** 6)
    if scale == 0:
        return str(number)
    text = "%d.%0*d" % (abs(number), scale, rng.randrange(10 ** scale))
    return ("-" if number < 0 and float(text) != 0 else "") + text


def random_records(seed, rows=ROWS):
    """(records, text): a record is a dict, or None where the text holds a row with a field too few."""
    rng = random.Random(seed)
    cities = ["Oslo", "Rome", "San José", "", None, "a,b", 'q"q', "two\nlines"]
    records, lines = [], [",".join(COLUMNS)]
    for number in range(rows):
        if rng.randrange(500) == 0:
            records.append(None)
            lines.append("bad,%d" % number)
            continue
        record = {"id": str(rng.randrange(rows // 2)), "city": rng.choice(cities),
                  "kind": rng.choice("abc"), "price": random_price(rng),
                  "note": "line\n" * rng.randrange(3) + "n%d" % number if rng.randrange(50) == 0 else "note %d" % number,
                  "at": "2024-01-01T%02d:%02d:%02dZ" % (number // 3600 % 24, number // 60 % 60, number % 60)}
        records.append(record)
        lines.append(",".join(cell(record[name]) for name in COLUMNS))
    return records, "\n".join(lines) + "\n"


def csv_text(columns, records):
    return "".join(",".join(cell(value) for value in row) + "\n"
                   for row in [columns] + [[record[name] for name in columns] for record in records])


def pipeline(steps, source, target="out.csv"):
    return write("p.yaml", json.dumps({"source": source, "destination": target, "transforms": steps,
                                       "accept_rejects": True}))


def every_way(text, steps, target, format="csv", more=()):
    """Runs the steps in every way and returns (output, rejects, summary), which must not differ."""
    write("in." + format, text)
    write("in.gz", gz(text.encode()))
    first = None
    for workers, form in WAYS:
        for name in (target, target + ".rejects.jsonl"):
            if os.path.exists(name):
                os.remove(name)
        source = {"file": "in." + format, "gz": format + ":in.gz", "pipe": format + ":-"}[form]
        pipeline(steps, source, target)
        stdin = text.encode() if form == "pipe" else b""
        result = run("run", "p.yaml", "--workers", workers, "--summary", "json", *more, stdin=stdin,
                     piped=form == "pipe")
        summary = balanced(result.summary())
        counts = {key: summary[key] for key in ("read", "written", "rejected", "filtered", "deduplicated",
                                                "aggregated")}
        found = (read(target).decode(), rejects(target + ".rejects.jsonl"), counts)
        if first is None:
            first = found
        else:
            for part, (got, wanted) in zip(("output", "rejects", "counts"), zip(found, first)):
                same(got, wanted, "%s with %s workers from a %s" % (part, workers, form))
    return first


# --- values ---

def number_of(text):
    """The exact value of a canonical int or decimal, else None."""
    body = text[1:] if text.startswith("-") else text
    whole, point, part = body.partition(".")
    if not (whole.isascii() and whole.isdigit()) or (len(whole) > 1 and whole[0] == "0"):
        return None
    if point and not (part.isascii() and part.isdigit()):
        return None
    if len(whole + part) > 38:
        return None
    value = fractions.Fraction(int(whole + part), 10 ** len(part))
    if text.startswith("-"):
        return -value if value else None
    return value


def scale_of(text):
    return len(text.partition(".")[2])


def literal(value, scale):
    digits = str(abs(value.numerator * 10 ** scale // value.denominator)).rjust(scale + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (digits[:-scale] + "." + digits[-scale:] if scale else digits)


def order(text):
    """Numbers before texts."""
    value = number_of(text)
    return (0, value, b"") if value is not None else (1, 0, text.encode())


def shortest(value):
    text = repr(float(value))
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    return mantissa + "e" + str(int(exponent))
