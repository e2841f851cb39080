# SPDX-License-Identifier: GPL-3.0-or-later
"""Which call made which undo step, and the way back: undo, redo, revert one call.

In: `note` for each call that changed something; Blender's own undo history, in which the artist's steps stand among
ours (undo_stack.py). Out: `calls` for a list, and `undo`, `redo`, `revert`, which say what they took back, or raise a
Problem that lists what stands in the way. Where the history cannot be read they refuse: nobody's work is undone on a
guess.

States of a call: standing -> undone -> standing (redo), or undone -> gone (something else was done since), or
standing -> out of reach (another file, or past Blender's depth). A call without a step was never revertible; `why` says
why. It runs on the main thread.
"""

import time
from collections import deque

import bpy

from . import refusals, undo, undo_stack
from .guards import quietly
from .undo import BASE, a_window, number_of

# Calls remembered: as many as Blender keeps steps at most, and as a person would scroll through.
CALLS_MAX = 256
# Steps that one undo or redo takes: Blender's own bound of its history.
STEPS_MAX = 256
# Operators of a window that hold things in hand; an undo underneath them leaves Blender with what is gone.
_IN_HAND = ("TRANSFORM_OT_", "SCULPT_OT_", "PAINT_OT_", "MESH_OT_", "GPENCIL_OT_", "GREASE_PENCIL_OT_", "NODE_OT_")
# In place of an id.
LAST = "last"
# What Blender calls a step that holds all of the file; others hold what one mode edits.
WHOLE = "Global Undo"
# What Blender's or our first step of a file is called: while it is there, nothing has gone past the depth.
_FIRST = (BASE, "Original", "original")
_ANOTHER_FILE = "Another file has been opened since, which cleared Blender's undo history."
_NO_STEP = "It made no undo step."


class Done:
    """One call that changed something."""

    def __init__(self, call, status, label, changes, epoch, why):
        self.call = call.id
        self.command = call.command
        self.owner = call.owner
        self.owner_id = call.owner_id
        self.label = label  # of its step, or None
        self.ended_at = time.time()
        self.status = status
        self.changes = changes
        self.epoch = epoch
        self.undone = False
        self.why = why  # why it has no step
        self.outside = _outside_of_mode(changes)

    def told(self):
        return {
            "by": "call",
            "call": self.call,
            "command": self.command,
            "owner": self.owner,
            "label": self.label,
        }


