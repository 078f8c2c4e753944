# SPDX-License-Identifier: MIT
"""More steps against slow twins on random records, in every way: casts, masks, windows of time, hashes of records, columns
that are dropped, kept and renamed at random."""
import datetime
import decimal
import json
import os
import random
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, same, test
from expr_twin import compact, crc32c, xxh64
from steps import COLUMNS, ROWS, cell, csv_text, every_way, random_records


def good(records):
    return [record for record in records if record is not None]


# --- cast: it converts what loses nothing, and rejects the rest

def days(text):
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(text)
    return datetime.date.fromisoformat(text)


def to_decimal(text):
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", text):
        raise ValueError(text)
    value = decimal.Decimal(text)
    sign, digits, exponent = value.as_tuple()
    scale = max(-exponent, 0)
    number = int(abs(value).scaleb(scale))
    while number >= 10 ** 38 or scale > 37:
        if scale == 0 or number % 10:
            raise ValueError(text)
        number, scale = number // 10, scale - 1
    body = str(number).rjust(scale + 1, "0")
    return ("-" if sign and number else "") + (body[:-scale] + "." + body[-scale:] if scale else body)


def to_int(text):
    value = decimal.Decimal(to_decimal(text))
    if value != value.to_integral_value() or not -2 ** 63 <= value < 2 ** 63:
        raise ValueError(text)
    return str(int(value))


