"""The sweep on the virtual bench, over the whole wire: driver, VISA, simulated instruments, sample."""

import threading

import numpy as np
import pandas as pd
import pytest
from pymeasure.experiment import Procedure, Results, Worker

from sotlab.errors import LimitError, PlanError, StationError, UsageError
from sotlab.instruments.station import Station
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

BENCH = "virtual:stfmr?seed=0"


def sweep(**settings):
    return STFMRFieldSweep(**{"station": BENCH, "points": 15, "start": "40 mT", "stop": "80 mT", **settings})


def run(scan, tmp_path):
    run = Run(scan, tmp_path, "film")
    run.start()
    assert run.wait(60)
    return run


def rows(run):
    return pd.read_csv(run.folder.data, comment="#")


def test_a_sweep_gives_its_rows_and_ends_safe(tmp_path):
    finished = run(sweep(), tmp_path)
    finished.raise_error()
    assert finished.status == "Finished"
    table = rows(finished)
    assert list(table.columns) == STFMRFieldSweep.DATA_COLUMNS
    assert list(table["Index"]) == list(range(15))
    np.testing.assert_allclose(table["Field Set (T)"], np.linspace(0.04, 0.08, 15), rtol=1e-15)
    events = read_journal(finished.folder.journal)
    assert [event["event"] for event in events] == ["run_open", "made_safe", "run_close"]
    assert events[1]["outputs"] == {"microwave": None, "field": None, "azimuth": None}
    assert events[0]["simulated"] is True
    assert events[0]["plan"]["index"] == list(range(15))
    assert events[0]["station"]["identities"]["voltmeter"].startswith("KEITHLEY")


def test_without_a_calibration_the_sample_has_the_probes_field(tmp_path):
    finished = run(sweep(points=5), tmp_path)
    table = rows(finished)
    assert (table["Field (T)"] == table["Field Probe (T)"]).all()
    opened = read_journal(finished.folder.journal)[0]
    assert opened["station"]["calibrations"] == {}
    assert opened["analysis"]["settings"]["field_offset_sigma"] == 20e-6


def test_the_journal_foretells_how_long_it_takes(tmp_path):
    events = read_journal(run(sweep(points=40), tmp_path).folder.journal)
    assert events[-1]["t"] == pytest.approx(events[0]["duration_s"], rel=0.1)


def test_the_header_says_simulated_and_keeps_every_digit(tmp_path):
    finished = run(sweep(frequency="9.123456789 GHz", start="0.0401234567890123 T"), tmp_path)
    header = finished.folder.data.read_text(encoding="utf-8").split("#Data:")[0]
    assert "#\tSIMULATED: True\n" in header
    assert "#\tFrequency: 9123456789.0 Hz\n" in header
    loaded = Results.load(str(finished.folder.data))
    assert isinstance(loaded.procedure, STFMRFieldSweep)
    assert loaded.procedure.frequency == 9123456789.0
    assert loaded.procedure.start == 0.0401234567890123
    assert len(loaded.data) == 15


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(tmp_path):
    first, again, other = (rows(run(sweep(station=f"virtual:stfmr?seed={seed}"), tmp_path)) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first, again)
    assert (first["Voltage (V)"] != other["Voltage (V)"]).all()


def test_repeats_are_rows_of_one_point_and_averages_are_quieter(tmp_path):
    repeated = rows(run(sweep(repeats=3, points=5), tmp_path))
    assert list(repeated["Index"]) == [k for k in range(5) for _ in range(3)]
    assert list(repeated["Repeat"]) == [0, 1, 2] * 5
    assert len(set(repeated["Voltage (V)"])) == 15


def scatter(table):
    return np.std(np.diff(table["Voltage (V)"]))


def test_the_noise_falls_with_averaging(tmp_path):
    # Far from the line, 200 readings: the ratio of two standard deviations is known to 7 %.
    flat = {"start": "200 mT", "stop": "200.1 mT", "points": 200}
    ratio = scatter(rows(run(sweep(**flat), tmp_path))) / scatter(rows(run(sweep(**flat, averages=16), tmp_path)))
    assert ratio == pytest.approx(4.0, rel=0.25)


