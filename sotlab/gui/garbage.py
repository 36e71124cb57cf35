"""Collects Python's cyclic garbage in the window's thread, and there between two events.

Python collects in whatever thread happens to make an object: a closed window that is collected in the worker's thread,
or while another one is being built, brings the program down.
"""

from __future__ import annotations

import gc
from typing import Any

from sotlab.gui.qt import QtCore

__all__ = ["Collector"]

PERIOD_MS = 500


class Collector(QtCore.QObject):
    """Takes over from Python's own collection for as long as the application lives.

    Parameters
    ----------
    application : QObject
        The application; its thread collects.
    """

    def __init__(self, application: QtCore.QObject) -> None:
        super().__init__(application)
        gc.disable()
        self._timer = QtCore.QTimer(self, interval=PERIOD_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    @classmethod
    def of_this_application(cls) -> Collector:
        """Return the application's collector; the first call makes it."""
        application: Any = QtCore.QCoreApplication.instance()
        return application.findChild(cls) or cls(application)

    def spare_what_is_there(self) -> None:
        """Look no more at what has been made so far, as modules: a full collection is then short."""
        gc.collect()
        gc.freeze()

    def _look(self) -> None:
        """Collect the oldest generation that is due, as Python would."""
        for generation in (2, 1, 0):
            if gc.get_count()[generation] > gc.get_threshold()[generation]:
                gc.collect(generation)
                return
