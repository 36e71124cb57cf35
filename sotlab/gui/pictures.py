"""Pictures of every page of the window at work, light and dark, for the README and for whoever changes it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sotlab.errors import RunError
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.states import State
from sotlab.gui.theme import palette
from sotlab.gui.window import MainWindow

__all__ = ["SHORT_SWEEP", "Photographer", "take_pictures"]

log = logging.getLogger(__name__)

#: What is typed for the pictures: a sweep through the resonance of the sample that is shipped.
SHORT_SWEEP = {"start": "35 mT", "stop": "95 mT", "points": "61"}
#: What is typed for the sweeps in the queue.
QUEUED = (
    {"frequency": "6 GHz", "start": "25 mT", "stop": "75 mT", "points": "31"},
    {"frequency": "25 GHz"},
    {"frequency": "8.123456789 GHz", "start": "50 mT", "stop": "110 mT"},
)
#: What is typed for the map.
SERIES = {"frequency": "4 GHz", "frequency_stop": "8 GHz", "frequencies": "5", "points": "31"}
#: How much of it is done in the picture of the running window.
RUNNING_PART = 0.7
#: How often it is looked whether it is time for the next picture [ms].
CHECK_MS = 50
#: A sweep that takes longer than this is given up [ms].
TIME_OUT_MS = 500_000


def take_pictures(application: QtWidgets.QApplication, window: MainWindow, folder: Path) -> None:
    """Begin to take the pictures; the application exits when they are there, with 0, or with 1 if the run failed.

    Raises
    ------
    RunError
        If the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: the folder for the pictures cannot be made: {error.strerror}") from error
    window.show()
    window.guide.welcome()
    Photographer(application, window, folder)


class Photographer(QtCore.QObject):
    """Waits for each moment, takes its pictures, and goes on to the next."""

    def __init__(self, application: QtWidgets.QApplication, window: MainWindow, folder: Path) -> None:
        super().__init__(window)
        self.application, self.window, self.folder = application, window, folder
        self._steps: list[tuple[str, Callable[[], bool], Callable[[], Any]]] = [
            ("welcome", lambda: window.place.simulated is not None, window.guide.begin),
            ("guide", self._frame_is_there, self._type_sweep),
            ("idle", lambda: True, window.start),
            ("running", self._fit_is_shown, lambda: None),
            ("finished", lambda: not window.busy, self._fill_queue),
            ("queue", self._second_runs, lambda: None),
            ("", lambda: not window.busy, self._show_runs),
            ("runs", lambda: len(window.runs.model.runs) > 1, self._compare),
            ("compare", lambda: bool(window.plot.others), self._begin_series),
            ("map", lambda: not window.busy, self._show_results),
            ("results", lambda: True, self._ask_station),
            ("station", lambda: not window.busy, self._show_log),
            ("log", lambda: True, window.close),
        ]
        self._timer = QtCore.QTimer(self, interval=CHECK_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()
        self._limit = QtCore.QTimer(self, singleShot=True, interval=TIME_OUT_MS)
        self._limit.timeout.connect(lambda: self._give_up("the sweep takes too long"))
        self._limit.start()

    def _fit_is_shown(self) -> bool:
        planned = self.window.pace.planned
        far = planned is not None and self.window.pace.done >= RUNNING_PART * planned
        return far and self.window.plot.fit is not None and self.window.state is State.RUNNING

    def _fill_queue(self) -> None:
        """Queue sweeps at three frequencies, the second of which the station does not allow."""
        for texts in QUEUED:
            for name, text in texts.items():
                self.window.form.inputs[name].edit.setText(text)
            self.window.add_to_queue()
        self.window.statusBar().clearMessage()
        self.window.tabs.setCurrentWidget(self.window.queue)
        self.window.start_queue()

    def _second_runs(self) -> bool:
        states = [state.status for state in self.window.queue.states.values()]
        return "failed" in states and "running" in states and self.window.pace.done > 0

    def _show_runs(self) -> None:
        self.window.tabs.setCurrentWidget(self.window.runs)
        self.window.runs.search()

    def _compare(self) -> None:
        for row in range(1, len(self.window.runs.model.runs)):
            if self.window.runs.model.runs[row]["rows"]:
                self.window.runs.table.selectRow(row)
                self.window.runs.buttons["Compare"].click()

    def _ask_station(self) -> None:
        self.window.tabs.setCurrentWidget(self.window.station_view)
        self.window.station_view.read()

    def _begin_series(self) -> None:
        """Measure spectra at several frequencies, on the page of the map."""
        self.window.plot.compare_no_more()
        self.window.panel.choose("STFMRFrequencySeries")
        for name, text in SERIES.items():
            self.window.form.inputs[name].edit.setText(text)
        self.window.panel.views.setCurrentWidget(self.window.panel.map)
        self.window.start()

    def _show_results(self) -> None:
        self.window.panel.views.setCurrentWidget(self.window.panel.results)

    def _show_log(self) -> None:
        self.window.tabs.setCurrentWidget(self.window.log)

    def _type_sweep(self) -> None:
        self.window.guide.end()
        for name, text in SHORT_SWEEP.items():
            self.window.form.inputs[name].edit.setText(text)

    def _frame_is_there(self) -> bool:
        edit = self.window.form.inputs["frequency"].edit
        corner = edit.mapTo(self.window, QtCore.QPoint(0, 0))
        return self.window.guide.frame.geometry().topLeft() == corner - QtCore.QPoint(4, 4)

    def _look(self) -> None:
        name, ready, then = self._steps[0]
        went_wrong = self.window.state in (State.FAILED, State.ABORTED) and name in ("running", "finished")
        if went_wrong or (name == "running" and not self.window.busy):
            self._give_up(self.window.message.text() or f"the sweep was over before the window was seen {name}")
        elif ready():
            if name:
                self._take(name)
            self._steps.pop(0)
            if not self._steps:
                self._timer.stop()
                self._limit.stop()
            then()

    def _take(self, name: str) -> None:
        own = self.application.palette()
        for theme, dark in (("light", False), ("dark", True)):
            self.application.setPalette(palette(dark))
            QtWidgets.QApplication.sendPostedEvents()
            picture = self.window.grab()
            file = self.folder / f"{name}-{theme}.png"
            if not picture.save(str(file)):
                self._give_up(f"{file}: the picture cannot be written")
        self.application.setPalette(own)

    def _give_up(self, reason: str) -> None:
        log.error("no pictures: %s", reason)
        self._timer.stop()
        self._limit.stop()
        self.window.stop_and_close()
        self.application.exit(1)
