"""What `llvm-cov export` says of each file, as a line for each crate and the sum.

In: its JSON on stdin. Out: a table. It says nothing about files that no program of the tests has in it.
"""

import collections
import json
import sys

GOAL_PERCENT = 90.0


def main():
    told = collections.defaultdict(lambda: [0, 0])
    rooms = []
    for one in json.load(sys.stdin)["data"][0]["files"]:
        path = one["filename"].split("/crates/")[-1]
        lines = one["summary"]["lines"]
        rooms.append((lines["count"] - lines["covered"], path, lines["percent"]))
        for key in (path.split("/")[0], "all of crates/"):
            told[key][0] += lines["covered"]
            told[key][1] += lines["count"]
    print("%-16s %8s %8s %7s" % ("", "run", "lines", "%"))
    for key, (covered, count) in sorted(told.items(), key=lambda item: (item[0].startswith("all"), item[0])):
        print("%-16s %8d %8d %6.1f" % (key, covered, count, 100.0 * covered / count))
    print("\nmost lines that no test runs:")
    for missed, path, percent in sorted(rooms, reverse=True)[:12]:
        print("%6d  %5.1f %%  %s" % (missed, percent, path))
    covered, count = told["all of crates/"]
    return 0 if 100.0 * covered >= GOAL_PERCENT * count else 1


if __name__ == "__main__":
    sys.exit(main())
