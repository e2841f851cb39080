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
import traceback

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
        raise RuntimeError("no repr")

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


# What hypothesis draws is a recipe: neither it nor pytest can show the values themselves.
ODD = {
    "red": lambda: Colour.RED, "odd": lambda: Colour.ODD, "broken": Broken, "text": lambda: OddText("odd"), "number": lambda: OddNumber(7),
    "endless": Endless, "array": LikeArray, "class": lambda: Broken, "function": lambda: len, "module": lambda: json, "path": lambda: pathlib.Path("a/b"),
    "first day": lambda: datetime.datetime.min, "signal": lambda: decimal.Decimal("sNaN"), "range": lambda: range(3), "floats": lambda: array.array("f", range(100)),
    "letters": lambda: array.array("u", "é"), "view": lambda: memoryview(b"x" * 300), "dots": lambda: ..., "complex": lambda: complex("nan"), "generator": lambda: (one for one in "ab"),
}  # fmt: skip
HOLDERS = {
    "list": list, "tuple": tuple, "deque": collections.deque, "looped": lambda items: looped(items), "pair": lambda items: Pair(items, items),
    "named": lambda items: Named(items, 1), "key": lambda items: {Broken(): items, 1: items, "1": 2, None: 3, "true": 4, False: 5}, "deep": lambda items: deep(items, 90), "very deep": lambda items: deep(items, 3000),
    "set": lambda items: {one for one in items if isinstance(one, (int, str))},
}  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), half_texts, st.binary(max_size=300), st.decimals(), st.dates(), st.timedeltas(),
    st.sampled_from([2**63, 2**64, -(2**63) - 1]), st.builds(lambda power: ("power", power), st.integers(0, 6000)), st.builds(lambda name: ("odd", name), st.sampled_from(sorted(ODD))),
)  # fmt: skip
recipes = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.tuples(st.just("holder"), st.sampled_from(sorted(HOLDERS)), st.lists(inner, max_size=4)),
        st.dictionaries(half_texts, inner, max_size=4),
    ),
    max_leaves=10,
)


def made(recipe):
    if isinstance(recipe, dict):
        return {key: made(one) for key, one in recipe.items()}
    if not isinstance(recipe, tuple):
        return recipe
    if recipe[0] == "power":
        return 10 ** recipe[1]
    if recipe[0] == "odd":
        return ODD[recipe[1]]()
    return HOLDERS[recipe[1]]([made(one) for one in recipe[2]])


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


@given(recipes)
def test_any_value_becomes_json_that_the_hub_reads(recipe):
    failure = becomes_json(made(recipe))
    assert failure is None, failure


def becomes_json(value):
    """None, or what was wrong, as text."""
    try:
        call = Call("call_1", "code.run")
        told = convert(value, call)
        framed = outcome.frame(call.id, outcome.build(call, "succeeded", told, None, 1.0))
        assert strict(framed[4:])["status"] == "succeeded"
        for name in call.blobs or {}:
            assert name.startswith("sha256:")
        assert list(frames.Decoder().feed(framed))[0]["id"] == "call_1"
    except BaseException:
        return traceback.format_exc(limit=-6)
