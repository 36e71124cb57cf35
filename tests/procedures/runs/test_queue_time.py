"""When the runs of a queue will have ended: by the pace of those before, and by a rehearsal."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sotlab.procedures.runs.campaign_queue import JobState
from sotlab.procedures.runs.jobs import Job
from sotlab.procedures.runs.queue_time import QueueTime, day_time, planned_points
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep
from sotlab.procedures.thz_delay_scan import ThzDelayScan

BEGAN = datetime(2026, 3, 1, 20, 0, 0).astimezone()


def job(item, procedure_class=STFMRFieldSweep, **values):
    return Job(item, item, procedure_class, values, station="virtual:stfmr")


def finished(out, name, seconds, rows, resumed=False):
    """Write the journal of a run that took so long; return its state."""
    folder = Path("2026-03-01") / f"20260301-200000-{name:>05}_STFMRFieldSweep_film"
    (out / folder).mkdir(parents=True)
    ended = BEGAN + timedelta(seconds=seconds)
    events = [{"event": "run_open", "wall": BEGAN.isoformat()}]
    events += [{"event": "run_resume", "wall": BEGAN.isoformat()}] if resumed else []
    events += [{"event": "run_close", "wall": ended.isoformat(), "exit_status": "finished", "rows": rows}]
    (out / folder / "events.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in events), encoding="utf-8")
    return JobState("finished", folder, rows)


def test_a_run_takes_its_points_at_the_pace_of_the_last_of_its_procedure(tmp_path):
    jobs = [job("first", points=50), job("second", points=100), job("third", points=25)]
    states = {jobs[0].key: finished(tmp_path, "a", 100.0, 50)}
    time = QueueTime(tmp_path)
    time.learn(jobs, states)
    assert time.takes(jobs, states) == {jobs[1].key: pytest.approx(200.0), jobs[2].key: pytest.approx(50.0)}
    assert time.ends(jobs, states) == {jobs[1].key: pytest.approx(200.0), jobs[2].key: pytest.approx(250.0)}
    states[jobs[1].key] = JobState("running")  # its own pace is known better
    assert time.ends(jobs, states, 30.0) == {jobs[1].key: 30.0, jobs[2].key: pytest.approx(80.0)}


def test_what_nobody_has_measured_is_not_known_nor_is_what_comes_after_it(tmp_path):
    jobs = [job("first", points=50), job("delay", ThzDelayScan), job("third", points=25)]
    states = {jobs[0].key: finished(tmp_path, "a", 100.0, 50)}
    time = QueueTime(tmp_path)
    time.learn(jobs, states)
    assert time.takes(jobs, states) == {jobs[1].key: None, jobs[2].key: pytest.approx(50.0)}
    assert time.ends(jobs, states) == {jobs[1].key: None, jobs[2].key: None}
    time.rehearsed_s = {"first": 50.0, "delay": 400.0}  # the bench is twice as slow as its rehearsal
    assert time.ends(jobs, states) == {jobs[1].key: pytest.approx(800.0), jobs[2].key: pytest.approx(850.0)}


def test_a_run_that_was_gone_on_with_or_whose_folder_is_gone_says_nothing_of_the_pace(tmp_path):
    jobs = [job("first", points=50), job("second", points=100), job("gone", points=10)]
    states = {jobs[0].key: finished(tmp_path, "a", 9e4, 50, resumed=True)}
    states[jobs[2].key] = JobState("finished", Path("2026-03-01/20260301-200000-0000b_STFMRFieldSweep_film"), 10)
    time = QueueTime(tmp_path)
    time.learn(jobs, states)
    assert time.takes(jobs, states) == {jobs[1].key: None}


def test_points_are_those_of_the_plan():
    assert planned_points(job("sweep", points=61)) == 61
    assert planned_points(job("wrong", points="no number")) is None


def test_a_time_of_day_has_its_day_where_it_is_another():
    assert day_time(3 * 3600.0, BEGAN) == "23:00"
    assert day_time(5 * 3600.0, BEGAN) == f"{BEGAN + timedelta(hours=5):%a %d %b} 01:00"
