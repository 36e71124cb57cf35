"""What the operator's window costs, beside PyMeasure's own widgets in the same run.

Refresh: some points come, the plot takes them and is painted, for one curve of many points and for maps; both sides
get the same rows and a window of the same size. PyMeasure's side is its own ``ResultsCurve`` in its ``PlotWidget``,
its own ``ResultsImage`` in its ``ImageWidget``, fed from a CSV file that grows, as in its ManagedWindow. Heartbeat: the
longest time for which the event loop is held up, by a timer of 5 ms, during a run of 1,000 points/s, a shutdown of
60 s, the opening of 10,000 catalogued runs, and a map of 500 x 500. Memory: after 500 runs and "clear".

Times are of the thread's processor unless it is said otherwise; on a busy machine that is the one to look at. Run it
with ``QT_QPA_PLATFORM=offscreen python benchmarks/window.py [refresh | heartbeat | memory]``.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sotlab.gui.map_view import MapView
from sotlab.gui.plot import SweepPlot
from sotlab.gui.qt import QtCore, QtWidgets
from sotlab.gui.window import MainWindow
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

ROUNDS = 9
SIZE = (576, 600)
#: So many rows come between two refreshes.
NEW = 20


def milliseconds(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Return the median time of the processor that one call takes [ms]."""
    took = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return 1e3 * statistics.median(took)


# -- refresh -----------------------------------------------------------------------------------------------------


class Grid:
    """What a PyMeasure procedure of a map has."""

    def __init__(self, count: int) -> None:
        self.x_start, self.x_end, self.x_step = 0.0, float(count - 1), 1.0
        self.y_start, self.y_end, self.y_step = 0.0, float(count - 1), 1.0


