# SPDX-License-Identifier: GPL-3.0-or-later
"""What of Blender's data lies outside of the folders that a caller may use, and what is done about it.

In: a caller, and the paths that data_paths.py finds. Out: a Problem `path_refused`, or what was left out. Callers with
the scope `code` or `admin` go anywhere and are never asked about. For all others:

- reads and caches outside are refused: before another file is opened, of what an import brought, before an export, a
  render, and a save that would pack them;
- what a render writes beside its picture (File Output nodes) is left out of the render and told: the picture is what
  was asked for;
- what came from a confined child with paths that lead out (the textures' places on their maker's machine) has those
  paths taken away and is told, since the child has read what it may.

Where the kernel confines this process (confined.py), reads outside find nothing: they are told and not refused.
"""

import os

import bpy

from . import confined, data_paths, node_paths, path_rules, paths, plain_names, references, turning, versions
from .bridgekit.problem import Problem
from .path_rules import FOLLOWED, HANDED, OUTPUTS, READS

# Paths that a refusal or a log names.
TOLD_MAX = 20
# Links of a folder of sequences or caches that are looked at.
LINKS_MAX = 10_000
# What exporters write beside their file, but for pictures and films: folders, and files that end so.
_BESIDE = frozenset("textures volumes .mtl .bin .vdb".split())


def refuse(call, places, doing):
    """Raises path_refused where one of the places reads or keeps a cache outside. `doing`: "Opening x"."""
    if paths.may_go_anywhere(call):
        return
    refuse_rows(call, rows_of(places), doing)


def rows_of(places):
    """[{path, by, why}] of what reads or keeps a cache outside; it goes through JSON."""
    return _rows(outside(places, FOLLOWED))


def refuse_rows(call, rows, doing):
    """The same for what was found before, here or by a child."""
    if not rows:
        return
    if not confined.is_confined():
        raise _problem(rows, doing)
    for one in rows:
        call.log("warning", "%s cannot be read: %s." % (one["path"], one["by"]), call.command)


def _rows(found):
    return [{"path": path, "by": place.told(), "why": why} for place, path, why in found[:TOLD_MAX]]


def _problem(rows, doing):
    first = rows[0]
    more = " So do %d more." % (len(rows) - 1) if len(rows) > 1 else ""
    message = "%s was refused: %s refers to %s, which %s.%s" % (doing, first["by"], first["path"], first["why"], more)
    return paths.refused(first["path"], message, paths=[{"path": one["path"], "by": one["by"]} for one in rows])


def outside(places, kinds):
    """[(place, path, why)] of those of these kinds that lead out."""
    found, reading, writing = [], None, None
    for place in places:
        if place.kind in kinds:
            if reading is None:
                reading = paths.Reach(program=True)
                writing = paths.Reach(writing=True)
            told = _why_not(reading if place.kind in (READS, HANDED) else writing, place)
            if told is not None:
                found.append((place, *told))
    return found


def set_by(call, part, change, what):
    """Runs `change()`, which sets something of a part. Raises path_refused where that made it lead out; the caller
    puts it back."""
    if paths.may_go_anywhere(call):
        return change()
    before = {one.text for one in path_rules.uses(part)}
    texts = _texts_of(part)
    made = change()
    if _texts_of(part) != texts:
        before.discard(None)  # what could not be told before may be something else now
    places = [data_paths.Place(part.id_data, part, use) for use in path_rules.uses(part) if use.text not in before]
    _refuse_set(outside(places, (*FOLLOWED, OUTPUTS)), what)
    return made


def _texts_of(part):
    """The texts and the other parts that a part has, by which its paths change."""
    rows = [one.identifier for one in part.bl_rna.properties if one.type in ("STRING", "POINTER")]
    return [getattr(part, one) for one in rows]


def nodes_set_by(call, modifier, change, what):
    """The same for what a modifier hands to its nodes."""
    if paths.may_go_anywhere(call) or modifier.type != "NODES":
        return change()
    before = {one.use.text for one in _handed(modifier)}
    made = change()
    places = [one for one in _handed(modifier) if one.use.text is None or one.use.text not in before]
    _refuse_set(outside(places, FOLLOWED), what)
    return made


def refuse_references(call, format, path):
    """Raises path_refused where a model names files outside; see references.py. Returns what `refuse_changed` takes."""
    if paths.may_go_anywhere(call):
        return {}
    reach = paths.Reach()
    before = _as_they_are([path])
    named = references.of_model(format, path)
    before.update(_as_they_are(named))
    rows = []
    for one in named:
        real = os.path.realpath(one)
        why = reach.why_not(real)
        if why is not None:
            rows.append({"path": real, "by": os.path.basename(path), "why": why})
    if rows:
        raise _problem(rows[:TOLD_MAX], "Importing %s" % path)
    return before


