# SPDX-License-Identifier: MIT OR Apache-2.0
"""Callers without `code` neither read nor write outside of their folders, whatever stands in files and data."""

import json
import os
import shutil
import struct
import zlib

import pytest

PLAIN = ("read", "write", "destructive")


@pytest.fixture
def out(tmp_path):
    """A folder that such a caller may not use, with something in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.png").write_bytes(picture())
    (folder / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def proj(blender):
    """A folder that it may use."""
    folder = os.path.join(blender.home, "proj")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    return folder


def picture():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([10, 77, 200] * 4) for _ in range(4))
    head = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def refused(blender, command, args, path=None):
    """The problem of a call that is refused for a path."""
    told = blender.problem(command, args, scopes=PLAIN)
    assert told["code"] == "path_refused", told
    assert told["details"]["path"], told
    if path is not None:
        assert told["details"]["path"] == os.path.realpath(path), told
    return told


def limited(blender, command, args):
    return blender.value(blender.call(command, args, scopes=PLAIN))


def saved_with(blender, proj, code, name="gift.blend"):
    """A file in an allowed folder, made by somebody else; the open one is another afterwards."""
    blender.eval(code)
    path = os.path.join(proj, name)
    blender.eval("bpy.ops.wm.save_as_mainfile(filepath=%r, copy=True, relative_remap=False)" % path)
    blender.run("file.new")
    return path


def can_import(blender, format):
    return {one["format"]: one for one in blender.run("file.formats")["formats"]}[format]["import"]


# --- models ---

URIS = (
    "{up}secret.bin",
    "{out}/secret.bin",
    "file://{out}/secret.bin",
    "FILE:{out}/secret.bin",
    "%2e%2e/%2e%2e/{bare}/secret.bin",
    "%252e%252e/%252e%252e/{bare}/secret.bin",
    "{upback}secret.bin",
    "data:/../{up}secret.bin",
    "link.bin",
)


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("binary", [False, True])
def test_a_gltf_reads_no_buffer_outside(blender, proj, out, uri, binary):
    if not can_import(blender, "gltf"):
        pytest.skip("this Blender imports no glTF")
    secret = out / "secret.bin"
    secret.write_bytes(b"\0" * 36)
    os.symlink(secret, os.path.join(proj, "link.bin"))
    up = os.path.relpath(out, proj) + "/"
    told = uri.format(up=up, out=out, bare=str(out).lstrip("/"), upback=up.replace("/", "\\"))
    path = model(os.path.join(proj, "m.glb" if binary else "m.gltf"), told, binary)
    refused(blender, "file.import", {"path": path}, secret if "252e" not in uri and "%2e" not in uri else None)
    assert blender.run("object.list")["total"] == 3 and blender.eval("len(bpy.data.meshes)") == 1


def model(path, uri, binary=False, **more):
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}],
        "buffers": [{"byteLength": 36, "uri": uri}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0] * 3, "max": [1] * 3}
        ],
    }
    document.update(more)
    text = json.dumps(document).encode()
    if binary:
        text += b" " * (-len(text) % 4)
        text = b"glTF" + struct.pack("<III", 2, 20 + len(text), len(text)) + b"JSON" + text
    with open(path, "wb") as target:
        target.write(text)
    return path


INSIDE = "data:application/octet-stream;base64," + "A" * 48


@pytest.mark.parametrize(
    "more",
    [
        {"images": [{"uri": "{png}"}]},
        {"images": [{"extensions": {"MSFT_lod": {"uri": "{png}"}}}]},
        {"extensions": {"KHR_audio": {"audio": [{"uri": "{png}"}]}}},
        {"extras": {"URI": "{png}"}},
    ],
)
def test_a_gltf_reads_no_picture_outside(blender, proj, out, more):
    if not can_import(blender, "gltf"):
        pytest.skip("this Blender imports no glTF")
    more = json.loads(json.dumps(more).replace("{png}", str(out / "secret.png")))
    path = model(os.path.join(proj, "p.gltf"), INSIDE, **more)
    refused(blender, "file.import", {"path": path}, out / "secret.png")
    more = json.loads(json.dumps(more).replace(str(out / "secret.png"), "own.png"))
    with open(os.path.join(proj, "own.png"), "wb") as own:
        own.write(picture())
    limited(blender, "file.import", {"path": model(path, INSIDE, **more)})


def test_a_model_that_changes_after_the_look_is_not_kept(blender, proj, out):
    path = os.path.join(proj, "c.obj")
    with open(path, "w") as model:
        model.write("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    code = """
