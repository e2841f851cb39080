# SPDX-License-Identifier: MIT OR Apache-2.0
"""One Blender for many tests, and a new one once it has died or stands still.

In: how to start one (an Instance). Out: `fresh()`, that Blender with a default file. One that no longer answers costs
one test and not every test after it: `fresh` raises, or `look` finds it behind a test that failed, and the next test
gets a new one. What is known of it then stands in TOLD, which conftest.py prints at the end of the run: a test that is
run again and passes would hide it.
"""

import os

# A default file takes seconds, also in a window that a busy processor draws.
FRESH_S = 60.0
# For a call that does nothing, behind a test that failed.
ANSWER_S = 30.0
TOLD = []


class Shared:
    """`start()` gives an Instance. `close` it."""

    def __init__(self, start):
        self._start = start
        self._instance = None
        self._never = None  # why none starts: that is not tried for every test again

    def fresh(self, seconds=FRESH_S):
        """The Blender with a default file. Raises AssertionError when it has died or stands still."""
        if self._never is not None:
            raise AssertionError("no Blender starts: %s" % self._never)
        if self._instance is None:
            try:
                self._instance = self._start()
            except (AssertionError, OSError) as error:
                self._never = error
                raise
        why = self._ask(lambda: self._instance.fresh(seconds), "gave no default file within %g s" % seconds)
        if why is not None:
            raise AssertionError(why)
        return self._instance

    def look(self, seconds=ANSWER_S):
        """Whether it still answers. One that does not goes."""
        call = "code.run", {"code": "0"}
        return self._ask(
            lambda: self._instance.outcome(self._instance.send(*call), seconds), "did not answer within %g s" % seconds
        )

    def close(self):
        instance, self._instance = self._instance, None
        if instance is not None:
            instance.close()

    def _ask(self, question, otherwise):
        """None, or what is known of a Blender that has gone for it."""
        if self._instance is None:
            return None
        code = self._instance.process.poll()
        if code is not None:
            why = "Blender has died (exit code %d)." % code
        else:
            try:
                question()
                return None
            except (AssertionError, OSError) as error:
                why = "Blender %s: %s" % (otherwise, (str(error) or type(error).__name__).splitlines()[0])
        try:
            found = os.environ.get("PYTEST_CURRENT_TEST", "")
            TOLD.append("%s\nFound at %s.\n%s" % (why, found, self._instance.last_words()))
        finally:
            self.close()
        return TOLD[-1]
