# SPDX-License-Identifier: MIT OR Apache-2.0
"""A Python value -> JSON, for outcomes.

Scalars, strings, lists, dicts, sets, tuples, named tuples, dataclasses, enums, paths, dates, bytes, numpy
arrays and scalars (told by their shape, numpy is never imported). Bytes and larger arrays become blobs
of the call. What else there is becomes {"$repr": text, "type": name}. Everything is bounded, and an
object whose methods raise becomes a "$repr" that says so: only the interrupt of the call passes through.

The application's own types come first: `convert(value, call)` of its Host.
"""

import base64
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import math
import os
import sys
import uuid

from .interrupt import Interrupt
from .problem import Problem

# Levels of lists and dicts; deeper ones are shown as text.
DEPTH_MAX = 64
# Rough size of the JSON of one value, in bytes; the frame is 64 MiB and holds the output too.
VALUE_BYTES_MAX = 32 * 1024 * 1024
# A single text beyond this travels as a blob, in characters.
TEXT_CHARS_MAX = 16 * 1024 * 1024
# A shorter one never does: the budget ends the list that it is in instead.
_SHORT_TEXT_CHARS = 65536
# An array up to this many elements is a list: easier to read than a reference.
ARRAY_ITEMS_INLINE = 64
# Bytes up to this many stand in the JSON in base64; a reference and its frame would be longer.
BYTES_INLINE = 256
# Characters of a repr.
REPR_CHARS_MAX = 2000

_PLAIN = frozenset((str, int, float, bool, type(None)))
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
_DTYPE_KINDS = "biufc"
_MANY = (list, tuple, range, collections.deque, collections.abc.Set, collections.abc.ValuesView)


def convert(value, call, own=None):
    """JSON for any value. `call` takes the blobs; `own` is the host's convert or None."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int and _INT_MIN <= value <= _INT_MAX:
        return value
    if kind is str and len(value) <= TEXT_CHARS_MAX:
        return value
    return _Conversion(call, own).any(value, 0)


def safe_repr(value, limit=REPR_CHARS_MAX):
    """repr() that never raises and is never longer than `limit` characters and a note."""
    try:
        text = repr(value)
        text = text if type(text) is str else str.__str__(text)
    except Interrupt:
        raise
    except BaseException as error:
        text = f"<{type_name(value)} object, its repr raised {type(error).__name__}>"
    if len(text) > limit:
        text = f"{text[:limit]} [… {len(text) - limit} characters more]"
    return text


def type_name(value):
    """The type's name with its module, where that is not a built-in one."""
    kind = type(value)
    try:
        name, module = kind.__qualname__, kind.__module__
        return str(name) if module in ("builtins", "__main__") else f"{module}.{name}"
    except Interrupt:
        raise
    except BaseException:
        return "object"


