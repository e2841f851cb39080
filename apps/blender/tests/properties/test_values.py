# SPDX-License-Identifier: MIT OR Apache-2.0
"""Any Python value becomes JSON that a strict reader takes: the hub's is serde_json."""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import json
import pathlib

from bridgekit import frames, outcome
from bridgekit.call import Call
from bridgekit.convert import convert
from hypothesis import given
from hypothesis import strategies as st
from shapes import half_texts

# serde_json gives up at 128 levels; the outcome around a value takes some.
LEVELS_MAX = 120


class Colour(enum.Enum):
    RED = 1
    ODD = object()


@dataclasses.dataclass
class Pair:
    left: object
    right: object


Named = collections.namedtuple("Named", "a b")


class Broken:
    """Every way of looking at it raises."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        raise SystemExit("no repr")

    def __hash__(self):
        return 1


class OddText(str):
    def __str__(self):
        raise ValueError

    def __len__(self):
        return -1


class OddNumber(int):
    def __index__(self):
        raise ValueError


class Endless(collections.abc.Mapping):
    def __getitem__(self, key):
        return key

    def __iter__(self):
        raise OSError("no keys")

    def __len__(self):
        return 3


class LikeArray:
    """Says that it is an array of numpy's."""

    dtype = "no dtype"
    shape = (2, "x")

    def tobytes(self):
        raise MemoryError

    def tolist(self):
        return self


def looped(inner):
    """A list that holds itself."""
    made = [inner]
    made.append(made)
    return made


def deep(inner, levels):
    for level in range(levels):
        inner = [inner] if level % 2 else {"in": inner}
    return inner


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), half_texts, st.binary(max_size=300), st.decimals(), st.dates(), st.timedeltas(),
    st.complex_numbers(), st.builds(lambda power: 10**power, st.integers(0, 6000)), st.sampled_from([
        2**63, 2**64, -(2**63) - 1, float("nan"), float("inf"), Colour.RED, Colour.ODD, Broken(), OddText("odd"), OddNumber(7), Endless(), LikeArray(), Broken, len, json,
        pathlib.Path("a/b"), datetime.datetime.min, decimal.Decimal("sNaN"), range(3), array.array("f", range(100)), array.array("u", "é"), memoryview(b"x" * 300),
        ...,
    ]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner), st.dictionaries(st.one_of(half_texts, st.integers(), st.none(), st.booleans()), inner, max_size=4),
        st.builds(Pair, inner, inner), st.builds(Named, inner, inner), st.builds(looped, inner), st.builds(collections.deque, st.lists(inner, max_size=3)), st.builds(lambda one: {Broken(): one}, inner),
        st.frozensets(st.one_of(st.integers(), half_texts), max_size=3), st.builds(deep, inner, st.integers(0, 300)),
    ),
    max_leaves=10,
)  # fmt: skip


def levels(value):
    if isinstance(value, dict):
        return 1 + max(map(levels, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(levels, value), default=0)
    return 0


def strict(payload):
    """Reads JSON as the hub does: no NaN, no number beyond a double, no half character, not too deep."""

    def number(text):
        told = float(text)
        assert told not in (float("inf"), float("-inf")), text
        return told

    def whole(text):
        assert len(text) < 309, text[:30]
        return int(text)

    def none_such(text):
        raise AssertionError(text)

    told = json.loads(payload.decode("utf-8"), parse_float=number, parse_int=whole, parse_constant=none_such)
    assert levels(told) <= LEVELS_MAX
    return told


@given(values)
def test_any_value_becomes_json_that_the_hub_reads(value):
    call = Call("call_1", "code.run")
    told = convert(value, call)
    framed = outcome.frame(call.id, outcome.build(call, "succeeded", told, None, 1.0))
    assert strict(framed[4:])["status"] == "succeeded"
    for name in call.blobs or {}:
        assert name.startswith("sha256:")
    assert list(frames.Decoder().feed(framed))[0]["id"] == "call_1"
