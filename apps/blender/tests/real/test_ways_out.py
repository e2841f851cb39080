# SPDX-License-Identifier: MIT OR Apache-2.0
"""Ways out that a file can hide: nodes and links that Blender passes over, what is packed in vain, switches that
animation turns, and names that Blender puts into a path. Callers without `code`; see test_outside.py.
"""

import os
import shutil

import pytest
from test_outside import GROUP, OUTPUT, PLAIN, limited, picture, prepared, refused, saved_with


@pytest.fixture
def out(tmp_path):
    """A folder that such a caller may not use, with something in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret0001.png").write_bytes(picture())
    (folder / "secret.txt").write_text("secret")
    (folder / "secret.obj").write_text("v 0 0 0\nv 9 0 0\nv 0 9 0\nf 1 2 3\n")
    return folder


@pytest.fixture
def proj(blender):
    """A folder that it may use."""
    folder = os.path.join(blender.home, "ways")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    return folder


@pytest.fixture
def imports_by_nodes(blender):
    if not blender.eval("hasattr(bpy.types, 'GeometryNodeImportOBJ')"):
        pytest.skip("this Blender has no nodes that import")


# --- nodes ---

HELPERS = """
def inner(*sides):
    g = bpy.data.node_groups.new('Inner', 'GeometryNodeTree')
    for side in sides: g.interface.new_socket(side[:1], in_out=side, socket_type='NodeSocketString')
    return g
def held(t, g):
    n = t.nodes.new('GeometryNodeGroup'); n.node_tree = g
    return n
def empty(t):
    c = t.nodes.new('FunctionNodeInputString'); c.string = ''
    return c.outputs[0]
def of_type(t, kind):
    t.interface.new_socket('X', in_out='INPUT', socket_type=kind)
    return t.nodes.new('NodeGroupInput').outputs['X']
"""
# What gives the reader its path in a way that Blender takes and its links do not tell. Each is (t, s, p).
WAYS = {
    "muted link": "t.links.new(empty(t), p).is_muted = True; p.default_value = PATH",
    "muted link in a group": """
g = inner('OUTPUT', 'INPUT'); b = g.nodes.new('NodeGroupOutput'); b.inputs[0].default_value = PATH
g.links.new(g.nodes.new('NodeGroupInput').outputs[0], b.inputs[0]).is_muted = True
t.links.new(held(t, g).outputs[0], p)""",
    "muted group": """
g = inner('OUTPUT', 'INPUT'); g.nodes.new('NodeGroupOutput')
n = held(t, g); n.mute = True; n.inputs[0].default_value = PATH; t.links.new(n.outputs[0], p)""",
    "muted choice": """
w = t.nodes.new('GeometryNodeSwitch'); w.input_type = 'STRING'; w.mute = True
w.inputs['False'].default_value = PATH; t.links.new(w.outputs[0], p)""",
    "muted join": """
w = t.nodes.new('GeometryNodeStringJoin'); w.mute = True; w.inputs[0].default_value = PATH; t.links.new(w.outputs[0], p)""",
    "link from a number": "t.links.new(of_type(t, 'NodeSocketFloat'), p); p.default_value = PATH",
    "link from a geometry": "t.links.new(of_type(t, 'NodeSocketGeometry'), p); p.default_value = PATH",
    "link from an image": "t.links.new(of_type(t, 'NodeSocketImage'), p); p.default_value = PATH",
    "link from what is out of use": """
w = t.nodes.new('GeometryNodeSwitch'); w.input_type = 'STRING'
t.links.new(w.outputs[0], p); w.input_type = 'FLOAT'; p.default_value = PATH""",
    "reroute from nowhere": "t.links.new(t.nodes.new('NodeReroute').outputs[0], p); p.default_value = PATH",
    "reroutes in a circle": """
a, b = t.nodes.new('NodeReroute'), t.nodes.new('NodeReroute'); t.links.new(a.outputs[0], p)
t.links.new(b.outputs[0], a.inputs[0]); t.links.new(a.outputs[0], b.inputs[0]); p.default_value = PATH""",
    "second output of a group": """
g = inner('OUTPUT')
for text in (PATH, ''): g.nodes.new('NodeGroupOutput').inputs[0].default_value = text
t.links.new(held(t, g).outputs[0], p)""",
    "group without an output": """
