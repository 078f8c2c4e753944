# SPDX-License-Identifier: MIT
"""Files that configure a run: the schema for editors, the examples, and what is said about wrong ones."""
import json
import os
import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import SOURCE, expect, main, one_line_error, read, run, same, skip, test, write
from serving import ZEROS, Server

try:
    import yaml
except ImportError:
    yaml = None
try:
    import jsonschema
except ImportError:
    jsonschema = None

EXAMPLES = pathlib.Path(SOURCE, "examples")
ENDS = "source: in.csv\ndestination: out.jsonl\n"


def schema():
    return json.loads(run("check", "--json-schema").out)


def validator():
    if yaml is None or jsonschema is None:
        skip("the Python modules yaml and jsonschema are not there")
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def texts_of_documents():
    """Every pipeline that stands in a document or an example, as YAML text with its name."""
    for path in sorted(pathlib.Path(SOURCE).glob("docs/**/*.md")) + [pathlib.Path(SOURCE, "README.md")]:
        for block in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.S):
            if re.search(r"^(source|destination|sources):", block, re.M):
                yield str(path), block
    for path in sorted(EXAMPLES.glob("*.yaml")):
        yield str(path), path.read_text()


# --- the schema


@test
def every_example_and_sample_validates():
    check = validator()
    count = 0
    for name, text in texts_of_documents():
        faults = [fault.message[:300] for fault in check.iter_errors(yaml.safe_load(text))]
        same(faults, [], name)
        count += 1
    expect(count >= 10, count)


@test
def the_schema_is_whole_without_a_validator():
    """For machines without the modules: references lead somewhere, and every key of the reference is there."""
    whole = schema()
    same(whole["$schema"], "https://json-schema.org/draft/2020-12/schema")

    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                expect(node["$ref"].split("/")[-1] in whole["$defs"], node["$ref"])
            for pattern in [node.get("pattern")] if isinstance(node.get("pattern"), str) else []:
                re.compile(pattern)
            for part in node.values():
                walk(part)
        elif isinstance(node, list):
            for part in node:
                walk(part)

    walk(whole)
    keys = re.findall(r"^\| ((?:`[a-z0-9_.]+`(?:<br>)?)+) \|", pathlib.Path(SOURCE, "docs/configuration.md").read_text(), re.M)
    expect(len(keys) > 100, len(keys))
    for row in keys:
        for key in re.findall(r"`([a-z0-9_.]+)`", row):
            expect(has_key(whole, key.split(".")) or key in ("type", "connector"), key)
    for connector in ("csv", "json", "sqlite", "store", "generate"):
        expect(whole["$defs"][connector + "_source_keys"]["properties"], connector)


def has_key(node, names):
    options = [node] + node.get("anyOf", [])
    for option in options:
        inner = option.get("properties", {}).get(names[0])
        if inner is not None and (len(names) == 1 or has_key(inner, names[1:])):
            return True
    return False


def leaves(node, path=()):
    """(path, schema) of each run-wide key, sections opened."""
    for name, inner in node.get("properties", {}).items():
        if path == () and name in ("source", "destination", "csv", "json", "sources", "destinations", "transforms"):
            continue
        sections = [part for part in [inner] + inner.get("anyOf", []) if "properties" in part]
        if not sections or len(inner.get("anyOf", [])) > 1:
            yield path + (name,), inner
        for section in sections:
            yield from leaves(section, path + (name,))


