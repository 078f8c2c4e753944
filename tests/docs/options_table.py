#!/usr/bin/env python3
"""Holds the tables of options in a document to what the program prints.

Usage: options_table.py CONNECTOR FILE.md [--write]. A table stands behind a line
`<!-- options: source -->` or `<!-- options: destination -->`; without --write exit 1 if one differs.
"""
import re
import subprocess
import sys


def printed_options(connector):
    """{"source": [(name, help, values)], "destination": ...} from `millrace list CONNECTOR`."""
    done = subprocess.run(["millrace", "list", connector], capture_output=True, text=True, check=True)
    ends, here = {}, None
    for line in done.stdout.splitlines():
        end = re.match(r"\w+ as a (source|destination):", line)
        if end:
            here = ends.setdefault(end.group(1), [])
        elif re.match(r"  \w+$", line):
            here.append((line.strip(), []))
        elif line.startswith("      "):
            here[-1][1].append(line.strip())
    return {end: [(name, *split_help(lines)) for name, lines in options] for end, options in ends.items()}


def split_help(lines):
    """The last line tells values, default and other names; help may take several lines before it."""
    values, default, also = lines[-1], "", ""
    if "; also " in values:
        values, also = values.split("; also ", 1)
    if "; default " in values:
        values, default = values.split("; default ", 1)
    elif values == "text":
        default = ""
    meaning = " ".join(lines[:-1]) + (f" (also called `{also}`)" if also else "")
    return values, default, meaning


def table(options):
    def cell(text):
        return text.replace("|", "\\|")

    rows = ["| option | value | default | meaning |", "|---|---|---|---|"]
    for name, values, default, meaning in options:
        shown = f"`{cell(default)}`" if default else ""
        rows.append(f"| `{name}` | {cell(values)} | {shown} | {cell(meaning)} |")
    return "\n".join(rows) + "\n"


def main():
    connector, path = sys.argv[1:3]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    ends = printed_options(connector)

    def renewed(match):
        return match.group(1) + table(ends[match.group(2)])

    wanted = re.sub(r"(<!-- options: (\w+) -->\n\n)((?:\|.*\n)*)", renewed, text)
    if "--write" in sys.argv:
        with open(path, "w", encoding="utf-8") as file:
            file.write(wanted)
    elif wanted != text:
        print(f"{path}: the options are not what `millrace list {connector}` prints; mend with --write", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
