# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two builds of `kapelle` in turns, figure by figure.

    bench/compare.py OLD NEW [--rounds 5] [--bench PATH] [-- options of kapelle-bench, such as --quick --no-blender]

In: two programs, and a `kapelle-bench` (of a release build). Out, on stdout: for every figure of the report the median
of each build's rounds and the median of the rounds' ratios, new to old. The exit code is 1 if one is above --most.
The builds take turns, and every other round begins with the new one, so that what else the machine does hits both.
Where a figure counts how much is done in a second, its ratio is turned round: more than 1 always means worse.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

# Figures of which more is better, by how their unit ends.
RATE = "/s"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=float, default=1.1, help="a ratio above it fails")
    parser.add_argument("--bench", type=Path, default=Path("target/release/kapelle-bench"))
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    told, words = parser.parse_args(sys.argv[1:at]), sys.argv[at + 1 :]
    rounds = []
    for number in range(told.rounds):
        order = [("old", told.old), ("new", told.new)]
        found = {name: figures(told.bench, program, words) for name, program in order[:: 1 if number % 2 else -1]}
        rounds.append(found)
        print("round %d of %d" % (number + 1, told.rounds), file=sys.stderr)
    sys.exit(1 if report(rounds, told.most) else 0)


def figures(bench, program, words):
    """(what, unit) -> value."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [str(bench), "--kapelle", str(program.resolve()), "--out", str(out), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not out.exists():
            sys.exit("%s\n%s" % (" ".join(command), done.stderr[-2000:]))
        return dict(of_report(json.loads(out.read_text())))


def of_report(report):
    for row in report["rows"]:
        for name, unit in (("p50_ms", "ms"), ("calls_per_s", "calls/s")):
            if row.get(name):
                yield ("%s, %s: %s" % (row["what"], row["way"], name), unit), row[name]
    for one in report["figures"]:
        yield (one["name"], one["unit"]), one["value"]


def report(rounds, most):
    """Prints the table; the figures that are worse."""
    worse = []
    print("| figure | old | new | new : old |\n|---|---:|---:|---:|")
    for key in rounds[0]["old"]:
        what, unit = key
        pairs = [(one["old"][key], one["new"][key]) for one in rounds if key in one["old"] and key in one["new"]]
        pairs = [(old, new) for old, new in pairs if old and new]
        if not pairs:
            continue
        ratio = statistics.median(old / new if unit.endswith(RATE) else new / old for old, new in pairs)
        old, new = (statistics.median(side) for side in zip(*pairs, strict=True))
        print("| %s | %.4g %s | %.4g | %.2f |" % (what, old, unit, new, ratio))
        if ratio > most and "floor" not in what:
            worse.append(what)
    print("\nabove %g: %s" % (most, "; ".join(worse) or "none"))
    return worse


if __name__ == "__main__":
    main()