def nested(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


def verdict(document):
    """What the program says to it."""
    write("p.yaml", json.dumps(document))
    return run("check", "p.yaml", code=None)


@test
def a_slip_in_any_key_is_found_and_the_right_one_named():
    write("in.csv", "a\n1\n")
    for path, _ in leaves(schema()):
        name = path[-1]
        wrong = path[:-1] + (name[:-1] + "qx" if len(name) > 5 else name + "q",)
        document = {"source": "in.csv", "destination": "out.jsonl"}
        document.update(nested(wrong, 1))
        result = verdict(document)
        same(result.code, 2, path)
        said = result.err.decode().splitlines()[0]
        expect(re.match(r"millrace: p\.yaml:1:\d+: unknown key '%s' in " % re.escape(wrong[-1]), said), path, said)
        if len(name) > 5:
            expect("; did you mean '" in said, path, said)


@test
def the_schema_and_the_program_agree():
    """Each key with each of these values: what the program takes the schema takes, and what the schema refuses the
    program refuses."""
    check = validator()
    write("in.csv", "a\n1\n")
    values = [True, False, "yes", 0, 1, 3, -1, 7.5, 10 ** 20, "10s", "64MiB", "5%", "none", "auto", "x", "${HOME}", None, [],
              ["a"], {}, {"a": "b"}, [["a"]], {"a": ["b"]}, "drop"]
    every = 1 if os.environ.get("MILLRACE_LONG") else 8  # of the pairs
    different, number = [], 0
    for path, _ in leaves(schema()):
        for value in values:
            document = {"source": "in.csv", "destination": "out.jsonl"}
            document.update(nested(path, value))
            number += 1
            if number % every != 0 or check.is_valid(document):
                continue
            result = verdict(document)
            expect(result.code in (0, 2), path, value, result)
            if result.code == 0 or "contradicts" in result.err.decode():
                different.append((path, value))
    same(different, [], "the program takes what the schema does not")


@test
def every_step_of_the_documents_validates():
    """docs/transforms.md shows lists of steps without ends."""
    check = validator()
    count = 0
    for path in pathlib.Path(SOURCE).glob("docs/**/*.md"):
        for block in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.S):
            document = yaml.safe_load(block)
            if not isinstance(document, dict) or "transforms" not in document:
                continue
            document = {"source": "in.csv", "destination": "out.jsonl", "transforms": document["transforms"]}
            same([fault.message[:300] for fault in check.iter_errors(document)], [], str(path), block)
            count += len(document["transforms"])
    expect(count >= 4, count)
    write("in.csv", "a,b,c\n1,2,3\n")
    right = [{"filter": ".a > 0"}, {"map": {"d": ".a + 1"}}, {"set": "e = .a"}, {"map": ["f = .b", "g = .c"]}, {"drop": "g"},
             {"rename": {"f": "h"}}, {"cast": {"d": "decimal"}}, {"flatten": {"columns": ["a"], "separator": "_", "depth": 1}},
             {"explode": "c"}, {"dedupe": {"by": ["a"], "window": 10, "memory": "1MiB"}},
             {"mask": {"columns": ["b"], "method": "keep_last", "keep": 1}}, {"select": ["a", "b", "d"]},
             {"aggregate": {"by": "a", "values": {"n": "count()"}, "max_groups": 10}}]
    document = {"source": "in.csv", "destination": "out.jsonl", "transforms": right}
    same([fault.message[:300] for fault in check.iter_errors(document)], [])
    same(verdict(document).code, 0)
    for wrong in ([{"filtr": ".a"}], [{"filter": ".a", "drop": "b"}], [{"mask": {"colums": ["a"]}}], ["filter"], {"filter": ".a"}):
        expect(not check.is_valid({"transforms": wrong}), wrong)


# --- the examples


@test
def examples_run():
    os.symlink(os.path.join(SOURCE, "data"), "data")
    ends = {"csv-to-json": 3376, "csv-to-sqlite": 3376, "compressed": 1461, "incremental": 3376, "paced": 10000, "application": 1461}
    for name, records in ends.items():
        result = run("run", EXAMPLES / (name + ".yaml"), "--summary", "json")
        same(result.summary()["written"], records, name)
    run("run", EXAMPLES / "transforms.yaml")
    same(read("north.csv").splitlines()[0], b"state,high_north,airports,northernmost")
    result = run("run", EXAMPLES / "standard-streams.yaml", stdin=b"a,b\n1,x\n2,y\n")
    same(result.out, b'{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n')
    run("run", "-s", EXAMPLES / "nebula/source.json", "-d", EXAMPLES / "nebula/destination.json", "--system-flags",
        EXAMPLES / "nebula/system-flags.json")
    same(len(json.loads(read("nebula.json"))), 3376)
    named = {path.name for path in EXAMPLES.glob("*.yaml")}
    for name in named:
        expect("(%s)" % name in (EXAMPLES / "README.md").read_text(), name)
    same(named, {n + ".yaml" for n in list(ends) + ["transforms", "standard-streams", "to-store", "from-store"]})