import kapelle_blender.imports as i
i.kept = i._read
def _read(kind, path, scale):
    open(path, 'a').write('# changed')
    i.kept(kind, path, scale)
i._read = _read
"""
    blender.eval(code)
    try:
        refused(blender, "file.import", {"path": path}, path)
    finally:
        blender.eval("import kapelle_blender.imports as i; i._read = i.kept")
    assert blender.run("object.list")["total"] == 3


MATERIALS = (
    "map_Kd {png}",
    "map_Kd\t{png}",
    "  map_Kd   -s 1 1 1 -o 0 0 0 {png}",
    "map_Bump -bm 0.5 {png}",
    "bump {png}",
    "norm {png}",
    "disp -mm 0 1 {png}",
    "decal {png}",
    "refl -type sphere {png}",
    "map_Pr \\\n {png}",
    "map_d {up}secret.png",
    "map_Ks {back}",
    'map_Ke "{png}"',
    "map_Kd link.png",
)


@pytest.mark.parametrize("line", MATERIALS)
def test_an_obj_reads_no_picture_outside(blender, proj, out, line):
    png = out / "secret.png"
    os.symlink(png, os.path.join(proj, "link.png"))
    up = os.path.relpath(out, proj) + "/"
    back = (up + "secret.png").replace("/", "\\")
    with open(os.path.join(proj, "o.mtl"), "w") as mtl:
        mtl.write("newmtl M\nKd 1 0 0\n%s\n" % line.format(png=png, up=up, back=back))
    with open(os.path.join(proj, "o.obj"), "w") as obj:
        obj.write("mtllib o.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl M\nf 1 2 3\n")
    refused(blender, "file.import", {"path": os.path.join(proj, "o.obj")}, png)
    assert blender.eval("len(bpy.data.images)") == blender.eval("sum(not i.filepath for i in bpy.data.images)")


@pytest.mark.parametrize(
    "statement", ["mtllib {mtl}", "mtllib \\\n{mtl}", "mtllib own.mtl {mtl}", "", "mtllib {up}x.mtl"]
)
def test_an_obj_reads_no_materials_outside(blender, proj, out, statement):
    mtl = out / "x.mtl"
    mtl.write_text("newmtl M\nKd 1 0 0\n")
    if not statement:
        os.symlink(mtl, os.path.join(proj, "d.mtl"))
    with open(os.path.join(proj, "d.obj"), "w") as obj:
        obj.write(statement.format(mtl=mtl, up=os.path.relpath(out, proj) + "/"))
        obj.write("\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl M\nf 1 2 3\n")
    refused(blender, "file.import", {"path": os.path.join(proj, "d.obj")}, mtl)


def test_models_with_what_lies_beside_them_come_in(blender, proj):
    with open(os.path.join(proj, "own.png"), "wb") as own:
        own.write(picture())
    with open(os.path.join(proj, "k.mtl"), "w") as mtl:
        mtl.write("# /etc/passwd\nnewmtl M\nKd 1 0 0\nmap_Kd -s 1 1 1 own.png\nmap_Bump -bm 1 ./own.png\n")
    with open(os.path.join(proj, "k.obj"), "w") as obj:
        obj.write("mtllib k.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl M\nf 1 2 3\n")
    assert len(limited(blender, "file.import", {"path": os.path.join(proj, "k.obj")})["objects"]) == 1


@pytest.mark.parametrize("format", ["fbx", "usd", "alembic"])
def test_formats_that_cannot_be_looked_through_need_a_confined_blender(blender, proj, format):
    able = {one["format"]: one for one in blender.run("file.formats")["formats"]}[format]
    if not able["export"]:
        pytest.skip("this Blender has no %s" % format)
    path = blender.run("file.export", path=os.path.join(proj, "c" + able["suffixes"][0]), overwrite=True)["path"]
    reason = blender.eval("from kapelle_blender import confined; confined.why_not()")
    if reason is None:
        assert limited(blender, "file.import", {"path": path})["objects"]
    else:
        assert reason in refused(blender, "file.import", {"path": path}, path)["message"]
    assert blender.run("file.import", path=path)["objects"], "a caller with code needs none"


def test_what_a_confined_child_brings_leads_nowhere(blender, proj, out):
    code = "i = bpy.data.images.load({png!r}); i.name = 'Theirs'; m.node_tree.nodes.new('ShaderNodeTexImage').image = i"
    path = saved_with(blender, proj, prepared(out, proj, code))
    packed = os.path.join(blender.home, "run", "packed.blend")
    os.rename(path, packed)
    with open(os.path.join(proj, "m.fbx"), "w") as model:
        model.write("a child reads it")
    blender.eval(
        "import kapelle_blender.confined as c, kapelle_blender.confined_import as i; c.kept = c.why_not, i.import_packed\n"
        "c.why_not = lambda: None; i.import_packed = lambda call, path, format, options: %r" % packed
    )
    try:
        outcome = blender.call("file.import", {"path": os.path.join(proj, "m.fbx")}, scopes=PLAIN)
    finally:
        blender.eval(
            "import kapelle_blender.confined as c, kapelle_blender.confined_import as i\n"
            "c.why_not, i.import_packed = c.kept"
        )
    assert len(blender.value(outcome)["objects"]) == 3 and not os.path.exists(packed)
    assert blender.eval("[bpy.data.images['Theirs'].filepath, len(bpy.data.libraries)]") == ["", 0]
    assert any(str(out) in one["text"] for one in outcome["output"]["logs"])


# --- .blend files, opened and appended ---

READS = {
    "image": "i = bpy.data.images.load({png!r}); i.use_fake_user = True; m.node_tree.nodes.new('ShaderNodeTexImage').image = i",
    "relative image": """
