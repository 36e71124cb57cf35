"""The line for moves by hand: a role, where to, and back to a safe bench."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sotlab.gui.background import Background
from sotlab.gui.place import Place
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.procedures.runs.manual import MOVES, ManualBench

__all__ = ["ByHand"]


class ByHand(QtWidgets.QGroupBox):
    """Moves within the station's limits, and the contact check, while nothing else goes on.

    From the first of them until *Make safe and give back* the bench is held, and nothing else can be started.
    """

    #: The bench is held, or given back.
    changed = QtCore.Signal()

    def __init__(self, place: Place) -> None:
        super().__init__("By hand, while nothing runs")
        self.place = place
        self.background = Background(self)
        self.bench: ManualBench | None = None
        self._free = True
        self.role, self.to = QtWidgets.QComboBox(), QtWidgets.QLineEdit()
        self.role.setAccessibleName("Role to move")
        self.to.setAccessibleName("Where to")
        self.to.setPlaceholderText("20 mT")
        self.to.setMaximumWidth(120)
        self.to.returnPressed.connect(self.move_now)
        self.told = QtWidgets.QLabel(wordWrap=True)
        self.buttons: dict[str, QtWidgets.QPushButton] = {}
        row = QtWidgets.QHBoxLayout(self)
        for widget in (self.role, QtWidgets.QLabel("to"), self.to):
            row.addWidget(widget)
        for name, do, tip in (
            ("Move", self.move_now, "Within the limits of the station file"),
            ("Stop", self._stop, "The move ends where it is"),
            ("Contact check", self.check_contact, "A small current both ways through the sample: its resistance"),
            ("Make safe and give back", self.give_back, "All that was moved goes to its safe state"),
        ):
            button = self.buttons[name] = QtWidgets.QPushButton(name)
            button.setToolTip(tip)
            button.clicked.connect(lambda checked=False, do=do: do())
            row.addWidget(button)
        row.addWidget(self.told, 1)
        self.show_place()

    @property
    def held(self) -> bool:
        """Whether the bench is held, or something is on its way."""
        return self.background.busy or (self.bench is not None and self.bench.held)

    def show_place(self) -> None:
        """Offer what the station has."""
        if self.held:
            return
        roles = [role for role in (self.place.config.roles if self.place.config is not None else ()) if role in MOVES]
        if [self.role.itemText(k) for k in range(self.role.count())] != roles:
            self.role.clear()
            self.role.addItems(roles)
        self._enable()

    def set_free(self, free: bool) -> None:
        """Allow moves, or not because something else has the bench."""
        self._free = free
        self._enable()

    def move_now(self) -> None:
        """Move what is chosen to where it is typed."""
        role, to = self.role.currentText(), self.to.text()
        if role and to.strip() and self._free and not self.background.busy:
            self._do(f"{role}: on its way to {to} …", lambda bench: bench.move(role, to))

    def check_contact(self) -> None:
        """Measure the sample's resistance."""
        if self._free and not self.background.busy:
            self._do("measuring the resistance …", ManualBench.contact_check)

    def give_back(self) -> None:
        """Make safe, and let the bench go."""
        if self.bench is not None and self.bench.held and not self.background.busy:
            self._do("making safe …", lambda bench: _released(bench.release()), wait=True)

    def leave(self) -> None:
        """Stop what is on its way, and give the bench back; called again when that has stopped."""
        self._stop()
        self.give_back()

    def _stop(self) -> None:
        if self.bench is not None:
            self.bench.stop()

    def _do(self, said: str, work: Callable[[ManualBench], str], wait: bool = False) -> None:
        if self.bench is None or not self.bench.held:
            self.bench = ManualBench(self.place.station)
        bench, before = self.bench, self.place.wait
        self.told.setText(said)
        self.background.run(lambda: (before(), work(bench))[1], self._done, self._failed, wait=wait)
        self._enable()
        self.changed.emit()

    def _done(self, text: str) -> None:
        bad = "NOT SAFE" in text or "NO CONTACT" in text
        self.told.setText(f"{'✗' if bad else '✓'} {text}")
        self._enable()
        self.changed.emit()

    def _failed(self, problem: str) -> None:
        self.told.setText(f"✗ {problem}")
        self._enable()
        self.changed.emit()

    def _enable(self) -> None:
        idle = self._free and not self.background.busy
        for name in ("Move", "Contact check"):
            self.buttons[name].setEnabled(idle and self.role.count() > 0)
        self.buttons["Stop"].setEnabled(self.background.busy)
        self.buttons["Make safe and give back"].setEnabled(idle and self.bench is not None and self.bench.held)


def _released(outputs: dict[str, Any]) -> str:
    left = "; ".join(f"{role}: {problem}" for role, problem in outputs.items() if problem)
    return f"NOT SAFE: {left}" if left else f"given back; safe: {', '.join(outputs) or 'nothing had been moved'}"
