"""Following files that grow, as their reader sees it: every line once, through rotation and restarts."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

PROGRAM = os.environ["MILLRACE"]


def fail(text):
    sys.exit("tail_test.py: " + text)


def add(path, text):
    with open(path, "a", encoding="utf-8", newline="") as file:
        file.write(text)


class Follower:
    """`millrace copy tail:... -` whose output is looked at while it runs."""

    def __init__(self, source, *flags):
        self.out = tempfile.TemporaryFile("w+b")
        self.process = subprocess.Popen([PROGRAM, "copy", source, "jsonl:-", "--streaming-mode", *flags],
                                        stdout=self.out, stderr=subprocess.PIPE)

    def rows(self):
        self.out.seek(0)
        return [json.loads(line) for line in self.out.read().splitlines()]

    def expect(self, wanted, why):
        """`wanted` come within some seconds, and nothing else does."""
        until = time.monotonic() + 20
        while time.monotonic() < until and len(self.rows()) < len(wanted):
            time.sleep(0.01)
        rows = self.rows()
        if sorted(map(str, rows)) != sorted(map(str, wanted)):
            fail(f"{why}: got {rows}, expected {wanted}")

    def expect_nothing_more(self, count, why):
        time.sleep(0.4)
        if len(self.rows()) != count:
            fail(f"{why}: got {self.rows()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        _, err = self.process.communicate(timeout=30)
        if time.monotonic() - begun > 5:
            fail("SIGTERM takes long")
        return self.process.returncode, err.decode()


def lines(*texts):
    return [{"line": text} for text in texts]


def grows_and_rotates():
    add("app.log.0", "another file\n")
    follower = Follower("tail:app.log?rotate_wait=200ms")
    time.sleep(0.2)  # the file is not there yet
    add("app.log", "one\ntwo\r\nhal")
    follower.expect(lines("one", "two"), "whole lines come")
    follower.expect_nothing_more(2, "half a line waits")
    add("app.log", "f\n")
    follower.expect(lines("one", "two", "half"), "then it comes whole")
    add("app.log", "late, and not ended")
    os.rename("app.log", "app.log.1")
    add("app.log", "new\n")
    wanted = lines("one", "two", "half", "new", "late, and not ended")
    follower.expect(wanted, "rotation by renaming")
    os.truncate("app.log", 0)  # copytruncate
    add("app.log", "cut\n")
    follower.expect(wanted + lines("cut"), "rotation by cutting")
    code, err = follower.stop()
    if code not in (130, 143) or "waiting for it" not in err:
        fail(f"SIGTERM gives {code}: {err}")


def follows_patterns():
    add("a-1.jsonl", '{"n":1}\n{"n":2}\n')
    follower = Follower("tail:a-*.jsonl")
    follower.expect([{"n": 1}, {"n": 2}], "files that are there")
    add("a-2.jsonl", '{"n":3}\n')
    follower.expect([{"n": 1}, {"n": 2}, {"n": 3}], "a file that appears")
    add("a-1.jsonl", 'no JSON\n{"n":4}\n')
    follower.expect([{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}], "and one that goes on")
    follower.stop()
    with open("millrace.rejects.jsonl", encoding="utf-8") as file:
        reject = json.loads(file.readline())
    where = (reject["source"], reject["record"], reject["line"], reject["byte_offset"], reject["raw"])
    if where != ("a-1.jsonl", 3, 3, 16, "no JSON"):
        fail(f"the reject has its place in its file: {where}")


def knows_columns():
    add("c.csv", 'id,text\n1,"two\nlines"\n2,x\n')
    follower = Follower("tail:c.csv")
    rows = [{"id": 1, "text": "two\nlines"}, {"id": 2, "text": "x"}]
    follower.expect(rows, "typed by what is there")
    add("c.csv", '3,"half\n')
    follower.expect_nothing_more(2, "a quote that is open waits")
    add("c.csv", 'way"\nabc,y\n')
    rows += [{"id": 3, "text": "half\nway"}, {"id": "abc", "text": "y"}]
    follower.expect(rows, "what is not of its column's type is text")
    os.rename("c.csv", "c.csv.1")
    add("c.csv", "id,text\n5,z\n")
    follower.expect(rows + [{"id": 5, "text": "z"}], "each file has a header")
    os.rename("c.csv", "c.csv.2")
    add("c.csv", "id,other\n6,z\n")
    _, err = follower.process.communicate(timeout=30)
    if follower.process.returncode != 1 or b"column 2 is 'other', expected 'text'" not in err:
        fail(f"other columns end the run: {err}")


def ends_when_asked():
    add("idle.log", "1\n2\n")
    done = subprocess.run([PROGRAM, "copy", "tail:idle.log?stop_when_idle=100ms", "idle.csv", "--summary", "off"],
                          capture_output=True, timeout=60, check=True)
    with open("idle.csv", encoding="utf-8") as file:
        if file.read() != "line\n1\n2\n":
            fail(f"stop_when_idle publishes: {done}")
    shown = subprocess.run([PROGRAM, "preview", "tail:idle.log"], capture_output=True, timeout=60, check=True)
    if b"2" not in shown.stdout:
        fail("preview shows what is there and does not wait")


def begins_at_the_end():
    add("poll.log", "1\n")
    follower = Follower("tail:poll.log?poll_interval=20ms&from=end")
    time.sleep(0.3)
    add("poll.log", "2\n")
    follower.expect(lines("2"), "from the end")
    follower.stop()


def killed_and_rotated():
    """Killed and stopped again and again, while a writer goes on and rotates, a run has each line once."""
    args = [PROGRAM, "copy", "tail:busy.log*?rotate_wait=50ms", "busy.jsonl", "--state-dir", "state", "--checkpoint-records",
            "50", "--checkpoint-interval", "20ms", "--summary", "off", "--progress", "off"]
    number = 0
    for turn in range(8):
        process = subprocess.Popen(args, stderr=subprocess.PIPE)
        for part in range(6):
            for _ in range(40):
                add("busy.log", f"line {number}\n" if number % 7 else f"li{'n' * 3000}e {number}\n")
                number += 1
            time.sleep(0.01)
            if part == turn % 6:
                os.rename("busy.log", f"busy.log.{turn}")  # matches, too
        process.send_signal(signal.SIGKILL if turn % 3 else signal.SIGTERM)
        process.communicate(timeout=30)
        if turn == 4:  # while nobody follows
            add("busy.log", f"line {number}\n")
            number += 1
            os.rename("busy.log", "busy.log.between")
    args[2] += "&stop_when_idle=400ms"
    done = subprocess.run(args, capture_output=True, timeout=60, check=False)
    if done.returncode == 2 and b"settings" in done.stderr + done.stdout:
        fail(f"an option that does not change the output stops a run from going on: {done.stderr}")
    if done.returncode != 0:
        fail(f"the last run: {done}")
    with open("busy.jsonl", encoding="utf-8") as file:
        numbers = [int(json.loads(line)["line"].split()[1]) for line in file]
    if sorted(numbers) != list(range(number)):
        twice = sorted(n for n in set(numbers) if numbers.count(n) > 1)
        fail(f"{len(numbers)} lines of {number}; twice {twice[:5]}, missing {sorted(set(range(number)) - set(numbers))[:5]}")


def main():
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        grows_and_rotates()
        follows_patterns()
        knows_columns()
        ends_when_asked()
        begins_at_the_end()
        killed_and_rotated()
        os.chdir("/")


main()
