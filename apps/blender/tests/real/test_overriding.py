# SPDX-License-Identifier: MIT OR Apache-2.0
"""Operators under an override of the context, while the hub talks without a pause: Blender up to 5.0 crashed."""

import pytest
from talk import Talk

# Some hundred operators of each way; without our threads at rest each way crashed 3.4 and 4.5 within a second.
UNDER = """
import bpy, time
cube = bpy.data.objects["Cube"]
window = bpy.context.window_manager.windows[0]
ways = {
    "members": lambda: bpy.context.temp_override(active_object=cube, object=cube, selected_objects=[cube]),
    "window": lambda: bpy.context.temp_override(window=window),
}
def once():
    bpy.ops.object.transform_apply(location=True)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.object.mode_set(mode="OBJECT")
end, count = time.monotonic() + 2.0, 0
while time.monotonic() < end:
    for one in ways.values():
        with one():
            once()
        count += 1
    if bpy.app.version < (4, 0):
        context = {"active_object": cube, "object": cube, "selected_objects": [cube]}
        bpy.ops.object.transform_apply(context, location=True)
count
"""


def test_operators_under_an_override_live_beside_our_threads(blender):
    with Talk(blender) as talk:
        assert blender.eval(UNDER) > 20
    assert talk.said > 500
    assert blender.eval("1+1") == 2


def test_what_is_refused_under_one_is_refused_as_before(blender):
    code = "with bpy.context.temp_override(%s):\n    bpy.ops.object.mode_set(mode='POSE')"
    told = blender.code(code % "active_object=None, object=None")
    assert told["status"] == "failed" and "poll() " in told["problem"]["message"], told
    assert blender.eval("1+1") == 2


def test_an_interrupt_under_one_leaves_the_connection_alive(blender):
    call = blender.send(
        "code.run",
        {
            "code": "c = bpy.data.objects['Cube']\nwhile True:\n    with bpy.context.temp_override(object=c):\n"
            "        bpy.ops.object.select_all(action='SELECT')"
        },
        timeout_ms=300,
    )
    assert blender.outcome(call)["status"] == "timed_out"
    for number in range(40):
        call = blender.send(
            "code.run", {"code": "while True:\n    with bpy.context.temp_override(object=None): pass\n"}
        )
        blender.hub.wait("started", id=call)
        blender.cancel(call)
        assert blender.outcome(call)["status"] == "cancelled"
        assert blender.eval("%d + 1" % number) == number + 1


@pytest.mark.parametrize("command", ["object.join", "object.apply"])
def test_our_own_commands_under_one_as_well(blender, command):
    args = {
        "object.join": {"names": ["A", "B"], "into": "A"},
        "object.apply": {"names": ["A", "B"]},
    }[command]
    with Talk(blender):
        for _ in range(15):
            for name in "AB":
                blender.run("object.create", kind="cube", name=name)
            blender.run(command, **args)
            blender.run("object.delete", names=["A"] if command == "object.join" else ["A", "B"])