@test
def examples_with_a_store_run():
    os.symlink(os.path.join(SOURCE, "data"), "data")
    with Server("--data-dir", "d", "--token", ZEROS) as server:
        write("token.txt", ZEROS + "\n")
        env = {"STORE": "http://127.0.0.1:%d" % server.port, "MILLRACE_TOKEN": ZEROS}
        for _ in range(2):
            run("run", EXAMPLES / "to-store.yaml", env=env)
        result = run("run", EXAMPLES / "from-store.yaml", "--summary", "json", env=env)
        same(result.summary()["written"], 3376)
        same(json.loads(read("messages.jsonl").splitlines()[0])["stream"], "airport-00M")


# --- dialects, secrets, variables


@test
def an_application_file_is_one_pipeline():
    write("in.csv", "a\n1\n")
    write("app.yaml", "sources: {one: in.csv}\ndestinations: {other: {type: json, path: out.jsonl}}\n"
                      "server: {host: 0.0.0.0, port: 8080, metrics_port: 9090, health_port: 8081, "
                      "graceful_shutdown_timeout: 30}\n"
                      "global: {log_level: debug, temp_directory: /tmp, max_memory_mb: 2048, data_directory: ./data}\n")
    said = run("check", "app.yaml").out + run("check", "app.yaml").err
    for part in (b"from        csv in.csv", b"to          json out.jsonl", b"at most 2048 MiB",
                 b"server.host has no effect: a run listens on loopback"):
        expect(part in said, part, said)
    run("run", "app.yaml")
    same(read("out.jsonl"), b'{"a":1}\n')
    write("app.yaml", "sources: {one: in.csv, two: in.csv}\ndestinations: {other: {type: json, path: out.jsonl}}\n")
    one_line_error(run("check", "app.yaml", code=2), "app.yaml:1:1: sources holds 2 of them", "source: one")


@test
def secrets_come_from_files_and_are_never_shown():
    write("in.csv", "a\n1\n")
    write("token", "hush-hush\n")
    for where in ("token_file: token", "options: {token_file: token}", "credentials: {token_file: token}",
                  "auth: {type: token, token_file: token}", "security: {credentials: {token_file: token}}",
                  "security: {auth: {type: token, token_file: token}}", "token: hush-hush"):
        write("p.yaml", "source: in.csv\ndestination:\n  connector: store\n  path: http://127.0.0.1:1\n  stream: s-1\n"
                        "  %s\nreliability: {retry_attempts: 0}\n" % where)
        for verb in (("check", "p.yaml"), ("run", "p.yaml"), ("run", "p.yaml", "--dry-run")):
            result = run(*verb, code=None)
            expect(result.code in (0, 1), where, result)
            expect(b"hush" not in result.out + result.err, where, result)
    write("p.yaml", "source: in.csv\ndestination: {connector: store, path: \"http://127.0.0.1:1\", tokn_file: token}\n")
    one_line_error(run("check", "p.yaml", code=2), "p.yaml:2:", "unknown key 'tokn_file'")


@test
def nested_tls_and_auth_are_read():
    write("in.csv", "a\n1\n")
    for tls in ("security: {tls: {skip_verify: true, ca_file: ca.pem}}", "tls: {insecure_skip_verify: true, ca_path: ca.pem}",
                "security: {tls_skip_verify: true, ca_path: ca.pem, enable_tls: true}"):
        write("p.yaml", "source: in.csv\ndestination: {connector: store, path: \"https://127.0.0.1:1\", stream: s-1}\n"
                        + tls + "\nreliability: {retry_attempts: 0}\n")
        run("check", "p.yaml")
        result = run("run", "p.yaml", code=None)  # nobody listens, or the file is not there: it was used, in any case
        expect(result.code in (1, 2) and b"unknown" not in result.err, tls, result)


