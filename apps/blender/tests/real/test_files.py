# SPDX-License-Identifier: MIT OR Apache-2.0
"""Files: formats both ways, paths that are refused, recovery copies."""

import json
import os
import shutil

import pytest

PLAIN = ("read", "write", "destructive")
FORMATS = ("glb", "gltf", "obj", "stl", "ply", "fbx", "usd", "alembic", "blend")


@pytest.fixture
def recovery(blender):
    """The folder of recovery copies, emptied, with a copy due at the next change."""
    folder = os.path.join(blender.home, "recovery", "fake-1")
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def copies(folder):
    return sorted(one for one in os.listdir(folder) if one.endswith(".blend")) if os.path.isdir(folder) else []


@pytest.mark.parametrize("format", FORMATS)
def test_formats_both_ways(blender, format):
    able = {one["format"]: one for one in blender.run("file.formats")["formats"]}[format]
    path = "there" + able["suffixes"][0]
    args = {"path": path, "overwrite": True}
    if not able["export"]:
        told = blender.problem("file.export", args)
        assert told["code"] == "not_supported" and "glb" in told["hint"]
        return
    blender.eval("bpy.data.objects['Cube'].location = (1, 2, 3)")
    told = blender.run("file.export", **args)
    assert told["bytes"] > 100 and os.path.getsize(told["path"]) == told["bytes"]
    blender.run("file.new", empty=True)
    if not able["import"]:
        told = blender.problem("file.import", {"path": path})
        assert told["code"] == "not_supported" and "obj" in told["hint"] and "numpy" in told["message"]
        return
    told = blender.run("file.import", path=path)
    meshes = [one for one in told["objects"] if one["type"] == "MESH"]
    assert len(meshes) == 1 and sorted(meshes[0]["dimensions"]) == pytest.approx([2, 2, 2], abs=1e-3)
    assert told["format"] == format


def test_what_this_blender_can_read_and_write(blender):
    able = {one["format"]: (one["import"], one["export"]) for one in blender.run("file.formats")["formats"]}
    built = blender.eval("o = bpy.app.build_options; {'alembic': o.alembic, 'usd': o.usd}")
    expected = {name: (built.get(name, True),) * 2 for name in able}
    if blender.announcement["version"].startswith("3.4"):
        expected.update(glb=(False, True), gltf=(False, True))
    assert able == expected and {"alembic", "usd", "glb", "fbx", "obj"} <= set(able)


@pytest.mark.parametrize("format", ["glb", "obj", "stl", "ply", "fbx", "blend"])
def test_only_some_objects_are_written(blender, format):
    blender.run("object.create", kind="cube", name="Other", location=[5, 0, 0])
    blender.eval("bpy.data.objects['Cube'].select_set(True)")
    path = blender.run("file.export", path="some." + format, objects=["Other"], overwrite=True)["path"]
    assert blender.eval("[o.name for o in bpy.context.selected_objects]") == ["Cube", "Other"], (
        "the selection is as before"
    )
    blender.run("file.new", empty=True)
    outcome = blender.call("file.import", {"path": path})
    if outcome["status"] == "succeeded":
        assert len([one for one in outcome["value"]["objects"] if one["type"] == "MESH"]) == 1
    assert blender.problem("file.export", {"path": "x.obj", "objects": ["Nobody"]})["code"] == "not_found"
    assert blender.problem("file.export", {"path": "x.obj", "objects": []})["code"] == "arguments_invalid"


def test_named_objects_of_a_blend_file(blender):
    blender.run("file.save", path="parts.blend", overwrite=True)
    blender.run("file.new", empty=True)
    told = blender.run("file.import", path="parts.blend", objects=["Light"], scale=2.0)
    assert [one["name"] for one in told["objects"]] == ["Light"]
    assert told["objects"][0]["location"][0] == pytest.approx(8.152, abs=0.01)
    assert "'Cube'" in blender.problem("file.import", {"path": "parts.blend", "objects": ["Cub"]})["hint"]


def test_import_scales(blender):
    path = blender.run("file.export", path="scaled.obj", objects=["Cube"], overwrite=True)["path"]
    made = blender.run("file.import", path=path, scale=3.0)["objects"][0]["name"]
    assert blender.run("object.get", name=made)["dimensions"] == pytest.approx([6, 6, 6], abs=1e-3)


def test_broken_and_missing_files(blender):
    told = blender.problem("file.open", {"path": "nothing.blend"})
    assert told["code"] == "file_not_found"
    for name in ("bad.blend", "bad.obj", "bad.stl", "bad.ply", "bad.fbx", "bad.glb"):
        with open(os.path.join(blender.home, name), "w") as out:
            out.write("this is no model")
    assert blender.problem("file.open", {"path": "bad.blend"})["code"] == "call_failed"
    assert blender.run("object.list")["total"] == 3, "what was open still is"
    for name in ("bad.obj", "bad.stl", "bad.ply", "bad.fbx", "bad.glb"):
        outcome = blender.call("file.import", {"path": name})
        assert outcome["status"] == "failed" and outcome["problem"]["code"] in ("call_failed", "not_supported"), outcome
    assert "bad.obj" in blender.problem("file.import", {"path": "bad.ob"})["hint"]


