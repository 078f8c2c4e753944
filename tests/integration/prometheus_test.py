# SPDX-License-Identifier: MIT
"""Records as metrics: what the file and the metrics page hold, and that a scraper can read it."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import PROGRAM, expect, leftovers, main, one_line_error, read, rejects, run, same, test, write


def pipeline(metrics, source="in.csv", path="out.prom", steps="", more=""):
    lines = "".join("    - '%s'\n" % line.replace("'", "''") for line in metrics)
    return write("p.yaml", "source: %s\ndestination:\n  type: prometheus\n%s%s  metrics:\n%s%s"
                 % (source, "  path: %s\n" % path if path else "", more, lines, steps))


def check_with_promtool(path):
    tool = shutil.which("promtool")
    if tool is None:
        return
    result = subprocess.run([tool, "check", "metrics"], input=read(path), capture_output=True)
    same((result.returncode, result.stdout + result.stderr), (0, b""), "promtool")


@test
def counters_add_up_and_gauges_show_the_last():
    write("in.csv", "city,bytes,load\nOslo,10,0.5\nRome,0.25,1\nOslo,12345678901234567890,0.75\nOslo,,\n,1,2\n")
    pipeline(["counter seen_total{city} \"Records by city\"", "counter moved_bytes_total{where=city} = bytes",
              "gauge load_average{city} = load \"Load\""])
    run("run", "p.yaml")
    same(read("out.prom").decode(), """\
# HELP seen_total Records by city
# TYPE seen_total counter
seen_total{city="Oslo"} 3
seen_total{city="Rome"} 1
seen_total{city=""} 1
# HELP moved_bytes_total moved_bytes_total
# TYPE moved_bytes_total counter
moved_bytes_total{where="Oslo"} 12345678901234567900
moved_bytes_total{where="Rome"} 0.25
moved_bytes_total{where=""} 1
# HELP load_average Load
# TYPE load_average gauge
load_average{city="Oslo"} 0.75
load_average{city="Rome"} 1
load_average{city=""} 2
""")
    same(leftovers(), [])


@test
def whatever_stands_in_a_label_or_a_help_a_scraper_reads_the_page():
    odd = ['a"b', "back\\slash", "two\nlines", "é", "tab\t", "{}=,", "", "a,b"]
    write("in.csv", "odd name,n\n" + "".join('"%s",%d\n' % (text.replace('"', '""'), n) for n, text in enumerate(odd)))
    pipeline(['gauge odd{label="odd name"} = n "A \\"quoted\\" back\\\\slash"'])
    run("run", "p.yaml")
    page = read("out.prom").decode()
    expect('odd{label="a\\"b"} 0\n' in page and 'odd{label="two\\nlines"} 2\n' in page, page)
    expect('# HELP odd A "quoted" back\\\\slash\n' in page, page)
    check_with_promtool("out.prom")


@test
def the_page_does_not_depend_on_workers_and_follows_an_aggregate():
    rows = "".join("%s,%d.%02d\n" % ("abc"[n % 3], n % 977, n % 100) for n in range(60000))
    write("in.csv", "k,v\n" + rows)
    pages = set()
    for workers in (1, 2, 8):
        pipeline(["gauge v_sum{k} = total", "counter records_total{k} = n"],
                 steps="transforms:\n  - aggregate: {by: k, values: {n: count(), total: sum(v)}}\n")
        run("run", "p.yaml", "--workers", workers)
        pages.add(read("out.prom"))
    total = sum((n % 977) * 100 + n % 100 for n in range(0, 60000, 3))
    same(len(pages), 1)
    expect('v_sum{k="a"} %d.%02d\n' % divmod(total, 100) in pages.pop().decode(), total)


@test
def a_record_that_is_no_sample_is_rejected_and_counts_nowhere():
    write("in.csv", "k,v\na,1\nb,x\nc,-2\nd,3\n")
    pipeline(["counter seen_total", "counter v_total = v"])
    run("run", "p.yaml", code=3)
    expect(b"seen_total 2\n" in read("out.prom") and b"v_total 4\n" in read("out.prom"), read("out.prom"))
    same([(r["line"], r["field"], r["reason"], r["detail"]) for r in rejects("out.prom.rejects.jsonl")],
         [(3, "v", "type_mismatch", "'x' is not a number"),
          (4, "v", "type_mismatch", "'-2' is negative, which a counter cannot add")])


@test
def what_is_wrong_is_said_and_the_old_file_stays():
    write("in.csv", "k,v\n" + "".join("k%d,1\n" % n for n in range(20)))
    write("out.prom", "old\n")
    for line, wanted in (("summary x", "expected counter or gauge at byte 1"), ("gauge", "expected the metric's name"),
                         ("gauge x{__k}", "does not begin with __"), ("gauge x{k} = v trailing", "expected the end at byte 16"),
                         ("gauge x{k,k}", "a label that is not there yet"), ("gauge x = w", "there is no column 'w'"),
                         ('gauge x "help', "a closing quote")):
        pipeline([line])
        one_line_error(run("run", "p.yaml", code=2), wanted)
    pipeline(["gauge x = v", "counter x"])
    one_line_error(run("run", "p.yaml", code=2), "'x' is there twice")
    pipeline(["gauge x{k} = v"], more="  max_series: 10\n")
    one_line_error(run("run", "p.yaml", code=1), "metric 'x': more than max_series 10")
    pipeline(["gauge x{k} = v"], path="")
    one_line_error(run("run", "p.yaml", code=2), "nobody would see the metrics")
    same(read("out.prom"), b"old\n")
    same(leftovers(), [])


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def until(look, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing came in %d s" % seconds)


@test
def the_metrics_page_of_a_running_stream_shows_them():
    pipeline(["counter seen_total{city}", "gauge load_average{city} = load"], source="csv:-", path="")
    log = open("log.txt", "wb")
    child = subprocess.Popen([PROGRAM, "run", "p.yaml", "--streaming-mode", "--metrics", "127.0.0.1:0"],
                             stdin=subprocess.PIPE, stderr=log)
    try:
        child.stdin.write(b'city,load\nOslo,1\n"R""ome",2.5\nOslo,3\n')
        child.stdin.flush()
        url = until(lambda: re.search(rb"http://[\d.:]+/metrics", read("log.txt"))).group().decode()
        page = until(lambda: 'seen_total{city="Oslo"} 2\n' in fetch(url) and fetch(url))
        expect('load_average{city="R\\"ome"} 2.5\n' in page and "# TYPE seen_total counter\n" in page, page)
        expect("millrace_records_read_total" in page, page)
    finally:
        child.stdin.close()
        same(child.wait(20), 0)


if __name__ == "__main__":
    main()
