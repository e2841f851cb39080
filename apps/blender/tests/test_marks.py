# SPDX-License-Identifier: MIT OR Apache-2.0
"""marks.py against coverage itself: what it marks is what coverage sees run, line by line."""

import subprocess
import sys

import coverage
import marks

SOURCE = '''"""What a module may hold."""
from __future__ import annotations

import functools


def keep(function):
    @functools.wraps(function)
    def inner(*args):
        """Passes on."""
        return function(*args)

    return inner


@keep
@functools.lru_cache(
    maxsize=None
)
def choose(value):
    if value == 1:
        return "one"
    elif value == 2:
        return "two"
    else:
        return [
            value
            for value in (1, 2)
        ]


class Kind:
    """A class."""

    size: int = 3

    @property
    def half(self):
        return self.size // 2


def fail(times):
    global count
    count = 0
    while count < times:
        count += 1
        try:
            if count == 1:
                raise ValueError(count)
            if count == 2:
                continue
            count.nothing
        except ValueError:
            count += 0
        except KeyError:
            count += 100
        except AttributeError as error:
            told = str(error)
        else:
            told = None
        finally:
            count += 0
    else:
        told = "ended"
    return told


def never():
    with open("nothing") as file:
        return file


async def soon():
    async with never() as one:
        yield one


choose(2), choose(5), Kind().half, fail(4)
'''


def test_marks_are_what_coverage_sees(tmp_path, monkeypatch):
    package = tmp_path / "sample"
    (package / "part").mkdir(parents=True)
    for name in ("__init__.py", "part/__init__.py", "bridgekit.py"):
        (package / name).write_text("")
    (package / "part" / "kinds.py").write_text(SOURCE)
    (package / "part" / "other.py").write_text("if not __name__:\n    import nothing\n")
    folder = tmp_path / "marks"
    folder.mkdir()
    code = (
        "import sys; sys.path[:0] = [%r, %r]; import marks, os, signal; marks.begin('sample', %r); import sample.part.kinds, "
        "sample.part.other, sample.bridgekit; os.kill(os.getpid(), signal.SIGKILL)"
    ) % (str(tmp_path), marks.__file__.rpartition("/")[0], str(folder))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert {one.name for one in folder.iterdir()} == {"part", "part.kinds", "part.other"}

    data = coverage.CoverageData(no_disk=True)
    marks.into(data, folder, package)
    kinds = package / "part" / "kinds.py"
    assert data.lines(str(package / "part" / "other.py")) == [1]
    assert data.measured_files() == {
        str(one) for one in (kinds, package / "part" / "other.py", package / "part" / "__init__.py")
    }

    seen = coverage.Coverage(data_file=None, include=[str(kinds)], config_file=False)
    seen.start()
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("sample.part.kinds")
    seen.stop()
    _, statements, _, missing, _ = seen.analysis2(str(kinds))
    for name in [one for one in sys.modules if one.partition(".")[0] == "sample"]:
        del sys.modules[name]

    told = coverage.Coverage(data_file=None, config_file=False)
    told.get_data().update(data)
    tried = SOURCE[: SOURCE.index("except KeyError")].count("\n") + 1
    assert [line for line in told.analysis2(str(kinds))[3] if line != tried] == missing
    assert 0 < len(missing) < len(statements) / 4
