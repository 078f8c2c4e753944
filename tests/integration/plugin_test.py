"""Plug-ins as their authors and users see them: examples/plugin built against the installed header, loaded in every way,
and plug-ins that are wrong in every way that can be told."""
import collections
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

SOURCE = pathlib.Path(os.environ["SOURCE"])
MILLRACE = os.environ["MILLRACE"]
SANITIZED = os.environ.get("SANITIZED", "")
HEADER = '#include <millrace/plugin.h>\n#include <stdlib.h>\n#include <string.h>\n#include <stdio.h>\n'

# A destination that writes down what it is told: formats of columns, one line a start; rows of int, text and decimal columns.
MIRROR = HEADER + r"""
static FILE *out;
static struct ArrowArray kept; static int keeps;
static int open_(const millrace_config *c, void **s, millrace_error *e) {
    (void)e; out = fopen(c->path, "w"); *s = out; keeps = strstr(c->path, "keep") != NULL; return out ? 0 : 3; }
static int start(void *s, const struct ArrowSchema *schema, millrace_error *e) {
    (void)s, (void)e;
    fprintf(out, "start");
    for (int64_t i = 0; i < schema->n_children; i++)
        fprintf(out, " %s=%s", schema->children[i]->name, schema->children[i]->format);
    fprintf(out, "\n"); return 0; }
static int write_(void *s, struct ArrowArray *batch, millrace_error *e) {
    (void)s, (void)e;
    fprintf(out, "write %lld\n", (long long)batch->length);
    if (keeps && !kept.release) { kept = *batch; return 0; }
    batch->release(batch); return 0; }
static int commit(void *s, const void *p, size_t n, millrace_error *e) { (void)s, (void)p, (void)n, (void)e; fprintf(out, "commit\n"); return 0; }
static void abort_(void *s) { (void)s; fprintf(out, "abort\n"); }
static void close_(void *s) { (void)s; if (kept.release) kept.release(&kept); if (out) fclose(out); }
static const millrace_destination d = {.size = sizeof d, .capabilities = CAPS, .name = "mirror", .summary = "what it is told",
    .open = open_, .start = start, .write = write_, .commit = commit, .close = close_, .abort = abort_};
const millrace_plugin_info *millrace_plugin(uint32_t abi) {
    static const millrace_destination *const all[] = {&d};
    static const millrace_plugin_info info = {sizeof info, MILLRACE_ABI, "mirror", "0", 0, 1, 0, all};
    (void)abi; return &info; }
"""

# A source that can be made wrong: SOURCE_TABLE, INFO and READ are filled in.
BASE = HEADER + r"""
static int open_(const millrace_config *c, void **s, millrace_error *e) { (void)c, (void)e; *s = calloc(1, 8); OPEN; return 0; }
static void drop_schema(struct ArrowSchema *s) { s->release = NULL; }
static void drop_array(struct ArrowArray *a) { a->release = NULL; }
static int schema(void *s, struct ArrowSchema *out, millrace_error *e) {
    static struct ArrowSchema child, *children[1] = {&child};
    (void)s, (void)e; child = (struct ArrowSchema){.format = FORMAT, .name = "x", .release = drop_schema};
    *out = (struct ArrowSchema){.format = "+s", .n_children = 1, .children = children, .release = drop_schema}; return 0; }
static int read_(void *s, struct ArrowArray *out, millrace_error *e) {
    static int64_t values[4] = {1, 2, 3, 4}; static const void *buffers[3], *none[1];
    static struct ArrowArray child, *children[1] = {&child};
    (void)s, (void)e, (void)values;
    static int times; if (times++) return 0;
    buffers[1] = values;
    child = (struct ArrowArray){.length = 4, .n_buffers = 2, .buffers = buffers, .release = drop_array};
    *out = (struct ArrowArray){.length = 4, .n_buffers = 1, .n_children = 1, .buffers = none, .children = children, .release = drop_array};
    READ; return 0; }
static void close_(void *s) { free(s); }
OPTIONS
static const millrace_source s = {.size = sizeof s, .capabilities = MILLRACE_SOURCE_NO_PATH, .name = "odd", .summary = "a source", .open = open_,
    .schema = schema, .read = read_, .close = close_, TABLE};
const millrace_plugin_info *millrace_plugin(uint32_t abi) {
    static const millrace_source *const all[] = {&s};
    static const millrace_plugin_info info = {.size = sizeof info, .abi = MILLRACE_ABI, .name = "odd", .version = "1", .source_count = 1, .sources = all, INFO};
    (void)abi, (void)all; return RETURN; }
"""


