"""The lines below the pages: what is wrong, how far the run is, where its files are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.theme import Colours

__all__ = ["Footer"]


class Footer(QtWidgets.QWidget):
    """Message, progress and files."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = Colours(self.palette())
        self._where: tuple[str, Sequence[tuple[str, Path]], str] = ("", [], "")
        self.message = QtWidgets.QLabel(wordWrap=True)
        self.message.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.hide()
        self.progress = QtWidgets.QProgressBar(textVisible=False)
        self.progress.setRange(0, 1000)
        self.progress.setFixedHeight(14)
        self.progress_text = QtWidgets.QLabel("no run yet")
        self.where = QtWidgets.QLabel(openExternalLinks=True)
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.progress, 1)
        row.addWidget(self.progress_text)
        lines = QtWidgets.QVBoxLayout(self)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.addWidget(self.message)
        lines.addLayout(row)
        lines.addWidget(self.where)

    @property
    def name(self) -> str:
        """The run that is spoken of."""
        return self._where[0]

    def say(self, message: str) -> None:
        """Say what is wrong; nothing takes no room."""
        self.message.setText(message)
        self.message.setVisible(bool(message))

    def write_where(self, name: str, files: Sequence[tuple[str, Path]], text: str) -> None:
        """Write the name of a run with links to its files, and a remark."""
        self._where = name, files, text
        # A link has the colour that it was written in, so the theme's is given.
        colour = self._colours.points.name()
        links = "  ·  ".join(
            f'<a style="color: {colour}" href="{path.resolve().as_uri()}">{label}</a>' for label, path in files
        )
        self.where.setText(f"{name}:  {links}  {text}" if files else text)

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self._colours = colours
        self.message.setStyleSheet(f"color: {colours.bad.name()}; font-weight: 600")
        self.write_where(*self._where)