@test
def levels_of_upstream_are_those_of_the_codec():
    write("in.csv", "a\n" + "hello\n" * 5000)
    sizes = []
    for level in (1, 5, 9):
        write("p.yaml", "source: in.csv\ndestination: out.jsonl\nadvanced: {enable_compression: true, "
                        "compression_algorithm: zstd, compression_level: %d}\n" % level)
        run("run", "p.yaml")
        sizes.append(os.path.getsize("out.jsonl.zst" if os.path.exists("out.jsonl.zst") else "out.jsonl"))
    write("p.yaml", ENDS + "advanced: {enable_compression: true, compression_algorithm: gzip, compression_level: 12}\n")
    one_line_error(run("check", "p.yaml", code=2), "p.yaml:3:", "'compression_level: 12'", "gzip", "1 to 9")


@test
def variables_are_filled_in_once():
    write("in.csv", "a\n1\n")
    env = {"IN": "in.csv", "EMPTY": "", "TWICE": "${IN}"}
    write("p.yaml", "source: ${IN}\ndestination: ${EMPTY:-out}.jsonl\nname: $${IN} and ${TWICE}\n")
    run("run", "p.yaml", env=env)
    same(read("out.jsonl"), b'{"a":1}\n')
    write("p.yaml", "source: ${NO_SUCH}\ndestination: out.jsonl\n")
    one_line_error(run("check", "p.yaml", code=2), "p.yaml:1:9: variable 'NO_SUCH' is not set",
                   "${NO_SUCH:-default}")


# --- what is wrong, where, and what was meant