def run(*args, code=0, env=None, cwd=None):
    done = subprocess.run([MILLRACE, *map(str, args)], capture_output=True, text=True, timeout=120, check=False, cwd=cwd,
                          env={**os.environ, **(env or {})})
    if done.returncode != code:
        raise AssertionError(f"{args}: exit {done.returncode}, expected {code}\n{done.stdout[-500:]}{done.stderr[-1500:]}")
    return done


def says(done, *words):
    for word in words:
        assert word in done.stderr, f"{word!r} is not in {done.stderr!r}"
    assert done.stderr.count("\n") <= 2, f"more than a line: {done.stderr!r}"


class Workshop:
    """A folder with the installed header, and plug-ins built in it."""

    def __init__(self, folder):
        self.folder = folder
        prefix = folder / "installed"
        subprocess.run(["cmake", "--install", os.path.dirname(MILLRACE), "--prefix", prefix], check=True, capture_output=True)
        self.include = prefix / "include"
        assert (self.include / "millrace/plugin.h").exists()

    def make_examples(self, compiler):
        at = self.folder / compiler
        shutil.copytree(SOURCE / "examples/plugin", at)
        subprocess.run(["make", "-s", "-C", at, f"CC={compiler}", f"INCLUDE={self.include}", "CFLAGS=-O1 -Wall -Wextra -Werror"],
                       check=True)
        return at

    def build(self, name, text, *flags):
        path = self.folder / name
        (self.folder / "plugin.c").write_text(text)
        subprocess.run(["cc", "-std=c11", "-w", f"-I{self.include}", "-fPIC", "-shared", "-o", path, self.folder / "plugin.c", *flags],
                       check=True)
        return path

    def odd(self, name="odd.so", **parts):
        given = {"OPEN": "", "FORMAT": '"l"', "READ": "", "OPTIONS": "", "TABLE": "", "INFO": "", "RETURN": "&info", **parts}
        text = BASE
        for key, value in given.items():
            text = text.replace(key, value)
        return self.build(name, text)


