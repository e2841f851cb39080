# SPDX-License-Identifier: MIT OR Apache-2.0
"""Python that lies in data: whose it is decides whether it runs, not who turned the switch on for the process."""

import os

import pytest
from instance import Instance

PLAIN = ("read", "write", "destructive")
# A file with all that may hold Python: it marks the folder when any of it runs.
EVIL = """
import bpy
MARK = %(mark)r
for one in list(bpy.data.objects): bpy.data.objects.remove(one)
o = bpy.data.objects.new("Evil", bpy.data.meshes.new("Evil")); bpy.context.collection.objects.link(o)
m = bpy.data.materials.new("Evil"); m.use_nodes = True; o.data.materials.append(m)
t = bpy.data.texts.new("evil.py"); t.use_module = True
t.write("open(%%r, 'a').write('text ')" %% MARK)
o["text"] = t
if %(node)s:
    n = m.node_tree.nodes.new("ShaderNodeScript"); n.script = t
k = o.shape_key_add(name="Basis"); k = o.shape_key_add(name="Key")
o["from_namespace"] = o["arithmetic"] = o["simple"] = 0.0
def drive(owner, path, expression, index=-1):
    d = owner.driver_add(path, index) if index >= 0 else owner.driver_add(path)
    d.driver.type = "SCRIPTED"; d.driver.expression = expression
bad = "(open(%%r, 'a').write('%%%%s ') or 0) * frame" %% MARK
drive(o, "location", bad %% "object", 0)
drive(o.data.shape_keys, 'key_blocks["Key"].value', bad %% "key")
drive(m.node_tree, 'nodes["Principled BSDF"].inputs[7].default_value', bad %% "nodes")
drive(o, '["from_namespace"]', "[sin(frame), marked(frame)][1]")
drive(o, '["arithmetic"]', "frame %% 1000 + 1")
drive(o, '["simple"]', "frame * 2")
bpy.data.libraries.write(%(path)r, {o, t})
"""
LINKING = """
import bpy
for one in list(bpy.data.objects): bpy.data.objects.remove(one)
with bpy.data.libraries.load(%(evil)r, link=True) as (there, here):
    here.objects = ["Evil"]
o = bpy.data.objects.new("Outer", None); bpy.context.collection.objects.link(o)
inner = bpy.data.collections.new("Inner"); inner.objects.link(here.objects[0])
o.instance_type = "COLLECTION"; o.instance_collection = inner
bpy.data.libraries.write(%(path)r, {o})
"""
# What a driver's names reach in this process, put there by somebody with `code`.
NAMES = """
import bpy
def marked(*args):
    open(%(mark)r, "a").write("namespace ")
    return 5.0
for name in ("marked", "sin"): bpy.app.driver_namespace[name] = marked
"""
SWITCH = "bpy.context.preferences.filepaths.use_scripts_auto_execute"


@pytest.fixture
def files(blender, tmp_path):
    """The paths that EVIL and LINKING make, below a folder that everybody may use."""
    made = {"mark": str(tmp_path / "ran"), "path": os.path.join(blender.home, "evil.blend"), "node": False}
    blender.eval(EVIL % made)
    linking = os.path.join(blender.home, "linking.blend")
    blender.run("file.new")
    blender.eval(LINKING % {"evil": made["path"], "path": linking})
    blender.run("file.new")
    blender.run("file.save", path="trusted.blend", overwrite=True)
    made.update(evil=made["path"], linking=linking, trusted=os.path.join(blender.home, "trusted.blend"))
    clear(made)
    yield made
    blender.eval(SWITCH + " = False")
    blender.run("file.new")


def clear(files):
    if os.path.exists(files["mark"]):
        os.remove(files["mark"])


def ran(files):
    """What ran, as it said."""
    if not os.path.exists(files["mark"]):
        return ""
    with open(files["mark"], encoding="utf-8") as file:
        return file.read()


def stir(blender, frame):
    """What makes Blender evaluate drivers, also anew."""
    blender.run("scene.set", frame=frame)
    outcome = blender.call("scene.set", {"frame": frame + 1}, scopes=PLAIN)
    assert outcome["status"] == "succeeded", outcome
    blender.call("history.undo", {}, scopes=PLAIN)
    blender.call("scene.set", {"frame": frame + 2}, scopes=PLAIN)


ON = {
    "never": "",
    "preference": SWITCH + " = True",
    "open by code": "bpy.ops.wm.open_mainfile(filepath=%(trusted)r, use_scripts=True)",
}


