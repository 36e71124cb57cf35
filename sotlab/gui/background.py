"""Work that must not hold the window up: done in a thread, its outcome brought back by a timer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from sotlab.errors import SotlabError
from sotlab.gui.qt import QtCore

__all__ = ["Background", "one_line"]

#: How often it is looked whether something has come [ms].
LOOK_MS = 40


class Background(QtCore.QObject):
    """Does work in threads and tells the outcome in the GUI's own."""

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._done: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._pending = 0
        self._timer = QtCore.QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def busy(self) -> bool:
        """Whether something has not come back yet."""
        return self._pending > 0

    def run(
        self, work: Callable[[], Any], then: Callable[[Any], None], failed: Callable[[str], None], wait: bool = False
    ) -> threading.Thread:
        """Begin ``work``; later call ``then`` with what it returned, or ``failed`` with what went wrong in one line.

        With ``wait`` the interpreter does not leave before it is done: for what makes something safe.
        """

        def go() -> None:
            try:
                outcome = work()
            except Exception as error:  # whatever it is, it is told
                problem = one_line(error)
                self._done.put(lambda: failed(problem))
            else:
                self._done.put(lambda: then(outcome))

        self._pending += 1
        self._timer.start()
        thread = threading.Thread(target=go, name="background", daemon=not wait)
        thread.start()
        return thread

    def _look(self) -> None:
        while not self._done.empty():
            self._pending -= 1
            try:
                self._done.get()()
            finally:
                if not self._pending:
                    self._timer.stop()


def one_line(error: Exception) -> str:
    """Return an error in one line."""
    text = str(error) if isinstance(error, SotlabError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
