# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kapelle's panel says, as rows of text: put together here without Blender, drawn by panel.py.

In: the pump (or None), a width in characters. Out: lists of `Row`. It asks nothing of Blender and changes nothing.
"""

import os
import re
import textwrap
import time
from collections import namedtuple

from .recent import about

# Last calls shown.
SHOWN_MAX = 6
# A call that took longer than this is told with its time in seconds.
_LONG_MS = 1000.0
# Letters that an icon takes from its row.
_ICON_COLUMNS = 4
# And with a time at all from here on.
_SHORT_MS = 100.0

# A command in a sentence, and a space that no line ends at.
_COMMAND = re.compile(r"(?<=: )kapelle( [a-z]+)+")
_NO_BREAK = "\u00a0"

# Under a title its rows begin where its text does.
UNDER = "BLANK1"

# `button`: (operator, icon, text, properties) or None; `factor` from 0 to 1 where the row is a bar; `dim` for what
# matters less, `alert` for what went wrong.
Row = namedtuple("Row", "text icon button factor dim alert", defaults=("NONE", None, None, False, False))

# Words of the link's reason -> what to do about it.
HINTS = (
    ("no hub is running", "Start the hub in a terminal: kapelle serve. This Blender then connects by itself."),
    ("nothing is listening", "Start the hub in a terminal: kapelle serve. This Blender then connects by itself."),
    ("no bridge token", "Start the hub once, or check the home folder in the add-on's preferences."),
    ("is not a token", "Stop the hub, delete that file and start the hub again: it creates a new one."),
    ("is empty", "Stop the hub, delete that file and start the hub again: it creates a new one."),
    ("does not know the bridge token", "The hub may have been started with another home folder: see the preferences."),
    ("speaks protocol", "The hub and the add-on have different versions. To update: kapelle install blender."),
    ("cannot be read", "Check the permissions of that file; it must belong to you."),
    ("asked this bridge to disconnect", "Press Connect to come back."),
)


def connection(pump, foreign=None, columns=36):
    """Whether this Blender is connected, and why not."""
    if pump is None:
        if foreign:
            return _wrapped("Another copy of Kapelle is running this Blender's bridge: %s." % foreign, columns, "INFO")
        return [
            Row("Not connected", "UNLINKED"),
            Row("Connect", button=("kapelle.connect", "LINKED", "Connect", {})),
        ]
    return _hub(pump, columns) + _direct(pump, columns)


def hint(why):
    """What to do about the link's reason, or an empty text."""
    return next((told for words, told in HINTS if words in why), "")


def running(pump, columns=36):
    """The calls that run or wait, each with a button that ends it."""
    rows = []
    for call in pump.executor.live():
        rows.append(Row(_titled(call.command, about(call), columns - _ICON_COLUMNS), "PLAY"))
        owner = "%s, " % call.owner if call.owner else ""
        rows.append(Row("%srunning for %s" % (owner, _seconds(call.age_ms() / 1000.0)), UNDER, dim=True))
        fraction, text = call.fresh_progress or (None, "")
        if fraction is not None:
            rows.append(Row(("%d %%  %s" % (round(fraction * 100), text)).strip(), UNDER, factor=fraction))
        elif text:
            rows += _wrapped(text, columns, UNDER, dim=True)
        if call.wedged:
            rows += _wrapped("Wedged: it has not reacted to Stop yet.", columns, "ERROR", alert=True)
        elif call.cancelled:
            rows.append(Row("Being stopped …", UNDER))
        else:
            rows.append(_stop(call.id))
    for told in pump.executor.calls()["queued"]:
        owner = " (%s)" % told["owner"] if told["owner"] else ""
        rows += [Row("Waits: %s%s" % (told["command"], owner), "SORTTIME"), _stop(told["id"])]
    return rows or [Row("No call is running", UNDER, dim=True)]


def steps(pump):
    """call id -> what the host's history says of it, for the calls that `last` shows; `here`: it made an undo step of
    the open file."""
    host = pump.host
    mark = (pump.recent.version, host.history.stepped, host.watch.events)
    here = {step["call"] for step in host.undo.steps}
    return {one["call"]: dict(one, here=one["call"] in here) for one in host.history.calls(SHOWN_MAX, mark)}


def last(pump, known, columns=36):
    """The calls that ended last, newest first, with a button that takes one back where that is possible. `known`: from
    `steps`, which must not be asked while Blender draws."""
    rows = []
    for entry in pump.recent.ended()[:SHOWN_MAX]:
        step = known.get(entry["call"], {})
        revert = None
        if step.get("here") and not step["undone"]:
            revert = ("kapelle.revert_call", "LOOP_BACK", "", {"call_id": entry["call"]})
        title = _titled(entry["command"], entry["about"], columns - _ICON_COLUMNS - (_ICON_COLUMNS if revert else 0))
        if entry["count"] > 1:
            title = "%s × %d" % (entry["command"], entry["count"])
        rows.append(Row(title, _icon(entry, step), revert))
        rows.append(Row(", ".join(_about_end(entry, step)), UNDER, dim=True))
        if entry["wedged_s"]:
            text = "Wedged: Blender was stuck for %s." % _seconds(entry["wedged_s"])
            rows += _wrapped(text, columns, UNDER, alert=True)
        elif entry["status"] == "failed" and entry["message"]:
            rows += _wrapped(entry["message"], columns, UNDER, dim=True)[:3]
    return rows or [Row("None yet", dim=True)]


