"""What runs is told to other programs, and what ran is not."""

import json
import time

from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.status import describe_status, read_status
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep


def sweep(**values):
    return STFMRFieldSweep(**{"station": "virtual:stfmr?seed=1&clock=20", "points": 300, "start": "40 mT", **values})


def test_a_run_that_is_going_on_is_told_from_its_folder(tmp_path):
    run = Run(sweep(), tmp_path)
    run.start()
    deadline = time.monotonic() + 60
    while not (told := read_status(tmp_path)) or told[0]["rows"] < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (status,) = told
    assert (status["run"], status["state"], status["procedure"]) == (run.folder.run_id, "measuring", "STFMRFieldSweep")
    assert status["planned"] == 300
    assert status["last_row"]["Frequency (Hz)"] == 7e9
    assert "300 points" in describe_status(status)
    run.procedure.control.pause()
    while read_status(tmp_path)[0]["state"] != "paused":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.stop()
    assert run.wait(30)
    assert read_status(tmp_path) == []


def test_a_run_whose_program_was_killed_is_not_told_as_running(tmp_path):
    run = Run(sweep(points=3, station="virtual:stfmr"), tmp_path)
    with run:
        pass
    (run.folder.path / "status.json").write_text(json.dumps({"run": "x", "state": "measuring", "rows": 1}))
    assert read_status(tmp_path)[0]["state"] == "interrupted"


def test_a_torn_status_is_passed_over(tmp_path):
    folder = tmp_path / "2026-01-01" / "20260101-000000-00000_X_y"
    folder.mkdir(parents=True)
    (folder / "status.json").write_text('{"run": ')
    assert read_status(tmp_path) == []