def to_uuid(text):
    if not re.fullmatch(r"(\{X\}|X)".replace("X", "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), text):
        raise ValueError(text)
    return text.strip("{}").lower()


def to_time(text):
    found = re.fullmatch(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?", text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3]) > 59:
        raise ValueError(text)
    return text


def to_timestamp(text):
    found = re.fullmatch(r"(.{10})[T ](.{8}(?:\.[0-9]{1,9})?)(Z|[+-]([0-9]{2}):([0-9]{2}))?", text)
    if not found or (found[4] and (int(found[4]) > 23 or int(found[5]) > 59)):
        raise ValueError(text)
    days(found[1]), to_time(found[2])
    return text


def to_json(text):
    def refuse(word):
        raise ValueError(word)
    value = json.loads(text, parse_constant=refuse)
    if isinstance(value, str):
        return value  # a text is a text from then on
    return compact(value) if isinstance(value, (dict, list)) else text


def to_bool(text):
    word = text.lower()
    if word in ("true", "t", "yes", "y", "on", "1"):
        return "true"
    if word in ("false", "f", "no", "n", "off", "0"):
        return "false"
    raise ValueError(text)


CASTS = {
    "int": (to_int, ["7", "-12", "007", "+5", "3.00", "3.5", "9223372036854775807", "9223372036854775808", "x", "", " 5", "1e3",
                     "-0", "1e-2", "--1"]),
    "decimal": (to_decimal, ["1.50", "-0.001", "+1.5", "1e5", ".5", "5.", "1" * 38, "1" * 39, "1.0e-37", "n/a", "", "1,5", "1e400"]),
    "bool": (to_bool, ["true", "False", "YES", "n", "on", "OFF", "0", "1", "2", "", "ja", "t", "f"]),
    "date": (lambda text: str(days(text)), ["2024-02-29", "2023-02-29", "1999-12-31", "2024-1-1", "24-01-01", "", "2024-13-01"]),
    "uuid": (to_uuid, ["2ed6657d-e927-568b-95e1-2665a8aea6a2", "{2ED6657D-E927-568B-95E1-2665A8AEA6A2}", "2ed6657d", "",
                       "2ed6657de927568b95e12665a8aea6a2", "{2ed6657d-e927-568b-95e1-2665a8aea6a2",
                       "2ED6657D-E927-568B-95E1-2665A8AEA6A2"]),
    "time": (to_time, ["00:00:00", "23:59:59.999999999", "24:00:00", "12:60:00", "12:00:60", "1:00:00", "", "12:00:00.1"]),
    "timestamp": (to_timestamp, ["2024-02-29T12:00:00Z", "2024-02-29 12:00:00", "2023-02-29T12:00:00", "2024-02-29T24:00:00Z",
                                 "2024-01-01T00:00:00.5+05:30", "2024-01-01T00:00:00+24:00", "2024-01-01", "2024-01-01T00:00", "",
                                 "soon"]),
    "json": (to_json, ["{}", "[1, 2]", "\"x\"", "{\"a\": 1}", "nul", "", "{", "[1,]", "01", "-1.5e3", "true"]),
    "string": (lambda text: text, ["", "a", "1.10", "é", 'q"']),
}


@test
def casts_convert_what_the_twin_does_and_reject_the_rest():
    for kind, (convert, texts) in CASTS.items():
        rng = random.Random(kind)
        rows = [None if rng.randrange(12) == 0 else rng.choice(texts) for _ in range(ROWS // 4)]
        kept, bad = [], []
        for number, text in enumerate(rows):
            try:
                kept.append((number, None if text is None else convert(text)))
            except (ValueError, ArithmeticError):
                bad.append(number + 1)
        source = "n,v\n" + "".join("%d,%s\n" % (number, cell(text)) for number, text in enumerate(rows))
        output, refused, counts = every_way(source, [{"cast": {"v": kind}}], "out.csv")
        same([(r["record"], r["reason"], r["field"]) for r in refused], [(n, "transform_error", "v") for n in bad], kind)
        same(output, "n,v\n" + "".join("%d,%s\n" % (number, cell(text)) for number, text in kept), kind)
        expect(kind == "string" or (len(bad) > 100 and len(kept) > 100), kind, len(bad), len(kept))
        same(counts["rejected"], len(bad), kind)


# --- columns that come, go and change names

@test
def random_lists_of_moving_steps_do_what_the_twin_does():
    records, text = random_records(21, ROWS // 4)
    rng = random.Random(21)
    for _ in range(8):
        names, rows, steps = list(COLUMNS), [dict(record) for record in good(records)], []
        for number in range(rng.randrange(1, 6)):
            kind = rng.choice(["drop", "select", "rename", "rename", "map"])
            if kind == "drop" and len(names) > 1:
                gone = rng.choice(names)
                steps.append({"drop": gone})
                names.remove(gone)
            elif kind == "select":
                names = rng.sample(names, rng.randrange(1, len(names) + 1))
                steps.append({"select": list(names)})
            elif kind == "rename" and len(names) > 1:
                a, b = rng.sample(names, 2)
                change = rng.choice([{a: b, b: a}, {a: "new %d" % number}])
                steps.append({"rename": change})
                names = [change.get(name, name) for name in names]
                rows = [{change.get(name, name): value for name, value in row.items()} for row in rows]
            elif kind == "map":
                a, made = rng.choice(names), rng.choice(names + ["made %d" % number])
                steps.append({"map": {made: 'concat(.["%s"], "!")' % a}})
                rows = [{**row, made: (row[a] or "") + "!"} for row in rows]
                names = names if made in names else names + [made]
        if steps:
            output, _, _ = every_way(text, steps, "out.csv")
            same(output, csv_text(names, rows), steps)


# --- masks

@test
def what_a_mask_leaves_is_what_the_twin_leaves():
    records, text = random_records(22, ROWS // 4)
    for keep in (0, 1, 3, 50):
        steps = [{"mask": {"columns": ["city", "note"], "method": "keep_last", "keep": keep}},
                 {"mask": {"columns": "id", "method": "keep_first", "keep": keep}}, {"mask": {"columns": "kind", "method": "redact"}}]

        def hide(value, last):
            if value is None:
                return None
            stars = "*" * max(len(value) - keep, 0)
            return stars + value[len(stars):] if last else value[:keep] + stars
        wanted = [{**r, "city": hide(r["city"], True), "note": hide(r["note"], True), "id": hide(r["id"], False), "kind": "***"}
                  for r in good(records)]
        output, _, _ = every_way(text, steps, "out.csv")
        same(output, csv_text(COLUMNS, wanted), keep)


# --- windows of time

@test
def a_window_of_time_forgets_as_the_twin_does():
    """Input in order of time, and a little out of it: a key is dropped if one of it was kept no longer ago than the window."""
    for disorder in (0, 30):
        rng = random.Random(disorder)
        now, rows = 0, []
        for number in range(ROWS // 3):
            now += rng.randrange(20)
            rows.append((str(rng.randrange(60)), now - rng.randrange(disorder + 1)))
        start = datetime.datetime(2024, 1, 1)
        text = "k,t,n\n" + "".join("%s,%sZ,%d\n" % (key, (start + datetime.timedelta(seconds=at)).isoformat(), number)
                                    for number, (key, at) in enumerate(rows))
        kept, last = [], {}
        for number, (key, at) in enumerate(rows):
            if key in last and abs(at - last[key]) <= 300:
                continue
            last[key] = at
            kept.append(number)
        output, _, counts = every_way(text, [{"dedupe": {"by": "k", "window": "5m", "time": "t"}}], "out.csv")
        if disorder == 0:
            same([int(line.split(",")[2]) for line in output.splitlines()[1:]], kept)
        else:  # which of two that came out of order is the later one is the twin's guess; the first of each key stays
            first = {}
            for number, (key, _) in enumerate(rows):
                first.setdefault(key, number)
            got = {int(line.split(",")[2]) for line in output.splitlines()[1:]}
            expect(set(first.values()) <= got, sorted(set(first.values()) - got))
        same(counts["deduplicated"] + counts["written"], len(rows))


# --- hashes

@test
def records_are_hashed_as_the_twin_does_whatever_the_order_of_their_keys():
    """Records of JSON bring their keys in any order and leave some out, so columns depend on where pieces are cut."""
    rng = random.Random(23)
    lines, wanted = [], []
    for number in range(ROWS):
        keys = ["id", "é", "b", "Z", "a\"b", "c%d" % (number // 1000)]
        rng.shuffle(keys)
        record = {key: rng.choice(["x", "", 'q"', "tab\t", "é" * 40, None, str(number)]) for key in keys[:rng.randrange(1, 7)]}
        lines.append(compact(record))
        text = compact(dict(sorted(record.items(), key=lambda item: item[0].encode())))
        wanted.append({"h": "%016x" % xxh64(text.encode()),
                       "c": None if record.get("id") is None else "%08x" % crc32c(record["id"].encode())})
    steps = [{"map": {"h": "record_hash()"}}, {"map": {"c": "crc32c(.id)"}}, {"select": ["h", "c"]}]
    output, _, _ = every_way("\n".join(lines) + "\n", steps, "out.jsonl", "jsonl")
    found = [json.loads(line) for line in output.splitlines()]
    same([(record["h"], record.get("c")) for record in found], [(record["h"], record["c"]) for record in wanted])


@test
def equal_records_are_one_by_their_hash():
    records, text = random_records(24, ROWS // 4)
    rows = [{key: record[key] for key in ("kind", "city")} for record in good(records)]
    kept, seen = [], set()
    for row in rows:
        if (row["kind"], row["city"]) not in seen:
            seen.add((row["kind"], row["city"]))
            kept.append(row)
    steps = [{"select": ["kind", "city"]}, {"map": {"h": "record_hash()"}}, {"dedupe": "h"}, {"drop": "h"}]
    output, _, counts = every_way(text, steps, "out.csv")
    same((output, counts["deduplicated"]), (csv_text(["kind", "city"], kept), len(rows) - len(kept)))


if __name__ == "__main__":
    main()
