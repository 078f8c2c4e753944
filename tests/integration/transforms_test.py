# SPDX-License-Identifier: MIT
"""Steps between source and destination against slow twins that do the same record by record, on random data with bad
records in it, for every number of workers, from a file, a pipe and gzip: the same output, the same rejects."""
import hashlib
import json
import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, one_line_error, read, rejects, run, same, test, write
from steps import (COLUMNS, ROWS, csv_text, every_way, literal, number_of, order, pipeline, random_records, scale_of, shortest)


# --- twins ---

def twin_aggregate(records):
    groups, bad = {}, []
    for record in records:
        if record["price"] is not None and number_of(record["price"]) is None:
            bad.append(record)
            continue
        key = (record["city"], record["kind"])
        group = groups.setdefault(key, {"rows": 0, "prices": [], "notes": [], "ids": set()})
        group["rows"] += 1
        if record["price"] is not None:
            group["prices"].append(record["price"])
        group["notes"].append(record["note"])
        group["ids"].add(record["id"])
    made = []
    for (city, kind), group in groups.items():
        prices = group["prices"]
        total = sum(number_of(p) for p in prices)
        scale = max([scale_of(p) for p in prices], default=0)
        mean = total / len(prices) if prices else None
        made.append({"city": city, "kind": kind, "rows": str(group["rows"]), "priced": str(len(prices)),
                     "total": literal(total, scale) if prices else None,
                     "least": min(prices, key=order) if prices else None,
                     "most": max(reversed(prices), key=order) if prices else None,
                     "mean": shortest(mean) if prices else None,
                     "last": max(group["notes"], key=order), "ids": str(len(group["ids"]))})
        # of equal extremes the first one stays
        if prices:
            best = max(order(p) for p in prices)
            made[-1]["most"] = next(p for p in prices if order(p) == best)
    return made, bad


@test
def an_aggregate_is_what_its_twin_says():
    records, text = random_records(1)
    good = [record for record in records if record is not None]
    groups, bad = twin_aggregate(good)
    step = {"aggregate": {"by": ["city", "kind"],
                          "values": {"rows": "count()", "priced": "count(price)", "total": "sum(price)",
                                     "least": "min(price)", "most": "max(price)", "mean": "mean(price)",
                                     "last": "max(note)", "ids": "count_distinct(id)"}}}
    columns = ["city", "kind", "rows", "priced", "total", "least", "most", "mean", "last", "ids"]
    output, refused, counts = every_way(text, [step], "out.csv")
    same(output, csv_text(columns, groups))
    same(len([r for r in refused if r["reason"] == "transform_error"]), len(bad))
    same([r["stage"] for r in refused if r["reason"] == "transform_error"], ["transform"] * len(bad))
    same([r["record"] for r in refused], sorted(r["record"] for r in refused), "rejects in the order of records")
    same(counts["aggregated"], len(good) - len(bad) - len(groups))


@test
def groups_go_on_through_further_steps_and_typed_destinations():
    _, text = random_records(2)
    steps = [{"select": ["city", "kind", "id"]}, {"aggregate": {"by": ["city", "kind"], "values": {"n": "count()"}}},
             {"aggregate": {"by": "kind", "values": {"cities": "count()", "records": "sum(n)", "most": "max(n)"}}},
             {"rename": {"records": "r"}}]
    output, _, counts = every_way(text, steps, "out.jsonl")
    lines = [json.loads(line) for line in output.splitlines()]
    records = [record for record in random_records(2)[0] if record is not None]
    for line in lines:
        mine = [record["city"] for record in records if record["kind"] == line["kind"]]
        same(line, {"kind": line["kind"], "cities": len(set(mine)), "r": len(mine),
                    "most": max(mine.count(city) for city in set(mine))})
    same(sum(line["r"] for line in lines), len(records))
    same(counts["written"], len(lines))


def twin_dedupe(records, columns, window=None):
    kept, firsts = [], {}
    for number, record in enumerate(records):
        key = tuple(record[name] for name in columns)
        first = firsts.get(key)
        if first is not None and (window is None or number - first < window):
            continue
        firsts[key] = number
        kept.append(record)
    return kept


@test
def of_records_with_one_key_the_first_stays():
    records, text = random_records(3)
    good = [record for record in records if record is not None]
    for columns, window in ((["id"], None), (["city", "price"], None), (["id", "kind"], 1000), (["kind"], 2), (["id"], 1)):
        kept = twin_dedupe(good, columns, window)
        step = {"dedupe": {"by": columns, **({"window": window} if window else {})}}
        output, _, counts = every_way(text, [step], "out.csv")
        same(output, csv_text(COLUMNS, kept), columns, window)
        same(counts["deduplicated"], len(good) - len(kept))