def refuse_changed(before):
    """Raises path_refused where a file is another than the one that was looked through."""
    for path, found in before.items():
        if _as_they_are([path])[path] != found:
            raise paths.refused(path, "%s was changed while it was read." % path)


def refuse_links(call, target):
    """Raises path_refused where an export might write through a link that leads out: beside a file, or into the folders
    of its pictures and volumes."""
    if paths.may_go_anywhere(call):
        return
    reach, folder = paths.Reach(writing=True), os.path.dirname(target)
    written = _BESIDE | plain_names.media()
    for one in (folder, *(os.path.join(folder, name) for name in _BESIDE)):
        for name in os.listdir(one) if os.path.isdir(one) else ():
            path = os.path.join(one, name)
            if os.path.islink(path) and (name in written or os.path.splitext(name)[1].lower() in written):
                real = os.path.realpath(path)
                why = reach.why_not(real)
                if why is not None:
                    raise paths.refused(real, "The link %s leads to %s, which %s." % (path, real, why))


def outputs(call):
    """[{thing, node, path}] of the File Output nodes that a render for this caller leaves out. Says so in the call."""
    if paths.may_go_anywhere(call):
        return []
    found, turns = {}, versions.animates_muting() and turning.may_turn("mute")
    for place, path, why in outside(data_paths.everything(), (OUTPUTS,)):
        if turns:  # it would write there, whether it is muted or not
            raise _problem(_rows([(place, path, why)]), "Rendering")
        if not place.part.mute:
            told = {"thing": _key(place.thing), "node": place.part.name, "path": path}
            if found.setdefault((*told["thing"], told["node"]), told) is told:
                text = "The node %r was left out of the render: it would write to %s, which %s."
                call.log("warning", text % (place.part.name, path, why), call.command)
    return [*found.values()]


def nodes_of(left_out):
    """The nodes that `outputs` told, in this Blender or in one that opened a copy of its file."""
    found = []
    for one in left_out:
        kind, name = one["thing"]
        thing = next((each for each in getattr(bpy.data, kind) if each.name_full == name), None)
        tree = getattr(thing, "node_tree", None) or thing
        node = tree.nodes.get(one["node"]) if tree is not None else None
        if node is None:
            raise Problem("internal", "The node %r that a render leaves out is gone." % one["node"])
        found.append(node)
    return found


def take_away(call, things):
    """Takes the paths that lead out from things that came from a confined child, and says so."""
    for place, path, why in outside(data_paths.of(things), (*FOLLOWED, OUTPUTS)):
        part = place.part
        properties = [one for one in part.bl_rna.properties if path_rules.is_path(one) and not one.is_readonly]
        if not properties or isinstance(part, bpy.types.Library):
            raise _problem(_rows([(place, path, why)]), "This import")
        for one in properties:
            setattr(part, one.identifier, "")
        call.log(
            "warning", "%s was not found in any folder that may be searched: %s." % (place.told(), path), call.command
        )


def _as_they_are(files):
    """{path: what tells a file from another and from its own earlier self}."""
    found = {}
    for path in files:
        try:
            now = os.stat(path)
            found[path] = (now.st_dev, now.st_ino, now.st_size, now.st_ctime_ns)
        except (OSError, ValueError):
            found[path] = None
    return found


def _handed(modifier):
    if modifier.node_group is None:
        return []
    return [
        data_paths.Place(thing, thing, path_rules.Use(HANDED, text, False))
        for thing, text in node_paths.arriving(node_paths.inside(modifier.node_group))
    ]


def _refuse_set(found, what):
    if found:
        raise _problem(_rows(found), "Setting the %s" % what)


def _why_not(reach, place):
    """(path, why) where the place leads out, else None."""
    files = place.files()
    if not files:
        return place.told(), "cannot be known before it is used"
    if place.steps_out:
        return files[0], "is given with '..', and would be somewhere else for a copy of the file"
    for path in files:
        real = os.path.realpath(path)
        why = reach.why_not(real)
        if why is None and place.use.several:
            real, why = _link_out(reach, real)
        if why is None and place.kind == READS and references.is_playlist(real):
            why = "is a list of other files"
        if why is not None:
            return real, why
    return None


def _link_out(reach, path):
    """(file, why) of a link that leads out, in the folder of a sequence or in a cache; (path, None) without one."""
    top = path if os.path.isdir(path) else os.path.dirname(path)
    looked = 0
    for folder, folders, names in os.walk(top):
        for name in folders + names:
            looked += 1
            one = os.path.join(folder, name)
            if os.path.islink(one):
                real = os.path.realpath(one)
                why = reach.why_not(real)
                if why is not None:
                    return real, why
        if top != path or looked > LINKS_MAX:
            folders[:] = []
        if looked > LINKS_MAX:
            return path, "is one of more files than are checked"
    return path, None


def _key(thing):
    """Where a thing is in the file: [collection, name]."""
    return ["scenes" if isinstance(thing, bpy.types.Scene) else "node_groups", thing.name_full]
