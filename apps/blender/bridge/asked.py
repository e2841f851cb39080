# SPDX-License-Identifier: GPL-3.0-or-later
"""What a line of a caller's code asked for: which collection, which operator. For hints after an error.

In: the code's text, the line that raised, its frame. Out: the thing that was meant, or None. It reads names,
attributes and items that stand in the text, of Blender's own things alone, and calls nothing.
"""

import ast

import bpy

# Characters of code that are parsed once more for a hint.
PARSED_CHARS_MAX = 200_000


def owner_of_key(source, line, frame, key):
    """What was asked for that key, such as the collection `bpy.data.objects` in `bpy.data.objects["Cuve"]`."""
    for node in _nodes(source, line, ast.Subscript):
        owner = _read(node.value, frame)
        if owner is not None and _read(node.slice, frame) == key:
            return owner
    return None


def operator_with(source, line, frame, keyword):
    """The name "mesh.primitive_cube_add" of the operator that was called with that keyword."""
    for node in _nodes(source, line, ast.Call):
        name = _operator(node)
        if name and any(one.arg == keyword for one in node.keywords):
            return name
    return None


def keywords(idname):
    """What an operator takes, or [] where it is not known."""
    rna = _rna(idname)
    return [one.identifier for one in rna.properties if one.identifier != "rna_type"] if rna else []


def enum_of_operator(source, line, frame, wanted):
    """All values of the operator's argument that was given that value."""
    for node in _nodes(source, line, ast.Call):
        name = _operator(node)
        for one in node.keywords if name else ():
            if one.arg and _read(one.value, frame) == wanted:
                rna = _rna(name)
                prop = rna.properties.get(one.arg) if rna else None
                return [item.identifier for item in prop.enum_items_static] if prop and prop.type == "ENUM" else []
    return []


def _nodes(source, line, kind):
    """The nodes of that kind that stand on the line, the smallest first."""
    if not source or len(source) > PARSED_CHARS_MAX:
        return []
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [one for one in ast.walk(tree) if isinstance(one, kind) and one.lineno <= line <= one.end_lineno]
    return sorted(found, key=lambda one: (one.end_lineno - one.lineno, one.end_col_offset - one.col_offset))


def _operator(node):
    parts, function = [], node.func
    while isinstance(function, ast.Attribute):
        parts.insert(0, function.attr)
        function = function.value
    plain = isinstance(function, ast.Name) and function.id == "bpy" and len(parts) == 3 and parts[0] == "ops"
    return ".".join(parts[1:]) if plain else None


def _rna(idname):
    group, _, name = idname.partition(".")
    try:
        return getattr(getattr(bpy.ops, group), name).get_rna_type()
    except (AttributeError, KeyError, RuntimeError):
        return None


def _read(node, frame):
    """The value of plain reads, or None."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return frame.f_locals.get(node.id, frame.f_globals.get(node.id)) if frame is not None else None
    if isinstance(node, ast.Attribute):
        owner = _read(node.value, frame)
        return getattr(owner, node.attr, None) if owner is bpy or _is_blenders(owner) else None
    if isinstance(node, ast.Subscript):
        owner, key = _read(node.value, frame), _read(node.slice, frame)
        if (
            isinstance(owner, bpy.types.bpy_prop_collection)
            and isinstance(key, (str, int))
            and not isinstance(key, bool)
        ):
            try:
                return owner[key]
            except (KeyError, IndexError):
                return None
    return None


def _is_blenders(owner):
    return isinstance(owner, (bpy.types.bpy_struct, bpy.types.bpy_prop_collection))
