# SPDX-License-Identifier: MIT OR Apache-2.0
"""code.run through the whole way: values, output, tracebacks, namespaces."""

import struct

import pytest


@pytest.mark.every_blender
@pytest.mark.parametrize(
    "source, value",
    [
        ("1 + 1", 2),
        ("x = 5\nx * 2", 10),
        ("_result = 'kept'", "kept"),
        ("_result = 'kept'\nprint('last gives nothing')", "kept"),
        ("_result = 1\n'last'", "last"),
        ("", None),
        ("# nothing", None),
        ("None", None),
        ("[1, 2.5, 'ä', None, True, {'k': (1, 2)}]", [1, 2.5, "ä", None, True, {"k": [1, 2]}]),
        ("{1: 'a', (2, 3): 'b'}", {"1": "a", "(2, 3)": "b"}),
        ("float('nan'), float('inf'), -float('inf')", ["NaN", "Infinity", "-Infinity"]),
        ("2 ** 60", 2**60),
        ("'\\U0001F600'", "\U0001f600"),
        ("for i in range(3):\n    pass\ni", 2),
        ("def f(a):\n    return a + 1\nf(1)", 2),
        ("[bpy, bmesh, mathutils] and [m.__name__ for m in (bpy, bmesh, mathutils)]", ["bpy", "bmesh", "mathutils"]),
    ],
)
def test_the_value(http, source, value):
    assert http.eval(source) == value


@pytest.mark.every_blender
def test_things_of_blender_come_back_readable(http):
    assert http.eval("bpy.data.objects['Cube']") == {"$type": "Object", "name": "Cube"}
    assert http.eval("mathutils.Vector((1, 2, 3))") == [1, 2, 3]
    assert http.eval("mathutils.Matrix.Identity(2)") == [[1, 0], [0, 1]]
    assert {"$type": "Material", "name": "Material"} in http.eval("list(bpy.data.materials)")
    assert http.eval("bpy.data.objects['Cube'].dimensions") == pytest.approx([2, 2, 2])


@pytest.mark.every_blender
def test_an_array_is_a_blob_and_the_blob_is_fetched(http):
    told = http.eval("import numpy\nnumpy.arange(60000, dtype='float32').reshape(300, 200)")
    assert (told["dtype"], told["shape"], told["bytes"]) == ("float32", [300, 200], 240000)
    fetched = http.request("GET", "/v1/blobs/" + told["$blob"])
    assert fetched.status == 200
    assert struct.unpack("<60000f", fetched.body) == tuple(float(n) for n in range(60000))
    part = http.request("GET", "/v1/blobs/" + told["$blob"], headers={"Range": "bytes=4-7"})
    assert struct.unpack("<f", part.body) == (1.0,)


def test_bytes_are_a_blob_as_well(http):
    told = http.eval("bytes(range(256)) * 1000")
    assert http.request("GET", "/v1/blobs/" + told["$blob"]).body == bytes(range(256)) * 1000


def test_a_blob_goes_in_with_a_command(stage, http):
    """An argument that is a blob of the hub is refused where it is not known, before anything runs."""
    unknown = {"$blob": "sha256:" + "0" * 64}
    answer = http.ask("object.get", {"name": unknown})
    answer.problem(400, "arguments_invalid")


@pytest.mark.every_blender
def test_output_is_whole_after_success(http):
    outcome = http.code(
        "import sys, logging, warnings\n"
        "print('out', end='')\n"
        "sys.stderr.write('err\\n')\n"
        "logging.getLogger('a.b').warning('logged %d', 7)\n"
        "bpy.ops.object.select_all(action='SELECT')\n"
        "1"
    )
    assert outcome["status"] == "succeeded", outcome
    assert outcome["output"]["stdout"] == "out" and outcome["output"]["stderr"] == "err\n"
    (record,) = [one for one in outcome["output"]["logs"] if one["source"] == "a.b"]
    assert (record["level"], record["text"]) == ("warning", "logged 7")


@pytest.mark.every_blender
def test_output_is_whole_after_an_error(http):
    outcome = http.code(
        "import sys, logging\n"
        "print('out')\n"
        "print('err', file=sys.stderr)\n"
        "logging.getLogger('mine').error('logged')\n"
        "bpy.ops.mesh.primitive_cube_add()\n"
        "bpy.ops.object.mode_set(mode='EDIT')\n"
        "bpy.ops.object.mode_set(mode='OBJECT')\n"
        "bpy.ops.object.join()\n"
        "raise RuntimeError('and then')"
    )
    assert outcome["status"] == "failed"
    assert outcome["output"]["stdout"].startswith("out\n")
    assert outcome["output"]["stderr"] == "err\n"
    assert "logged" in [one["text"] for one in outcome["output"]["logs"]]
    assert any(item["type"] == "object" for item in outcome["changes"]["added"]), outcome["changes"]


@pytest.mark.every_blender
def test_reports_of_operators_are_told(http):
    outcome = http.code("bpy.ops.wm.save_as_mainfile(filepath='/nonexistent-folder/a.blend')")
    assert outcome["status"] == "failed"
    told = outcome["problem"]["message"] + " ".join(one["text"] for one in outcome["output"]["logs"])
    assert "nonexistent-folder" in told, outcome
    # A report that is no error: nothing fails, and it is told nevertheless.
    outcome = http.code(
        "bpy.ops.object.select_all(action='DESELECT')\n"
        "bpy.context.view_layer.objects.active = bpy.data.objects['Cube']\n"
        "bpy.data.objects['Cube'].select_set(True)\n"
        "bpy.ops.object.join()"
    )
    texts = [one["text"] for one in outcome["output"]["logs"]] + [outcome.get("problem", {}).get("message", "")]
    assert any("join" in text.lower() or "mesh" in text.lower() for text in texts), outcome


