# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the executor says to the outside: to the link, to a listener of the bridge's own, to a test.

The executor knows this shape and no socket.
"""


class Port:
    """What the executor says to the outside; the defaults say nothing. Called from any thread."""

    def started(self, call):
        """The call is about to run. Comes back when that is on its way."""

    def settle(self, call, told):
        """The call has ended with this OUTCOME."""

    def direct(self, call, told):
        """A call that came by a listener of our own has ended with this OUTCOME."""

    def state(self, state, changes=None):
        """The application's state has changed; `changes`: what of it, where the application knows."""

    def nudge(self):
        """There is progress or output to stream. Called in the middle of a call: takes no lock."""

    def catch_up(self):
        """Comes back when what was said to us by now has been taken: after a call that held everything up."""

    def beat_now(self):
        """Something that a beat tells has turned."""
