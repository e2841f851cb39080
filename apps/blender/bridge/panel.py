# SPDX-License-Identifier: GPL-3.0-or-later
"""Kapelle in the 3D viewport: a tab in the sidebar, and a word in the header while calls run.

In: the pump, through view.py's rows. Out: drawing. `tend` is called in every tick of the pump and asks for a new
drawing when something has changed, at most a few times a second, and only where the tab is open: a tab that nobody
looks at costs nothing. While Blender's main thread runs a call nothing can be drawn; what happened is shown after it.
"""

import time

import bpy

from . import pump, view

# Between two drawings that the bridge asks for, in seconds.
REDRAW_GAP_S = 0.25
# The next call would wait for a drawing, and without a graphics card that is a long one: so what calls have changed is
# drawn once none has come for so long, and in a burst of calls after the second time at the latest, in seconds.
PAUSE_S, BURST_S = 0.15, 1.0
# While a call runs its age and progress are drawn anew after this long, in seconds.
AGE_GAP_S = 0.5
# The header tells of a call for this long after its end, in seconds.
ACTIVE_S = 3.0
# Points that a letter of Blender's own font takes on average, and that the edges of a panel take.
_LETTER_POINTS, _EDGE_POINTS = 6.1, 38.0
_COLUMNS_MIN, _COLUMNS_MAX = 16, 120

HEADINGS = {"running": "Running", "last": "Last calls"}

# What was drawn last, for tests.
LAST_DRAWN = {"count": 0, "lines": [], "buttons": [], "header": "", "question": ""}


class KAPELLE_PT_panel(bpy.types.Panel):
    """One panel and no sub-panels: Blender moves those with an animation, over each other, whenever a row comes."""

    bl_label = "Kapelle"
    bl_idname = "KAPELLE_PT_panel"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Kapelle"

    def draw(self, context):
        _TENDER.drawn += 1
        columns, mine = _columns(context), pump.mine()
        sections = {"connection": view.connection(mine, columns=columns)}
        if mine is not None:
            sections["running"] = view.running(mine, columns)
            sections["last"] = view.last(mine, _TENDER.steps, columns)
        for name, rows in sections.items():
            if name in HEADINGS:
                self.layout.label(text=HEADINGS[name])
            _draw(self.layout.column(align=True), rows)
        LAST_DRAWN["count"] += 1
        shown = [row for rows in sections.values() for row in rows]
        LAST_DRAWN["lines"] = [row.text for row in shown]
        LAST_DRAWN["buttons"] = [row.button[0] for row in shown if row.button is not None]


def register():
    bpy.utils.register_class(KAPELLE_PT_panel)
    bpy.types.VIEW3D_HT_header.append(_draw_header)


def unregister():
    bpy.types.VIEW3D_HT_header.remove(_draw_header)
    bpy.utils.unregister_class(KAPELLE_PT_panel)
    redraw()


def tend(running):
    """For the pump's tick."""
    _TENDER.tend(running, time.monotonic())


def redraw(kinds=("UI", "HEADER")):
    """Asks Blender to draw these regions of every 3D viewport anew."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type in kinds:
                        region.tag_redraw()


class _Tender:
    """When to draw anew. `drawn` counts the drawings of the tab, whoever asked for them."""

    def __init__(self):
        self.drawn = 0
        self.header = ""
        self.steps = {}  # what is known of the last calls' undo steps
        self._due = 0.0
        self._waits_since = None  # what has changed since is not drawn yet
        self._seen = None
        self._asked_at = None  # `drawn` when a drawing was asked for last, None when that led to one

    def tend(self, running, now):
        if now < self._due:
            return
        live = running.executor.live()
        seen = (running.recent.version, running.link.status(), running.host.watch.events)
        changed = seen != self._seen
        if not (changed or live or self.header):
            return
        if changed and not live and self._waits(running, now):
            return
        self._waits_since = None
        self._due = now + (REDRAW_GAP_S if changed or not live else AGE_GAP_S)
        self._seen = seen
        kinds = []
        if (changed or live) and self._looked_at():
            self._asked_at = self.drawn
            self.steps = view.steps(running)
            kinds.append("UI")
        active = live or now - running.recent.last_end < ACTIVE_S
        header = view.activity(running) if active else ""
        if header != self.header:
            self.header = header
            kinds.append("HEADER")
        if kinds:
            redraw(kinds)

    def _waits(self, running, now):
        """Whether a drawing can wait, because a call may follow at once."""
        if self._waits_since is None:
            self._waits_since = now
        return now - running.recent.last_end < PAUSE_S and now - self._waits_since < BURST_S

    def _looked_at(self):
        """Whether the last drawing that was asked for came: it does not where the tab is closed."""
        return self._asked_at is None or self.drawn != self._asked_at


_TENDER = _Tender()


def _draw_header(self, context):
    mine = pump.mine()
    live = mine is not None and mine.executor.live()
    LAST_DRAWN["header"] = text = view.activity(mine) if live else _TENDER.header
    if text:
        self.layout.label(text=text, icon="LINKED")


def _draw(column, rows):
    for row in rows:
        _draw_row(column, row)


def _draw_row(column, row):
    line = column.row(align=True)
    line.alert = row.alert
    only_button = row.button is not None and row.button[2] == row.text
    if row.factor is not None and hasattr(line, "progress"):  # since 4.1
        line.progress(factor=row.factor, text=row.text)
    elif not only_button:
        text = line.row()
        text.active = not row.dim
        text.label(text=row.text, icon=row.icon)
    if row.button is not None:
        operator, icon, text, properties = row.button
        button = line.row(align=True)
        if not only_button:
            button.alignment = "RIGHT"
        placed = button.operator(operator, text=text, icon=icon)
        for name, value in properties.items():
            setattr(placed, name, value)


def _columns(context):
    """How many letters fit into a line of the sidebar."""
    scale = context.preferences.system.ui_scale or 1.0
    room = context.region.width / scale - _EDGE_POINTS
    return int(min(_COLUMNS_MAX, max(_COLUMNS_MIN, room / _LETTER_POINTS)))
