# SPDX-License-Identifier: MIT OR Apache-2.0
"""What an export writes beside its file: pictures and what belongs to a format, whatever packed files are called."""

import os
import re
import shutil

import pytest
from test_outside import PLAIN, limited, picture, refused

# What may lie there after an export.
PLAIN_NAME = re.compile(
    r"[A-Za-z0-9_][^\x00-\x1f/\\\\:]*\.(gltf|glb|bin|obj|mtl|stl|ply|fbx|usd[acz]?|abc|blend|png|jpg|hdr|exr|tga)"
)
# A program that is a picture as well: Blender reads it as one of one dot.
BOTH = b"#?RADIANCE\nraise SystemExit\n'''\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\nABCD'''\n"
PACKED = """
o = bpy.data.objects['Cube']; m = o.data.materials[0]; m.use_nodes = True; t = m.node_tree
shader = next(n for n in t.nodes if n.type == 'BSDF_PRINCIPLED')
told = ('Base Color', 'Roughness', 'Metallic', 'Alpha', 'IOR', 'Coat Roughness', 'Clearcoat Roughness', 'Coat Weight',
        'Clearcoat', 'Emission Color', 'Emission')
sockets = [shader.inputs[s] for s in told if s in shader.inputs]
shader.inputs['Emission Strength'].default_value = 1
def pack(name, own, packed, data):
    i = bpy.data.images.new(name, 4, 4); i.source = 'FILE'; i.pack(data=data, data_len=len(data))
    i.filepath_raw = own; i.packed_files[0].filepath = packed
    n = t.nodes.new('ShaderNodeTexImage'); n.image = i; t.links.new(n.outputs[0], sockets.pop(0))
PNG, BOTH = %r, %r
pack('a', '//__init__.py', '//__init__.py', BOTH)
pack('b', '//fine.png', '//sitecustomize.py', PNG)
pack('c', '//own.pth', '//fine.jpg', PNG)
pack('d.sh', '', '', PNG)
pack('e', '//../../up.py', '//..\\\\..\\\\up.so', PNG)
pack('f', '//x.py:y.png', '//x.py:y.png', PNG)
pack('g', '//.hidden', '//line\\nbreak.py ', b'no picture')
pack('h', '//textures/kept.png', '//textures/kept.png', PNG)
""" % (picture(), BOTH)
PATHS = "[[i.name, i.filepath, [p.filepath for p in i.packed_files]] for i in bpy.data.images if i.packed_files]"


@pytest.fixture
def out(blender):
    """A folder that everybody may use."""
    folder = os.path.join(blender.home, "exports")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    return folder


def can_export(blender, format):
    return {one["format"]: one for one in blender.run("file.formats")["formats"]}[format]


def all_in(folder):
    return sorted(os.path.relpath(os.path.join(at, one), folder) for at, _, files in os.walk(folder) for one in files)


@pytest.mark.parametrize("format", ["glb", "gltf", "obj", "stl", "ply", "fbx", "usd", "alembic", "blend"])
@pytest.mark.parametrize("scopes", [PLAIN, (*PLAIN, "code")])
def test_an_export_writes_pictures_under_names_of_pictures(blender, out, format, scopes):
    able = can_export(blender, format)
    if not able["export"]:
        pytest.skip("this Blender exports no %s" % format)
    blender.eval(PACKED)
    before = blender.eval(PATHS)
    for suffix in able["suffixes"]:
        folder = os.path.join(out, suffix[1:])
        told = blender.call("file.export", {"path": os.path.join(folder, "e" + suffix)}, scopes=scopes)
        assert told["status"] == "succeeded", told
        written = all_in(folder)
        assert written and [one for one in written if not PLAIN_NAME.fullmatch(os.path.basename(one))] == []
        if suffix in (".usda", ".usdc", ".usd"):
            names = {os.path.basename(one) for one in written}
            assert {"__init__.py.hdr", "fine.png", "fine.jpg", "d.sh.png", "kept.png"} <= names, names
    assert blender.eval(PATHS) == before, "as they were"


def test_what_a_usd_names_is_what_was_written(blender, out):
    if not can_export(blender, "usd")["export"]:
        pytest.skip("this Blender exports no USD")
    blender.eval(PACKED)
    limited(blender, "file.export", {"path": os.path.join(out, "u", "e.usda")})
    with open(os.path.join(out, "u", "e.usda"), encoding="utf-8") as file:
        named = {line.split("@")[1] for line in file if "asset inputs:file = @" in line}
    there = {"./" + one for one in all_in(os.path.join(out, "u"))}
    assert len(named) == 8 and named - {"./textures/textures"} <= there, (named, there)  # "textures": no picture


@pytest.mark.parametrize("name", ["disk.py", "tile.1001.py"])
def test_an_export_copies_no_file_that_is_not_named_like_a_picture(blender, out, name):
    if not can_export(blender, "usd")["export"]:
        pytest.skip("this Blender exports no USD")
    path = os.path.join(out, name)
    with open(path, "wb") as file:
        file.write(picture())
    code = """
m = bpy.data.objects['Cube'].data.materials[0]; m.use_nodes = True; t = m.node_tree
i = bpy.data.images.load({0!r})
if '1001' in {0!r}: i.source = 'TILED'; i.filepath = {0!r}.replace('1001', '<UDIM>')
n = t.nodes.new('ShaderNodeTexImage'); n.image = i
t.links.new(n.outputs[0], next(n for n in t.nodes if n.type == 'BSDF_PRINCIPLED').inputs[0])
""".format(path)
    blender.eval(code)
    target = os.path.join(out, "c", "e.usdc")
    refused(blender, "file.export", {"path": target}, path.replace("1001", "<UDIM>"))
    assert not os.path.exists(os.path.dirname(target)) or all_in(os.path.dirname(target)) == []
    shutil.copy(path, path.replace(".py", ".png"))
    blender.eval("i = bpy.data.images[%r]; i.filepath = i.filepath.replace('.py', '.png')" % name)
    limited(blender, "file.export", {"path": target})
    assert "textures/" + name.replace(".py", ".png") in all_in(os.path.dirname(target))


@pytest.mark.parametrize("suffix", [".png", ".dds", ".sgi", ".tx"])
def test_an_export_writes_through_no_link(blender, out, tmp_path, suffix):
    folder = os.path.join(out, "l", "textures")
    os.makedirs(folder)
    os.symlink(tmp_path / "secret", os.path.join(folder, "x" + suffix))
    refused(blender, "file.export", {"path": os.path.join(out, "l", "e.obj")}, tmp_path / "secret")
