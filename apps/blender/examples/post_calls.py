# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sends the calls of a JSON file to the hub, one after the other, and prints what came back.

    kapelle start blender
    python post_calls.py still_life.json

Needs nothing but Python. The hub's address and the owner's token are read from Kapelle's home folder.
"""

import json
import os
import sys
import urllib.error
import urllib.request


def main(path):
    home = os.environ.get("KAPELLE_HOME") or os.path.expanduser("~/.kapelle")
    with open(os.path.join(home, "run", "hub.json")) as file:
        url = json.load(file)["url"]
    with open(os.path.join(home, "tokens", "owner")) as file:
        token = file.read().strip()
    with open(path, encoding="utf-8") as file:
        calls = json.load(file)
    for call in calls:
        outcome = post(url, token, dict(call, app="blender"))
        print("%-10s %8.1f ms  %s" % (outcome["status"], outcome["duration_ms"], call["command"]))
        if outcome["status"] != "succeeded":
            sys.exit("%(message)s %(hint)s" % dict({"hint": ""}, **outcome["problem"]))


def post(url, token, call):
    """The outcome of one call; ends the program when it was not even run."""
    request = urllib.request.Request(
        url + "/v1/calls",
        json.dumps(call).encode(),
        {"Authorization": "Bearer " + token, "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit("%s: %s" % (error, error.read().decode("utf-8", "replace")))


if __name__ == "__main__":
    main(sys.argv[1])
