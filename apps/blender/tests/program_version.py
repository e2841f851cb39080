# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which version a Blender program is, and what depends on it in the tests.

In: the program's path. Out: what it says of itself; each program is asked once.
"""

import functools
import re
import subprocess

VERSION_S = 60
# Add-ons are extensions from here on.
EXTENSIONS_SINCE = (4, 2)


@functools.cache
def version_of(path):
    """(major, minor)."""
    told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=VERSION_S, check=True).stdout
    return tuple(int(one) for one in re.search(r"Blender (\d+)\.(\d+)", told).groups())


def has_extensions(path):
    return version_of(path) >= EXTENSIONS_SINCE
