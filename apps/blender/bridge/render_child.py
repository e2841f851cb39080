# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that renders: `blender -b --python render_child.py -- JOB` or `python render_child.py JOB`.

In: a JSON file written by render.py (a copy of the open file, a kind of job, settings). Out: lines on stdout that
begin with "KAPELLE " and carry JSON: {"stats"}, {"note"} or what the job tells, then {"done"} or {"error", "code"}.
It leaves when its stdin closes, so it does not outlive the Blender that started it. It never connects to a hub. What
it does is in render_jobs.py.
"""

import importlib
import importlib.util
import json
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with open(sys.argv[-1], encoding="utf-8") as source:
        job = json.load(source)
    try:
        _say(done=_run(job))
        code = 0
    except Exception as error:
        _say(error=str(error).strip() or type(error).__name__, code=getattr(error, "code", "call_failed"))
        code = 1
    sys.stdout.flush()
    os._exit(code)  # the wheel hangs or crashes in its own clean-up; the picture is written


def _run(job):
    # The package is imported from its folder under its own name, whatever that is here; the one above may not be
    # readable, and the folder itself must not be on the path.
    sys.path[:] = [one for one in sys.path if os.path.abspath(one or ".") != HERE]
    name = os.path.basename(HERE)
    found = importlib.util.spec_from_file_location(
        name, os.path.join(HERE, "__init__.py"), submodule_search_locations=[HERE]
    )
    package = sys.modules[name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(package)
    return importlib.import_module(name + ".render_jobs").run(job, _say)


def _say(**told):
    try:
        os.write(1, b"\nKAPELLE " + json.dumps(told).encode("ascii") + b"\n")
    except OSError:
        os._exit(3)


def _leave_with_parent():
    try:
        while os.read(0, 1):
            pass
    except OSError:
        pass
    os._exit(3)


if __name__ == "__main__":
    main()
