"""What the window asks, and what it does with the answers; no dialog holds the event loop."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from html import escape
from pathlib import Path
from typing import Any

from sotlab.errors import SotlabError
from sotlab.gui.frame import Frame
from sotlab.gui.measurement import Work
from sotlab.gui.qt import QtWidgets
from sotlab.gui.questions import Question, ask
from sotlab.gui.sequence_file import read_sequence
from sotlab.gui.series import SeriesDialog
from sotlab.procedures.runs.scan import Scan

__all__ = ["Dialogs"]


class Dialogs(Frame):
    """The frame with its dialogs: a series, a station file, an export, and what a run or its end asks."""

    measurement: Work | None = None

    def __init__(self, station: str, out: Path, procedure_class: type[Scan] | None = None) -> None:
        super().__init__(station, out, procedure_class)
        self._question: Question | None = None
        self._request: Question | None = None

    def stop(self) -> None:
        """Ask the run to stop."""
        raise NotImplementedError

    def stop_and_close(self) -> None:
        """Stop the run, and close when its bench is safe."""
        raise NotImplementedError

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

    def show_keys(self) -> None:
        """Show what each key does."""
        cells = "<tr><td><b>{}</b>&nbsp;&nbsp;</td><td>{}</td></tr>"
        rows = "".join(cells.format(escape(key), escape(what)) for key, what in self.keys.items())
        self.help = Question(Question.Icon.NoIcon, "Keys", f"<table cellpadding=2>{rows}</table>", parent=self)
        self.help.setModal(False)
        self.help.finished.connect(self.help.deleteLater)
        self.help.show()

    def _ask_whether_to_stop(self) -> None:
        if self._question is not None:
            return
        self._question = ask(
            self,
            Question.Icon.Warning,
            "A run is going on",
            "A run is going on. Stop it and close?",
            "The bench is made safe first, and what was measured is kept.",
            ("Stop and close", self.stop_and_close),
            ("Keep measuring", lambda: None),
        )
        self._question.finished.connect(self._question_answered)

    def _ask_operator(self, message: str) -> None:
        """Ask for what only a hand can do; the run waits, the window does not."""
        work = self.measurement
        done = work.answer if work is not None else lambda: None
        self._request = ask(
            self,
            Question.Icon.Information,
            "Your hand is needed",
            message,
            "",
            ("Done", done),
            ("Stop the run", self.stop),
        )
        self._request.finished.connect(self._request_answered)

    def _request_answered(self) -> None:
        if self._request is not None:
            self._request.deleteLater()
            self._request = None

    def _question_answered(self) -> None:
        if self._question is not None:
            self._question.deleteLater()
            self._question = None
