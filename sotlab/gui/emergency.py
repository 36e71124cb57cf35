"""The emergency stop: outputs off first, whatever else goes on or hangs, and for each output what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sotlab.gui.background import Background
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.questions import tell_outputs
from sotlab.instruments.station import Station
from sotlab.instruments.station_file import StationConfig
from sotlab.procedures.runs.manual import ManualBench
from sotlab.procedures.runs.run import Run

__all__ = ["EmergencyStop"]

KEY = "F12"


class EmergencyStop(QtWidgets.QPushButton):
    """The red button; it can always be pressed, and works in a thread of its own past a driver that hangs.

    Parameters
    ----------
    what_runs : callable
        Returns the run under way, or what is moved by hand, or None.
    station : callable
        Returns the station, for when nothing runs.
    """

    #: It was pressed.
    pressed_now = QtCore.Signal()
    #: Role -> None, or why it is not safe.
    done = QtCore.Signal(object)

    def __init__(self, what_runs: Callable[[], Run | ManualBench | None], station: Callable[[], str]) -> None:
        super().__init__(f"EMERGENCY STOP  ({KEY})")
        self._what_runs, self._station = what_runs, station
        self.background = Background(self)
        self.outcome: QtWidgets.QMessageBox | None = None
        self.setAccessibleName("Emergency stop")
        self.setToolTip("Switches all outputs off at once, also while an instrument hangs; the run is stopped.")
        self.setStyleSheet(
            "QPushButton { background: #B00020; color: #ffffff; border: 2px solid #000000; border-radius: 4px;"
            " padding: 6px 14px; font-weight: 700 } QPushButton:pressed { background: #7A0016 }"
            " QPushButton:focus { border: 2px solid #F0E442 }"
        )
        self.clicked.connect(self.stop_now)

    def stop_now(self) -> None:
        """Make all outputs safe."""
        run, station = self._what_runs(), self._station()
        self.pressed_now.emit()
        work = run.emergency_stop if run is not None else lambda: _make_safe(station)
        self.background.run(work, self._tell, lambda problem: self._tell({"station": problem}), wait=True)

    def _tell(self, outputs: Mapping[str, str | None]) -> None:
        unsafe = any(outputs.values())
        icon = QtWidgets.QMessageBox.Icon.Critical if unsafe else QtWidgets.QMessageBox.Icon.Information
        title = "Emergency stop: NOT ALL SAFE" if unsafe else "Emergency stop: done"
        self.outcome = QtWidgets.QMessageBox(icon, title, title, parent=self.window())
        self.outcome.setInformativeText(tell_outputs(outputs))
        self.outcome.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose, False)
        self.outcome.setModal(False)
        self.outcome.show()
        self.done.emit(outputs)


def _make_safe(station: str) -> dict[str, str | None]:
    """Make all outputs of a station safe that nothing of this window uses."""
    config, _ = StationConfig.load(station)
    return Station.rescue(station, config.roles)