class _Conversion:
    """One value on its way; knows what is left of the budget and what it is inside of."""

    def __init__(self, call, own):
        self.call = call
        self.own = own
        self.left = VALUE_BYTES_MAX
        self.inside = set()

    def any(self, value, depth):
        try:
            return self.known(value, depth)
        except (Interrupt, Problem, MemoryError):
            raise
        except BaseException as error:
            self.left -= 200
            why = f"its conversion raised {type(error).__name__}"
            return {"$repr": safe_repr(value), "type": type_name(value), "why": why}

    def known(self, value, depth):
        kind = type(value)
        if kind in _PLAIN:
            return self.plain(value)
        if self.own is not None:
            mine, told = self.own(value, self.call)
            if mine:
                return self.any(told, depth + 1) if depth < DEPTH_MAX else self.text_of(value)
        if isinstance(value, enum.Enum):
            inner = value.value
            return self.plain(inner) if type(inner) in _PLAIN else value.name
        if isinstance(value, (str, int, float)):
            base = str if isinstance(value, str) else int if isinstance(value, int) else float
            return self.plain(_base(base, value))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self.bytes(bytes(value))
        array = self.array(value, kind)
        if array is not None:
            return array[0]
        return self.container(value, depth)

    def plain(self, value):
        kind = type(value)
        if kind is str:
            return self.text(value)
        self.left -= 8
        if kind is float:
            return value if math.isfinite(value) else _not_finite(value)
        if kind is int and not _INT_MIN <= value <= _INT_MAX:
            return {"$repr": _long_int(value), "type": "int"}
        return value

    def text(self, value):
        if len(value) > min(TEXT_CHARS_MAX, max(self.left, _SHORT_TEXT_CHARS)):
            self.left -= 100
            return self.call.blob(value.encode("utf-8", "kapelle.safe"), media_type="text/plain; charset=utf-8")
        self.left -= len(value) + 4
        return value

    def bytes(self, data):
        if len(data) <= BYTES_INLINE:
            return {"$base64": base64.b64encode(data).decode("ascii"), "bytes": len(data)}
        return self.call.blob(data, media_type="application/octet-stream")

    def array(self, value, kind):
        """[JSON] for a numpy array or scalar, or an array.array; else None."""
        if kind.__module__ == "array" and hasattr(value, "typecode"):
            return [self.machine_array(value)]
        dtype = getattr(value, "dtype", None)
        if dtype is None or not hasattr(value, "tobytes") or not hasattr(value, "tolist"):
            return None
        if not hasattr(dtype, "kind") or not hasattr(value, "shape"):
            return None
        items = 1
        for side in value.shape:
            items *= int(side)
        if dtype.kind not in _DTYPE_KINDS or items <= ARRAY_ITEMS_INLINE:
            return [self.any(value.tolist(), 1)]
        if dtype.byteorder == ">" or (dtype.byteorder == "=" and sys.byteorder == "big"):
            value = value.astype(dtype.newbyteorder("<"))
        return [self.call.blob(value.tobytes(), dtype=str(dtype.name), shape=value.shape)]

    def machine_array(self, value):
        if value.typecode in "uw":
            return self.text(value.tounicode())
        if len(value) <= ARRAY_ITEMS_INLINE:
            return self.many(value.tolist(), 1)
        base = "float" if value.typecode in "fd" else "int" if value.typecode.islower() else "uint"
        if sys.byteorder == "big":
            value = value[:]
            value.byteswap()
        return self.call.blob(value.tobytes(), dtype=base + str(value.itemsize * 8), shape=[len(value)])

    def container(self, value, depth):
        shown = self.scalar_like(value)
        if shown is not None:
            return shown
        named = _named(value)
        if named is None and not isinstance(value, _MANY):
            return self.text_of(value)
        if id(value) in self.inside:
            shown = "[…]" if named is None else "{…}"
            return {"$repr": shown, "type": type_name(value), "why": "it contains itself"}
        if depth >= DEPTH_MAX:
            return self.text_of(value)
        self.inside.add(id(value))
        try:
            if named is not None:
                return self.mapping(named, depth + 1)
            return self.many(_ordered(value), depth + 1)
        finally:
            self.inside.discard(id(value))

    def scalar_like(self, value):
        if isinstance(value, os.PathLike):
            path = os.fspath(value)
            return self.text(os.fsdecode(path))
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        if isinstance(value, (decimal.Decimal, uuid.UUID)):
            return str(value)
        return None

    def many(self, items, depth):
        total = len(items)
        if type(items) is list:
            # What is beyond the budget is not even looked at: a list of 200 MB costs no more than what is told of it.
            fit = max(0, self.left) // 8
            head = items[:fit]
            if self.flat(head):
                return head if fit >= total else [*head, {"$cut": f"{total - fit} more items of {total}"}]
        told = []
        for at, item in enumerate(items):
            if self.left < 0:
                told.append({"$cut": f"{total - at} more items of {total}"})
                break
            told.append(self.any(item, depth))
        return told

    def flat(self, items):
        """Whether a list holds plain finite numbers only and fits; many thousands a millisecond."""
        kinds = set(map(type, items))
        if not kinds <= {int, float, bool} or len(items) * 8 > self.left:
            return False
        if float in kinds and not all(map(math.isfinite, items)):
            return False
        if int in kinds and not (_INT_MIN <= min(items) and max(items) <= _INT_MAX):
            return False
        self.left -= len(items) * 8
        return True

    def mapping(self, pairs, depth):
        told = {}
        for key, item in pairs:
            if self.left < 0:
                told["$cut"] = "more keys than fit"
                break
            name = key if type(key) is str else _key(key)
            if name in told:  # 1 and "1" in one dict
                name = f"{name} ({type(key).__name__})"
            self.left -= len(name) + 4
            told[name] = self.any(item, depth)
        return told

    def text_of(self, value):
        shown = {"$repr": safe_repr(value), "type": type_name(value)}
        self.left -= len(shown["$repr"]) + 30
        return shown


def _named(value):
    """The (name, value) pairs of a mapping, named tuple or dataclass; None for anything else."""
    if isinstance(value, collections.abc.Mapping):
        return value.items()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return zip(value._fields, value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value)]
    return None


def _ordered(value):
    if isinstance(value, (set, frozenset)):
        try:
            return sorted(value)
        except (Interrupt, MemoryError):
            raise
        except BaseException:
            return list(value)
    return value if isinstance(value, (list, tuple, range)) else list(value)


def _base(base, value):
    """The plain value of a subclass, without its overridden methods."""
    return str.__str__(value) if base is str else base.__pos__(value)


def _key(key):
    if isinstance(key, enum.Enum):
        return str(key.name)
    if isinstance(key, str):
        return _base(str, key)
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, os.PathLike):
        return os.fsdecode(os.fspath(key))
    return safe_repr(key, 200)


def _not_finite(value):
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _long_int(value):
    # str() of very long integers is refused by newer Pythons and slow on all.
    if value.bit_length() <= 4096:
        return str(value)
    return f"{hex(value)[:64]}… ({value.bit_length()} bits)"
