"""What the window asks: never by a dialog that holds the event loop, so that the run and the window go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sotlab.gui.qt import QtWidgets

__all__ = ["Question", "ask", "tell_outputs"]

Question = QtWidgets.QMessageBox


def ask(
    parent: QtWidgets.QWidget,
    icon: QtWidgets.QMessageBox.Icon,
    title: str,
    text: str,
    more: str,
    accept: tuple[str, Callable[[], None]],
    reject: tuple[str, Callable[[], None]],
) -> Question:
    """Ask something that has two answers, each a text and what it does; Return takes the first, Esc the second."""
    question = QtWidgets.QMessageBox(icon, title, text, parent=parent)
    question.setInformativeText(more)
    yes = question.addButton(accept[0], QtWidgets.QMessageBox.ButtonRole.AcceptRole)
    no = question.addButton(reject[0], QtWidgets.QMessageBox.ButtonRole.RejectRole)
    question.setDefaultButton(yes)
    question.setEscapeButton(no)
    yes.clicked.connect(lambda: accept[1]())
    no.clicked.connect(lambda: reject[1]())
    question.open()  # not exec(): the event loop, and with it the window, goes on
    return question


def tell_outputs(outputs: Mapping[str, str | None]) -> str:
    """Return what came of an emergency stop, a line for each output."""
    if not outputs:
        return "Nothing had been opened yet: no output was on. The run is stopped."
    return "\n".join(
        f"✓ {role}: safe" if problem is None else f"✗ {role}: NOT SAFE: {problem}" for role, problem in outputs.items()
    )
