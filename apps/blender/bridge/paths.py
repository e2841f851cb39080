# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files a caller may read and write.

In: a path as a caller wrote it. Out: an absolute path without links, or a Problem: `path_refused`,
`file_exists`, `file_not_found`. Allowed are the open file's folder and those that the hub names whenever it lets the
bridge in: its home folder and `[files] roots` of its config, without the places where its secrets and its own state
lie. While no hub has said anything it is the open file's folder alone. What is hidden in the person's own folder (keys,
settings, what starts with the session) is never a part of an allowed folder around it, as in the hub's
confine/rules.rs: only a folder that lies in there opens it. A caller with the scope `code` or `admin` may
go anywhere, since such a caller could open any file by code. It guards against names, not against a race with another
process. A folder or file counts by what it is and not only by how it is spelled: another case, a short name, a mount
or a hard link of a private place is that place. The paths inside of files and of Blender's data are outside.py's.
"""

import os
import stat
import sys
import unicodedata

import bpy

from . import confined
from .bridgekit import configured
from .bridgekit.problem import Problem

# Folders that a refusal names at most.
ROOTS_TOLD_MAX = 8
# Files of the private places that are compared with one that has several names.
COMPARED_MAX = 20_000


# Read once: a caller's code may change the environment, and that must not move the folders of callers without `code`.
_HOME = os.path.abspath(os.environ.get("KAPELLE_HOME") or os.path.join(os.path.expanduser("~"), ".kapelle"))
_OF_PERSON = {name: os.environ[name] for name in ("HOME", "USERPROFILE") if name in os.environ}
_PERSON = os.path.realpath(os.path.expanduser("~"))
# Where systems that hide nothing by a dot keep the same.
_HIDDEN = {"win32": ("appdata",), "darwin": ("library",)}.get(sys.platform, ())


def home():
    """KAPELLE_HOME, else ~/.kapelle, absolute."""
    return _HOME


def for_child():
    """The environment by which a child finds the same home and the same person."""
    return dict(_OF_PERSON, KAPELLE_HOME=home())


def base():
    """Where a relative path leads while no file is open: the home, or where a confined process may make files in it."""
    return os.path.join(home(), "files") if confined.is_confined() else home()


def open_folder():
    """The folder of the open file, or None while it was never saved."""
    return os.path.dirname(os.path.abspath(bpy.data.filepath)) if bpy.data.filepath else None


def roots():
    """The allowed folders, real paths, in the order in which a relative path is looked up."""
    told = [open_folder()] + _folders()["allowed"]
    return [os.path.realpath(one) for one in told if one]


def _folders():
    """{kind: [path]}; kinds as in configured.py."""
    return configured.folders() or {"allowed": [], "private": [home()], "kept": []}


def to_read(call, path):
    """The absolute path of a file that is there. Raises path_refused or file_not_found."""
    found = _allowed(call, path)
    if os.path.isdir(found):
        raise _is_folder(found)
    if not os.path.isfile(found):
        there = os.path.isdir(os.path.dirname(found))
        raise Problem(
            "file_not_found",
            "There is no file %s." % found,
            hint=_near_files(found) if there else "The folder %s does not exist either." % os.path.dirname(found),
        )
    return found


def to_write(call, path, overwrite=False):
    """The absolute path of a file that may be written; its folder is made. Raises path_refused or file_exists."""
    found = _allowed(call, path, writing=True)
    if os.path.isdir(found):
        raise _is_folder(found)
    if os.path.lexists(found) and not overwrite:
        raise exists(found)
    if os.path.islink(found + "@") and not may_go_anywhere(call):  # where Blender writes before it renames
        raise refused(found + "@", "%s is a link." % (found + "@"))
    os.makedirs(os.path.dirname(found), exist_ok=True)
    return found


def allowed(call, path):
    """The absolute path, whether something is there or not. Raises path_refused."""
    return _allowed(call, path)


def to_write_in(call, path):
    """The absolute path of a folder for new files; it is made. Raises path_refused."""
    found = _allowed(call, path, writing=True)
    if os.path.lexists(found) and not os.path.isdir(found):
        raise Problem("path_refused", "%s is a file." % found, hint="Pass a folder.")
    os.makedirs(found, exist_ok=True)
    return found


def _is_folder(path):
    return Problem("path_refused", "%s is a folder." % path, hint="Pass the name of a file.")


def exists(path):
    """The Problem `file_exists`."""
    return Problem(
        "file_exists", "%s already exists." % path, hint="Pass overwrite=true to replace it, or use another path."
    )


def refused(path, message, **details):
    """The Problem `path_refused`. `path`: the absolute path that it is about."""
    told = ", ".join(dict.fromkeys(roots()[:ROOTS_TOLD_MAX]))
    return Problem(
        "path_refused",
        message,
        hint="Allowed folders: %s. To add more, set `roots` under `[files]` in Kapelle's config.toml." % told,
        details=dict(details, path=path),
    )


def may_go_anywhere(call):
    """Whether the caller's scopes lift the limits on folders."""
    return "code" in call.scopes or "admin" in call.scopes


