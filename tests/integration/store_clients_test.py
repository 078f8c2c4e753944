# SPDX-License-Identifier: MIT
"""Clients that share nothing with the server: one in JavaScript for Node.js, and this file's Python.

The client in C is tests/support/store_client.c, with its test in store_clients_test.c."""
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import SOURCE, expect, main, same, sanitized, skip, test
from store_cli import OTHER, TOKEN, Store


@test
def a_client_for_node_finds_what_it_expects():
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        skip("no node here: install nodejs to run this")
    with Store("data") as store:
        script = os.path.join(SOURCE, "tests", "integration", "support", "store_client.mjs")
        run = subprocess.run([node, script, str(store.port), TOKEN], capture_output=True, text=True, timeout=200,
                             check=False)
        print("    " + run.stdout.replace("\n", "\n    ").rstrip())
        expect(run.returncode == 0, "node: code %d" % run.returncode, run.stderr, store.said()[-2000:])


@test
def the_server_ends_when_told_and_keeps_what_it_had():
    with Store("data") as store:
        status, answer = store.rpc("stream.write", "a-1", {"type": "T", "data": {"n": 1}})
        same((status, answer), (200, {"position": 0, "globalPosition": 1}))
        code, seconds = store.stop()
        same(code, 0, store.said())
        expect(seconds < (5 if sanitized() or OTHER else 0.5), "it took %.3f s to stop" % seconds)
    with Store("data") as store:
        status, answer = store.rpc("stream.get", "a-1")
        same((status, [message[4] for message in answer]), (200, [{"n": 1}]))


@test
def a_second_server_does_not_open_the_same_data():
    if OTHER:
        skip("it does not mind")
    with Store("data") as store:
        run = subprocess.run([os.environ.get("MILLRACE", "build/millrace"), "serve", "--data-dir", store.path, "--listen",
                              "127.0.0.1:0"], capture_output=True, timeout=30, check=False)
        expect(run.returncode == 1, "code %d" % run.returncode, run.stderr)
        same(store.rpc("sys.health")[0], 200)


main()
