# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of anything of Blender's by their own names, checked before they are set.

In: an owner (a modifier, an object, its data) and {name: JSON}. Out: the values in Blender, or a Problem that
tells the near names, the choices or the range; then nothing is set. Angles come and go in degrees, other things
of the file (objects, collections, images) by name, and null takes such a thing out. A name with dots leads into
a part of the owner (`settings.quality`), never to another thing of the file.
"""

import math

import bpy

from . import convert, names, outside, path_rules, paths, plain_names
from .bridgekit.problem import Problem

# Dots in a name that are followed.
DEPTH_MAX = 4
_SIMPLE = ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM")


def set_all(call, owner, values, what):
    """Sets all of them or none. `what` is how messages call the owner, such as "bevel modifier"."""
    ready = []
    for name, value in values.items():
        part, prop = find(owner, name, what)
        ready.append((part, prop, _ready(call, prop, value, name)))
    before = [(part, prop, _kept(getattr(part, prop.identifier))) for part, prop, _value in ready]
    try:
        for part in {part.as_pointer(): part for part, _prop, _value in ready}.values():
            outside.set_by(call, part, lambda part=part: _set_part(part, ready), what)
    except BaseException:
        for part, prop, value in before:
            setattr(part, prop.identifier, value)
        raise


def find(owner, name, what):
    """(the part of the owner that has it, its RNA property). Raises not_found."""
    *way, last = str(name).split(".")
    part = owner
    if len(way) > DEPTH_MAX:
        raise Problem("arguments_invalid", "%r is nested too deeply." % name, hint="At most %d dots." % DEPTH_MAX)
    for step in way:
        prop = part.bl_rna.properties.get(step)
        inner = getattr(part, step) if prop is not None and prop.type == "POINTER" else None
        if inner is None or isinstance(inner, bpy.types.ID):
            inside = [one.identifier for one in part.bl_rna.properties if _has_parts(one)]
            raise Problem("not_found", "A %s has no part %r." % (what, step), hint=names.near(step, inside))
        part = inner
    prop = part.bl_rna.properties.get(last)
    if prop is None or not _usable(prop):
        known = [one.identifier for one in part.bl_rna.properties if _usable(one)]
        raise Problem("not_found", "A %s has no setting %r." % (what, name), hint=names.near(last, known))
    if prop.is_readonly:
        raise Problem("arguments_invalid", "The setting %r of a %s can only be read." % (name, what))
    return part, prop


def read(owner, leave_out=(), everything=True):
    """{name: JSON} of what can be set; with `everything` false only what differs from its default."""
    told = {}
    for prop in owner.bl_rna.properties:
        if prop.identifier in leave_out or not _usable(prop) or prop.is_readonly or prop.is_hidden:
            continue
        value = getattr(owner, prop.identifier)
        if everything or not _is_default(prop, value):
            told[prop.identifier] = to_json(prop, value)
    return told


def about(rna, leave_out=()):
    """What can be set on a type: [{name, type, unit, default, min, max, choices, doc}]."""
    return [
        _about(prop)
        for prop in rna.properties
        if prop.identifier not in leave_out and _usable(prop) and not prop.is_readonly and not prop.is_hidden
    ]


def to_json(prop, value):
    """A value of that property as callers give it: degrees, names, lists."""
    if value is None:
        return None
    if prop.type == "POINTER":
        return value.name
    if prop.type == "ENUM":
        return sorted(value) if prop.is_enum_flag else value
    if prop.type == "FLOAT":
        if getattr(prop, "is_array", False):
            return [_number(prop, one) for one in _flat(value)]
        return _number(prop, value)
    return _flat(value) if getattr(prop, "is_array", False) else value


def is_angle(prop):
    return prop.type == "FLOAT" and prop.unit == "ROTATION"


def thing(kind, name):
    """Something of the file by its RNA type ("Object", "Image") and name. Raises not_found."""
    return names.find(_home_of(kind), kind.identifier.lower(), name)


def _ready(call, prop, value, name):
    """The value as Blender takes it. Raises arguments_invalid, not_found or path_refused."""
    if prop.type == "POINTER":
        return None if value is None else thing(prop.fixed_type, value)
    if value is None:
        raise _wrong(name, value, "a value")
    if prop.type == "ENUM":
        return _choice(prop, value, name)
    if prop.type == "STRING":
        if not isinstance(value, str):
            raise _wrong(name, value, "text")
        if prop.identifier == "name":
            return plain_names.plain(value)
        return paths.allowed(call, value) if path_rules.is_path(prop) and value else value
    if not prop.is_array:
        return _scalar(prop, value, name)
    size = prop.array_length
    if not isinstance(value, (list, tuple)) or (size and len(value) != size):
        raise _wrong(name, value, "a list of %d" % size)
    return [_scalar(prop, one, name) for one in value]


def _scalar(prop, value, name):
    if prop.type == "BOOLEAN":
        if not isinstance(value, bool):
            raise _wrong(name, value, "true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong(name, value, "a number")
    if prop.type == "INT" and value != int(value):
        raise _wrong(name, value, "a whole number")
    number = int(value) if prop.type == "INT" else float(value)
    low, high = prop.hard_min, prop.hard_max
    if is_angle(prop):
        number = math.radians(number)
        outside = not low - 1e-5 <= number <= high + 1e-5
        low, high = math.degrees(low), math.degrees(high)
    else:
        outside = not low <= number <= high
    if outside:
        raise Problem(
            "arguments_invalid",
            "%r cannot be %g." % (name, value),
            hint="It must be between %g and %g%s." % (low, high, " degrees" if is_angle(prop) else ""),
        )
    return number


def _choice(prop, value, name):
    choices = [one.identifier for one in prop.enum_items]
    if prop.is_enum_flag:
        if not isinstance(value, (list, tuple)):
            raise _wrong(name, value, "a list of choices")
        return {_one_of(prop, choices, one, name) for one in value}
    return _one_of(prop, choices, value, name)


def _one_of(prop, choices, value, name):
    if not isinstance(value, str):
        raise _wrong(name, value, "one of %s" % ", ".join(choices))
    if not choices:
        return value  # Blender makes them up as it goes; it refuses by itself
    folded = value.lower().replace(" ", "_")
    for one in prop.enum_items:
        if folded in (one.identifier.lower(), one.name.lower().replace(" ", "_")):
            return one.identifier
    raise Problem("arguments_invalid", "%r has no choice %r." % (name, value), hint=names.near(value, choices))


def _set_part(part, ready):
    for one, prop, value in ready:
        if one == part:
            _set(part, prop, value)


def _set(part, prop, value):
    try:
        setattr(part, prop.identifier, value)
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        message = "%r cannot be set: %s" % (prop.identifier, str(error).strip().rpartition("error: ")[2])
        raise Problem("arguments_invalid", message) from None
    if prop.type == "POINTER" and getattr(part, prop.identifier) != value:
        raise Problem(
            "arguments_invalid",
            "%r does not accept %r." % (prop.identifier, value.name),
            hint="It is of the wrong kind, or the object itself.",
        )


def _usable(prop):
    if prop.identifier in ("rna_type", "bl_rna"):
        return False
    if getattr(prop, "is_array", False) and prop.array_dimensions[1] > 0:
        return False  # a matrix
    return prop.type in _SIMPLE or (prop.type == "POINTER" and _home_of(prop.fixed_type) is not None)


def _has_parts(prop):
    return prop.type == "POINTER" and _home_of(prop.fixed_type) is None and prop.identifier != "rna_type"


def _home_of(kind):
    """The collection of bpy.data where things of that RNA type are, or None."""
    for prop in bpy.data.bl_rna.properties:
        if prop.type == "COLLECTION" and prop.identifier != "all_ids" and prop.fixed_type == kind:
            return getattr(bpy.data, prop.identifier)
    return None


def _about(prop):
    told = {"name": prop.identifier, "type": prop.type.lower(), "doc": prop.description or prop.name}
    if prop.type == "POINTER":
        told["type"] = "name of " + prop.fixed_type.identifier
        return told
    if getattr(prop, "is_array", False):
        told["length"] = prop.array_length
        told["default"] = to_json(prop, prop.default_array)
    elif prop.type == "ENUM" and prop.is_enum_flag:
        told["default"] = sorted(prop.default_flag)
    else:
        told["default"] = to_json(prop, prop.default)
    if prop.type == "ENUM":
        told["choices"] = [one.identifier for one in prop.enum_items]
    if is_angle(prop):
        told["unit"] = "degrees"
    if prop.type in ("INT", "FLOAT"):
        told["min"], told["max"] = (_number(prop, limit) for limit in (prop.hard_min, prop.hard_max))
    return told


def _is_default(prop, value):
    if prop.type == "POINTER":
        return value is None
    if prop.type == "ENUM":
        return value == (prop.default_flag if prop.is_enum_flag else prop.default)
    if getattr(prop, "is_array", False):
        return _flat(value) == _flat(prop.default_array)
    return value == prop.default


def _number(prop, value):
    if prop.type == "INT":
        return int(value)
    if is_angle(prop) and abs(value) < 1e6:
        return round(math.degrees(value), 4) + 0.0
    return float("%.6g" % value) + 0.0


def _kept(value):
    """A copy that stays as it is when the setting changes."""
    return _flat(value) if hasattr(value, "__len__") and not isinstance(value, (str, set)) else value


def _flat(value):
    return [convert.convert(one)[1] if hasattr(one, "__len__") else one for one in value]


def _wrong(name, value, wanted):
    return Problem("arguments_invalid", "%r cannot be %r." % (name, value), hint="It takes %s." % wanted)