def test_saving_and_overwriting(blender):
    assert blender.problem("file.save")["code"] == "arguments_invalid"
    first = blender.run("file.save", path="one", overwrite=True)
    assert first["path"].endswith("one.blend") and first["file"] == first["path"]
    assert blender.run("file.save")["path"] == first["path"]
    assert blender.run("file.save", path="one.blend")["path"] == first["path"], "the open file may be saved again"
    blender.run("file.save", path="two.blend", overwrite=True)
    told = blender.problem("file.save", {"path": "one.blend"})
    assert told["code"] == "file_exists" and "overwrite" in told["hint"]
    assert blender.problem("file.export", {"path": "two.blend"})["code"] == "file_exists"
    assert blender.problem("file.export", {"path": "two.xyz"})["code"] == "arguments_invalid"
    blender.run("file.export", path="kept.obj", overwrite=True)
    assert blender.problem("file.export", {"path": "kept.obj"})["code"] == "file_exists"
    os.remove(os.path.join(blender.home, "kept.obj"))
    told = blender.problem("file.export", {"path": "kept.obj"})
    assert told["code"] == "file_exists" and "kept.mtl" in told["message"], "also what is written beside it"
    blender.hub.forget()
    blender.run("object.create", kind="empty")
    assert blender.hub.wait("state")["state"]["file"].endswith("two.blend")


def test_paths_outside_are_refused_without_code(blender, tmp_path):
    path = str(tmp_path / "out.obj")
    told = blender.problem("file.export", {"path": path}, scopes=PLAIN)
    assert told["code"] == "path_refused" and blender.home in told["hint"] and not os.path.exists(path)
    assert blender.problem("file.export", {"path": "a/../../x.obj"}, scopes=PLAIN)["code"] == "path_refused"
    assert blender.problem("file.export", {"path": "a/../x.obj"}, scopes=PLAIN)["code"] == "path_refused"
    assert (
        blender.problem("file.import", {"path": "/etc/passwd", "format": "obj"}, scopes=PLAIN)["code"] == "path_refused"
    )
    assert blender.problem("file.export", {"path": "~/x.obj"}, scopes=PLAIN)["code"] == "path_refused"
    assert blender.problem("file.export", {"path": "x\0.obj"}, scopes=PLAIN)["code"] == "path_refused"
    told = blender.problem("render.still", {"path": str(tmp_path / "out.png")}, scopes=PLAIN)
    assert told["code"] == "path_refused"
    for scope in ("code", "admin"):
        outcome = blender.call("file.export", {"path": path, "overwrite": True}, scopes=(*PLAIN, scope))
        assert outcome["status"] == "succeeded", outcome


def test_links_that_lead_out_are_refused(blender, tmp_path):
    link = os.path.join(blender.home, "link-%s" % tmp_path.name)
    os.symlink(tmp_path, link)
    told = blender.problem("file.export", {"path": os.path.join(link, "x.obj")}, scopes=PLAIN)
    assert told["code"] == "path_refused" and "link" in told["message"]
    file_link = os.path.join(blender.home, "file-%s.obj" % tmp_path.name)
    os.symlink(tmp_path / "target.obj", file_link)
    assert (
        blender.problem("file.export", {"path": file_link, "overwrite": True}, scopes=PLAIN)["code"] == "path_refused"
    )
    assert not (tmp_path / "target.obj").exists()


def test_kapelles_own_places_are_refused(blender):
    for path in ("tokens/x.obj", "run/x.obj", "blobs/x.obj", "logs/x.obj"):
        assert blender.problem("file.export", {"path": path}, scopes=PLAIN)["code"] == "path_refused", path
    told = blender.problem("file.save", {"path": "recovery/fake-1/x.blend"}, scopes=PLAIN)
    assert told["code"] == "path_refused", "recovery copies may be opened only"
    told = blender.problem("file.import", {"path": "tokens/bridge", "format": "obj"}, scopes=PLAIN)
    assert told["code"] == "path_refused"


def test_the_open_files_folder_and_the_home_are_allowed(blender, tmp_path):
    blender.run("file.save", path=str(tmp_path / "scene.blend"))
    outcome = blender.call("file.export", {"path": "beside.obj"}, scopes=PLAIN)
    assert outcome["value"]["path"] == str(tmp_path / "beside.obj")
    outcome = blender.call("file.export", {"path": "//sub/beside.obj"}, scopes=PLAIN)
    assert outcome["value"]["path"] == str(tmp_path / "sub" / "beside.obj")
    blender.run("file.new")
    assert blender.call("file.export", {"path": "home.obj", "overwrite": True}, scopes=PLAIN)["status"] == "succeeded"
    assert blender.problem("file.export", {"path": str(tmp_path / "no.obj")}, scopes=PLAIN)["code"] == "path_refused"


