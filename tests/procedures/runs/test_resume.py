"""A run that ended too early is gone on with: exactly the missing points, and nothing that was recorded is touched."""

import contextlib
import json
import shutil

import numpy as np
import pytest

from sotlab.analysis.lineshape import fit_lineshape
from sotlab.errors import RunError, UsageError
from sotlab.instruments.station_file import StationConfig
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.plan import Point
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

QUIET = "virtual:stfmr?noise=off"


class Traces(Scan):
    """Records an array at each point, and adds points where its numbers are largest: no instrument is needed."""

    COLUMNS = ("X Set (V)", "Trace (V)", "Peak (V)")

    def plan(self):
        return [{"x": float(k)} for k in range(4)]

    def refine(self, rows):
        if len(rows) == 4:
            best = max(rows, key=lambda row: row["Peak (V)"])
            return [{"x": float(np.max(best["Trace (V)"])) / 7}, {"x": best["X Set (V)"] + 1 / 3}]
        return ()

    def apply(self, point, bench):
        bench.clock.sleep(0.1)

    def measure(self, point, bench):
        trace = np.sin(np.arange(50) * (1 + point.settings["x"])) / 3
        return {"X Set (V)": point.settings["x"], "Trace (V)": trace, "Peak (V)": float(trace.max())}


def run(scan, out):
    with Run(scan, out) as measurement:
        pass
    measurement.raise_error()
    return measurement.folder


def sweep(**values):
    return STFMRFieldSweep(**{"station": QUIET, "start": "50 mT", "stop": "75 mT", "points": 9, **values})


def interrupted(folder, out, rows, torn=b""):
    """Return a copy of a run as if it had been killed after ``rows`` rows."""
    target = out / folder.path.name
    shutil.copytree(folder.path, target)
    (target / ".lock").unlink(missing_ok=True)
    copy = type(folder).open(target)
    lines = copy.data.read_bytes().splitlines(keepends=True)
    first = next(k for k, line in enumerate(lines) if line.startswith(b"Index"))
    copy.data.write_bytes(b"".join(lines[: first + 1 + rows]) + torn)
    kept = [line for line in copy.journal.read_bytes().splitlines(keepends=True) if b'"event": "run_open"' in line]
    copy.journal.write_bytes(b"".join(kept))
    return copy


def resume(folder, **options):
    measurement = Run.resume(folder.path, **options)
    with measurement:
        pass
    measurement.raise_error()
    return read_run(folder.path)


