# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of Blender: one module per noun, one function per verb, as in `commands/<noun>.toml`.

A function is named as its verb; where that is a word of Python's own (list, set, open, import) it has an
underscore behind it. Angles are degrees, lengths are Blender units (metres unless the scene scales them),
colours are linear 0…1.
"""

from ..bridgekit.table import Table
from ..command_table import table


def load(host):
    """A new table with all commands, for one executor."""
    from . import (  # noqa: F401
        animation,
        camera,
        code,
        collection,
        constraint,
        docs,
        file,
        history,
        light,
        material,
        mesh,
        modifier,
        object,
        render,
        scene,
        state,
        viewport,
        world,
    )

    made = Table()
    for name in table.names():
        entry = table.get(name)
        made.command(name, effect=entry.effect)(entry.run)
    code.install(made, host)
    return made
