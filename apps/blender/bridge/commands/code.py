# SPDX-License-Identifier: GPL-3.0-or-later
"""code.*: `code.run` is bridgekit's, the same in every Python application; `code.reset` is beside it."""

from ..bridgekit import commands_code


def install(table, host):
    """Registers both in the table."""
    namespaces = host.namespaces = commands_code.install(table, host)

    @table.command("code.reset", effect="code")
    def reset(call, namespace=None):
        if namespace is None:
            namespaces.forget(call.owner_id)
        else:
            namespaces.get(call.owner_id, namespace, True)
        return {"reset": namespace if namespace is not None else "all"}
