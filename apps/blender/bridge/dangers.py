# SPDX-License-Identifier: GPL-3.0-or-later
"""What is dangerous in Blender's own API, and what a source calls that this Blender has not: for code.check, and for
the refusal of code that its caller's scopes do not allow (bridgekit/static_check.py, which also says that it is no
sandbox).

In: a source, parsed. Out: rows and findings. Nothing of it runs.
"""

import ast

import bpy

from . import asked, hints, names
from .bridgekit.static_check import Finding

# Like static_check.DANGERS. What a command with the effect `destructive` does is `deleting` in code.
DANGERS = {
    "bpy.data.*.remove": "deleting",
    "bpy.data.batch_remove": "deleting",
    "bpy.data.orphans_purge": "deleting",
    "bpy.ops.object.delete": "deleting",
    "bpy.ops.outliner.delete": "deleting",
    "bpy.ops.outliner.id_delete": "deleting",
    "bpy.ops.outliner.orphans_purge": "deleting",
    "bpy.ops.scene.delete": "deleting",
    "bpy.ops.wm.open_mainfile": "deleting",
    "bpy.ops.wm.revert_mainfile": "deleting",
    "bpy.ops.wm.recover_last_session": "deleting",
    "bpy.ops.wm.recover_auto_save": "deleting",
    "bpy.ops.wm.read_homefile": "deleting",
    "bpy.ops.wm.read_factory_settings": "quitting",
    "bpy.ops.wm.read_userpref": "quitting",
    "bpy.ops.wm.read_factory_userpref": "quitting",
    "bpy.ops.wm.quit_blender": "quitting",
    "bpy.ops.wm.window_close": "quitting",
    "bpy.ops.script.reload": "quitting",
    "bpy.ops.preferences.addon_disable": "quitting",
    "bpy.ops.wm.save_mainfile": "writing",
    "bpy.ops.wm.save_as_mainfile": "writing",
    "bpy.ops.wm.save_homefile": "writing",
    "bpy.ops.wm.save_userpref": "writing",
    "bpy.ops.wm.obj_export": "writing",
    "bpy.ops.wm.stl_export": "writing",
    "bpy.ops.wm.ply_export": "writing",
    "bpy.ops.wm.usd_export": "writing",
    "bpy.ops.wm.fbx_export": "writing",
    "bpy.ops.wm.alembic_export": "writing",
    "bpy.ops.wm.collada_export": "writing",
    "bpy.ops.wm.memory_statistics": "native",
    "bpy.ops.export_scene.**": "writing",
    "bpy.ops.export_mesh.**": "writing",
    "bpy.ops.export_anim.**": "writing",
    "bpy.ops.file.**": "removing",
    "bpy.data.libraries.write": "writing",
    "bpy.ops.wm.url_open": "network",
    "bpy.ops.wm.path_open": "processes",
    "bpy.ops.extensions.**": "installing",
    "bpy.ops.preferences.addon_install": "installing",
    "bpy.ops.preferences.addon_enable": "installing",
    "addon_utils.enable": "installing",
    "bpy.ops.script.python_file_run": "hidden",
    "bpy.ops.text.run_script": "hidden",
    "bpy.utils.execfile": "hidden",
    "_bpy.**": "native",
    "bpy.app.timers.register": "lasting",
    "bpy.utils.register_class": "lasting",
    "bpy.app.handlers.*.append": "lasting",
    "bpy.types.*.draw_handler_add": "lasting",
}


def add(tree, checked):
    """Findings that no single name tells: everything of a kind is deleted."""
    called = {name: line for name, line, _keywords in checked.calls}
    deletes = called.get("bpy.ops.object.delete") or called.get("bpy.ops.outliner.delete")
    for node in ast.walk(tree):
        if deletes and _selects_all(node):
            checked.findings.append(Finding("everything", "bpy.ops.object.select_all … delete", node.lineno))
        if isinstance(node, (ast.For, ast.ListComp, ast.SetComp, ast.GeneratorExp)) and _removes_each(node):
            checked.findings.append(Finding("everything", "a loop that removes", node.lineno))
    if "bpy.data.batch_remove" in called:
        checked.findings.append(Finding("everything", "bpy.data.batch_remove", called["bpy.data.batch_remove"]))
    checked.findings.sort(key=lambda one: one.line)


def missing(checked):
    """What of Blender's API the source calls and this version has not: [{"name", "line", "hint"}]."""
    told, seen = [], set()
    for name, line, keywords in checked.calls:
        if name in seen:
            continue
        parts = name.split(".")
        if parts[:2] == ["bpy", "ops"] and len(parts) == 4:
            told += _of_operator(".".join(parts[2:]), line, keywords)
        elif parts[:2] in (["bpy", "data"], ["bpy", "types"], ["bpy", "utils"], ["bpy", "path"]) and len(parts) > 2:
            told += _of_module(parts[1], parts[2], line)
        seen.add(name)
    return told


def _of_operator(idname, line, keywords):
    known = asked.keywords(idname)
    group, _, name = idname.partition(".")
    if name not in dir(getattr(bpy.ops, group)):
        return [{"name": "bpy.ops." + idname, "line": line, "hint": hints.near_operator(idname)}]
    return [
        {"name": "bpy.ops.%s(%s=…)" % (idname, one), "line": line, "hint": hints.near_keyword(idname, one)}
        for one in keywords
        if one not in known
    ]


def _of_module(module, name, line):
    owner = getattr(bpy, module)
    if name.endswith(("()", "[]")):
        name = name[:-2]
    known = dir(owner)
    if name in known or hasattr(owner, name):
        return []
    return [{"name": "bpy.%s.%s" % (module, name), "line": line, "hint": names.near(name, known)}]


def _selects_all(node):
    if not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "select_all"):
        return False
    actions = [one.value for one in node.keywords if one.arg == "action"]
    return not actions or getattr(actions[0], "value", None) == "SELECT"


def _removes_each(node):
    """`for one in bpy.data.objects: bpy.data.objects.remove(one)`, however it is written, without an `if`."""
    if isinstance(node, ast.For):
        over, body = node.iter, node.body
    else:
        over, body = node.generators[0].iter, [node.elt]
        if node.generators[0].ifs:
            return False
    for statement in body:
        call = getattr(statement, "value", statement)
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "remove":
            collection = ast.unparse(call.func.value).rpartition(".")[2]
            return any(getattr(one, "attr", "") == collection for one in ast.walk(over))
    return False
