"""A run that is killed, or whose disk is full: what was measured is there, and how it ended is told truly.

The bench lives in the killed process and dies with it; what a guard does for the outputs is tested elsewhere.
"""

import json
import subprocess
import sys
import time

import pytest

from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run

COMMAND = [sys.executable, "-m", "sotlab.cli", "run", "STFMRFieldSweep", "--json", "--set", "start=40mT"]
COMMAND += ["--set", "stop=90mT", "--station"]


def rows_on_disk(folder):
    """Count the whole lines of data: neither the header's, nor the labels, nor a torn one."""
    lines = [line for path in folder.glob("runs/*/*/*.csv") for line in path.read_bytes().split(b"\n")[:-1]]
    return sum(not line.startswith(b"#") for line in lines) - 1


@pytest.mark.parametrize("least_rows", [1, 20, 80])
def test_a_killed_run_has_all_its_rows_but_the_one_in_flight_and_is_shown_as_interrupted(tmp_path, least_rows):
    process = subprocess.Popen(
        [*COMMAND, "virtual:stfmr?clock=50&seed=1", "--set", "points=2000"], cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while rows_on_disk(tmp_path) < least_rows:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    (folder,) = tmp_path.glob("runs/*/*")
    record = read_run(folder)
    assert record.status == "interrupted"
    assert list(record.rows["Index"]) == list(range(len(record.rows)))
    known = record.rows.drop(columns=["RF Current (A)", "RF Current Sigma (A)"])  # nan: nothing has calibrated it
    assert not known.isna().to_numpy().any()
    assert len(record.rows) == rows_on_disk(tmp_path) >= least_rows
    assert record.opened["plan"]["index"] == list(range(2000))


def test_a_killed_run_can_be_reduced(tmp_path):
    process = subprocess.Popen([*COMMAND, "virtual:stfmr?clock=50", "--set", "points=121"], cwd=tmp_path)
    while rows_on_disk(tmp_path) < 80:
        time.sleep(0.01)
    process.kill()
    process.wait()
    (folder,) = tmp_path.glob("runs/*/*")
    analyse = [sys.executable, "-m", "sotlab.cli", "analyse", "stfmr", str(folder), "--json"]
    done = subprocess.run(analyse, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["spectra"][0]["field_res"]["value"] == pytest.approx(0.0622, abs=5e-4)


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files can be set on POSIX systems only")
@pytest.mark.parametrize("kilobytes", [36, 43, 51])
def test_a_full_disk_ends_the_run_at_once_with_a_safe_bench(tmp_path, kilobytes):
    def limit():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1000, kilobytes * 1000))

    # The journal holds the plan and must fit, so that the rows are what is cut off.
    done = subprocess.run(
        [*COMMAND, "virtual:stfmr?seed=1", "--set", "points=700"],
        cwd=tmp_path,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    error = json.loads(done.stdout)["error"]
    assert "cannot be written" in error
    (folder,) = tmp_path.glob("runs/*/*")
    events = read_journal(folder / "events.jsonl")
    assert [event["event"] for event in events] == ["run_open", "error", "made_safe", "run_close"]
    assert events[2]["outputs"] == {"microwave": None, "field": None, "azimuth": None}
    assert events[3]["exit_status"] == "failed"
    # Nothing that was reported as recorded is missing, and the torn line is not counted.
    assert len(read_run(folder).rows) == events[3]["rows"]
    assert 0 < events[3]["rows"] < 700