def test_stock_pymeasure_runs_it_unmodified(tmp_path):
    scan = sweep()
    results = Results(scan, str(tmp_path / "stock.csv"))
    worker = Worker(results)
    worker.start()
    threading.Thread.join(worker, 60)
    assert scan.status == Procedure.FINISHED
    assert len(Results.load(results.data_filename).data) == 15
    assert "SIMULATED: True" in (tmp_path / "stock.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"stop": "500 mT"}, "field_T"),
        ({"stop": "380 mT", "start": "375 mT", "run_up": "1 T"}, "field_T"),
        ({"frequency": "25 GHz"}, "frequency_Hz"),
        ({"power": "19 dBm"}, "power_dBm"),
    ],
)
def test_what_exceeds_a_limit_is_refused_before_anything_moves(tmp_path, settings, named):
    with Station.open(BENCH, STFMRFieldSweep.ROLES) as bench:
        scan = sweep(**settings)
        scan.use(bench)
        refused = run(scan, tmp_path)
        with pytest.raises(LimitError, match=named):
            refused.raise_error()
        assert refused.status == "Failed"
        assert not refused.folder.data.exists()
        assert bench["microwave"].instrument.output_enabled is False
        assert bench["field"].instrument.output_enabled is False
        assert abs(bench["gaussmeter"].read_field()) < 1e-3


def test_a_limit_itself_is_allowed(tmp_path):
    run(sweep(stop="380 mT", start="370 mT", points=2, power="18 dBm"), tmp_path).raise_error()


def test_a_missing_role_names_role_station_and_what_to_do(tmp_path):
    station = tmp_path / "station.toml"
    station.write_text(
        '[station]\nname = "half"\nvisa_library = "stfmr?clock=virtual@sotlab"\n'
        '[roles.microwave]\ndriver = "E8257D"\nresource = "GPIB0::19::INSTR"\n',
        encoding="utf-8",
    )
    with pytest.raises(StationError, match=r"station.toml has no role 'field'; it has: microwave. Add \[roles.field\]"):
        run(sweep(station=str(station)), tmp_path).raise_error()


def test_a_misspelt_parameter_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match=r"no parameter 'frequncy'; it has: .*frequency"):
        STFMRFieldSweep(frequncy="7 GHz")


def test_a_station_that_is_not_open_cannot_be_measured_on():
    with pytest.raises(PlanError, match="no station is open"):
        sweep().execute()


def test_a_stopped_sweep_is_made_safe_and_keeps_its_rows(tmp_path):
    # Scaled time: a point takes about 20 ms of wall time, so that stopping comes in mid-run.
    stopped = Run(sweep(station="virtual:stfmr?clock=50", points=2000), tmp_path, "film")
    stopped.bus.subscribe(lambda topic, record: stopped.stop() if topic == "results" else None)
    stopped.start()
    assert stopped.wait(60)
    assert stopped.status == "Aborted"
    assert 1 <= len(rows(stopped)) < 20
    events = read_journal(stopped.folder.journal)
    assert events[-1]["exit_status"] == "aborted"
    assert events[-2]["outputs"] == {"microwave": None, "field": None, "azimuth": None}


def test_the_live_fit_is_published_while_the_sweep_goes_on(tmp_path):
    fits = []
    scan = sweep(points=81, start="45 mT", stop="80 mT")
    watched = Run(scan, tmp_path, "film")
    watched.bus.subscribe(lambda topic, record: fits.append(record) if topic == "fit" else None)
    watched.start()
    assert watched.wait(60)
    assert fits
    assert fits[-1].values["field_res"].value == pytest.approx(0.062, abs=0.001)


def test_up_and_down_sweeps_agree_on_the_resonance(tmp_path):
    """The field is measured at each point, so hysteresis and lag must not shift the line."""
    from sotlab.procedures.runs.reduce import reduce_runs

    fields = []
    with Station.open("virtual:stfmr?seed=1", STFMRFieldSweep.ROLES) as bench:
        for start, stop in (("40 mT", "85 mT"), ("85 mT", "40 mT")):
            scan = sweep(start=start, stop=stop, points=91)
            scan.use(bench)
            finished = run(scan, tmp_path)
            fields.append(reduce_runs([finished.folder]).json["spectra"][0]["field_res"])
    split = fields[0]["value"] - fields[1]["value"]
    # The gaussmeter's zero is common to both, so only the fits' own sigmas (about 20 uT) remain.
    assert abs(split) < 4 * 30e-6


def test_a_plan_too_large_for_memory_is_refused_at_once(tmp_path):
    with pytest.raises(PlanError, match="more than 1000000 rows"):
        run(sweep(points=1_000_000, repeats=10_000), tmp_path).raise_error()
