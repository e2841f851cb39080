# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds names of Blender's API by words. Built when it is first asked for (about half a second), kept, and built
again when types came or went (an add-on was switched on).

In: words. Out: names with a line about each, best first; near names for one that does not exist. See reference.py
for what a name means.
"""

import bisect
import difflib
import math
import re

import bpy

from . import reference

KINDS = ("type", "property", "function", "operator", "node")
# What a word is worth by where it stands; the last part of a name says most.
_LAST, _NAME, _TITLE, _ABOUT = 6.0, 3.0, 3.0, 1.0
# A beginning of a word counts less than the word; that many words at most for one beginning.
_BEGINNING = 0.5
_BEGINNINGS_MAX = 30
# Characters of a description that are indexed and told.
_ABOUT_CHARS = 140
# Where people mostly mean something, and how much more that counts.
_USUAL_OWNERS = frozenset(
    "Object Mesh Scene Material Camera Light World Modifier Collection BlendData BlendDataObjects BlendDataMeshes "
    "BlendDataMaterials Context RenderSettings bpy_struct types ops object mesh".split()
)
_USUAL, _THEME = 1.3, 0.3
_IDLE = frozenset("a an and are by do does for how i in is it me my of on or the to use using what with".split())
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Index:
    """Entries are (kind, name, about)."""

    def __init__(self):
        self.entries = []
        self._found = {}
        self.size = len(dir(bpy.types))
        for name in reference.type_names():
            self._add_type(name)
        for name, described in reference.operators():
            about = "%s. %s" % (described.name, described.description)
            self._add("operator", "bpy.ops." + name, described.name, about)
        for name, about in reference.struct_methods():
            self._add("function", "bpy.types.bpy_struct." + name, "", about)
        self._vocabulary = sorted(self._found)
        self._ends = None

    def search(self, text, kind=None, limit=10):
        """[{"name", "kind", "about"}], best first."""
        scores = {}
        words = [one for one in dict.fromkeys(words_of(text)) if one not in _IDLE] or words_of(text)
        for word in words:
            for number, worth in self._worth(word).items():
                known = scores.get(number)
                scores[number] = (known[0] + worth, known[1] + 1) if known else (worth, 1)
        plain = re.sub(r"[^a-z0-9]", "", text.lower())
        ranked = []
        for number, (worth, hits) in scores.items():
            entry = self.entries[number]
            if kind is not None and entry[0] != kind:
                continue
            last = entry[1].rpartition(".")[2]
            owner = _owner(entry[1])
            worth *= _USUAL if owner in _USUAL_OWNERS else _THEME if owner.startswith("Theme") else 1.0
            exact = 20.0 if re.sub(r"[^a-z0-9]", "", last.lower()) == plain else 0.0
            ranked.append((-(worth * (hits / len(words)) ** 2 + exact), len(entry[1]), number))
        ranked.sort()
        return [
            {"name": name, "kind": its, "about": about}
            for its, name, about in (self.entries[number] for _worth, _length, number in ranked[:limit])
        ]

    def near(self, name, count=5):
        """Names like one that does not exist."""
        if self._ends is None:
            self._ends = {}
            for _kind, full, _about in self.entries:
                self._ends.setdefault(full.rpartition(".")[2].lower(), full)
        last = name.rpartition(".")[2].lower()
        found = reference.within(name)
        found += [self._ends[one] for one in difflib.get_close_matches(last, self._ends, n=count, cutoff=0.7)]
        found += [one["name"] for one in self.search(name.replace(".", " "), limit=count)]
        return list(dict.fromkeys(found))[:count]

    def _add_type(self, name):
        described = reference.rna(name)
        kind = "node" if reference.is_node(name) else "type"
        self._add(kind, "bpy.types." + name, described.name, described.description)
        for one in reference.own(described, "properties"):
            self._add("property", "bpy.types.%s.%s" % (name, one.identifier), one.name, one.description)
        for one in reference.own(described, "functions"):
            if described.identifier == name and not one.is_registered:
                self._add("function", "bpy.types.%s.%s" % (name, one.identifier), "", one.description)

        for one, about in reference.methods(name):
            self._add("function", "bpy.types.%s.%s" % (name, one), "", about)

    def _add(self, kind, name, title, about):
        about = " ".join((about or title or "").split())[:_ABOUT_CHARS]
        number = len(self.entries)
        self.entries.append((kind, name, about))
        weights = {}
        path, _, last = name.rpartition(".")
        for text, worth in ((about, _ABOUT), (title, _TITLE), (path[4:], _NAME), (last, _LAST)):
            for word in words_of(text):
                weights[word] = max(worth, weights.get(word, 0.0))
        for word, worth in weights.items():
            self._found.setdefault(word, {})[number] = worth

    def _worth(self, word):
        """entry -> what this word says for it."""
        told = self._weighted(word, 1.0)
        if len(word) >= 3:
            at = bisect.bisect_left(self._vocabulary, word)
            for one in self._vocabulary[at : at + _BEGINNINGS_MAX]:
                if not one.startswith(word):
                    break
                if one != word:
                    for number, worth in self._weighted(one, _BEGINNING).items():
                        told[number] = max(worth, told.get(number, 0.0))
        if not told:
            for one in difflib.get_close_matches(word, self._vocabulary, n=2, cutoff=0.8):
                told.update(self._weighted(one, _BEGINNING))
        return told

    def _weighted(self, word, part):
        known = self._found.get(word)
        if not known:
            return {}
        rare = math.log(1.0 + len(self.entries) / len(known)) * part
        return {number: worth * rare for number, worth in known.items()}


def words_of(text):
    """The words of a name or sentence: lower case, `useNodes` and `use_nodes` taken apart, a plural's s left out."""
    return [_single(one.lower()) for one in _WORDS.findall(text or "")]


def _single(word):
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _owner(name):
    return name.split(".")[-2]


_kept = []


def index():
    """The index of the running Blender."""
    if not _kept or _kept[0].size != len(dir(bpy.types)):
        _kept[:] = [Index()]
    return _kept[0]