def the_header_is_plain_c_and_cpp(shop, _plugins):
    for language, standard in (("c", "c11"), ("c++", "c++17")):
        if not shutil.which("g++" if language == "c++" else "cc"):
            continue
        subprocess.run(["cc", "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                        shop.include / "millrace/plugin.h"], check=True)


def list_shows_plug_ins(_shop, plugins):
    shown = run("list", "--plugin", plugins / "dice.so", "--plugin", plugins / "tally.so").stdout
    assert "  dice       throws of a die\n" in shown and "from plug-in: dice 1.0, /" in shown, shown
    assert "guarantee: all or nothing: the file appears when it is complete" in shown
    one = run("list", "dice", "--plugin", plugins / "dice.so").stdout
    assert "sides" in one and "sides of the die" in one and "from 2 to 1000" in one, one
    as_json = json.loads(run("list", "dice", "--json", "--plugin", plugins / "dice.so").stdout)
    assert as_json["source"]["options"][0]["name"] == "sides" and as_json["source"]["plugin"].endswith("dice.so")


def records_of_a_plug_in_are_like_others(shop, plugins):
    dice = ("--plugin", plugins / "dice.so", "--summary", "off")
    lines = run("copy", "dice:?sides=6&rows=5", "json:-", *dice).stdout.splitlines()
    assert [json.loads(line)["throw"] for line in lines] == [1, 2, 3, 4, 5]
    out = shop.folder / "rolls.csv"
    for extra in ((), ("--batch-size", "7"), ("--workers", "3")):
        run("copy", "dice:?rows=20000&seed=5&sides=20", out, *dice, *extra)
        rows = list(csv.reader(out.open()))
        assert len(rows) == 20001 and rows[0] == ["throw", "fell"] and rows[20000][0] == "20000"
        assert {int(r[1]) for r in rows[1:]} == set(range(1, 21))
    assert len(run("copy", "dice:?rows=20000", "csv:-", *dice, "--limit", "3").stdout.splitlines()) == 4
    assert run("copy", "dice:?rows=0", "csv:-", *dice).stdout == "throw,fell\n"
    schema = json.loads(run("schema", "dice:", "--plugin", plugins / "dice.so").stdout)
    assert "int" in json.dumps(schema)
    assert "fell" in run("preview", "dice:?rows=3", "--plugin", plugins / "dice.so").stdout
    run("copy", "dice:?rows=1000", shop.folder / "rolls.db", *dice)


def a_destination_counts_and_publishes(shop, plugins):
    tally = ("--plugin", plugins / "tally.so", "--plugin", plugins / "dice.so", "--summary", "off")
    out = shop.folder / "tally.txt"
    run("copy", SOURCE / "data/airports.csv", f"tally:{out}?column=country", *tally)
    wanted = collections.Counter(row["country"] for row in csv.DictReader((SOURCE / "data/airports.csv").open()))
    got = {text: int(count) for count, text in (line.rstrip("\n").split("\t") for line in out.open())}
    assert got == dict(wanted), out.read_text()[:300]
    run("copy", "dice:?rows=50000", f"tally:{out}?column=fell", *tally)
    assert sum(int(line.split("\t")[0]) for line in out.open()) == 50000
    says(run("copy", "dice:", f"tally:{out}?column=nothing", *tally, code=2), "tally: there is no column 'nothing'")
    assert sum(int(line.split("\t")[0]) for line in out.open()) == 50000  # the old one stayed


def refused_rows_go_to_the_quarantine_with_their_place(shop, plugins):
    tally = ("--plugin", plugins / "tally.so")
    text = "id,name\n" + "".join(f"{i},{'x' * 50 if i % 100 == 7 else 'name'}\n" for i in range(2000))
    (shop.folder / "in.csv").write_text(text)
    out = shop.folder / "t.txt"
    for workers in ("1", "3"):
        done = run("copy", shop.folder / "in.csv", f"tally:{out}?column=name&longest=10", *tally, "--workers", workers, code=3)
        rejects = [json.loads(line) for line in (shop.folder / "t.txt.rejects.jsonl").open()]
        assert [r["record"] for r in rejects] == list(range(8, 2001, 100)), rejects[:2]
        assert rejects[0]["reason"] == "record_too_large" and rejects[0]["field"] == "name" and rejects[0]["line"] == 9
        assert rejects[0]["raw"] == "7," + "x" * 50 and rejects[0]["detail"] == "the value is longer than the option longest"
        assert out.read_text() == "1980\tname\n", done.stderr
    json_in = shop.folder / "in.jsonl"
    json_in.write_text("".join(json.dumps({"name": "y" * (20 if i == 3 else 1)}) + "\n" for i in range(10)))
    run("copy", json_in, f"tally:{out}?column=name&longest=10", *tally, code=3)
    rejects = [json.loads(line) for line in (shop.folder / "t.txt.rejects.jsonl").open()]
    assert [r["record"] for r in rejects] == [4]


def mistakes_are_named(shop, plugins):
    both = ("--plugin", plugins / "dice.so", "--plugin", plugins / "tally.so")
    says(run("copy", "dice:?sidse=6", "null:", *both, code=2), "sidse", "did you mean 'sides'?")
    says(run("copy", "dice:?sides=1", "csv:-", *both, code=2), "sides", "from 2 to 1000")
    says(run("copy", "dice:", f"tally:{shop.folder}/t", *both, code=2), "column")
    says(run("copy", "dice:", "tally:?column=fell", *both, code=2), "has no path")
    says(run("copy", "dise:", "csv:-", *both, code=2), "unknown connector 'dise'; did you mean 'dice'?")
    says(run("copy", "dice:", "dice:x", *both, code=2), "'dice' cannot be a destination")
    says(run("copy", "dice:?rows=1", "csv:-", code=2), "if this is a connector of a plug-in, load it with --plugin FILE")


def pipeline_files_and_folders_load_plug_ins(shop, plugins):
    out = shop.folder / "p.csv"
    pipeline = shop.folder / "p.yaml"
    pipeline.write_text(f"source: {{type: dice, rows: 3}}\ndestination: {out}\nplugins: [{plugins}/dice.so]\n")
    run("check", pipeline)
    run("run", pipeline)
    assert len(out.read_text().splitlines()) == 4
    pipeline.write_text(f"plugins: [{plugins}/tally.so]\nsource: {SOURCE}/data/airports.csv\ndestination: {{type: tally, path: '-', column: x}}\n")
    says(run("check", pipeline, code=2), "tally: writes a file, not standard output")
    pipeline.write_text("plugins:\n  - nowhere.so\nsource: a.csv\ndestination: b.csv\n")
    says(run("run", pipeline, code=2), "p.yaml:2:5", "plug-in 'nowhere.so' cannot be opened")
    folder = shop.folder / "folder"
    folder.mkdir()
    shutil.copy(plugins / "dice.so", folder)
    (folder / "README").write_text("not a plug-in, and not called one")
    assert run("copy", "dice:?rows=1", "csv:-", "--summary", "off", env={"MILLRACE_PLUGINS": str(folder)}).stdout.count("\n") == 2
    run("list", "--plugin", folder / "dice.so", env={"MILLRACE_PLUGINS": str(folder)})  # twice the same is once
    (folder / "bad.so").write_text("nonsense")
    says(run("list", env={"MILLRACE_PLUGINS": str(folder)}, code=2), "MILLRACE_PLUGINS: plug-in '", "bad.so': the file is not a shared object")
    says(run("list", env={"MILLRACE_PLUGINS": "/nowhere/at/all"}, code=2), "the folder of plug-ins '/nowhere/at/all' cannot be read")
    run("version", env={"MILLRACE_PLUGINS": "/nowhere/at/all"})
    assert run("copy", "dice:?rows=1", "csv:-", "--plugin", "dice.so", "--summary", "off", cwd=plugins).stdout  # no slash: here


def files_that_are_no_plug_ins_are_refused(shop, plugins):
    def refused(path, *words):
        says(run("list", "--plugin", path, code=2), *words)
    refused(shop.folder / "none.so", "cannot be opened: No such file")
    refused(shop.folder, "the path is not a file")
    (shop.folder / "empty.so").write_bytes(b"")
    refused(shop.folder / "empty.so", "the file is not a shared object")
    whole = (plugins / "dice.so").read_bytes()
    for size in (40, 64, 100, 1000, len(whole) // 3):
        (shop.folder / "cut.so").write_bytes(whole[:size])
        refused(shop.folder / "cut.so", "not a shared object" if size < 64 else "the shared object is cut short")
    other = bytearray(whole)
    other[18] = 40  # the machine: 32-bit ARM
    (shop.folder / "other.so").write_bytes(other)
    refused(shop.folder / "other.so", "for another kind of machine")
    subprocess.run(["cc", "-w", "-c", "-o", shop.folder / "part.so", plugins / "dice.c", f"-I{shop.include}"], check=True)
    refused(shop.folder / "part.so", "link it with -shared")
    refused(shop.build("nothing.so", "int x;\n"), "it has no function millrace_plugin()")
    refused(shop.build("needy.so", HEADER + "extern int missing(void); const millrace_plugin_info *millrace_plugin(uint32_t a)"
                                            "{ (void)a; return missing() ? 0 : 0; }\n"), "cannot be loaded", "undefined symbol: missing")


def tables_that_make_no_sense_are_refused(shop, _plugins):
    def refused(words, **parts):
        says(run("list", "--plugin", shop.odd(**parts), code=2), *words)
    refused(["made for plug-in ABI 2 and this Millrace has 1; compile it with this version's millrace/plugin.h"], INFO=".abi = 2")
    refused(["it cannot work with plug-in ABI 1"], RETURN="NULL")
    refused(["a plug-in table of 12 bytes"], INFO=".size = 12")
    refused(["its name or version is not a line of text"], INFO=".version = NULL")
    refused(["0 sources and 0 destinations; expected 1"], INFO=".source_count = 0")
    refused(["4000000000 sources"], INFO=".source_count = 4000000000u")
    refused(["its list of connectors is missing"], INFO=".sources = NULL")
    refused(["a source of 20 bytes, where at least"], TABLE=".size = 20")
    refused(["'odd' has no read()"], TABLE=".read = NULL")
    refused(["'odd' has no schema()"], TABLE=".schema = NULL")
    refused(["a source's name must be lower case"], TABLE='.name = "Odd One"')
    refused(["a source's name must be lower case"], TABLE=".name = NULL")
    refused(["has no summary, or not a line"], TABLE='.summary = "two\\nlines"')
    refused(["there is a source called 'csv' already"], TABLE='.name = "csv"')
    refused(["options, or none where it says it has some"], TABLE=".option_count = 3")
    option = "static const millrace_option o[] = {{%s}};"
    table = ".options = o, .option_count = 1, .option_size = sizeof o[0]"
    for entry, words in (('.name = "Bad", .type = MILLRACE_INT, .help = "h"', "an option's name must be lower case"),
                         ('.name = "path", .type = MILLRACE_TEXT, .help = "h"', "every connector's path has already"),
                         ('.name = "n", .type = 99, .help = "h", .fallback = "1"', "a type that this Millrace does not know"),
                         ('.name = "n", .type = MILLRACE_INT, .help = "h"', "needs a fallback, or MILLRACE_REQUIRED"),
                         ('.name = "n", .type = MILLRACE_INT, .fallback = "x", .help = "h"', "a fallback is wrong"),
                         ('.name = "n", .type = MILLRACE_INT, .fallback = "9", .max = 3, .help = "h"', "a fallback is wrong"),
                         ('.name = "n", .type = MILLRACE_CHOICE, .fallback = "9", .help = "h"', "a choice without choices"),
                         ('.name = "n", .type = MILLRACE_INT, .fallback = "9"', "has no help")):
        refused([words], OPTIONS=option % entry, TABLE=table)
    refused(["its options are 8 bytes each"], OPTIONS=option % '.name = "n", .type = MILLRACE_TEXT, .help = "h"',
            TABLE=".options = o, .option_count = 1, .option_size = 8")


def longer_and_shorter_tables_work(shop, _plugins):
    text = BASE.replace("static const millrace_source s = {.size = sizeof s",
                        "static const struct { millrace_source s; long more[8]; } wide = {{.size = sizeof wide")
    text = text.replace("TABLE};", "}, {1, 2, 3}};").replace("{&s}", "{&wide.s}")
    for key, value in (("OPEN", ""), ("FORMAT", '"l"'), ("READ", ""), ("OPTIONS", ""), ("INFO", ""), ("RETURN", "&info")):
        text = text.replace(key, value)
    later = shop.build("later.so", text)
    assert run("copy", "odd:", "csv:-", "--plugin", later, "--summary", "off").stdout == "x\n1\n2\n3\n4\n"
    # What lies behind its size is not there, whatever it holds.
    earlier = shop.odd(TABLE=".size = offsetof(millrace_source, position), .counters = (void *)1, .health = (void *)1")
    assert run("copy", "odd:", "csv:-", "--plugin", earlier, "--summary", "off").stdout == "x\n1\n2\n3\n4\n"


def plug_ins_that_misbehave_fail_the_run_and_nothing_else(shop, _plugins):
    def fails(words, code=1, **parts):
        says(run("copy", "odd:", "csv:-", "--summary", "off", "--plugin", shop.odd(**parts), code=code), *words)
    fails(["odd: open failed with code 3 and does not say why"], OPEN="return 3")
    fails(["odd: the server is away"], OPEN='strcpy(e->text, "the server is away"); return 3')
    fails(["odd: wrong option"], code=2, OPEN='strcpy(e->text, "wrong option"); return 5')
    fails(["odd: open failed with code -7"], OPEN="free(*s); *s = NULL; return -7")
    fails(["odd: Arrow column 'x': a duration"], FORMAT='"tDs"')
    fails(["a type that is not known (format \"zz\")"], FORMAT='"zz"')
    fails(["odd: Arrow column 'x' (int64): buffer 1 is missing"], READ="buffers[1] = NULL")
    fails(["the number of buffers is 3, expected 2"], READ="child.n_buffers = 3")
    fails(["the length is 2, expected 4"], READ="child.length = 2")
    fails(["length -4"], READ="out->length = -4")
    fails(["length 4611686018427387904"], READ="out->length = child.length = (int64_t)1 << 62")
    fails(["odd: it broke"], READ='strcpy(e->text, "it broke"); return 3')
    fails(["odd: it is??broken"], READ='strcpy(e->text, "it is\\n\\tbroken"); return 4')
    fails(["odd: " + "x" * 100], READ="memset(e->text, 'x', sizeof e->text); return 3")


def types_and_changes_reach_a_destination(shop, _plugins):
    data = shop.folder / "types.csv"
    data.write_text("a,b,c,d,e,f\n" + "1,1.50,true,2024-01-01,2024-01-01T00:00:00.5Z,x\n" * 3 + ",,,,,\n")
    out = shop.folder / "told.txt"
    plain = shop.build("mirror.so", MIRROR.replace("CAPS", "0"))
    flags = ("--plugin", plain, "--summary", "off")
    run("copy", data, f"mirror:{out}", *flags)
    assert out.read_text() == "start a=l b=d:38,2 c=b d=tdD e=tsm:UTC f=u\nwrite 4\ncommit\n", out.read_text()
    empty = shop.folder / "empty.csv"
    empty.write_text("a,b\n")
    run("copy", empty, f"mirror:{out}", *flags)
    assert out.read_text() == "start a=n b=n\ncommit\n", out.read_text()
    run("copy", data, f"mirror:{shop.folder}/keep.txt", *flags)  # holds a batch until close
    # The scale grows in a later batch: a reject, or a second start.
    data.write_text("p\n" + "1.5\n" * 100 + "1.125\n" + "2.5\n" * 9)
    run("copy", data, f"mirror:{out}", *flags, "--batch-size", "50", code=3)
    assert out.read_text() == "start p=d:38,1\nwrite 50\nwrite 50\nwrite 9\ncommit\n", out.read_text()
    reject = json.loads((shop.folder / "told.txt.rejects.jsonl").read_text())
    assert reject["reason"] == "inexact" and reject["line"] == 102 and reject["raw"] == "1.125" and reject["field"] == "p", reject
    assert reject["detail"] == "decimal cannot be Arrow's decimal128(38,1) exactly: '1.125'", reject
    widening = shop.build("widening.so", MIRROR.replace("CAPS", "MILLRACE_DESTINATION_SCHEMA_CHANGES"))
    run("copy", data, f"mirror:{out}", "--plugin", widening, "--summary", "off", "--batch-size", "50")
    assert out.read_text() == "start p=d:38,1\nwrite 50\nwrite 50\nstart p=d:38,3\nwrite 10\ncommit\n", out.read_text()
    # A run that fails aborts.
    data.write_text('a,b\n1,2\n"')
    run("copy", data, f"mirror:{out}", *flags, "--on-error", "fail", code=4)
    assert out.read_text().endswith("abort\n"), out.read_text()


def counters_are_on_the_metrics_page(_shop, plugins):
    child = subprocess.Popen([MILLRACE, "copy", "dice:?rows=2000000000", "null:", "--plugin", str(plugins / "dice.so"), "--metrics",
                              "127.0.0.1:0", "--progress", "off"], stderr=subprocess.PIPE, text=True)
    try:
        address = ""
        while "http://" not in address:
            address = child.stderr.readline()
            assert address, "the run has ended"
        url = "http://" + address.split("http://")[1].split()[0].split("/")[0] + "/metrics"
        for _ in range(100):
            page = urllib.request.urlopen(url, timeout=10).read().decode()
            if 'end="source",counter="batches_made"' in page:
                return
            time.sleep(0.05)
        raise AssertionError(page[-2000:])
    finally:
        child.terminate()
        child.wait()


def main():
    with tempfile.TemporaryDirectory() as name:
        shop = Workshop(pathlib.Path(name))
        tests = [list_shows_plug_ins, records_of_a_plug_in_are_like_others, a_destination_counts_and_publishes]
        for compiler in ("cc", "clang"):
            if not shutil.which(compiler):
                print("plugin_test: no", compiler)
                continue
            plugins = shop.make_examples(compiler)
            for test in tests:
                test(shop, plugins)
                print("ok", compiler, test.__name__)
            tests = tests[1:]
        plugins = shop.folder / "cc"
        for test in (the_header_is_plain_c_and_cpp, refused_rows_go_to_the_quarantine_with_their_place, mistakes_are_named,
                     pipeline_files_and_folders_load_plug_ins, files_that_are_no_plug_ins_are_refused,
                     tables_that_make_no_sense_are_refused, longer_and_shorter_tables_work,
                     plug_ins_that_misbehave_fail_the_run_and_nothing_else, types_and_changes_reach_a_destination,
                     counters_are_on_the_metrics_page):
            test(shop, plugins)
            print("ok", test.__name__)


sys.exit(main())
