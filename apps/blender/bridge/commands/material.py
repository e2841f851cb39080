# SPDX-License-Identifier: GPL-3.0-or-later
"""material.*: materials by the inputs of their Principled BSDF, under names that hold across versions."""

import bpy

from .. import describe, names, placing, versions
from ..bridgekit.problem import Problem
from . import table


@table.command("material.list", effect="read")
def list_(call, limit=200):
    found = bpy.data.materials
    return {"materials": [describe.material(one) for one in found[:limit]], "total": len(found)}


@table.command("material.create", effect="write")
def create(
    call,
    name=None,
    base_color=None,
    metallic=None,
    roughness=None,
    ior=None,
    alpha=None,
    specular=None,
    transmission=None,
    coat=None,
    emission_color=None,
    emission_strength=None,
    object=None,
):
    target = names.object_named(object) if object is not None else None
    if target is not None:
        _check_surface(target)
    made = bpy.data.materials.new(name or "Material")
    node = versions.principled(made)
    if emission_color is not None and emission_strength is None:
        emission_strength = 1.0  # since 4.0 a new one has strength 0, and the colour alone would do nothing
    given = {
        "base_color": base_color,
        "metallic": metallic,
        "roughness": roughness,
        "ior": ior,
        "alpha": alpha,
        "specular": specular,
        "transmission": transmission,
        "coat": coat,
        "emission_color": emission_color,
        "emission_strength": emission_strength,
    }
    for key, value in given.items():
        if value is not None:
            _set(made, node, key, value)
    if target is not None:
        _put(target, made, None)
    return describe.material(made)


@table.command("material.assign", effect="write")
def assign(call, material, object, slot=None):
    surface = names.find(bpy.data.materials, "material", material)
    target = names.object_named(object)
    _check_surface(target)
    placing.leave_edit_mode()
    _put(target, surface, slot)
    return describe.full(target)


def _set(material, node, name, value):
    socket = versions.principled_input(node, name)
    if socket is None:
        raise Problem("not_supported", "Materials of Blender %s have no %s." % (versions.text(), name))
    if name.endswith("color"):
        value = (*value[:3], value[3] if len(value) > 3 else 1.0)
    socket.default_value = value
    if name == "base_color":
        material.diffuse_color = value  # what the viewport and Workbench show
    elif name in ("metallic", "roughness"):
        setattr(material, name, value)
    elif name == "alpha" and value < 1.0 and hasattr(material, "blend_method"):
        material.blend_method = "BLEND"  # EEVEE up to 4.1 shows no alpha without it


def _check_surface(target):
    if target.data is None or not hasattr(target.data, "materials"):
        raise Problem(
            "arguments_invalid",
            "%r is a %s and has no surface for a material." % (target.name, target.type.lower()),
            hint="Materials go on meshes, curves, texts and the like.",
        )


def _put(target, surface, slot):
    """Into that slot; without one into the first, which is made where there is none."""
    slots = target.data.materials
    if slot is None:
        slot = 0
    if slot > len(slots):
        raise Problem(
            "arguments_invalid",
            "%r has %d material slots; the next one is number %d." % (target.name, len(slots), len(slots)),
            hint="Slots are counted from 0.",
        )
    if slot == len(slots):
        slots.append(surface)
    else:
        slots[slot] = surface