g = inner('OUTPUT'); g.interface.items_tree[0].default_value = PATH; t.links.new(held(t, g).outputs[0], p)""",
    "group that is gone": """
g = inner('OUTPUT'); n = held(t, g); t.links.new(n.outputs[0], p); n.node_tree = None; p.default_value = PATH""",
    "default that a modifier does not replace": """
t.interface.items_tree['Path'].default_value = PATH; t.links.new(s, p)""",
    "repeated": """
a, b = t.nodes.new('GeometryNodeRepeatInput'), t.nodes.new('GeometryNodeRepeatOutput'); a.pair_with_output(b)
b.repeat_items.new('STRING', 'S'); a.inputs['S'].default_value = PATH
t.links.new(a.outputs['S'], b.inputs['S']); t.links.new(b.outputs['S'], p)""",
    "simulated": """
a, b = t.nodes.new('GeometryNodeSimulationInput'), t.nodes.new('GeometryNodeSimulationOutput'); a.pair_with_output(b)
b.state_items.new('STRING', 'S'); a.inputs['S'].default_value = PATH
t.links.new(a.outputs['S'], b.inputs['S']); t.links.new(b.outputs['S'], p)""",
    "cut out": """
w = t.nodes.new('FunctionNodeSliceString'); w.inputs[0].default_value = PATH + 'x'
w.inputs['Length'].default_value = len(PATH); t.links.new(w.outputs[0], p)""",
    "replaced": """
w = t.nodes.new('FunctionNodeReplaceString'); w.inputs['String'].default_value = PATH.replace('/', '+')
w.inputs['Find'].default_value = '+'; w.inputs['Replace'].default_value = '/'; t.links.new(w.outputs[0], p)""",
    "chosen from a menu": """
w = t.nodes.new('GeometryNodeMenuSwitch'); w.data_type = 'STRING'
[one for one in w.inputs if one.type == 'STRING'][-1].default_value = PATH; t.links.new(w.outputs[0], p)""",
    "anywhere in the tree": "t.nodes.new('FunctionNodeInputString').string = PATH",
    "anywhere in a group": "g = inner(); g.nodes.new('FunctionNodeInputString').string = PATH; held(t, g)",
}


def with_nodes(blender, proj, path, body):
    body = "\n    ".join(body.strip().splitlines())
    code = GROUP + HELPERS + "def middle(t, s, p):\n    %s\n" % body
    code += "bpy.data.objects['Cube'].modifiers.new('N', 'NODES').node_group = group('Reader', middle)"
    return saved_with(blender, proj, "PATH = %r\n" % str(path) + code)


@pytest.mark.parametrize("way", WAYS)
def test_no_way_through_nodes_leads_out(blender, proj, out, imports_by_nodes, way):
    if way == "chosen from a menu" and not blender.eval("hasattr(bpy.types, 'GeometryNodeMenuSwitch')"):
        pytest.skip("this Blender has no menus of nodes")
    path = with_nodes(blender, proj, out / "secret.obj", WAYS[way])
    before = blender.eval("len(bpy.data.objects), len(bpy.data.node_groups)")
    refused(blender, "file.import", {"path": path})
    assert blender.eval("len(bpy.data.objects), len(bpy.data.node_groups)") == before
    refused(blender, "file.open", {"path": path})


@pytest.mark.parametrize("way", ["muted link", "muted group", "link from a geometry", "chosen from a menu"])
def test_the_same_ways_lead_to_files_inside(blender, proj, imports_by_nodes, way):
    shutil.copy(__file__, os.path.join(proj, "own.txt"))
    more = "\nj = t.nodes.new('GeometryNodeStringJoin'); j.inputs['Delimiter'].default_value = '/'"
    path = with_nodes(blender, proj, os.path.join(proj, "own.txt"), WAYS[way] + more)
    assert limited(blender, "file.import", {"path": path})["objects"]


# --- packed ---

PACKED = {
    "sequence": """
i = bpy.data.images.load({png!r}); i.pack(); i.source = 'SEQUENCE'; i.filepath = {out!r} + '/secret0001.png'
m.node_tree.nodes.new('ShaderNodeTexImage').image = i""",
    "film": """
