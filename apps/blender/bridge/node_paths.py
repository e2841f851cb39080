# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths that arrive at nodes which read files: geometry nodes that import.

In: node trees. Out: (thing, text) of every text that may arrive at such a node, from its own socket or through links,
groups and modifiers, with None for a text that is made up on the way (joined, cut, looked up), so that nobody can tell
it. Nothing is evaluated.
"""

import bpy

from . import versions

_PATH_SOCKET = "NodeSocketStringFilePath"
_GROUPS = ("GROUP", "GROUP_INPUT", "GROUP_OUTPUT")
_HOLDS_GROUP = frozenset(("GeometryNodeGroup", "ShaderNodeGroup", "CompositorNodeGroup", "TextureNodeGroup"))
# Nodes that hand on one of their texts as it is.
_CHOOSES = ("GeometryNodeSwitch", "GeometryNodeIndexSwitch", "GeometryNodeMenuSwitch")
# Type of a node -> whether one of its inputs is a path. Types do not change.
_readers = {}


def arriving(trees):
    """[(thing, text or None)] for these trees."""
    trace = _Trace()
    for tree in trees:
        for node in tree.nodes:
            kind = node.bl_idname
            if _readers.get(kind, True) and _reads_files(node, kind):
                for socket in node.inputs:
                    if socket.bl_idname == _PATH_SOCKET:
                        trace.socket(tree, socket)
    return trace.found


def inside(tree):
    """The tree and all groups in it."""
    found, waiting = {}, [tree]
    while waiting:
        one = waiting.pop()
        if one.name_full in found:
            continue
        found[one.name_full] = one
        for node in one.nodes:
            if node.bl_idname in _HOLDS_GROUP and node.node_tree is not None:
                waiting.append(node.node_tree)
    return [*found.values()]


def _reads_files(node, kind):
    if kind not in _readers:
        is_group = kind in _HOLDS_GROUP or node.type in _GROUPS  # its sockets are its group's, which has the readers
        _readers[kind] = not is_group and any(one.bl_idname == _PATH_SOCKET for one in node.inputs)
    return _readers[kind]


class _Trace:
    """One way back from sockets to where their texts come from."""

    def __init__(self):
        self.found = []
        self._seen = set()
        self._users = None

    def socket(self, tree, socket):
        """What arrives at an input."""
        key = (tree.name_full, socket.as_pointer())
        if key in self._seen:
            return
        self._seen.add(key)
        if not socket.is_linked:
            self._text(tree, socket.default_value)
            return
        for link in socket.links:
            self._node(tree, link.from_node, link.from_socket)

    def _node(self, tree, node, output):
        if node.type == "REROUTE":
            self.socket(tree, node.inputs[0])
        elif node.type == "GROUP_INPUT":
            self._from_outside(tree, output.identifier)
        elif node.type == "GROUP" and node.node_tree is not None:
            self._from_inside(node.node_tree, output.identifier)
        elif node.bl_idname == "FunctionNodeInputString":
            self._text(tree, node.string)
        elif node.bl_idname in _CHOOSES:
            for one in node.inputs:
                if one.type == "STRING":
                    self.socket(tree, one)
        else:
            self._text(tree, None)

    def _from_inside(self, group, identifier):
        for node in group.nodes:
            if node.type == "GROUP_OUTPUT":
                for one in node.inputs:
                    if one.identifier == identifier:
                        self.socket(group, one)

    def _from_outside(self, tree, identifier):
        """What the users of a group give it: modifiers, and nodes of other groups."""
        key = (tree.name_full, identifier)
        if key in self._seen:
            return
        self._seen.add(key)
        modifiers, nodes = self._users_of(tree)
        for owner, modifier in modifiers:
            self._text(owner, _given(tree, modifier, identifier))
        for outer, node in nodes:
            for one in node.inputs:
                if one.identifier == identifier:
                    self.socket(outer, one)

    def _users_of(self, tree):
        if self._users is None:
            self._users = _users()
        return self._users.get(tree.as_pointer(), ((), ()))

    def _text(self, thing, text):
        if text is None or text:
            self.found.append((thing, text))


def _users():
    """{pointer of a tree: ([(object, modifier)], [(tree, node)])}."""
    found = {}

    def of(tree):
        return found.setdefault(tree.as_pointer(), ([], []))

    for one in bpy.data.objects:
        for modifier in one.modifiers:
            if modifier.type == "NODES" and modifier.node_group is not None:
                of(modifier.node_group)[0].append((one, modifier))
    for tree in bpy.data.node_groups:
        for node in tree.nodes:
            if node.type == "GROUP" and node.node_tree is not None:
                of(node.node_tree)[1].append((tree, node))
    return found


def _given(tree, modifier, identifier):
    """What a modifier gives an input; where it has nothing for it, the group's default."""
    try:
        text = versions.group_input(modifier, identifier)
    except (AttributeError, KeyError):
        items = getattr(getattr(tree, "interface", None), "items_tree", ())
        text = next((one.default_value for one in items if getattr(one, "identifier", "") == identifier), "")
    return text if isinstance(text, str) else ""
