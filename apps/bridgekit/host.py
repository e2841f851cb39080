# SPDX-License-Identifier: MIT OR Apache-2.0
"""What an application gives the executor. Every default does nothing.

All methods are called on the main thread, outside the time in which a call may be interrupted, except
`convert` and `explain`, which run inside the call. An exception in one of them never ends the bridge:
it becomes a log record of the call.
"""


class Host:
    """Subclass it in the application's bridge and override what the application can do."""

    def namespace(self):
        """Fresh globals for a caller's code, such as the application's modules."""
        return {}

    def revision_now(self):
        """The revision of the application's state, brought up to date, or None if it has none."""
        return

    def before(self, call, effect):
        """Called before a call runs. Returns a token for `after`. Raise a Problem to refuse the call."""
        return

    def after(self, call, token, ended_well):
        """Called when the call has ended. Returns its changes: {"added", "changed", "removed"} or None."""
        return

    def reports(self, call):
        """Log records {"level", "source", "text"} that the application wrote since `before`."""
        return ()

    def convert(self, value, call):
        """(True, JSON) for a value of the application's own types, else (False, None)."""
        return (False, None)

    def state(self):
        """What is worth knowing about the application, or None. Pushed when it changed and nothing waits."""
        return

    def wants_tick(self):
        """Whether `step` should come back now, though calls wait, because the application has to pass through its own
        loop first. Asked after each call."""
        return False

    def changes(self):
        """What changed since the last time this was asked: the `changes` beside a state, or None."""
        return

    def explain(self, exc, call):
        """A hint for an exception in a caller's code, or None."""
        return

    def dangers(self):
        """Further dangers of the application's own API, as static_check.DANGERS: {dotted name: kind}."""
        return {}

    def dangers_in(self, tree, checked):
        """Adds findings that no single name tells, after the source was walked."""

    def missing_in(self, checked):
        """What the source calls and this application has not: [{"name", "line", "hint"}]."""
        return []

    def leave(self):
        """Called once before a background process leaves: the place to save a recovery copy."""
