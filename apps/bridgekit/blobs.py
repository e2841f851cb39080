# SPDX-License-Identifier: MIT OR Apache-2.0
"""Blobs that come with calls: pieces in, files in a bounded temporary folder out.

In: `Piece`s, in order, on one connection. Out: `Held` files, checked against their hash. A blob is
removed when the last call that refers to it has ended, or when the folder is over its bound and no call
refers to it. Only the link's reading thread adds; any thread may release.
"""

import hashlib
import os
import shutil
import tempfile
import threading
from collections import OrderedDict

from .frames import FrameError

# Bytes of all blobs in the folder.
FOLDER_BYTES_MAX = 2 * 1024 * 1024 * 1024
# Blobs in the folder.
FOLDER_COUNT_MAX = 1024
# Levels and values of arguments that are searched for references.
_SEARCH_DEPTH_MAX = 64


class Held:
    """One whole blob on disk."""

    __slots__ = ("name", "path", "size", "calls")

    def __init__(self, name, path, size):
        self.name = name
        self.path = path
        self.size = size
        self.calls = 0

    def read(self):
        with open(self.path, "rb") as file:
            return file.read()


class Incoming:
    """The folder of incoming blobs."""

    def __init__(self):
        self._folder = None
        self._held = OrderedDict()
        self._bytes = 0
        self._part = None
        self._lock = threading.Lock()

    def take(self, piece):
        """Adds a piece. Returns True when its blob is whole. Raises FrameError `piece` or `hash`."""
        part = self._part
        if part is None or part.name != piece.blob:
            if piece.offset != 0:
                raise FrameError("piece", f"a piece of {piece.blob} at {piece.offset} has nothing before it")
            self._drop_part()
            part = self._part = self._begin(piece)
        if piece.offset != part.size or piece.total != part.total:
            raise FrameError("piece", f"the pieces of {piece.blob} do not come in order")
        part.add(piece.data)
        if part.size < part.total:
            return False
        self._part = None
        if part.lost:
            part.drop()
            return False
        self._keep(part)
        return True

    def claim(self, args):
        """{hash: Held} for the references in a call's arguments that are here; they stay until released."""
        names = set()
        _references(args, names, 0)
        if not names:
            return None
        with self._lock:
            claimed = {name: self._held[name] for name in names if name in self._held}
            for held in claimed.values():
                held.calls += 1
        return claimed

    def release(self, claimed):
        """The call has ended."""
        if not claimed:
            return
        with self._lock:
            for held in claimed.values():
                held.calls -= 1
                if held.calls <= 0:
                    self._remove(held)

    def restart(self):
        """A new connection: half of a blob from the last one is of no use."""
        self._drop_part()

    def close(self):
        self._drop_part()
        with self._lock:
            self._held.clear()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def _begin(self, piece):
        if not _is_hash(piece.blob):
            raise FrameError("piece", f"{piece.blob[:80]!r} is not the name of a blob")
        if self._folder is None:
            try:
                self._folder = tempfile.mkdtemp(prefix="kapelle-blobs-")
            except OSError:  # no room, or no rights: the blob is lost, and its call will say so
                return _Part(piece.blob, piece.total, "")
        return _Part(piece.blob, piece.total, os.path.join(self._folder, piece.blob[7:] + ".part"))

    def _keep(self, part):
        if not part.is_right():
            part.drop()
            raise FrameError("hash", f"the bytes of {part.name} do not have that hash")
        with self._lock:
            if part.name in self._held:
                self._held.move_to_end(part.name)
                part.drop()
                return
            path = part.finish()
            if path is None:
                return
            self._held[part.name] = Held(part.name, path, part.size)
            self._bytes += part.size
            for held in list(self._held.values()):
                if self._bytes <= FOLDER_BYTES_MAX and len(self._held) <= FOLDER_COUNT_MAX:
                    break
                if held.calls == 0 and held.name != part.name:
                    self._remove(held)

    def _remove(self, held):
        if self._held.pop(held.name, None) is None:
            return
        self._bytes -= held.size
        try:
            os.unlink(held.path)
        except OSError:
            pass  # the folder goes with the process

    def _drop_part(self):
        if self._part is not None:
            self._part.drop()
            self._part = None


class _Part:
    """A blob that is not whole yet. `lost`: too large, or the disk took no more; its call will say so."""

    def __init__(self, name, total, path):
        self.name = name
        self.total = total
        self.size = 0
        self.lost = total > FOLDER_BYTES_MAX
        self._path = path
        self._hash = hashlib.sha256()
        self._file = None
        if not self.lost:
            try:
                self._file = open(path, "wb")
            except OSError:
                self.lost = True

    def add(self, data):
        self.size += len(data)
        if self.lost:
            return
        self._hash.update(data)
        try:
            self._file.write(data)
        except OSError:
            self.lost = True

    def is_right(self):
        return "sha256:" + self._hash.hexdigest() == self.name

    def finish(self):
        """Its path, or None when the disk took no more."""
        path = self._path[: -len(".part")]
        try:
            self._file.close()
            os.replace(self._path, path)
            return path
        except OSError:
            self.drop()
            return None

    def drop(self):
        try:
            if self._file is not None:
                self._file.close()
            os.unlink(self._path)
        except OSError:
            pass


def _is_hash(name):
    digits = name[7:]
    return name.startswith("sha256:") and len(digits) == 64 and not digits.strip("0123456789abcdef")


def _references(value, names, depth):
    if depth > _SEARCH_DEPTH_MAX:
        return
    if isinstance(value, dict):
        name = value.get("$blob")
        if isinstance(name, str):
            names.add(name)
        else:
            for item in value.values():
                if isinstance(item, (dict, list)):
                    _references(item, names, depth + 1)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, (dict, list)):
                _references(item, names, depth + 1)
