"""The page of the queue: what is to be measured, in which order, and what has become of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sotlab.errors import SotlabError
from sotlab.gui.background import Background
from sotlab.gui.conditions_dialog import ConditionsDialog, as_tables, as_text
from sotlab.gui.qt import QtCore, QtGui, QtWidgets
from sotlab.gui.queue_file import AS_QUEUE, QueueFile
from sotlab.gui.rehearsal_view import RehearsalView
from sotlab.gui.tables import cell_of, make_table, write_row
from sotlab.gui.theme import Colours, dot_icon
from sotlab.procedures.runs.campaign_queue import DONE, JobState, stored_states
from sotlab.procedures.runs.jobs import Job
from sotlab.procedures.runs.pace import clock_text
from sotlab.procedures.runs.queue_time import QueueTime, day_time
from sotlab.procedures.runs.rehearse import rehearse as rehearse_campaign
from sotlab.procedures.runs.run import Run

__all__ = ["QueuePanel"]

POLICIES = ["skip", "stop", "retry 1", "retry 2", "retry 1, then stop", "retry 2, then stop"]
COLUMNS = ["Run", "State", "Rows", "Ends", "If it fails", "Begins", "Station", "Settings", "What happened"]
#: Shortest time after which it is reckoned anew when each run will have ended [s].
REFRESH_S = 1.0
#: The column that tells when each run will have ended.
ENDS = COLUMNS.index("Ends")
#: Icon and colour of each state.
LOOKS = {
    "waiting": ("circle", "dim"),
    "running": ("play", "points"),
    "finished": ("tick", "good"),
    "reused": ("tick", "good"),
    "failed": ("cross", "bad"),
    "aborted": ("stop", "warning"),
    "skipped": ("skip", "warning"),
}


class QueuePanel(QtWidgets.QWidget):
    """The queue as a table, with what can be done to it.

    Parameters
    ----------
    out : Path
        Folder of runs; the queue is kept in it, and so survives the window.
    """

    #: The file has changed: whoever runs it should take the change.
    changed = QtCore.Signal()
    #: The queue is to be started.
    asked = QtCore.Signal()
    #: A series of the procedure that is chosen is to be added, from this sequence file or, without one, by hand.
    series_asked = QtCore.Signal(object)
    #: A rehearsal has begun: nothing else is to be started meanwhile.
    rehearsing = QtCore.Signal()
    #: A rehearsal has ended: what it has found.
    rehearsed = QtCore.Signal(object)

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.out = out
        self.file = QueueFile(out / "queue.toml")
        self.jobs: list[Job] = []
        self.states: Mapping[str, JobState] = {}
        self.problem = ""
        self._running = False
        self.background = Background(self)
        self.time = QueueTime(out)
        self._timed_s = 0.0
        self._learning = Background(self)
        self._ends: Mapping[str, float | None] = {}
        self._colours = Colours(self.palette())
        self.table = make_table(COLUMNS, (240, 100, 50, 110, 110, 110, 180, 230))
        self.table.itemSelectionChanged.connect(self._selected)
        self.head, self.foot = QtWidgets.QLabel(wordWrap=True), QtWidgets.QLabel(wordWrap=True)
        self.policy, self.item_policy = QtWidgets.QComboBox(), QtWidgets.QComboBox()
        self.policy.addItems(POLICIES)
        self.item_policy.addItems([AS_QUEUE, *POLICIES])
        self.policy.activated.connect(lambda: self._edit(lambda: self.file.set_policy(self.policy.currentText())))
        self.item_policy.activated.connect(self._set_item_policy)
        self.buttons: dict[str, QtWidgets.QPushButton] = {}
        self._build()
        self.reload()

    @property
    def item(self) -> str:
        """The item that is selected; empty if none is."""
        rows = self.table.selectionModel().selectedRows()
        return self.jobs[rows[0].row()].item if rows and rows[0].row() < len(self.jobs) else ""

    def add(
        self, procedure: str, values: Mapping[str, str], station: str, sample: str, device: str, loops: Any = ()
    ) -> str | None:
        """Put a run, or a series, behind the others; return its item's name, or None if it was refused."""
        added: list[str] = []
        self._edit(lambda: added.append(self.file.add(procedure, values, station, sample, device, loops)))
        return added[0] if added else None

    def open(self, path: Path) -> None:
        """Show another campaign, as it was written by hand or by another window."""
        self.file = QueueFile(path)
        self.states = {}
        self.reload()

    def reload(self) -> None:
        """Read the file and, while nothing runs, what its journal says."""
        self.problem = ""
        try:
            file, self.jobs = self.file.load()
            if file is not None and not self._running:
                self.states = stored_states(self.out, file.name)
            self.policy.setCurrentText(self.file.policy())
        except SotlabError as error:
            self.problem = str(error)
        self._ends = self.time.ends(self.jobs, self.states)
        self._show()
        self._learn()

    def show_states(self, states: Mapping[str, JobState], running: bool, line: str = "") -> None:
        """Show what has become of the runs."""
        self._running = running
        if states:
            self.states = states
        if line:
            self.foot.setText(line)
        self._ends = self.time.ends(self.jobs, self.states)
        self._show()
        self._learn()

    def show_colours(self, colours: Colours) -> None:
        """Take the theme's colours."""
        self._colours = colours
        self.foot.setStyleSheet(f"color: {colours.dim.name()}")
        self._show()

    # -- showing -------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        self.table.setRowCount(len(self.jobs))
        icons = {name: dot_icon(shape, getattr(self._colours, role)) for name, (shape, role) in LOOKS.items()}
        for row, job in enumerate(self.jobs):
            state = self.states.get(job.key, JobState())
            said = state.status if state.status != "running" or self._running else "interrupted"
            cells = [
                job.label,
                said,
                str(state.rows or ""),
                self._end_text(job.key),
                self._policy_of(job.item),
                self._conditions_of(job.item),
                job.station,
                ", ".join(f"{name}={value}" for name, value in job.values.items()) or "defaults",
                state.error or "",
            ]
            write_row(self.table, row, cells)
            cell_of(self.table, row, 1).setIcon(icons.get(state.status, QtGui.QIcon()))
        self._write_head()
        self._selected()

    def _write_head(self) -> None:
        done = sum(self.states.get(job.key, JobState()).status in DONE for job in self.jobs)
        text = f"<b>{len(self.jobs)} runs, {done} done{self._whole_text()}</b> &nbsp; {self.file.path}"
        empty = "The queue is empty: choose a procedure under <b>Measure</b> and press <b>Add to queue</b>."
        self.head.setText(f"✗ {self.problem}" if self.problem else text if self.jobs else empty)

    # -- how long it takes ---------------------------------------------------------------------------------------

    def show_time(self, running_s: float | None) -> None:
        """Write anew when each run will have ended, by the pace of the run under way and of those before."""
        if not self.isVisible() or (self._running and time.monotonic() - self._timed_s < REFRESH_S):
            return
        self._timed_s = time.monotonic()
        self._ends = self.time.ends(self.jobs, self.states, running_s)
        for row, job in enumerate(self.jobs):
            text = self._end_text(job.key)
            cell = cell_of(self.table, row, ENDS)
            if cell.text() != text:
                cell.setText(text)
        self._write_head()

    def showEvent(self, event: Any) -> None:
        """Reckon anew what was not seen."""
        super().showEvent(event)
        self._learn()

    def _learn(self) -> None:
        """Look at the plans and at what has finished, in a thread, then show what is known."""
        if self.isVisible() and not self._learning.busy:
            work = partial(self.time.learn, list(self.jobs), dict(self.states))
            self._learning.run(work, lambda done: None if self._running else self.show_time(None), self._failed)

    def _end_text(self, key: str) -> str:
        if key not in self._ends:
            return ""
        left_s = self._ends[key]
        return "?" if left_s is None else f"≈ {day_time(left_s)}"

    def _whole_text(self) -> str:
        if not self._ends:
            return ""
        *_, last_s = self._ends.values()
        if last_s is None:
            return ""
        starts = "" if self._running else " if started now"
        return f", ends ≈ {day_time(last_s)}{starts}, in {clock_text(last_s)}"

    def _policy_of(self, item: str) -> str:
        try:
            own = self.file.policy(item)
        except (SotlabError, KeyError):
            return ""
        return own if own != AS_QUEUE else f"{self.policy.currentText()} (queue)"

    def _conditions_of(self, item: str) -> str:
        try:
            texts = as_text(self.file.conditions(item))
        except (SotlabError, KeyError, ValueError):
            return ""
        words = {"after": "after ", "time": "", "reading": "", "interlock": "contacts "}
        return "; ".join(f"{words[name]}{text}" for name, text in texts.items() if text and name in words) or "at once"

    def _selected(self) -> None:
        item = self.item
        for name in ("Up", "Down", "Remove", "Repeat", "Conditions…"):
            self.buttons[name].setEnabled(bool(item))
        self.item_policy.setEnabled(bool(item))
        if item:
            self.item_policy.setCurrentText(self.file.policy(item))
        self.buttons["Start queue"].setEnabled(bool(self.jobs) and not self._running and not self.problem)
        self.buttons["Open…"].setEnabled(not self._running)
        may_rehearse = bool(self.jobs) and not self.problem and not self._running and not self.background.busy
        self.buttons["Rehearse"].setEnabled(may_rehearse)

    # -- editing -------------------------------------------------------------------------------------------------

    def _edit(self, change: Callable[[], Any]) -> None:
        item = self.item
        try:
            change()
        except (SotlabError, KeyError) as error:
            self.foot.setText(f"✗ refused: {error}")
            return
        self.reload()
        self._select(item)
        self.changed.emit()

    def _select(self, item: str) -> None:
        for row, job in enumerate(self.jobs):
            if job.item == item:
                self.table.selectRow(row)
                return

    def _set_item_policy(self) -> None:
        item = self.item
        if item:
            self._edit(lambda: self.file.set_policy(self.item_policy.currentText(), item))

    def _remove(self) -> None:
        item = self.item
        under_way = [job.item for job in self.jobs if self.states.get(job.key, JobState()).status == "running"]
        if self._running and item in under_way:
            self.foot.setText(f"✗ refused: {item} is being measured; stop it first")
        elif item:
            self._edit(lambda: self.file.remove(item))

    def _remove_done(self) -> None:
        """Take out every item all of whose runs are done."""
        by_item: dict[str, list[Job]] = {}
        for job in self.jobs:
            by_item.setdefault(job.item, []).append(job)
        for item, jobs in by_item.items():
            if all(self.states.get(job.key, JobState()).status in DONE for job in jobs):
                self._edit(lambda item=item: self.file.remove(item))

    def rehearse(self) -> None:
        """Rehearse what stands in the queue, in virtual time, in a thread; its stations are not touched."""
        file, jobs = self.file.load()
        if file is None or self.background.busy:
            return
        self.foot.setText("rehearsing in virtual time …")
        work = partial(rehearse_campaign, file, jobs, self.out.parent / "rehearsals", _follow)
        self.background.run(work, self._show_rehearsal, self._rehearsal_failed)
        self._selected()
        self.rehearsing.emit()

    def _show_rehearsal(self, told: Mapping[str, Any]) -> None:
        wrong, warned = len(told["limits"]) + len(told["problems"]), len(told["warnings"])
        mark = "✗" if wrong else "⚠" if warned else "✓"
        self.foot.setText(
            f"{mark} rehearsed: {clock_text(told['duration_s'])} in all, {wrong} runs would fail, {warned} warnings"
        )
        self.time.rehearsed_s = {one["job"]: one["duration_s"] for one in told["jobs"]}
        self.show_time(None)
        self.rehearsal = RehearsalView(self, told)
        self.rehearsal.show()
        self._selected()
        self.rehearsed.emit(told)

    def _failed(self, problem: str) -> None:
        self.foot.setText(f"✗ {problem}")

    def _rehearsal_failed(self, problem: str) -> None:
        self.foot.setText(f"✗ {problem}")
        self._selected()
        self.rehearsed.emit(None)

    def _ask_conditions(self) -> None:
        item = self.item
        if not item:
            return

        def use(texts: Mapping[str, str]) -> str:
            try:
                self.file.set_conditions(item, *as_tables(texts))
            except SotlabError as error:
                return str(error)
            self._edit(lambda: None)
            return ""

        self.dialog = ConditionsDialog(self, item, as_text(self.file.conditions(item)), use)
        self.dialog.open()

    def _choose(self, title: str, kinds: str, use: Callable[[Path], Any], save: bool = False) -> None:
        """Have a file chosen, and go on meanwhile."""
        dialog = QtWidgets.QFileDialog(self, title, "", kinds)
        if save:
            dialog.setAcceptMode(QtWidgets.QFileDialog.AcceptMode.AcceptSave)
            dialog.setDefaultSuffix("toml")
        dialog.fileSelected.connect(lambda path: use(Path(path)))
        dialog.open()

    def _open(self) -> None:
        self._choose("Open a campaign", "Campaigns (*.toml)", self.open)

    def _save_as(self) -> None:
        self._choose(
            "Save the queue as",
            "Campaigns (*.toml)",
            lambda path: self._edit(lambda: self.file.save_as(path)),
            save=True,
        )

    def _import(self) -> None:
        self._choose("Import a sequence of PyMeasure", "Sequences (*.txt);;All (*)", self.series_asked.emit)

    def _build(self) -> None:
        row = QtWidgets.QHBoxLayout()
        actions: Sequence[tuple[str, Callable[[], Any]]] = (
            ("Start queue", self.asked.emit),
            ("Rehearse", self.rehearse),
            ("Up", lambda: self._edit(lambda: self.file.move(self.item, -1))),
            ("Down", lambda: self._edit(lambda: self.file.move(self.item, +1))),
            ("Repeat", lambda: self._edit(lambda: self.file.repeat(self.item))),
            ("Remove", self._remove),
            ("Remove done", self._remove_done),
            ("Conditions…", self._ask_conditions),
            ("Add series…", lambda: self.series_asked.emit(None)),
            ("Import…", self._import),
            ("Open…", self._open),
            ("Save as…", self._save_as),
        )
        for name, do in actions:
            button = self.buttons[name] = QtWidgets.QPushButton(name)
            button.clicked.connect(lambda checked=False, do=do: do())
            row.addWidget(button)
        row.addStretch(1)
        self.buttons["Import…"].setToolTip("A sequence file of PyMeasure, as loops of the procedure that is chosen")
        second = QtWidgets.QHBoxLayout()
        second.addWidget(self.head, 1)
        for text, box in (("If a run fails:", self.policy), ("this one:", self.item_policy)):
            second.addWidget(QtWidgets.QLabel(text))
            second.addWidget(box)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(second)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.foot)


def _follow(run: Run) -> None:
    """Run something to its end."""
    run.start()
    run.wait()
