"""What the window does with a file or a series that is chosen in a dialog; no dialog holds the event loop."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

from sotlab.errors import SotlabError
from sotlab.gui.frame import Frame
from sotlab.gui.qt import QtWidgets
from sotlab.gui.sequence_file import read_sequence
from sotlab.gui.series import SeriesDialog

__all__ = ["Dialogs"]


class Dialogs(Frame):
    """The frame with its dialogs: a series, a station file, an export."""

    def add_series(self, path: Path | None = None) -> None:
        """Put a series of the chosen procedure into the queue: from a sequence file, or as it is typed."""
        if self.form.errors or self.panel.problem:
            self._say(self.panel.problem or self.form.errors[0])
            return
        parameters = {name: entry.parameter for name, entry in self.form.inputs.items()}
        if path is None:
            fresh = {name: copy(parameter) for name, parameter in parameters.items()}
            self._series = SeriesDialog(self, fresh, self._queue_loops)
            self._series.open()
            return
        try:
            for loops in read_sequence(path, parameters):
                self._queue_loops(loops)
        except SotlabError as error:
            self._say(str(error))

    def _queue_loops(self, loops: Sequence[dict[str, list[Any]]]) -> None:
        place = self.place.station, self.place.sample, self.place.device
        varied = {name for loop in loops for name in loop}
        values = {name: text for name, text in self.form.changed_texts().items() if name not in varied}
        self.queue.add(self.panel.queue_name, values, *place, loops)
        self.tabs.setCurrentWidget(self.queue)

    def _open_station(self) -> None:
        """Have a station file chosen."""
        dialog = QtWidgets.QFileDialog(self, "Open a station file", "", "Station files (*.toml)")
        dialog.setFileMode(QtWidgets.QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: (self.guide.end(), self.place.choose(path)))
        dialog.open()

    def _export(self) -> None:
        """Have the name of a file chosen, and write the plot that is in sight."""
        dialog = QtWidgets.QFileDialog(self, "Export the plot", "", "Picture (*.png);;Vectors (*.svg);;Numbers (*.csv)")
        dialog.setAcceptMode(QtWidgets.QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.fileSelected.connect(lambda path: self.export(Path(path)))
        dialog.open()

    def export(self, path: Path) -> None:
        """Write the plot that is in sight, as .png, .svg or .csv."""
        simulated = "SIMULATED, " if self.plot.mark.isVisible() else ""
        try:
            self.panel.export(path, f"{simulated}{self.footer.name or 'no run'}")
        except SotlabError as error:
            self._say(str(error))
        else:
            self.statusBar().showMessage(f"{path} is written", 8000)
