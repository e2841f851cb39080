# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files a model names, read before Blender opens it: glTF with its buffers and images, OBJ with its materials and
their pictures.

In: the path of a model that a caller may read. Out: the absolute paths that a reader may make of what stands in it, in
every spelling: more than are opened, never fewer. STL and PLY name none; what a .blend names is looked at when it is
in Blender (outside.py); other formats cannot be read here and are for a confined process (confined.py).
"""

import json
import mmap
import os
import re
from urllib.parse import unquote

from .bridgekit.problem import Problem

# Formats that every instance may open for any caller, since nothing in them is followed unseen.
KNOWN = ("glb", "gltf", "obj", "stl", "ply", "blend")
# Bytes of JSON in a glTF, and of one file of materials, that are read here.
JSON_BYTES_MAX = 512 * 1024 * 1024
MATERIALS_BYTES_MAX = 16 * 1024 * 1024
# References that one model may have.
REFERENCES_MAX = 100_000
# Ways to read one reference; each time that it is decoded brings another two.
SPELLINGS_MAX = 64
# How files begin that tell a player of films and sounds which others to read.
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"<?xml", b"<MPD", b"<Smooth", b"v=0")
# Statements of a file of materials that are numbers.
_NUMBERS = frozenset(
    b"newmtl Ka Kd Ks Ke Ns Ni d Tr Tf illum sharpness Pr Pm Ps Pc Pcr aniso anisor".split()
)  # fmt: skip


def of_model(name, path):
    """The absolute paths, each once. `name`: the format. Raises call_failed for what cannot be read."""
    if name in ("glb", "gltf"):
        found = _of_gltf(path)
    elif name == "obj":
        found = _of_obj(path)
    else:
        return []
    made = {}
    for one in found:
        made[one] = None
        if len(made) > REFERENCES_MAX:
            raise _unreadable(path, "it refers to more than %d files" % REFERENCES_MAX)
    return [*made]


def is_playlist(path):
    """Whether a file that is to be a film, a sound or a picture names others."""
    try:
        with open(path, "rb") as source:
            head = source.read(64)
    except (OSError, ValueError):
        return False
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLISTS)


def _of_gltf(path):
    try:
        document = json.loads(str(_json_of(path), "utf-8"))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from None
    folder = os.path.dirname(path)
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            for key, value in one.items():
                if key.lower() == "uri" and isinstance(value, str):
                    yield from _of_uri(folder, value)
                else:
                    waiting.append(value)


def _json_of(path):
    """The bytes of the JSON: the whole file, or the first chunk of a binary one."""
    with open(path, "rb") as source:
        head = source.read(20)
        size = os.fstat(source.fileno()).st_size
        if head[:4] == b"glTF":
            size = int.from_bytes(head[12:16], "little")
        else:
            source.seek(0)
        if size > JSON_BYTES_MAX:
            raise _unreadable(path, "its JSON has more than %d bytes" % JSON_BYTES_MAX)
        return source.read(size)


def _of_uri(folder, uri):
    """As a path under the model's folder, as a URL, and as it stands; decoded as often as it can be, with backslashes
    as slashes before or after that."""
    if uri.startswith("data:") and ";base64," in uri:
        return
    found, waiting = {uri}, [uri]
    while waiting:
        text = waiting.pop()
        for one in (text, text.partition("?")[0].partition("#")[0]):
            yield from _spellings(folder, one)
            scheme, mark, rest = one.partition(":")
            if mark and scheme.lower() == "file":
                yield from _spellings(folder, "/" + rest.lstrip("/\\"))
        waiting += {unquote(text), text.replace("\\", "/")} - found
        found.update(waiting)
        if len(found) > SPELLINGS_MAX:
            raise _unreadable(folder, "it has a reference that is encoded too often")


def _of_obj(path):
    folder = os.path.dirname(path)
    libraries = {os.path.splitext(path)[0] + ".mtl": None}  # read even if nothing names it
    for text in _statements(path, b"mtllib"):
        for one in _endings(text) + text.split():
            for spelled in _spellings(folder, one):
                yield spelled
                libraries[spelled] = None
    for one in libraries:
        if os.path.isfile(one):
            yield one
            yield from _of_materials(one)


def _statements(path, word):
    """What stands behind a word on its line, anywhere in the file; a line goes on behind a backslash."""
    with open(path, "rb") as source:
        if not os.fstat(source.fileno()).st_size:
            return
        with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as held:
            at = held.find(word)
            while at >= 0:
                line = re.compile(rb"(?:\\\r?\n|[^\n])*").match(held, at + len(word))
                yield _text(line.group())
                at = held.find(word, at + len(word))


def _of_materials(path):
    folder = os.path.dirname(path)
    with open(path, "rb") as source:
        held = source.read(MATERIALS_BYTES_MAX + 1)
    if len(held) > MATERIALS_BYTES_MAX:
        raise _unreadable(path, "it has more than %d bytes" % MATERIALS_BYTES_MAX)
    for line in re.split(rb"[\r\n]+", re.sub(rb"\\\r?\n", b" ", held)):
        parts = line.split(None, 1)
        if len(parts) == 2 and not parts[0].startswith(b"#") and parts[0] not in _NUMBERS:
            for one in _endings(_text(parts[1])):
                yield from _spellings(folder, one)


def _text(held):
    return re.sub(r"\\\r?\n", " ", os.fsdecode(held)).strip()


def _endings(text):
    """A line and what is left of it behind each of its words: options stand before a name, which may have spaces."""
    found = [text]
    for gap in re.finditer(r"\s+", text):
        found.append(text[gap.end() :])
    return [one.strip("\"'") for one in found if one.strip("\"'")]


def _spellings(folder, text):
    """The absolute paths that a text may stand for, on this system or another."""
    text = text.replace("\0", "")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # half a letter, which names no file
        return
    for one in {text, text.replace("\\", "/")}:
        yield os.path.abspath(os.path.join(folder, one))
        if one[1:3] in (":/", ":\\"):  # a path of Windows elsewhere: Blender looks for C:/x as /c/x
            yield os.path.abspath("/" + one[0].lower() + one[2:])


def _unreadable(path, why):
    return Problem("call_failed", "The files that %s refers to cannot be checked: %s." % (path, why))
