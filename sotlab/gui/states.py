"""What the window says of its work: always a text and a shape, never a colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from sotlab.gui.qt import QtWidgets
from sotlab.gui.theme import Colours, dot_icon
from sotlab.procedures.runs.pace import clock_text

__all__ = ["SimulatedBadge", "State", "StateLight", "safing_text"]


class State(Enum):
    """What the window says of its run: text, icon and which colour."""

    IDLE = ("idle", "circle", "text")
    RUNNING = ("running", "play", "points")
    PAUSED = ("paused", "pause", "warning")
    HELD = ("held by an interlock", "pause", "bad")
    STOPPING = ("stopping: making safe", "stop", "warning")
    EMERGENCY = ("EMERGENCY STOP", "cross", "bad")
    FINISHED = ("finished", "tick", "good")
    ABORTED = ("aborted", "stop", "warning")
    FAILED = ("failed", "cross", "bad")

    @property
    def going(self) -> bool:
        """Whether there is a run that nobody has stopped."""
        return self in (State.RUNNING, State.PAUSED, State.HELD)


class StateLight(QtWidgets.QWidget):
    """A state as icon and text."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = State.IDLE
        self.icon, self.text = QtWidgets.QLabel(), QtWidgets.QLabel()
        font = self.text.font()
        font.setBold(True)
        self.text.setFont(font)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.icon)
        row.addWidget(self.text)

    def show_state(self, state: State) -> None:
        """Show a state."""
        self.state = state
        self.text.setText(state.value[0])
        self.show_colours(Colours(self.palette()))

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        _, shape, role = self.state.value
        self.icon.setPixmap(dot_icon(shape, getattr(colours, role)).pixmap(16, 16))


class SimulatedBadge(QtWidgets.QLabel):
    """What nobody must overlook: these data come from no sample."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__("SIMULATED", parent)
        self.setToolTip("These data come from a virtual bench, not from a sample.")
        self.setStyleSheet(
            "background: #F0E442; color: #000000; border: 2px solid #000000; border-radius: 4px;"
            " padding: 2px 10px; font-weight: 700"
        )
        keep = self.sizePolicy()
        keep.setRetainSizeWhenHidden(True)  # what stands below does not jump when it appears
        self.setSizePolicy(keep)
        self.hide()


def safing_text(step: Mapping[str, Any]) -> str:
    """Return a step of making safe in words: ``making safe: field ramping 38 mT → 0 T, 0:00:12 left``."""
    left_s = step["until_s"] - step["clock"].now()
    left = f", {clock_text(left_s)} left" if left_s > 0.0 else ""
    return f"making safe: {step['role']} {step['way']}{left}"