i = bpy.data.images.load({png!r}); i.pack(); i.source = 'MOVIE'; i.filepath = {out!r} + '/film.mp4'
m.node_tree.nodes.new('ShaderNodeTexImage').image = i""",
    "tiles of which one is packed": """
i = bpy.data.images.load({png!r}); i.pack(); i.source = 'TILED'; i.filepath = {out!r} + '/t.<UDIM>.png'
i.tiles.new(1002); m.node_tree.nodes.new('ShaderNodeTexImage').image = i""",
    "volume": """
open({proj!r} + '/v.vdb', 'w').write('volume'); v = bpy.data.volumes.new('V'); v.filepath = {proj!r} + '/v.vdb'
bpy.ops.file.pack_all(); assert v.packed_file is not None; v.filepath = {out!r} + '/v.vdb'
bpy.context.collection.objects.link(bpy.data.objects.new('V', v))""",
}


@pytest.mark.parametrize("kind", PACKED)
def test_what_is_packed_in_vain_counts_as_read(blender, proj, out, kind):
    shutil.copy(out / "secret0001.png", out / "secret.png")
    code = prepared(out, proj, PACKED[kind])
    blender.eval(code)
    told = blender.run("file.missing")["missing"]
    wanted = {"sequence": [], "film": ["film.mp4"], "volume": ["v.vdb"]}.get(kind, ["t.<UDIM>.png"])
    assert [os.path.basename(one["path"]) for one in told] == wanted
    blender.run("file.new")
    path = saved_with(blender, proj, code)
    refused(blender, "file.import", {"path": path})
    refused(blender, "file.open", {"path": path})


def test_what_is_packed_needs_no_file(blender, proj, out):
    shutil.copy(out / "secret0001.png", out / "secret.png")
    code = """
i = bpy.data.images.load({png!r}); i.pack(); m.node_tree.nodes.new('ShaderNodeTexImage').image = i
i = bpy.data.images.new('T', 4, 4, tiled=True); i.tiles.new(1002); i.tiles.active_index = 1
bpy.context.collection.objects.link(bpy.data.objects.new('S', bpy.data.speakers.new('S')))
bpy.data.speakers['S'].sound = bpy.data.sounds.load(wav); bpy.data.sounds[0].pack()
bpy.data.sounds[0].filepath = {out!r} + '/gone.wav'
"""
    blender.eval(prepared(out, proj, code))
    assert blender.run("file.missing")["missing"] == []
    blender.run("file.new")
    path = saved_with(blender, proj, prepared(out, proj, code))
    assert limited(blender, "file.import", {"path": path})["objects"]


# --- switches that animation turns ---

TURNED = {
    "lights of a lamp": """
l = bpy.data.lights.new('L', 'POINT'); l.use_nodes = True
n = l.node_tree.nodes.new('ShaderNodeTexIES'); n.mode = 'EXTERNAL'; n.keyframe_insert('mode', frame=1)
n.mode = 'INTERNAL'; n.filepath = {out!r} + '/secret.txt'
bpy.context.collection.objects.link(bpy.data.objects.new('L', l))""",
    "point cache": """
c = o.modifiers.new('c', 'CLOTH').point_cache; c.use_external = True; c.filepath = {out!r}
c.keyframe_insert('use_external', frame=1); c.use_external = False""",
    "image that is made": """
i = bpy.data.images.new('I', 4, 4); i.filepath = {out!r} + '/secret0001.png'; assert i.source == 'GENERATED'
m.node_tree.nodes.new('ShaderNodeTexImage').image = i""",
}
PROGRAMS = {
    "keyed": """
c = bpy.data.cameras['Camera']; c.custom_mode, c.type = 'EXTERNAL', 'CUSTOM'; c.custom_filepath = {out!r} + '/x.osl'
c.keyframe_insert('type', frame=1); c.type = 'PERSP'""",
    "driven from its object": """
k = bpy.data.objects['Camera']; k.data.custom_mode = 'EXTERNAL'; k.data.custom_filepath = {out!r} + '/x.osl'
d = k.animation_data_create().drivers.new('data.type'); d.driver.expression = '3'""",
    "a text of the file": """
