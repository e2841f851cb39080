# SPDX-License-Identifier: MIT OR Apache-2.0
"""The command `code.run`, the same in every Python application.

In: a source and the name of a namespace. Out: the value of the last expression, else of `_result`.
"""

from . import kapelle_module
from .code import Namespaces, Sources, execute
from .interrupt import Interrupt
from .problem import Problem
from .tracebacks import cannot_compile, problem_of

# Characters of a namespace's name.
NAME_CHARS_MAX = 64


def install(table, host):
    """Registers `code.run` in the table. Returns the Namespaces, so that the bridge can drop them."""
    module = kapelle_module.module()

    def fresh():
        namespace = {"__name__": "__main__", "kapelle": module}
        namespace.update(host.namespace())
        return namespace

    namespaces = Namespaces(fresh)
    sources = Sources()

    @table.command("code.run", effect="code")
    def code_run(call, code, namespace=None, reset=False, undo="auto"):
        if not isinstance(code, str):
            raise Problem("arguments_invalid", f"`code` is the source as a text, not {type(code).__name__}.")
        if namespace is not None and (not isinstance(namespace, str) or len(namespace) > NAME_CHARS_MAX):
            raise Problem("arguments_invalid", f"`namespace` is a name of up to {NAME_CHARS_MAX} characters.")
        variables = namespaces.get(call.owner, namespace or "", bool(reset))
        try:
            compiled = sources.compile(code)
        except Interrupt:
            raise
        except BaseException as error:
            raise cannot_compile(code, error) from None
        try:
            return execute(compiled, variables)
        except Interrupt:
            raise
        except BaseException as error:
            raise problem_of(error, lambda raised: host.explain(raised, call)) from None

    return namespaces
