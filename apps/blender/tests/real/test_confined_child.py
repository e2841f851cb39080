# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a confined importer says and leaves behind is not believed: a model may have taken it over.

The launcher here is a script that plays such a child; no kernel is needed for it.
"""

import json
import os
import stat
import sys

import pytest
from test_outside import PLAIN, limited

CHILD = """#!%s
import json, os, sys
plan = json.loads(sys.stdin.readline())
job = json.load(open(plan["args"][-1]))
folder, good, secret = job["folder"], %r, %r
made = os.path.join(folder, "packed.blend")
def keep():
    import shutil
    shutil.copy(good, made)
def say(told):
    text = told if isinstance(told, str) else json.dumps(told)
    sys.stdout.write("\\nKAPELLE " + text + "\\n")
    sys.stdout.flush()
%s
sys.stdin.read()
"""
DONE = "say({'done': {'made': made, 'left_out': []}})"
# What it does that gets nothing in.
NOTHING = {
    "a path of its own": "say({'done': {'made': secret, 'left_out': []}})",
    "a link": "os.symlink(secret, made); " + DONE,
    "a hard link": "os.link(secret, made); " + DONE,
    "a pipe": "os.mkfifo(made); " + DONE,
    "a folder": "os.mkdir(made); " + DONE,
    "a large file": "open(made, 'w').truncate((8 << 30) + 1); " + DONE,
    "no Blender file": "open(made, 'w').write('x'); " + DONE,
    "a problem of numbers": "say({'error': 7, 'code': 8})",
    "a problem of lists": "say({'error': ['x'] * 9, 'code': []})",
    "a problem of the hub's": "say({'error': 'x' * 900000, 'code': 'handshake_refused'})",
}
# What it says beside an end that is right.
SAYS = {
    "no object": "say('5'); say('[]'); say('null'); say('\\x00')",
    "depth": "say('[' * 4000); say('{\"a\":' * 4000)",
    "great numbers": "say({'stats': 'Sample ' + '9' * 400 + '/1'}); print('Rendering ' + '9' * 4000 + ' / 1', flush=True)",
    "other types": "say({'stats': {}}); say({'note': [1]}); say({'stats': None}); say({'frame': {}, 'made': secret})",
    "many notes": "[say({'note': 'n' * 3000}) for _ in range(3000)]",
    "folders in folders": "os.chdir(folder); [(os.mkdir('d'), os.chdir('d')) for _ in range(1500)]",
}
LEFT_OUT = ["7", "None", "{'a': 1}", "'text'", "[1, [], {}]", "['x' * 99999, 'a\\n\\x1b[2Jb'] + ['y'] * 100000"]


@pytest.fixture
def child(blender, tmp_path):
    """`child(does)`: the outcome of an import that a child with that code reads; its packed file is a cube."""
    good = str(tmp_path / "good.blend")
    secret = str(tmp_path / "secret.blend")
    for path in (good, secret):
        blender.eval("bpy.data.libraries.write(%r, {bpy.data.objects['Cube']})" % path)
    blender.eval("import kapelle_blender.bridgekit.configured as c; c.kept = c.launcher")
    launcher = tmp_path / "launcher"
    model = os.path.join(blender.home, "model.fbx")
    with open(model, "w") as file:
        file.write("a child reads it")

    def run(does):
        launcher.write_text(CHILD % (sys.executable, good, secret, does))
        launcher.chmod(0o700)
        blender.eval("c.launcher = lambda: (%r, None)" % str(launcher))
        return blender.call("file.import", {"path": model}, scopes=PLAIN)

    run.secret = secret
    yield run
    blender.eval("c.launcher = c.kept")


def needs_reader(blender):
    if not {one["format"]: one for one in blender.run("file.formats")["formats"]}["fbx"]["import"]:
        pytest.skip("this Blender reads no FBX")


@pytest.mark.parametrize("kind", NOTHING)
def test_nothing_comes_in_but_a_plain_file_of_its_own(blender, child, kind):
    needs_reader(blender)
    before = os.stat(child.secret)
    outcome = child(NOTHING[kind])
    assert outcome["status"] == "failed" and outcome["problem"]["code"] == "call_failed", outcome
    assert len(outcome["problem"]["message"]) < 3000
    after = os.stat(child.secret)
    assert stat.S_ISREG(after.st_mode) and (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
    assert blender.run("object.list")["total"] == 3
    assert os.listdir(os.path.join(blender.home, "run", "renders")) == []


@pytest.mark.parametrize("kind", SAYS)
def test_whatever_it_says_the_import_comes_to_its_end(blender, child, kind):
    needs_reader(blender)
    outcome = child(SAYS[kind] + "; keep(); " + DONE)
    assert outcome["status"] == "succeeded", outcome
    assert len(outcome["value"]["objects"]) == 1
    assert len(outcome["output"]["logs"]) <= 100
    assert limited(blender, "object.list", {})["total"] == 4
    assert os.listdir(os.path.join(blender.home, "run", "renders")) == []


@pytest.mark.parametrize("told", LEFT_OUT)
def test_what_it_left_out_is_a_short_list_of_texts(blender, child, told):
    needs_reader(blender)
    outcome = child("keep(); say({'done': {'made': made, 'left_out': %s}})" % told)
    assert outcome["status"] == "succeeded", outcome
    logs = [one["text"] for one in outcome["output"]["logs"] if "Left out" in one["text"]]
    assert len(logs) <= 21 and all(len(one) < 300 and one.isprintable() for one in logs), json.dumps(logs)
    assert bool(logs) == ("'y'" in told)


def test_a_long_list_of_what_was_left_out_arrives(blender, child):
    needs_reader(blender)
    outcome = child("keep(); say({'done': {'made': made, 'left_out': ['the picture ' + 'ü' * 180] * 20 + ['7 more']}})")
    assert outcome["status"] == "succeeded", outcome
    assert sum("Left out" in one["text"] for one in outcome["output"]["logs"]) == 21