i = bpy.data.images.new('I', 4, 4); i.source = 'FILE'; i.filepath = '//' + {up!r} + 'secret.png'
m.node_tree.nodes.new('ShaderNodeTexImage').image = i""",
    "tiles": """
i = bpy.data.images.new('I', 4, 4); i.source = 'TILED'; i.filepath = {out!r} + '/t.<UDIM>.png'
m.node_tree.nodes.new('ShaderNodeTexImage').image = i""",
    "tiles that are links": """
import os; os.symlink({png!r}, {proj!r} + '/u.1001.png')
i = bpy.data.images.new('I', 4, 4); i.source = 'TILED'; i.filepath = '//u.<UDIM>.png'
m.node_tree.nodes.new('ShaderNodeTexImage').image = i""",
    "sequence of links": """
import os; os.symlink({png!r}, {proj!r} + '/s0002.png')
i = bpy.data.images.new('I', 4, 4); i.source = 'SEQUENCE'; i.filepath = '//s0001.png'
m.node_tree.nodes.new('ShaderNodeTexImage').image = i""",
    "windows path": """
i = bpy.data.images.new('I', 4, 4); i.source = 'FILE'; i.filepath = 'C:\\\\secret.png'
m.node_tree.nodes.new('ShaderNodeTexImage').image = i""",
    "mesh cache": "o.modifiers.new('c', 'MESH_CACHE').filepath = {txt!r}",
    "lights of a lamp": """
l = bpy.data.lights.new('L', 'POINT'); l.use_nodes = True; o.data.materials[0]['l'] = l
n = l.node_tree.nodes.new('ShaderNodeTexIES'); n.mode = 'EXTERNAL'; n.filepath = {txt!r}
bpy.context.collection.objects.link(bpy.data.objects.new('L', l))""",
    "script of a node": """
n = m.node_tree.nodes.new('ShaderNodeScript'); n.mode = 'EXTERNAL'; n.filepath = {txt!r}""",
    "text of a node": """
t = bpy.data.texts.new('T'); t.filepath = {txt!r}
m.node_tree.nodes.new('ShaderNodeScript').script = t""",
    "own script of a node": """
t = bpy.data.texts.new('T'); t.write('shader s(output color c = 0) {{ c = texture("/etc/x.png", u, v); }}')
m.node_tree.nodes.new('ShaderNodeScript').script = t""",
    "playlist": """
open({proj!r} + '/list.mp4', 'w').write('ffconcat version 1.0\\nfile {out}/a.mp4\\n')
k = bpy.data.cameras['Camera']; b = k.background_images.new(); b.source = 'IMAGE'
b.image = bpy.data.images.new('I', 4, 4); b.image.source = 'MOVIE'; b.image.filepath = '//list.mp4'""",
    "layers of USD": """
