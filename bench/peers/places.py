# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a run needs on this machine: environments with the peers from PyPI, a Blender, a built Kapelle.

In: nothing, or paths. Out: `Programs`. Everything that it installs goes into the cache folder (KAPELLE_BUILD_CACHE,
else ~/.cache/kapelle) and stays there; the code of the peers is not kept in this repository.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "reference"
# The raw numbers of the run that the docs show.
RAW_NAME = "peers.json"
RAW = ROOT / "bench" / "peers" / "results" / RAW_NAME
# What is compared, exactly: a later version is another comparison.
PEERS = {
    "mcp-for-blender": ["mcp-for-blender==2.2.4"],
    "blender-remote": ["blender-remote==1.3.3"],
    "dcc-mcp-blender": ["dcc-mcp-blender==0.2.26", "dcc-mcp-server==0.20.49"],
    "blendmcp": ["blendmcp==1.4.4"],
    "frugal-blender-mcp": ["frugal-blender-mcp==0.2.0"],
}
WHEEL = ["bpy==4.5.15"]
# Blender's own builds have it; Debian's has not, and two of the add-ons import it.
REQUESTS = ["requests==2.32.5"]
PIP_S = 900


class Programs:
    """`blender` opens windows; `wheel` is a Python with `bpy`; `python(peer)` one with that peer."""

    def __init__(self, kapelle, bench, blender):
        self.kapelle, self.bench, self.blender = kapelle, bench, blender
        self.load = "%.2f" % os.getloadavg()[0]
        self.wheel = environment("bpy-4.5", WHEEL) / "bin" / "python"
        self._peers = {name: environment("bench-" + name, wanted) for name, wanted in PEERS.items()}
        self.modules = _modules()
        self.blender_version = _blender_version(blender)
        self.wheel_version = WHEEL[0].partition("==")[2]

    def python(self, peer):
        return self._peers[peer] / "bin" / "python"

    def script(self, peer, name):
        return self._peers[peer] / "bin" / name

    def packages(self, peer):
        return next((self._peers[peer] / "lib").glob("python3.*")) / "site-packages"


def programs(kapelle=None, blender=None):
    """Sets up what is missing. Stops with a sentence when it cannot."""
    if shutil.which("Xvfb") is None and not os.environ.get("DISPLAY"):
        stop("windows need Xvfb (Debian: xvfb xauth libgl1-mesa-dri)")
    found = blender or shutil.which("blender")
    if found is None:
        stop("there is no blender on PATH (Debian: blender python3-numpy); say one with --blender PATH")
    return Programs(*_kapelle(kapelle), os.path.realpath(found))


def cache():
    told = Path(os.environ.get("KAPELLE_BUILD_CACHE") or Path.home() / ".cache" / "kapelle")
    told.mkdir(parents=True, exist_ok=True)
    return told


def environment(name, wanted):
    """A virtual environment that has exactly these, made anew when they change; as scripts/test makes them."""
    folder = cache() / "venvs" / name
    mark = "%s %s" % (_python311(), " ".join(wanted))
    ready = folder / "ready"
    if folder.is_dir() and (not ready.exists() or ready.read_text().strip() != mark):
        # One that scripts/test has made names its Python in another way; what is in it counts.
        if _has(folder, wanted):
            return folder
        shutil.rmtree(folder)
    if not folder.is_dir():
        say("setting up %s: %s" % (folder, " ".join(wanted)))
        _run([_python311(), "-m", "venv", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
        _run(pip + ["--disable-pip-version-check", *wanted])
        ready.write_text(mark + "\n")
    return folder


def say(text):
    print(text, file=sys.stderr, flush=True)


def stop(text):
    raise SystemExit("bench/peers: " + text)


def _has(folder, wanted):
    told = subprocess.run(
        [str(folder / "bin" / "python"), "-m", "pip", "freeze", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=False,
    )
    return set(wanted) <= set(told.stdout.split())


def _python311():
    """A CPython 3.11 that really runs: the wheel of Blender 4.5 has no other."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for one in ["python3.11", *map(str, sorted(pyenv.glob("3.11.*/bin/python3"))), "python3", "/usr/bin/python3"]:
        code = "import sys, venv, ensurepip; assert sys.version_info[:2] == (3, 11); print(sys.executable)"
        try:
            told = subprocess.run([one, "-I", "-c", code], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if told.returncode == 0:
            return told.stdout.strip()
    return stop("a CPython 3.11 with venv is needed")


def _modules():
    """Modules for Debian's Blender, in a folder of their own."""
    kept = cache() / "neighbours" / "modules"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_name("modules.part")
        shutil.rmtree(draft, ignore_errors=True)
        _run([_python311(), "-m", "pip", "install", "--quiet", "--no-input", "--target", str(draft), *REQUESTS])
        draft.rename(kept)
    return kept


def _kapelle(given):
    """(kapelle, kapelle-bench): the given one, or this checkout's, built for release."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or cache() / "target")
    if given is None:
        say("building kapelle for release (minutes when it was never built)")
        command = ["cargo", "build", "--release", "--quiet", "-p", "kapelle-cli", "-p", "kapelle-bench"]
        told = subprocess.run(command, cwd=ROOT, env=dict(os.environ, CARGO_TARGET_DIR=str(target)), check=False)
        if told.returncode:
            stop("kapelle does not build; say a built one with --kapelle PATH")
        given = target / "release" / "kapelle"
    given = Path(given).resolve()
    if not given.is_file():
        stop("there is no file %s" % given)
    bench = given.with_name("kapelle-bench")
    return str(given), str(bench) if bench.is_file() else None


def _blender_version(path):
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return told.split("\n")[0].replace("Blender", "").strip() or "of an unknown version"


def _run(command):
    told = subprocess.run(command, capture_output=True, text=True, timeout=PIP_S, check=False)
    if told.returncode:
        stop("%s failed:\n%s" % (" ".join(command), told.stderr.strip()))
