"""The operator's window: it starts a run, shows it as it comes, and closes only when the bench is safe.

It measures and decides nothing. What the run tells is put into a queue by its threads; here a timer empties it, at
most five times a second, and each time everything is drawn once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from sotlab.errors import SotlabError
from sotlab.gui.inputs import ParameterForm
from sotlab.gui.measurement import Ended, Measurement, Reduced, prepare
from sotlab.gui.plot import SweepPlot
from sotlab.gui.qt import QtCore, QtGui, QtWidgets
from sotlab.gui.readings import Readings
from sotlab.gui.theme import Colours, dot_icon
from sotlab.procedures.runs.pace import Pace
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

__all__ = ["MainWindow", "State"]

#: Shortest wall time between two drawings [ms].
PERIOD_MS = 200
#: Longest time for which the queue is emptied in one go [s]; what is left comes next time.
DRAIN_S = 0.015


class State(Enum):
    """What the window says of its run: text, icon and which colour."""

    IDLE = ("idle", "circle", "text")
    RUNNING = ("running", "play", "points")
    STOPPING = ("stopping: making safe", "stop", "warning")
    FINISHED = ("finished", "tick", "good")
    ABORTED = ("aborted", "stop", "warning")
    FAILED = ("failed", "cross", "bad")


class MainWindow(QtWidgets.QMainWindow):
    """The window on one station.

    Parameters
    ----------
    station : str
        The station file, or ``virtual:NAME``.
    out : Path
        Folder of runs.
    procedure_class : type of Scan
        What can be started.
    """

    #: A run has ended, with its :class:`Ended`.
    ended = QtCore.Signal(object)
    #: What was made of it is there, or why nothing was: its :class:`Reduced`.
    reduced = QtCore.Signal(object)

    def __init__(self, station: str, out: Path, procedure_class: type[Scan] = STFMRFieldSweep) -> None:
        super().__init__()
        self.station, self.out, self.procedure_class = station, out, procedure_class
        self.measurement: Measurement | None = None
        self.state = State.IDLE
        self.pace = Pace()
        self._closing = False
        self._question: QtWidgets.QMessageBox | None = None
        self._request: QtWidgets.QMessageBox | None = None
        self.setWindowTitle(f"sotlab: {procedure_class.__name__} on {station}")
        self._build_actions()
        self._build_widgets()
        self._timer = QtCore.QTimer(self, interval=PERIOD_MS)
        self._timer.timeout.connect(self._hear)
        self._show_state(State.IDLE)
        self._show_colours()
        threading.Thread(target=prepare, args=(procedure_class,), name="prepare").start()

    # -- what the operator can do --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start a run with what stands in the inputs."""
        if self.busy or self.form.errors:
            return
        try:
            scan = self.procedure_class(station=self.station, **self.form.values())
        except SotlabError as error:
            self._show_state(State.FAILED, str(error))
            return
        self.plot.clear()
        self.readings.clear()
        self.pace = Pace()
        self.progress.setRange(0, 0)
        self.progress_text.setText("opening the station")
        self.where.clear()
        self.measurement = Measurement(scan, self.out)
        self.measurement.start()
        self._timer.start()
        self._show_state(State.RUNNING)

    def stop(self) -> None:
        """Ask the run to stop: its bench is made safe and what was measured is kept."""
        if self.measurement is not None and self.state is State.RUNNING:
            self.measurement.stop()
            self.progress_text.setText(f"stopped at {self.pace.done} points")
            self._show_state(State.STOPPING)

    def stop_and_close(self) -> None:
        """Close without asking: stop the run, stay until its bench is safe and its files are written, then go."""
        self._closing = True
        self.stop()
        if self.busy:
            self.where.setText("closing when the bench is safe and the files are written")
        else:
            self.close()

    @property
    def busy(self) -> bool:
        """Whether a run, its making safe or its report is still going on, or has not been shown yet."""
        return self._timer.isActive()

    def show_bug(self, error: BaseException) -> None:
        """Say that the window itself has failed somewhere; the run goes on."""
        self.message.setText(f"internal error in the window: {type(error).__name__}: {error}; please report it")
        self.message.show()

    # -- what Qt calls -------------------------------------------------------------------------------------------

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Close when nothing is going on; else ask whether to stop, and close when the bench is safe."""
        if not self.busy:
            event.accept()
            return
        event.ignore()
        if self.state is not State.RUNNING:  # nothing left to be asked: it closes by itself
            self.stop_and_close()
        elif not self._closing:
            self._ask_whether_to_stop()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the system's theme."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and hasattr(self, "badge"):
            self._show_colours()

    # -- following the run ---------------------------------------------------------------------------------------

    def _hear(self) -> None:
        """Take in what the run has told, then draw it once."""
        measurement = self.measurement
        if measurement is None:
            return
        over = not measurement.active  # asked before the queue is emptied: nothing can come after it
        rows: list[dict[str, Any]] = []
        latest: dict[str, Any] = {}
        until = time.monotonic() + DRAIN_S
        while not measurement.news.empty() and time.monotonic() < until:
            topic, record = measurement.news.get()
            if topic == "results":
                rows.append(record)
            else:
                latest[topic] = record
        try:
            self._show_news(rows, latest)
        finally:  # whatever is wrong with drawing: how the run ended is told, and the window can be closed
            if "ended" in latest:
                self._show_end(latest["ended"])
            if "reduced" in latest:
                self._show_reduced(latest["reduced"])
            if over and measurement.news.empty():
                self._timer.stop()
                self._show_state(self.state, self.message.text())
                if self._closing:
                    self.close()

    def _show_news(self, rows: list[dict[str, Any]], latest: dict[str, Any]) -> None:
        """Show rows, and the newest progress and fit."""
        if rows:
            self.pace.count(len(rows))
        if "progress" in latest:
            self._show_progress(latest["progress"])
        if self.state is State.RUNNING and self.pace.done:
            self.progress_text.setText(self.pace.describe())
        if self.measurement is not None:
            self._show_simulated(str(getattr(self.measurement.scan, "simulated", "")))
        if rows:
            self.readings.show_row(rows[-1])
            self.plot.add_rows(rows)
        if "ask" in latest:
            self._ask_operator(latest["ask"])
        if "fit" in latest:
            self.readings.show_fit(latest["fit"])
            self.plot.show_fit(latest["fit"])

    def _show_progress(self, percent: float) -> None:
        self.pace.note_percent(percent)
        self.progress.setRange(0, 1000)
        self.progress.setValue(round(10.0 * percent))

    def _show_end(self, end: Ended) -> None:
        state = {"Finished": State.FINISHED, "Aborted": State.ABORTED}.get(end.status, State.FAILED)
        unsafe = f"NOT SAFE: {end.unsafe}" if end.unsafe else ""
        error = end.error or ""
        self._show_state(state, error if not unsafe or unsafe in error else f"{unsafe}. {error}".strip())
        self.progress.setRange(0, 1000)
        if state is State.FINISHED:
            self.progress.setValue(1000)
        planned = "" if self.pace.planned is None else f" of {self.pace.planned}"
        self.progress_text.setText(f"{end.rows}{planned} points")
        self._show_where("writing the report …" if end.rows and self.procedure_class.ANALYSIS else "")
        for question in (self._question, self._request):
            if question is not None:
                question.done(0)  # what it asks has settled itself
        self.ended.emit(end)

    def _show_reduced(self, result: Reduced) -> None:
        if result.error is not None:
            self._show_where(f"no results: {result.error}")
        else:
            for spectrum in result.spectra[:1]:
                self.readings.show_result(spectrum, result.flags)
            self._show_where("", reported=True)
        self.reduced.emit(result)

    # -- showing -------------------------------------------------------------------------------------------------

    def _show_state(self, state: State, message: str = "") -> None:
        self.state = state
        text, _, _ = state.value
        self.state_text.setText(text)
        self.message.setText(message)
        self.message.setVisible(bool(message))
        self.form.set_locked(self.busy)
        self.start_action.setEnabled(not self.busy and not self.form.errors)
        self.stop_action.setEnabled(state is State.RUNNING)
        self._show_state_colours()

    def _show_state_colours(self) -> None:
        colours = Colours(self.palette())
        _, shape, role = self.state.value
        self.state_icon.setPixmap(dot_icon(shape, getattr(colours, role)).pixmap(16, 16))
        self.message.setStyleSheet(f"color: {colours.bad.name()}; font-weight: 600")

    def _show_colours(self) -> None:
        colours = Colours(self.palette())
        self.start_action.setIcon(dot_icon("play", colours.good))
        self.stop_action.setIcon(dot_icon("stop", colours.bad))
        for part in (self.form, self.plot, self.readings):
            part.show_colours(colours)
        self.where.setText(self.where.text())  # a link keeps the colour that it was set in
        self._show_state_colours()

    def _show_simulated(self, simulated: str) -> None:
        self.badge.setVisible(simulated == "True")

    def _show_where(self, text: str, reported: bool = False) -> None:
        run = self.measurement.run if self.measurement is not None else None
        if run is None:
            self.where.setText(text)
            return
        files = [("folder", run.folder.path), ("data", run.folder.data)]
        if reported:
            files += [("report", run.folder.report), ("results", run.folder.results)]
        links = "  ·  ".join(f'<a href="{path.resolve().as_uri()}">{name}</a>' for name, path in files)
        self.where.setText(f"{run.folder.path.name}:  {links}  {text}")
        self.where.setToolTip(str(run.folder.path.resolve()))

    def _inputs_changed(self) -> None:
        self.start_action.setEnabled(not self.busy and not self.form.errors)

    def _ask_whether_to_stop(self) -> None:
        if self._question is not None:
            return
        question = QtWidgets.QMessageBox(
            QtWidgets.QMessageBox.Icon.Warning,
            "A run is going on",
            "A run is going on. Stop it and close?",
            parent=self,
        )
        question.setInformativeText("The bench is made safe first, and what was measured is kept.")
        stop = question.addButton("Stop and close", QtWidgets.QMessageBox.ButtonRole.AcceptRole)
        stay = question.addButton("Keep measuring", QtWidgets.QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(stop)
        question.setEscapeButton(stay)
        stop.clicked.connect(self.stop_and_close)
        question.finished.connect(self._question_answered)
        self._question = question
        question.open()  # not exec(): the event loop, and with it the window, goes on

    def _ask_operator(self, message: str) -> None:
        """Ask for what only a hand can do; the run waits, the window does not."""
        request = QtWidgets.QMessageBox(
            QtWidgets.QMessageBox.Icon.Information, "Your hand is needed", message, parent=self
        )
        done = request.addButton("Done", QtWidgets.QMessageBox.ButtonRole.AcceptRole)
        stop = request.addButton("Stop the run", QtWidgets.QMessageBox.ButtonRole.RejectRole)
        request.setDefaultButton(done)
        request.setEscapeButton(stop)
        if self.measurement is not None:
            done.clicked.connect(self.measurement.answer)
        stop.clicked.connect(self.stop)
        request.finished.connect(self._request_answered)
        self._request = request
        request.open()

    def _request_answered(self) -> None:
        if self._request is not None:
            self._request.deleteLater()
            self._request = None

    def _question_answered(self) -> None:
        if self._question is not None:
            self._question.deleteLater()
            self._question = None

    # -- building ------------------------------------------------------------------------------------------------

    def _build_actions(self) -> None:
        self.start_action = self._action("Start", ["Ctrl+Return", "Ctrl+Enter"], self.start)
        self.stop_action = self._action("Stop", ["Esc"], self.stop)
        self.quit_action = self._action("Quit", ["Ctrl+Q"], self.close)
        menu = self.menuBar().addMenu("&Run")
        menu.addActions([self.start_action, self.stop_action])
        menu.addSeparator()
        menu.addAction(self.quit_action)

    def _action(self, text: str, keys: list[str], do: Callable[[], Any]) -> QtGui.QAction:
        action = QtGui.QAction(text, self)
        action.setShortcuts([QtGui.QKeySequence(key) for key in keys])
        action.triggered.connect(lambda: do())
        return action

    def _build_widgets(self) -> None:
        self.form = ParameterForm(self.procedure_class)
        self.form.changed.connect(self._inputs_changed)
        self.plot = SweepPlot(self.procedure_class.X_AXIS, self.procedure_class.Y_AXIS)
        self.readings = Readings(self.procedure_class.COLUMNS)

        scroll = QtWidgets.QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        left = QtWidgets.QWidget()
        left.setFixedWidth(350)
        column = QtWidgets.QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(scroll, 1)
        column.addLayout(self._buttons())
        self.readings.setFixedWidth(290)

        body = QtWidgets.QHBoxLayout()
        body.addWidget(left)
        body.addWidget(self.plot, 1)
        body.addWidget(self.readings)
        central = QtWidgets.QWidget()
        layout = QtWidgets.QVBoxLayout(central)
        layout.addLayout(self._top_line())
        layout.addLayout(body, 1)
        layout.addLayout(self._bottom_lines())
        self.setCentralWidget(central)
        self.resize(1280, 800)

    def _buttons(self) -> QtWidgets.QLayout:
        row = QtWidgets.QHBoxLayout()
        for action, keys in ((self.start_action, "Ctrl+Return"), (self.stop_action, "Esc")):
            button = QtWidgets.QToolButton()
            button.setDefaultAction(action)
            action.setIconText(f"{action.text()}  ({keys})")
            button.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
            button.setMinimumHeight(34)
            row.addWidget(button)
        return row

    def _top_line(self) -> QtWidgets.QLayout:
        station = QtWidgets.QLabel(f"Station: <b>{self.station}</b>")
        self.badge = QtWidgets.QLabel("SIMULATED")
        self.badge.setToolTip("These data come from a virtual bench, not from a sample.")
        self.badge.setStyleSheet(
            "background: #F0E442; color: #000000; border: 2px solid #000000; border-radius: 4px;"
            " padding: 2px 10px; font-weight: 700"
        )
        keep = self.badge.sizePolicy()
        keep.setRetainSizeWhenHidden(True)  # what stands below does not jump when it appears
        self.badge.setSizePolicy(keep)
        self.badge.hide()
        self.state_icon, self.state_text = QtWidgets.QLabel(), QtWidgets.QLabel()
        font = self.state_text.font()
        font.setBold(True)
        self.state_text.setFont(font)
        row = QtWidgets.QHBoxLayout()
        for widget in (station, self.badge):
            row.addWidget(widget)
        row.addStretch(1)
        for widget in (self.state_icon, self.state_text):
            row.addWidget(widget)
        return row

    def _bottom_lines(self) -> QtWidgets.QLayout:
        self.message = QtWidgets.QLabel(wordWrap=True)
        self.message.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.progress = QtWidgets.QProgressBar(textVisible=False)
        self.progress.setRange(0, 1000)
        self.progress.setFixedHeight(14)
        self.progress_text = QtWidgets.QLabel("no run yet")
        self.where = QtWidgets.QLabel(openExternalLinks=True)
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.progress, 1)
        row.addWidget(self.progress_text)
        lines = QtWidgets.QVBoxLayout()
        lines.addWidget(self.message)
        lines.addLayout(row)
        lines.addWidget(self.where)
        return lines
