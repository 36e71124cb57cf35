"""A run at the terminal: progress with the time to go, the fit as it comes, and tables of results."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sotlab.analysis.values import LiveFit, rows_of
from sotlab.errors import InstrumentError, OperatorError, SotlabError
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.runs.tables import flags_of, row_label, value_names
from sotlab.procedures.runs.time_left import TimeLeft, TimeLeftColumn
from sotlab.units import pretty

__all__ = ["Terminal"]


class Terminal:
    """Follows runs on stderr, so that stdout stays for what is asked for.

    Parameters
    ----------
    quiet : bool
        Show results only if asked (``--json``); progress is shown where stderr is a terminal all the same.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._run: Run | None = None
        self._total: int | None = None  # rows planned of it, so far
        self._stopped = False
        self._progress = _ProgressWithFit(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeLeftColumn(),
            console=Console(stderr=True),
            disable=quiet and not sys.stderr.isatty(),
        )

    def __enter__(self) -> Terminal:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._run is not None and self._run.running:
            self._run.stop()
            self._run.wait()
        self._progress.stop()

    def follow(self, run: Run) -> None:
        """Start a run and show it until it has ended."""
        self._run, left = run, TimeLeft(run)
        if isinstance(run.procedure, Scan):
            run.procedure.operator = self.ask
        news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        run.bus.subscribe(lambda topic, record: news.put((topic, record)))
        self._total = _rows_planned(run)
        done = len(run.procedure.past.rows) if isinstance(run.procedure, Scan) else 0
        task = self._progress.add_task(_title(run), total=self._total, completed=done)
        if self._stopped:
            run.stop()
        run.start()
        while not run.wait(0.1):
            self._show(news, task, left)
        self._show(news, task, left)
        self._progress.fit = ""

    def stop_run(self) -> None:
        """Ask the run that is followed to stop; asked a second time, make the bench safe past what may hang."""
        again, self._stopped = self._stopped, True
        if self._run is None:
            return
        if again:  # in a thread of its own: this is called by a signal, and instruments take their time
            threading.Thread(target=self._emergency_stop, args=(self._run,), name="emergency stop").start()
        else:
            self._run.stop()

    def _emergency_stop(self, run: Run) -> None:
        try:
            outputs = run.emergency_stop()
        except SotlabError as error:
            self._progress.console.print(f"NOT SAFE: {error}", style="bold red", markup=False)
            return
        for role, problem in outputs.items():
            state = "safe" if problem is None else f"NOT SAFE: {problem}"
            self._progress.console.print(f"{role}: {state}", markup=False)

    def ask(self, message: str) -> None:
        """Tell the operator what to do, and return when Enter was pressed.

        Raises
        ------
        InstrumentError
            If nobody is at the terminal, or the run is stopped meanwhile.
        """
        if sys.stdin is None or not sys.stdin.isatty():
            raise OperatorError(f"the operator is needed ('{message}'), and this is no terminal; start it from one")
        answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._progress.stop()
        self._progress.console.print(f"\n[bold]{message}[/bold], then press Enter (Ctrl-C stops)")
        # A thread of its own: a run that is stopped must not wait for a key.
        threading.Thread(target=lambda: answers.put(sys.stdin.readline()), name="operator", daemon=True).start()
        while answers.empty():
            if self._stopped:
                raise InstrumentError(f"stopped while the operator was asked: {message}")
            time.sleep(0.05)
        if not answers.get():
            raise OperatorError(f"the operator is needed ('{message}'), and the terminal is closed")
        self._progress.start()

    def show_reduction(self, reduction: Mapping[str, Any], title: str) -> None:
        """Print a reduction as tables on stdout; with truth and pull where they are known."""
        console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else 140, highlight=False)
        console.print(f"\n[bold]{title}[/bold]")
        if reduction["simulated"]:
            console.print("SIMULATED")
        rows = rows_of(reduction)
        if rows:
            console.print(_rows_table(rows))
        console.print(_results_table(reduction["results"]))
        for flag in [*reduction["flags"], *flags_of(rows)]:
            console.print(f"! {flag}", markup=False)

    def say(self, line: str) -> None:
        """Print a line above the progress bars."""
        if not self._progress.disable:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _show(self, news: queue.SimpleQueue[tuple[str, Any]], task: Any, left: TimeLeft) -> None:
        rows, fit = 0, None
        while not news.empty():
            topic, record = news.get()
            rows += topic == "results"
            fit = record if topic == "fit" else fit
            if topic == "event" and record["event"] == "proposal":
                self.say(record["text"])
            if topic == "plan_extend" and self._total is not None:
                self._total += len(record)
        self._progress.update(task, advance=rows, total=self._total, left=left.count(rows))
        if fit is not None:
            self._progress.fit = describe_fit(fit)


class _ProgressWithFit(Progress):
    """Progress bars with the last live fit on a line of its own below them."""

    fit = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        if self.fit:
            yield Text(self.fit, style="dim", no_wrap=True, overflow="ellipsis")


def describe_fit(fit: LiveFit) -> str:
    """Return a live fit in a few words."""
    return "  ".join(f"{name} {pretty(v.value, v.sigma, v.unit)}" for name, v in fit.values.items())


def _rows_planned(run: Run) -> int | None:
    scan = run.procedure
    return len(scan.planned()) if isinstance(scan, Scan) else None


def _title(run: Run) -> str:
    frequency = getattr(run.procedure, "frequency", None)
    return pretty(frequency, None, "Hz") if isinstance(frequency, float) else type(run.procedure).__name__


def _results_table(results: Mapping[str, Any]) -> Table:
    truth = any("truth" in value for value in results.values())
    table = Table("result", "value", *(("truth", "pull") if truth else ()), box=None, pad_edge=False)
    for name, value in results.items():
        table.add_row(name, pretty(value["value"], value["sigma"], value["unit"]), *(_truth(value) if truth else ()))
    return table


def _rows_table(rows: list[dict[str, Any]]) -> Table:
    """Return one line a row, or one line a value where truth and pull stand beside it."""
    names = value_names(rows)
    first, labels = row_label(rows)
    if not any("truth" in row.get(name, ()) for row in rows for name in names):
        table = Table(first, *names, box=None, pad_edge=False)
        for label, row in zip(labels, rows, strict=True):
            table.add_row(label, *(_shown(row[name]) if name in row else "" for name in names))
        return table
    table = Table(first, "", "value", "truth", "pull", box=None, pad_edge=False)
    for label, row in zip(labels, rows, strict=True):
        own = [name for name in names if name in row]
        for name in own:
            table.add_row(label if name == own[0] else "", name, _shown(row[name]), *_truth(row[name]))
    return table


def _shown(value: Mapping[str, Any]) -> str:
    return pretty(value["value"], value["sigma"], value["unit"])


def _truth(value: Mapping[str, Any]) -> list[str]:
    pull = value.get("pull")
    return [pretty(value.get("truth"), None, value["unit"]), "" if pull is None else f"{pull:+.2f}"]
