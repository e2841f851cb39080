# SPDX-License-Identifier: MIT OR Apache-2.0
"""Errors of code that was written for another version of Blender, or with a name that is nearly right."""

import pytest

BSDF = "bpy.data.materials['Material'].node_tree.nodes['Principled BSDF'].inputs[%r]"
EEVEE = "bpy.context.scene.eevee."
SLOT = "action.layers[0].strips[0].channelbag(obj.animation_data.action_slot).fcurves"
# code -> what the hint says, for the versions in which the code fails: (from, to).
RENAMED = [
    ("bpy.data.actions.new('a').fcurves", (5, 0), None, SLOT),
    ("bpy.data.actions.new('a').groups", (5, 0), None, "channelbag"),
    ("bpy.data.actions.new('a').slots", None, (4, 4), "action.fcurves"),
    ("bpy.data.objects['Cube'].animation_data_create().action_slot", None, (4, 4), "animation_data.action"),
    ("bpy.context.scene.node_tree", (5, 0), None, "compositing_node_group"),
    ("bpy.context.scene.compositing_node_group", None, (5, 0), "scene.node_tree"),
    ("bpy.context.scene.sequence_editor_create().sequences", (5, 0), None, "sequence_editor.strips"),
    ("bpy.context.scene.sequence_editor_create().strips", None, (4, 4), "sequence_editor.sequences"),
    ("bpy.context.scene.render.engine = 'BLENDER_EEVEE'", (4, 2), (5, 0), "BLENDER_EEVEE_NEXT"),
    ("bpy.context.scene.render.engine = 'BLENDER_EEVEE_NEXT'", None, (4, 2), "BLENDER_EEVEE."),
    ("bpy.context.scene.render.engine = 'BLENDER_EEVEE_NEXT'", (5, 0), None, "BLENDER_EEVEE again"),
    ("bpy.context.scene.render.engine = 'EEVEE'", None, None, "BLENDER_EEVEE"),
    ("bpy.context.scene.render.image_settings.file_format = 'FFMPEG'", (5, 0), None, "media_type = 'VIDEO'"),
    (EEVEE + "use_bloom", (4, 2), None, "Glare"),
    (EEVEE + "use_ssr = True", (4, 2), None, "use_raytracing"),
    (EEVEE + "use_motion_blur", (4, 2), None, "scene.render.use_motion_blur"),
    (EEVEE + "shadow_cube_size", (4, 2), None, "shadow_resolution_scale"),
    ("bpy.data.meshes['Cube'].use_auto_smooth = True", (4, 1), None, "shade_smooth_by_angle"),
    ("bpy.data.meshes['Cube'].calc_normals()", (4, 0), None, "remove the call"),
    ("bpy.data.meshes['Cube'].calc_normals_split()", (4, 1), None, "corner_normals"),
    ("bpy.data.meshes['Cube'].sculpt_vertex_colors", (4, 0), None, "color_attributes"),
    ("bpy.data.meshes['Cube'].face_maps", (4, 0), None, "mesh.attributes"),
    ("bpy.data.meshes['Cube'].edges[0].crease", (4, 0), None, "crease_edge"),
    ("bpy.data.meshes['Cube'].edges[0].bevel_weight", (4, 0), None, "bevel_weight_edge"),
    ("bpy.data.armatures.new('a').layers", (4, 0), None, "armature.collections"),
    ("bpy.data.armatures.new('a').collections", None, (4, 0), "armature.layers"),
    ("bpy.data.lights['Light'].use_contact_shadow", (4, 2), None, "EEVEE was rewritten"),
    ("bpy.data.materials['Material'].shadow_method = 'NONE'", (4, 2), None, "visible_shadow"),
    ("bpy.data.annotations", None, (5, 0), "bpy.data.grease_pencils"),
    ("bpy.data.grease_pencils_v3", (5, 0), None, "Since 5.0 it is bpy.data.grease_pencils"),
    ("bpy.ops.object.gpencil_add()", (4, 3), None, "grease_pencil_add"),
    ("bpy.ops.object.grease_pencil_add()", None, (4, 3), "gpencil_add"),
    (
        "bpy.data.node_groups.new('g', 'GeometryNodeTree').inputs.new('NodeSocketFloat', 'x')",
        (4, 0),
        None,
        "new_socket",
    ),
    ("bpy.data.node_groups.new('g', 'GeometryNodeTree').interface", None, (4, 0), "tree.inputs.new"),
    (BSDF % "Specular", (4, 0), None, "'Specular IOR Level'"),
    (BSDF % "Subsurface", (4, 0), None, "'Subsurface Weight'"),
    (BSDF % "Transmission", (4, 0), None, "'Transmission Weight'"),
    (BSDF % "Emission", (4, 0), None, "'Emission Color'"),
    (BSDF % "Clearcoat Roughness", (4, 0), None, "'Coat Roughness'"),
    (BSDF % "Sheen", (4, 0), None, "'Sheen Weight'"),
    (BSDF % "Specular IOR Level", None, (4, 0), "'Specular'"),
    (BSDF % "Emission Color", None, (4, 0), "'Emission'"),
    ("bpy.data.materials['Material'].node_tree.nodes.new('ShaderNodeSeparateRGB')", (5, 0), None, "SeparateColor"),
    ("bpy.data.materials['Material'].node_tree.nodes.new('ShaderNodeTexMusgrave')", (4, 1), None, "TexNoise"),
    ("bpy.data.materials['Material'].node_tree.nodes.new('ShaderNodeBsdfVelvet')", (4, 0), None, "BsdfSheen"),
    ("bpy.data.materials['Material'].node_tree.nodes.new('ShaderNodeBsdfSheen')", None, (4, 0), "BsdfVelvet"),
    ("bpy.ops.object.select_all({'scene': bpy.context.scene}, action='SELECT')", (4, 0), None, "temp_override"),
    ("bpy.ops.export_scene.obj(filepath='x.obj')", (4, 0), None, "bpy.ops.wm.obj_export"),
    ("bpy.ops.import_scene.obj(filepath='x.obj')", (4, 0), None, "bpy.ops.wm.obj_import"),
    ("bpy.ops.import_mesh.stl(filepath='x.stl')", (4, 2), None, "bpy.ops.wm.stl_import"),
    ("bpy.ops.export_mesh.ply(filepath='x.ply')", (4, 0), None, "bpy.ops.wm.ply_export"),
    ("bpy.ops.wm.stl_export(filepath='x.stl')", None, (4, 1), "bpy.ops.export_mesh.stl"),
    ("bpy.ops.wm.fbx_import(filepath='x.fbx')", None, (4, 5), "bpy.ops.import_scene.fbx"),
    ("bpy.ops.wm.fbx_export(filepath='x.fbx')", None, None, "bpy.ops.export_scene.fbx"),
    ("bpy.ops.wm.collada_export(filepath='x.dae')", (5, 0), None, "Collada is no longer supported"),
    ("bpy.ops.wm.obj_export(filepath='x.obj', use_selection=True)", None, None, "export_selected_objects"),
    ("bpy.ops.object.shade_smooth(use_auto_smooth=True)", (4, 1), None, "shade_smooth_by_angle"),
    ("bpy.ops.object.shade_auto_smooth()", None, (4, 1), "use_auto_smooth=True"),
    ("import bgl", (5, 0), None, "gpu module"),
    ("import blf; blf.size(0, 11, 72)", (4, 0), None, "blf.size(font_id, size)"),
    ("bpy.types.SoundSequence", (4, 4), None, "SoundStrip"),
    ("bpy.types.Strip", None, (4, 4), "Sequence"),
    ("bpy.context.asset_file_handle", (4, 0), None, "bpy.context.asset"),
    ("bpy.data.objects['Cube'].cycles.use_adaptive_subdivision", (5, 0), None, "modifier"),
    # what 2.7x had
    ("bpy.data.objects['Cube'].select = True", None, None, "select_set"),
    ("bpy.data.objects['Cube'].hide = True", None, None, "hide_viewport"),
    ("bpy.context.scene.objects.link(bpy.data.objects['Cube'])", None, None, "collection.objects.link"),
    ("bpy.context.scene.objects.active", None, None, "view_layer.objects.active"),
    ("bpy.context.scene.update()", None, None, "view_layer.update()"),
    ("bpy.context.scene.cursor_location = (0, 0, 0)", None, None, "cursor.location"),
    ("bpy.data.lamps", None, None, "bpy.data.lights"),
    ("bpy.context.user_preferences", None, None, "bpy.context.preferences"),
    ("bpy.app.handlers.scene_update_post", None, None, "depsgraph_update_post"),
    ("bpy.utils.register_module('x')", None, None, "register_class"),
    ("bpy.data.cameras['Camera'].dof_distance = 3", None, None, "dof.focus_distance"),
    ("mathutils.Matrix() * mathutils.Vector((1, 2, 3))", None, None, "multiplied with @"),
    ("bmesh.ops.create_cone(bmesh.new(), segments=3, diameter1=1, diameter2=1, depth=1)", None, None, "radius1"),
]
NEARLY = [
    ("bpy.data.objects['Cuve']", "'Cube'"),
    ("things = bpy.data.objects\nkey = 'Cuve'\nthings[key]", "'Cube'"),
    ("bpy.data.materials['Material'].node_tree.nodes['Principled']", "'Principled BSDF'"),
    ("bpy.data.objekts", "'objects'"),
    ("bpy.data.objects['Cube'].locaton", "'location'"),
    ("bpy.data.objects['Cube'].locaton = (1, 2, 3)", "'location'"),
    ("bpy.context.active_objct", "'active_object'"),
    ("bpy.context.view_layer.objects.activ", "'active'"),
    ("bpy.ops.mesh.primitive_cube_ad()", "'mesh.primitive_cube_add'"),
    ("bpy.ops.object.primitive_cube_add()", "bpy.ops.mesh.primitive_cube_add"),
    ("bpy.ops.objekt.delete()", "'object.delete'"),
    ("bpy.ops.mesh.primitive_cube_add(siz=3)", "'size'"),
    ("bpy.ops.object.origin_set(type='ORIGIN_GEOMETRI')", "'ORIGIN_GEOMETRY'"),
    ("bpy.ops.object.light_add(type='SUNN')", "'SUN'"),
    ("bpy.data.objects['Cube'].modifiers.new('a', 'SUBSURFACE')", "'SUBSURF'"),
    ("bpy.data.objects['Cube'].rotation_mode = 'XZY2'", "'XZY'"),
    ("bpy.types.Objekt", "'Object'"),
    ("bpy.path.abspat('x')", "'abspath'"),
    ("bpy.data.materials['Material'].node_tree.nodes.new('ShaderNodeTexNoize')", "'ShaderNodeTexNoise'"),
    ("bpy.context.scene['cycles']", ".cycles"),
    ("bpy.context.object['tagg']", "Custom properties here: 'tag'"),
    ("bpy.data.texts['Text']", "There are none"),
]