def test_scripts_in_files_do_not_run(blender):
    code = """
t = bpy.data.texts.new('evil.py')
t.write("import bpy; bpy.app.driver_namespace['ran'] = 1")
t.use_module = True
"""
    blender.eval(code)
    path = blender.run("file.save", path="evil.blend", overwrite=True)["path"]
    blender.eval(
        "bpy.app.driver_namespace.pop('ran', None); bpy.context.preferences.filepaths.use_scripts_auto_execute = True"
    )
    try:
        assert blender.call("file.open", {"path": path}, scopes=PLAIN)["status"] == "succeeded"
        assert blender.eval("'ran' in bpy.app.driver_namespace") is False
        blender.run("file.open", path=path)
        assert blender.eval("'ran' in bpy.app.driver_namespace") is False, "also for a caller with code"
        blender.run("file.open", path=path, scripts=True)
        assert blender.eval("'ran' in bpy.app.driver_namespace") is True
    finally:
        blender.eval("bpy.context.preferences.filepaths.use_scripts_auto_execute = False")


def test_a_copy_is_kept_before_the_first_change(blender, recovery):
    before = blender.run("file.save", path="work.blend", overwrite=True)["path"]
    blender.run("object.list")
    assert copies(recovery) == [], "reading is no change"
    blender.run("object.create", kind="cube", name="First")
    assert len(copies(recovery)) == 1
    blender.run("object.create", kind="cube", name="Second")
    assert len(copies(recovery)) == 1, "one a minute"
    with open(os.path.join(recovery, copies(recovery)[0].replace(".blend", ".json"))) as note:
        told = json.load(note)
    assert told["file"] == before and told["pid"] == blender.process.pid
    assert told["instance"] == "fake-1" and told["dirty"] is False and told["taken"].endswith("Z")
    assert blender.eval("bpy.data.filepath") == before
    names = "with bpy.data.libraries.load(%r) as (a, b): names = list(a.objects)\nnames"
    kept = blender.eval(names % os.path.join(recovery, copies(recovery)[0]))
    assert "First" not in kept and "Cube" in kept, "as it was before the change"


def test_another_copy_after_the_interval_and_only_after_a_change(blender, recovery):
    blender.run("object.create", kind="cube", name="A")
    passed = "import kapelle_blender.host as h; h.current().recovery._next_at = 0.0"
    blender.eval(passed, args={"undo": "never"})
    count = len(copies(recovery))
    blender.eval("1+1")
    assert len(copies(recovery)) == count + 1, "A is in it"
    blender.eval(passed, args={"undo": "never"})
    after = len(copies(recovery))
    blender.eval("2+2")
    blender.eval("3+3")
    assert len(copies(recovery)) <= after + 1


def test_copies_are_bounded(blender, recovery):
    code = """
import kapelle_blender.host, time
for i in range(14):
    kapelle_blender.host.current().recovery.now(True)
    time.sleep(0.002)
"""
    blender.eval(code)
    assert len(copies(recovery)) == 10
    assert len(os.listdir(recovery)) == 20


def test_a_copy_made_after_the_clock_was_set_back_is_the_newest(blender, recovery):
    """And is not the one that goes."""
    os.makedirs(recovery)
    for number in range(10):
        for suffix in ("blend", "json"):
            with open(os.path.join(recovery, "20990101T00000%d.999Z.%s" % (number, suffix)), "w"):
                pass
    made = blender.eval("import kapelle_blender.host as h; h.current().recovery.now(True)")
    # Behind the one that was made before this call.
    assert copies(recovery)[-2:] == ["20990101T000010.000Z.blend", "20990101T000010.001Z.blend"]
    assert os.path.basename(made) == copies(recovery)[-1] and os.path.getsize(made) > 10000
    assert len(copies(recovery)) == 10


def test_a_copy_that_cannot_be_written_is_told_and_stops_nothing(blender, recovery):
    os.makedirs(os.path.dirname(recovery), exist_ok=True)
    with open(recovery, "w") as out:
        out.write("a file where the folder should be")
    try:
        outcome = blender.call("object.create", {"kind": "cube", "name": "Made"})
        assert outcome["status"] == "succeeded"
        assert any(one["source"] == "recovery" for one in outcome["output"]["logs"])
        told = blender.problem("file.new")
        assert told["code"] == "call_failed" and blender.run("object.get", name="Made")["name"] == "Made"
    finally:
        os.remove(recovery)


def test_opening_and_new_keep_unsaved_changes(blender, recovery):
    path = blender.run("file.save", path="saved.blend", overwrite=True)["path"]
    blender.run("object.create", kind="cube", name="Unsaved")
    kept = blender.run("file.open", path=path)["recovery"]
    assert kept and os.path.isfile(kept)
    assert blender.run("object.list", name="Unsaved")["total"] == 0
    blender.run("file.open", path=kept)
    assert blender.run("object.list", name="Unsaved")["total"] == 1
    assert blender.eval("import kapelle_blender.host as h; h.current().dirty") is True, (
        "a recovery copy is unsaved work"
    )
    assert "recovery copy" in blender.problem("file.save")["message"]
    told = blender.run("file.new", empty=True)
    assert told["scene"]["object_count"] == 0 and told["file"] is None
