#!/usr/bin/env python3
"""Random expressions, random cells, and what they give by the book: python's integers, fractions and dates.

Usage: expr_twin.py SEED COUNT. Prints a case a line, parts between tabs: the expression, what it gives (a text, null, fault, or
error when its constants alone fail), then the cells as name=type=text, or name=type for null. Slow and obvious: values
are (kind, value[, scale]), an expression is evaluated as it is made, and nothing is shared with the program.
"""
import datetime
import hashlib
import json
import random
import re
import sys
import uuid
from fractions import Fraction

LIMIT, SCALE = 10 ** 38, 37


class Fault(Exception):
    pass


class Folded(Exception):
    """A constant call that fails, or is null: the program says so when it compiles."""


# --- numbers: (coefficient, scale) -------------------------------------------------------------------

def number(coefficient, scale):
    return ("num", coefficient, scale)


def exact(coefficient, scale):
    while abs(coefficient) >= LIMIT or scale > SCALE:
        if scale == 0 or coefficient % 10:
            raise Fault
        coefficient, scale = coefficient // 10, scale - 1
    return number(coefficient, scale)


def fraction(v):
    return Fraction(v[1], 10 ** v[2])


def nearest(x):
    """A fraction to a whole number, half away from zero."""
    whole, rest = divmod(abs(x), 1)
    whole += rest >= Fraction(1, 2)
    return int(whole) if x >= 0 else -int(whole)


def add(a, b, sign=1):
    scale = max(a[2], b[2])
    total = (fraction(a) + sign * fraction(b)) * 10 ** scale
    return exact(int(total), scale)


def multiply(a, b):
    return exact(a[1] * b[1], a[2] + b[2])


def divide(a, b):
    if b[1] == 0:
        raise Fault
    q = fraction(a) / fraction(b)
    for scale in range(SCALE + 1):
        if (q * 10 ** scale).denominator == 1:
            if abs(q * 10 ** scale) < LIMIT:
                return number(int(q * 10 ** scale), scale)
            break
    digits = 0  # before the point; less than 0 counts zeros behind it
    while abs(q) >= Fraction(10) ** digits:
        digits += 1
    while abs(q) < Fraction(10) ** (digits - 1):
        digits -= 1
    scale = min(34 - digits, SCALE)
    coefficient = nearest(q * Fraction(10) ** scale)
    while scale > 0 and coefficient % 10 == 0:
        coefficient, scale = coefficient // 10, scale - 1
    if scale < 0:
        coefficient, scale = coefficient * 10 ** -scale, 0
    if abs(coefficient) >= LIMIT:
        raise Fault
    return number(coefficient, scale)


def cut(x):
    return int(abs(x)) * (1 if x >= 0 else -1)


def whole_quotient(a, b):
    if b[1] == 0:
        raise Fault
    return exact(cut(fraction(a) / fraction(b)), 0)


def rest(a, b):
    if b[1] == 0:
        raise Fault
    scale = max(a[2], b[2])
    value = fraction(a) - fraction(b) * cut(fraction(a) / fraction(b))
    return number(int(value * 10 ** scale), scale)


def rounded(a, places, how):
    if places >= a[2]:
        coefficient, scale = a[1], a[2]
        while scale < places and abs(coefficient) < LIMIT // 10:
            coefficient, scale = coefficient * 10, scale + 1
        return number(coefficient, scale)
    x = fraction(a) * Fraction(10) ** places
    value = {"round": nearest, "floor": lambda v: v.__floor__(), "ceil": lambda v: v.__ceil__(), "trunc": cut}[how](x)
    if places < 0:
        value, places = value * 10 ** -places, 0
    if abs(value) >= LIMIT:
        raise Fault
    return number(value, places)


def spell(v):
    if v[0] == "bool":
        return "true" if v[1] else "false"
    if v[0] in ("str", "date"):
        return str(v[1])
    digits = str(abs(v[1])).rjust(v[2] + 1, "0")
    text = digits if v[2] == 0 else digits[:-v[2]] + "." + digits[-v[2]:]
    return ("-" if v[1] < 0 else "") + text


def read_number(text):
    """By the exact typing rules, or None."""
    body = text[1:] if text.startswith("-") else text
    whole, point, part = body.partition(".")
    digits = whole + part
    if not digits.isdigit() or not digits.isascii() or not whole or (point and not part) or len(digits) > 38:
        return None
    if len(whole) > 1 and whole[0] == "0":
        return None
    if text.startswith("-") and int(digits) == 0:
        return None
    return number(int(digits) * (-1 if text.startswith("-") else 1), len(part))


