"""The bench outlives the program that measures, and is safe all the same; tested on a bench in another process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sotlab.errors import StationError
from sotlab.instruments.station import Station
from sotlab.instruments.use_mark import UseMark
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

posix = pytest.mark.skipif(sys.platform == "win32", reason="kills by POSIX signals, and finds the guard by /proc")
PATIENCE_S = 60.0
#: What is said of each output in the order of the station file: no problem.
SAFE = {"microwave": None, "field": None, "azimuth": None}


def until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


def measuring(served, tmp_path, points=400):
    """Start a run in a program of its own, and return it and the run's folder when rows come."""
    command = [sys.executable, "-m", "sotlab.cli", "run", "STFMRFieldSweep", "--station", str(served.station)]
    program = subprocess.Popen(
        [*command, "--set", f"points={points}", "--set", "start=50mT", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: program.poll() is not None or rows(tmp_path) > 3, "rows")
    assert program.poll() is None, program.communicate()
    return program, next(tmp_path.glob("runs/*/*"))


def rows(tmp_path):
    lines = [line for path in tmp_path.glob("runs/*/*/*.csv") for line in path.read_bytes().split(b"\n")[:-1]]
    return sum(line[:1].isdigit() for line in lines)


def events(folder, name):
    return [event for event in read_journal(folder / "events.jsonl") if event["event"] == name]


@posix
def test_outputs_of_a_killed_program_are_made_safe_and_the_run_goes_on_where_it_was(served, tmp_path):
    program, folder = measuring(served, tmp_path, points=10)
    assert served.outputs()["microwave"]["on"]
    with pytest.raises(StationError, match=rf"is in use by sotlab run .*\(process {program.pid}, station.toml\) since"):
        Station.open(str(served.station), ["voltmeter"])
    program.kill()
    program.communicate()
    until(lambda: events(folder, "made_safe"), "the guard")
    assert served.is_safe()
    (safe,) = events(folder, "made_safe")
    assert (safe["by"], safe["outputs"]) == ("guard", SAFE)
    assert list(safe["outputs"]) == list(SAFE)
    assert UseMark(served.station).read() is None
    measured = rows(tmp_path)
    assert read_run(folder).status == "interrupted"

    resume = [sys.executable, "-m", "sotlab.cli", "resume", str(folder), "--json"]
    done = subprocess.run(resume, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "finished"
    assert list(read_run(folder).rows["Index"]) == list(range(10))
    assert events(folder, "run_resume")[0]["rows"] == measured
    assert served.is_safe()


@posix
def test_a_bench_that_vanishes_ends_the_run_and_what_may_be_on_is_told(served, tmp_path):
    program, folder = measuring(served, tmp_path)
    served.stop()
    out, _ = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 1
    told = json.loads(out)
    assert "\n" not in told["error"]
    assert [event["exit_status"] for event in events(folder, "run_close")] == ["failed"]
    (safe,) = [event for event in events(folder, "made_safe") if "by" not in event]
    assert all(safe["outputs"].values())  # no output could be reached: each is named with the reason
    assert len(read_run(folder).rows) == rows(tmp_path)


@posix
def test_after_a_loss_of_power_the_next_program_makes_safe_first(served, tmp_path):
    program, folder = measuring(served, tmp_path)
    threads = Path(f"/proc/{program.pid}/task").glob("*/children")
    guards = [int(pid) for children in threads for pid in children.read_text(encoding="ascii").split()]
    assert len(guards) == 1
    for pid in (*guards, program.pid):  # nothing is left that could see to it
        os.kill(pid, signal.SIGKILL)
    program.communicate()
    assert not served.is_safe()
    left = UseMark(served.station).read()
    assert left["run"] == folder.name.split("_")[0]

    with Station.open(str(served.station), roles=["microwave", "field"]) as bench:
        (found,) = (row["problem"] for row in bench.check() if row["role"] == "microwave")
        assert found is None  # a check switches nothing
        assert not served.is_safe()
    run = Run(STFMRFieldSweep(station=str(served.station), start="50 mT", stop="51 mT", points=2), tmp_path)
    with run:
        pass
    run.raise_error()
    (event,) = events(run.folder.path, "found_in_use")
    assert event["run"] == left["run"]
    assert event["outputs"] == SAFE
    assert UseMark(served.station).read() is None


def test_an_emergency_stop_does_not_wait_for_a_driver_that_hangs(served, tmp_path):
    text = served.station.read_text(encoding="utf-8")
    served.station.write_text(
        text.replace("\n[roles.voltmeter]\n", "\n[roles.voltmeter]\ntimeout_s = 5\n"), encoding="utf-8"
    )
    run = Run(STFMRFieldSweep(station=str(served.station), start="50 mT", points=400), tmp_path)
    run.start()
    until(lambda: rows_of(run) > 2 or not run.running, "rows")
    run.raise_error()
    served.lab('LAB:FAULt \'{"device": "voltmeter", "kind": "hang"}\'')
    before = rows_of(run)
    time.sleep(1.0)
    assert rows_of(run) <= before + 1  # it hangs
    begun = time.monotonic()
    assert run.emergency_stop() == SAFE
    assert time.monotonic() - begun < 15.0
    assert served.is_safe()
    assert run.running  # still waiting for the voltmeter
    assert run.wait(PATIENCE_S)
    assert [event["outputs"] for event in events(run.folder.path, "emergency_stop")] == [SAFE]
    assert served.is_safe()


def test_an_output_that_does_not_answer_keeps_no_other_on(served, tmp_path):
    run = Run(STFMRFieldSweep(station=str(served.station), start="50 mT", points=400), tmp_path)
    run.start()
    until(lambda: rows_of(run) > 2 or not run.running, "rows")
    run.raise_error()
    served.lab('LAB:FAULt \'{"device": "microwave", "kind": "hang"}\'')
    outputs = run.emergency_stop()
    assert outputs["field"] is None
    assert "microwave" in outputs["microwave"]
    assert served.outputs()["magnet"]["current_set_A"] == 0.0
    assert run.wait(PATIENCE_S)
    assert "microwave" in run.worker.unsafe
    served.lab("LAB:FAULt:CLEar")
    assert UseMark(served.station).read() is not None  # and the next program will try again


def test_a_bench_that_cannot_be_made_safe_is_not_measured_with(served, tmp_path):
    UseMark(served.station).set(["microwave"], "earlier")
    served.lab('LAB:FAULt \'{"device": "microwave", "kind": "hang"}\'')
    with (
        pytest.raises(StationError, match=r"ended without making safe .* NOT SAFE: microwave"),
        Station.open(str(served.station), roles=[]) as bench,
    ):
        bench.make_safe_what_was_left()


def rows_of(run):
    return run.worker.results.rows