def without_time(rows):
    return rows.drop(columns="Time (s)")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(sweep(), tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("rows", [0, 1, 4, 8])
def test_a_resumed_run_is_the_uninterrupted_one(whole, tmp_path, rows):
    record = resume(interrupted(whole, tmp_path, rows))
    expected = read_run(whole.path)
    assert record.status == "finished"
    assert without_time(record.rows).equals(without_time(expected.rows))
    assert (record.rows["Time (s)"].diff().dropna() > 0).all()


def test_with_noise_the_readings_are_those_of_an_undisturbed_run_by_chi_squared(tmp_path):
    noisy = run(sweep(station="virtual:stfmr?seed=3", start="40 mT", stop="90 mT", points=61), tmp_path)
    before = read_run(noisy.path).rows
    after = resume(interrupted(noisy, tmp_path / "again", 20)).rows
    assert list(after["Index"]) == list(range(61))
    assert list(after["Field Set (T)"]) == list(before["Field Set (T)"])
    assert list(after["Voltage (V)"][:20]) == list(before["Voltage (V)"][:20])
    noise_V = fit_lineshape([before["Field (T)"].to_numpy()], [before["Voltage (V)"].to_numpy()]).rms[0]
    new, old = after["Voltage (V)"][20:], before["Voltage (V)"][20:]
    chi2 = float(np.sum((new - old) ** 2) / (2 * noise_V**2))
    # 41 differences: a perfect program's chi^2 scatters by 9, and by as much for the noise that the fit tells.
    assert 41 / 4 < chi2 < 41 + 4 * 13


def test_both_branches_of_an_iron_yoke_are_found_again(tmp_path):
    whole = run(sweep(order="up and down", points=5), tmp_path)
    assert list(read_run(whole.path).rows["Index"]) == [0, 1, 2, 3, 4, 4, 3, 2, 1, 0]
    probe = read_run(whole.path).rows["Field Probe (T)"].to_numpy()
    assert np.all(np.abs(probe[:4] - probe[:5:-1]) > 2e-5)  # the branches differ by more than the resolution
    for rows in (3, 7):
        again = without_time(resume(interrupted(whole, tmp_path / f"at {rows}", rows)).rows)
        # as far as the gaussmeter reads: what is left of the settling depends on how long it took
        assert np.allclose(again, without_time(read_run(whole.path).rows), rtol=0, atol=2e-6, equal_nan=True)


def test_what_was_being_written_is_cut_and_kept_in_the_journal(whole, tmp_path):
    folder = interrupted(whole, tmp_path, 3, torn=b"3,0,12.5,0.0")
    with open(folder.journal, "ab") as file:
        file.write(b'{"event": "paus')
    record = resume(folder)
    assert list(record.rows["Index"]) == list(range(9))
    (resumed,) = (event for event in read_journal(folder.journal) if event["event"] == "run_resume")
    assert [cut["text"] for cut in resumed["cut"]] == ["3,0,12.5,0.0", '{"event": "paus']
    assert resumed["rows"] == 3


def test_drift_is_looked_at_for_the_journal_and_not_for_the_data(whole, tmp_path):
    folder = interrupted(whole, tmp_path, 5)
    rows = resume(folder).rows
    (check,) = (event for event in read_journal(folder.journal) if event["event"] == "drift_check")
    assert check["index"] == 4
    recorded, found = check["columns"]["Voltage (V)"]
    assert recorded == rows["Voltage (V)"][4] == found
    assert not rows.duplicated(["Index", "Repeat"]).any()


@pytest.mark.parametrize("rows", [2, 4, 5])
def test_arrays_and_refined_points_go_on_as_if_nothing_had_happened(tmp_path, rows):
    whole = run(Traces(station=QUIET), tmp_path)
    expected = read_run(whole.path)
    folder = interrupted(whole, tmp_path / "again", rows)
    if rows > 4:  # the batch that refine added had been written too
        extend = [line for line in whole.journal.read_text().splitlines() if '"plan_extend"' in line]
        folder.journal.write_text(folder.journal.read_text() + "\n".join(extend) + "\n")
    with open(folder.arrays, "ab") as file:
        file.write(b"SOTARRAYtorn")
    record = resume(folder, procedure=f"{__file__}:Traces")
    assert list(record.rows["X Set (V)"]) == list(expected.rows["X Set (V)"])
    for cell, before in zip(record.rows["Trace (V)"], expected.rows["Trace (V)"], strict=True):
        assert np.array_equal(record.arrays[cell], expected.arrays[before])
    extends = [event for event in read_journal(folder.journal) if event["event"] == "plan_extend"]
    assert [event["index"] for event in extends] == [[4, 5]]


def test_last_rows_whose_arrays_a_loss_of_power_took_are_measured_again(tmp_path):
    whole = run(Traces(station=QUIET), tmp_path)
    expected = read_run(whole.path)
    folder = interrupted(whole, tmp_path / "again", 4)
    ends = [folder.arrays.read_bytes().index(b"SOTARRAY", k) for k in (0, 8)]
    start_of_third = folder.arrays.read_bytes().index(b"SOTARRAY", ends[1] + 8)
    folder.arrays.write_bytes(folder.arrays.read_bytes()[: start_of_third + 20])
    assert list(read_run(folder.path).rows["Index"]) == [0, 1]
    record = resume(folder, procedure=f"{__file__}:Traces")
    (resumed,) = (event for event in read_journal(folder.journal) if event["event"] == "run_resume")
    assert resumed["rows"] == 2
    assert [cut["text"].count("\n") for cut in resumed["cut"] if cut["file"] == folder.data.name] == [2]
    for cell, before in zip(record.rows["Trace (V)"], expected.rows["Trace (V)"], strict=True):
        assert np.array_equal(record.arrays[cell], expected.arrays[before])


def test_a_lost_array_of_long_ago_is_damage_and_nothing_is_cut(tmp_path, monkeypatch):
    whole = run(Traces(station=QUIET), tmp_path)
    folder = interrupted(whole, tmp_path / "again", 4)
    monkeypatch.setattr("sotlab.procedures.runs.reader.LOST_S", 0.05)
    before = folder.data.read_bytes()
    folder.arrays.write_bytes(b"")
    with pytest.raises(RunError, match=r"no 'array:0', which a row names: damaged"):
        Run.resume(folder.path, procedure=f"{__file__}:Traces")
    assert folder.data.read_bytes() == before


def test_rows_without_times_are_kept_although_an_array_is_lost(tmp_path):
    folder = interrupted(run(Traces(station=QUIET), tmp_path), tmp_path / "again", 4)
    folder.data.write_text(folder.data.read_text(encoding="utf-8").replace("Time (s)", "Moment (s)"), encoding="utf-8")
    folder.arrays.write_bytes(b"")
    assert list(read_run(folder.path).rows["Index"]) == [0, 1, 2, 3]


def test_a_run_that_ended_well_or_is_going_on_is_not_resumed(whole, tmp_path):
    with pytest.raises(RunError, match="finished; there is nothing to resume"):
        Run.resume(whole.path)
    folder = interrupted(whole, tmp_path, 2)
    lock = folder.lock()
    with pytest.raises(RunError, match="is going on"):
        Run.resume(folder.path)
    lock.release()
    Run.resume(folder.path)


def test_no_code_is_run_because_a_file_names_it(tmp_path):
    folder = interrupted(run(Traces(station=QUIET), tmp_path), tmp_path / "again", 1)
    with pytest.raises(UsageError, match="none that is installed"):
        Run.resume(folder.path)
    with pytest.raises(UsageError, match="the run is of"):
        Run.resume(folder.path, procedure="STFMRFieldSweep")


def test_a_station_that_changed_is_named_and_must_be_accepted(tmp_path):
    original, station = StationConfig.load(QUIET)[1], tmp_path / "station.toml"
    text = original.read_text(encoding="utf-8").replace("clock=virtual", "clock=virtual&noise=off")
    text = text.replace("samples/", f"{original.parent.as_posix()}/samples/")
    station.write_text(text, encoding="utf-8")
    folder = interrupted(run(sweep(station=str(station)), tmp_path), tmp_path / "again", 4)
    station.write_text(text.replace("nplc = 5", "nplc = 1"), encoding="utf-8")
    refused = Run.resume(folder.path)
    with refused:
        pass
    with pytest.raises(RunError, match=r"config\.roles\.voltmeter\.options\.nplc was 5 and is 1\. Put it right"):
        refused.raise_error()
    record = resume(folder, accept=True)
    assert list(record.rows["Index"]) == list(range(9))
    resumed = [event for event in read_journal(folder.journal) if event["event"] == "run_resume"]
    assert resumed[-1]["accepted"] == ["config.roles.voltmeter.options.nplc was 5 and is 1"]


def test_another_plan_is_refused(whole, tmp_path):
    folder = interrupted(whole, tmp_path, 4)
    opened = json.loads(folder.journal.read_text())
    opened["parameters"]["points"]["value"] = 11
    folder.journal.write_text(json.dumps(opened) + "\n")
    measurement = Run.resume(folder.path)
    with measurement:
        pass
    with pytest.raises(RunError, match="11 points now and is not the one that was begun"):
        measurement.raise_error()
    assert len(read_run(folder.path).rows) == 4


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data.replace(b"\n2,0,", b"\n1,0,"), "there twice"),
        (lambda data: data.replace(b"\n2,0,", b"\nx,0,"), "damaged"),
        (lambda data: data.replace(b"\n2,0,", b"\n2,"), "cells instead of"),
        (lambda data: data.replace(b"Voltage (V)", b"Current (A)"), "not those of the journal"),
        (lambda data: b"\xff\xfe" + data, "cannot be read"),
    ],
)
def test_damaged_rows_are_told_in_one_line(whole, tmp_path, damage, message):
    folder = interrupted(whole, tmp_path, 5)
    folder.data.write_bytes(damage(folder.data.read_bytes()))
    with pytest.raises(RunError, match=message):
        Run.resume(folder.path)


def test_a_journal_cut_at_every_byte_is_an_error_or_a_recovery(whole, tmp_path):
    folder = interrupted(whole, tmp_path, 2)
    journal = folder.journal.read_bytes()
    small = json.loads(journal)
    small["station"] = {}
    text = (json.dumps(small) + "\n" + json.dumps({"event": "skip", "index": 8}) + "\n").encode()
    for length in range(0, len(text), 7):
        folder.journal.write_bytes(text[:length])
        with contextlib.suppress(RunError):  # nothing else may come
            scan = Run.resume(folder.path).procedure
            assert len(scan.past.rows) == 2
            assert scan.past.skipped <= {8}


def test_a_point_is_where_it_was_planned(whole):
    assert sweep().planned()[3] == Point(3, {"field_T": 0.059375}, 0)
