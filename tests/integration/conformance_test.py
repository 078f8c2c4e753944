# SPDX-License-Identifier: MIT
"""docs/internals/conformance.md names tests: each of them is there."""
import os
import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import SOURCE, expect, main, same, test

PAGE = pathlib.Path(SOURCE, "docs/internals/conformance.md")


def file_of(name):
    beside = pathlib.Path(SOURCE, name)
    return beside if "/" in name else pathlib.Path(SOURCE, "tests/integration", name)


def named():
    """(file, test) of every cell; the names behind a colon, up to the next file, that look like those of tests."""
    for line in PAGE.read_text().splitlines():
        if not line.startswith("|"):
            continue
        for found in re.finditer(r"`([\w./]+_test\.(?:c|py|sh))`(?:: ([^`;]*))?", line):
            yield found.group(1), re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+){2,}\b", found.group(2) or "")


@test
def every_test_that_the_page_names_is_there():
    files, tests = set(), 0
    for name, functions in named():
        path = file_of(name)
        expect(path.exists(), name)
        text = path.read_text()
        files.add(name)
        for function in functions:
            tests += 1
            expect(re.search(r"(^def |MR_TEST\()%s\(?\b" % function, text, re.M), "%s has no test %s" % (name, function))
    expect(len(files) > 25 and tests > 150, len(files), tests)


@test
def every_section_has_a_heading():
    same(re.findall(r"^## ([0-9.]+)", PAGE.read_text(), re.M),
         ["8", "10.1", "10.2", "10.3", "10.4", "10.5", "10.6", "10.7", "10.8", "14"])


main()
