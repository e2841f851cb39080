# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which lines of the bridge run in the Blenders of the tests.

KAPELLE_TEST_COVERAGE names a folder with the package `coverage`, built for CPython 3.11. `begin` then has an assembled
bridge measure itself from its import to the end of its process, an end by `os._exit` included; a process that is
killed tells nothing. Each writes a file beside COVERAGE_FILE; `scripts/test` puts them together.
"""

import os

SETTINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "coverage.ini")

BEGIN = '''

def _measure():
    import atexit
    import os
    import sys

    lib = os.environ.get("KAPELLE_TEST_COVERAGE")
    if not lib or sys.version_info[:2] != (3, 11) or "coverage" in sys.modules:
        return
    import bpy

    # Debian's Blender crashes when something is traced in it, at its end at the latest.
    if bpy.app.binary_path:
        return
    sys.path.append(lib)
    import coverage

    sys.path.remove(lib)
    measured = coverage.Coverage(config_file=%r, data_suffix=True)
    measured.start()

    def end():
        measured.stop()
        measured.save()

    leave = os._exit

    def _exit(code):
        end()
        leave(code)

    os._exit = _exit
    atexit.register(end)


_measure()
'''


def wanted():
    return bool(os.environ.get("KAPELLE_TEST_COVERAGE"))


def begin(package):
    """Adds the measuring to an assembled bridge."""
    if wanted():
        with open(package / "__init__.py", "a", encoding="utf-8") as file:
            file.write(BEGIN % SETTINGS)
