"""Batches handed to other implementations of Arrow, and back: pyarrow and DuckDB, where they can be imported.

The bridge (tests/support/arrow_bridge.c) makes batches with a column of every type; the structs of the C Data Interface
go to Python by address. One thread: there is nothing for ThreadSanitizer to see.
"""
import ctypes
import datetime
import decimal
import os
import sys
import uuid

try:
    import pyarrow as pa
except ImportError:
    pa = None
try:
    import duckdb
except ImportError:
    duckdb = None

TEXTS = {"number": 6, "text": 16, "raw": 17, "doc": 18, "mixed": 19}  # columns that go out as they lie


class Struct:
    """Room for an ArrowSchema, an ArrowArray or an ArrowArrayStream."""

    def __init__(self):
        self.room = (ctypes.c_uint64 * 12)()
        self.at = ctypes.addressof(self.room)


def load_bridge():
    bridge = ctypes.CDLL(os.environ["ARROW_BRIDGE"])
    bridge.bridge_error.restype = ctypes.c_char_p
    bridge.bridge_data_address.restype = ctypes.c_uint64
    bridge.bridge_back_address.restype = ctypes.c_uint64
    bridge.bridge_print.restype = ctypes.c_int64
    for name in ("bridge_make", "bridge_take", "bridge_stream", "bridge_print"):
        getattr(bridge, name).argtypes = {
            "bridge_make": [ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p],
            "bridge_take": [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_uint32],
            "bridge_stream": [ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p],
            "bridge_print": [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64]}[name]
    return bridge


def good(bridge, code):
    assert code == 0, bridge.bridge_error().decode()


def take_in(bridge, reader):
    """What our import makes of a pyarrow reader: lines of cells."""
    stream = Struct()
    reader._export_to_c(stream.at)
    room = ctypes.create_string_buffer(16 << 20)
    length = bridge.bridge_print(stream.at, room, len(room))
    assert length >= 0, bridge.bridge_error().decode()
    return room.raw[:length].decode(errors="replace").split("\n")


def data_address(column):
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    return storage.buffers()[2].address


def a_batch_goes_to_pyarrow_and_back_without_a_copy(bridge):
    for seed, rows in ((1, 1000), (2, 7), (3, 0), (4, 5000)):
        schema, array = Struct(), Struct()
        good(bridge, bridge.bridge_make(seed, rows, schema.at, array.at))
        batch = pa.RecordBatch._import_from_c(array.at, schema.at)
        batch.validate(full=True)
        assert batch.num_rows == rows and bridge.bridge_leased() == 1
        for name, number in TEXTS.items() if rows else ():
            assert batch.schema.names[number] == name
            assert data_address(batch.column(number)) == bridge.bridge_data_address(number), name
        back_schema, back_array = Struct(), Struct()
        batch._export_to_c(back_array.at, back_schema.at)
        del batch
        good(bridge, bridge.bridge_take(back_schema.at, back_array.at, 1, seed, rows))
        lent = [n for n in ("text", "raw", "mixed") if rows
                and bridge.bridge_back_address(TEXTS[n]) == bridge.bridge_data_address(TEXTS[n])]
        if rows >= 1000:  # all but what ends at the end of a page
            assert len(lent) >= 2, lent
        assert bridge.bridge_leased() == (1 if lent else 0)
        bridge.bridge_forget()
        assert bridge.bridge_leased() == 0


def values_are_what_pyarrow_reads(bridge):
    stream = Struct()
    good(bridge, bridge.bridge_stream(9, 3, stream.at))
    table = pa.RecordBatchReader._import_from_c(stream.at).read_all()
    assert table.num_rows == 3000
    types = {f.name: f.type for f in table.schema}
    assert types["count"] == pa.int64() and types["ratio"] == pa.float64() and types["flag"] == pa.bool_()
    assert types["price"] == pa.decimal128(38, 2) and types["huge"] == pa.decimal128(38, 0)
    assert types["at_us"] == pa.timestamp("us", "UTC") and types["at_ns"] == pa.timestamp("ns", "+02:00")
    assert types["clock"] == pa.time32("s") and types["day"] == pa.date32()
    assert str(types["id"]).startswith("extension<arrow.uuid") and str(types["doc"]).startswith("extension<arrow.json")
    assert table.column("nothing").null_count == 3000
    days = [d for d in table.column("day").to_pylist() if d]
    assert all(isinstance(d, datetime.date) for d in days) and len(days) > 2000
    assert all(isinstance(i, uuid.UUID) for i in table.column("id").to_pylist() if i)
    again = take_in(bridge, table.to_reader())
    assert again[0].split("|")[3] == "price:decimal" and len(again) > 3000


