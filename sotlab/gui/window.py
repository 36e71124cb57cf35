"""The operator's window: it starts runs, shows them as they come, and closes only when the bench is safe.

It measures and decides nothing. What a run tells is put into a queue by its threads; here a timer empties it, at
most five times a second, and each time everything is drawn once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sotlab.errors import SotlabError
from sotlab.gui.dialogs import Dialogs
from sotlab.gui.log_panel import event_line
from sotlab.gui.measurement import Ended, Measurement, Reduced, Work, prepare
from sotlab.gui.qt import QtCore, QtGui
from sotlab.gui.queue_work import QueueWork
from sotlab.gui.runs_panel import StoredRun
from sotlab.gui.states import State, safing_text
from sotlab.gui.theme import Colours
from sotlab.procedures.runs.manual import ManualBench
from sotlab.procedures.runs.pace import Pace
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan

__all__ = ["MainWindow", "State"]

#: Shortest wall time between two drawings [ms].
PERIOD_MS = 200
#: Longest time for which the queue is emptied in one go [s]; what is left comes next time.
DRAIN_S = 0.015


class MainWindow(Dialogs):
    """The window on one station.

    Parameters
    ----------
    station : str
        The station file, or ``virtual:NAME``.
    out : Path
        Folder of runs.
    procedure_class : type of Scan, optional
        What is chosen first; the picker has it beside those that are installed.
    """

    #: A run has ended, with its :class:`Ended`.
    ended = QtCore.Signal(object)
    #: What was made of it is there, or why nothing was: its :class:`Reduced`.
    reduced = QtCore.Signal(object)

    def __init__(self, station: str, out: Path, procedure_class: type[Scan] | None = None) -> None:
        super().__init__(station, out, procedure_class)
        self.measurement: Work | None = None
        self.pace = Pace()
        self._closing = False
        self._said_in_emergency = ""
        self._safing: dict[str, Any] | None = None
        self._connect()
        self._timer = QtCore.QTimer(self, interval=PERIOD_MS)
        self._timer.timeout.connect(self._hear)
        self._place_changed()
        self._show_state(State.IDLE)
        self._show_colours()
        self._prepare()
        self.offer.look(out)

    # -- what the operator can do --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start a run with what stands in the inputs."""
        if not self._may_start():
            return
        try:
            scan = self.panel.procedure_class(**self._where(), **self.form.values())
        except SotlabError as error:
            self._show_state(State.FAILED, str(error))
            return
        self.begin(Measurement.of(scan, self.out, before=self.place.wait))

    def add_to_queue(self) -> None:
        """Put what stands in the inputs, as it was typed, behind what is queued."""
        if self.form.errors or self.panel.problem:
            return
        name = self.panel.queue_name
        place = self.place.station, self.place.sample, self.place.device
        added = self.queue.add(name, self.form.changed_texts(), *place)
        said = f"{added} is in the queue" if added else self.queue.foot.text()
        self.statusBar().showMessage(f"{said}: {len(self.queue.jobs)} runs (Ctrl+2 shows it)", 8000)

    def start_queue(self) -> None:
        """Run what is in the queue and not done yet."""
        if self.busy or not self.queue.jobs:
            return
        self.begin(QueueWork(self.queue.file, self.out, before=self.place.wait))
        self.queue.show_states({}, running=True)

    def resume(self, folder: Path) -> None:
        """Go on with a run that was interrupted, at its first missing point."""
        if self.busy:
            self._say("a run is going on; one that was interrupted can be gone on with when it has ended")
            return
        self.tabs.setCurrentWidget(self.panel)
        self.begin(Measurement.resumed(folder, before=self.place.wait))

    def _run_chosen(self, what: str, run: StoredRun) -> None:
        """Show a stored run, compare it with what is shown, or take its parameters."""
        if what == "use":
            if not self.panel.choose(run.procedure):
                self._say(f"{run.procedure} is none of the procedures that can be chosen")
                return
            self.form.use(run.parameters)
        elif what == "compare" or self.busy:  # what is being measured stays in sight
            self.plot.compare(run.name, run.columns, run.reduced.beside if run.reduced is not None else ())
        else:
            self.panel.show_stored(run)
            self._say("")
            self.footer.write_where(run.folder.name, [("folder", run.folder)], "")
        self.tabs.setCurrentWidget(self.panel)

    def begin(self, work: Work) -> None:
        """Begin something and follow it: a run, one that is gone on with, a queue."""
        self.pace = Pace()
        self.progress.setRange(0, 0)
        self.progress_text.setText("opening the station")
        self.footer.write_where("", [], "")
        self.offer.hide()
        self.measurement, self._said_in_emergency, self._safing = work, "", None
        self.panel.begin(self.panel.procedure_class)
        work.start()
        self._timer.start()
        self._show_state(State.RUNNING)

    def stop(self) -> None:
        """Ask the run to stop: its bench is made safe and what was measured is kept."""
        if self.measurement is not None and self.state.going:
            self.measurement.stop()
            self.progress_text.setText(f"stopped at {self.pace.done} points")
            self._show_state(State.STOPPING)

    def pause(self) -> None:
        """Hold the run before its next point, or let it go on."""
        control = self._control()
        if control is None:
            return
        (control.go_on if control.paused else control.pause)()
        self._show_state(State.RUNNING if not control.paused else State.PAUSED)

    def skip(self) -> None:
        """Leave out the point that comes next; the one that is being measured is measured."""
        control = self._control()
        if control is None or self.measurement is None:
            return
        index = self.measurement.next_index(in_flight=not control.paused)
        if index is not None:
            control.skip(index)
            self.statusBar().showMessage(f"point {index} is left out; the journal says so", 5000)

    def stop_and_close(self) -> None:
        """Close without asking: stop the run, stay until its bench is safe and its files are written, then go."""
        self._closing = True
        self.stop()
        self.station_view.by_hand.leave()
        if self.busy:
            self.footer.write_where("", [], "closing when the bench is safe and the files are written")
        else:
            self.close()

    @property
    def busy(self) -> bool:
        """Whether a run, its making safe or its report is still going on, or has not been shown yet."""
        others = (self.emergency.background, self.station_view, self.queue.background)
        return self._timer.isActive() or any(one.busy for one in others)

    def show_bug(self, error: BaseException) -> None:
        """Say that the window itself has failed somewhere; the run goes on."""
        self._say(f"internal error in the window: {type(error).__name__}: {error}; please report it")

    # -- what Qt calls -------------------------------------------------------------------------------------------

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Close when nothing is going on; else ask whether to stop, and close when the bench is safe."""
        if not self.busy:
            self.log.leave()
            event.accept()
            return
        event.ignore()
        if not self.state.going:  # nothing left to be asked: it closes by itself
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
        work = self.measurement
        if work is None:
            return
        over = not work.active  # asked before the queue is emptied: nothing can come after it
        rows: list[dict[str, Any]] = []
        latest: dict[str, Any] = {}
        ends: list[tuple[str, Any]] = []
        until = time.monotonic() + DRAIN_S
        while not work.news.empty() and time.monotonic() < until:
            topic, record = work.news.get()
            if topic == "results":
                rows.append(record)
            elif topic in ("begin", "ended", "reduced", "queue"):
                ends.append((topic, record))
                if topic == "begin":  # what came before is another run's
                    self._show_safely(rows, latest, ends)
                    rows, latest, ends = [], {}, []
            else:
                latest[topic] = record
                if topic == "event":
                    self._hear_event(record)
        try:
            self._show_safely(rows, latest, ends)
        finally:
            if over and work.news.empty():
                self._timer.stop()
                self._work_over()

    def _show_safely(self, rows: list[dict[str, Any]], latest: dict[str, Any], ends: Sequence[tuple[str, Any]]) -> None:
        """Show news; whatever is wrong with drawing: how the run ended is told, and the window can be closed."""
        try:
            self._show_news(rows, latest)
        finally:
            for topic, record in ends:
                getattr(self, f"_show_{topic}")(record)

    def _show_queue(self, line: str) -> None:
        """Show a step of the queue, and what has become of its runs."""
        work = self.measurement
        if isinstance(work, QueueWork):
            self.queue.show_states(work.states, running=work.active, line=line)
            self.log.say(line)
            if work.active and self.state not in (State.STOPPING, State.EMERGENCY):
                self._say(self.message.text())

    def _queue_changed(self) -> None:
        """Let the queue that runs take what was changed."""
        work = self.measurement
        if not isinstance(work, QueueWork) or not work.active:
            return
        try:
            work.take_changes()
        except SotlabError as error:
            self._say(str(error))

    def _work_over(self) -> None:
        if isinstance(self.measurement, QueueWork):
            self.queue.show_states(self.measurement.states, running=False)
            if self.state.going or self.state is State.STOPPING:  # nothing was left to be done, or it waited
                self._show_state(State.IDLE if self.state.going else State.ABORTED, self.message.text())
                self.progress.setRange(0, 1000)
        self._show_state(State.ABORTED if self.state is State.EMERGENCY else self.state, self.message.text())
        self.panel.look_for_last(self.out)
        if self._closing:
            self.close()

    def _show_begin(self, run: Run) -> None:
        """Show a run from its beginning, with what it has measured before if it is gone on with."""
        self.pace = Pace()
        self.panel.begin(type(run.procedure))
        if isinstance(run.procedure, Scan) and run.procedure.past.rows:
            self.panel.show_rows(run.procedure.past.rows)
            self.pace.count(len(run.procedure.past.rows))
        self.progress_text.setText("opening the station")
        self.progress.setRange(0, 0)
        if self.state is not State.STOPPING and self.state is not State.EMERGENCY:
            self._show_state(State.RUNNING)
        if isinstance(self.measurement, QueueWork):
            self.queue.show_states(self.measurement.states, running=True)
        self._show_where("")
        self.log.say(f"{run.folder.path.name} begins")

    def _show_news(self, rows: list[dict[str, Any]], latest: dict[str, Any]) -> None:
        """Show rows, and the newest progress and fit."""
        if "expected" in latest:
            self.pace.expect([0.0] * self.pace.done + list(latest["expected"]))
        if rows:
            self.pace.count(len(rows))
        if "progress" in latest:
            self.pace.note_percent(latest["progress"])
            self.progress.setRange(0, 1000)
            self.progress.setValue(round(10.0 * latest["progress"]))
        self._safing = latest.get("making_safe", None if rows else self._safing)
        if self._safing is not None:
            self.progress_text.setText(safing_text(self._safing))
        elif self.state is State.RUNNING and self.pace.done:
            self.progress_text.setText(self.pace.describe())
        if isinstance(self.measurement, QueueWork):
            self.queue.show_time(self.pace.to_go_s)
        if self.measurement is not None and self.measurement.run is not None:
            told = str(getattr(self.measurement.run.procedure, "simulated", "unknown"))
            if told in ("True", "False"):
                self._show_simulated(told == "True")
        if rows:
            self.panel.show_rows(rows)
        if "readings" in latest:
            scan = self.measurement.run.procedure if self.measurement is not None and self.measurement.run else None
            self.station_view.show_readings(latest["readings"], list(getattr(scan, "ROLES", ())))
        if "ask" in latest:
            self._ask_operator(latest["ask"])
        if "fit" in latest:
            self.panel.show_fit(latest["fit"])

    def _hear_event(self, record: dict[str, Any]) -> None:
        """Show what holds a run, and that it goes on."""
        kind = record["event"]
        self.log.say(event_line(record), logging.ERROR if kind in ("error", "interlock") else logging.INFO)
        if self.state.going and kind == "interlock":
            self._show_state(State.HELD, str(record.get("why", "")))
        elif self.state.going and kind in ("interlock_cleared", "go_on"):
            self._show_state(State.RUNNING)
        elif kind == "refused":
            self._say(f"{record.get('request', 'that')} was refused: {record.get('why', '')}")

    def _show_ended(self, end: Ended) -> None:
        state = {"Finished": State.FINISHED, "Aborted": State.ABORTED}.get(end.status, State.FAILED)
        self._safing = None
        unsafe = f"NOT SAFE: {end.unsafe}" if end.unsafe else ""
        error = end.error or self._said_in_emergency
        self.log.say(f"the run has ended: {end.status.lower()}, {end.rows} rows")
        self._show_state(state, error if not unsafe or unsafe in error else f"{unsafe}. {error}".strip())
        self.progress.setRange(0, 1000)
        if state is State.FINISHED:
            self.progress.setValue(1000)
        planned = "" if self.pace.planned is None else f" of {self.pace.planned}"
        self.progress_text.setText(f"{end.rows}{planned} points")
        reducible = getattr(self.panel.shown_class, "ANALYSIS", None) is not None
        self._show_where("writing the report …" if end.rows and reducible else "")
        for question in (self._question, self._request):
            if question is not None:
                question.done(0)  # what it asks has settled itself
        self.ended.emit(end)

    def _show_reduced(self, result: Reduced) -> None:
        if result.error is not None:
            self._show_where(f"no results: {result.error}")
        else:
            self.panel.show_reduced(result)
            self._show_where("", reported=True)
        self.reduced.emit(result)

    # -- showing -------------------------------------------------------------------------------------------------

    def _show_state(self, state: State, message: str = "") -> None:
        if message and message != self.message.text():
            self.log.say(message, logging.WARNING)
        self.state = state
        self.light.show_state(state)
        self._say(message)
        self.station_view.set_running(self._timer.isActive())
        alone = self.busy and not isinstance(self.measurement, QueueWork)  # beside a queue one prepares what comes next
        self.form.set_locked(alone)
        self.panel.picker.setEnabled(not alone)
        self.place.set_locked(alone)
        self.station_action.setEnabled(not alone)
        self.stop_action.setEnabled(state.going)
        self.pause_action.setEnabled(state.going)
        self.skip_action.setEnabled(state.going)
        self.pause_action.setText("&Go on" if state is State.PAUSED else "&Pause")
        self._inputs_changed()
        self._show_icons(Colours(self.palette()))

    def _show_where(self, text: str, reported: bool = False) -> None:
        run = self.measurement.run if self.measurement is not None else None
        if run is None:
            self.footer.write_where("", [], text)
            return
        files = [("folder", run.folder.path), ("data", run.folder.data)]
        if reported:
            files += [("report", run.folder.report), ("results", run.folder.results)]
        self.footer.write_where(run.folder.path.name, files, text)
        self.log.show_run(run.folder.path)
        self.where.setToolTip(str(run.folder.path.resolve()))

    # -- inputs --------------------------------------------------------------------------------------------------

    def _where(self) -> dict[str, str]:
        """Return station, sample and device as parameters; what is empty is the station's own."""
        place = {"station": self.place.station, "sample": self.place.sample, "device": self.place.device}
        return {name: value for name, value in place.items() if value}

    def _may_start(self) -> bool:
        return not (self.busy or self.form.errors or self.panel.problem)

    def _place_changed(self) -> None:
        self._title(bool(self.place.simulated))
        if not self.busy and self.place.simulated is not None:
            self._show_simulated(self.place.simulated)
        self.panel.show_place(self.place, self.out)
        self.station_view.show_place()
        self._inputs_changed()

    def _inputs_changed(self) -> None:
        self.start_action.setEnabled(self._may_start())
        self.queue_action.setEnabled(not self.form.errors and not self.panel.problem)

    def _prepare(self) -> None:
        self._title(bool(self.place.simulated))
        self.panel.show_place(self.place, self.out)
        self.panel.look_for_last(self.out)
        threading.Thread(target=prepare, args=(self.panel.procedure_class,), name="prepare").start()

    def _station_free(self) -> None:
        """Let a run start now that the instruments have been asked, or close the window if that was wished."""
        self._inputs_changed()
        if not self._timer.isActive():
            self.place.set_locked(self.busy)
        if self._closing:
            self.station_view.by_hand.leave()
        if self._closing and not self.busy:
            self.close()

    def _ask_readings(self) -> None:
        """Have the run tell what its instruments read, before its next point."""
        control = self._control()
        if control is not None:
            control.ask_readings()

    def _what_runs(self) -> Run | ManualBench | None:
        work, bench = self.measurement, self.station_view.by_hand.bench
        if bench is not None and bench.held:
            return bench
        return work.run if work is not None and work.active and work.run is not None and work.run.running else None

    def _control(self) -> Any:
        run = self.measurement.run if self.measurement is not None and self.state.going else None
        return run.procedure.control if run is not None and isinstance(run.procedure, Scan) else None

    # -- emergency and making up the window -------------------------------------------------------------------------

    def _emergency(self) -> None:
        """Stop what goes on, while the outputs are made safe."""
        if self.measurement is not None and self.measurement.active:
            self.measurement.stop()
            self._show_state(State.EMERGENCY, "emergency stop: outputs are being made safe")

    def _emergency_done(self, outputs: dict[str, str | None]) -> None:
        left = "; ".join(f"{role}: {problem}" for role, problem in outputs.items() if problem)
        said = f"EMERGENCY STOP: NOT SAFE: {left}" if left else "emergency stop: all outputs are safe"
        self._said_in_emergency = said
        self._say(said)
        if self._closing and not self.busy:
            self.close()

    def _connect(self) -> None:
        """Let the frame's parts do what they say."""
        actions: dict[QtGui.QAction, Callable[[], Any]] = {
            self.start_action: self.start,
            self.queue_action: self.add_to_queue,
            self.pause_action: self.pause,
            self.skip_action: self.skip,
            self.stop_action: self.stop,
            self.emergency_action: self.emergency.stop_now,
            self.quit_action: self.close,
            self.station_action: self._open_station,
            self.guide_action: self.guide.begin,
            self.export_action: self._export,
            self.keys_action: self.show_keys,
        }
        for action, do in actions.items():
            action.triggered.connect(lambda checked=False, do=do: do())
        self.place.changed.connect(self._place_changed)
        self.guide.station_wanted.connect(self._open_station)
        self.panel.changed.connect(self._inputs_changed)
        self.panel.picked.connect(self._prepare)
        self.panel.failed.connect(self._say)
        self.panel.export_button.clicked.connect(self._export)
        self.emergency.pressed_now.connect(self._emergency)
        self.emergency.done.connect(self._emergency_done)
        self.queue.asked.connect(self.start_queue)
        self.queue.changed.connect(self._queue_changed)
        self.queue.series_asked.connect(self.add_series)
        self.queue.rehearsing.connect(self._inputs_changed)
        self.queue.rehearsed.connect(self._station_free)
        self.runs.chosen.connect(self._run_chosen)
        self.runs.resume_asked.connect(self.resume)
        self.offer.accepted.connect(self.resume)
        self.station_view.readings_wanted.connect(self._ask_readings)
        self.station_view.asked.connect(self._station_free)
