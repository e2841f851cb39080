# SPDX-License-Identifier: MIT OR Apache-2.0
"""How often the code of a call ran, told by the code itself: a line in a file when it begins, one when it ends."""

import os


class Runs:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def code(self, name, seconds=0.0):
        """Code that says so and gives its name; it takes that long, and an interrupt may end it meanwhile."""
        path = str(self.folder / name)
        return (
            "import time\n"
            "def told(word):\n"
            "    with open(%r, 'a') as out: out.write(word + '\\n')\n"
            "told('began')\n"
            "until = time.monotonic() + %g\n"
            "while time.monotonic() < until: time.sleep(0.01)\n"
            "told('ended')\n"
            "%r" % (path, seconds, name)
        )

    def of(self, name):
        """The lines of one name."""
        path = self.folder / name
        return path.read_text().split() if path.exists() else []

    def began(self, name):
        return "began" in self.of(name)

    def all(self):
        return {name: self.of(name) for name in sorted(os.listdir(self.folder))}


ONCE = ["began", "ended"]
