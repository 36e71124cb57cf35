"""The page of the station: for every role what it is, what it reads, what it may do, and what is wrong with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sotlab.gui.background import Background
from sotlab.gui.by_hand import ByHand
from sotlab.gui.place import Place
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.tables import cell_of, make_table, write_row
from sotlab.gui.theme import Colours, dot_icon
from sotlab.instruments.station import Station
from sotlab.procedures.runs.pace import clock_text
from sotlab.units import pretty

__all__ = ["StationPanel"]

COLUMNS = ("Role", "State", "Last reading", "Age", "Limits", "Instrument", "Address", "Error")
#: How often the ages are written anew, and a run is asked for readings while this page is in sight [ms].
PERIOD_MS = 2000
LOOKS = {"answers": ("tick", "good"), "in use by the run": ("play", "points"), "error": ("cross", "bad")}


class StationPanel(QtWidgets.QWidget):
    """One line for each role.

    While nothing runs the instruments are asked on request: whether they answer, and what they read; nothing is
    switched. During a run this page asks no instrument itself: the run reads them between two of its points, and only
    what they say is harmless.
    """

    #: The run is to tell what its instruments read.
    readings_wanted = QtCore.Signal()
    #: The instruments have been asked, and are free again.
    asked = QtCore.Signal()

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.background = Background(self)
        self.states: dict[str, dict[str, Any]] = {}
        self._station = ""
        self._running = False
        self._colours = Colours(self.palette())
        self.told = QtWidgets.QLabel(wordWrap=True)
        self.table = make_table(COLUMNS, (120, 150, 150, 70, 260, 150, 170))
        self.ask = QtWidgets.QPushButton("Check and read")
        self.ask.setToolTip("Ask every instrument who it is and what it reads: the contact check. Nothing is switched.")
        self.ask.clicked.connect(self.read)
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.ask)
        row.addWidget(self.told, 1)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        self.by_hand = ByHand(place)
        layout.addWidget(self.by_hand)
        self.by_hand.changed.connect(self._by_hand_changed)
        self._timer = QtCore.QTimer(self, interval=PERIOD_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self.show_place()

    @property
    def busy(self) -> bool:
        """Whether instruments are being asked."""
        return self.background.busy or self.by_hand.held

    def show_place(self) -> None:
        """Show the roles of the station that is chosen."""
        if self.place.station != self._station:
            self._station, self.states = self.place.station, {}
            self.told.setText("not asked yet")
        self.by_hand.show_place()
        self._show()

    def read(self) -> None:
        """Ask every instrument who it is and what it reads, in a thread."""
        if self._running or self.busy or self.place.config is None:
            return
        station = self.place.station
        self.ask.setEnabled(False)
        self.by_hand.set_free(False)
        self.told.setText("asking the instruments …")
        self.background.run(lambda: _ask(station, self.place.wait), self._found, self._failed)

    def set_running(self, running: bool) -> None:
        """Leave the instruments to the run, or take them back."""
        if self._running and not running:
            self.told.setText("the run has ended")
        self._running = running
        self.ask.setEnabled(not running and not self.busy)
        self.by_hand.set_free(not running and not self.background.busy)
        for state in self.states.values():
            if not running and state["state"] == "in use by the run":
                state["state"] = "answers"
        if running:
            self.told.setText("a run has the instruments: what is harmless is read between its points")
            if self.isVisible():
                self.readings_wanted.emit()
        self._show()

    def show_readings(self, readings: Mapping[str, Mapping[str, Any]], roles: list[str]) -> None:
        """Show what the run's instruments have read."""
        for role in roles:
            self.states.setdefault(role, {})["state"] = "in use by the run"
        for role, reading in readings.items():
            self._note(role, "error" if reading["problem"] else "in use by the run", reading)
        self._show()

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self._colours = colours
        self.told.setStyleSheet(f"color: {colours.dim.name()}")
        self._show()

    def _by_hand_changed(self) -> None:
        self.ask.setEnabled(not self._running and not self.busy)
        self.asked.emit()

    # -- showing -------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self.isVisible():
            self._show()
            if self._running:
                self.readings_wanted.emit()

    def _found(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        for role, one in found.items():
            self._note(role, "error" if one["problem"] else "answers", one)
        wrong = sum(one["problem"] is not None for one in found.values())
        self.told.setText(f"{len(found)} roles asked, {wrong} of them with an error" if wrong else "all answer")
        self._asked()

    def _failed(self, problem: str) -> None:
        self.told.setText(f"✗ {problem}")
        self._asked()

    def _asked(self) -> None:
        """Let the instruments be used again, unless they are held by hand."""
        self.ask.setEnabled(not self._running and not self.busy)
        self.by_hand.set_free(not self._running)
        self._show()
        self.asked.emit()

    def _note(self, role: str, state: str, told: Mapping[str, Any]) -> None:
        kept = self.states.setdefault(role, {})
        kept |= {"state": state, "problem": told["problem"], "asked": time.monotonic()}
        kept["identity"] = told.get("idn") or kept.get("identity", "")
        if told["value"] is not None:
            kept["reading"] = _reading(told["value"], told["unit"])

    def _show(self) -> None:
        config = self.place.config
        roles = config.roles if config is not None else {}
        self.table.setRowCount(len(roles))
        for row, (role, settings) in enumerate(roles.items()):
            state = self.states.get(role, {})
            said = state.get("state", "not asked")
            asked = state.get("asked")
            limits = "; ".join(f"{name} {_limit(value)}" for name, value in settings.limits.items())
            age = "" if asked is None else clock_text(time.monotonic() - asked)
            cells = (
                role,
                said,
                state.get("reading", "–"),
                age,
                limits or "the instrument's own",
                settings.driver,
                settings.resource or "through other roles",
                state.get("problem") or "",
            )
            write_row(self.table, row, cells)
            if state.get("identity"):
                cell_of(self.table, row, 5).setToolTip(state["identity"])
            shape, colour = LOOKS.get(said, ("circle", "dim"))
            cell_of(self.table, row, 1).setIcon(dot_icon(shape, getattr(self._colours, colour)))


def _ask(station: str, before: Any) -> dict[str, dict[str, Any]]:
    """Open every role in turn, and read what can be read without driving anything."""
    before()
    with Station.open(station, ()) as opened:
        found = {row["role"]: {**row, "value": None, "unit": ""} for row in opened.check()}
        for row in opened.read():
            one = found[row["role"]]
            if one["problem"] is None:
                one |= {name: row[name] for name in ("value", "unit", "problem")}
    return found


def _reading(value: Any, unit: str) -> str:
    if isinstance(value, complex):
        return f"X {pretty(value.real, None, unit)}, Y {pretty(value.imag, None, unit)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return pretty(float(value), None, unit)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(str, value)) or "all closed"
    return str(value)


def _limit(value: Any) -> str:
    return f"{value[0]} … {value[1]}" if isinstance(value, list | tuple) and len(value) == 2 else f"≤ {value}"