@test
def a_window_of_time_is_measured_by_a_column():
    lines = ["k,t", "a,2024-01-01T00:00:00Z", "a,2024-01-01T00:09:59.5Z", "a,2024-01-01T00:10:00.0Z",
             "b,2024-01-01T00:10:01Z", "a,2024-01-01T00:10:01Z", "a,2024-01-01T01:20:00+01:00", "b,soon", "b,",
             "b,2024-01-02"]
    steps = [{"dedupe": {"by": "k", "window": "10m", "time": "t"}}]
    output, refused, counts = every_way("\n".join(lines) + "\n", steps, "out.csv")
    same(output.splitlines(), ["k,t", "a,2024-01-01T00:00:00Z", "b,2024-01-01T00:10:01Z", "a,2024-01-01T00:10:01Z",
                               "b,2024-01-02"])
    same([(r["line"], r["field"]) for r in refused], [(8, "t"), (9, "t")])
    same(counts["deduplicated"], 3)


@test
def dedupe_says_when_its_memory_is_full():
    write("in.csv", "id\n" + "\n".join("key-%030d" % n for n in range(60000)) + "\n")
    pipeline([{"dedupe": {"by": "id", "memory": "1MiB"}}], "in.csv")
    one_line_error(run("run", "p.yaml", code=1), "memory of dedupe, 1 MiB", "distinct keys")
    same(os.path.exists("out.csv"), False)
    pipeline([{"aggregate": {"by": "id", "max_groups": 1000}}], "in.csv")
    one_line_error(run("run", "p.yaml", code=1), "p.yaml:1:", "more than 1000 groups (max_groups of aggregate)")
    same(os.path.exists("out.csv"), False)


@test
def columns_are_moved_and_masked_as_the_twin_does():
    records, text = random_records(4)
    steps = [{"drop": "at"}, {"rename": {"id": "kind", "kind": "id"}}, {"mask": {"columns": "city", "method": "keep_first",
                                                                                "keep": 2}},
             {"mask": {"columns": ["price"], "method": "hash", "salt": "pepper"}},
             {"mask": {"columns": "note", "method": "redact", "with": "-"}}, {"select": ["kind", "id", "city", "price", "note"]}]
    wanted = []
    for record in records:
        if record is None:
            continue
        city, price = record["city"], record["price"]
        wanted.append({"kind": record["id"], "id": record["kind"],
                       "city": None if city is None else city[:2] + "*" * max(len(city) - 2, 0),
                       "price": None if price is None else hashlib.sha256(("pepper" + price).encode()).hexdigest(),
                       "note": "-"})
    output, _, _ = every_way(text, steps, "out.csv")
    same(output, csv_text(["kind", "id", "city", "price", "note"], wanted))


def twin_compute(records):
    """Keeps kinds a and c, doubles the price, keeps what is then above zero or null; (kept, filtered, bad)."""
    kept, bad, filtered = [], 0, 0
    for record in records:
        price = record["price"]
        if record["kind"] == "b":
            filtered += 1
        elif price is not None and number_of(price) is None:
            bad += 1
        elif price is not None and number_of(price) <= 0:
            filtered += 1
        else:
            double = None if price is None else literal(2 * number_of(price), scale_of(price))
            kept.append({"id": record["id"], "double": double, "up": record["kind"].upper() + "!"})
    return kept, filtered, bad


@test
def records_are_filtered_and_columns_computed_as_the_twin_does():
    records, text = random_records(7)
    good = [record for record in records if record is not None]
    kept, filtered, bad = twin_compute(good)
    steps = [{"filter": '.kind != "b"'}, {"map": {"double": ".price * 2", "up": 'upper(.kind) + "!"'}},
             {"filter": "is_null(.double) or .double > 0"}, {"select": ["id", "double", "up"]}]
    output, refused, counts = every_way(text, steps, "out.csv")
    same(output, csv_text(["id", "double", "up"], kept))
    same((counts["filtered"], counts["rejected"]), (filtered, bad + len(records) - len(good)))
    faults = [r for r in refused if r["reason"] == "transform_error"]
    same({(r["stage"], r["field"]) for r in faults}, {("transform", "price")})
    lines = text.split("\n")
    for fault in faults[:50]:
        same(fault["raw"].split("\n")[0], lines[fault["line"] - 1])
    output, _, _ = every_way(text, steps, "out.jsonl")
    same(output, "".join('{"id":%s,"double":%s,"up":"%s"}\n' % (r["id"], r["double"] or "null", r["up"]) for r in kept))