def activity(pump):
    """One line for the viewport's header while calls run or have just run; empty otherwise."""
    live = pump.executor.live()
    if live:
        return "%s: %s" % (live[0].owner or "Kapelle", live[0].command)
    entry = next(iter(pump.recent.ended()), None)
    return "%s: %s" % (entry["owner"] or "Kapelle", entry["command"]) if entry else ""


def _hub(pump, columns):
    if not pump.dials:
        return [
            Row("Not connected to a hub", "UNLINKED"),
            Row("Connect", button=("kapelle.connect", "LINKED", "Connect", {})),
        ]
    status = pump.link.status()
    state = status["state"]
    disconnect = Row("Disconnect", button=("kapelle.disconnect", "UNLINKED", "Disconnect", {}))
    if state == "connected":
        rows = [Row("Connected as %s" % status["instance"], "LINKED")]
        if status["hub"]:
            rows.append(Row("Hub: %s" % status["hub"].replace("http://", ""), UNDER, dim=True))
        owners = list(dict.fromkeys([call.owner for call in pump.executor.live() if call.owner] + pump.recent.owners()))
        if owners:
            rows += _wrapped("Used by: %s" % ", ".join(owners), columns, "USER")
        return [*rows, disconnect]
    why = status["why"] or "not tried yet"
    since = _clock(status["since"])
    give_up = Row("Stop looking", button=("kapelle.disconnect", "UNLINKED", "Stop looking", {}))
    if state == "stopped":
        rows = [Row("Not connected", "UNLINKED"), Row("since %s" % since, UNDER, dim=True)]
        again = Row("Connect", button=("kapelle.connect", "LINKED", "Connect", {}))
    elif state == "refused":
        rows, again = [Row("The hub refused", "ERROR", alert=True)], give_up
    else:
        rows = [Row("Looking for the hub", "SORTTIME"), Row("since %s" % since, UNDER, dim=True)]
        again = give_up
    rows += _wrapped(_sentence(why), columns, dim=True)
    rows += _wrapped(hint(why), columns)
    if state == "stopped":
        return [*rows, again]
    return [*rows, Row("It tries again by itself.", dim=True), again]


def _direct(pump, columns):
    """Whether clients of other add-ons come in by the direct mode."""
    if pump.direct["port"] is not None:
        text = "Direct mode on port %d" % pump.direct["port"]
        open_to = "No token: any program on this machine can run code here."
        return [Row(text, "UNLOCKED"), *_wrapped(open_to, columns, UNDER, dim=True)]
    if pump.direct["why"]:
        return _wrapped(pump.direct["why"], columns, "ERROR", alert=True)
    return []


def _stop(call_id):
    return Row("Stop", button=("kapelle.stop_call", "CANCEL", "Stop", {"call_id": call_id}))


def _icon(entry, step):
    if step.get("undone"):
        return "LOOP_BACK"
    return {"succeeded": "CHECKMARK", "failed": "ERROR"}.get(entry["status"], "CANCEL")


def _about_end(entry, step):
    told = [entry["owner"]] if entry["owner"] else []
    told.append(_clock(entry["ended_at"]))
    if step.get("undone"):
        told.append("reverted")
    elif entry["status"] in ("cancelled", "timed_out"):
        told.append({"cancelled": "stopped", "timed_out": "timed out"}[entry["status"]])
    elif entry["status"] != "succeeded":
        told.append(str(entry["status"]))
    elif entry["duration_ms"] >= _SHORT_MS:
        told.append(_took(entry["duration_ms"]))
    return told


def _took(duration_ms):
    return _seconds(duration_ms / 1000.0) if duration_ms >= _LONG_MS else "%d ms" % duration_ms


def _seconds(seconds):
    if seconds < 100:
        return "%.1f s" % seconds if seconds < 10 else "%.0f s" % seconds
    return "%d min %d s" % divmod(int(seconds), 60)


def _clock(epoch):
    return time.strftime("%H:%M:%S", time.localtime(epoch))


def _titled(command, about, columns):
    """Cut at its end: Blender would take out the middle."""
    text = "%s  %s" % (command, about) if about else command
    return text if len(text) <= max(16, columns) else text[: max(16, columns) - 1] + "…"


def _sentence(text):
    home = os.path.expanduser("~")
    text = text.replace(home + os.sep, "~" + os.sep) if len(home) > 1 else text
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _wrapped(text, columns, icon="NONE", dim=False, alert=False):
    """Blender cuts a label that is too long; so it becomes several. A command for the terminal stays in one piece."""
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)
    room = max(16, columns - (_ICON_COLUMNS + 1 if icon != "NONE" else 0))
    lines = [one.replace(_NO_BREAK, " ") for one in textwrap.wrap(whole, room, break_on_hyphens=False)]
    rows = [Row(line, "BLANK1" if icon != "NONE" else "NONE", dim=dim, alert=alert) for line in lines]
    return [rows[0]._replace(icon=icon), *rows[1:]] if rows else []
