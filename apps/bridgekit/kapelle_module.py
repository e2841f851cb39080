# SPDX-License-Identifier: MIT OR Apache-2.0
"""The module `kapelle` inside a caller's code: what code can say to those who wait for it.

    kapelle.progress(0.5, "half of the objects")

It is in every namespace and can be imported. It finds the call by the thread it runs on; where no call
runs (a timer, a thread of the code's own) it does nothing.
"""

import sys
import threading
import types

# Thread ident -> the call that runs on it; filled by the executor.
RUNNING = {}
_made = []


def progress(fraction, text=""):
    """Says how far the call is: `fraction` from 0 to 1 (or None when it cannot be told), and a text."""
    call = RUNNING.get(threading.get_ident())
    if call is not None:
        call.progress(fraction, text)


def log(level, text):
    """Adds a record to the outcome's logs. `level` is debug, info, warning or error."""
    call = RUNNING.get(threading.get_ident())
    if call is not None:
        call.log(level, text, "code")


def module():
    """The module object; put into sys.modules unless a package of that name was imported before."""
    if _made:
        return _made[0]
    made = types.ModuleType("kapelle", __doc__)
    made.progress = progress
    made.log = log
    made.__all__ = ["progress", "log"]
    _made.append(made)
    sys.modules.setdefault("kapelle", made)
    return made
