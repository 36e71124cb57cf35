"""A rehearsal: what it predicts is what a run takes, and what it warns of is so."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest

import sotlab.instruments
from sotlab.cli import main
from sotlab.procedures.runs.bench_watch import open_rehearsal
from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.jobs import list_jobs
from sotlab.procedures.runs.pace import Pace, expected_times
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.rehearsal_table import show_rehearsal
from sotlab.procedures.runs.rehearse import rehearse

from .campaigns import blank_pages, campaign, follow, write

STATIONS = Path(sotlab.instruments.__file__).with_name("stations")


def station(folder, name, *changes, file="station.toml"):
    """Copy a shipped station into ``folder``, with changes."""
    text = (STATIONS / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / file).write_text(text, encoding="utf-8")
    shutil.copytree(STATIONS / "samples", folder / "samples", dirs_exist_ok=True)


def rehearsed(path, start=None, rows=150):
    file = CampaignFile.load(path)
    return rehearse(file, list_jobs(file), path.parent / "rehearsals", follow, start, rows)


def measured_s(path):
    """Run the only run of a campaign whole; return how long it took on its bench [s], from opening to safe."""
    times_s = []

    def timed(run):
        clock = run.procedure.bench.clock
        began_s = clock.now()
        follow(run)
        times_s.append(clock.now() - began_s)

    assert campaign(path, followed=timed).run() == "finished"
    return times_s[0]


NIGHT = """
[items.fmr]
procedure = "SCANS:FMRShaped"
stations = "virtual:stfmr"
set = { points = 12000 }
[items.hall]
procedure = "SCANS:HallShaped"
stations = "virtual:harmonic_hall"
set = { fields = 20, points = 180, field = "0.4 T" }
[items.thz]
procedure = "SCANS:DelayShaped"
stations = "virtual:thz"
set = { points = 27000 }
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Rehearse a campaign of twelve hours, the three scans of one night; benchmarks/rehearsal.py times it whole."""
    return rehearsed(write(tmp_path_factory.mktemp("night"), NIGHT), rows=36)  # of 69600: time for the suite


def test_a_night_of_twelve_hours_is_rehearsed_with_times_totals_and_plots(night):
    assert night["limits"] == night["problems"] == []
    assert 12 * 3600 < night["duration_s"] < 16 * 3600
    assert night["duration_s"] == pytest.approx(sum(night["items"].values()))
    hours = datetime.fromisoformat(night["ends"]) - datetime.fromisoformat(night["starts"])
    assert hours.total_seconds() == pytest.approx(night["duration_s"], abs=1.0)
    fmr = night["jobs"][0]
    assert fmr["rows"] == 12000
    # The microwave is on in the sweep but for its run-up, the field in all runs.
    assert 0.95 * night["items"]["fmr"] < night["on_s"]["microwave"] < night["items"]["fmr"]
    assert night["on_s"]["ac_source"] > 0.95 * night["items"]["hall"]
    assert night["on_s"]["shutter"] > 0.95 * night["items"]["thz"]
    assert night["on_s"]["field"] > 0.95 * night["duration_s"]
    page = Path(fmr["report"]).read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert "SIMULATED" in page
    assert json.loads(Path(night["out"], "rehearsal.json").read_text(encoding="utf-8"))["jobs"] == night["jobs"]


@pytest.mark.parametrize(
    ("bench", "changes", "scan"),
    [
        (
            "stfmr",
            (("nplc = 5", "nplc = 1"), ("field_rate_T_per_s = 0.1", "field_rate_T_per_s = 0.002")),
            "procedure = 'SCANS:FMRShaped'\nset = { points = 101 }",
        ),
    ],
)
def test_a_shortened_rehearsal_tells_what_the_whole_run_takes(tmp_path, bench, changes, scan):
    station(tmp_path, bench, *changes)
    path = write(tmp_path, f'[campaign]\nstation = "station.toml"\n[items.one]\n{scan}\n')
    (told,) = rehearsed(path, rows=20)["jobs"]
    assert told["rehearsed_rows"] <= 20 < told["rows"]
    assert told["duration_s"] == pytest.approx(measured_s(path), rel=0.05)


def test_a_prediction_holds_in_scaled_time_where_messages_cost_what_they_cost(tmp_path):
    one = '[items.one]\nprocedure = "SCANS:FMRShaped"\nstations = "virtual:stfmr?clock=2"\nset.points = 5\n'
    path = write(tmp_path, one)
    (told,) = rehearsed(path)["jobs"]
    # A busy machine makes messages dearer: 10 ms more for each of some 10 a point are 2 x 0.1 s of its 1.3 s.
    assert told["duration_s"] == pytest.approx(measured_s(path), rel=0.25)


def test_what_would_break_is_told_of_every_run_and_is_exit_1(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path,
        '[campaign]\nstation = "virtual:stfmr"\n[items.high]\nprocedure = "STFMRFieldSweep"\nset.points = 30000\n'
        'loop.stop = ["0.37 T", "0.5 T"]\n[items.low]\nprocedure = "SCANS:HallShaped"\n',
    )
    with pytest.raises(SystemExit) as ended:
        main(["rehearse", "night.toml", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    (limit,) = told["limits"]
    assert limit["job"] == "high [stop=0.5 T]"
    assert "allowed -380 mT to 380 mT" in limit["limit"]
    (problem,) = told["problems"]
    assert problem["job"] == "low"
    assert "ac_source" in problem["problem"]
    show_rehearsal(told)
    shown = capsys.readouterr().out
    assert "! limit: high [stop=0.5 T]:" in shown
    assert "SIMULATED" in shown


def test_a_wait_shorter_than_the_filter_needs_is_warned_of_and_the_right_one_is_not(tmp_path):
    scan = 'procedure = "SCANS:HallShaped"\nset = { fields = 1, points = 3, field = "10 mT" }\n'
    scan += 'loop.wait = ["0.5 s", "-1 s"]'
    path = write(tmp_path, f'[campaign]\nstation = "virtual:harmonic_hall"\n[items.hall]\n{scan}\n')
    told = rehearsed(path)
    warned = [row["warning"] for row in told["warnings"] if row["job"] == "hall [wait=0.5 s]"]
    assert any("lockin_1w is read 0.5" in warning and "rotator" in warning for warning in warned)
    assert not [row for row in told["warnings"] if row["job"] == "hall [wait=-1 s]"]


def test_a_window_without_the_line_and_an_uncertainty_out_of_reach_are_warned_of(tmp_path):
    path = write(
        tmp_path,
        '[campaign]\nstation = "virtual:stfmr"\n[items.fmr]\nprocedure = "SCANS:FMRShaped"\n'
        'uncertainty = { field_res = "1 nT", width = "1 T", thickness = 1 }\nset.points = 61\n'
        'loop = [{ start = "0.2 T", stop = "0.25 T" }, { start = "40 mT", stop = "90 mT" }]\n',
    )
    told = rehearsed(path)
    outside, inside = ([r["warning"] for r in told["warnings"] if r["job"] == job["job"]] for job in told["jobs"])
    assert any("does not hold the resonance expected at 53.8" in warning for warning in outside)
    assert any("no line" in warning for warning in outside)
    assert not any("does not hold" in warning or "no line" in warning for warning in inside)
    assert any(warning.startswith("field_res is asked for within 1 nT; this run reaches") for warning in inside)
    assert any("no result 'thickness'" in warning for warning in inside)
    assert not any(warning.startswith("width") for warning in inside)


def test_the_time_of_day_is_waited_for_in_the_prediction(tmp_path):
    one = 'procedure = "SCANS:Reading"\nset.points = 5\n'
    path = write(
        tmp_path,
        f'[campaign]\nstation = "virtual:stfmr"\n[items.now]\n{one}[items.late]\n{one}'
        'start_when = { time_of_day = ["22:00", "06:00"], interlock = "closed" }\n',
    )
    told = rehearsed(path, datetime(2026, 1, 1, 12, 0).astimezone())
    assert told["jobs"][0]["starts"].startswith("2026-01-01T12:00:00")
    assert told["jobs"][1]["starts"].startswith("2026-01-01T22:00:00")
    assert "waits for interlock" in told["warnings"][0]["warning"]


def test_a_rehearsal_leaves_the_mark_that_outputs_of_the_real_station_may_be_on(tmp_path):
    station(tmp_path, "stfmr")
    mark = tmp_path / ".station.toml.in-use"
    mark.write_text('{"roles": ["field"], "since": "now", "program": "another", "run": ""}', encoding="utf-8")
    path = write(
        tmp_path, '[campaign]\nstation = "station.toml"\n[items.a]\nprocedure = "SCANS:FMRShaped"\nset.points = 3\n'
    )
    assert rehearsed(path)["problems"] == []
    assert "another" in mark.read_text(encoding="utf-8")


def test_a_station_without_a_bench_to_rehearse_on_is_told_of(tmp_path):
    station(tmp_path, "stfmr", ('[rehearsal]\nbench = "stfmr"', ""))
    path = write(tmp_path, '[campaign]\nstation = "station.toml"\n[items.a]\nprocedure = "SCANS:Reading"\n')
    (problem,) = rehearsed(path)["problems"]
    assert "[rehearsal] bench is missing" in problem["problem"]


@pytest.mark.parametrize(
    ("bench", "planned", "slower", "scan"),
    [
        (
            "stfmr",
            ("nplc = 5", "nplc = 5"),
            ("nplc = 5", "nplc = 15"),
            "procedure = 'SCANS:FMRShaped'\nset.points = 61",
        ),
        (
            "thz",
            ("time_constant_s = 0.03", "time_constant_s = 0.03\nslope_dB = 12"),
            ("time_constant_s = 0.03", "time_constant_s = 0.03\nslope_dB = 24"),
            "procedure = 'SCANS:DelayShaped'",
        ),
    ],
)
def test_the_time_to_go_is_right_after_a_fifth_although_the_bench_is_slower_than_planned(
    tmp_path, bench, planned, slower, scan
):
    station(tmp_path, bench, planned)
    station(tmp_path, bench, slower, file="slow.toml")
    work = campaign(write(tmp_path, f'[campaign]\nstation = "slow.toml"\n[items.one]\n{scan}\n'))
    assert work.run() == "finished"
    (job,) = work.queue.jobs
    rows_s = read_run(work.queue.folder(job)).rows["Time (s)"].to_numpy()
    with open_rehearsal(str(tmp_path / "station.toml")) as as_planned:
        procedure = job.make()
        procedure.use(as_planned)
        times_s = expected_times(procedure)
    clock = [0.0]
    pace = Pace(lambda: clock[0])
    pace.expect(times_s)
    fifth = len(rows_s) // 5
    for clock[0] in rows_s[:fifth]:
        pace.count(1)
    assert sum(times_s[1:]) < 0.9 * rows_s[-1]  # or nothing was slower than planned
    assert pace.to_go_s == pytest.approx(rows_s[-1] - rows_s[fifth - 1], rel=0.10)


SERIES = """
[items.fmr]
procedure = "STFMRFrequencySeries"
stations = "virtual:stfmr?seed=1"
set = { frequency = "6 GHz", frequency_stop = "9 GHz", frequencies = 3, points = 70 }
[items.amr]
procedure = "AMRAngleScan"
stations = "virtual:stfmr?seed=1"
set = { points = 7, repeats = 1 }
"""


def test_spectra_that_a_series_adds_as_it_goes_count_with_their_time_and_scans_of_any_kind_are_judged(tmp_path):
    path = write(tmp_path, SERIES)
    told = rehearsed(path, rows=40)
    assert told["problems"] == []
    fmr, amr = told["jobs"]
    assert (fmr["rows"], amr["rows"]) == (210, 7)
    assert fmr["rehearsed_rows"] < 210
    text, _, _ = SERIES.partition("[items.amr]")
    with blank_pages():
        real_s = measured_s(write(tmp_path, text, "fmr.toml"))
    assert fmr["duration_s"] == pytest.approx(real_s, rel=0.1)
