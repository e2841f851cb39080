# SPDX-License-Identifier: MIT OR Apache-2.0
"""Values on their way to JSON."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import struct
import types
import unittest
import uuid

from bridgekit import convert as convert_module
from bridgekit import frames
from bridgekit.call import Call
from bridgekit.convert import convert


class Color(enum.Enum):
    RED = "red"
    BLUE = object()


class Level(enum.IntEnum):
    LOW = 1


Pair = collections.namedtuple("Pair", "left right")


@dataclasses.dataclass
class Record:
    name: str
    items: list


class FakeArray:
    """As much of a numpy array as the conversion looks at."""

    class Dtype:
        def __init__(self, kind, name, byteorder="="):
            self.kind, self.name, self.byteorder = kind, name, byteorder

        def newbyteorder(self, order):
            return FakeArray.Dtype(self.kind, self.name, order)

    def __init__(self, values, shape=None, kind="f", name="float32", byteorder="="):
        self.values = values
        self.shape = shape if shape is not None else (len(values),)
        self.dtype = FakeArray.Dtype(kind, name, byteorder)

    def tolist(self):
        return list(self.values) if self.shape else self.values[0]

    def tobytes(self):
        return struct.pack((">" if self.dtype.byteorder == ">" else "<") + f"{len(self.values)}f", *self.values)

    def astype(self, dtype):
        return FakeArray(self.values, self.shape, dtype.kind, dtype.name, dtype.byteorder)


class Convert(unittest.TestCase):
    def setUp(self):
        self.call = Call("c1", "x")

    def told(self, value, own=None):
        told = convert(value, self.call, own)
        frames.encode({"t": "x", "v": told})  # it must be JSON
        return told

    def test_plain_values(self):
        for value in (None, True, 0, -5, 2**64 - 1, 1.5, "text", "", [], {}, [1, [2.5, None]], {"a": {"b": []}}):
            self.assertEqual(self.told(value), value)

    def test_numbers_that_json_does_not_have(self):
        self.assertEqual(self.told([float("nan"), float("inf"), -float("inf")]), ["NaN", "Infinity", "-Infinity"])
        self.assertEqual(self.told(2**64), {"$repr": "18446744073709551616", "type": "int"})
        self.assertIn("bits", self.told(1 << 100000)["$repr"])
        self.assertEqual(self.told([1, 2**70])[1]["type"], "int")
        self.assertEqual(self.told(1 + 2j)["type"], "complex")

    def test_collections(self):
        self.assertEqual(self.told((1, 2)), [1, 2])
        self.assertEqual(self.told({3, 1, 2}), [1, 2, 3])
        self.assertEqual(sorted(map(str, self.told({1, "a"}))), ["1", "a"])
        self.assertEqual(self.told(frozenset([1])), [1])
        self.assertEqual(self.told(range(3)), [0, 1, 2])
        self.assertEqual(self.told(collections.deque([1])), [1])
        self.assertEqual(self.told({"a": 1}.keys()), ["a"])
        self.assertEqual(self.told({"a": 1}.values()), [1])
        self.assertEqual(self.told({"a": 1}.items()), [["a", 1]])
        self.assertEqual(self.told(collections.OrderedDict(a=1)), {"a": 1})
        self.assertEqual(self.told(types.MappingProxyType({"a": 1})), {"a": 1})

    def test_named_things(self):
        self.assertEqual(self.told(Pair(1, [2])), {"left": 1, "right": [2]})
        self.assertEqual(self.told(Record("a", [1])), {"name": "a", "items": [1]})
        self.assertEqual(self.told(Record)["type"], "type")
        self.assertEqual(self.told([Color.RED, Color.BLUE, Level.LOW]), ["red", "BLUE", 1])
        self.assertEqual(self.told(pathlib.PurePosixPath("/a/b")), "/a/b")
        self.assertEqual(self.told(datetime.date(2020, 1, 2)), "2020-01-02")
        self.assertEqual(self.told(datetime.timedelta(seconds=90)), 90.0)
        self.assertEqual(self.told([decimal.Decimal("1.50"), uuid.UUID(int=1)])[0], "1.50")

    def test_subclasses_become_plain(self):
        class Text(str):
            def __str__(self):
                return "other"

        class Number(float):
            pass

        told = self.told([Text("a"), Number(1.5), Number("nan"), collections.Counter("aa")])
        self.assertEqual(told, ["a", 1.5, "NaN", {"a": 2}])
        self.assertEqual([type(item) for item in told[:2]], [str, float])

    def test_keys(self):
        told = self.told({1: "a", "1": "b", None: "c", 2: "d", (1, 2): "e", False: "f", Color.RED: "g"})
        self.assertEqual(told["null"], "c")
        self.assertEqual(told["(1, 2)"], "e")
        self.assertEqual(told["RED"], "g")
        self.assertEqual((told["1"], told["1 (str)"], told["2"], told["false"]), ("a", "b", "d", "f"))

    def test_half_characters(self):
        self.assertEqual(self.told("a\ud800"), "a\ud800")  # made safe by the frame
        frame = frames.encode({"t": "x", "v": self.told({"\udc80": ["\ud83d"]})})
        self.assertEqual(json.loads(frame[4:].decode())["v"], {"\ufffd": ["\ufffd"]})

    def test_bytes(self):
        self.assertEqual(self.told(b"abc"), {"$base64": "YWJj", "bytes": 3})
        told = self.told(bytearray(b"x" * 1000))
        self.assertEqual((told["bytes"], told["media_type"]), (1000, "application/octet-stream"))
        self.assertEqual(self.call.blobs[told["$blob"]], b"x" * 1000)
        self.assertEqual(self.told(memoryview(b"abc"))["bytes"], 3)

    def test_arrays_like_numpy_s(self):
        self.assertEqual(self.told(FakeArray([1.0, 2.0])), [1.0, 2.0])
        self.assertEqual(self.told(FakeArray([7.0], shape=())), 7.0)
        self.assertEqual(self.told(FakeArray([float("nan")])), ["NaN"])
        values = [float(n) for n in range(100)]
        told = self.told({"a": FakeArray(values, shape=(10, 10))})["a"]
        self.assertEqual((told["dtype"], told["shape"], told["bytes"]), ("float32", [10, 10], 400))
        self.assertEqual(self.call.blobs[told["$blob"]], struct.pack("<100f", *values))
        other = self.told(FakeArray(values, byteorder=">"))
        self.assertEqual(other["$blob"], told["$blob"])
        self.assertEqual(self.told(FakeArray(["a"] * 100, kind="U", name="str"))[:1], ["a"])

    def test_real_numpy_where_there_is_one(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("no numpy here; the conversion never imports it")
        told = self.told(numpy.arange(100, dtype=">i2").reshape(4, 25))
        self.assertEqual((told["dtype"], told["shape"]), ("int16", [4, 25]))
        self.assertEqual(self.call.blobs[told["$blob"]], numpy.arange(100, dtype="<i2").tobytes())
        small = self.told([numpy.float32(1.5), numpy.int64(3), numpy.bool_(True), numpy.zeros((2, 2))])
        self.assertEqual(small, [1.5, 3, True, [[0.0, 0.0], [0.0, 0.0]]])

    def test_machine_arrays(self):
        self.assertEqual(self.told(array.array("i", [1, 2])), [1, 2])
        told = self.told(array.array("d", range(100)))
        self.assertEqual((told["dtype"], told["shape"], told["bytes"]), ("float64", [100], 800))
        self.assertEqual(self.told(array.array("B", range(100)))["dtype"], "uint8")

    def test_cycles_and_depth(self):
        loop = [1]
        loop.append(loop)
        self.assertEqual(self.told(loop), [1, {"$repr": "[…]", "type": "list", "why": "it contains itself"}])
        table = {}
        table["self"] = table
        self.assertEqual(self.told(table)["self"]["$repr"], "{…}")
        shared = [1]
        self.assertEqual(self.told([shared, shared]), [[1], [1]])
        deep = []
        for _ in range(5000):
            deep = [deep]
        self.told(deep)

    def test_bounds(self):
        before = convert_module.VALUE_BYTES_MAX
        self.addCleanup(setattr, convert_module, "VALUE_BYTES_MAX", before)
        convert_module.VALUE_BYTES_MAX = 1000
        told = self.told(["x" * 90] * 100)
        self.assertLess(len(told), 20)
        self.assertRegex(told[-1]["$cut"], r"more items of 100")
        self.assertIn("$cut", self.told({str(n): "x" * 90 for n in range(100)}))
        self.assertIn("$blob", self.told(["x" * 70000])[0])
        convert_module.VALUE_BYTES_MAX = before
        self.assertEqual(len(self.told(list(range(300000)))), 300000)
        self.assertIn("$blob", self.told("x" * (convert_module.TEXT_CHARS_MAX + 1)))

    def test_objects(self):
        told = self.told(Convert)
        self.assertEqual(told["type"], "type")
        self.assertIn("Convert", told["$repr"])
        self.assertEqual(self.told(object())["type"], "object")
        self.assertIn("characters more", self.told(type("Long", (), {"__repr__": lambda self: "x" * 5000})())["$repr"])
        self.assertEqual(self.told(n for n in [1])["type"], "generator")

    def test_objects_that_are_broken_in_every_way(self):
        def fail(self, *args):
            raise KeyboardInterrupt("broken")

        names = [
            "__repr__",
            "__str__",
            "__len__",
            "__iter__",
            "__getattr__",
            "__fspath__",
            "__eq__",
            "__hash__",
            "__bool__",
            "__float__",
            "keys",
        ]
        broken = type("Broken", (), dict.fromkeys(names, fail))
        told = self.told({"a": broken(), "b": [broken()], "ok": 1})
        self.assertEqual(told["ok"], 1)
        self.assertIn("its repr raised KeyboardInterrupt", told["a"]["$repr"])

        class Mapping(dict):
            def items(self):
                raise SystemExit

        self.assertIn("SystemExit", self.told(Mapping(a=1))["why"])

        class Meta(type):
            def __getattribute__(cls, name):
                raise RuntimeError(name)

        self.assertIn("$repr", self.told([Meta("Odd", (), {})()])[0])

    def test_own_types_come_first_and_may_fail(self):
        def own(value, call):
            if isinstance(value, Record):
                raise ReferenceError("the object was removed")
            return (True, (1, value)) if isinstance(value, complex) else (False, None)

        self.assertIn("ReferenceError", self.told([Record("a", [])], own)[0]["why"])
        self.assertLess(len(json.dumps(self.told([1j], own))), 100000)