t = bpy.data.texts.new('T'); t.write('shader s(output point position = 0) {{ }}')
bpy.data.cameras['Camera'].custom_shader = t""",
}
OF_SCENES = {
    "proxies of a strip": """
s.sequence_editor_create(); e = s.sequence_editor; e = e.strips if hasattr(e, 'strips') else e.sequences
import shutil; shutil.copy({out!r} + '/secret0001.png', {proj!r} + '/own.png')
i = e.new_image('P', {proj!r} + '/own.png', 1, 1); i.use_proxy = True
i.proxy.use_proxy_custom_directory = True; i.proxy.directory = {out!r}; i.proxy.use_proxy_custom_directory = False""",
}


@pytest.mark.parametrize("kind", TURNED)
def test_no_switch_hides_a_path(blender, proj, out, kind):
    path = saved_with(blender, proj, prepared(out, proj, TURNED[kind]))
    refused(blender, "file.import", {"path": path})


@pytest.mark.parametrize("kind", OF_SCENES)
def test_no_switch_of_a_scene_hides_a_path(blender, proj, out, kind):
    blender.eval(prepared(out, proj, OF_SCENES[kind]))
    refused(blender, "render.still", {"path": os.path.join(proj, "a.png"), "overwrite": True})


# Switches that decide nothing by themselves (is a text or a packed file there?), or that nothing can animate, since
# such a thing has no animation.
NOT_TURNED = {"Image.source", "MovieClip.source", "CacheFile.is_sequence", "PointCache.use_external"}
SWITCHES = """
import ast, inspect, kapelle_blender.path_rules as r
found = set()
for name, rule in r.RULES.items():
    kind = getattr(bpy.types, name, None)
    if kind is None or not inspect.isfunction(rule) or rule.__closure__: continue
    for node in ast.walk(ast.parse(inspect.getsource(rule))):
        prop = kind.bl_rna.properties.get(node.attr) if isinstance(node, ast.Attribute) else None
        if prop and prop.type in ('BOOLEAN', 'ENUM') and prop.is_animatable and not prop.is_readonly:
            found.add(name + '.' + prop.identifier)
sorted(found)
"""


def test_no_rule_asks_a_switch_that_animation_turns(blender):
    found = blender.eval(SWITCHES)
    found = {one.replace("PointCacheItem.", "PointCache.") for one in found}
    assert found - NOT_TURNED == set()
    assert found & NOT_TURNED, "the look at the rules sees switches"


DRIVEN = """
def hit(): open({mark!r}, 'a').write('ran '); return 5.0
bpy.app.driver_namespace['hit'] = hit
e = bpy.data.objects.new('Evil', None); bpy.context.collection.objects.link(e)
d = e.driver_add('location', 0); d.driver.type = 'SCRIPTED'; d.driver.expression = 'hit()'
e.keyframe_insert('scale', frame=1)
"""
TURNS_DRIVERS = {
    "key": """
e.keyframe_insert('rotation_euler', frame=1, index=0); a = e.animation_data.action
bags = [a] if hasattr(a, 'fcurves') else a.layers[0].strips[0].channelbags
bags[0].fcurves.new('animation_data.drivers[0].mute').keyframe_points.insert(1, 0.0)""",
    "driver": """
x = e.animation_data.drivers.new('animation_data.drivers[0].mute'); x.driver.type = 'SCRIPTED'; x.driver.expression = '0'""",
    "driver of another thing": """
