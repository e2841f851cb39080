# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an undo, a redo or a revert is not done, as Problems that say what stands in the way and what to do.

In: steps as history.py lists them, {"by": "call", "call", "command", "owner", "label"} or {"by": "artist", "label"}.
Out: Problems. It decides nothing.
"""

import bpy

from .bridgekit.problem import Problem, argument, command

# Steps and things that a refusal lists; the rest is counted.
LISTED_MAX = 20
_THROUGH = argument("through", True, "--through")
_OTHERWISE = "Change things back with another call, or open a recovery copy (KAPELLE_HOME/recovery)."
_UNDONE = ["To bring it back, as long as nothing else has been done since: ", command("blender", "history.redo")]


def unknown(call_id, last):
    """`last`: ids of the last calls that changed something."""
    return Problem(
        "not_found",
        "No call %s is known to have changed anything in this Blender." % call_id,
        hint="The last that did: %s. history.list shows more." % (", ".join(last) or "none"),
    )


def ambiguous(call_id, ids):
    return Problem(
        "id_ambiguous",
        "%s is the beginning of more than one call." % call_id,
        hint="Type more of it. It could be: %s." % ", ".join(ids[:LISTED_MAX]),
        details={"candidates": ids[:LISTED_MAX]},
    )


def unreachable(call, why):
    return Problem("call_failed", "%s cannot be reverted. %s" % (_named(call), why), hint=_OTHERWISE)


def undone_already(call, can_redo):
    return Problem("call_failed", "%s has already been undone." % _named(call), hint=_UNDONE if can_redo else None)


def too_old(call):
    return Problem(
        "call_failed", "%s is beyond what Blender keeps for undo (%s)." % (_named(call), _depth()), hint=_OTHERWISE
    )


def not_the_last(call, later):
    return Problem(
        "call_failed",
        "%s is not the last change: %d came after it and would be undone with it: %s."
        % (_named(call), len(later), in_words(later)),
        hint=["To undo all of that as well: ", _THROUGH, ". Or change things back with another call."],
        details={"after": later[:LISTED_MAX], "count": len(later)},
    )


def artists(what, listed, mine):
    """`mine`: those of the listed steps that are the artist's."""
    return Problem(
        "call_failed",
        "That would %s %d of the artist's own steps: %s." % (what, len(mine), in_words(mine)),
        hint=["If that is what you want: ", _THROUGH, "."],
        details={"steps": listed[:LISTED_MAX], "count": len(listed)},
    )


def not_yours(what, listed):
    return Problem(
        "forbidden",
        "Without the scope `destructive` a caller may %s only its own calls; this would be %s."
        % (what, in_words(listed)),
        details={"steps": listed[:LISTED_MAX], "count": len(listed)},
    )


def not_whole(what, call, kind, stays):
    """`stays`: what the call changed and its step does not hold."""
    return Problem(
        "call_failed",
        "%s was called in edit mode, and Blender's step (%s) covers only what was edited there: %s would not change."
        % (_named(call), kind, _things(stays)),
        hint=["To %s the rest: " % what, _THROUGH, ". Change these back with another call."],
        details={"stays": stays[:LISTED_MAX]},
    )


def nothing_to_undo(steps):
    return Problem(
        "call_failed",
        _only(steps, "undone", "undo"),
        hint="Blender keeps %s, and none from before the file was opened." % _depth(),
        details={"steps": steps},
    )


def nothing_to_redo(steps):
    return Problem(
        "call_failed",
        _only(steps, "redone", "redo"),
        hint="What was undone can be redone only until something else is done.",
        details={"steps": steps},
    )


def _only(steps, done, do):
    if not steps:
        return "There is nothing to %s." % do
    return "Only %d step%s can be %s." % (steps, "" if steps == 1 else "s", done)


def switched_off():
    return Problem(
        "not_supported",
        "Global Undo is switched off in this Blender's preferences.",
        hint="bpy.context.preferences.edit.use_global_undo = True turns it on for later changes.",
    )


def not_now(why):
    return Problem(
        "call_failed",
        "Not now: %s." % why,
        hint="Try again when it is finished.",
        retryable=True,
    )


def in_doubt():
    return Problem(
        "not_supported",
        "This Blender's undo history cannot be read, so it is unknown whose steps would be undone.",
        hint="Undo in Blender itself, where you can see it, or open a recovery copy (KAPELLE_HOME/recovery).",
    )


def not_done(what, error):
    return Problem("call_failed", "Blender refused to %s: %s" % (what, str(error).strip()))


def elsewhere():
    return Problem(
        "call_failed",
        "Blender did not reach the requested step, and how far it went is unknown.",
        hint="history.list shows which calls have not been undone.",
    )


def in_words(listed):
    """ "object.create (call_7, claude), the artist's 'Move' and 3 more"."""
    words = []
    for one in listed[:LISTED_MAX]:
        if one["by"] == "artist":
            words.append("the artist's %r" % one["label"])
        else:
            words.append("%s (%s)" % (one["command"], ", ".join(filter(None, (one["call"], one["owner"])))))
    return _with_rest(words, listed)


def _things(things):
    return _with_rest(["%s %r" % (one["type"], one["name"]) for one in things[:LISTED_MAX]], things)


def _with_rest(words, everything):
    more = len(everything) - LISTED_MAX
    return ", ".join(words) + (" and %d more" % more if more > 0 else "")


def _named(call):
    return "%s (%s)" % (call["command"], call["call"])


def _depth():
    return "%d steps, preference undo_steps" % bpy.context.preferences.edit.undo_steps
