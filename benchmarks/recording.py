"""What recording costs per point against PyMeasure, QCoDeS and Bluesky, each with the file that it is used with.

The same sweep without any waiting: one setting, three readings, rows on the disk. Every measurement is a fresh process;
the peers live in an environment of their own, which this script makes (``--environment``). Ours syncs to the disk
within a second, as PyMeasure does not. Also: 1,000 values of each column recorded at once (ours: arrays keyed from one
row; PyMeasure's ``batch results``), looking at a running measurement of 100,000 rows, and opening it again.

Run it with ``python benchmarks/recording.py [--points 20000] [--rounds 5]``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PREAMBLE = """
import json, sys, tempfile, threading, time
from pathlib import Path
import numpy as np
points, folder = int(sys.argv[1]), Path(tempfile.mkdtemp(dir=sys.argv[2]))
def tell(seconds, count=points): print(json.dumps(1e6 * seconds / count))
"""

SWEEP = """
from pymeasure.experiment import FloatParameter, Procedure
class Sweep(Procedure):
    step = FloatParameter("Step", default=1.0)
    DATA_COLUMNS = ["X (V)", "A (V)", "B (V)", "C (V)"]
    def execute(self):
        started = time.perf_counter()
        for k in range(points):
            if self.should_stop():
                break
            self.emit("results", {"X (V)": 0.1 * k, "A (V)": k / 3, "B (V)": k / 7, "C (V)": -k / 9})
            self.emit("progress", 100.0 * k / points)
        self.took = time.perf_counter() - started
