# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files a caller may read and write.

In: a path as a caller wrote it. Out: an absolute path without links, or a Problem: `path_refused`,
`file_exists`, `file_not_found`. Allowed are the open file's folder, Kapelle's home folder (without the
places where its secrets and its own state lie) and the folders of `[files] roots` in its config, which the
hub hands on in KAPELLE_ROOTS. A caller with the scope `code` or `admin` may go anywhere, since such a
caller could open any file by code. It guards against names, not against a race with another process.
"""

import os

import bpy

from .bridgekit.problem import Problem

# What in the home folder is Kapelle's own: never a target or a source for a caller without `code`.
HOME_PRIVATE = ("tokens", "run", "logs", "blobs", "bridges", "journal", "store", "config.toml")
# Kept for the owner: may be opened, but not written over.
HOME_KEPT = ("recovery",)
# Folders that a refusal names at most.
ROOTS_TOLD_MAX = 8


def home():
    """KAPELLE_HOME, else ~/.kapelle, absolute."""
    return os.path.abspath(os.environ.get("KAPELLE_HOME") or os.path.join(os.path.expanduser("~"), ".kapelle"))


def open_folder():
    """The folder of the open file, or None while it was never saved."""
    return os.path.dirname(os.path.abspath(bpy.data.filepath)) if bpy.data.filepath else None


def roots():
    """The allowed folders, real paths, in the order in which a relative path is looked up."""
    told = [open_folder(), home()]
    told += os.environ.get("KAPELLE_ROOTS", "").split(os.pathsep)
    return [os.path.realpath(one) for one in told if one]


def to_read(call, path):
    """The absolute path of a file that is there. Raises path_refused or file_not_found."""
    found = _allowed(call, path)
    if not os.path.isfile(found):
        there = os.path.isdir(os.path.dirname(found))
        raise Problem(
            "file_not_found",
            "There is no file %s." % found,
            hint=_near_files(found) if there else "The folder %s is not there either." % os.path.dirname(found),
        )
    return found


def to_write(call, path, overwrite=False):
    """The absolute path of a file that may be written; its folder is made. Raises path_refused or file_exists."""
    found = _allowed(call, path, HOME_PRIVATE + HOME_KEPT)
    if os.path.isdir(found):
        raise Problem("path_refused", "%s is a folder." % found, hint="Give a file's name.")
    if os.path.lexists(found) and not overwrite:
        raise exists(found)
    os.makedirs(os.path.dirname(found), exist_ok=True)
    return found


def allowed(call, path):
    """The absolute path, whether something is there or not. Raises path_refused."""
    return _allowed(call, path)


def to_write_in(call, path):
    """The absolute path of a folder for new files; it is made. Raises path_refused."""
    found = _allowed(call, path, HOME_PRIVATE + HOME_KEPT)
    if os.path.lexists(found) and not os.path.isdir(found):
        raise Problem("path_refused", "%s is a file." % found, hint="Give a folder.")
    os.makedirs(found, exist_ok=True)
    return found


def exists(path):
    """The Problem `file_exists`."""
    return Problem(
        "file_exists", "%s is there already." % path, hint="Pass overwrite=true to replace it, or another path."
    )


def may_go_anywhere(call):
    """Whether the caller's scopes lift the limits on folders."""
    return "code" in call.scopes or "admin" in call.scopes


def _allowed(call, path, private=HOME_PRIVATE):
    text = str(path)
    if not text.strip() or "\0" in text:
        raise Problem("path_refused", "The path is empty or holds a zero byte.", hint="Give a file's path.")
    wanted = _absolute(text)
    real = os.path.realpath(wanted)
    if may_go_anywhere(call):
        return real
    if ".." in text.replace("\\", "/").split("/"):
        raise _refused(real, "The path %s steps out with '..'." % text)
    mine = os.path.realpath(home())
    for root in roots():
        if not _inside(real, root):
            continue
        if any(_inside(real, os.path.join(mine, own)) for own in private):
            raise _refused(real, "%s is a place of Kapelle's own." % real)
        return real
    if any(_inside(os.path.abspath(wanted), root) for root in roots()):
        raise _refused(real, "%s is a link that leads out, to %s." % (text, real))
    raise _refused(real, "%s lies outside the folders that this caller may use." % real)


def _absolute(text):
    if text.startswith("//") and (bpy.data.filepath or os.name != "nt"):
        text = text[2:].lstrip("/") if bpy.data.filepath else text
    text = os.path.expanduser(text)
    return text if os.path.isabs(text) else os.path.join(open_folder() or home(), text)


def _inside(path, folder):
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _refused(real, message):
    told = ", ".join(dict.fromkeys(roots()[:ROOTS_TOLD_MAX]))
    return Problem(
        "path_refused",
        message,
        hint="Allowed are: %s. More folders: `[files] roots` in Kapelle's config.toml." % told,
        details={"path": real},
    )


def _near_files(path):
    from .names import near

    names = sorted(os.listdir(os.path.dirname(path)))
    return near(os.path.basename(path), names)