c = bpy.data.curves.new('K', 'CURVE'); e = bpy.data.objects.new('Other', c); bpy.context.collection.objects.link(e)
c['evil'] = bpy.data.objects['Evil']; p = c.driver_add('bevel_depth'); p.driver.expression = 'hit()'
x = e.animation_data_create().drivers.new('data.animation_data.drivers[0].mute'); x.driver.expression = '0'""",
}


@pytest.mark.parametrize("way", TURNS_DRIVERS)
def test_no_animation_turns_a_muted_driver_on(blender, proj, tmp_path, way):
    mark = str(tmp_path / "ran")
    path = os.path.join(proj, "evil.blend")
    blender.eval(DRIVEN.format(mark=mark) + TURNS_DRIVERS[way])
    blender.eval("bpy.ops.wm.save_as_mainfile(filepath=%r, copy=True)" % path)
    blender.run("file.new")
    try:
        outcome = blender.call("file.import", {"path": path}, scopes=PLAIN)
        assert outcome["status"] == "succeeded", outcome
        if os.path.exists(mark):
            os.remove(mark)
        for frame in (3, 1, 2):
            limited(blender, "scene.set", {"frame": frame})
        assert not os.path.exists(mark)
        assert "turn scripts on" in str(outcome["output"]["logs"])
        assert blender.eval("bpy.data.objects['Evil'].scale[0]") == 1.0
        assert blender.eval("bpy.data.objects['Evil'].animation_data.action is not None"), "the rest stays"
    finally:
        blender.eval("bpy.app.driver_namespace.pop('hit', None)")


@pytest.mark.parametrize("kind", PROGRAMS)
def test_no_camera_brings_its_program(blender, proj, out, kind):
    if not blender.eval("'custom_filepath' in bpy.types.Camera.bl_rna.properties"):
        pytest.skip("this Blender has no programs of cameras")
    path = saved_with(blender, proj, prepared(out, proj, PROGRAMS[kind]))
    refused(blender, "file.open", {"path": path})
    outcome = blender.call("file.import", {"path": path}, scopes=PLAIN)
    assert outcome["status"] == "succeeded" and "Programs of cameras were removed" in str(outcome["output"]["logs"])
    left = "[(c.custom_filepath, c.custom_bytecode, c.custom_shader) for c in bpy.data.cameras if c.name != 'Camera']"
    assert blender.eval(left) == [["", "", None]]
    blender.eval("bpy.data.cameras['Camera'].custom_filepath = %r" % str(out / "x.osl"))
    refused(blender, "render.still", {"path": os.path.join(proj, "a.png"), "overwrite": True})


def test_a_program_that_is_there_is_not_made_another(blender, proj):
    if not blender.eval("'custom_filepath' in bpy.types.Camera.bl_rna.properties"):
        pytest.skip("this Blender has no programs of cameras")
    blender.eval("bpy.data.cameras['Camera'].custom_filepath = %r" % os.path.join(proj, "theirs.osl"))
    limited(blender, "object.set", {"name": "Camera", "data_settings": {"lens": 40.0}})
    own = {"custom_filepath": os.path.join(proj, "own.osl")}
    refused(blender, "object.set", {"name": "Camera", "data_settings": own})
    assert blender.eval("bpy.data.cameras['Camera'].custom_filepath") == os.path.join(proj, "theirs.osl")


def test_no_switch_hides_the_python_of_freestyle(blender):
    """3.4 runs it whatever the switch for scripts says, and animates whether it is used."""
    blender.eval(
        "s = bpy.context.scene; s.render.use_freestyle = True; f = s.view_layers[0].freestyle_settings\n"
        "f.mode = 'EDITOR'; m = f.modules.new(); m.script = bpy.data.texts.new('lines.py'); m.use = False"
    )
    told = blender.call("render.still", {"width": 8, "height": 8, "engine": "workbench"}, scopes=PLAIN)
    asks = blender.eval("import kapelle_blender.versions as v; v.asks_before_freestyle()")
    assert asks or told["problem"]["code"] == "forbidden", told


def test_animated_muting_lets_no_node_write_outside(blender, proj, out):
    if not blender.eval("bpy.types.Node.bl_rna.properties['mute'].is_animatable"):
        pytest.skip("this Blender animates no muting of nodes")
    blender.eval(OUTPUT + "output(%r, 'x_'); f = t.nodes['To x_']; f.mute = True" % str(out))
    args = {"path": os.path.join(proj, "a.png"), "width": 8, "height": 8, "overwrite": True}
    limited(blender, "render.still", args)
    blender.eval("f.mute = False; f.keyframe_insert('mute', frame=1); f.mute = True")
    refused(blender, "render.still", args)


# --- names that Blender fills in ---


FILLS_IN = "getattr(bpy.types.RenderSettings.bl_rna.properties['filepath'], 'is_path_supports_templates', False)"


@pytest.fixture
def fills_in(blender):
    if not blender.eval(FILLS_IN):
        pytest.skip("this Blender fills nothing in")


@pytest.mark.parametrize("name", ["{blend_name}", "{{blend_name}}", "{", "a#b", "{scene_name}"])
def test_braces_in_a_callers_path_are_braces(blender, proj, name):
    small = {"width": 64, "height": 64, "engine": "cycles", "samples": 1, "overwrite": True}
    blender.run("file.save", path=os.path.join(proj, "private.blend"), overwrite=True)
    folder = os.path.join(proj, name)
    made = limited(blender, "render.frames", {"path": folder, "frames": [1, 2], **small})
    files = [os.path.join(folder, one) for one in sorted(os.listdir(folder))]
    assert made["path"] == folder and len(files) == 2
    still = limited(blender, "render.still", {"path": os.path.join(folder, name + ".png"), **small})["path"]
    sheet = os.path.join(folder, name + "-sheet.png")
    limited(blender, "render.sheet", {"files": files, "path": sheet, "width": 64})
    wanted = {*files, still, sheet}
    if blender.eval("import kapelle_blender.versions as v; v.has_films()"):
        film = os.path.join(folder, name + ".mp4")
        limited(blender, "render.film", {"files": files, "path": film})
        wanted.add(film)
    assert {os.path.join(folder, one) for one in os.listdir(folder)} == wanted
    assert sorted(os.listdir(proj)) == sorted([name, "private.blend"])


KEPT = ("{blend_name}_", "{node_name}/x_", "{{plain}}_", "{blend_dir}/x_", "plain_")
LEFT = ("{fps}_", "{nope}_", "{", "a}", "{blend_name:3}_", "x{blend_dir}y/../z_", "{blend_dir}y/x_")


@pytest.mark.parametrize("name", [*KEPT, *LEFT])
def test_what_an_output_fills_in_is_known_or_left_out(blender, proj, fills_in, name):
    blender.run("file.save", path=os.path.join(proj, "r.blend"), overwrite=True)
    folder = "" if name.startswith("{blend_dir}") else os.path.join(proj, "kept")
    blender.eval(OUTPUT + "output(%r, 'x_')" % os.path.join(folder, name))
    told = limited(blender, "render.plan", {})
    assert len(told["left_out"]) == (name in LEFT)


def test_names_lead_an_output_nowhere(blender, proj, fills_in):
    """The names of the file, of the scene and of cameras are the file's own choice."""
    blender.run("file.save", path=os.path.join(proj, "tokens.blend"), overwrite=True)
    blender.eval(OUTPUT + "output(%r + '/{blend_name}/', 'x_')" % blender.home)
    assert len(limited(blender, "render.plan", {})["left_out"]) == 1
    if not blender.eval("'compositing_node_group' in bpy.types.Scene.bl_rna.properties"):
        return
    folder = os.path.join(blender.home, "{%s}")
    for variable, code in (
        ("scene_name", "s.name = 'tokens'"),
        ("camera_name", "bpy.data.objects.new('tokens', bpy.data.cameras.new('C'))"),
        ("scene_name", "s.name = '../run'"),
        ("node_name", "f.name = 'run'"),
    ):
        blender.eval("f = next(n for n in t.nodes if n.type == 'OUTPUT_FILE'); f.directory = %r" % (folder % variable))
        assert limited(blender, "render.plan", {})["left_out"] == [], variable
        blender.eval(code)
        assert len(limited(blender, "render.plan", {})["left_out"]) == 1, variable
        blender.eval("s.name = 'Scene'")


def test_the_name_of_a_renders_copy_is_known(blender, proj, fills_in):
    blender.run("file.save", path=os.path.join(proj, "r.blend"), overwrite=True)
    blender.eval(OUTPUT + "output(%r, 'x_')" % os.path.join(proj, "{blend_name}"))
    args = {"path": os.path.join(proj, "a.png"), "width": 8, "height": 8, "frame": 1, "overwrite": True}
    assert limited(blender, "render.still", args)["left_out"] == []
    known = blender.eval("import kapelle_blender.path_rules as p; p._names_of(t.nodes['To x_'])['blend_name']")
    made = {one for one in os.listdir(proj) if os.path.isdir(os.path.join(proj, one))}
    assert made and made <= set(known)
