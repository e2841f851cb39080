# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which lines of the bridge run in the Blenders of the tests. `begin` has an assembled bridge measure itself.

KAPELLE_TEST_COVERAGE: a folder with the package `coverage` for CPython 3.13. The 5.2 wheel then measures itself by
sys.monitoring, from the import of the bridge to the end of the process, an end by `os._exit` included (one that is
killed tells nothing), into a file beside COVERAGE_FILE. No tracer: with one, 3.11 may turn for good in C when an
interrupt comes, and Debian's Blender crashes.
KAPELLE_TEST_LINES: a folder. A Blender program marks there what it runs: see marks.py.

    python measured.py FOLDER       adds those marks to COVERAGE_FILE, for `coverage combine`
"""

import os
import sys

import marks

HERE = os.path.dirname(os.path.abspath(__file__))
SETTINGS = os.path.join(HERE, "coverage.ini")
BRIDGE = os.path.join(os.path.dirname(HERE), "bridge")

BEGIN = """

def _measure():
    import os
    import sys

    sys.path.append(%r)
    import measured

    sys.path.pop()
    measured.measure(__name__)


_measure()
"""


def wanted():
    return bool(os.environ.get("KAPELLE_TEST_COVERAGE") or os.environ.get("KAPELLE_TEST_LINES"))


def begin(package):
    """Adds the measuring to an assembled bridge."""
    if wanted():
        with open(package / "__init__.py", "a", encoding="utf-8") as file:
            file.write(BEGIN % HERE)


def measure(name):
    """Begins it in this Blender; `name` is the bridge's package."""
    import bpy

    folder, lib = os.environ.get("KAPELLE_TEST_LINES"), os.environ.get("KAPELLE_TEST_COVERAGE")
    if folder and bpy.app.binary_path:
        marks.begin(name, folder)
    elif lib and sys.version_info[:2] == (3, 13) and not bpy.app.binary_path and "coverage" not in sys.modules:
        _monitor(lib)


def _monitor(lib):
    import atexit

    sys.path.append(lib)
    import coverage

    sys.path.remove(lib)
    measured = coverage.Coverage(config_file=SETTINGS, data_suffix=True)
    measured.set_option("run:patch", [])
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


def add(folder):
    """Puts the marks of a folder beside what coverage measured."""
    import coverage

    data = coverage.CoverageData(os.environ["COVERAGE_FILE"], suffix="marks")
    marks.into(data, folder, BRIDGE)
    data.write()


if __name__ == "__main__":
    add(sys.argv[1])