def foreign_columns_become_our_types(bridge):
    utc = datetime.timezone.utc
    columns = {
        "u8": pa.array([1, None], pa.uint8()),
        "u64": pa.array([2**64 - 1, 1], pa.uint64()),
        "half": pa.array([0.5, -2], pa.float16()),
        "single": pa.array([0.1, None], pa.float32()),
        "dec": pa.array([decimal.Decimal("-1.10"), None], pa.decimal256(50, 2)),
        "day": pa.array([datetime.date(2024, 2, 29), None], pa.date64()),
        "at": pa.array([datetime.datetime(2024, 1, 1, tzinfo=utc), None], pa.timestamp("ms", "Europe/Berlin")),
        "big": pa.array(["Zo\u00eb", None], pa.large_string()),
        "view": pa.array(["short", "quite a bit longer than that"], pa.string_view()),
        "dict": pa.array(["a", "b"]).dictionary_encode(),
        "list": pa.array([[1, None], []], pa.list_(pa.int32())),
        "pair": pa.array([{"x": 1.5, "y": ["q\"", "z"]}, None]),
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())),
        "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)),
        "raw": pa.array([{"b": b"\x00\xff"}, {"b": None}]),
        "nan": pa.array([float("nan"), float("inf")]),
    }
    head, *rows = take_in(bridge, pa.table(columns).to_reader())
    assert head == ("u8:int|u64:decimal|half:float|single:float|dec:decimal|day:date|at:timestamp|big:string|view:string|"
                    "dict:string|list:json|pair:json|map:json|fixed:json|raw:json|nan:float"), head
    assert rows == [
        '1|18446744073709551615|0.5|0.10000000149011612|-1.10|2024-02-29|2024-01-01T00:00:00.000Z|Zo\u00eb|short|a|'
        '[1,null]|{"x":1.5,"y":["q\\"","z"]}|[{"key":"k","value":1}]|[1,2]|{"b":"AP8="}|NaN',
        'null|1|-2.0|null|null|null|null|null|quite a bit longer than that|b|[]|null|null|[3,4]|{"b":null}|Inf'], rows
    sliced = pa.table(columns).slice(1)
    assert take_in(bridge, sliced.to_reader())[1:] == rows[1:]


def what_has_no_place_is_refused_by_name(bridge):
    for array, words in ((pa.array([1], pa.duration("s")), "a duration"),
                         (pa.array([decimal.Decimal(10)**40], pa.decimal256(50, 0)), "more than 38 digits"),
                         (pa.array([None], pa.month_day_nano_interval()), "an interval")):
        stream = Struct()
        pa.table({"x": array}).to_reader()._export_to_c(stream.at)
        room = ctypes.create_string_buffer(1 << 10)
        assert bridge.bridge_print(stream.at, room, len(room)) == -1
        assert words in bridge.bridge_error().decode(), bridge.bridge_error()


def duckdb_reads_a_stream_of_ours(bridge):
    stream = Struct()
    good(bridge, bridge.bridge_stream(21, 5, stream.at))
    reader = pa.RecordBatchReader._import_from_c(stream.at)
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute("CREATE TABLE t AS SELECT * FROM reader")
    assert database.execute("SELECT count(*), count(nothing) FROM t").fetchall() == [(5000, 0)]
    kinds = dict(database.execute("SELECT column_name, column_type FROM (DESCRIBE t)").fetchall())
    assert kinds["count"] == "BIGINT" and kinds["price"] == "DECIMAL(38,2)" and kinds["id"] == "UUID", kinds
    assert kinds["at"] == "TIMESTAMP_S" and kinds["doc"] == "JSON" and kinds["clock_us"] == "TIME", kinds
    # Summed by both: DuckDB over what it got, Python over what pyarrow got of the same seed.
    good(bridge, bridge.bridge_stream(21, 5, stream.at))
    table = pa.RecordBatchReader._import_from_c(stream.at).read_all()
    assert database.execute("SELECT sum(price) FROM t").fetchall()[0][0] == sum(
        v for v in table.column("price").to_pylist() if v is not None)
    # And back: what DuckDB hands out is what we take in.
    result = database.sql("SELECT count(*) AS n, 'x' AS s, [1, 2] AS l, DATE '2024-01-01' AS d, 1.50::DECIMAL(9,2) AS p, "
                          "{'a': 1} AS r, TIMESTAMP '2024-01-01 01:02:03.5' AS t FROM t")
    export = getattr(result, "to_arrow_reader", None) or result.fetch_record_batch
    lines = take_in(bridge, export())
    assert lines == ["n:int|s:string|l:json|d:date|p:decimal|r:json|t:timestamp",
                     '5000|x|[1,2]|2024-01-01|1.50|{"a":1}|2024-01-01T01:02:03.500000'], lines


def main():
    if "ARROW_BRIDGE" not in os.environ:
        print("arrow_others_test: not with sanitizers, whose libraries have to be the first in a process")
        return
    if pa is None:
        print("arrow_others_test: pyarrow cannot be imported; nothing was compared with it")
        return
    bridge = load_bridge()
    good(bridge, bridge.bridge_open())
    tests = [a_batch_goes_to_pyarrow_and_back_without_a_copy, values_are_what_pyarrow_reads,
             foreign_columns_become_our_types, what_has_no_place_is_refused_by_name]
    if duckdb is None:
        print("arrow_others_test: duckdb cannot be imported; nothing was compared with it")
    else:
        tests.append(duckdb_reads_a_stream_of_ours)
    for test in tests:
        test(bridge)
        print("ok", test.__name__)


sys.exit(main())