@pytest.mark.parametrize("how", [*ON, "file.open"])
def test_what_a_caller_without_code_imports_never_runs(blender, files, how):
    if how == "file.open":
        blender.run("file.open", path=files["trusted"], scripts=True)
    else:
        blender.eval(ON[how] % files or "None")
    blender.eval(NAMES % files)
    outcome = blender.call("file.import", {"path": files["evil"]}, scopes=PLAIN)
    assert outcome["status"] == "succeeded", outcome
    told = " ".join(one["text"] for one in outcome["output"]["logs"])
    assert "Evil location" in told and "evil.py" in told
    stir(blender, 10)
    assert ran(files) == ""
    # Also when somebody turns it on later, and looks at all of it.
    blender.eval(SWITCH + " = True")
    blender.eval("[one.view_layers[0].update() for one in bpy.data.scenes]")
    stir(blender, 20)
    assert ran(files) == ""
    evil = "bpy.data.objects['Evil']"
    assert blender.eval(evil + "['simple']") == 2.0 * blender.eval("bpy.context.scene.frame_current")
    assert blender.eval(evil + "['arithmetic']") == 1.0 + blender.eval("bpy.context.scene.frame_current")
    assert blender.eval("[t.use_module for t in bpy.data.texts if t.name.startswith('evil')]") in ([], [False])
    # And when the file is opened by somebody who trusts it.
    saved = blender.run("file.save", path="with_import.blend", overwrite=True)["path"]
    blender.run("file.open", path=saved, scripts=True)
    stir(blender, 30)
    assert ran(files) == ""


def test_nor_does_what_it_links_to(blender, files):
    blender.run("file.open", path=files["trusted"], scripts=True)
    outcome = blender.call("file.import", {"path": files["linking"]}, scopes=PLAIN)
    stir(blender, 10)
    assert ran(files) == ""
    assert outcome["status"] == "succeeded", outcome
    assert blender.eval("[o.name for o in bpy.data.objects if o.library]") == []
    assert "Evil location" in str(outcome["output"]["logs"])


def test_a_trusted_file_goes_on_to_run_for_everybody(blender, files):
    blender.eval(SWITCH + " = True")
    blender.eval(
        "o = bpy.data.objects['Cube']; d = o.driver_add('location', 0).driver; d.type = 'SCRIPTED';"
        "d.expression = '__import__(\"math\").pi * frame'"
    )
    path = blender.run("file.save", path="rig.blend", overwrite=True)["path"]
    blender.eval(SWITCH + " = False")
    place = "round(bpy.data.objects['Cube'].location.x, 2)"
    blender.run("file.open", path=path, scripts=False)
    stir(blender, 10)
    assert blender.eval(place) != round(3.14159265 * 12, 2)
    blender.run("file.open", path=path, scripts=True)
    stir(blender, 10)
    assert blender.eval(place) == round(3.14159265 * 12, 2), "an undo makes Blender compile it anew"
    blender.call("file.open", {"path": path}, scopes=PLAIN)
    stir(blender, 20)
    assert blender.eval(place) != round(3.14159265 * 22, 2), "the next opening says anew"


def test_the_switch_is_put_back(blender, files):
    blender.eval(SWITCH + " = True")
    blender.call("scene.set", {"frame": 3}, scopes=PLAIN)
    assert blender.eval(SWITCH) is True
    blender.eval(SWITCH + " = False")
    blender.call("scene.set", {"frame": 4}, scopes=PLAIN)
    assert blender.eval(SWITCH) is False


def test_scripts_of_an_import_with_code(blender, files):
    """Who may run code may import it; with scripts off it calls nothing but Blender's own functions all the same."""
    blender.eval(NAMES % files)
    blender.run("file.import", path=files["evil"])
    stir(blender, 10)
    assert ran(files) == ""
    blender.run("file.new")
    blender.run("file.open", path=files["trusted"], scripts=True)
    blender.eval(NAMES % files)
    blender.run("file.import", path=files["evil"])
    stir(blender, 20)
    assert "object" in ran(files) and "namespace" in ran(files)


def test_script_nodes_stay_out(blender, files):
    """What their programs read and write cannot be told, so nothing with one comes in."""
    blender.eval(EVIL % dict(files, path=files["evil"], node=True))
    blender.run("file.new")
    told = blender.problem("file.import", {"path": files["evil"]}, scopes=PLAIN)
    assert told["code"] == "path_refused"
    assert blender.eval("'Evil' in bpy.data.materials") is False


