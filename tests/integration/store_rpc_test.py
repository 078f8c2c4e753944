# SPDX-License-Identifier: MIT
"""/rpc of a running server, from outside: what clients' own suites pin down, with another language's JSON and clock."""
import concurrent.futures
import datetime
import hashlib
import json
import os
import re
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cli import expect, main, same, test
from serving import ZEROS, Server

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


def server(*args):
    return Server("--data-dir", "d", "--token", ZEROS, *args)


def rpc(store, *parts, token=ZEROS):
    """Status and result; every error is JSON that says so."""
    status, headers, body = store.request("POST", "/rpc", json.dumps(list(parts)), token)
    same(headers["Content-Type"], "application/json")
    result = json.loads(body)
    if status != 200:
        expect(set(result) == {"error"} and {"code", "message"} <= set(result["error"]), body)
    return status, result


def message(data=None, **more):
    return {"type": "T", "data": data or {}, **more}


@test
def messages_come_back_with_their_numbers_texts_and_times():
    data = {"big": 12345678901234567890, "odd": 2**53 + 1, "text": "é\u2028\U0001f600\"\\\n\x00<&>", "list": [1, [2.5, None]],
            "deep": {"a": {"b": {}}}, "": True}
    with server() as store:
        for stream in ("a-1", "UPPERCASE", "order:command-1", "a+b", "-x", "é-\U0001f600"):
            status, at = rpc(store, "stream.write", stream, message(data, metadata={"m": data}))
            same((status, at["position"]), (200, 0), stream)
            (got,) = rpc(store, "stream.get", stream)[1]
            same(got[4:6], [data, {"m": data}])
            same(got[1:4], ["T", 0, at["globalPosition"]])
            same(uuid.UUID(got[0]).version, 7)
            expect(TIME.match(got[6]), got[6])
            age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(got[6][:-1] + "+00:00")
            expect(0 <= age.total_seconds() < 60, got[6])
        same([m[1] for m in rpc(store, "category.get", "")[1]][:2], ["a-1", "UPPERCASE"])


@test
def concurrent_writers_get_positions_without_gaps():
    with server() as store, concurrent.futures.ThreadPoolExecutor(20) as pool:
        one = list(pool.map(lambda i: rpc(store, "stream.write", "one-1", message({"i": i})), range(100)))
        same(sorted(r["position"] for _, r in one), list(range(100)))
        many = list(pool.map(lambda i: rpc(store, "stream.write", "many-%d" % i, message()), range(100)))
        same([r["position"] for _, r in many], [0] * 100)
        same(sorted(r["globalPosition"] for _, r in one + many), list(range(1, 201)))
        race = list(pool.map(lambda i: rpc(store, "stream.write", "race-1", message(), {"expectedVersion": -1}), range(10)))
        same(sorted(status for status, _ in race), [200] + [409] * 9)
        lost = [r["error"] for status, r in race if status == 409]
        for error in lost:
            same((error["code"], error["details"]), ("STREAM_VERSION_CONFLICT", {"expected": -1, "actual": 0}))
            same(error["message"], "Expected version -1, stream is at version 0")


@test
def groups_split_a_category_by_md5():
    def owner(cardinal, size):
        return abs(int.from_bytes(hashlib.md5(cardinal.encode()).digest()[:8], "big", signed=True)) % size

    with server() as store:
        ids = ["%d%s" % (i, "+x" if i % 3 == 0 else "") for i in range(60)] + ["", "+y"]
        same(rpc(store, "batch.write", [["g-" + i, message()] for i in ids] + [["g", message()]])[0], 200)
        for size in (1, 2, 3, 7):
            for member in range(size):
                got = rpc(store, "category.get", "g", {"consumerGroup": {"member": member, "size": size}})[1]
                same([m[1] for m in got], ["g-" + i for i in ids if owner(i.split("+")[0], size) == member])


@test
def a_category_is_read_to_its_end_page_by_page():
    with server() as store:
        for part in range(3):
            same(rpc(store, "stream.append", "p-%d" % part, [message({"n": n}) for n in range(1000)])[0], 200)
        seen, position = [], 1
        while True:
            page = rpc(store, "category.get", "p", {"position": position, "batchSize": 700})[1]
            seen += [m[4] for m in page]
            if len(page) < 700:
                break
            position = page[-1][4] + 1
        same(seen, list(range(1, 3001)))
        same(len(rpc(store, "category.get", "p", {"batchSize": -1})[1]), 3000)
        same(len(rpc(store, "category.get", "p")[1]), 1000)
        backwards = rpc(store, "category.get", "p", {"batchSize": -1, "backwards": True})[1]
        same([m[4] for m in backwards], seen[::-1])


@test
def what_was_acknowledged_is_there_after_a_restart():
    with server() as store:
        rpc(store, "ns.create", "tenant-a", {"description": "A", "metadata": {"plan": "small"}})
        rpc(store, "stream.append", "a-1", [message(), message()])
        rpc(store, "stream.truncate", "a-1", 1)
        rpc(store, "consumer.set", "billing", 2)
        rpc(store, "retention.set", "a", {"maxCount": 100})
        rpc(store, "ns.quota", "default", {"maxMessages": 5})
        created = rpc(store, "ns.info", "tenant-a")[1]["createdAt"]
    with server() as store:
        info = rpc(store, "ns.info", "tenant-a")[1]
        same((info["createdAt"], info["description"], info["metadata"]), (created, "A", {"plan": "small"}))
        same([m[2] for m in rpc(store, "stream.get", "a-1")[1]], [1])
        same(rpc(store, "stream.version", "a-1")[1], 1)
        same(rpc(store, "consumer.get", "billing")[1]["position"], 2)
        same(rpc(store, "retention.get")[1], [{"target": "a", "maxAge": 0, "maxCount": 100}])
        same(rpc(store, "stream.append", "a-1", [message()] * 9)[1]["error"]["code"], "QUOTA_EXCEEDED")
        same(rpc(store, "stream.write", "a-1", message(), {"expectedVersion": 1})[1], {"position": 2, "globalPosition": 3})


@test
def a_deleted_namespace_stops_answering_in_test_mode_too():
    with Server("--test-mode") as store:
        made = rpc(store, "ns.create", "gone", token=None)[1]
        same(rpc(store, "stream.write", "a", message(), token=made["token"])[0], 200)
        same(rpc(store, "ns.delete", "gone", token=None)[1]["messagesDeleted"], 1)
        status, result = rpc(store, "stream.get", "a", token=made["token"])
        same((status, result["error"]["code"]), (404, "NAMESPACE_NOT_FOUND"))


if __name__ == "__main__":
    main()
