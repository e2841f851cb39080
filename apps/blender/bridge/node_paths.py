# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths that arrive at nodes which read files: geometry nodes that import.

In: node trees. Out: (thing, text) of every text that may arrive at such a node, with None for a text that is made up on
the way (joined, cut, looked up), so that nobody can tell it. Nothing is evaluated.

Whether Blender follows a link depends on much that a file can choose: links and nodes are muted, a link's types do not
fit, a socket is out of use, a reroute has no source. So nothing here depends on it: every link is followed, and the
text of every socket on the way counts, linked or not. And since there may be ways that nobody here thought of, whatever
looks like a path counts too, anywhere in the trees that have such a node, those in them and those around them.
"""

import bpy

from . import versions

_PATH_SOCKET = "NodeSocketStringFilePath"
# What the types of the nodes that read files begin with, whatever their sockets are.
_READS = "GeometryNodeImport"
# Nodes that hand on one of their texts as it is.
_CHOOSES = ("GeometryNodeSwitch", "GeometryNodeIndexSwitch", "GeometryNodeMenuSwitch")


def arriving(trees):
    """[(thing, text or None)] for these trees."""
    trace = _Trace()
    for tree in trees:
        sockets = [one for node in tree.nodes for one in _read_by(node)]
        for one in sockets:
            trace.socket(tree, one)
        if sockets:
            trace.around(tree)
    trace.run()
    return trace.found


def inside(tree):
    """The tree and all groups in it."""
    found, waiting = {}, [tree]
    while waiting:
        one = waiting.pop()
        if one.name_full in found:
            continue
        found[one.name_full] = one
        waiting.extend(filter(None, map(_group_of, one.nodes)))
    return [*found.values()]


def _group_of(node):
    """The tree of a node that holds a group, else None."""
    return getattr(node, "node_tree", None)


def _read_by(node):
    """The inputs of a node that are paths of files it reads. A group's are not: the readers are in the group."""
    if node.bl_idname.startswith(_READS):
        return [one for one in node.inputs if _is_text(one)]
    if node.type in ("GROUP", "GROUP_INPUT", "GROUP_OUTPUT") or _group_of(node) is not None:
        return []
    return [one for one in node.inputs if one.bl_idname == _PATH_SOCKET]


def _is_text(socket):
    return socket.type == "STRING"


def _named(sockets, identifier):
    """Those with that identifier. Where none has it, all that carry text: Blender goes by their order as well."""
    return [one for one in sockets if one.identifier == identifier] or [one for one in sockets if _is_text(one)]


class _Trace:
    """All ways back from sockets to where their texts come from."""

    def __init__(self):
        self.found = []
        self._seen = set()
        self._around = set()
        self._waiting = []
        self._users = None

    def socket(self, tree, socket):
        """What arrives at an input, once `run` has followed it."""
        key = (tree.name_full, socket.as_pointer())
        if key not in self._seen:
            self._seen.add(key)
            self._waiting.append((tree, socket))

    def run(self):
        """Follows all that is waiting. A chain can be longer than Python's stack."""
        while self._waiting:
            tree, socket = self._waiting.pop()
            self._text(tree, getattr(socket, "default_value", None) or "")
            for link in socket.links:
                self._node(tree, link.from_node, link.from_socket)

    def around(self, tree):
        """Whatever looks like a path in the tree, in those that use it, and in all groups in these."""
        waiting = [tree]
        while waiting:
            one = waiting.pop()
            if one.name_full in self._around:
                continue
            self._around.add(one.name_full)
            modifiers, nodes = self._users_of(one)
            for owner, modifier in modifiers:
                for item in _items(one):
                    self._if_path(owner, _given(modifier, item.identifier))
            for text in _texts_in(one):
                self._if_path(one, text)
            waiting += [outer for outer, _node in nodes] + inside(one)

    def _node(self, tree, node, output):
        """What may come out of a node. A muted one hands on any of its inputs; what it does otherwise counts too."""
        if node.mute:
            self._inputs(tree, node.inputs)
        if node.type == "REROUTE":
            self._inputs(tree, node.inputs)
        elif node.type == "GROUP_INPUT":
            self._from_outside(tree, output.identifier)
        elif node.type == "GROUP" or _group_of(node) is not None:
            if _group_of(node) is not None:
                self._from_inside(_group_of(node), output.identifier)
        elif node.bl_idname == "FunctionNodeInputString":
            self._text(tree, node.string)
        elif node.bl_idname in _CHOOSES:
            self._inputs(tree, filter(_is_text, node.inputs))
        elif not node.mute:
            self.found.append((tree, None))

    def _inputs(self, tree, sockets):
        for one in sockets:
            self.socket(tree, one)

    def _from_inside(self, group, identifier):
        self._defaults(group, identifier)
        for node in group.nodes:
            if node.type == "GROUP_OUTPUT":
                self._inputs(group, _named(node.inputs, identifier))

    def _from_outside(self, tree, identifier):
        """What the users of a group give it: modifiers, and nodes of other groups."""
        key = (tree.name_full, identifier)
        if key in self._seen:
            return
        self._seen.add(key)
        self._defaults(tree, identifier)
        modifiers, nodes = self._users_of(tree)
        for owner, modifier in modifiers:
            self._text(owner, _given(modifier, identifier))
        for outer, node in nodes:
            self._inputs(outer, _named(node.inputs, identifier))

    def _defaults(self, tree, identifier):
        """A group's own values, which stand in for what nobody gives."""
        for one in _items(tree):
            if one.identifier == identifier:
                self._text(tree, getattr(one, "default_value", ""))

    def _users_of(self, tree):
        if self._users is None:
            self._users = _users()
        return self._users.get(tree.as_pointer(), ((), ()))

    def _text(self, thing, text):
        if isinstance(text, str) and text:
            self.found.append((thing, text))

    def _if_path(self, thing, text):
        if isinstance(text, str) and _looks_like_path(text):
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
            if _group_of(node) is not None:
                of(_group_of(node))[1].append((tree, node))
    return found


def _given(modifier, identifier):
    """The text that a modifier gives an input, or ""."""
    try:
        text = versions.group_input(modifier, identifier)
    except (AttributeError, KeyError, TypeError):
        return ""
    return text if isinstance(text, str) else ""


def _items(tree):
    """The sockets of a group's interface."""
    if hasattr(tree, "interface"):
        return [one for one in tree.interface.items_tree if one.item_type == "SOCKET"]
    return [*tree.inputs, *tree.outputs]


def _texts_in(tree):
    """All texts that a tree holds: of its interface, its nodes and their sockets."""
    for one in _items(tree):
        yield getattr(one, "default_value", "")
    for node in tree.nodes:
        yield getattr(node, "string", "")
        for one in node.inputs:
            if _is_text(one):
                yield one.default_value


def _looks_like_path(text):
    """Whether a text has folders in it: more than a separator to join others with."""
    plain = text.replace("\\", "/")
    return "/" in plain and (".." in plain or bool(plain.strip("/. ")))
