# SPDX-License-Identifier: GPL-3.0-or-later
"""material.*: materials by the inputs of their Principled BSDF, under names that hold across versions."""

import bpy

from .. import convert as values
from .. import describe, host, names, naming, placing, plain_names, surfaces, versions
from ..bridgekit.problem import Problem
from ..command_table import table


@table.command("material.list", effect="read")
def list_(call, limit=200):
    found = bpy.data.materials
    return {"materials": [describe.material(one) for one in found[:limit]], "total": len(found)}


@table.command("material.get", effect="read")
def get(call, name=None, object=None, slot=None):
    return describe.material(_chosen(name, object, slot))


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
    made = bpy.data.materials.new(plain_names.plain(name) or "Material")
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
    surfaces.set_inputs(made, given, {})
    if target is not None:
        _put(target, made, None)
    return describe.material(made)


@table.command("material.set", effect="write")
def set_(
    call,
    name=None,
    object=None,
    slot=None,
    own=False,
    base_color=None,
    metallic=None,
    roughness=None,
    ior=None,
    alpha=None,
    specular=None,
    transmission=None,
    coat=None,
    coat_roughness=None,
    sheen=None,
    subsurface=None,
    anisotropic=None,
    emission_color=None,
    emission_strength=None,
    normal_strength=None,
    base_color_image=None,
    metallic_image=None,
    roughness_image=None,
    alpha_image=None,
    emission_image=None,
    normal_image=None,
    inputs=None,
    properties=None,
):
    given = {
        "base_color": base_color,
        "metallic": metallic,
        "roughness": roughness,
        "ior": ior,
        "alpha": alpha,
        "specular": specular,
        "transmission": transmission,
        "coat": coat,
        "coat_roughness": coat_roughness,
        "sheen": sheen,
        "subsurface": subsurface,
        "anisotropic": anisotropic,
        "emission_color": emission_color,
        "emission_strength": emission_strength,
    }
    pictures = {
        "base_color_image": base_color_image,
        "metallic_image": metallic_image,
        "roughness_image": roughness_image,
        "alpha_image": alpha_image,
        "emission_image": emission_image,
        "normal_image": normal_image,
    }
    _check_given(given, pictures, normal_strength, inputs, properties)
    _check_wanted(name, object, slot)
    loaded = surfaces.load(call, pictures)
    found = _wanted(name, object, slot, own)
    _light_up(found, given, loaded)
    if inputs:
        surfaces.set_raw(versions.principled(found), inputs)
    surfaces.set_inputs(found, given, loaded, normal_strength)
    values.set_properties(found, properties or {})
    host.current().changed("material", found.name)
    return describe.material(found)


@table.command("material.assign", effect="write")
def assign(call, material, object, slot=None):
    surface = names.find(bpy.data.materials, "material", material)
    target = names.object_named(object)
    _check_surface(target)
    placing.leave_edit_mode()
    _put(target, surface, slot)
    return describe.full(target)


@table.command("material.unassign", effect="write")
def unassign(call, object, slot=None):
    target = names.object_named(object)
    _check_surface(target)
    placing.leave_edit_mode()
    slots = target.data.materials
    if slot is not None and slot >= len(slots):
        raise _no_slot(target, len(slots))
    if slot is None:
        slots.clear()
    else:
        slots.pop(index=slot)
    host.current().changed("object", target.name)
    return describe.full(target)


@table.command("material.rename", effect="write")
def rename(call, name, to):
    found = names.find(bpy.data.materials, "material", name)
    naming.rename(bpy.data.materials, "material", found, to)
    return describe.material(found)


@table.command("material.duplicate", effect="write")
def duplicate(call, name, new_name=None, object=None, slot=None):
    found = names.find(bpy.data.materials, "material", name)
    target = names.object_named(object) if object is not None else None
    if target is not None:
        _check_surface(target)
    made = found.copy()
    if new_name is not None:
        made.name = plain_names.plain(new_name)
    if target is not None:
        _put(target, made, slot)
    return describe.material(made)


@table.command("material.delete", effect="destructive")
def delete(call, name=None, unused=False):
    if (name is not None) == unused:
        raise Problem("arguments_invalid", "Pass either a name or unused=true.", hint="Pass `name`, or unused=true.")
    if unused:
        gone = [one for one in bpy.data.materials if one.users == int(one.use_fake_user) and not one.library]
    else:
        gone = [names.find(bpy.data.materials, "material", name)]
    told = [one.name for one in gone]
    bpy.data.batch_remove(gone)
    return {"deleted": told}


def _check_given(*given):
    flat = [one for each in given for one in (each.values() if isinstance(each, dict) else [each])]
    if all(one is None for one in flat):
        raise Problem(
            "arguments_invalid", "There is nothing to change.", hint="Pass `base_color`, `roughness` or the like."
        )


def _chosen(name, object, slot):
    """The material of that name, or of that object's slot. Raises not_found or arguments_invalid."""
    if (name is None) == (object is None):
        raise Problem(
            "arguments_invalid", "Which material?", hint="Pass `name` of a material, or `object` for the one it has."
        )
    if name is not None:
        return names.find(bpy.data.materials, "material", name)
    target = names.object_named(object)
    _check_surface(target)
    slots = target.material_slots
    if slot is not None and slot >= len(slots):
        raise _no_slot(target, len(slots))
    number = slot if slot is not None else target.active_material_index
    found = slots[number].material if number < len(slots) else None
    if found is None:
        raise Problem(
            "not_found", "%r has no material." % target.name, hint="material.set with this object creates one."
        )
    return found


def _check_wanted(name, object, slot):
    """Raises what `_wanted` would, before anything is made or read."""
    try:
        surfaces.check(_chosen(name, object, slot))
    except Problem as problem:
        if problem.code != "not_found" or name is not None or slot is not None or object not in bpy.data.objects:
            raise


def _wanted(name, object, slot, own):
    """As `_chosen`; an object without a material gets one, and with `own` one that no other has."""
    try:
        found = _chosen(name, object, slot)
    except Problem:  # `_check_wanted` lets only this one through: the object has none
        found = bpy.data.materials.new(object)
        _put(names.object_named(object), found, None)
    if own and object is not None and found.users - int(found.use_fake_user) > 1:
        found = found.copy()
        target = names.object_named(object)
        _put(target, found, slot if slot is not None else target.active_material_index)
    return found


def _light_up(material, given, pictures):
    """A colour of light alone does nothing where the strength is 0, as in new materials since 4.0."""
    colored = given["emission_color"] is not None or "emission_image" in pictures
    if colored and given["emission_strength"] is None:
        socket = versions.principled_input(versions.principled(material), "emission_strength")
        if socket.default_value == 0.0 and not socket.links:
            given["emission_strength"] = 1.0


def _check_surface(target):
    if target.data is None or not hasattr(target.data, "materials"):
        raise Problem(
            "arguments_invalid",
            "%r is a %s and cannot have a material." % (target.name, target.type.lower()),
            hint="Meshes, curves, texts and the like can have materials.",
        )


def _put(target, surface, slot):
    """Into that slot; without one into the first, which is made where there is none."""
    slots = target.data.materials
    if slot is None:
        slot = 0
    if slot > len(slots):
        raise _no_slot(target, len(slots))
    if slot == len(slots):
        slots.append(surface)
    else:
        slots[slot] = surface


def _no_slot(target, count):
    return Problem(
        "arguments_invalid",
        "%r has %d material slots; the next one is number %d." % (target.name, count, count),
        hint="Slots are counted from 0.",
    )