def as_number(v):
    found = read_number(v[1]) if v[0] == "text" else v
    if found is None:
        raise Fault
    return found


# --- hashes ---------------------------------------------------------------------------------------

WORD = (1 << 64) - 1


def xxh64(data):
    """The xxHash specification, seed 0, byte by byte."""
    p = [0x9e3779b185ebca87, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9, 0x85ebca77c2b2ae63, 0x27d4eb2f165667c5]

    def left(value, bits):
        return (value << bits | value >> (64 - bits)) & WORD

    def mix(lane, word):
        return left((lane + word * p[1]) & WORD, 31) * p[0] & WORD

    def word(at, size):
        return int.from_bytes(data[at:at + size], "little")
    at, h = 0, p[4]
    if len(data) >= 32:
        lanes = [(p[0] + p[1]) & WORD, p[1], 0, -p[0] & WORD]
        while at + 32 <= len(data):
            lanes = [mix(lane, word(at + 8 * i, 8)) for i, lane in enumerate(lanes)]
            at += 32
        h = sum(left(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & WORD
        for lane in lanes:
            h = ((h ^ mix(0, lane)) * p[0] + p[3]) & WORD
    h = (h + len(data)) & WORD
    while at + 8 <= len(data):
        h = (left(h ^ mix(0, word(at, 8)), 27) * p[0] + p[3]) & WORD
        at += 8
    if at + 4 <= len(data):
        h = (left(h ^ word(at, 4) * p[0] & WORD, 23) * p[1] + p[2]) & WORD
        at += 4
    for byte in data[at:]:
        h = left(h ^ byte * p[4] & WORD, 11) * p[0] & WORD
    h = (h ^ h >> 33) * p[1] & WORD
    h = (h ^ h >> 29) * p[2] & WORD
    return h ^ h >> 32


def crc32c(data):
    """Bit by bit, polynomial 0x1edc6f41 reflected."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


HASHES = {"hash": lambda data: "%016x" % xxh64(data), "crc32c": lambda data: "%08x" % crc32c(data),
          "md5": lambda data: hashlib.md5(data).hexdigest(), "sha256": lambda data: hashlib.sha256(data).hexdigest()}


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# --- order ------------------------------------------------------------------------------------------

def order(a, b):
    """-1, 0, 1, or None when they cannot be ordered."""
    if a[0] == "text" or b[0] == "text":
        if a[0] == b[0]:
            x, y = read_number(a[1]), read_number(b[1])
            a, b = (x, y) if x and y else (("str", a[1]), ("str", b[1]))
        elif "num" in (a[0], b[0]):
            a = read_number(a[1]) if a[0] == "text" else a
            b = read_number(b[1]) if b[0] == "text" else b
            if a is None or b is None:
                return None
        else:
            a, b = ("str", a[1]), ("str", b[1])
    x, y = (fraction(a), fraction(b)) if a[0] == "num" else (a[1], b[1])
    if a[0] == "str":
        x, y = x.encode(), y.encode()
    return (x > y) - (x < y)


def relate(sign, a, b):
    o = order(a, b)
    if sign in ("=", "!="):
        return ("bool", (o == 0) == (sign == "="))
    if o is None:
        raise Fault
    return ("bool", {"<": o < 0, "<=": o <= 0, ">": o > 0, ">=": o >= 0}[sign])


# --- expressions: a node is (text, function giving a value, constant) ---------------------------------

# patterns that python and PCRE2 read the same way
PATTERNS = [(text, re.compile(text, re.A)) for text in (r"a+", r"[bB]", r"[^a]", r"(a|b)\d?", r"^.a", r"(\w) ", r"b$")]


class Maker:
    def __init__(self, rng):
        self.rng = rng
        self.cells = {}

    def lazily(self, text, give):
        return text, give, False

    def call(self, text, give, *args):
        """A call that is null for a null, and is carried out at once when all is constant."""
        def evaluate():
            values = [a[1]() for a in args]
            return None if None in values else give(*values)
        constant = all(a[2] for a in args)
        if constant:
            try:
                value = evaluate()
            except Fault as fault:
                raise Folded from fault
            if value is None:  # what is always null is refused where it makes no sense
                raise Folded
            return text, lambda: value, True
        return text, evaluate, False

    def number_text(self, wide=True):
        r = self.rng
        size = r.choice([1, 1, 2, 3, 6, 19, 37] if wide else [1, 1, 2, 3])
        whole = str(r.randrange(10 ** size))
        scale = r.choice([0, 0, 0, 1, 2, 5, 20])
        scale = min(scale, 38 - len(whole))
        part = "".join(r.choice("0015") for _ in range(scale))
        return whole + ("." + part if part else "")

    def cell(self, kind):
        r = self.rng
        name = kind[0] + str(r.randrange(3))
        if name not in self.cells:
            null = r.random() < 0.12
            if kind == "num":
                text = self.number_text()
                if r.random() < 0.3 and int(text.replace(".", "")) != 0:
                    text = "-" + text
                self.cells[name] = ("decimal", None if null else text, read_number(text))
            elif kind == "str":
                text = "".join(r.choice("aabB -é1") for _ in range(r.randrange(7)))
                self.cells[name] = ("string", None if null else text, ("str", text))
            elif kind == "bool":
                value = r.random() < 0.5
                self.cells[name] = ("bool", None if null else "true" if value else "false", ("bool", value))
            elif kind == "date":
                day = datetime.date(r.randrange(1900, 2100), r.randrange(1, 13), r.randrange(1, 29))
                self.cells[name] = ("date", None if null else str(day), ("date", day))
            else:
                text = r.choice([self.number_text(), "007", "-0", "a", "1e3", "-1.50", "2", "1.0", "1"])
                self.cells[name] = ("untyped", None if null else text, ("text", text))
        found = self.cells[name]
        return "." + name, lambda: None if found[1] is None else found[2], False

    def literal(self, kind):
        r = self.rng
        if kind == "num":
            text = self.number_text(r.random() < 0.2)
            return text, lambda: read_number(text), True
        if kind == "str":
            text = "".join(r.choice("abB 1é") for _ in range(r.randrange(4)))
            return '"' + text + '"', lambda: ("str", text), True
        if kind == "bool":
            value = r.random() < 0.5
            return "true" if value else "false", lambda: ("bool", value), True
        day = datetime.date(r.randrange(1990, 2030), r.randrange(1, 13), r.randrange(1, 29))
        return f'date "{day}"', lambda: ("date", day), True

    def make(self, kind, depth):
        if depth == 0 or self.rng.random() < 0.15:
            return self.cell(kind) if self.rng.random() < 0.7 else self.literal(kind)
        if self.rng.random() < 0.2:
            return self.form(kind, depth - 1)
        return getattr(self, "make_" + kind)(depth - 1)

    def form(self, kind, depth):
        r, a, b = self.rng, self.make(kind, depth), self.make(kind, depth)
        pick = r.randrange(3)
        if pick == 0:
            c = self.make("bool", depth)

            def choose():
                truth = c[1]()
                return a[1]() if truth is not None and truth[1] else b[1]()
            return self.lazily(f"if({c[0]}, {a[0]}, {b[0]})", choose)

        def instead():
            try:
                value = a[1]()
            except Fault:
                if pick == 1:
                    return b[1]()
                raise
            return b[1]() if value is None and pick == 2 else value
        return self.lazily(f"try({a[0]}, {b[0]})" if pick == 1 else f"({a[0]} ?? {b[0]})", instead)

    def operand(self, depth, later):
        """Something that arithmetic takes: a number, or untyped text that is read now or later."""
        if self.rng.random() < 0.1:
            text, give, _ = self.cell("untyped")
            return text, give if later else lambda: None if give() is None else as_number(give()), False
        return self.make("num", depth)

    def make_num(self, depth):
        r = self.rng
        signs = {"+": lambda a, b: add(as_number(a), b), "-": lambda a, b: add(a, b, -1), "*": multiply, "/": divide, "%": rest}
        pick = r.randrange(10)
        if pick < 5:
            sign = r.choice("+-*/%")
            # '+' sees to null before it reads untyped text, which might be meant to be joined
            a, b = self.operand(depth, sign == "+"), self.make("num", depth)
            return self.call(f"({a[0]} {sign} {b[0]})", signs[sign], a, b)
        if r.random() < 0.25:
            return self.make_more_num(depth)
        a = self.make("num", depth)
        if pick == 5:
            return self.call(f"(-{a[0]})", lambda v: number(-v[1], v[2]), a)
        if pick == 6:
            how, places = r.choice(["round", "floor", "ceil", "trunc"]), r.randrange(-3, 6)
            return self.call(f"{how}({a[0]}, {places})", lambda v: rounded(v, places, how), a)
        if pick == 7:
            b = self.make("num", depth)
            return self.call(f"div({a[0]}, {b[0]})", whole_quotient, a, b)
        if pick == 8:
            s = self.make("str", depth)
            return self.call(f"len({s[0]})", lambda v: number(len(v[1]), 0), s)
        d, e = self.make("date", depth), self.make("date", depth)
        return self.call(f'date_diff({d[0]}, {e[0]}, "day")', lambda x, y: number((x[1] - y[1]).days, 0), d, e)

    def make_more_num(self, depth):
        r = self.rng
        pick = r.randrange(7)
        if pick == 0:
            d, part = self.make("date", depth), r.choice(["year", "quarter", "month", "day", "weekday", "yearday"])
            parts = {"quarter": lambda v: (v.month + 2) // 3, "weekday": lambda v: v.isoweekday(),
                     "yearday": lambda v: v.timetuple().tm_yday}
            return self.call(f"{part}({d[0]})",
                             lambda v: number(parts.get(part, lambda day: getattr(day, part))(v[1]), 0), d)
        if pick == 1:
            s, find = self.make("str", depth), r.choice(["a", "é", " b", "B1"])

            def position(v):
                at = v[1].find(find)
                return number(at, 0) if at >= 0 else None
            return self.call(f'position({s[0]}, "{find}")', position, s)
        a = self.make("num", depth)
        if pick == 2:
            b, name = self.make("num", depth), r.choice(["least", "greatest"])

            def extreme(*values):
                there = [v for v in values if v is not None]
                if not there:
                    return None
                best = (min if name == "least" else max)(fraction(v) for v in there)
                return next(v for v in there if fraction(v) == best)
            return self.nulls_too(f"{name}({a[0]}, {b[0]})", extreme, a, b)
        if pick == 3:
            return self.call(f"abs({a[0]})", lambda v: number(abs(v[1]), v[2]), a)
        if pick == 4:
            return self.call(f"sign({a[0]})", lambda v: number((v[1] > 0) - (v[1] < 0), 0), a)
        if pick == 5:
            text, give, _ = self.cell("untyped")
            return self.cast(text, give)
        whole = self.call(f"trunc({a[0]})", lambda v: rounded(v, 0, "trunc"), a)

        def fits(v):
            if not -2 ** 63 <= v[1] < 2 ** 63:
                raise Fault
            return v
        return self.call(f"int({whole[0]})", fits, whole)

    def cast(self, text, give):
        """int() and decimal() read texts more kindly than columns are read: signs, leading zeros, exponents."""
        def to_decimal(v):
            if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", v[1], re.I):
                raise Fault
            mantissa, _, exponent = v[1].lower().partition("e")
            value, scale = Fraction(mantissa) * Fraction(10) ** int(exponent or 0), len(mantissa.partition(".")[2])
            scale = max(scale - int(exponent or 0), 0)
            return exact(int(value * 10 ** scale), scale)

        def to_int(v):
            value = fraction(to_decimal(v))
            if value.denominator != 1 or not -2 ** 63 <= value < 2 ** 63:
                raise Fault
            return number(int(value), 0)
        name, how = self.rng.choice([("int", to_int), ("decimal", to_decimal)])
        return self.call(f"{name}({text})", how, (text, give, False))

    def make_bool(self, depth):
        r = self.rng
        pick = r.randrange(10)
        if pick == 8:
            a, (pattern, test) = self.make("str", depth), r.choice(PATTERNS)
            return self.call(f'regex_match({a[0]}, r"{pattern}")', lambda v: ("bool", bool(test.search(v[1]))), a)
        if pick == 9:
            a, pattern = self.make("str", depth), "".join(r.choice("ab%_B") for _ in range(r.randrange(5)))
            test = re.compile("".join({"%": ".*", "_": "."}.get(c, c) for c in pattern), re.S)
            return self.call(f'({a[0]} like "{pattern}")', lambda v: ("bool", bool(test.fullmatch(v[1]))), a)
        if pick < 3:
            kind = r.choice(["num", "num", "str", "date"])
            sign = r.choice(["=", "!=", "<", "<=", ">", ">="])
            a = self.cell("untyped") if kind in ("num", "str") and r.random() < 0.3 else self.make(kind, depth)
            b = self.make(kind, depth)
            return self.call(f"({a[0]} {sign} {b[0]})", lambda x, y: relate(sign, x, y), a, b)
        if pick == 3:
            return self.make_logic(depth)
        if pick == 4:
            a = self.make("bool", depth)
            return self.call(f"(not {a[0]})", lambda v: ("bool", not v[1]), a)
        if pick == 5:
            a, b = self.make("str", depth), self.make("str", 0)
            name, test = r.choice([("contains", lambda x, y: y in x), ("starts_with", str.startswith), ("ends_with", str.endswith)])
            return self.call(f"{name}({a[0]}, {b[0]})", lambda x, y: ("bool", test(x[1], y[1])), a, b)
        if pick == 6:
            return self.make_in(depth)
        return self.make_between(depth)

    def make_logic(self, depth):
        both = self.rng.random() < 0.5
        a, b = self.make("bool", depth), self.make("bool", depth)

        def evaluate():
            left = a[1]()
            if left is not None and left[1] != both:
                return left
            right = b[1]()
            if left is None and (right is None or right[1] == both):
                return None
            return right
        return self.lazily(f"({a[0]} {'and' if both else 'or'} {b[0]})", evaluate)

    def make_in(self, depth):
        kind = self.rng.choice(["num", "str"])
        x, entries = self.make(kind, depth), [self.make(kind, 0) for _ in range(self.rng.randrange(1, 5))]

        def find(*values):
            found, unknown = False, False
            if values[0] is None:
                return None
            for v in values[1:]:
                if v is None:
                    unknown = True
                elif order(values[0], v) == 0:
                    return ("bool", True)
            return None if unknown else ("bool", found)
        text = f"({x[0]} in ({', '.join(e[0] for e in entries)}))"
        return self.nulls_too(text, find, x, *entries)

    def nulls_too(self, text, give, *args):
        def evaluate():
            return give(*[a[1]() for a in args])
        if all(a[2] for a in args):
            value = evaluate()
            return text, lambda: value, True
        return text, evaluate, False

    def make_between(self, depth):
        kind = self.rng.choice(["num", "date"])
        x, low, high = self.make(kind, depth), self.make(kind, 0), self.make(kind, 0)

        def between(v, a, b):
            if v is None or (a is None and b is None):
                return None
            sides = [None if a is None else order(v, a) >= 0, None if b is None else order(v, b) <= 0]
            return ("bool", False) if False in sides else None if None in sides else ("bool", True)
        return self.nulls_too(f"({x[0]} between {low[0]} and {high[0]})", between, x, low, high)

    def make_str(self, depth):
        r = self.rng
        a = self.make("str", depth)
        pick = r.randrange(14)
        if pick > 6:
            return self.make_more_str(pick, a, depth)
        if pick == 0:
            b = self.make("str", depth)
            return self.call(f"({a[0]} + {b[0]})", lambda x, y: ("str", x[1] + y[1]), a, b)
        if pick == 1:
            return self.call(f"upper({a[0]})", lambda v: ("str", v[1].upper()), a)
        if pick == 2:
            start, length = r.randrange(-5, 6), r.randrange(6)

            def part(v):
                first = start if start >= 0 else len(v[1]) + start
                last = first + length
                return ("str", v[1][max(first, 0):max(last, 0)])
            return self.call(f"substr({a[0]}, {start}, {length})", part, a)
        if pick == 3:
            old, new = r.choice(["a", "B", "é", "ab"]), r.choice(["", "x", "éé"])
            return self.call(f'replace({a[0]}, "{old}", "{new}")', lambda v: ("str", v[1].replace(old, new)), a)
        if pick == 4:
            return self.call(f"trim({a[0]})", lambda v: ("str", v[1].strip()), a)
        if pick == 5:
            x = self.make(r.choice(["num", "bool", "date"]), depth)
            return self.call(f"string({x[0]})", lambda v: ("str", spell(v)), x)
        b = self.make("str", depth)
        return self.nulls_too(f"concat({a[0]}, {b[0]})",
                              lambda x, y: ("str", (x[1] if x else "") + (y[1] if y else "")), a, b)

    def make_more_str(self, pick, a, depth):
        r = self.rng
        if pick == 7:
            return self.call(f"lower({a[0]})", lambda v: ("str", v[1].lower()), a)
        if pick == 8:
            by, part = r.choice([" ", "a", "é", "aa"]), r.randrange(-3, 3)

            def split(v):  # what is not there is absent
                parts = v[1].split(by) if v else []
                return ("str", parts[part] if -len(parts) <= part < len(parts) else "-")
            return self.nulls_too(f'coalesce(split({a[0]}, "{by}", {part}), "-")', split, a)
        if pick == 9:
            pattern, test = r.choice(PATTERNS)

            def extract(v):
                found = test.search(v[1])
                return ("str", found.group(1 if test.groups else 0)) if found else None
            return self.call(f'regex_extract({a[0]}, r"{pattern}")', extract, a)
        if pick == 10:
            pattern, test = r.choice(PATTERNS[:3])
            return self.call(f'regex_replace({a[0]}, r"{pattern}", "<$0>")',
                             lambda v: ("str", test.sub(lambda found: "<" + found.group(0) + ">", v[1])), a)
        if pick == 11:
            name, size = r.choice(["lpad", "rpad"]), r.randrange(8)

            def pad(v):
                fill = "0" * (size - len(v[1]))
                return ("str", (fill + v[1] if name == "lpad" else v[1] + fill)[:size])
            return self.call(f'{name}({a[0]}, {size}, "0")', pad, a)
        return self.make_hash(a, depth)

    def make_hash(self, a, depth):
        r = self.rng
        name = r.choice(list(HASHES) + ["uuid_v5", "record"])
        if name == "record":
            # of all cells, those that come later too; so it is looked at when the expression is whole
            def whole():
                cells = sorted(self.cells.items(), key=lambda item: item[0].encode())
                text = compact({n: v for n, (_, v, _) in cells})
                return ("str", HASHES["hash"](text.encode()))
            return self.lazily("record_hash()", whole)
        args = [a] + [self.make(r.choice(["str", "num", "bool", "date"]), 0) for _ in range(r.randrange(3))]

        def text_of(values):
            if len(args) == 1:
                return None if values[0] is None else spell(values[0])
            return compact([None if v is None else spell(v) for v in values])

        def give(*values):
            text = text_of(values)
            if text is None:
                return None
            if name == "uuid_v5":
                return ("str", str(uuid.uuid5(uuid.NAMESPACE_URL, text)))
            return ("str", HASHES[name](text.encode()))
        space = '"url", ' if name == "uuid_v5" else ""
        made = self.nulls_too(f"{name}({space}{', '.join(x[0] for x in args)})", give, *args)
        return made if name != "uuid_v5" else (f"string({made[0]})",) + made[1:]

    def make_date(self, depth):
        r = self.rng
        a = self.make("date", depth)
        if r.random() < 0.3:
            unit = r.choice(["month", "year", "week"])

            def truncate(v):
                d = v[1]
                if unit == "week":
                    return ("date", d - datetime.timedelta(days=d.weekday()))
                return ("date", d.replace(day=1, month=d.month if unit == "month" else 1))
            return self.call(f'date_trunc({a[0]}, "{unit}")', truncate, a)
        unit, count = r.choice(["day", "week", "month", "year"]), r.randrange(-30, 31)

        def move(v):
            d = v[1]
            if unit in ("day", "week"):
                return ("date", d + datetime.timedelta(days=count * (7 if unit == "week" else 1)))
            month = d.year * 12 + d.month - 1 + count * (12 if unit == "year" else 1)
            day = d.day
            while True:
                try:
                    return ("date", datetime.date(month // 12, month % 12 + 1, day))
                except ValueError:
                    day -= 1
        return self.call(f'date_add({a[0]}, {count}, "{unit}")', move, a)


def main():
    rng = random.Random(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        maker = Maker(rng)
        kind = rng.choice(["num", "num", "bool", "bool", "str", "date"])
        try:
            text, give, _ = maker.make(kind, rng.randrange(1, 5))
            try:
                value = give()
                said = "null" if value is None else "=" + spell(value)
            except Fault:
                said = "fault"
        except Folded:
            continue  # its text was never finished
        cells = [f"{n}={t}" + ("" if v is None else "=" + v) for n, (t, v, _) in maker.cells.items()]
        print("\t".join([text, said, *cells]))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # whoever reads has seen enough
        sys.exit(1)
