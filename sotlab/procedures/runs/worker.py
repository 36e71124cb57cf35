"""Runs one procedure in a thread: PyMeasure's Worker, which records before it publishes and never loses an error.

Where PyMeasure's differs, and why ours is needed: a row that cannot be written ends the run instead of being logged;
each stage of the shutdown runs whether or not the one before it failed; the status that a run ended with is stored.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from pymeasure.experiment import Procedure, Worker

from sotlab.clock import Clock, RealClock
from sotlab.errors import RunError, SotlabError
from sotlab.instruments.station import Station
from sotlab.procedures.runs.arrays import gather
from sotlab.procedures.runs.bus import Bus
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.guard import Guard
from sotlab.procedures.runs.journal import Journal
from sotlab.procedures.runs.plan import plan_as_columns
from sotlab.procedures.runs.provenance import loaded_code
from sotlab.procedures.runs.recorder import RunResults
from sotlab.procedures.runs.scan import SCHEMA, Scan

__all__ = ["RunWorker"]

log = logging.getLogger(__name__)

#: Name of each status in the journal.
EXIT_STATUS = {Procedure.FINISHED: "finished", Procedure.ABORTED: "aborted", Procedure.FAILED: "failed"}


class RunWorker(Worker):
    """Run a procedure, a :class:`Scan` or any other of PyMeasure's, into a run folder.

    Attributes
    ----------
    error : Exception or None
        What ended the run, if it failed.
    unsafe : str or None
        What could not be made safe, if anything.
    """

    results: RunResults

    def __init__(
        self,
        procedure: Procedure,
        folder: RunFolder,
        bus: Bus,
        operator: str = "",
        cut: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(RunResults(procedure, folder.data, folder.arrays))
        self.name = f"run {folder.run_id}"
        self.procedure = procedure
        self.folder = folder
        self.bus = bus
        self.operator = operator
        self.error: BaseException | None = None
        self.unsafe: str | None = None
        #: What the run knows of its analysis' settings, once it is open; asked of the bench in this thread only.
        self.analysis_settings: dict[str, Any] = {}
        self._past = procedure.past if isinstance(procedure, Scan) and procedure.past.plan is not None else None
        self._cut = list(cut)
        self._guard: Guard | None = None
        self._opened = False
        self._early: list[dict[str, Any]] = []  # events that came before the journal's first line
        self._clock: Clock = RealClock()
        self._began = self._clock.now()
        self.journal = Journal(folder.journal, self._bench_time)

    def run(self) -> None:
        """Start up, execute and shut down; whatever fails, everything after it is still done."""
        procedure = self.procedure
        procedure.should_stop = self.should_stop
        procedure.emit = self.emit
        procedure.is_last = self.is_last
        if isinstance(procedure, Scan):
            procedure.run_id = self.folder.run_id
        self.update_status(Procedure.RUNNING)
        try:
            self._start_up()
            if not self.should_stop():
                procedure.execute()
        except (KeyboardInterrupt, SystemExit):
            self.stop()
        except BaseException as error:  # an aborted thread must still make the bench safe
            self._fail(error)
        self._shutdown_procedure()
        status = Procedure.FAILED if self.error else Procedure.ABORTED if self.should_stop() else Procedure.FINISHED
        self._stage(self.results.close)
        if self.error:
            status = Procedure.FAILED  # also when the last row could not be brought to the disk
        self._gather_arrays()
        self._stage(self._close_journal, status)
        self.update_status(status)
        self.monitor_queue.put(None)
        self.stop()

    def emit(self, topic: str, record: Any) -> None:
        """Record, then publish.

        Raises
        ------
        RunError
            If a row, or a line of the journal, cannot be written: it is raised into the procedure.
        """
        if topic == "results":
            self.results.write_row(record)
        elif topic == "batch results":
            for row in self.results.write_rows(record):
                self.bus.publish("results", row)
            return
        elif topic == "opened":
            self._watch_over(record)
            return
        elif topic == "plan_extend":
            self.journal.write("plan_extend", **plan_as_columns(record))
        elif topic == "made_safe":
            self.unsafe = "; ".join(f"{role}: {problem}" for role, problem in record.items() if problem) or None
            self.journal.write("made_safe", outputs=record)
        elif topic in ("status", "progress"):
            self.monitor_queue.put((topic, record))
        elif topic == "event":
            if self._opened:
                self.journal.write(**record)
            else:
                self._early.append(record)
        self.bus.publish(topic, record)

    def make_safe_now(self) -> dict[str, str | None]:
        """Make the outputs safe over sessions of their own, from another thread, while the worker may hang.

        Returns
        -------
        dict
            Role -> None, or the one-line problem that kept it from its safe state; empty if nothing was opened yet.
        """
        scan = self.procedure
        if self._guard is not None:
            outputs = self._guard.make_safe()
        elif isinstance(scan, Scan) and scan.bench is not None:
            outputs = Station.rescue(scan.bench.spec, scan.bench.actuators, borrow=True)
        else:
            return {}
        try:
            self.journal.write("emergency_stop", outputs=outputs)
        except SotlabError as error:  # the run has ended meanwhile, and its journal says that the outputs are safe
            log.warning("%s: %s", self.name, error)
        self.bus.publish("emergency_stop", outputs)
        return outputs

    def _watch_over(self, bench: Station) -> None:
        """Let a guard see to the outputs, unless they end with this process."""
        if not bench.private:
            self._guard = Guard.of_this_program()
            self._guard.watch(bench, self.folder.journal)

    def is_last(self) -> bool:
        """Return True: a run knows of no queue."""
        return True

    def _start_up(self) -> None:
        """Start the procedure and open the files; the journal is opened even if the procedure could not start."""
        try:
            self.procedure.startup()
            self.procedure.evaluate_metadata()
        except BaseException:
            self._open_journal()
            raise
        if isinstance(self.procedure, Scan):
            self._clock = self.procedure.clock
            self._began = self._clock.now() - self.procedure.past.elapsed_s
        if self._past is not None:
            self.results.go_on(len(self._past.rows))
        else:
            self.results.open()
        self._open_journal(**self._scan_fields())

    def _open_journal(self, **fields: Any) -> None:
        """Write the first line of the journal, then what was told before it: the start needs the bench, as it does."""
        if self._past is not None:
            fields = {"versions": _versions(), "code": loaded_code(), "operator": self.operator}
            self.journal.write(
                "run_resume", **fields, rows=len(self._past.rows), cut=self._cut, accepted=self._past.changed
            )
        else:
            self.journal.write("run_open", **self._run_fields(), **fields)
        self._opened = True
        for record in self._early:
            self.journal.write(**record)

    def _fail(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error
        log.debug("the run failed", exc_info=error)
        self._stage(self.journal.write, "error", kind=type(error).__name__, message=str(error))
        self.bus.publish("error", error)

    def _shutdown_procedure(self) -> None:
        try:
            self.procedure.shutdown()
        except BaseException as error:  # the files must still be closed
            self._fail(error)
        if self._guard is not None and self.unsafe is None:
            self._stage(self._guard.release)

    def _stage(self, action: Any, *args: Any, **kwargs: Any) -> None:
        """Do one stage of the ending; an error of it is kept and the next stage is done all the same."""
        try:
            action(*args, **kwargs)
        except Exception as error:
            if self.error is None:
                self.error = error
            log.error("%s: %s", self.name, error)

    def _gather_arrays(self) -> None:
        """Make the HDF5 file; without it nothing is lost, so that is noted and no failure of the run."""
        try:
            if self.folder.arrays.exists():
                gather(self.folder.arrays, self.folder.gathered_arrays)
        except RunError as error:
            log.warning("%s", error)
            self._stage(self.journal.write, "not_gathered", why=str(error))

    def _run_fields(self) -> dict[str, Any]:
        procedure = self.procedure
        return {
            "schema": SCHEMA,
            "run": self.folder.run_id,
            "procedure": f"{type(procedure).__module__}.{type(procedure).__qualname__}",
            "versions": _versions(),
            "code": loaded_code(),
            "parameters": {
                name: {"name": p.name, "value": p.value if p.is_set() else None, "unit": getattr(p, "units", None)}
                for name, p in procedure.parameter_objects().items()
            },
            "columns": list(procedure.DATA_COLUMNS),
            "operator": self.operator,
        }

    def _scan_fields(self) -> dict[str, Any]:
        scan = self.procedure
        if not isinstance(scan, Scan) or scan.bench is None:
            return {}
        fields: dict[str, Any] = {
            "simulated": scan.bench.simulated,
            "station": scan.bench.snapshot(),
            "sample": scan.the_sample().model_dump(mode="json"),
            "plan": plan_as_columns(scan.planned()),
            "duration_s": scan.duration_s(),
        }
        if scan.ANALYSIS is not None:
            self.analysis_settings = scan.analysis_settings(scan.bench)
            fields["analysis"] = {
                "kind": scan.ANALYSIS.kind,
                "columns": dict(scan.ANALYSIS.columns),
                "axes": dict(scan.ANALYSIS.axes),
                "settings": self.analysis_settings,
            }
        return fields

    def _close_journal(self, status: int) -> None:
        try:
            message = str(self.error) if self.error else None
            self.journal.write(
                "run_close", exit_status=EXIT_STATUS[status], rows=self.results.rows, error=message, unsafe=self.unsafe
            )
        finally:
            self.journal.close()

    def _bench_time(self) -> float:
        return self._clock.now() - self._began


def _versions() -> dict[str, str]:
    names = ("sotlab", "pymeasure", "pyvisa", "numpy", "scipy")
    return {"python": sys.version.split()[0], **{name: version(name) for name in names}}