def version(blender):
    return tuple(int(n) for n in blender.announcement["version"].split(".")[:2])


def fails(blender, code, since, until):
    mine = version(blender)
    return (since is None or mine >= since) and (until is None or mine < until)


@pytest.mark.parametrize(
    ("code", "since", "until", "hint"), RENAMED, ids=[row[0] + str(row[1] or "") for row in RENAMED]
)
def test_a_name_of_another_version(blender, code, since, until, hint):
    blender.eval(
        "m = bpy.data.materials['Material']\nif not m.node_tree: m.use_nodes = True\n"
        "layer = bpy.context.view_layer; layer.objects.active = bpy.data.objects['Cube']; None"
    )
    outcome = blender.code("x = 1\n" + code)
    if not fails(blender, code, since, until):
        # There the name exists; whether the rest of the code works is another question.
        assert hint not in (outcome.get("problem") or {}).get("hint", ""), outcome
        return
    problem = outcome["problem"]
    assert problem["code"] == "code_raised", problem
    assert hint in problem.get("hint", ""), problem
    assert problem["details"]["line"] == 2, "the caller's own line"


@pytest.mark.parametrize(("code", "hint"), NEARLY, ids=[row[0] for row in NEARLY])
def test_a_name_that_is_nearly_right(blender, code, hint):
    blender.eval(
        "m = bpy.data.materials['Material']\nif not m.node_tree: m.use_nodes = True\n"
        "layer = bpy.context.view_layer; layer.objects.active = bpy.data.objects['Cube']\n"
        "bpy.context.object['tag'] = 1"
    )
    problem = blender.code(code)["problem"]
    assert hint in problem.get("hint", ""), problem
    assert problem["details"]["line"] == len(code.splitlines())


def test_in_a_function_of_an_earlier_call(blender):
    blender.eval("def find(name):\n    return bpy.data.objects[name]\nNone")
    problem = blender.code("1\n2\nfind('Cuve')")["problem"]
    assert "'Cube'" in problem["hint"] and problem["details"]["line"] == 2, problem


def test_a_hint_never_runs_the_code_again(blender):
    code = "count = []\ndef once(): count.append(1); return bpy.data.objects\nonce()['Cuve']"
    assert "'Cube'" in blender.code(code)["problem"]["hint"]
    assert blender.eval("len(count)") == 1


def test_errors_that_are_not_blenders_have_no_wrong_hint(blender):
    for code in ("{}['Specular']", "class A: pass\nA().fcurves", "'x' * 'y'", "int('Emission')"):
        assert "ince" not in (blender.code(code)["problem"].get("hint") or ""), code