@pytest.mark.every_blender
def test_the_traceback_is_in_the_callers_own_lines_once(http):
    outcome = http.code("def inner(n):\n    return 1 / n\n\nprint('so far')\ninner(0)\n")
    problem = outcome["problem"]
    assert problem["code"] == "code_raised" and "ZeroDivisionError" in problem["message"]
    traceback = problem["details"]["traceback"]
    assert traceback.count("Traceback (most recent call last)") == 1
    assert "line 5" in traceback and "inner(0)" in traceback
    assert "line 2" in traceback and "return 1 / n" in traceback
    for foreign in ("bridgekit", "kapelle_blender", "exec(", "executor.py"):
        assert foreign not in traceback, traceback
    assert "Traceback" not in outcome["output"]["stderr"] + outcome["output"]["stdout"]


def test_a_function_of_an_earlier_call_has_its_own_lines(http):
    http.code("def broken():\n    # a comment\n    raise KeyError('mine')")
    traceback = http.code("1\n2\nbroken()")["problem"]["details"]["traceback"]
    assert "raise KeyError('mine')" in traceback and "line 3" in traceback and "broken()" in traceback


def test_a_chained_error_is_told_whole(http):
    source = "try:\n    {}['a']\nexcept KeyError as error:\n    raise ValueError('outer') from error"
    traceback = http.code(source)["problem"]["details"]["traceback"]
    assert "KeyError" in traceback and "ValueError: outer" in traceback and "direct cause" in traceback


def test_a_syntax_error_points_at_its_place(http):
    outcome = http.code("x = 1\ny = = 2\n")
    problem = outcome["problem"]
    assert outcome["status"] == "failed" and problem["code"] == "code_syntax"
    assert "2" in str(problem["details"]) + problem["message"]
    assert http.code("x = (1,\n")["problem"]["code"] == "code_syntax"
    assert http.code("print('a\0b')")["problem"]["code"] == "code_syntax"


@pytest.mark.every_blender
def test_names_are_kept_and_can_be_forgotten(http):
    http.eval("mine = 41")
    assert http.eval("mine + 1") == 42
    assert http.code("mine", {"namespace": "other"})["problem"]["code"] == "code_raised"
    http.code("mine = 'other'", {"namespace": "other"})
    assert (http.eval("mine"), http.code("mine", {"namespace": "other"})["value"]) == (41, "other")
    assert "mine" in http.code("mine", {"reset": True})["problem"]["message"]
    assert http.code("mine", {"namespace": "other"})["value"] == "other"
    http.run("code.reset")
    assert http.code("mine", {"namespace": "other"})["status"] == "failed"


def test_each_caller_has_names_of_its_own(stage, http):
    other = stage.caller("coder", "read", "code")
    http.eval("secret = 'owner'")
    assert other.code("secret")["problem"]["code"] == "code_raised"
    other.eval("secret = 'coder'")
    assert (http.eval("secret"), other.eval("secret")) == ("owner", "coder")
    assert other.code("1")["caller"] == "coder"


def test_names_of_deleted_things_raise_and_crash_nothing(http):
    http.eval("cube = bpy.data.objects['Cube']\nNone")
    http.run("object.delete", name="Cube")
    outcome = http.code("cube.location")
    assert outcome["status"] == "failed" and "ReferenceError" in outcome["problem"]["message"]
    assert http.eval("1") == 1


def test_a_large_value_and_a_large_argument(http):
    text = "ä" * 2_000_000
    assert http.eval("text = %r\nlen(text)" % text) == len(text)
    assert http.eval("text") == text
    # What does not fit into a message comes as a blob.
    told = http.eval("'x' * (80 * 1024 * 1024)")
    assert told["bytes"] == 80 * 1024 * 1024 and told["media_type"].startswith("text/plain")
    assert http.request("GET", "/v1/blobs/" + told["$blob"]).body.count(b"x") == told["bytes"]
    assert http.eval("1") == 1


def test_changes_are_told(http):
    changes = http.code("bpy.data.objects['Cube'].location.x = 3\nbpy.data.objects.remove(bpy.data.objects['Light'])")
    changes = changes["changes"]
    assert {"type": "object", "name": "Light"} in changes["removed"]
    assert {"type": "object", "name": "Cube"} in changes["changed"]
    outcome = http.call("object.create", {"kind": "sphere", "name": "Ball"})
    assert {"type": "object", "name": "Ball"} in outcome["changes"]["added"]
    quiet = http.code("1")["changes"]
    assert quiet == {"added": [], "changed": [], "removed": []}


def test_prints_of_other_threads_are_not_the_callers(http):
    outcome = http.code(
        "import threading\n"
        "threads = [threading.Thread(target=print, args=('from a thread',)) for _ in range(20)]\n"
        "[t.start() for t in threads]\n[t.join() for t in threads]\nprint('mine')\n1"
    )
    assert outcome["status"] == "succeeded"
    assert outcome["output"]["stdout"] == "mine\n"