class Batches(Sweep):
    def execute(self):
        x = np.arange(1000) / 3
        started = time.perf_counter()
        for k in range(points // 1000):
            self.emit(TOPIC, {"X (V)": x, "A (V)": x / 3, "B (V)": x / 7, "C (V)": -x / 9})
        self.took = time.perf_counter() - started
"""

OURS = """
from sotlab.procedures.runs.run import Run
TOPIC = "results"
def measure(procedure):
    run = Run(procedure, folder)
    started = time.perf_counter()
    run.start()
    run.wait()
    run.raise_error()
    return time.perf_counter() - started, run.folder
"""

PYMEASURE = """
from pymeasure.experiment import Results, Worker
TOPIC = "batch results"
def measure(procedure):
    results = Results(procedure, str(folder / "data.csv"))
    worker = Worker(results)
    started = time.perf_counter()
    worker.start()
    threading.Thread.join(worker)
    return time.perf_counter() - started, results
"""

POINTS = "tell(measure(Sweep())[0])\n"
BATCHES = "procedure = Batches()\nmeasure(procedure)\ntell(procedure.took)\n"

QCODES = """
import qcodes as qc
from qcodes.dataset import Measurement, initialise_or_create_database_at, load_or_create_experiment
from qcodes.parameters import ManualParameter, Parameter
qc.config.logger.start_logging_on_import = "never"
initialise_or_create_database_at(folder / "runs.db")
load_or_create_experiment("sweep", "film")
x = ManualParameter("x", unit="V", initial_value=0.0)
readers = [Parameter(name, unit="V", get_cmd=lambda d=d: x() / d) for name, d in (("a", 3.0), ("b", 7.0), ("c", -9.0))]
measurement = Measurement()
measurement.register_parameter(x)
for reader in readers:
    measurement.register_parameter(reader, setpoints=(x,))
started = time.perf_counter()
with measurement.run() as saver:
    for k in range(points):
        x(0.1 * k)
        saver.add_result((x, x()), *((reader, reader()) for reader in readers))
tell(time.perf_counter() - started)
"""

BLUESKY = """
from bluesky import RunEngine
from bluesky.plan_stubs import mv, trigger_and_read
from bluesky.preprocessors import run_decorator
class Done:
    done, success = True, True
    def add_callback(self, callback): callback(self)
    def exception(self, timeout=None): return None
class Device:
    parent, hints = None, {}
    def __init__(self, name, value=0.0): self.name, self.value = name, value
    def read(self): return {self.name: {"value": self.value, "timestamp": time.time()}}
    def describe(self): return {self.name: {"source": "none", "dtype": "number", "shape": []}}
    def read_configuration(self): return {}
    def describe_configuration(self): return {}
class Axis(Device):
    position = 0.0
    def set(self, value):
        self.value = value
        return Done()
axis, readers = Axis("x"), [Device(name, 1.0) for name in "abc"]
@run_decorator()
def plan():
    for k in range(points):
        yield from mv(axis, 0.1 * k)
        yield from trigger_and_read([axis, *readers])
with open(folder / "run.jsonl", "w") as file:
    def keep(name, document):
        file.write(json.dumps([name, document]) + "\\n")
        file.flush()
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(keep)
    started = time.perf_counter()
    engine(plan())
    tell(time.perf_counter() - started)
"""

LIVE = {
    # What a plot does five times a second while 100,000 rows grow by 20; ours takes what it has heard from the run.
    "PyMeasure": """
procedure = Sweep()
_, results = measure(procedure)
results.data
times = []
for _ in range(9):
    with open(results.data_filename, "a") as file:
        for k in range(20):
            file.write(results.formatter.format({"X (V)": 0.1, "A (V)": 1.0, "B (V)": 1.0, "C (V)": 1.0}) + "\\n")
    started = time.perf_counter()
    results.data
    times.append(time.perf_counter() - started)
tell(sorted(times)[4], 1)
""",
    "sotlab": """
from sotlab.procedures.runs.columns import LiveColumns
from sotlab.procedures.runs.bus import Bus
bus = Bus()
rows = LiveColumns(bus, ["X (V)", "A (V)", "B (V)", "C (V)"])
row = {"X (V)": 0.1, "A (V)": 1.0, "B (V)": 1.0, "C (V)": 1.0}
for k in range(points):
    bus.publish("results", row)
times = []
for _ in range(9):
    for k in range(20):
        bus.publish("results", row)
    started = time.perf_counter()
    rows.arrays()
    times.append(time.perf_counter() - started)
tell(sorted(times)[4], 1)
""",
}
OPEN = {
    "PyMeasure": """
_, results = measure(Sweep())
started = time.perf_counter()
Results.load(results.data_filename, procedure_class=Sweep).data
tell(time.perf_counter() - started, 1)
""",
    "sotlab": """
from sotlab.procedures.runs.reader import read_run
_, run = measure(Sweep())
started = time.perf_counter()
read_run(run.path)
tell(time.perf_counter() - started, 1)
""",
}


def main() -> None:
    """Measure all engines in turn, round after round, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--environment", type=Path, default=Path(tempfile.gettempdir()) / "sotlab-peers")
    options = parser.parse_args()
    peers = _environment(options.environment)
    print(f"load of the machine before: {_load()}")
    _table(
        "a point, from start to closed file",
        {
            "sotlab": (sys.executable, SWEEP + OURS + POINTS, options.points),
            "PyMeasure": (sys.executable, SWEEP + PYMEASURE + POINTS, options.points),
            "QCoDeS": (peers, QCODES, options.points // 4),
            "Bluesky": (peers, BLUESKY, options.points // 20),
        },
        options.rounds,
    )
    _table(
        "a row of a batch of 1,000",
        {
            "sotlab": (sys.executable, SWEEP + OURS + BATCHES, 200_000),
            "PyMeasure": (sys.executable, SWEEP + PYMEASURE + BATCHES, 50_000),
        },
        options.rounds,
    )
    for title, codes in (("a look at 100,000 rows", LIVE), ("opening 100,000 rows", OPEN)):
        _table(
            title,
            {
                "sotlab": (sys.executable, SWEEP + OURS + codes["sotlab"], 100_000),
                "PyMeasure": (sys.executable, SWEEP + PYMEASURE + codes["PyMeasure"], 100_000),
            },
            options.rounds,
        )
    print(f"load of the machine after: {_load()}")


def _table(title: str, engines: dict[str, tuple[str, str, int]], rounds: int) -> None:
    figures: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, (python, code, points) in engines.items():
            figures[name].append(_measure(python, code, points))
    print(f"\n{title} [us]: median (minimum to maximum) of {rounds} processes, and the median ratio to ours")
    ours = figures["sotlab"]
    for name, found in figures.items():
        ratio = statistics.median(other / own for own, other in zip(ours, found, strict=True))
        print(f"  {name:<10} {statistics.median(found):>12.2f} ({min(found):.2f} to {max(found):.2f})  {ratio:8.2f}")


def _measure(python: str, code: str, points: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-W", "ignore", "-c", PREAMBLE + code, str(points), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise SystemExit(f"{done.stderr}\nthis code failed:\n{code}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def _environment(folder: Path) -> str:
    """Return the Python of an environment that has the peers."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "qcodes", "bluesky"], check=True)
    return str(python)


def _load() -> str:
    return ", ".join(f"{one:.1f}" for one in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    main()
