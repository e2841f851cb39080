# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Python that lies in the open data may run, and for whom.

Blender has one switch for it, and it lasts as long as the process: who opens a file with its scripts, starts Blender
with them or sets the preference turns it on for everybody. So each call of a caller without the scope `code` runs
with the switch off, except in a file that was itself opened with its scripts; and what such a caller imports has no
Python that could run, then or later, whoever turns the switch on: its drivers are muted, its text blocks are not
registered at the next opening, its script nodes are muted, and it links to no other file.

In: `Switch.before` and `after` around each call; `foreign` around an import. Out: a warning in the call's logs for
what was switched off; the Problem `forbidden`. The switch itself can only be set, not read: writing the preference
sets it, on every version, as opening a file does. In a window, a file that the artist opened keeps what the artist
chose: that Blender is theirs.

Names in `bpy.app.driver_namespace` are looked up by drivers also where scripts are off (3.4 to 5.2), even in place of
Blender's own `sin`: so an imported driver stays on only where Blender computes it without Python, or where it is
arithmetic on its own variables (arithmetic.py).
"""

import re
import sys
from contextlib import contextmanager, suppress

import bpy

from . import arithmetic, data_paths, path_rules, paths, versions
from .bridgekit.problem import Problem

# Things that a warning names at most; an imported rig can have hundreds of drivers.
TOLD_MAX = 8
# Numbers that Blender's own namespace has, and which drivers use by name.
_NUMBERS = frozenset(("frame", "pi", "e", "tau", "inf", "nan"))
# Where animation leads that turns a muted driver on, or, in Blenders that animate it, a muted node.
_TURNS = re.compile(r"animation_data|\bnodes\[.*\]\.mute$" if versions.animates_muting() else "animation_data")


class Switch:
    """The switch of this process. `trusted`: the open file was opened with its scripts; None where an artist opened
    it, and what was chosen is not known."""

    def __init__(self, trusted=None):
        self.trusted = trusted if trusted is not None else started_with_scripts(sys.argv) or _unknown()
        self._wanted = None  # of the file that is being opened by a call: its scripts, or None
        self._restore = False

    def opening(self, scripts):
        """A call opens a file; `scripts` as it said, or None where it did not say."""
        kept = self.trusted or _preferences().use_scripts_auto_execute
        self._wanted = bool(kept if scripts is None else scripts)

    def loaded(self):
        """Another file is open."""
        wanted, self._wanted = self._wanted, None
        self.trusted = wanted if wanted is not None else _unknown()

    def started_anew(self):
        """The open file is a fresh one: the switch is as the preferences say, and nothing in it is trusted."""
        self.trusted = False
        _set(_preferences().use_scripts_auto_execute)

    def before(self, call):
        """Turns it off for a caller who may not run code. Raises Problem `forbidden`."""
        self._wanted = None
        if paths.may_go_anywhere(call) or self.trusted:
            return
        if call.command.startswith("render."):
            refuse_to_draw(bpy.data.scenes)
        if self.trusted is False:
            self._restore = _preferences().use_scripts_auto_execute
            _set(False)

    def after(self):
        """Puts it back."""
        if self._restore:
            self._restore = False
            _set(True)

    def allows(self, call):
        """Whether a process that renders for this call may run what lies in the file."""
        return bool(self.trusted) or (paths.may_go_anywhere(call) and _preferences().use_scripts_auto_execute)

    @contextmanager
    def foreign(self, call):
        """Around an import. Gives a function that switches off what has come until now; it also runs at the end."""
        kept = data_paths.pointers()
        told = _Told()
        anything = paths.may_go_anywhere(call) and self.allows(call)

        def settle():
            if not anything:
                _settle(call, lambda: data_paths.since(kept), told)

        try:
            yield settle
        finally:
            settle()
            told.warn(call)


def started_with_scripts(argv):
    """Whether Blender, or boot.py in a Python with the wheel, was started to run what lies in files."""
    if not bpy.app.binary_path:
        return "--scripts" in argv
    own = argv[: argv.index("--")] if "--" in argv else argv
    said = [one for one in own if one in ("-y", "-Y", "--enable-autoexec", "--disable-autoexec")]
    return bool(said) and said[-1] in ("-y", "--enable-autoexec")


def refuse_to_draw(scenes):
    """Raises Problem `forbidden` where a render would run the Python of Freestyle, which older versions do not ask the
    switch about: 3.4 runs it, 4.5 does not."""
    if versions.asks_before_freestyle():
        return
    for scene in scenes:
        for layer in scene.view_layers if scene.render.use_freestyle else ():
            settings = layer.freestyle_settings
            if len(settings.modules):  # whether they are used may be animated
                raise Problem(
                    "forbidden",
                    "The scene %r draws lines with Python (Freestyle), and scripts in this file may not run."
                    % scene.name,
                    hint="Remove Freestyle's modules from its view layer %r, or ask as a caller with the scope `code`."
                    % layer.name,
                )


def runs_python(driver):
    """Whether evaluating this driver could run any Python but Blender's own arithmetic."""
    if driver.type != "SCRIPTED" or driver.is_simple_expression:
        return False
    if driver.use_self:
        return True
    names = bpy.app.driver_namespace
    known = {one for one in _NUMBERS if type(names.get(one, 0.0)) is float}
    known.update(one.name for one in driver.variables if _is_number(one))
    return not arithmetic.is_arithmetic(driver.expression, known)