class History:
    """`undo` pushes the steps (undo.py)."""

    def __init__(self, undo):
        self._undo = undo
        self._done = deque(maxlen=CALLS_MAX)  # oldest first
        self._epoch = 0  # counts the files that were opened
        self._seen = None  # (mark, Stack): the last reading, for a list that is asked for often
        self.stepped = 0  # counts undos and redos, whoever did them
        self._unmarked = False  # Blender stepped, and it was not looked which calls stand now
        self.expected = None  # (type, name) of what the last step touched, if all of it is known

    def note(self, call, status, label, changes, why=None):
        """A call ended that changed something; `label` is that of its step, or None with the reason."""
        self._done.append(Done(call, status, label, changes, self._epoch, why))
        self._seen = None

    def loaded(self):
        """Another file is open."""
        self._epoch += 1
        self._seen = None
        self._unmarked = False

    def moved(self):
        """Blender went back or forth in its history, whoever wanted it. Only noted: `settle` looks."""
        self.stepped += 1
        self._unmarked = True
        self._seen = None

    def settle(self):
        """Looks which calls stand, if Blender stepped. Not inside Blender's own handlers or drawing."""
        if self._unmarked and self._undo.has_begun:
            self._read()

    def calls(self, limit=20, mark=None):
        """The last calls that changed something, newest first: {"call", "command", "owner", "label", "ended_at",
        "status", "undone", "can_revert"}. `can_revert`: `revert` would do it without `through`. With a `mark` the
        history is read again only when that has changed. Not while Blender draws."""
        known = mark is not None and self._seen is not None and self._seen[0] == mark
        stack = self._seen[1] if known else self._read(mark)
        told = []
        for done in list(self._done)[: -limit - 1 : -1] if limit > 0 else []:
            one = done.told()
            del one["by"]
            one.update(ended_at=done.ended_at, status=done.status, undone=done.undone)
            one["can_revert"] = stack is not None and self._is_on_top(done, stack)
            told.append(one)
        return told

    def artist_steps(self):
        """Labels of the steps in reach that are not ours, newest first; None where that cannot be known."""
        stack = self._read()
        if stack is None:
            return None
        return [
            step.label for at, step in enumerate(stack.steps[: stack.active + 1]) if at and not self._call_of(step)
        ][::-1]

    def undo(self, steps=1, through=False, only=None):
        """Takes the last steps back. Without `through` it stops before a step of the artist's, and with `only` (an
        `owner_id`) before that of anybody else. Returns {"undone": […], newest first, "stays": […]}."""
        stack = self._known("undo")
        at = self._below(stack, steps)
        self._allowed(stack.steps[at + 1 : stack.active + 1], through, only, "undo")
        return self._go(stack, at, "undo", "undone")

    def redo(self, steps=1, through=False, only=None):
        """The way forth again, as far as nothing else was done since. Returns {"redone": […], oldest first,
        "stays": […]}."""
        stack = self._known("redo")
        at = stack.active
        for taken in range(min(steps, STEPS_MAX)):
            at = next((n for n in range(at + 1, len(stack.steps)) if not stack.steps[n].hidden), None)
            if at is None:
                raise refusals.nothing_to_redo(taken)
        self._allowed(stack.steps[stack.active + 1 : at + 1], through, only, "redo")
        return self._go(stack, at, "redo", "redone")

    def revert(self, call_id, through=False, only=None):
        """Takes one call back; LAST stands for the latest that can be, of `only` if given. When something came after
        it, only with `through`, and then that goes as well. Returns {"reverted": call, "undone": […], newest first,
        "stays": […]}."""
        done = self._wanted(call_id, only)
        if done is None:
            raise refusals.unknown(call_id, [one["call"] for one in self.calls(5)])
        if only is not None and done.owner_id != only:
            raise refusals.not_yours("revert", [done.told()])
        stack = self._known("revert")
        at = self._place(done, stack)
        below = at - 1
        while below > 0 and stack.steps[below].hidden:
            below -= 1
        later = self._listed(stack.steps[at + 1 : stack.active + 1])
        if later and not through:
            raise refusals.not_the_last(done.told(), later)
        self._allowed(stack.steps[at : stack.active + 1], through, only, "revert")
        return dict(self._go(stack, below, "revert", "undone"), reverted=done.call)

    # --- where a call stands ---

    def _wanted(self, call_id, only):
        for done in reversed(self._done):
            if done.call == call_id or (call_id == LAST and self._may_stand(done) and only in (None, done.owner_id)):
                return done
        # The beginning of an id, with or without `call_`.
        begin = call_id if call_id.startswith("call_") else "call_" + call_id
        like = {done.call: done for done in self._done if done.call.upper().startswith(begin.upper())}
        if len(like) > 1:
            raise refusals.ambiguous(call_id, sorted(like))
        return next(iter(like.values()), None) if len(call_id) > 1 else None

    def _place(self, done, stack):
        """The index of its step, which can be undone. Raises a Problem that says why it cannot."""
        if done.label is None:
            raise refusals.unreachable(done.told(), done.why or _NO_STEP)
        if done.epoch != self._epoch:
            raise refusals.unreachable(done.told(), _ANOTHER_FILE)
        at = _find(stack, done.label)
        if done.undone or at > stack.active:
            raise refusals.undone_already(done.told(), at > 0)
        if at < 1:
            raise refusals.too_old(done.told())
        return at

    def _may_stand(self, done):
        return done.label is not None and done.epoch == self._epoch and not done.undone

    def _is_on_top(self, done, stack):
        if not self._may_stand(done):
            return False
        at = _find(stack, done.label)
        return 0 < at <= stack.active and not self._listed(stack.steps[at + 1 : stack.active + 1])

    def _below(self, stack, steps):
        """The index that lies so many steps below the active one."""
        at, taken = stack.active, 0
        while taken < min(steps, STEPS_MAX):
            at -= 1
            while at > 0 and stack.steps[at].hidden:
                at -= 1
            if at < 0:
                raise refusals.nothing_to_undo(taken)
            taken += 1
        return at

    def _allowed(self, steps, through, only, what):
        """Raises a Problem where these steps may not be taken."""
        listed = self._listed(steps)
        mine = [one for one in listed if one["by"] == "artist"]
        if not through:
            self._whole(steps, what)
            if mine:
                raise refusals.artists(what, listed, mine)
        others = self._listed(steps, but=only) if only is not None else []
        if others:
            raise refusals.not_yours(what, others)

    def _whole(self, steps, what):
        """Raises a Problem where a step does not hold all that its call changed."""
        for step in steps:
            stays = self._stays([step])
            if stays:
                raise refusals.not_whole(what, self._call_of(step).told(), step.kind, stays)

    def _stays(self, steps):
        """What the calls of these steps changed and the steps do not hold."""
        told = []
        for step in steps:
            done = self._calls_of(step) if step.kind != WHOLE else []
            told += [thing for one in done for thing in one.outside if thing not in told]
        return told

    # --- reading and going ---

    def _read(self, mark=None):
        """The Stack, with each call marked as it says; None where it cannot be read."""
        stack = undo_stack.read(undo.BASE) if self._undo.has_begun else None
        self._seen = (mark, stack)
        if stack is not None:
            self._unmarked = False
            self._mark(stack)
        return stack

    def _known(self, what):
        """The Stack, or the Problem that says why nothing can be undone."""
        if not bpy.context.preferences.edit.use_global_undo:
            raise refusals.switched_off()
        busy = _busy()
        if busy:
            raise refusals.not_now(busy)
        if not self._undo.has_begun:
            raise refusals.nothing_to_redo(0) if what == "redo" else refusals.nothing_to_undo(0)
        stack = self._read()
        if stack is None or stack.active < 0:
            raise refusals.in_doubt()
        return stack

    def _go(self, stack, at, what, name):
        """To that step. Returns under `name` what was passed on the way, and what of it `stays` as it was. Reads again
        to see that it is so."""
        forth = at > stack.active
        passed = stack.steps[stack.active + 1 : at + 1] if forth else stack.steps[at + 1 : stack.active + 1][::-1]
        told = {name: self._listed(passed), "stays": self._stays(passed)}
        self.expected = self._touched(passed)
        try:
            with a_window():
                quietly(bpy.ops.ed.undo_history, item=stack.first + at)
        except RuntimeError as error:
            raise refusals.not_done(what, error) from None
        now = self._read()
        if now is None or now.active != at:
            raise refusals.elsewhere()
        return told

    def _mark(self, stack):
        """Says of each call of this file whether it stands. One that is not in the history was undone and overwritten
        if something older is there still; else it is past the depth, and stays what it was."""
        places = {step.label: at for at, step in enumerate(stack.steps)}
        older_is_there = bool(stack.steps) and stack.steps[0].label in _FIRST
        for done in self._done:
            if done.label is None or done.epoch != self._epoch:
                continue
            at = places.get(done.label)
            if at is not None:
                done.undone = at > stack.active
                older_is_there = True
            elif older_is_there:
                done.undone = True

    def _touched(self, steps):
        """(type, name) of all that these steps changed, or None where one of them is not a call's."""
        things = set()
        for step in steps:
            done = self._calls_of(step)
            if not done or any(one.changes is None for one in done):
                return None
            for kind in ("added", "changed", "removed"):
                things.update((one["type"], one["name"]) for call in done for one in call.changes[kind])
        return things

    def _call_of(self, step):
        if number_of(step.label) is None:
            return None
        return next((one for one in reversed(self._done) if one.label == step.label), None)

    def _calls_of(self, step):
        """The calls of that step, newest first: several where they were one group."""
        if number_of(step.label) is None:
            return []
        return [one for one in reversed(self._done) if one.label == step.label]

    def _listed(self, steps, but=None):
        """What these steps are, without those that Blender passes over, and without the calls of one `owner_id`."""
        told = []
        for step in steps:
            done = self._calls_of(step)
            if done:
                told += [one.told() for one in done if but is None or one.owner_id != but]
            elif step.label == BASE or step.hidden:
                continue
            else:
                told.append({"label": step.label, "by": "artist"})
        return told


def _find(stack, label):
    """The index of our step of that label, -1 when it is not there."""
    return next((at for at in range(len(stack.steps) - 1, -1, -1) if stack.steps[at].label == label), -1)


def _outside_of_mode(changes):
    """What of these changes is not the object that is being edited, nor its data. Nothing in object mode."""
    if not changes or bpy.context.mode == "OBJECT":
        return []
    inside = set()
    for one in bpy.context.objects_in_mode:
        inside.add(("object", one.name))
        if one.data is not None:
            inside.add(one.data.name)
    told = [one for kind in ("added", "changed", "removed") for one in changes[kind]]
    return [one for one in told if (one["type"], one["name"]) not in inside and one["name"] not in inside]


def _busy():
    """What an undo would break, or None: a job that it would end, or what a person has in hand (told since 4.2)."""
    for job, name in (("RENDER", "a render"), ("OBJECT_BAKE", "a bake")):
        if bpy.app.is_job_running(job):
            return "%s is running, and this would stop it" % name
    for window in bpy.context.window_manager.windows:
        for one in getattr(window, "modal_operators", ()):
            if one.bl_idname.startswith(_IN_HAND):
                return "the artist is in the middle of %s" % one.name
    return None
