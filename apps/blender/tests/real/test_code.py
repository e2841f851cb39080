# SPDX-License-Identifier: MIT OR Apache-2.0
"""code.run in a real Blender: Blender's values as JSON, reports, hints, kept variables."""

import pytest


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1+1", 2),
        ("bpy.data.objects['Cube']", {"$type": "Object", "name": "Cube"}),
        ("[o for o in bpy.data.objects if o.type == 'MESH']", [{"$type": "Object", "name": "Cube"}]),
        ("bpy.data.meshes", [{"$type": "Mesh", "name": "Cube"}]),
        ("mathutils.Vector((1, 2, 3))", [1, 2, 3]),
        ("mathutils.Matrix.Identity(2)", [[1, 0], [0, 1]]),
        ("mathutils.Quaternion((1, 0, 0, 0))", [1, 0, 0, 0]),
        ("mathutils.Color((0, 0.5, 1))", [0, 0.5, 1]),
        ("mathutils.Euler((0, 0, 0))", [0, 0, 0]),
        ("bpy.data.objects['Cube'].color", [1, 1, 1, 1]),
        ("bpy.data.objects['Cube'].lock_location", [False, False, False]),
        ("{'a': bpy.data.objects['Cube'].location}", {"a": [0, 0, 0]}),
        ("bpy.ops.object.select_all(action='SELECT')", ["FINISHED"]),
        ("o = bpy.data.objects.new('x', None); bpy.data.objects.remove(o); o", {"$type": "Object", "removed": True}),
        ("o = bpy.data.objects['Cube']; o['p'] = {'a': [1, 2], 'b': 'c'}; o['p']", {"a": [1, 2], "b": "c"}),
        ("_result = 5", 5),
    ],
)
def test_values(blender, code, value):
    assert blender.eval(code) == value


def test_what_has_no_name_is_told_by_its_path(blender):
    assert blender.eval("bpy.data.meshes['Cube'].vertices[3]")["path"] == "bpy.data.meshes['Cube'].vertices[3]"
    assert blender.eval("bpy.context.scene.render")["$type"] == "RenderSettings"
    assert blender.eval("bpy.context")["$type"] == "Context"


def test_a_long_collection_is_counted(blender):
    told = blender.eval("for i in range(1500): bpy.data.texts.new('t')\nbpy.data.texts")
    assert told["count"] == 1500 and len(told["items"]) == 1000


def test_numpy_arrays_travel_as_blobs(blender):
    blender.run("object.create", kind="sphere", name="Ball")
    code = """
import numpy
m = bpy.data.objects['Ball'].data
a = numpy.empty(len(m.vertices) * 3, dtype=numpy.float32)
m.vertices.foreach_get('co', a)
a.reshape(-1, 3)
"""
    told = blender.eval(code)
    assert told["dtype"] == "float32" and told["shape"][1] == 3
    assert len(blender.hub.blobs[told["$blob"]]) == told["bytes"] == told["shape"][0] * 12


def test_reports_of_operators_are_log_records(blender):
    code = """
class REPORT_OT_it(bpy.types.Operator):
    bl_idname = 'report.it'
    bl_label = 'it'
    def execute(self, context):
        self.report({'INFO'}, 'first')
        self.report({'WARNING'}, 'second')
        print('Info: third')
        return {'FINISHED'}
bpy.utils.register_class(REPORT_OT_it)
try:
    bpy.ops.report.it()
    print('after')
    bpy.ops.object.select_all(action='DESELECT')
    bpy.context.view_layer.objects.active = None
    bpy.ops.object.join()
finally:
    bpy.utils.unregister_class(REPORT_OT_it)
"""
    outcome = blender.code(code)
    logs = [(one["level"], one["text"], one["source"]) for one in outcome["output"]["logs"]]
    assert ("info", "first", "bpy.ops.report.it") in logs and ("warning", "second", "bpy.ops.report.it") in logs
    assert outcome["output"]["stdout"] == "Info: third\nafter\n"


def test_reports_of_a_failing_operator_come_too(blender):
    outcome = blender.code("bpy.ops.wm.open_mainfile(filepath='/nowhere/at/all.blend')")
    assert outcome["status"] == "failed" and "nowhere" in outcome["problem"]["message"]
    assert any(one["level"] == "error" and "nowhere" in one["text"] for one in outcome["output"]["logs"])


def test_prints_logging_and_errors_are_complete_on_failure(blender):
    outcome = blender.code("import logging, sys\nprint('a')\nprint('b', file=sys.stderr)\nlogging.warning('c')\n1/0")
    assert outcome["output"]["stdout"] == "a\n" and "b" in outcome["output"]["stderr"]
    assert any(one["text"] == "c" for one in outcome["output"]["logs"])
    problem = outcome["problem"]
    assert problem["code"] == "code_raised" and problem["details"]["line"] == 5
    assert "kapelle_blender" not in problem["details"]["traceback"]