@test
def types_are_found_behind_the_steps_and_a_pipe_says_the_same():
    text = "k,v,w\n" + "".join("%s,%s,%d\n" % (("x", "n/a", n) if n % 7 == 0 else ("y", n, n)) for n in range(3000))
    steps = [{"filter": '.k = "y"'}, {"map": {"s": '"5"', "sum": "int(.v + .w)", "big": ".w >= 1000"}}]
    output, _, counts = every_way(text, steps, "out.jsonl")
    same(output.splitlines()[0], '{"k":"y","v":1,"w":1,"s":"5","sum":2,"big":false}')
    same(json.loads(output.splitlines()[-1]), {"k": "y", "v": 2999, "w": 2999, "s": "5", "sum": 5998, "big": True})
    same(counts["filtered"], 429)
    write("in.csv", text)
    run("run", pipeline(steps, "in.csv", "out.db"))
    import sqlite3
    rows = sqlite3.connect("out.db").execute("select typeof(v), typeof(s), typeof(sum), count(*) from out group by 1, 2, 3").fetchall()
    same(rows, [("integer", "text", "integer", 2571)])
    schema = json.loads(run("schema", "p.yaml").out)
    same([(c["name"], c["type"]) for c in schema["columns"]],
         [("k", "string"), ("v", "int"), ("w", "int"), ("s", "string"), ("sum", "int"), ("big", "bool")])


@test
def flags_come_behind_the_file_and_keep_their_order():
    write("in.csv", "a,b\n1,2\n3,4\n5,6\n")
    pipeline([{"map": {"c": ".a + .b"}}], "in.csv")
    run("run", "p.yaml", "--map", "d = .c * 2", "--filter", ".d > 6", "--map", "c=.c+1", "--filter", ".c < 12", "--select",
        "d,c", "--rename", "d=e")
    same(read("out.csv"), b"e,c\n14,8\n")
    lines = run("check", "p.yaml", "--filter", ".c > 1").out.decode().splitlines()
    same([line for line in lines if line.startswith("step")], ["step        map c = .a + .b", "step        filter .c > 1"])


@test
def fields_that_a_record_does_not_have_are_absent():
    text = '{"id":1,"a":5}\n{"id":2}\n{"id":3,"a":null}\n{"id":4,"a":"5"}\n'
    output, refused, _ = every_way(text, [{"map": {"b": "coalesce(.a, 0)", "c": ".x"}}], "out.jsonl", "jsonl")
    same(output, '{"id":1,"a":5,"b":5}\n{"id":2,"b":0}\n{"id":3,"a":null,"b":0}\n{"id":4,"a":"5","b":"5"}\n')
    output, refused, _ = every_way(text, [{"filter": ".a > 1"}], "out.jsonl", "jsonl")
    same((output, [r["record"] for r in refused]), ('{"id":1,"a":5}\n', [4]))
    output, _, _ = every_way(text, [{"rename": {"x": "y"}}, {"cast": {"a": "string", "z": "int"}}, {"drop": "zz"}], "out.csv",
                             "jsonl")
    same(output, 'id,a\n1,5\n2,\n3,\n4,5\n')


# --- JSON ---