def test_an_instance_started_with_scripts(program, package, tmp_path):
    if program.kind != "module":
        pytest.skip("boot.py takes --scripts from a Python with the wheel; a Blender has an option of its own")
    mark = str(tmp_path / "ran")
    with Instance(program, package, ["--scripts"]) as started:
        evil = os.path.join(started.home, "evil.blend")
        started.eval(EVIL % {"mark": mark, "path": evil, "node": False})
        if os.path.exists(mark):
            os.remove(mark)
        started.run("file.new")
        started.call("file.import", {"path": evil}, scopes=PLAIN)
        stir(started, 10)
        assert not os.path.exists(mark)


def test_freestyle_of_an_untrusted_file(blender, files):
    """3.4 runs it whatever the switch says."""
    code = """
s = bpy.context.scene; l = s.view_layers[0]; t = bpy.data.texts.new("lines.py")
t.write("open(%r, 'a').write('freestyle ')")
s.render.use_freestyle = l.use_freestyle = True; l.freestyle_settings.mode = "SCRIPT"
l.freestyle_settings.modules.new().script = t
""" % files["mark"]
    blender.eval(code)
    path = blender.run("file.save", path="lines.blend", overwrite=True)["path"]
    blender.call("file.open", {"path": path}, scopes=PLAIN)
    args = {"engine": "cycles", "samples": 1, "width": 32, "height": 32}
    outcome = blender.call("render.still", args, scopes=PLAIN)
    assert ran(files) == ""
    if outcome["status"] != "succeeded":
        assert outcome["problem"]["code"] == "forbidden", outcome


def test_the_folders_of_others_do_not_move_with_the_environment(blender, tmp_path):
    outside = tmp_path / "outside.obj"
    outside.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    blender.eval("import os; before = dict(os.environ)")
    blender.eval("os.environ.update(KAPELLE_HOME='/', KAPELLE_FOLDERS='{\"allowed\": [\"/\"]}', HOME='/')")
    try:
        told = blender.problem("file.import", {"path": str(outside)}, scopes=PLAIN)
        assert told["code"] == "path_refused" and told["details"]["path"] == str(outside)
    finally:
        blender.eval("os.environ.update(before); None")


# What no driver of an import may compute: it would not come to an end, or would fill the memory. `v` is 3, `t` a text.
ENDLESS = (
    "7**7**8 if frame==77 else 1",
    "v**v",
    "v**99 % 2",
    "(((((9**16)**16)**16)**16)**16) if frame==77 else 1",
    "1<<999999999 if frame==77 else 1",
    "len_ or 'x'*999999999 if frame==77 else 1",
    "('x'*999999999 != v) % 2 if frame==77 else 1",
    "b'x'*999999999 != v if frame==77 else 1",
    "t*999999999 != v if frame % 99==77 else 1",
    "t%v != v if frame==77 else 1",
    "-" * 200 + "(v%2)",
    "[0]*999999999 != v if frame==77 else 1",
)
PLAIN_NUMBERS = {"v**2": 9.0, "(v**2 + 4**2)**0.5": 5.0, "v**-1 * 3": 1.0, "-v % 5": 2.0, "v//2 + (v & 1)": 2.0}


@pytest.mark.parametrize("scopes", [PLAIN, (*PLAIN, "code")])
def test_a_driver_of_an_import_comes_to_an_end(blender, scopes):
    code = """
o = bpy.data.objects["Cube"]; o["v"] = 3; o["t"] = "%%999999999d"
for n, text in enumerate(%r):
    o["p%%d" %% n] = 0.0
    d = o.driver_add('["p%%d"]' %% n).driver; d.type = "SCRIPTED"
    for name in "vt":
        v = d.variables.new(); v.name = name; v.targets[0].id = o; v.targets[0].data_path = '["%%s"]' %% name
    d.expression = text
bpy.data.libraries.write(%r, {o})
"""
    path = os.path.join(blender.home, "endless.blend")
    blender.eval(code % ([*ENDLESS, *PLAIN_NUMBERS], path))
    blender.run("file.new")
    blender.run("object.delete", names=["Cube"])
    outcome = blender.call("file.import", {"path": path}, scopes=scopes)
    assert outcome["status"] == "succeeded", outcome
    muted = "{d.driver.expression: d.mute for d in bpy.data.objects['Cube'].animation_data.drivers}"
    found = blender.eval(muted)
    assert [text for text in ENDLESS if not found[text]] == []
    assert [text for text in PLAIN_NUMBERS if found[text]] == []
    blender.value(blender.outcome(blender.send("scene.set", {"frame": 77}), 20))
    first = len(ENDLESS)
    told = blender.eval(
        "[round(bpy.data.objects['Cube']['p%%d' %% n], 4) for n in range(%d, 99) if 'p%%d' %% n in bpy.data.objects['Cube']]"
        % first
    )
    assert told == [*PLAIN_NUMBERS.values()]
