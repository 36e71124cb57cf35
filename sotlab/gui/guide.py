"""The guided first measurement: a line above the pages that says what to do next, and sees when it has been done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sotlab.gui.qt import QtCore, QtGui, QtWidgets
from sotlab.gui.states import State

__all__ = ["Guide"]

PROCEDURE = "STFMRFieldSweep"
#: How often it is looked whether a step has been done [ms].
LOOK_MS = 150


@dataclass(frozen=True)
class Step:
    """One thing to do: what is said, what it is done to, when it is done, and what is said of a wrong turn."""

    text: Callable[[], str]
    target: Callable[[], QtWidgets.QWidget | None]
    done: Callable[[], bool]
    hint: Callable[[], str] = lambda: ""


class Guide(QtWidgets.QFrame):
    """Leads through one measurement, from the inputs to the run in the catalog.

    Parameters
    ----------
    window : MainWindow
        The window that it speaks about; the guide presses nothing itself.
    """

    #: A station file is to be chosen.
    station_wanted = QtCore.Signal()

    def __init__(self, window: Any) -> None:
        super().__init__()
        self.window_ = window
        self.number: int | None = None
        self._reduced = False
        self.setFrameShape(QtWidgets.QFrame.Shape.StyledPanel)
        self.setAccessibleName("Guide")
        self.text = QtWidgets.QLabel(wordWrap=True)
        self.hint = QtWidgets.QLabel(wordWrap=True)
        self.begin_button = QtWidgets.QPushButton("Guide me through a first measurement")
        self.station_button = QtWidgets.QPushButton("I have a station file…")
        self.next_button = QtWidgets.QPushButton("Next")
        self.end_button = QtWidgets.QPushButton("End the guide")
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(10, 6, 10, 6)
        column.setSpacing(4)
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.text, 1)
        for button in (self.begin_button, self.station_button, self.next_button, self.end_button):
            row.addWidget(button)
        column.addLayout(row)
        column.addWidget(self.hint)
        self.frame = _Frame(window)
        self._steps = self._first_measurement()
        self.begin_button.clicked.connect(self.begin)
        self.station_button.clicked.connect(self.station_wanted)
        self.next_button.clicked.connect(self._next)
        self.end_button.clicked.connect(self.end)
        window.reduced.connect(self._note_reduced)
        self._timer = QtCore.QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)
        self.hide()

    def welcome(self) -> None:
        """Say where one is when there is no station file, and what can be done."""
        self.number = None
        self.text.setText(
            "<b>Welcome.</b> There is no <i>station.toml</i> in this folder, so the window stands on the virtual lab:"
            " instruments and a sample that are simulated. Nothing real is driven. For a bench of your own,"
            " <i>sotlab station new</i> writes a station file."
        )
        self.hint.hide()
        self._show_buttons(self.begin_button, self.station_button, self.end_button)
        self.show()

    def begin(self) -> None:
        """Begin with the first step, at the procedure and its defaults."""
        if not self.window_.busy:
            self.window_.panel.choose(PROCEDURE)
            self.window_.panel.use_defaults.click()
        self.number = 0
        self._reduced = False
        self.window_.tabs.setCurrentWidget(self.window_.panel)
        self._show_buttons(self.end_button)
        self.show()
        self._timer.start()
        self._look()

    def end(self) -> None:
        """Say no more."""
        self.number = None
        self._timer.stop()
        self.frame.hide()
        self.hide()

    def _note_reduced(self, result: Any) -> None:
        self._reduced = result.error is None

    def _next(self) -> None:
        if self.number is not None and self.number + 1 < len(self._steps):
            self.number += 1
            self._look()
        else:
            self.end()

    def _look(self) -> None:
        """Go to the first step that is not done yet, and say it."""
        if self.number is None:
            return
        while self.number < len(self._steps) - 1 and self._steps[self.number].done():
            self.number += 1
        step = self._steps[self.number]
        said = f"<b>Step {self.number + 1} of {len(self._steps)}.</b> {step.text()}"
        if self.text.text() != said:
            self.text.setText(said)
        hint = step.hint()
        self.hint.setText(f"⚠ {hint}" if hint else "")
        self.hint.setVisible(bool(hint))
        last = self.number == len(self._steps) - 1
        self.next_button.setVisible(step.done is _by_hand and not last)
        self.end_button.setText("Done" if last else "End the guide")
        self.frame.surround(step.target())

    def _show_buttons(self, *shown: QtWidgets.QPushButton) -> None:
        for button in (self.begin_button, self.station_button, self.next_button, self.end_button):
            button.setVisible(button in shown)

    # -- the steps -----------------------------------------------------------------------------------------------

    def _first_measurement(self) -> list[Step]:
        window = self.window_

        def button(action: Any) -> Callable[[], QtWidgets.QWidget]:
            return lambda: next(
                one
                for one in window.centralWidget().findChildren(QtWidgets.QToolButton)
                if one.defaultAction() is action
            )

        return [
            Step(
                lambda: (
                    "A microwave current drives the sample, the field is swept through its resonance. It is set up"
                    " already but for the frequency: type <b>6 GHz</b> into <b>Frequency</b>, on the left."
                ),
                self._frequency_edit,
                self._typed,
                self._wrong_input,
            ),
            Step(
                lambda: "Press <b>Start</b>, above the plot (or Ctrl+Return).",
                button(window.start_action),
                lambda: window.measurement is not None and window.busy,
                lambda: self._wrong_input() or window.panel.problem or self._ended_badly(),
            ),
            Step(
                lambda: (
                    "It measures: each dot is a reading, the line is the fit, below it what the fit leaves over."
                    " Time to go stands at the bottom. Wait for the end; nothing needs to be pressed."
                ),
                lambda: window.progress_text,
                lambda: window.state is State.FINISHED and self._reduced and not window.busy,
                self._ended_badly_or_not_shown,
            ),
            Step(
                lambda: (
                    f"Done: the resonance is at <b>{self._resonance()}</b>, on the right under <b>Result</b>."
                    " <b>report</b>, at the bottom, opens the page with the plots."
                ),
                lambda: window.readings.fit,
                _by_hand,
            ),
            Step(
                lambda: "Every run is kept: choose the page <b>Runs</b> to see it in the list.",
                lambda: window.tabs.tabBar(),
                lambda: window.tabs.currentWidget() is window.runs,
            ),
            Step(
                lambda: (
                    "There it is. Double-click opens a run, <b>Compare</b> draws it beside another."
                    " Next: <b>Measure</b>, another frequency, and <b>Add to queue</b>. F12 is the emergency stop."
                ),
                lambda: None,
                _by_hand,
            ),
        ]

    def _frequency_edit(self) -> QtWidgets.QWidget | None:
        if self.window_.panel.procedure_class.__name__ != PROCEDURE:
            return self.window_.panel.picker
        return self.window_.form.inputs["frequency"].edit

    def _typed(self) -> bool:
        window = self.window_
        if window.panel.procedure_class.__name__ != PROCEDURE or window.form.errors:
            return False
        return window.form.values()["frequency"] == 6e9

    def _wrong_input(self) -> str:
        window = self.window_
        if window.tabs.currentWidget() is not window.panel:
            return "The inputs are on the page Measure: choose it (Ctrl+1)."
        if window.panel.procedure_class.__name__ != PROCEDURE:
            return f"{window.panel.procedure_class.__name__} is chosen; choose {PROCEDURE}, at the top left."
        errors = window.form.errors
        return f"An input cannot be used: {errors[0]}" if errors else ""

    def _ended_badly(self) -> str:
        state = self.window_.state
        ended = {State.ABORTED: "The run was stopped", State.FAILED: "The run has failed"}.get(state)
        return f"{ended}: press Start to measure it again." if ended and not self.window_.busy else ""

    def _ended_badly_or_not_shown(self) -> str:
        if self.window_.tabs.currentWidget() is not self.window_.panel:
            return "The plot is on the page Measure (Ctrl+1)."
        if self.window_.state is State.PAUSED:
            return "The run is paused: press Go on."
        return self._ended_badly()

    def _resonance(self) -> str:
        for label, value in self.window_.readings.fit.texts().items():
            if "res" in label:
                return value
        return "–"


def _by_hand() -> bool:
    """Say that only a button ends a step."""
    return False


class _Frame(QtWidgets.QWidget):
    """A frame around what is spoken of; the mouse goes through it."""

    def __init__(self, window: QtWidgets.QWidget) -> None:
        super().__init__(window)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_NoSystemBackground)
        self.hide()

    def surround(self, target: QtWidgets.QWidget | None) -> None:
        """Stand around a widget; nowhere if there is none or it is not seen."""
        if target is None or not target.isVisible():
            self.hide()
            return
        corner = target.mapTo(target.window(), QtCore.QPoint(0, 0))
        self.setGeometry(QtCore.QRect(corner, target.size()).adjusted(-4, -4, 4, 4))
        self.show()
        self.raise_()

    def paintEvent(self, event: Any) -> None:
        """Draw it: dark inside light, so that it is seen on both themes."""
        painter = QtGui.QPainter(self)
        for colour, width in (("#000000", 5), ("#F0E442", 3)):
            painter.setPen(QtGui.QPen(QtGui.QColor(colour), width))
            painter.drawRoundedRect(self.rect().adjusted(2, 2, -3, -3), 4, 4)
        painter.end()
