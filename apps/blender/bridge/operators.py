# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person can press: connect, disconnect, stop a call, take a call back.

In: the pump. Out: a sentence in Blender's report where something could not be done. None of them is an undo step.
"""

import bpy
from bpy.props import BoolProperty, StringProperty

from . import connection, panel, pump
from .bridgekit.problem import Problem

# Characters of a line in the question before more than one step is taken back.
_LINE_CHARS = 80


class KAPELLE_OT_connect(bpy.types.Operator):
    """Connect this Blender to the Kapelle hub on this machine"""

    bl_idname = "kapelle.connect"
    bl_label = "Kapelle: Connect"

    def execute(self, context):
        why = connection.connect()
        panel.redraw()
        if why:
            self.report({"WARNING"}, why)
            return {"CANCELLED"}
        return {"FINISHED"}


class KAPELLE_OT_disconnect(bpy.types.Operator):
    """Disconnect this Blender from the hub. Calls that run are stopped"""

    bl_idname = "kapelle.disconnect"
    bl_label = "Kapelle: Disconnect"

    @classmethod
    def poll(cls, context):
        return pump.mine() is not None

    def execute(self, context):
        connection.disconnect("somebody disconnected it in Blender")
        panel.redraw()
        return {"FINISHED"}


class KAPELLE_OT_stop_call(bpy.types.Operator):
    """Stop this call. What it did until now stays"""

    bl_idname = "kapelle.stop_call"
    bl_label = "Kapelle: Stop Call"
    bl_options = {"INTERNAL"}

    call_id: StringProperty(options={"HIDDEN"})

    def execute(self, context):
        mine = pump.mine()
        if mine is None or not mine.cancel(self.call_id):
            self.report({"INFO"}, "That call has already ended.")
            return {"CANCELLED"}
        panel.redraw()
        return {"FINISHED"}


class KAPELLE_OT_revert_call(bpy.types.Operator):
    """Take back what this call did. Asks before anything that came after it would go with it"""

    bl_idname = "kapelle.revert_call"
    bl_label = "Kapelle: Revert Call"
    bl_options = {"INTERNAL"}

    call_id: StringProperty(options={"HIDDEN"})
    through: BoolProperty(options={"HIDDEN"})
    question: StringProperty(options={"HIDDEN"})

    def execute(self, context):
        mine = pump.mine()
        if mine is None or mine.executor.running is not None:
            self.report({"WARNING"}, "That is not possible while a call is running; use the command history.revert.")
            return {"CANCELLED"}
        try:
            mine.host.history.revert(self.call_id, through=self.through)
        except Problem as problem:
            return self._refused(problem)
        mine.recent.version += 1
        panel.redraw()
        return {"FINISHED"}

    def invoke(self, context, event):
        if not self.through:
            return self.execute(context)
        return context.window_manager.invoke_props_dialog(self, width=500)

    def draw(self, context):
        for line in self.question.splitlines():
            self.layout.label(text=line)
        panel.LAST_DRAWN.update(question=self.question, count=panel.LAST_DRAWN["count"] + 1)

    def _refused(self, problem):
        after = (problem.details or {}).get("after")
        if not after or self.through:
            self.report({"ERROR"}, "%s %s" % (problem.message, problem.hint or ""))
            return {"CANCELLED"}
        lines = ["This came after it and would be undone as well:"] + [_line(one) for one in after]
        if problem.details["count"] > len(after):
            lines.append("and %d more" % (problem.details["count"] - len(after)))
        bpy.ops.kapelle.revert_call("INVOKE_DEFAULT", call_id=self.call_id, through=True, question="\n".join(lines))
        return {"CANCELLED"}


def _line(step):
    if step.get("by") == "artist":
        return "your own: %s" % step["label"]
    return ("%s (%s)" % (step["command"], step["owner"]))[:_LINE_CHARS]


CLASSES = (KAPELLE_OT_connect, KAPELLE_OT_disconnect, KAPELLE_OT_stop_call, KAPELLE_OT_revert_call)


def register():
    for each in CLASSES:
        bpy.utils.register_class(each)


def unregister():
    for each in reversed(CLASSES):
        bpy.utils.unregister_class(each)
