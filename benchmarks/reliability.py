"""Kills a measuring program at random moments, and fills its disk: what is lost, and what can be gone on with.

Each kill is a fresh program that measures rows with an array each, at full speed or about 100 a second, on a virtual
bench without noise; it notes in a file of its own, before a row is recorded, that it has been acquired. After the kill:
how many acquired rows are missing, whether the run is shown as interrupted, and whether, resumed, it has each planned
point exactly once with the readings of an undisturbed run. Moments come from seeds 0, 1, 2 ...

Run it with ``python benchmarks/reliability.py [--kills 50] [--disks 20]``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import RunRecord, read_run

POINTS = {"full": 4000, "100/s": 600}

SCAN = '''
import os, time
import numpy as np
from sotlab.parameters import Quantity
from sotlab.procedures.runs.scan import Scan

class Traces(Scan):
    """Rows with an array each; what has been acquired stands in a file before it is recorded."""
    COLUMNS = ("X (V)", "Trace (V)")
    points = Quantity("Points", None, default=100, minimum=1, maximum=1e6)
    wait = Quantity("Wait", "s", default=0.0, minimum=0.0, maximum=1.0)
    def plan(self):
        return [{"x": k / 7} for k in range(int(self.points))]
    def prepare(self, bench):
        self.acquired = os.open("acquired", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def apply(self, point, bench):
        time.sleep(self.wait)
    def measure(self, point, bench):
        trace = np.sin(np.arange(64) * point.settings["x"])
        os.write(self.acquired, b"%d\\n" % point.index)
        return {"X (V)": point.settings["x"], "Trace (V)": trace}
'''


def sotlab(folder: Path, *words: str) -> list[str]:
    """Return the command line of a program."""
    return [sys.executable, "-m", "sotlab.cli", *words, "--json"]


def begin(folder: Path, speed: str, **options: object) -> subprocess.Popen:
    """Start a program that measures in a folder."""
    (folder / "scans.py").write_text(SCAN, encoding="utf-8")
    settings = [f"points={POINTS[speed]}", f"wait={0.0 if speed == 'full' else 0.01}"]
    words = [word for setting in settings for word in ("--set", setting)]
    command = sotlab(folder, "run", "scans.py:Traces", "--station", "virtual:stfmr?noise=off", *words)
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options
    )


def the_run(folder: Path) -> Path:
    """Return the one run that a folder has."""
    return next((folder / "runs").glob("*/*/events.jsonl")).parent


def as_planned(record: RunRecord, speed: str) -> bool:
    """Return whether a run has each planned point once, with the readings that it must have."""
    rows, arrays = record.rows, record.arrays
    x = np.arange(POINTS[speed]) / 7
    return (
        record.status == "finished"
        and list(rows["Index"]) == list(range(POINTS[speed]))
        and np.array_equal(rows["X (V)"], x)
        and all(np.array_equal(arrays[c], np.sin(np.arange(64) * v)) for c, v in zip(rows["Trace (V)"], x, strict=True))
    )


def kill(seed: int, speed: str) -> tuple[int, str, bool]:
    """Kill one program; return rows lost, how the run is shown, and whether it could be gone on with to its end."""
    moment = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = begin(folder, speed)
        after = moment.randrange(1, POINTS[speed])
        acquired = folder / "acquired"
        while not acquired.exists() or acquired.stat().st_size < 5 * after:
            if program.poll() is not None:
                break
            time.sleep(0.001)
        time.sleep(0.002 * moment.random())
        program.kill()
        program.communicate()
        run = the_run(folder)
        record = read_run(run)
        lost = acquired.read_bytes().count(b"\n") - len(record.rows)
        if record.status == "finished":
            return lost, "finished before the kill", True
        resume = sotlab(folder, "resume", str(run), "--procedure", "scans.py:Traces")
        done = subprocess.run(resume, cwd=folder, capture_output=True, text=True, check=False)
        return lost, record.status, done.returncode == 0 and as_planned(read_run(run), speed)


def fill(seed: int) -> tuple[bool, bool, bool]:
    """Let the disk be full at one moment; return whether it was said, rows were right, and it could be gone on with."""
    import resource

    limit = random.Random(seed).randrange(120_000, 900_000)  # the journal with the plan fits, the rows do not
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        set_limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # noqa: E731
        program = begin(folder, "full", preexec_fn=set_limit)
        told = json.loads(program.communicate()[0])
        run = the_run(folder)
        record = read_run(run)
        closed = [event for event in read_journal(run / "events.jsonl") if event["event"] == "run_close"]
        said = program.returncode == 1 and "cannot be written" in told["error"] and record.status == "failed"
        right = list(record.rows["Index"]) == list(range(closed[-1]["rows"])) if closed else False
        resume = sotlab(folder, "resume", str(run), "--procedure", "scans.py:Traces")
        done = subprocess.run(resume, cwd=folder, capture_output=True, text=True, check=False)
        return said, right, done.returncode == 0 and as_planned(read_run(run), "full")


def main() -> None:
    """Print the figures of docs/reliability.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="at each of the two speeds")
    parser.add_argument("--disks", type=int, default=20)
    options = parser.parse_args()
    for speed in POINTS:
        found = [kill(seed, speed) for seed in range(options.kills)]
        lost, shown = Counter(one[0] for one in found), Counter(one[1] for one in found)
        print(f"{options.kills} kills at {speed}: rows lost {dict(lost)}, shown as {dict(shown)},", end=" ")
        print(f"gone on with to the planned rows {sum(one[2] for one in found)}")
    if os.name == "posix":
        disks = [fill(seed) for seed in range(options.disks)]
        said, right, resumed = (sum(column) for column in zip(*disks, strict=True))
        print(f"{options.disks} full disks: failed at once and said so {said}, rows as reported {right},", end=" ")
        print(f"gone on with once there was room {resumed}")


if __name__ == "__main__":
    main()
