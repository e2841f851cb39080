# SPDX-License-Identifier: MIT OR Apache-2.0
"""A hub that says something all the time, so that all threads of the bridge wake up again and again."""

import threading


class Talk:
    """`with Talk(blender) as talk:`; `talk.said` counts."""

    def __init__(self, blender):
        self._blender, self._end, self.said = blender, threading.Event(), 0
        self._thread = threading.Thread(target=self._talk)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._end.set()
        self._thread.join()

    def _talk(self):
        while not self._end.wait(0.0003):
            self._blender.hub.send({"t": "cancel", "id": "nobody", "reason": "cancelled"})
            self.said += 1