def rows_of(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> list[dict[str, float]]:
    """Return rows as a run gives them."""
    return [{"x": float(a), "y": float(b), "z": float(c)} for a, b, c in zip(x, y, z, strict=True)]


def stock_results(folder: Path, count: int, *columns: np.ndarray) -> tuple[Any, Callable[[], None]]:
    """Return PyMeasure's Results of a file with these rows, and what appends some more to it."""
    from pymeasure.experiment import Procedure, Results

    x, y, z = columns

    class Many(Procedure):
        DATA_COLUMNS: ClassVar = ["x", "y", "z"]

        def execute(self) -> None:
            """Do nothing."""

    procedure = Many()
    for name, value in vars(Grid(count)).items():
        setattr(procedure, name, value)
    results = Results(procedure, str(folder / f"{time.monotonic_ns()}.csv"))
    with open(results.data_filename, "a", encoding="utf-8") as file:
        file.writelines(f"{a!r},{b!r},{c!r}\n" for a, b, c in zip(x.tolist(), y.tolist(), z.tolist(), strict=True))
    _ = results.data  # read once, as in a run that has gone on for a while

    def more() -> None:
        with open(results.data_filename, "a", encoding="utf-8") as file:
            file.writelines(f"{x[-1] + 1e-6 * k},{y[-1]},{z[-1]}\n" for k in range(NEW))

    return results, more


def curve(count: int, stock: bool, folder: Path) -> float:
    """Return how long it takes to take some more points and paint a curve of so many [ms]."""
    rng = np.random.default_rng(0)
    x = np.linspace(0.0, 1.0, count)
    y, z = np.sin(9.0 * x) + 0.1 * rng.normal(size=count), np.zeros(count)
    if stock:
        from pymeasure.display.widgets import PlotWidget

        results, more = stock_results(folder, 2, x, y, z)
        widget = PlotWidget("plot", ["x", "y", "z"], "x", "y", refresh_time=1e6)
        drawn = widget.new_curve(results)
        widget.load(drawn)

        def take() -> None:
            more()
            drawn.update_data()

        canvas = widget.plot_frame.plot_widget
    else:
        widget = SweepPlot("x", "y", ["x", "y", "z"])
        widget.set_data({"x": x, "y": y, "z": z})
        new = rows_of(1.0 + 1e-6 * np.arange(NEW), y[:NEW], z[:NEW])

        def take() -> None:
            widget.add_rows(new)

        canvas = widget.graphics
    return _shown(widget, canvas, take)


def image(count: int, stock: bool, folder: Path, rounds: int) -> float:
    """Return how long it takes to take some more points and paint a map of so many rows and columns [ms]."""
    across, up = (part.ravel().astype(float) for part in np.meshgrid(np.arange(count), np.arange(count)))
    z = np.sin(0.1 * across) * np.cos(0.07 * up)
    if stock:
        from pymeasure.display.widgets import ImageWidget

        results, more = stock_results(folder, count, across, up, z)
        widget = ImageWidget("image", ["x", "y", "z"], "x", "y", "z", refresh_time=1e6)
        drawn = widget.new_curve(results)
        widget.load(drawn)

        def take() -> None:
            more()
            drawn.update_data()

        return _shown(widget, widget.image_frame.plot_widget, take, rounds)
    plot = SweepPlot("x", "z", ["x", "y", "z"])
    view = MapView(plot)
    view.set_columns("x", ["y"], "z", ["x", "y", "z"])
    plot.set_data({"x": across, "y": up, "z": z})
    new = rows_of(across[:NEW] + 1e-3, np.full(NEW, up[-1]), z[:NEW])

    def take() -> None:
        plot.add_rows(new)
        view.update_rows()

    return _shown(view, view.graphics, take, rounds)


def _shown(widget: Any, canvas: Any, take: Callable[[], None], rounds: int = ROUNDS) -> float:
    widget.resize(*SIZE)
    widget.show()
    QtWidgets.QApplication.processEvents()

    def refresh() -> None:
        take()
        QtWidgets.QApplication.processEvents()  # paints what has changed

    refresh()
    painted = _count_paints(canvas)
    took = milliseconds(refresh, rounds)
    if len(painted) < rounds:
        raise SystemExit(f"{type(widget).__name__} was painted {len(painted)} times in {rounds} refreshes")
    widget.close()
    widget.deleteLater()
    return took


def _count_paints(canvas: Any) -> list[int]:
    """Return a list that gets an entry with each painting of a plot."""
    painted: list[int] = []

    class Counter(QtCore.QObject):
        def eventFilter(self, watched: Any, event: Any) -> bool:
            """Count paint events."""
            if event.type() == QtCore.QEvent.Type.Paint:
                painted.append(1)
            return False

    canvas.viewport().installEventFilter(Counter(canvas))
    return painted


def refresh() -> None:
    """Print what a refresh costs on both sides."""
    print("refresh with paint [ms of the processor]   PyMeasure    sotlab    ratio   asked")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = {}
        line = "{:<38}{:12.2f}{:10.2f}{:8.1f}   {}"
        for count, asked in ((1_000, ""), (10_000, ""), (100_000, ">= 8"), (300_000, ">= 20")):
            stock, ours[count] = curve(count, True, folder), curve(count, False, folder)
            print(line.format(f"1 curve of {count:,}", stock, ours[count], stock / ours[count], asked))
        print(f"300,000 points cost {ours[300_000] / ours[1_000]:.2f} times what 1,000 do (asked <= 1.5)")
        for count, asked, rounds in ((100, ">= 150", 3), (200, ">= 500", 1), (500, "< 10 ms", 0)):
            stock = image(count, True, folder, rounds) if rounds else float("nan")
            one = image(count, False, folder, ROUNDS)
            print(line.format(f"map of {count} x {count}", stock, one, stock / one, asked))


# -- heartbeat ---------------------------------------------------------------------------------------------------


class Heartbeat(QtCore.QObject):
    """Notes how late each beat of 5 ms is, by the clock and of this thread's processor."""

    def __init__(self) -> None:
        super().__init__()
        self.wall_s: list[float] = []
        self.cpu_s: list[float] = []
        self._timer = QtCore.QTimer(self, interval=5, timerType=QtCore.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self.start()

    def start(self) -> None:
        """Begin anew."""
        self.wall_s, self.cpu_s = [], []
        self._last = time.perf_counter(), time.thread_time()
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.wall_s.append(now[0] - self._last[0])
        self.cpu_s.append(now[1] - self._last[1])
        self._last = now

    def tell(self, what: str) -> None:
        """Print the longest times."""
        wall, cpu = (1e3 * np.array(values) for values in (self.wall_s, self.cpu_s))
        print(
            f"{what:<46} longest {cpu.max():6.1f} ms of the processor, {wall.max():6.1f} ms by the clock;"
            f" 99 %: {np.quantile(cpu, 0.99):.1f}, {np.quantile(wall, 0.99):.1f}; {len(wall)} beats"
        )


class Fast(Scan):
    """Rows at 1,000/s, by the clock of the wall."""

    COLUMNS = ("Field (T)", "Voltage (V)")
    X_AXIS, Y_AXIS = "Field (T)", "Voltage (V)"

    def plan(self) -> Iterator[Mapping[str, float]]:
        """Yield 10,000 points."""
        self._began = time.monotonic()
        yield from ({"field_T": 1e-5 * k} for k in range(10_000))

    def apply(self, point: Any, bench: Any) -> None:
        """Wait until it is this point's turn."""
        time.sleep(max(0.0, self._began + 1e-3 * point.index - time.monotonic()))

    def measure(self, point: Any, bench: Any) -> dict[str, Any]:
        """Return a row."""
        field_T = point.settings["field_T"]
        return {"Field (T)": field_T, "Voltage (V)": np.sin(100.0 * field_T)}


shutdown_s = 60.0


class SlowShutdown(STFMRFieldSweep):
    """A run whose making safe takes a minute."""

    def shutdown(self) -> None:
        """Take a minute."""
        threading.Event().wait(shutdown_s)
        super().shutdown()


def wait_until(done: Callable[[], bool], timeout_s: float = 300.0) -> None:
    """Let the event loop go on until something is so."""
    until = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > until:
            raise SystemExit("it takes too long")
        QtWidgets.QApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 50)
        QtWidgets.QApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)  # as an event loop does


