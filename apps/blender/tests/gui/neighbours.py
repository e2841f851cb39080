# SPDX-License-Identifier: MIT OR Apache-2.0
"""Other add-ons that drive Blender, fetched from PyPI when a test wants them: none of their code is kept here.

In: a cache folder (KAPELLE_BUILD_CACHE, else ~/.cache/kapelle). Out: their add-ons as zips that Blender can install, and
their ways to run code. Both listen on 127.0.0.1; the tests give them ports that are free.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PIP_S = 120
ANSWER_S = 60
# Name on PyPI and version -> the add-on's file or folder in the wheel, and its module in Blender.
WHEELS = {
    "mcp-for-blender==2.2.4": ("blender_mcp/bundled/addon.py", "mcp_for_blender"),
    "blender-remote==1.3.3": ("blender_remote/addon/bld_remote_mcp/", "bld_remote_mcp"),
}
# Blender's own builds have it; Debian's has not.
REQUESTS = "requests==2.32.5"


def cache():
    told = os.environ.get("KAPELLE_BUILD_CACHE") or str(Path.home() / ".cache" / "kapelle")
    folder = Path(told) / "neighbours"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def addon(requirement, folder):
    """(zip with the add-on, its module). Raises OSError when it cannot be fetched."""
    inside, module = WHEELS[requirement]
    path = Path(folder) / (module + ".zip")
    with zipfile.ZipFile(_wheel(requirement)) as wheel, zipfile.ZipFile(path, "w") as made:
        for name in wheel.namelist():
            if name == inside:
                made.writestr(module + "/__init__.py", wheel.read(name))
            elif inside.endswith("/") and name.startswith(inside):
                made.writestr(module + "/" + name[len(inside) :], wheel.read(name))
    return path, module


def modules(profile):
    """Puts what they import, and Blender has not, where the Blender of that profile finds it. Raises OSError."""
    kept = cache() / "modules"
    if not kept.is_dir():
        draft = Path(tempfile.mkdtemp(dir=cache()))
        _pip("install", "--target", str(draft), REQUESTS)
        draft.rename(kept)
    target = Path(profile) / "scripts" / "addons" / "modules"
    shutil.copytree(kept, target, dirs_exist_ok=True)


def _wheel(requirement):
    name = requirement.replace("-", "_").replace("==", "-")
    found = list(cache().glob(name + "-*.whl"))
    if not found:
        _pip("download", "--no-deps", "-d", str(cache()), requirement)
        found = list(cache().glob(name + "-*.whl"))
    return found[0]


def _pip(what, *options):
    command = [sys.executable, "-m", "pip", what, "--quiet", "--no-input", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", *options]
    told = subprocess.run(command, capture_output=True, text=True, timeout=PIP_S, check=False)
    if told.returncode:
        raise OSError("pip could not fetch %s: %s" % (options[-1], told.stderr.strip()))


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def ask(port, message, host="127.0.0.1"):
    """Sends one bare JSON message, which both understand, and gives the answer."""
    with socket.create_connection((host, port), ANSWER_S) as sock:
        sock.settimeout(ANSWER_S)
        sock.sendall(json.dumps(message).encode())
        data = b""
        while True:
            data += sock.recv(65536)
            try:
                return json.loads(data)
            except ValueError:
                continue


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
