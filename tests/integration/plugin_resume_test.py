"""Runs of plug-ins that are killed go on where their last checkpoint was: a source with position() and seek(), into a
destination that stores checkpoints beside its data, and into a file of ours; nothing is lost and nothing comes twice."""
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ["SOURCE"])
MILLRACE = os.environ["MILLRACE"]
ROUNDS = int(os.environ.get("ROUNDS", "6"))

# Appends lines to its path at once; what the last flush made durable, and the checkpoint, are in PATH.at, which is renamed
# into place. Nothing that was written behind it survives open().
LEDGER = r"""
#include <millrace/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef struct ledger { FILE *out; char at[4096]; unsigned char *stored; size_t length; } ledger;
static int fail(millrace_error *e, const char *text) { snprintf(e->text, sizeof e->text, "%s", text); return MILLRACE_ERR_IO; }
static int open_(const millrace_config *c, void **state, millrace_error *e) {
    ledger *l = calloc(1, sizeof *l);
    *state = l;
    snprintf(l->at, sizeof l->at, "%s.at", c->path);
    FILE *at = fopen(l->at, "rb");
    long head[2] = {0, 0};
    if (at && fread(head, sizeof head, 1, at) == 1) {
        l->stored = malloc((size_t)head[1] + 1);
        l->length = fread(l->stored, 1, (size_t)head[1], at);
    }
    if (at) fclose(at);
    l->out = fopen(c->path, "ab");
    if (!l->out || ftruncate(fileno(l->out), head[0])) return fail(e, "cannot open the ledger");
    return 0; }
static int start(void *s, const struct ArrowSchema *schema, millrace_error *e) { (void)s, (void)schema, (void)e; return 0; }
static int write_(void *s, struct ArrowArray *b, millrace_error *e) {
    ledger *l = s; (void)e;
    const int64_t *x = b->children[0]->buffers[1], *y = b->children[1]->buffers[1];
    for (int64_t i = 0; i < b->length; i++) fprintf(l->out, "%lld,%lld\n", (long long)x[i], (long long)y[i]);
    b->release(b);
    return ferror(l->out) ? fail(e, "cannot write") : 0; }
static int flush_(void *s, const void *p, size_t n, millrace_error *e) {
    ledger *l = s; char part[4200];
    fflush(l->out); fdatasync(fileno(l->out));
    if (n == 0) { remove(l->at); return 0; }
    snprintf(part, sizeof part, "%s.new", l->at);
    FILE *at = fopen(part, "wb");
    fseek(l->out, 0, SEEK_END);
    const long head[2] = {ftell(l->out), (long)n};
    if (!at || fwrite(head, sizeof head, 1, at) != 1 || fwrite(p, 1, n, at) != n) return fail(e, "cannot store");
    fflush(at); fdatasync(fileno(at)); fclose(at);
    return rename(part, l->at) ? fail(e, "cannot store") : 0; }
static int position(void *s, void *out, size_t room, size_t *length, millrace_error *e) {
    ledger *l = s;
    if (l->length > room) return fail(e, "no room");
    memcpy(out, l->stored, l->length); *length = l->length; return 0; }
static int commit(void *s, const void *p, size_t n, millrace_error *e) { (void)p, (void)n; return flush_(s, NULL, 0, e); }
static void close_(void *s) { ledger *l = s; if (l->out) fclose(l->out); free(l->stored); free(l); }
static const millrace_destination d = {.size = sizeof d, .name = "ledger", .summary = "lines, as they come", .open = open_, .start = start,
    .guarantee = "each record once", .write = write_, .commit = commit, .close = close_, .flush = flush_, .position = position};
const millrace_plugin_info *millrace_plugin(uint32_t abi) {
    static const millrace_destination *const all[] = {&d};
    static const millrace_plugin_info info = {.size = sizeof info, .abi = MILLRACE_ABI, .name = "ledger", .version = "1",
                                              .destination_count = 1, .destinations = all};
    (void)abi; return &info; }
"""


def command(folder, to, rows, state):
    return [MILLRACE, "copy", "--plugin", folder / "dice.so", "--plugin", folder / "ledger.so", f"dice:?rows={rows}", to, "--state-dir", state,
            "--checkpoint-records", "20000", "--summary", "off", "--progress", "off"]


def killed_until_done(folder, to, target, rows, wanted):
    """Kills the run at random moments, then lets it end."""
    resumed = 0
    for number in range(ROUNDS):
        state = folder / "state"
        shutil.rmtree(state, ignore_errors=True)
        for leftover in folder.glob(target.name + "*"):
            leftover.unlink()
        for _ in range(3):
            child = subprocess.Popen(list(map(str, command(folder, to, rows, state))), stderr=subprocess.PIPE)
            time.sleep(random.random() * 0.25)
            child.kill()
            child.wait()
            resumed += any(state.glob("*")) if state.exists() else 0
        done = subprocess.run(list(map(str, command(folder, to, rows, state))), capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert target.read_bytes() == wanted, f"round {number}: the output differs ({target.stat().st_size} bytes, {len(wanted)} wanted)"
    return resumed


def main():
    random.seed(7)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "ledger.c").write_text(LEDGER)
        for source, made in ((SOURCE / "examples/plugin/dice.c", "dice.so"), (folder / "ledger.c", "ledger.so")):
            subprocess.run(["cc", "-std=gnu11", "-O1", "-w", f"-I{SOURCE}/include", "-fPIC", "-shared", "-o", folder / made, source], check=True)
        rows = 1_000_000
        whole = folder / "whole.csv"
        subprocess.run(list(map(str, command(folder, whole, rows, folder / "s0"))), check=True)
        text = whole.read_bytes()
        stops = killed_until_done(folder, folder / "again.csv", folder / "again.csv", rows, text)
        print("ok a killed run of a plug-in's source goes on;", stops, "checkpoints found")
        stops = killed_until_done(folder, f"ledger:{folder}/lines.txt", folder / "lines.txt", rows, text.split(b"\n", 1)[1])
        print("ok a killed run into a plug-in's destination goes on;", stops, "checkpoints found")
        assert not (folder / "lines.txt.at").exists()


sys.exit(main())