def heartbeat() -> None:
    """Print how long the event loop was held up."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "runs"
        beat = Heartbeat()
        _beat_in_a_run(beat, out)
        _beat_in_a_shutdown(beat, out)
        _beat_in_a_catalog(beat, Path(name) / "many")
        _beat_in_a_map(beat)


def _window(out: Path, procedure_class: type[Scan] | None = None) -> MainWindow:
    """Return a window that has asked what its station is, and imported what a run needs."""
    window = MainWindow("virtual:stfmr?seed=0&clock=virtual", out, procedure_class)
    window.show()
    wait_until(lambda: window.place.simulated is not None)
    wait_until(lambda: not any(thread.name == "prepare" for thread in threading.enumerate()))
    return window


def _beat_in_a_run(beat: Heartbeat, out: Path) -> None:
    window = _window(out, Fast)
    window.start()
    wait_until(lambda: window.plot.count > 0)
    beat.start()
    began, count = time.monotonic(), window.plot.count
    wait_until(lambda: not window.busy)
    rate = (window.plot.count - count) / (time.monotonic() - began)
    beat.tell(f"run at 1,000 points/s ({rate:.0f}/s shown)")
    _close(window)


def _beat_in_a_shutdown(beat: Heartbeat, out: Path) -> None:
    window = _window(out, SlowShutdown)
    window.form.inputs["points"].edit.setText("21")
    window.start()
    wait_until(lambda: window.plot.count >= 2)
    window.stop()
    beat.start()
    wait_until(lambda: not window.busy)
    beat.tell(f"shutdown of {shutdown_s:.0f} s")
    _close(window)


def _beat_in_a_catalog(beat: Heartbeat, out: Path) -> None:
    """Open the page of 10,000 runs; the catalog of them was made before, as they were measured."""
    from catalog import make_runs

    make_runs(out, 10_000)
    window = _window(out)
    wait_until(lambda: not window.offer.background.busy and not window.panel.background.busy)
    beat.start()
    began, began_cpu = time.perf_counter(), time.process_time()
    window.tabs.setCurrentWidget(window.runs)
    wait_until(lambda: len(window.runs.model.runs) == 10_000)
    window.runs.table.viewport().repaint()
    listed_s, took_s = time.perf_counter() - began, time.process_time() - began_cpu
    wait_until(lambda: not window.runs.background.busy)
    beat.tell("10,000 catalogued runs")
    print(f"    listed after {listed_s:.2f} s by the clock, {took_s:.2f} s of the processor (asked < 0.3 s)")
    _close(window)


def _beat_in_a_map(beat: Heartbeat) -> None:
    plot = SweepPlot("x", "z", ["x", "y", "z"])
    view = MapView(plot)
    view.set_columns("x", ["y"], "z", ["x", "y", "z"])
    view.resize(*SIZE)
    view.show()
    QtWidgets.QApplication.processEvents()
    x = np.arange(500.0)
    beat.start()
    for row in range(500):
        batch = rows_of(x, np.full(500, float(row)), np.sin(0.02 * x * row))
        QtWidgets.QApplication.processEvents()  # what the run makes is not the window's time
        plot.add_rows(batch)
        view.update_rows()
        QtWidgets.QApplication.processEvents()
    beat.tell("map of 500 x 500, row by row")
    view.close()


def _close(window: MainWindow) -> None:
    window.stop_and_close()
    wait_until(lambda: not window.isVisible())
    window.deleteLater()
    QtWidgets.QApplication.processEvents()


# -- memory ------------------------------------------------------------------------------------------------------


def resident_MB() -> float:
    """Return the memory that this process has [MB]."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(runs: int) -> None:
    """Print the memory before and after so many runs and "clear"."""
    with tempfile.TemporaryDirectory() as name:
        window = MainWindow("virtual:stfmr?seed=0&clock=virtual", Path(name) / "runs")
        window.show()
        for key, text in {"start": "50 mT", "stop": "51 mT", "points": "8"}.items():
            window.form.inputs[key].edit.setText(text)
        before = 0.0
        for number in range(runs + 20):
            window.start()
            wait_until(lambda: not window.busy)
            if number == 19:  # what is imported late, and caches, are there now
                gc.collect()
                before = resident_MB()
        window.plot.compare_no_more()
        window.plot.clear()
        gc.collect()
        after = resident_MB()
        more = 100 * (after / before - 1)
        print(f"memory: {before:.0f} MB, after {runs} runs and clear {after:.0f} MB: {more:+.1f} % (asked <= 10 %)")
        _close(window)


def main() -> None:
    """Print all of it, or a part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", choices=("refresh", "heartbeat", "memory"))
    parser.add_argument("--runs", type=int, default=500)
    asked = parser.parse_args()
    logging.getLogger("pymeasure").setLevel(logging.ERROR)
    import sys

    from sotlab.gui.app import SWITCH_INTERVAL_S
    from sotlab.gui.garbage import Collector

    sys.setswitchinterval(SWITCH_INTERVAL_S)  # all as in the program
    application = QtWidgets.QApplication([])
    application.setStyle("Fusion")
    Collector.of_this_application().spare_what_is_there()
    if asked.part in (None, "refresh"):
        refresh()
    if asked.part in (None, "heartbeat"):
        heartbeat()
    if asked.part in (None, "memory"):
        memory(asked.runs)
    sys.stdout.flush()
    os._exit(0)  # the widgets of PyMeasure do not survive an orderly end


if __name__ == "__main__":
    main()