def _is_number(variable):
    """Whether a variable of a driver is a number: one that reads a property may as well be a text or a thing."""
    if variable.type not in ("SINGLE_PROP", "CONTEXT_PROP"):
        return True
    target = variable.targets[0]
    holder = target.id
    if variable.type == "CONTEXT_PROP":
        context = bpy.context
        holder = context.scene if target.context_property == "ACTIVE_SCENE" else context.view_layer
    try:
        return type(holder.path_resolve(target.data_path)) in (bool, int, float)
    except (AttributeError, ValueError):  # no holder, or nothing there
        return False


class _Told:
    """What was switched off, for one warning."""

    def __init__(self):
        self.found = {}

    def add(self, what, name):
        self.found.setdefault(what, []).append(name)

    def warn(self, call):
        for what, named in self.found.items():
            names = list(dict.fromkeys(named))
            more = " and %d more" % (len(names) - TOLD_MAX) if len(names) > TOLD_MAX else ""
            call.log("warning", "%s: %s%s." % (what, ", ".join(names[:TOLD_MAX]), more), "scripts")


def _settle(call, fresh, told):
    """Switches off what lies in the things that `fresh()` gives."""
    _still_all(fresh(), told)
    if paths.may_go_anywhere(call):
        return  # what is linked stays linked: such a caller could link it by code
    linked = _linked(fresh())
    while linked:
        for one in linked:
            with suppress(ReferenceError):  # gone with another one that was made local
                one.make_local()
        _still_all(fresh(), told)
        left = _linked(fresh())
        if len(left) >= len(linked):
            raise _links_out(fresh(), left)
        linked = left


def _links_out(fresh, linked):
    """The Problem `forbidden`; what was imported is taken out again."""
    files = sorted({one.library.filepath for one in linked})
    bpy.data.batch_remove(fresh)
    return Problem(
        "forbidden",
        "What was imported links to other files and could not be made local: %s." % ", ".join(files[:TOLD_MAX]),
        hint="Make everything local in that file first, or ask as a caller with the scope `code`.",
    )


def _linked(several):
    return [one for one in several if one.library is not None]


def _still_all(several, told):
    for one in several:
        for part in (one, getattr(one, "node_tree", None)):
            if part is not None:
                _still(part, one.name, told)


def _still(part, name, told):
    data = getattr(part, "animation_data", None)
    homes = versions.homes_of_curves(part) if isinstance(part, bpy.types.Action) else []
    if data is not None:
        homes.append(data.drivers)
    for home in homes:
        for curve in [one for one in home if _TURNS.search(one.data_path)]:
            home.remove(curve)
            told.add("Animation that could turn scripts on was removed from what was imported", name)
    for curve in data.drivers if data is not None else ():
        if not curve.mute and runs_python(curve.driver):
            curve.mute = True
            told.add("Drivers with Python were muted in what was imported", "%s %s" % (name, curve.data_path))
    if isinstance(part, bpy.types.Text) and part.use_module:
        part.use_module = False
        told.add("Texts that would run when the file is opened were switched off", name)
    if isinstance(part, bpy.types.NodeTree):
        for node in part.nodes:
            if node.bl_idname == "ShaderNodeScript" and not node.mute:
                node.mute = True
                told.add("Script nodes were muted in what was imported", "%s %s" % (name, node.name))
    if isinstance(part, bpy.types.Camera) and path_rules.has_program(part):
        for one in path_rules.CAMERA_PROGRAM:  # whether it is used may be animated
            setattr(part, one, None if one == "custom_shader" else "")
        told.add("Programs of cameras were removed from what was imported", name)


def _unknown():
    """What is known of a file that no call opened: in background nobody but our callers opens any."""
    return False if bpy.app.background else None


def _preferences():
    return bpy.context.preferences.filepaths


def _set(on):
    """Sets the preference, and with it the switch. That alone is no change that Blender should save at its end."""
    preferences = bpy.context.preferences
    dirty = preferences.is_dirty
    preferences.filepaths.use_scripts_auto_execute = on
    preferences.is_dirty = dirty
