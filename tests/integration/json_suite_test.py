# SPDX-License-Identifier: MIT
"""The public JSON parsing test suite: y_ is accepted, n_ refused, i_ survives, and nothing takes long."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import SOURCE, expect, main, run, test

KNOWN = {}
FOLDER = os.path.join(os.path.abspath(SOURCE), "tests/data/json-test-suite/test_parsing")
LIMIT_SECONDS = 5


def each(prefix, judge):
    names = sorted(name for name in os.listdir(FOLDER) if name.startswith(prefix))
    wrong = []
    for name in names:
        # The path is a setting here, for some names hold characters that mean something in an endpoint.
        result = run("copy", "json:", "null:", "--from-opt", "path=" + os.path.join(FOLDER, name),
                     "--from-opt", "format=document", "--wrap-scalars", "v", "--rejects", "rejects.jsonl",
                     "--progress", "off", code=None)
        if result.seconds > LIMIT_SECONDS or not judge(result.code):
            wrong.append("%s: code %d, %.1f s, %s" % (name, result.code, result.seconds,
                                                     result.err.decode("utf-8", "replace").split("\n")[0]))
    print("    %s: %d files, %d wrong" % (prefix, len(names), len(wrong)))
    expect(len(names) > 30, "only %d files %s in %s" % (len(names), prefix, FOLDER))
    expect(not wrong, "\n".join(wrong))


@test
def every_y_file_is_accepted():
    each("y_", lambda code: code == 0)


@test
def every_n_file_is_refused():
    each("n_", lambda code: 0 < code < 128)


@test
def no_i_file_crashes():
    each("i_", lambda code: 0 <= code < 128)


@test
def the_endpoint_form_does_the_same():
    path = os.path.join(FOLDER, "y_array_empty.json")
    run("copy", "json:%s?format=document&wrap_scalars=v" % path, "null:")
    run("copy", "json:%s?format=document&wrap_scalars=v" % path.replace("y_array_empty", "y_structure_lonely_int"), "null:")
    path = os.path.join(FOLDER, "n_array_comma_and_number.json")
    result = run("copy", "json:%s?format=document&wrap_scalars=v" % path, "null:", code=None)
    expect(0 < result.code < 128, result)


main(KNOWN)