open({proj!r} + '/c.usda', 'w').write('#usda 1.0\\n(subLayers = [@{out}/x.usda@])\\n')
bpy.ops.cachefile.open(filepath={proj!r} + '/c.usda')
x = o.modifiers.new('c', 'MESH_SEQUENCE_CACHE'); x.cache_file = bpy.data.cache_files[0]""",
    "font": "f = bpy.data.fonts.load(font, check_existing=True); c = bpy.data.curves.new('T', 'FONT'); c.font = f; f.filepath = {txt!r}; "
    "bpy.context.collection.objects.link(bpy.data.objects.new('T', c))",
    "fluid cache": """
f = o.modifiers.new('f', 'FLUID'); f.fluid_type = 'DOMAIN'; f.domain_settings.cache_directory = {out!r}""",
    "point cache": """
c = o.modifiers.new('c', 'CLOTH').point_cache; c.use_external = True; c.filepath = {out!r}""",
    "name of a point cache": """
c = o.modifiers.new('c', 'CLOTH').point_cache
c.filepath = '//'; c.use_external = True; c.name = '../../x'""",
    "library": """
with bpy.data.libraries.load(lib, link=True) as (there, here): here.lights = ['Light']
bpy.context.collection.objects.link(bpy.data.objects.new('Theirs', here.lights[0]))""",
    "volume": """
v = bpy.data.volumes.new('V'); v.filepath = {out!r} + '/v.vdb'
bpy.context.collection.objects.link(bpy.data.objects.new('V', v))""",
    "clip of a constraint": "o.constraints.new('FOLLOW_TRACK').clip = bpy.data.movieclips.load({png!r})",
    "speaker": """
s = bpy.data.speakers.new('S'); s.sound = bpy.data.sounds.load(wav); s.sound.filepath = {out!r} + '/x.wav'
bpy.context.collection.objects.link(bpy.data.objects.new('S', s))""",
}
OF_SCENES = {
    "strips": """
s.sequence_editor_create(); e = s.sequence_editor; e = e.strips if hasattr(e, 'strips') else e.sequences
e.new_image('P', {png!r}, 1, 1)""",
    "view's suffix": "s.render.use_multiview = True; s.render.views[0].file_suffix = '/../../x'",
    "proxies": "s.sequence_editor_create(); s.sequence_editor.proxy_dir = {out!r}",
}
PREPARED = """
import os, struct, wave
o = bpy.data.objects['Cube']; m = o.data.materials[0]; m.use_nodes = True; s = bpy.context.scene
lib, wav, font = {out!r} + '/lib.blend', {out!r} + '/a.wav', None
if not os.path.exists(lib):
    bpy.data.libraries.write(lib, {{bpy.data.objects['Light']}})
    with wave.open(wav, 'wb') as w:
        w.setnchannels(1); w.setsampwidth(2); w.setframerate(8000); w.writeframes(b'\\0' * 800)
fonts = bpy.utils.system_resource('DATAFILES') + '/fonts'
font = next((os.path.join(fonts, n) for n in sorted(os.listdir(fonts)) if n.endswith(('.ttf', '.woff2'))), None)
"""


def prepared(out, proj, code):
    up = os.path.relpath(out, proj) + "/"
    told = {"png": str(out / "secret.png"), "txt": str(out / "secret.txt"), "out": str(out), "up": up, "proj": proj}
    return (PREPARED + code).format(**told)


COUNTS = "{k: len(getattr(bpy.data, k)) for k in ('objects', 'meshes', 'images', 'libraries', 'materials')}"


@pytest.mark.parametrize("kind", READS)
def test_nothing_that_reads_outside_is_imported(blender, proj, out, kind):
    path = saved_with(blender, proj, prepared(out, proj, READS[kind]))
    before = blender.eval(COUNTS)
    refused(blender, "file.import", {"path": path})
    assert blender.eval(COUNTS) == before, "nothing of it stays"


@pytest.mark.parametrize("kind", OF_SCENES)
def test_a_scene_is_looked_through(blender, proj, out, kind):
    blender.eval(prepared(out, proj, OF_SCENES[kind]))
    refused(blender, "render.still", {"path": os.path.join(proj, "a.png")})


@pytest.mark.parametrize("kind", ["relative image", "library"])
def test_a_file_that_reads_outside_is_not_opened(blender, proj, out, kind):
    path = saved_with(blender, proj, prepared(out, proj, READS[kind]))
    blender.run("object.create", kind="empty", name="Mine")
    refused(blender, "file.open", {"path": path})
    assert blender.run("object.get", name="Mine")["name"] == "Mine", "the open file stays"
    assert blender.run("file.open", path=path)["scene"], "a caller with code opens it"


def test_what_is_packed_or_beside_the_file_may_be_opened(blender, proj, out):
    code = """