STORE = 'source: in.csv\ndestination: {connector: store, path: "http://127.0.0.1:1", stream: s-1, %s}\n'
WRONG = [
    # slips
    ("sorce: in.csv\ndestination: out.jsonl\n", "1:1", "unknown key 'sorce' in the pipeline; did you mean 'source'?"),
    ("source: in.csv\ndestintion: out.jsonl\n", "2:1", "did you mean 'destination'?"),
    (ENDS + "reliabilty: {fail_fast: true}\n", "3:1", "did you mean 'reliability'?"),
    (ENDS + "performance:\n  batch_sise: 10\n", "4:3", "unknown key 'batch_sise' in performance; did you mean 'batch_size'?"),
    (ENDS + "reliability:\n  circuit_breaker:\n    treshold: 3\n", "5:5", "did you mean 'threshold'?"),
    (ENDS + "reliability:\n  rate_limit: {requests_per_secnd: 3}\n", "4:16", "did you mean 'requests_per_second'?"),
    (ENDS + "security: {tls: {skip_verfy: true}}\n", "3:18", "did you mean 'skip_verify'?"),
    (ENDS + "server: {prot: 1}\n", "3:10", "did you mean 'port'?"),
    (ENDS + "csv: {delimeter: ';'}\n", "3:18", "did you mean 'delimiter'?"),
    (ENDS + "storage: {mode: colunmar}\n", "3:17", "did you mean 'columnar'?"),
    ("source: {type: csvv, path: in.csv}\ndestination: out.jsonl\n", "1:16", "unknown connector 'csvv'; did you mean 'csv'?"),
    ("source: {type: csv, path: in.csv, delimeter: ';'}\ndestination: out.jsonl\n", "1:46", "did you mean 'delimiter'?"),
    ("source: in.csv\ndestination: {type: json, path: out.jsonl, formt: lines}\n", "2:51", "did you mean 'format'?"),
    ("source: in.csv\ndestination: {type: json, path: out.jsonl, format: line}\n", "2:52", "did you mean 'lines'?"),
    ("source: in.csv\ndestination: {type: json, path: out.jsonl, options: {formt: lines}}\n", "2:61", "did you mean 'format'?"),
    (STORE % "options: {typ: T}", "2:89", "unknown key 'typ' in store destination; did you mean 'type'?"),
    # kinds of values
    (ENDS + "performance: {workers: many}\n", "3:24", "expected a whole number from 1 to 1024, or auto, found 'many'"),
    (ENDS + "performance: {workers: 0}\n", "3:24", "from 1 to 1024, or auto, found '0'"),
    (ENDS + "performance: {workers: [1]}\n", "3:24", "or auto, found a list"),
    (ENDS + "performance: {workers: {a: 1}}\n", "3:24", "or auto, found a mapping"),
    (ENDS + "performance: 4\n", "3:14", "performance: expected a mapping"),
    (ENDS + "performance: [workers]\n", "3:14", "performance: expected a mapping"),
    (ENDS + "timeout: soon\n", "3:10", "timeout: expected a duration (10s, 1m30s, or nanoseconds), found 'soon'"),
    (ENDS + "timeout: 1.5ns\n", "3:10", "found '1.5ns'"),
    (ENDS + "timeout: -1s\n", "3:10", "found '-1s'"),
    (ENDS + "timeouts: {read_timeout: 0}\n", "3:26", "from 1ms to 1h, found '0'"),
    (ENDS + "storage: {mode: 3}\n", "3:17", "expected hybrid, row or columnar, found '3'"),
    (ENDS + "memory_limit: 1KiB\n", "3:15", "at least 16MiB, found '1KiB'"),
    (ENDS + "limits: {max_record_bytes: lots}\n", "3:28", "from 1KiB to 2GiB, found 'lots'"),
    (ENDS + "limits: {max_depth: 2000}\n", "3:21", "from 1 to 1024, found '2000'"),
    (ENDS + "max_rejects: 200%\n", "3:14", "a percentage (2.5%) or none, found '200%'"),
    (ENDS + "infer: sample\n", "3:8", "expected full, off or sample:N, found 'sample'"),
    (ENDS + "progress: sometimes\n", "3:11", "expected auto, plain, json or off, found 'sometimes'"),
    (ENDS + "select: {a: b}\n", "3:9", "select: expected a list (a,b,c), found a mapping"),
    (ENDS + "select: [[a]]\n", "3:10", "select: expected a plain value"),
    (ENDS + "rename: [a, b]\n", "3:9", "rename: expected pairs (key=value,key=value), found a list"),
    (ENDS + "rename: {a: [b]}\n", "3:13", "rename: expected a plain value"),
    (ENDS + "reliability: {retry_multiplier: 0.5}\n", "3:33", "expected a number from 1 to 100, found '0.5'"),
    (ENDS + "reliability: {retry_jitter: 2}\n", "3:29", "from 0 to 1, found '2'"),
    (ENDS + "reliability: {retry_attempts: -1}\n", "3:31", "from 0 to 1000, found '-1'"),
    (ENDS + "reliability: {circuit_breaker: maybe}\n", "3:32", "expected true or false, found 'maybe'"),
    (ENDS + "reliability: {circuit_breaker: {threshold: 0}}\n", "3:44", "from 1 to 1000000, found '0'"),
    (ENDS + "reliability: {rate_limit_per_sec: fast}\n", "3:35", "expected a number of at least 0, found 'fast'"),
    (ENDS + "reliability: {rate_limit: {unit: miles}}\n", "3:34", "expected records, bytes or requests, found 'miles'"),
    (ENDS + "observability: {metrics: {port: 99999}}\n", "3:33", "from 1 to 65535, found '99999'"),
    (ENDS + "global: {log_level: loud}\n", "3:21", "expected trace, debug, info, warn or error, found 'loud'"),
    ("source: {type: csv, path: in.csv, delimiter: ';;'}\ndestination: out.jsonl\n", "1:46", "expected one character"),
    ("source: {type: csv, path: in.csv, has_header: perhaps}\ndestination: out.jsonl\n", "1:47", "found 'perhaps'"),
    ("source: []\ndestination: out.jsonl\n", "1:9", "source: expected a mapping"),
    ("source: {type: [csv]}\ndestination: out.jsonl\n", "1:16", "type: expected a plain value"),
    (STORE % "retry: never", "2:81", "retry: expected auto or a duration from 0s to 24h, found 'never'"),
    (STORE % "token_file: /nowhere", "2:86", "token_file: '/nowhere': cannot be opened"),
    # ends
    ("destination: out.jsonl\n", "", "the source has neither a connector nor a path"),
    ("source: in.csv\n", "", "the destination has neither a connector nor a path"),
    ("source: {type: csv}\ndestination: out.jsonl\n", "1:16", "the source 'csv' has no path"),
    ("source: in.txt\ndestination: out.jsonl\n", "1:9", "write csv:in.txt or json:in.txt"),
    ("source: {type: 'null', path: x}\ndestination: out.jsonl\n", "1:16", "'null' cannot be a source"),
    ("source: in.csv\ndestination: {type: generate, path: mixed10}\n", "2:21", "'generate' cannot be a destination"),
    ("source: in.csv\ndestination: in.csv\n", "2:14", "source and destination are the same file"),
    ("source: in.csv\ndestination: {type: mysql-cdc, path: x}\n", "2:21", "'mysql_cdc' is not built yet"),
    ("sources: {a: in.csv, b: in.csv}\ndestination: out.jsonl\n", "1:1", "say which with 'source: a'"),
    ("sources: [in.csv]\ndestination: out.jsonl\n", "1:10", "sources: expected a mapping"),
    (ENDS + "auth: {token: x}\n", "3:7", "write auth inside source or destination"),
    # contradictions
    (ENDS + "storage: {mode: columnar}\nstreaming_mode: true\n", "3:17",
     "'storage.mode: columnar' contradicts 'performance.streaming_mode: true'"),
    (ENDS + "streaming_mode: true\nbatch_size: 20000\n", "4:13", "contradicts 'performance.batch_size: 20000'"),
    (ENDS + "fail_fast: true\nmax_rejects: 5\n", "3:12", "contradicts 'reliability.max_rejects: 5'"),
    ("source: in.csv\ndestination: {type: sqlite, path: o.db, mode: merge}\n", "2:47", "contradicts the missing 'keys'"),
    ("source: in.csv\ndestination: {path: out.jsonl.gz, compression: zstd}\n", "2:48", "contradicts 'path: out.jsonl.gz'"),
    ("source: in.csv\ndestination: {path: out.jsonl.gz, compression_level: 10}\n", "2:54", "whose levels are 1 to 9"),
    ("source: in.csv\ndestination: {path: out.jsonl, compression: lzma}\n", "2:45", "'lzma' is not supported: expected none, gzip"),
    (ENDS + "backpressure: drop\n", "3:15", "contradicts 'lossy: refuse'"),
    (ENDS + "reliability: {circuit_breaker: {success_threshold: 9}}\n", "3:52", "half_open_requests: 5'"),
    (ENDS + "reliability: {rate_limit: {enabled: true}}\n", "3:37", "contradicts the missing"),
    (ENDS + "reliability: {rate_limit: {per_second: 5, unit: requests}}\n", "3:49", "which make none; count records or bytes"),
    (ENDS + "batch_size: 5\nperformance: {batch_size: 6}\n", "4:27", "already set to another value at p.yaml:3:13"),
    ("source: in.csv\nsource: in.csv\ndestination: out.jsonl\n", "2:1", "key 'source' is given twice"),
    # YAML
    ("", "1:1", "expected a mapping"),
    ("[]\n", "1:1", "expected a mapping"),
    ("a: b: c\n", "1:5", "mapping values are not allowed"),
    ("source: [in.csv\n", "2:1", "did not find expected ',' or ']'"),
    ("\tsource: x\n", "1:1", "cannot start any token"),
    (ENDS + "? [a]\n: b\n", "3:3", "a key must be a plain value"),
    (ENDS + "<<: {a: b}\n", "3:1", "merge keys ('<<') are not supported"),
    (ENDS + "x: !!python/object y\n", "3:4", "is not supported"),
    (ENDS + "x: &a [*a]\n", "3:8", "contains itself"),
    (ENDS + "---\na: b\n", "3:1", "only one document is expected"),
    ("source: ${NO_SUCH\ndestination: out.jsonl\n", "1:9", "has no closing '}'"),
    ("source: ${1X}\ndestination: out.jsonl\n", "1:9", "write $${ for a literal ${"),
]


@test
def every_mistake_is_pointed_at_and_nothing_is_touched():
    write("in.csv", "a\n1\n")
    write("out.jsonl", "before\n")
    for text, place, words in WRONG:
        write("p.yaml", text)
        for verb in ("check", "run"):
            result = run(verb, "p.yaml", code=None)
            same(result.code, 2, text, result)
            said = result.err.decode().splitlines()
            at = "millrace: p.yaml:%s" % (place + ": " if place else "")
            expect(said[0].startswith(at), text, at, said[0])
            expect(words in said[0], text, words, said[0])
            same(result.out, b"", text)
        same(sorted(os.listdir()), ["in.csv", "out.jsonl", "p.yaml"], text)
        same(read("out.jsonl"), b"before\n", text)


main()