def random_json(seed, rows=ROWS // 4):
    rng = random.Random(seed)

    def value(depth):
        kind = rng.randrange(9 if depth else 6)
        if kind < 3:
            return rng.choice([1, -5, 12345678901234567890, 1.5, "x", "tab\tquote\"", "é", True, False, None, ""])
        if kind < 6:
            return rng.randrange(100)
        if kind == 6:
            return [value(0) for _ in range(rng.randrange(4))]
        return {rng.choice("abcd"): value(depth - 1) for _ in range(rng.randrange(3))}

    records = []
    for number in range(rows):
        record = {"id": number, "a": value(3)}
        if rng.randrange(3):
            record["tags"] = [value(1) for _ in range(rng.choice([0, 1, 2, 3, 30]))] if rng.randrange(5) else value(1)
        record["end"] = rng.randrange(1000)
        records.append(record)
    return records


def twin_flatten(record, name, depth=0, joint="."):
    """Members of nested objects at the place of the object; what is no object, or empty, stays behind them."""
    def walk(path, value, level):
        if isinstance(value, dict) and value and (depth == 0 or level < depth):
            for key, inner in value.items():
                yield from walk(path + joint + key, inner, level + 1)
        else:
            yield path, value
    made = {}
    for key, value in record.items():
        if key == name and isinstance(value, dict) and value:
            for path, inner in walk(key, value, 0):
                made[path] = inner
        else:
            made[key] = value
    return made


def twin_explode(record, name):
    value = record.get(name)
    if name not in record or not isinstance(value, list):
        return [record]
    return [{**record, name: element} for element in value or [None]]


def dump(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@test
def flatten_and_explode_are_what_their_twins_say():
    records = random_json(5)
    text = "".join(dump(record) + "\n" for record in records)
    for depth in (0, 1):
        wanted = [made for record in records
                  for flat in [twin_flatten(record, "a", depth)] for made in twin_explode(flat, "tags")]
        steps = [{"flatten": {"columns": "a", "depth": depth}}, {"explode": "tags"}]
        output, _, counts = every_way(text, steps, "out.jsonl", "jsonl")
        got = [json.loads(line) for line in output.splitlines()]
        same(len(got), len(wanted))
        for mine, twin in zip(got, wanted):
            same(dump(dict(sorted(mine.items()))), dump(dict(sorted(twin.items()))))
        same(counts["read"], len(wanted))


@test
def an_array_larger_than_a_batch_gives_all_its_elements_in_order():
    records = [{"id": 1, "t": list(range(70000))}, {"id": 2, "t": [[n, n + 1] for n in range(5)]}, {"id": 3}]
    text = "".join(dump(record) + "\n" for record in records)
    output, _, counts = every_way(text, [{"explode": "t"}, {"explode": "t"}], "out.csv", "jsonl")
    wanted = ["id,t"] + ["1,%d" % n for n in range(70000)] + ["2,%d" % m for n in range(5) for m in (n, n + 1)] + ["3,"]
    same(output.splitlines(), wanted)
    same(counts["read"], len(wanted) - 1)
    for limit in (0, 1, 69999, 70001, 70008):
        if limit:
            output, _, counts = every_way(text, [{"explode": "t"}, {"explode": "t"}], "out.csv", "jsonl",
                                          ("--limit", limit))
            same(output.splitlines(), wanted[:limit + 1])
            same((counts["read"], counts["written"]), (limit, limit))


@test
def a_limit_counts_what_is_left():
    records, text = random_records(6)
    good = [record for record in records if record is not None]
    for limit in (1, 100, 5000):
        kept = twin_dedupe(good, ["id"])[:limit]
        output, _, counts = every_way(text, [{"dedupe": "id"}], "out.csv", more=("--limit", limit))
        same(output, csv_text(COLUMNS, kept))
        same(counts["written"], len(kept))


@test
def a_record_of_a_table_is_rejected_as_it_was_there():
    import sqlite3
    base = sqlite3.connect("in.db")
    base.execute("create table t (id integer, name text, n integer)")
    base.executemany("insert into t values (?, ?, ?)", [(n, "n%d" % n, n % 5) for n in range(5000)])
    base.commit()
    steps = [{"filter": ".id > 2"}, {"rename": {"name": "who"}}, {"map": {"n": "100 / .n", "x": "1"}}, {"drop": "id"}]
    pipeline(steps, {"type": "sqlite", "path": "in.db", "table": "t"})
    run("run", "p.yaml")
    same(len(read("out.csv").splitlines()), 1 + 4997 - 999)
    wanted = [{"id": n, "name": "n%d" % n, "n": 0} for n in range(5, 5000, 5)]
    same([json.loads(r["raw"]) for r in rejects("out.csv.rejects.jsonl")], wanted)


@test
def streams_storage_and_small_batches_change_nothing():
    records, text = random_records(8, 3000)
    lists = [[{"dedupe": "id"}, {"filter": '.kind != "a"'}],
             [{"filter": '.kind != "a"'}, {"aggregate": {"by": "city", "values": {"n": "count()", "m": "max(note)"}}}],
             [{"map": {"p": ".price + 1"}}, {"drop": "note"}]]
    for steps in lists:
        output, refused, counts = every_way(text, steps, "out.jsonl")
        for more in (("--streaming-mode",), ("--storage-mode", "row"), ("--batch-size", 7), ("--batch-size", 100, "--workers", 1)):
            run("run", "p.yaml", *more, stdin=text.encode(), piped=True)
            same(read("out.jsonl").decode(), output, steps, more)
            same(rejects("out.jsonl.rejects.jsonl"), refused, steps, more)


# --- what is wrong is said ---

@test
def a_wrong_step_is_named_with_its_place_and_nothing_is_touched():
    write("in.csv", "id,city,price\n1,Oslo,2\n")
    write("out.csv", "old\n")
    cases = [("- drop: citty", "p.yaml:4:11: drop: there is no column 'citty'; did you mean 'city'?"),
             ("- selct: [id]", "p.yaml:4:5: unknown step 'selct'; did you mean 'select'?"),
             ("- select: [id, id]", "p.yaml:4:18: select: 'id' is named twice"),
             ("- rename: {id: city}", "p.yaml:4:18: there would be two columns 'city'"),
             ("- dedupe: {by: id, windw: 3}", "p.yaml:4:22: unknown key of dedupe 'windw'; did you mean 'window'?"),
             ("- dedupe: {by: id, window: 10m}", "p.yaml:4:13: dedupe: expected a window that is a duration and `time`"),
             ("- mask: {columns: id, method: hash}", "p.yaml:4:11: mask: expected salt or salt_file"),
             ("- mask: {columns: id, method: keep_last}", "p.yaml:4:11: mask: expected keep"),
             ("- mask: {columns: id, method: rot13}", "p.yaml:4:33: method: expected redact, hash, keep_first or keep_last"),
             ("- aggregate: {by: id, values: {n: total(price)}}", "p.yaml:4:37: values: expected count(), count(column)"),
             ("- aggregate: {by: id, values: {n: sum(prise)}}",
              "p.yaml:4:37: aggregate: there is no column 'prise'; did you mean 'price'?"),
             ("- aggregate: {by: id, values: {n: count()}}\n- drop: price",
              "p.yaml:5:11: drop: there is no column 'price'"),
             ("- filter: .prise > 1", "p.yaml:4:13: filter: 1:1: no field 'prise'; did you mean 'price'?"),
             ("- filter: .price +", "p.yaml:4:13: filter: 1:9: expected a value, found the end"),
             ("- filter: .price + 1", "p.yaml:4:13: filter: 1:"),
             ("- map: {a: .id, b: .a + .c}", "p.yaml:4:22: map: 'b': 1:6: no field 'c'"),
             ("- cast: {price: integer}", "p.yaml:4:19: cast: 'integer' is no type; expected int, decimal"),
             ("- cast: {prise: int}", "p.yaml:4:19: cast: there is no column 'prise'; did you mean 'price'?"),
             ("- explode: [a, b]", "p.yaml:4:14: explode: expected a text"),
             ("- {drop: id, select: id}", "p.yaml:4:5: transforms: expected one step an entry"),
             ("drop: id", "p.yaml:4:3: transforms: expected a list of steps")]
    for step, wanted in cases:
        body = "\n".join("  " + line for line in step.split("\n"))
        write("p.yaml", "source: in.csv\ndestination: out.csv\ntransforms:\n%s\n" % body)
        line = one_line_error(run("run", "p.yaml", code=2))
        expect(wanted in line, "wanted %r in" % wanted, line)
        same(read("out.csv"), b"old\n")
    for flag, value, wanted in (("--select", "id,citty", "--select: there is no column 'citty'; did you mean 'city'?"),
                                ("--rename", "citty=c", "--rename: there is no column 'citty'; did you mean 'city'?"),
                                ("--map", "x", "--map: expected name = expression, found 'x'")):
        expect(wanted in one_line_error(run("copy", "in.csv", "out.csv", flag, value, code=2)), flag)


@test
def a_secret_salt_stays_secret():
    write("in.csv", "id\n1\n")
    write("salt.txt", "pepper\n")
    pipeline([{"mask": {"columns": "id", "method": "hash", "salt_file": "salt.txt"}}], "in.csv")
    run("run", "p.yaml")
    same(read("out.csv").decode(), "id\n%s\n" % hashlib.sha256(b"pepper1").hexdigest())
    result = run("check", "p.yaml")
    expect(b"pepper" not in result.out + result.err, result)
    pipeline([{"mask": {"columns": "id", "method": "hash", "salt_file": "none.txt"}}], "in.csv")
    one_line_error(run("run", "p.yaml", code=2), "p.yaml:1:", "salt_file", "none.txt")


if __name__ == "__main__":
    main()