i = bpy.data.images.load({png!r}); i.pack(); m.node_tree.nodes.new('ShaderNodeTexImage').image = i
import shutil; shutil.copy({png!r}, {proj!r} + '/own.png')
i = bpy.data.images.load({proj!r} + '/own.png'); i.filepath = '//own.png'
m.node_tree.nodes.new('ShaderNodeTexImage').image = i
o.modifiers.new('o', 'OCEAN'); o.modifiers.new('c', 'CLOTH')
"""
    path = saved_with(blender, proj, prepared(out, proj, code))
    assert limited(blender, "file.import", {"path": path})["objects"]
    assert limited(blender, "file.open", {"path": path})["scene"]


def test_a_file_that_changed_after_the_look_is_not_kept(blender, proj, out):
    path = saved_with(blender, proj, prepared(out, proj, READS["image"]))
    blender.eval("import kapelle_blender.opening as o; o.kept = o.look_before; o.look_before = lambda call, path: None")
    try:
        refused(blender, "file.open", {"path": path}, out / "secret.png")
    finally:
        blender.eval("import kapelle_blender.opening as o; o.look_before = o.kept")
    assert blender.run("object.list")["total"] == 0


def test_a_fresh_file_has_nothing_that_leads_out(blender):
    code = """
import kapelle_blender.data_paths as d, kapelle_blender.outside as o, kapelle_blender.path_rules as r
[*o.rows_of(d.everything()), *[p.told() for p in d.everything() if p.kind == r.OUTPUTS]]
"""
    assert blender.eval(code) == []


# --- settings ---


def test_settings_lead_nowhere_outside(blender, out):
    secret = str(out / "secret.txt")
    refused(blender, "modifier.add", {"object": "Cube", "kind": "mesh_cache", "settings": {"filepath": secret}}, secret)
    limited(blender, "modifier.add", {"object": "Cube", "kind": "cloth", "name": "C"})
    for given in ({"point_cache.filepath": str(out)}, {"point_cache.use_external": True, "point_cache.name": "../x"}):
        refused(blender, "modifier.set", {"object": "Cube", "name": "C", "settings": given})
    now = blender.eval(
        "c = bpy.data.objects['Cube'].modifiers['C'].point_cache; [c.filepath, c.use_disk_cache, c.name]"
    )
    assert now == ["", False, ""]
    refused(blender, "material.set", {"name": "Material", "base_color_image": str(out / "secret.png")})
    with open(os.path.join(blender.home, "list.mp4"), "w") as films:
        films.write("#EXTM3U\n%s\n" % (out / "a.mp4"))
    refused(blender, "material.set", {"name": "Material", "base_color_image": "list.mp4"})
    refused(blender, "world.set", {"image": str(out / "secret.png")})


GROUP = """
def group(name, middle):
    t = bpy.data.node_groups.new(name, 'GeometryNodeTree')
    t.interface.new_socket('Geometry', in_out='OUTPUT', socket_type='NodeSocketGeometry')
    t.interface.new_socket('Path', in_out='INPUT', socket_type='NodeSocketString')
    a = t.nodes.new('NodeGroupInput'); b = t.nodes.new('NodeGroupOutput'); n = t.nodes.new('GeometryNodeImportOBJ')
    middle(t, a.outputs['Path'], n.inputs['Path']); r = t.nodes.new('GeometryNodeRealizeInstances')
    t.links.new(n.outputs[0], r.inputs[0]); t.links.new(r.outputs[0], b.inputs[0])
    return t
"""
MIDDLES = {
    "straight": "t.links.new(s, p)",
    "switch": """
w = t.nodes.new('GeometryNodeSwitch'); w.input_type = 'STRING'; w.inputs['Switch'].default_value = True; t.links.new(s, w.inputs['True']); t.links.new(w.outputs[0], p)""",
    "joined": """
