# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the versions of Blender (3.4, 4.2, 4.5, 5.0, 5.2). It stands here and nowhere else.

In: names that hold across versions. Out: the names and values that the running Blender knows, or a Problem
that tells those that exist. It changes nothing except what it is handed.
"""

import bpy

from .bridgekit.problem import Problem

VERSION = tuple(bpy.app.version)

# Our names of render engines -> what they are called, newest spelling last tried first by `set_engine`.
ENGINES = {
    "cycles": ("CYCLES",),
    "eevee": ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT"),
    "workbench": ("BLENDER_WORKBENCH",),
}

# Names of Principled BSDF inputs that hold across versions -> the labels since 4.0, then those before.
PRINCIPLED = {
    "base_color": ("Base Color",),
    "metallic": ("Metallic",),
    "roughness": ("Roughness",),
    "ior": ("IOR",),
    "alpha": ("Alpha",),
    "specular": ("Specular IOR Level", "Specular"),
    "transmission": ("Transmission Weight", "Transmission"),
    "coat": ("Coat Weight", "Clearcoat"),
    "emission_color": ("Emission Color", "Emission"),
    "emission_strength": ("Emission Strength",),
}

# (type or "", attribute or name in the message) -> what to use instead. For hints on errors in a caller's code.
API_BREAKS = (
    ("fcurves", (5, 0), "Since 5.0 curves live in action.layers[0].strips[0].channelbag(slot).fcurves."),
    ("node_tree", (5, 0), "Since 5.0 a scene's compositor is scene.compositing_node_group."),
    ("use_auto_smooth", (4, 1), "Since 4.1 use mesh.shade_smooth() or the modifier 'Smooth by Angle'."),
    ("calc_normals", (4, 0), "Since 4.0 normals are kept up to date; leave the call out."),
    ("sequences", (5, 0), "Since 5.0 it is sequence_editor.strips."),
    ("grease_pencils", (5, 0), "Since 5.0 annotations are bpy.data.annotations."),
    ("ShaderNodeSeparateRGB", (5, 0), "Use ShaderNodeSeparateColor."),
    ("BLENDER_EEVEE_NEXT", (5, 0), "Since 5.0 the engine is called BLENDER_EEVEE again."),
    ("Specular", (4, 0), "Since 4.0 the input is 'Specular IOR Level'."),
    ("Emission", (4, 0), "Since 4.0 the inputs are 'Emission Color' and 'Emission Strength'."),
    ("Transmission", (4, 0), "Since 4.0 the input is 'Transmission Weight'."),
    ("Clearcoat", (4, 0), "Since 4.0 the input is 'Coat Weight'."),
)


def text():
    """The version as people write it: "4.5.15"."""
    return "%d.%d.%d" % VERSION[:3]


def is_module():
    """Whether this is the `bpy` wheel in a Python, and not the Blender program."""
    return not bpy.app.binary_path


def api_hint(message):
    """What replaced a name in an error message, or None."""
    for name, since, instead in API_BREAKS:
        if VERSION >= since and ("'%s'" % name in message or '"%s"' % name in message):
            return instead
    if VERSION < (5, 0) and VERSION >= (4, 2) and '"BLENDER_EEVEE"' in message:
        return "From 4.2 to 4.5 the engine is called BLENDER_EEVEE_NEXT."
    return None


def set_engine(scene, name):
    """Sets the render engine by our name ("cycles") or Blender's own ("CYCLES"). Raises not_supported."""
    wanted = ENGINES.get(str(name).lower(), (str(name),))
    refusal = ""
    for identifier in wanted:
        try:
            scene.render.engine = identifier
            return
        except TypeError as error:
            refusal = str(error)
    known = refusal.rpartition("(")[2].rstrip(")\n")
    raise Problem(
        "not_supported",
        "This Blender (%s) has no render engine %r." % (text(), name),
        hint="It has: %s." % (known or ", ".join(sorted(ENGINES))),
    )


def engine_name(scene):
    """Our name of the scene's engine, else Blender's own."""
    identifier = scene.render.engine
    for name, identifiers in ENGINES.items():
        if identifier in identifiers:
            return name
    return identifier


def samples_of(scene):
    """Samples of a final render with the scene's engine, or None where there is no such number."""
    engine = engine_name(scene)
    if engine == "cycles" and hasattr(scene, "cycles"):
        return scene.cycles.samples
    if engine == "eevee":
        return scene.eevee.taa_render_samples
    return None


def set_samples(scene, samples):
    """Sets the samples of a final render; True when the engine has such a number."""
    engine = engine_name(scene)
    if engine == "cycles" and hasattr(scene, "cycles"):
        scene.cycles.samples = samples
    elif engine == "eevee":
        scene.eevee.taa_render_samples = samples
    else:
        return False
    return True


def can_denoise():
    """Whether Cycles of this build has OpenImageDenoise. Without it a denoised render fails at its end."""
    try:
        import _cycles
    except ImportError:
        return False
    return bool(getattr(_cycles, "with_openimagedenoise", False))


def operator(idname):
    """The operator `wm.obj_import`, or None where this Blender has none of that name."""
    module, _, name = idname.partition(".")
    found = getattr(getattr(bpy.ops, module), name)
    try:
        found.get_rna_type()
    except (KeyError, RuntimeError):
        return None
    return found


def use_nodes(owner):
    """Switches nodes on for a material or world; from 5.0 on they always are. Returns the node tree."""
    if VERSION < (5, 0) and not owner.use_nodes:
        owner.use_nodes = True
    return owner.node_tree


def principled(material):
    """The Principled BSDF node of a material, made and connected where it is missing."""
    tree = use_nodes(material)
    for node in tree.nodes:
        if node.type == "BSDF_PRINCIPLED":
            return node
    node = tree.nodes.new("ShaderNodeBsdfPrincipled")
    output = next((n for n in tree.nodes if n.type == "OUTPUT_MATERIAL"), None)
    output = output or tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(node.outputs[0], output.inputs[0])
    return node


def principled_input(node, name):
    """The input of a Principled BSDF by our name, or None where this version has none."""
    for label in PRINCIPLED[name]:
        found = node.inputs.get(label)
        if found is not None:
            return found
    return None


def background(world):
    """The Background node of a world, made and connected where it is missing."""
    tree = use_nodes(world)
    for node in tree.nodes:
        if node.type == "BACKGROUND":
            return node
    node = tree.nodes.new("ShaderNodeBackground")
    output = next((n for n in tree.nodes if n.type == "OUTPUT_WORLD"), None)
    output = output or tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(node.outputs[0], output.inputs[0])
    return node


def gltf_import_is_broken():
    """Debian's Blender 3.4 meets a numpy (1.24 and later) that has lost the names its add-on uses."""
    if VERSION >= (3, 6):
        return False
    try:
        import numpy
    except ImportError:
        return True
    return tuple(int(n) for n in numpy.__version__.split(".")[:2]) >= (1, 24)
