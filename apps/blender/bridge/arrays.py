# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays of numbers between a call and Blender, without a loop in Python for each number.

In: an argument as a caller gives it: a blob {"$blob", "dtype", "shape"} or a list of numbers, flat or in rows.
Out: a flat `array.array`, which Blender's `foreach_set` takes as it is, or the Problem arguments_invalid; and back:
a list for a few numbers, else a blob of the call.

numpy makes the checks quicker and is not needed: `numpy_or_none` is the only place that looks for it.
"""

import math
import sys
from array import array
from itertools import accumulate, chain

from .bridgekit.problem import Problem

# Numbers of one argument: what a mesh of ten million vertices needs; 200 MB of float32.
NUMBERS_MAX = 50_000_000
# dtype of a blob -> typecode of array.array; those that Blender's own are converted from.
FLOATS = {"float32": "f", "float64": "d"}
WHOLES = {
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "int16": "h",
    "uint16": "H",
    "int8": "b",
    "uint8": "B",
}


def numpy_or_none():
    """numpy, where this Blender's Python has it (Debian's has it only with the package python3-numpy)."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def floats(call, what, given, columns):
    """(flat array of float32, rows). `columns`: numbers per row, or the counts that are allowed."""
    allowed = (columns,) if isinstance(columns, int) else tuple(columns)
    flat, width = _flat(call, what, given, "f", FLOATS, allowed)
    width = width or (allowed[0] if len(allowed) == 1 else None)
    if width is None:
        raise wrong(what, "is flat", "Pass rows of %s numbers." % _words(allowed))
    if width not in allowed:
        raise wrong(what, "has rows of %s numbers" % width, "Rows of %s numbers." % _words(allowed))
    if len(flat) % width:
        raise wrong(what, "has %d numbers" % len(flat), "That is not a multiple of %d." % width)
    if not _finite(flat):
        raise wrong(
            what, "contains a number that is not finite", "Remove NaN, Infinity and values too large for float32."
        )
    return flat, len(flat) // width, width


def wholes(call, what, given):
    """(flat array of int32, columns or None where nothing says how long a row is)."""
    return _flat(call, what, given, "i", WHOLES, None)


def in_range(what, flat, end, one, many):
    """Raises arguments_invalid unless every number is in 0 … end-1. `one`, `many`: what it counts."""
    if not flat:
        return
    low, high = extremes(flat)
    if low < 0 or high >= end:
        bad = low if low < 0 else high
        hint = "It has %d %s: 0 to %d." % (end, many, end - 1) if end else "There are no %s." % many
        raise wrong(what, "names the %s %d" % (one, bad), hint)


def told(call, flat, columns, inline):
    """The array for an outcome: rows in a list up to `inline` numbers, else a blob with dtype and shape."""
    shape = [len(flat)] if columns is None else [len(flat) // columns, columns]
    if len(flat) <= inline:
        values = flat.tolist()
        return values if columns is None else [values[at : at + columns] for at in range(0, len(values), columns)]
    if sys.byteorder == "big":
        flat = flat[:]
        flat.byteswap()
    return call.blob(flat.tobytes(), dtype={"f": "float32", "i": "int32"}[flat.typecode], shape=shape)


def running_sums(flat):
    """What stands before each number: 0, a, a + b, … as int32. For sizes that were checked: none is negative, and their
    sum is an int32 too."""
    numpy = numpy_or_none()
    if numpy is None:
        return array("i", chain((0,), accumulate(flat[:-1]))) if flat else array("i")
    view = numpy.frombuffer(flat, "i4")
    return array("i", (numpy.cumsum(view, dtype="i4") - view).astype("i4").tobytes())


def empty(typecode, count):
    """A flat array of zeros for `foreach_get`."""
    return array(typecode, bytes(count * array(typecode).itemsize))


def _flat(call, what, given, typecode, dtypes, allowed):
    """(flat array, numbers per row or None)."""
    if isinstance(given, dict) and "$blob" in given:
        return _of_blob(call, what, given, typecode, dtypes)
    if not isinstance(given, list):
        raise wrong(
            what,
            "is %s" % type(given).__name__,
            'Pass a list of numbers or a blob such as {"$blob": "sha256:…", "dtype": "%s", "shape": [100, 3]}.'
            % next(iter(dtypes)),
        )
    width = None
    if given and isinstance(given[0], list):
        width = len(given[0])
        if any(not isinstance(row, list) or len(row) != width for row in given):
            raise wrong(what, "has rows of different lengths", "Rows must have the same length.")
        given = list(chain.from_iterable(given))
    _bounded(what, len(given))
    if any(type(one) is bool or not isinstance(one, (int, float)) for one in given):
        raise wrong(what, "contains something that is not a number", "Numbers only.")
    return packed(what, typecode, given), width


def _of_blob(call, what, given, typecode, dtypes):
    dtype = given.get("dtype") or next(iter(dtypes))
    code = dtypes.get(dtype) if isinstance(dtype, str) else None
    if code is None:
        raise wrong(what, "has the dtype %r" % dtype, "It can be: %s." % ", ".join(dtypes))
    held = array(code)
    data = call.read_blob(given)
    if len(data) % held.itemsize:
        raise wrong(what, "has %d bytes" % len(data), "That is not a whole number of %s." % dtype)
    _bounded(what, len(data) // held.itemsize)
    held.frombytes(data)
    if sys.byteorder == "big":
        held.byteswap()
    shape = given.get("shape")
    width = None
    if shape is not None:
        width = _width(what, shape, len(held))
    return held if code == typecode else packed(what, typecode, held), width


def _width(what, shape, count):
    fine = isinstance(shape, list) and 1 <= len(shape) <= 2 and all(type(one) is int and one >= 0 for one in shape)
    if not fine or math.prod(shape) != count:
        raise wrong(
            what,
            "has %d numbers and the shape %s" % (count, shape),
            "The shape must be [count] or [rows, numbers per row].",
        )
    return shape[1] if len(shape) == 2 else None


def packed(what, typecode, numbers):
    try:
        return array(typecode, numbers)
    except (TypeError, OverflowError):
        kind = "a whole number of 32 bits" if typecode == "i" else "a number"
        raise wrong(what, "contains something that is not %s" % kind, "Check the values.") from None


def extremes(flat):
    numpy = numpy_or_none()
    if numpy is None:
        return min(flat), max(flat)
    view = numpy.frombuffer(flat, "i4")
    return int(view.min()), int(view.max())


def _finite(flat):
    numpy = numpy_or_none()
    if numpy is None:
        return math.isfinite(sum(flat))  # in doubles: no sum of these reaches their limit
    return bool(numpy.isfinite(numpy.frombuffer(flat, "f4")).all())


def _bounded(what, count):
    if count > NUMBERS_MAX:
        raise wrong(what, "has %d numbers" % count, "The most in one call is %d." % NUMBERS_MAX)


def _words(counts):
    return " or ".join(map(str, counts))


def wrong(what, how, hint):
    return Problem("arguments_invalid", "`%s` %s." % (what, how), hint=hint)