class Reach:
    """What may be reached at this moment: made once for several paths. `writing`: what is kept is private then;
    `program`: the program's own folders are allowed as well."""

    def __init__(self, writing=False, program=False):
        told = _folders()
        private = [os.path.realpath(one) for one in told["private"] + (told["kept"] if writing else [])]
        self._private = [_Folder(one) for one in private]
        self._names = {}  # folder: the plain names in it that are private
        for one in private:
            self._names.setdefault(os.path.dirname(one), set()).add(_plain(os.path.basename(one)))
        self._above = [(_Folder(one), names) for one, names in self._names.items()]
        self._roots = [_Folder(one) for one in roots() + (_of_program() if program else [])]
        self._person = _Folder(_PERSON)
        of_person = _way(_PERSON)
        self._around_person = [one for one in self._roots if one.holds(of_person)]
        self._secret = None

    def why_not(self, real):
        """None, or the end of a sentence that begins with an absolute path without links."""
        way = _way(real)
        held_by = [one for one in self._roots if one.holds(way)]
        if not held_by:
            return "is outside the folders this caller may use"
        if self._is_hidden(way) and all(one in self._around_person for one in held_by):
            return "is hidden in the user's home folder"
        if self._is_private(way) or self._is_other_name(way[0][1]):
            return "belongs to Kapelle itself"
        return None

    def _is_private(self, way):
        if any(one.holds(way) for one in self._private):
            return True
        # Another spelling of one, that may not be there yet.
        return any(
            above.is_it(step) and _plain(os.path.basename(below[0])) in names
            for above, names in self._above
            for below, step in zip(way, way[1:])
        )

    def _is_hidden(self, way):
        """Whether it is, or lies in, something hidden in the person's own folder."""
        for below, step in zip(way, way[1:]):
            name = os.path.basename(below[0])
            if (name.startswith(".") or _plain(name) in _HIDDEN) and self._person.is_it(step):
                return True
        return False

    def _is_other_name(self, found):
        """Whether it is a hard link to something private."""
        if found is None or found.st_nlink < 2 or not stat.S_ISREG(found.st_mode):
            return False
        if self._secret is None:
            self._secret = {(one.st_dev, one.st_ino) for one in _files_in([one.path for one in self._private])}
        return (found.st_dev, found.st_ino) in self._secret


class _Folder:
    """A folder by its name and by what it is."""

    def __init__(self, path):
        self.path = os.path.normcase(path)
        self._found = _stat(path)

    def is_it(self, step):
        path, found = step
        same = self._found is not None and found is not None and os.path.samestat(found, self._found)
        return same or os.path.normcase(path) == self.path

    def holds(self, way):
        return any(map(self.is_it, way))


def _way(path):
    """[(path, what is there)] of a path and all folders above it."""
    found = []
    while True:
        found.append((path, _stat(path)))
        above = os.path.dirname(path)
        if above == path:
            return found
        path = above


def _stat(path):
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _plain(name):
    """A name without what some file systems do not tell apart: case, forms of a letter, dots at its end, streams."""
    return unicodedata.normalize("NFKC", name).casefold().split(":")[0].rstrip(". ")


def _files_in(places):
    count = 0
    for place in places:
        for folder, _folders, names in os.walk(place) if os.path.isdir(place) else [("", (), [place])]:
            for name in names:
                found = _stat(os.path.join(folder, name))
                if found is not None:
                    yield found
                count += 1
                if count >= COMPARED_MAX:
                    return


def _of_program():
    """The folders of Blender's own assets and fonts."""
    told = (bpy.utils.resource_path("LOCAL"), bpy.utils.resource_path("SYSTEM"), bpy.utils.system_resource("DATAFILES"))
    return [os.path.realpath(one) for one in told if one]


def _allowed(call, path, writing=False):
    text = str(path)
    if not text.strip() or "\0" in text:
        raise Problem("path_refused", "The path is empty or contains a zero byte.", hint="Pass the path of a file.")
    wanted = _absolute(text)
    real = os.path.realpath(wanted)
    if may_go_anywhere(call):
        return real
    if ".." in text.replace("\\", "/").split("/"):
        raise refused(real, "The path %s leads out of its folder with '..'." % text)
    if any(ord(one) < 32 or one in "\x7f\x85\u2028\u2029" for one in text):
        raise refused(real, "The path %r contains a line break, a tab or another control character." % text)
    reach = Reach(writing)
    why = reach.why_not(real)
    if why is None:
        return real
    if reach.why_not(os.path.abspath(wanted)) is None:
        raise refused(real, "%s is a link that leads outside, to %s." % (text, real))
    raise refused(real, "%s %s." % (real, why))


def _absolute(text):
    if text.startswith("//") and (bpy.data.filepath or os.name != "nt"):
        text = text[2:].lstrip("/") if bpy.data.filepath else text
    text = os.path.expanduser(text)
    return text if os.path.isabs(text) else os.path.join(open_folder() or base(), text)


def _near_files(path):
    from .names import near

    names = sorted(os.listdir(os.path.dirname(path)))
    return near(os.path.basename(path), names)
