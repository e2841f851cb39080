# SPDX-License-Identifier: GPL-3.0-or-later
"""What a material's Principled BSDF gets: values under names that hold across versions, and images.

In: a material and {input: value}, {input: image}. Out: the nodes as they should be, or a Problem. A value takes
away what was connected to its input before; an image is connected to it.
"""

import os

import bpy

from . import names, paths, references, versions
from .bridgekit.problem import Problem

# Argument -> input that the image is connected to. What is not a colour is read as plain numbers.
IMAGES = {
    "base_color_image": "base_color",
    "metallic_image": "metallic",
    "roughness_image": "roughness",
    "alpha_image": "alpha",
    "emission_image": "emission_color",
    "normal_image": "normal",
}
# How far a new image node stands left of the BSDF, and how far each is below the last, in the editor's units.
_LEFT, _DOWN = 600.0, 300.0


def check(material):
    """Raises arguments_invalid for materials that have no nodes of this kind."""
    if getattr(material, "grease_pencil", None) is not None:
        raise Problem(
            "arguments_invalid", "%r is a material of grease pencil strokes." % material.name, hint="Use another one."
        )


def load(call, given):
    """{argument: image} of {argument: a path, or the name of an image of the file}. Raises before anything changes."""
    found = {}
    for argument, told in given.items():
        if told is not None:
            found[argument] = image(call, told)
    return found


def image(call, told):
    """The image of the file of that name, or the one that is read from that path."""
    if told in bpy.data.images:
        return bpy.data.images[told]
    try:
        path = paths.to_read(call, told)
    except Problem as problem:
        if problem.code == "file_not_found" and os.sep not in told and bpy.data.images:
            problem.hint = "%s Images of the file: %s" % (problem.hint, names.near(told, bpy.data.images.keys()))
        raise
    if references.is_playlist(path) and not paths.may_go_anywhere(call):
        raise paths.refused(path, "%s is a list of other files." % path)
    try:
        return bpy.data.images.load(path, check_existing=True)
    except RuntimeError as error:
        raise Problem("call_failed", "Blender cannot read the image %s: %s" % (path, str(error).strip())) from None


def set_inputs(material, values, images, normal_strength=None):
    """Sets what is given and leaves the rest; None means not given."""
    node = versions.principled(material)
    values = {name: value for name, value in values.items() if value is not None}
    missing = [name for name in values if versions.principled_input(node, name) is None]
    if missing:
        raise Problem("not_supported", "Materials in Blender %s have no %s." % (versions.text(), missing[0]))
    for name, value in values.items():
        _set(material, node, name, value)
    for number, (argument, picture) in enumerate(images.items()):
        _connect(material, node, IMAGES[argument], picture, number)
    if normal_strength is not None:
        _normal_map(material, node).inputs["Strength"].default_value = normal_strength
    material.update_tag()


def set_raw(node, given):
    """Sets inputs by the labels of this Blender's Principled BSDF. Raises not_found or arguments_invalid."""
    ready = []
    for label, value in given.items():
        socket = node.inputs.get(label)
        known = [one.name for one in node.inputs if hasattr(one, "default_value")]
        if socket is None or label not in known:
            raise Problem("not_found", "A Principled BSDF has no input %r." % label, hint=names.near(label, known))
        ready.append((socket, value))
    for socket, value in ready:
        try:
            size = len(socket.default_value) if hasattr(socket.default_value, "__len__") else 0
            socket.default_value = [*value, 1.0] if size == 4 and len(value) == 3 else value
        except (TypeError, ValueError) as error:
            raise Problem("arguments_invalid", "The input %r cannot be %r: %s" % (socket.name, value, error)) from None
        _cut(node.id_data, socket)


def textures(node):
    """{input: {image, path}} of the images that are connected to a BSDF."""
    found = {}
    wanted = {name: versions.principled_input(node, name) for name in versions.PRINCIPLED}
    wanted["normal"] = node.inputs.get("Normal")
    for name, socket in wanted.items():
        source = socket.links[0].from_node if socket is not None and socket.links else None
        if source is not None and source.type == "NORMAL_MAP" and source.inputs["Color"].links:
            source = source.inputs["Color"].links[0].from_node
        if source is not None and source.type == "TEX_IMAGE" and source.image is not None:
            found[name] = {"image": source.image.name, "path": bpy.path.abspath(source.image.filepath) or None}
    return found


def _set(material, node, name, value):
    if name.endswith("color"):
        value = (*value[:3], value[3] if len(value) > 3 else 1.0)
    socket = versions.principled_input(node, name)
    _cut(node.id_data, socket)
    socket.default_value = value
    if name == "base_color":
        material.diffuse_color = value  # what the viewport and Workbench show
    elif name in ("metallic", "roughness"):
        setattr(material, name, value)
    elif name == "alpha" and value < 1.0:
        versions.show_alpha(material)


def _connect(material, node, name, picture, number):
    tree = node.id_data
    if name == "normal":
        socket = _normal_map(material, node).inputs["Color"]
    else:
        socket = versions.principled_input(node, name)
    source = socket.links[0].from_node if socket.links else None
    if source is None or source.type != "TEX_IMAGE":
        _cut(tree, socket)
        source = tree.nodes.new("ShaderNodeTexImage")
        source.location = (node.location.x - _LEFT, node.location.y - _DOWN * number)
    source.image = picture
    is_color = name in ("base_color", "emission_color")
    if not is_color and picture.colorspace_settings.name != "Non-Color":
        picture.colorspace_settings.name = "Non-Color"
    tree.links.new(source.outputs["Alpha" if name == "alpha" and picture.channels == 4 else "Color"], socket)
    if name == "alpha":
        versions.show_alpha(material)


def _normal_map(material, node):
    """The Normal Map node before the BSDF, made where it is missing."""
    tree = node.id_data
    socket = node.inputs["Normal"]
    if socket.links and socket.links[0].from_node.type == "NORMAL_MAP":
        return socket.links[0].from_node
    _cut(tree, socket)
    made = tree.nodes.new("ShaderNodeNormalMap")
    made.location = (node.location.x - _LEFT / 2.0, node.location.y - _DOWN)
    tree.links.new(made.outputs["Normal"], socket)
    return made


def _cut(tree, socket):
    for link in [*socket.links]:
        tree.links.remove(link)