def test_hints_of_exceptions(blender):
    assert "'Cube'" in blender.problem("code.run", {"code": "bpy.data.objects['Cuve']"})["hint"]
    assert "'Material'" in blender.problem("code.run", {"code": "bpy.data.materials['Matrial']"})["hint"]
    assert "'location'" in blender.problem("code.run", {"code": "bpy.data.objects['Cube'].locaton"})["hint"]
    assert "mode OBJECT" in blender.problem("code.run", {"code": "bpy.ops.mesh.subdivide()"})["hint"]
    gone = "o = bpy.data.objects['Cube']; bpy.data.objects.remove(o); o.name"
    assert "again by its name" in blender.problem("code.run", {"code": gone})["hint"]


def test_hints_for_names_that_other_versions_have(blender):
    version = tuple(int(n) for n in blender.announcement["version"].split("."))
    if version >= (5, 0):
        told = blender.problem("code.run", {"code": "bpy.data.actions.new('a').fcurves"})
        assert "channelbag" in told["hint"]
        told = blender.problem("code.run", {"code": "bpy.context.scene.render.engine = 'BLENDER_EEVEE_NEXT'"})
        assert "BLENDER_EEVEE" in told["hint"]
    if version >= (4, 1):
        told = blender.problem("code.run", {"code": "bpy.data.meshes['Cube'].use_auto_smooth = True"})
        assert "shade_smooth" in told["hint"]
    if version >= (4, 0):
        code = "m = bpy.data.materials['Material']; m.node_tree.nodes['Principled BSDF'].inputs['Emission']"
        assert "Emission Color" in blender.problem("code.run", {"code": code})["hint"]
    if (4, 2) <= version < (5, 0):
        told = blender.problem("code.run", {"code": "bpy.context.scene.render.engine = 'BLENDER_EEVEE'"})
        assert "BLENDER_EEVEE_NEXT" in told["hint"]


def test_variables_last_per_caller_and_namespace(blender):
    blender.eval("x = 1")
    assert blender.eval("x") == 1
    assert blender.code("x", owner="other")["problem"]["code"] == "code_raised"
    blender.eval("x = 2", args={"namespace": "second"})
    assert blender.eval("x") == 1
    assert blender.run("code.reset", namespace="second") == {"reset": "second"}
    assert blender.code("x", args={"namespace": "second"})["status"] == "failed"
    assert blender.eval("x") == 1
    assert blender.run("code.reset") == {"reset": "all"}
    assert blender.code("x")["status"] == "failed"


def test_progress_is_streamed(blender):
    call = blender.send(
        "code.run",
        {"code": "import time\nfor i in range(5):\n    kapelle.progress(i / 5, 'part %d' % i)\n    time.sleep(0.1)"},
    )
    assert blender.hub.wait("progress", id=call)["text"].startswith("part")
    blender.outcome(call)


def test_callers_may_define_classes_that_are_found_again(blender):
    blender.eval("import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int = 1")
    assert blender.eval("P(3)") == {"x": 3}


def test_what_failing_code_changed_can_be_taken_back(blender):
    objects = "sorted(o.name for o in bpy.data.objects)"
    before = blender.eval(objects)
    code = "bpy.ops.mesh.primitive_torus_add()\nbpy.data.objects['Cube'].location.x = 7\n1/0"
    told = blender.call("code.run", {"code": code, "on_error": "undo"})
    assert told["problem"]["details"]["type"] == "ZeroDivisionError"
    assert told["changes"] == {"added": [], "changed": [], "removed": []}, "what was taken back is not told as made"
    assert "were undone" in str(told["output"]["logs"])
    assert blender.eval(objects) == before and blender.eval("bpy.data.objects['Cube'].location.x") == 0.0
    told = blender.call("code.run", {"code": code})
    assert "Torus" in blender.eval(objects), "else it stays"
    ends = "bpy.data.objects['Cube'].name = 'Renamed'\nwhile True: pass"
    told = blender.call("code.run", {"code": ends, "on_error": "undo"}, timeout_ms=300)
    assert told["status"] == "timed_out" and "Cube" in blender.eval(objects)
    told = blender.call("code.run", {"code": code, "on_error": "undo", "undo": "never"})
    assert "could not be undone" in str(told["output"]["logs"])
    assert blender.problem("code.run", {"code": "1", "on_error": "perhaps"})["code"] == "arguments_invalid"
