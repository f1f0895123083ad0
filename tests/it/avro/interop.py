"""Reads a datum by fastavro and by avro, checks it, and writes it again by each: hex on stdin, hex on stdout."""

import io
import sys
from datetime import date, datetime, time, timezone
from decimal import Decimal
from uuid import UUID

import avro.io
import avro.schema
import fastavro

text = open(sys.argv[1]).read()
theirs = avro.schema.parse(text)
fast = fastavro.parse_schema(__import__("json").loads(text))
datum = bytes.fromhex(sys.stdin.read())

expected = {
    "nothing": None, "truth": True, "int": -(2**31), "long": 2**63 - 1, "float": 1.5, "double": -0.1,
    "bytes": b"\x00\xff", "text": "caf\u00e9 \U0001f31e", "numbers": [1, -2, 3], "by_name": {"a": 1},
    "perhaps": None, "either": "x", "inner": {"n": 7}, "again": {"n": 8}, "suit": "HEARTS", "four": b"\x01\x02\x03\x04",
    "day": date(1969, 12, 30), "dawn": time(7, 8, 9, 10000), "dusk": time(23, 59, 59, 999999),
    "at": datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=timezone.utc),
    "exactly": datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=timezone.utc),
    "price": Decimal("-1.23"), "id": UUID(int=7),
}

read = fastavro.schemaless_reader(io.BytesIO(datum), fast)
assert read == expected, read
out = io.BytesIO()
fastavro.schemaless_writer(out, fast, read)
print(out.getvalue().hex())

read = avro.io.DatumReader(theirs).read(avro.io.BinaryDecoder(io.BytesIO(datum)))
assert read == expected | {"id": str(expected["id"])}, read  # it leaves ids as text
out = io.BytesIO()
avro.io.DatumWriter(theirs).write(read, avro.io.BinaryEncoder(out))
print(out.getvalue().hex())