w = t.nodes.new('GeometryNodeStringJoin'); t.links.new(s, w.inputs['Strings']); t.links.new(w.outputs[0], p)""",
    "reroute": "w = t.nodes.new('NodeReroute'); t.links.new(s, w.inputs[0]); t.links.new(w.outputs[0], p)",
}


@pytest.fixture
def imports_by_nodes(blender):
    if not blender.eval("hasattr(bpy.types, 'GeometryNodeImportOBJ')"):
        pytest.skip("this Blender has no nodes that import")


@pytest.mark.parametrize("middle", MIDDLES)
def test_nodes_read_nothing_outside(blender, proj, out, imports_by_nodes, middle):
    for folder in (proj, out):
        with open(os.path.join(str(folder), "n.obj"), "w") as obj:
            obj.write("v 0 0 0\nv 9 0 0\nv 0 9 0\nf 1 2 3\n")
    body = "\n    ".join(MIDDLES[middle].strip().splitlines())
    blender.eval(GROUP + "def middle(t, s, p):\n    %s\ngroup('Reader', middle)" % body)
    path = str(out / "n.obj")
    args = {"object": "Cube", "kind": "nodes", "name": "N", "settings": {"node_group": "Reader", "Path": path}}
    refused(blender, "modifier.add", args)
    assert blender.run("object.get", name="Cube")["dimensions"] == [2, 2, 2]
    if middle == "joined":
        return
    args["settings"]["Path"] = os.path.join(proj, "n.obj")
    assert limited(blender, "modifier.add", args)["dimensions"][0] == pytest.approx(9)
    refused(blender, "modifier.set", {"object": "Cube", "name": "N", "settings": {"Path": path}}, path)
    blender.run("file.save", path=os.path.join(proj, "a", "b", "c", "d.blend"))
    # Inside, but in the copies for a render and for recovery, which lie elsewhere, it would be a token.
    for way in ("//../../../tokens/bridge", "//../../tokens/bridge", "../tokens/bridge"):
        refused(blender, "modifier.set", {"object": "Cube", "name": "N", "settings": {"Path": way}})
    told = blender.run("modifier.list", object="Cube", everything=True)["modifiers"][0]
    assert told["inputs"]["Path"] == args["settings"]["Path"], "what was refused was put back"


@pytest.mark.parametrize("where", ["modifier", "constant", "socket", "nested", "default of the group"])
def test_nothing_whose_nodes_read_outside_is_imported(blender, proj, out, imports_by_nodes, where):
    code = (
        GROUP
        + """
def constant(t, s, p):
    c = t.nodes.new('FunctionNodeInputString'); c.string = PATH; t.links.new(c.outputs[0], p)
def socket(t, s, p): p.default_value = PATH
def plain(t, s, p): t.links.new(s, p)
t = group('Reader', {'constant': constant, 'socket': socket}.get(WHERE, plain))
if WHERE == 'nested':
    o = bpy.data.node_groups.new('Outer', 'GeometryNodeTree')
    o.interface.new_socket('Geometry', in_out='OUTPUT', socket_type='NodeSocketGeometry')
    g = o.nodes.new('GeometryNodeGroup'); g.node_tree = t; g.inputs['Path'].default_value = PATH
    b = o.nodes.new('NodeGroupOutput'); o.links.new(g.outputs[0], b.inputs[0]); t = o
if WHERE == 'default of the group':
    t.interface.items_tree['Path'].default_value = PATH
m = bpy.data.objects['Cube'].modifiers.new('N', 'NODES'); m.node_group = t
if WHERE == 'modifier':
    import kapelle_blender.versions as v
    v.set_group_input(m, v.group_inputs(m)['Path'][0], PATH)
"""
    )
    path = saved_with(blender, proj, "PATH, WHERE = %r, %r\n" % (str(out / "n.obj"), where) + code)
    refused(blender, "file.import", {"path": path}, out / "n.obj")


# --- what is written ---

OUTPUT = """
s = bpy.context.scene; s.render.resolution_x = s.render.resolution_y = 8; s.render.engine = 'BLENDER_WORKBENCH'
if hasattr(s, 'compositing_node_group'):
    t = bpy.data.node_groups.new('C', 'CompositorNodeTree'); s.compositing_node_group = t
    t.interface.new_socket('Image', in_out='OUTPUT', socket_type='NodeSocketColor')
    end = t.nodes.new('NodeGroupOutput')
else:
    s.use_nodes = True; t = s.node_tree; t.nodes.clear(); end = t.nodes.new('CompositorNodeComposite')
r = t.nodes.new('CompositorNodeRLayers'); t.links.new(r.outputs['Image'], end.inputs[0])
def output(folder, name):
    f = t.nodes.new('CompositorNodeOutputFile'); f.name = 'To ' + name.rpartition('/')[2]
    if hasattr(f, 'base_path'):
        f.base_path = folder; f.file_slots[0].path = name; f.format.file_format = 'PNG'
    else:
        f.directory = folder; f.file_name = name; f.format.media_type = 'IMAGE'; f.format.file_format = 'PNG'
        f.file_output_items.new('RGBA', 'Image')
    t.links.new(r.outputs['Image'], f.inputs[0])
