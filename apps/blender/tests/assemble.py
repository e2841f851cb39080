# SPDX-License-Identifier: MIT OR Apache-2.0
"""Puts the bridge together as the hub does: bridge/ with bridgekit/ inside it, under the name kapelle_blender."""

import shutil
from pathlib import Path

import measured

APP = Path(__file__).resolve().parent.parent
BRIDGEKIT = APP.parent / "bridgekit"
NAME = "kapelle_blender"


def assemble(folder):
    """Copies the parts into `folder`/kapelle_blender and returns that path."""
    made = Path(folder) / NAME
    junk = shutil.ignore_patterns("__pycache__", "*.pyc", "tests")
    shutil.copytree(APP / "bridge", made, ignore=junk)
    shutil.copytree(BRIDGEKIT, made / "bridgekit", ignore=junk)
    measured.begin(made)
    return made
