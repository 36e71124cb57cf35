"""Kills a measuring program at random moments, and fills its disk: what is lost, and what can be gone on with.

The bench is served by a process of its own; the program switches the microwave on, goes to a field, and measures rows
with an array each, at full speed or about 100 a second. Before a row is recorded it notes elsewhere that it has been
acquired. After each kill: how many acquired rows are missing, how the run is shown, when the guard had made the bench
safe, and whether the run, resumed, has each planned point exactly once with the readings of an undisturbed run. A disk
is a small one of its own, that gets full after some rows, or is read-only. Moments come from seeds 0, 1, 2 ...

Run it with ``python benchmarks/reliability.py [--kills 25] [--disks 20]``; Linux only.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import RunRecord, read_run

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "faults"))
from conftest import Served

POINTS = {"full speed": 4000, "100/s": 600}
#: How long the guard may take at most [s].
PATIENCE_S = 60.0

SCAN = '''
import os, time
import numpy as np
from sotlab.parameters import Quantity, Text
from sotlab.procedures.runs.scan import Scan

class Traces(Scan):
    """Rows with an array each; what has been acquired stands in a file before it is recorded."""
    ROLES = ("field", "microwave")
    COLUMNS = ("X (V)", "Trace (V)")
    points = Quantity("Points", None, default=100, minimum=1, maximum=1e6)
    wait = Quantity("Wait", "s", default=0.0, minimum=0.0, maximum=1.0)
    acquired = Text("Acquired", default="acquired")
    def plan(self):
        return [{"x": k / 7} for k in range(int(self.points))]
    def prepare(self, bench):
        self.note = os.open(self.acquired, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def approach(self, point, bench):
        bench["field"].ramp_to(0.05, self.should_stop)
        bench["microwave"].set_output(True)
    def apply(self, point, bench):
        time.sleep(self.wait)
    def measure(self, point, bench):
        trace = np.sin(np.arange(64) * point.settings["x"])
        os.write(self.note, b"%4d\\n" % point.index)
        return {"X (V)": point.settings["x"], "Trace (V)": trace}
'''


def sotlab(*words: str) -> list[str]:
    """Return the command line of a program."""
    return [sys.executable, "-m", "sotlab.cli", *words, "--json"]


class Trial:
    """One program that measures in a folder, and what it has acquired.

    Parameters
    ----------
    folder : Path
        Where it measures, as this process sees it.
    acquired : Path
        Where it notes what it has acquired.
    bench : Served
        What it measures on.
    speed : str
        One of ``POINTS``.
    within : sequence of str
        What its command line begins with.
    """

    def __init__(self, folder: Path, acquired: Path, bench: Served, speed: str, within: tuple[str, ...] = ()) -> None:
        self.folder, self.acquired, self.bench, self.speed, self.within = folder, acquired, bench, speed, within
        (folder / "scans.py").write_text(SCAN, encoding="utf-8")
        wait_s = 0.0 if speed == "full speed" else 0.01
        settings = [f"points={POINTS[speed]}", f"wait={wait_s}", f"acquired={acquired}"]
        words = [word for setting in settings for word in ("--set", setting)]
        command = sotlab("run", "scans.py:Traces", "--station", str(bench.station), *words)
        self.program = subprocess.Popen(
            [*within, *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    @property
    def count(self) -> int:
        """How many rows have been acquired."""
        return self.acquired.stat().st_size // 5 if self.acquired.exists() else 0

    def wait_for(self, rows: int) -> None:
        """Wait until so many rows have been acquired, or the program has ended."""
        while self.count < rows and self.program.poll() is None:
            time.sleep(0.001)

    @property
    def run(self) -> Path:
        """The one run that the folder has."""
        return next((self.folder / "runs").glob("*/*/events.jsonl")).parent

    def is_planned(self) -> bool:
        """Return whether the run has ended with each planned point once, with the readings that it must have."""
        record: RunRecord = read_run(self.run)
        rows, arrays, planned = record.rows, record.arrays, POINTS[self.speed]
        return (
            record.status == "finished"
            and list(rows["Index"]) == list(range(planned))
            and np.array_equal(rows["X (V)"], np.arange(planned) / 7)
            and all(
                np.array_equal(arrays[c], np.sin(np.arange(64) * v))
                for c, v in zip(rows["Trace (V)"], rows["X (V)"], strict=True)
            )
        )

    def goes_on(self) -> bool:
        """Resume the run; return whether it comes to its planned end."""
        run = str(Path("runs") / self.run.relative_to(self.folder / "runs"))
        resume = [*self.within, *sotlab("resume", run, "--procedure", "scans.py:Traces")]
        done = subprocess.run(resume, cwd=self.folder, capture_output=True, text=True, check=False)
        return done.returncode == 0 and self.is_planned()


def kill(seed: int, speed: str, bench: Served) -> tuple[int, str, float, bool]:
    """Kill a program; return rows lost, how the run is shown, seconds until it was safe, whether it could go on."""
    moment = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        trial = Trial(Path(name), Path(name) / "acquired", bench, speed)
        trial.wait_for(moment.randrange(1, POINTS[speed]))
        time.sleep(0.002 * moment.random())
        trial.program.kill()
        began = time.monotonic()
        trial.program.communicate()
        record = read_run(trial.run)
        lost = trial.count - len(record.rows)
        while not (told := [e for e in read_journal(trial.run / "events.jsonl") if e["event"] == "made_safe"]):
            if time.monotonic() > began + PATIENCE_S:
                return lost, record.status, float("inf"), False
            time.sleep(0.02)
        safe_s = time.monotonic() - began
        in_order = list(told[0]["outputs"].items()) == [("microwave", None), ("field", None)]
        if not (in_order and bench.is_safe()):
            print(f"kill {seed} at {speed}: {told[0]}, bench {bench.outputs()}", flush=True)
            safe_s = float("inf")
        return lost, record.status, safe_s, trial.goes_on()


class Disk:
    """A small disk that only those see who are in its name space.

    Parameters
    ----------
    kilobytes : int
        Its size.
    """

    def __init__(self, kilobytes: int) -> None:
        self._place = tempfile.mkdtemp()
        mount = f"mount -t tmpfs -o size={kilobytes}k tmpfs {self._place} && echo there && exec sleep infinity"
        self._holder = subprocess.Popen(["unshare", "-rm", "sh", "-c", mount], stdout=subprocess.PIPE, text=True)
        if self._holder.stdout.readline().strip() != "there":
            raise SystemExit("a disk of one's own cannot be mounted here; unshare must be allowed")
        self._enter = ("nsenter", "-t", str(self._holder.pid), "-U", "-m", "--preserve-credentials")
        self.within = (*self._enter, "sh", "-c", f'cd {self._place} && exec "$@"', "sh")
        self.folder = Path(f"/proc/{self._holder.pid}/root{self._place}")

    def mount_again(self, options: str) -> None:
        """Mount it with other options."""
        subprocess.run([*self._enter, "mount", "-o", f"remount,{options}", self._place], check=True)

    def close(self) -> None:
        """Let it vanish."""
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()
        Path(self._place).rmdir()


def fill(seed: int, bench: Served) -> tuple[bool, bool, bool, bool]:
    """Let a disk be full at one moment.

    Return whether the program said so and failed, whether no row that had been acquired before the last is missing,
    whether the bench was safe when the program had ended, and whether the run could be gone on with.
    """
    disk = Disk(random.Random(seed).randrange(500, 2500))
    with tempfile.TemporaryDirectory() as name:
        try:
            trial = Trial(disk.folder, Path(name) / "acquired", bench, "full speed", disk.within)
            told = json.loads(trial.program.communicate()[0])
            safe = bench.is_safe()
            said = trial.program.returncode == 1 and "cannot be written" in told["error"]
            right = list(read_run(trial.run).rows["Index"]) == list(range(trial.count - 1))
            disk.mount_again("size=8000k")
            return said, right, safe, trial.goes_on()
        finally:
            disk.close()


def lock(bench: Served) -> tuple[int, str]:
    """Measure on a disk that is read-only; return the exit code and what is said."""
    disk = Disk(8000)
    with tempfile.TemporaryDirectory() as name:
        try:
            (disk.folder / "scans.py").write_text(SCAN, encoding="utf-8")
            disk.mount_again("ro")
            words = ("run", "scans.py:Traces", "--station", str(bench.station), "--set", f"acquired={name}/acquired")
            done = subprocess.run([*disk.within, *sotlab(*words)], capture_output=True, text=True, check=False)
            return done.returncode, json.loads(done.stdout)["error"]
        finally:
            disk.close()


def night(policy: str) -> list[str]:
    """Let the disk get full in the second of a campaign's three runs; return how it ends, and once there is room."""
    items = "".join(
        f'[items.{name}]\nprocedure = "STFMRFieldSweep"\nset = {{ points = {points} }}\n'
        for name, points in (("first", 1500), ("second", 1200), ("third", 900))
    )
    disk = Disk(460)
    try:
        head = f'[campaign]\nstation = "virtual:stfmr?seed=1"\non_failure = "{policy}"\n'
        (disk.folder / "night.toml").write_text(head + items, encoding="utf-8")
        told = []
        for _ in range(2):
            command = [*disk.within, *sotlab("campaign", "night.toml")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            told.append(", ".join(f"{job['job']} {job['status']}" for job in json.loads(done.stdout)["jobs"]))
            disk.mount_again("size=8000k")
        return told
    finally:
        disk.close()


def main() -> None:
    """Print the figures of docs/reliability.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=25, help="at each of the two speeds")
    parser.add_argument("--disks", type=int, default=20, help="that get full")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        bench = Served(Path(name), "stfmr?seed=1&clock=20")
        try:
            for speed in POINTS if options.kills else ():
                found = [kill(seed, speed, bench) for seed in range(options.kills)]
                lost, shown, safe_s, resumed = zip(*found, strict=True)
                print(f"{options.kills} kills at {speed}: rows lost {dict(Counter(lost))},", end=" ")
                print(f"shown as {dict(Counter(shown))}, safe after {statistics.median(safe_s):.1f} s", end=" ")
                print(f"({max(safe_s):.1f} s at most), gone on with to the planned rows {sum(resumed)}", flush=True)
            if options.disks:
                said, right, safe, resumed = (
                    sum(column) for column in zip(*(fill(seed, bench) for seed in range(options.disks)), strict=True)
                )
                print(f"{options.disks} disks that get full: failed and said so {said}, rows right {right},", end=" ")
                print(f"bench safe {safe}, gone on with once there was room {resumed}", flush=True)
                for policy in ("skip", "stop"):
                    full, again = night(policy)
                    print(
                        f"a campaign whose disk gets full, on_failure = {policy}: {full}; once there is room: {again}"
                    )
                code, message = lock(bench)
                print(f"a disk that is read-only: exit code {code}, '{message}', bench safe {bench.is_safe()}")
        finally:
            bench.stop()


if __name__ == "__main__":
    main()