"""


@pytest.mark.parametrize("command", ["render.still", "render.frames"])
def test_a_render_writes_nothing_outside(blender, proj, out, command):
    kept = os.path.join(proj, "kept-" + command)
    up = os.path.relpath(out, proj) + "/"
    blender.run("file.save", path=os.path.join(proj, "r.blend"), overwrite=True)
    code = "output(%r, 'straight_'); output('//', %r); output(%r, 'kept_')"
    blender.eval(OUTPUT + code % (str(out), up + "relative_", kept))
    args = {
        "render.still": {"path": os.path.join(proj, "a.png"), "frame": 1, "overwrite": True},
        "render.frames": {"path": os.path.join(proj, "frames"), "frames": [1], "overwrite": True},
    }[command]
    before = sorted(os.listdir(out))
    outcome = blender.call(command, args, scopes=PLAIN)
    told = blender.value(outcome)
    assert sorted(os.listdir(out)) == before and len(os.listdir(kept)) == 1
    assert sorted(one["node"] for one in told["left_out"]) == ["To relative_", "To straight_"]
    assert sum("was left out" in one["text"] for one in outcome["output"]["logs"]) == 2
    again = blender.run(command, **args)
    assert again["left_out"] == [] and len(os.listdir(out)) > len(before), "a caller with code keeps all outputs"


def test_a_render_reads_nothing_outside(blender, proj, out):
    blender.eval(prepared(out, proj, READS["image"]))
    args = {"path": os.path.join(proj, "a.png"), "width": 8, "height": 8, "engine": "workbench", "overwrite": True}
    refused(blender, "render.still", args, out / "secret.png")
    refused(blender, "file.export", {"path": os.path.join(proj, "e.obj"), "overwrite": True}, out / "secret.png")
    blender.run("render.still", **args)


@pytest.mark.parametrize("format", ["gltf", "obj", "usd"])
def test_an_export_writes_nothing_outside(blender, proj, format):
    if not {one["format"]: one for one in blender.run("file.formats")["formats"]}[format]["export"]:
        pytest.skip("this Blender has no %s" % format)
    name = "../../evil-%s/x" % format
    out = os.path.normpath(os.path.join(proj, "export-" + format, name, ".."))
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    blender.eval(
        """
o = bpy.data.objects['Cube']; m = o.data.materials[0]; m.use_nodes = True
i = bpy.data.images.new('x', 4, 4); i.pack(); i.name = %r
n = m.node_tree.nodes.new('ShaderNodeTexImage'); n.image = i
m.node_tree.links.new(n.outputs[0], m.node_tree.nodes['Principled BSDF'].inputs['Base Color'])
"""
        % name
    )
    before = sorted(os.listdir(out))
    folder = os.path.join(proj, "export-" + format)
    suffix = {"gltf": ".gltf", "obj": ".obj", "usd": ".usdc"}[format]
    limited(blender, "file.export", {"path": os.path.join(folder, "e" + suffix), "overwrite": True})
    assert sorted(os.listdir(out)) == before
    assert blender.eval("[i.name for i in bpy.data.images if 'evil' in i.name]") == [name], "as it was"


def test_no_name_writes_a_line_of_its_own(blender, proj, out):
    evil = "m\nmap_Kd\t%s" % (out / "secret.png")
    told = limited(blender, "material.create", {"name": evil, "object": "Cube"})
    assert "\n" not in told["name"] and "\t" not in told["name"]
    blender.eval("bpy.data.objects['Cube'].data.materials[0].name = %r" % evil)  # by code any name is possible
    blender.eval("bpy.data.objects['Cube'].name = %r" % "o\rmtllib /etc/x.mtl")
    path = limited(blender, "file.export", {"path": os.path.join(proj, "l.obj"), "overwrite": True})["path"]
    for suffix, word in ((".obj", "mtllib"), (".mtl", "map_Kd")):
        with open(os.path.splitext(path)[0] + suffix) as written:
            lines = [one for one in written.read().replace("\r", "\n").splitlines() if one.split()[:1] == [word]]
        assert lines == (["mtllib l.mtl"] if word == "mtllib" else [])
    assert limited(blender, "file.import", {"path": path})["objects"]
    refused(blender, "file.export", {"path": os.path.join(proj, "x\nmtllib y.obj")})


def test_no_write_goes_through_a_link(blender, proj, out):
    for link, command in (("t/a.mtl", "file.export"), ("t/textures", "file.export"), ("t/a.blend@", "file.save")):
        shutil.rmtree(os.path.join(proj, "t"), ignore_errors=True)
        os.mkdir(os.path.join(proj, "t"))
        os.symlink(out, os.path.join(proj, link))
        path = os.path.join(proj, "t", "a.blend" if command == "file.save" else "a.obj")
        refused(blender, command, {"path": path, "overwrite": True})


def test_names_of_what_is_linked_write_no_line_either(blender, proj):
    blender.eval("bpy.data.objects['Light'].name = 'a\\nb'; bpy.data.materials['Material'].name = 'm\\nmap_Kd x'")
    library = os.path.join(proj, "lib.blend")
    code = """
