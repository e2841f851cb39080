# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where things are in the window of each Blender, for real clicks: in pixels from the top left of a window of 1280 by
800 with nothing but Kapelle installed."""

from collections import namedtuple

# `tab`: Kapelle's in the sidebar; `tab_edge`: a point of it without a letter; `stop`: the button of the only running
# call; `revert`: that of the call that ended last, when none runs; `entry`: from one call to the next; `ok`: of the
# question that comes up below the pointer when the second call is reverted.
Places = namedtuple("Places", "tab tab_edge stop revert entry ok")

_SINCE = {
    (3, 4): Places((1043, 248), (1040, 232), (940, 305), (1007, 294), 42, (1004, 425)),
    (4, 1): Places((1043, 248), (1040, 232), (940, 305), (1007, 294), 42, (930, 403)),
    (5, 2): Places((1036, 330), (1031, 330), (932, 305), (999, 294), 42, (930, 403)),
}
# How bright `tab_edge` is while the tab is the chosen one; it is 29 when not.
TAB_OPEN = range(40, 60)


def places_of(version):
    """The Places of that (major, minor)."""
    return _SINCE[max(since for since in _SINCE if since <= version)]
