# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed from one revision of the open file to the next, and through whom. Bounded.

In: `add` for each new revision, with its changes in the form of an outcome. Out: `since(revision)`, those of all later
ones in one: what was added and removed again is not in it. It knows no bpy.
"""

from collections import deque

# Revisions kept: an agent that looks once a minute misses none at fifteen a second.
KEPT_MAX = 1000
# Things kept of one revision and kind (added, changed, removed); the outcome of the call had more.
THINGS_MAX = 100
# Things told at once of one kind.
TOLD_MAX = 500
# Callers told of one answer.
BY_MAX = 20
ARTIST = "artist"


class Revisions:
    def __init__(self):
        self.number = 0
        self._kept = deque(maxlen=KEPT_MAX)  # (number, by, changes)

    def add(self, by, changes):
        """A new revision; `by` is the id of a call or ARTIST. Returns its number."""
        self.number += 1
        kept = {kind: list((changes or {}).get(kind, ()))[: THINGS_MAX + 1] for kind in ("added", "changed", "removed")}
        self._kept.append((self.number, by, kept))
        return self.number

    def since(self, revision):
        """{"since", "revision", "added", "changed", "removed", "by": the last one's, "all": […] who took part,
        "complete": False when revisions that old are not kept}."""
        later = [entry for entry in self._kept if entry[0] > revision]
        first = self._kept[0][0] if self._kept else self.number + 1
        merged = _merge(changes for _number, _by, changes in later)
        by = []
        for _number, who, _changes in reversed(later):
            if who not in by and len(by) < BY_MAX:
                by.append(who)
        told = {kind: _bounded(merged[kind]) for kind in ("added", "changed", "removed")}
        told.update(
            since=revision,
            revision=self.number,
            by=by[0] if by else None,
            all=by,
            complete=revision + 1 >= first and revision <= self.number,
        )
        return told


def _merge(many):
    """One set of changes out of several, one after the other."""
    added, changed, removed = {}, {}, {}
    for changes in many:
        for thing in changes["removed"]:
            key = _key(thing)
            changed.pop(key, None)
            if added.pop(key, None) is None:
                removed[key] = thing
        for thing in changes["added"]:
            key = _key(thing)
            if removed.pop(key, None) is not None:
                changed[key] = thing
            else:
                added[key] = thing
        for thing in changes["changed"]:
            _change(thing, added, changed)
    return {"added": list(added.values()), "changed": list(changed.values()), "removed": list(removed.values())}


def _change(thing, added, changed):
    key, was = _key(thing), thing.get("was")
    if was is not None:
        old = (thing["type"], was)
        if added.pop(old, None) is not None:
            added[key] = {"type": thing["type"], "name": thing["name"]}
            return
        earlier = changed.pop(old, None)
        if earlier is not None:
            thing = dict(thing, was=earlier.get("was", was))
    if key not in added:
        changed[key] = dict(changed.get(key, {}), **thing)


def _key(thing):
    return (thing["type"], thing["name"])


def _bounded(things):
    if len(things) <= TOLD_MAX:
        return things
    return things[:TOLD_MAX] + [{"type": "more", "name": "%d more" % (len(things) - TOLD_MAX)}]