bpy.data.libraries.write({0!r}, {{bpy.data.objects['Cube']}})
with bpy.data.libraries.load({0!r}, link=True) as (there, here): here.objects = there.objects
bpy.context.collection.objects.link(here.objects[0])
""".format(library)
    blender.eval(code)
    path = os.path.join(proj, "n.obj")
    told = blender.problem("file.export", {"path": path})
    assert told["code"] == "arguments_invalid" and "lib.blend" in told["hint"] and not os.path.exists(path)
    assert blender.eval("sum('\\n' in m.name for m in bpy.data.materials)") == 2, "as they were"
    assert blender.run("file.export", path=os.path.join(proj, "n.stl"))["bytes"]


DOORS = (
    ("object.create", {"kind": "cube", "name": "{}"}),
    ("object.rename", {"name": "Cube", "to": "{}"}),
    ("object.duplicate", {"name": "Light", "new_name": "{}"}),
    ("material.rename", {"name": "Material", "to": "{}"}),
    ("material.duplicate", {"name": "Material", "new_name": "{}"}),
    ("mesh.create", {"name": "{}", "vertices": [[0, 0, 0], [1, 0, 0], [0, 1, 0]], "faces": [[0, 1, 2]]}),
    ("camera.create", {"name": "{}"}),
    ("light.create", {"kind": "point", "name": "{}"}),
    ("collection.create", {"name": "{}"}),
    ("collection.rename", {"name": "Collection", "to": "{}"}),
    ("scene.new", {"name": "{}"}),
    ("scene.set", {"rename": "{}"}),
    ("modifier.add", {"object": "Cube", "kind": "bevel", "name": "{}"}),
    ("constraint.add", {"object": "Cube", "kind": "limit_location", "name": "{}"}),
    ("object.set", {"name": "Cube", "settings": {"name": "{}"}}),
    ("object.set", {"name": "Cube", "data_settings": {"name": "{}"}}),
)


def test_every_door_gives_plain_names(blender):
    code = """
names = [i.name for c in ('objects', 'meshes', 'materials', 'cameras', 'lights', 'collections', 'scenes', 'worlds')
         for i in getattr(bpy.data, c)] + [x.name for o in bpy.data.objects for x in (*o.modifiers, *o.constraints)]
[n for n in names if 'd' in n and ('\\n' in n or '\\t' in n)], sum('a d x' in n for n in names)
"""
    for command, args in DOORS:
        blender.fresh()
        given = json.loads(json.dumps(args).replace("{}", "a\\n\\td x"))
        limited(blender, command, given)
        odd, plain = blender.eval(code)
        assert odd == [] and plain >= 1, command


# --- other spellings of a private place ---


@pytest.mark.parametrize(
    "path",
    [
        "Tokens/owner",
        "TOKENS/owner",
        "tokens./owner",
        "tokens /owner",
        "tokens::$DATA",
        "ｔokens/owner",
        "./tokens/owner",
    ],
)
def test_private_places_have_other_spellings(blender, path):
    refused(blender, "file.import", {"path": path, "format": "obj"})
    refused(blender, "file.export", {"path": path + ".obj"})


def test_a_hard_link_to_a_private_file_is_that_file(blender, proj):
    token = os.path.join(blender.home, "tokens", "bridge")
    link = os.path.join(proj, "hard.obj")
    os.link(token, link)
    refused(blender, "file.import", {"path": link}, link)
    refused(blender, "file.export", {"path": link, "overwrite": True}, link)
