# SPDX-License-Identifier: MIT OR Apache-2.0
"""The commands `code.run` and `code.check`, the same in every Python application.

In: a source and the name of a namespace. Out: the value of the last expression, else of `_result`; or what a look at
the source tells, without running it (static_check.py).
"""

import ast
import typing

from . import kapelle_module
from .code import Namespaces, Sources, execute
from .interrupt import Interrupt
from .problem import Problem
from .static_check import FINDINGS_MAX, Checks, is_allowed
from .tracebacks import cannot_compile, problem_of

UNDO = ("auto", "always", "never")
ON_ERROR = ("keep", "undo")
_TEXT_OR_NONE = typing.Optional[str]
# Characters of a namespace's name.
NAME_CHARS_MAX = 64


def install(table, host):
    """Registers `code.run` and `code.check` in the table. Returns the Namespaces, so that the bridge can drop them."""
    module = kapelle_module.install()

    def fresh():
        namespace = {"__name__": "__main__", "kapelle": module}
        namespace.update(host.namespace())
        return namespace

    namespaces = Namespaces(fresh)
    sources = Sources()
    checks = Checks(host.dangers(), host.dangers_in)

    @table.command(
        "code.run",
        effect="code",
        role="code",
        example={"code": "1 + 1"},
        keywords=["python", "script", "execute"],
    )
    def code_run(
        call,
        code: str,
        namespace: _TEXT_OR_NONE = None,
        reset: bool = False,
        undo: str = "auto",
        on_error: str = "keep",
    ):
        """Runs Python code and returns its value.

        The value is that of the last expression, or of `_result` if that is nothing. Variables are kept between calls.

        code: the source
        namespace: which of the caller's sets of variables; without it the usual one
        reset: whether to forget its variables first
        undo: one undo step if something changed (auto), always or never, where the application has undo
        on_error: keep what failing code has changed, or undo it, where the application has undo
        """
        if not isinstance(code, str):
            raise Problem("arguments_invalid", f"`code` must be the source as text, not {type(code).__name__}.")
        if namespace is not None and (not isinstance(namespace, str) or len(namespace) > NAME_CHARS_MAX):
            raise Problem("arguments_invalid", f"`namespace` must be a name of up to {NAME_CHARS_MAX} characters.")
        if undo not in UNDO or on_error not in ON_ERROR:
            raise Problem(
                "arguments_invalid", f"`undo` is {' or '.join(UNDO)}, and `on_error` is {' or '.join(ON_ERROR)}."
            )
        variables = namespaces.get(call.owner_id, namespace or "", bool(reset))
        try:
            compiled = sources.compile(code)
        except Interrupt:
            raise
        except BaseException as error:
            raise cannot_compile(code, error) from None
        checks.refuse(call, code, variables)
        kapelle_module.offer()
        try:
            return execute(compiled, variables, call.winners)
        except Interrupt:
            raise
        except BaseException as error:
            raise problem_of(error, lambda raised: host.explain(raised, call)) from None

    @table.command("code.check", effect="read", example={"code": "1 + 1"}, keywords=["lint", "validate"])
    def code_check(call, code: str):
        """Tells what Python code would do, without running it.

        code: the source
        """
        if not isinstance(code, str):
            raise Problem("arguments_invalid", f"`code` must be the source as text, not {type(code).__name__}.")
        known = next((kept for owner, name, kept in namespaces.all() if (owner, name) == (call.owner_id, "")), {})
        return _checked(call, code, checks, known, host)

    return namespaces


def _checked(call, code, checks, known, host):
    """What `code.check` answers."""
    may_run = bool(call.scopes & {"code", "admin"})
    told = {"valid": True, "allowed": may_run, "problem": None, "findings": [], "missing": [], "modules": []}
    told["scopes_needed"] = [] if may_run else ["code"]
    try:
        ast.parse(code)
        compile(code, "<code-0>", "exec", dont_inherit=True)
        checked = checks.check(code, known)
    except Interrupt:
        raise
    except BaseException as error:
        told.update(valid=False, problem=cannot_compile(code, error).to_dict())
        return told
    told["findings"] = [one.told(call.scopes) for one in checked.findings]
    told["missing"] = host.missing_in(checked)[:FINDINGS_MAX]
    told["modules"] = checked.modules[:FINDINGS_MAX]
    if not all(is_allowed(one.kind, call.scopes) for one in checked.findings):
        told["allowed"] = False
        told["scopes_needed"].append("destructive")
    return told
