"""What people may do to a run while it goes on; it takes effect between two points, and stands in the journal."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

__all__ = ["RunControl"]


class RunControl:
    """Requests to a run, from any thread.

    The scan takes them up before its next point. ``Scan.should_stop`` is apart: it also cuts short the waits.
    """

    def __init__(self) -> None:
        self._going = threading.Event()
        self._going.set()
        self._requests: deque[tuple[str, Any]] = deque()

    def pause(self) -> None:
        """Hold before the next point, with everything as it is."""
        self._going.clear()

    def go_on(self) -> None:
        """End a pause."""
        self._going.set()

    @property
    def paused(self) -> bool:
        """Whether the run is asked to hold."""
        return not self._going.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for the end of a pause, at most ``seconds`` of wall time."""
        self._going.wait(seconds)

    def skip(self, index: int) -> None:
        """Leave out the planned point ``index``, all its repeats that have not been measured."""
        self._requests.append(("skip", index))

    def remeasure(self, index: int) -> None:
        """Measure the planned point ``index`` once more; its row gets the next repeat, the old ones stay."""
        self._requests.append(("remeasure", index))

    def change(self, name: str, value: Any) -> None:
        """Set a parameter from the next point on; refused if it would change the plan."""
        self._requests.append(("change", (name, value)))

    def ask_readings(self) -> None:
        """Have the instruments read between two points, as far as that is harmless; told as topic ``readings``."""
        if not any(request == "read" for request, _ in self._requests):
            self._requests.append(("read", None))

    def take(self) -> list[tuple[str, Any]]:
        """Return the requests since the last call."""
        taken = []
        while self._requests:
            taken.append(self._requests.popleft())
        return taken
