"""The microwave current by Joule heating: bench, VISA, calibration, and the torques that it makes possible."""

import numpy as np
import pytest

from sotlab.errors import DataError, StationError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import reduce_runs
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

QUICK = {"start": "5 GHz", "stop": "9 GHz", "points": 3, "powers": 2}


def test_the_current_is_the_benchs_whatever_its_level_error(bench):
    bench.describe()
    pulls = []
    for seed in range(6):
        calibration = bench.calibrate("rf_current", seed, **QUICK)
        assert calibration.sample == "NiFe6-BiSb10"
        with Station.open(bench.spec(seed), ["microwave"]) as station:
            truth = station.visa_library.lab.truth
            for f, factor, sigma in zip(*calibration.points.values(), strict=True):
                current_A = truth(frequency_Hz=f, power_dBm=0.0)["current"]["value"]
                assert sigma < 0.01 * factor
                pulls.append((factor - current_A) / np.hypot(sigma, calibration.values["scale"].sigma * factor))
    # Connectors are the same as at the calibration. 18 pulls, of which three share the direct currents: the mean of
    # their squares lies within 0.2 and 2.6 in 999 of 1000 cases.
    assert 0.2 < np.mean(np.square(pulls)) < 2.6
    assert abs(np.mean(pulls)) < 4 / np.sqrt(18)


def test_a_current_that_does_not_heat_is_refused(bench):
    bench.describe()
    with pytest.raises(DataError, match="raise current_stop"):
        bench.calibrate("rf_current", 0, sense="10 uA", current_stop="12 uA", **QUICK)


def test_with_it_spectra_carry_their_current_and_of_another_sample_they_do_not(bench):
    bench.describe()
    calibration = bench.calibrate("rf_current", 0, **QUICK)
    file = calibration.write(bench.folder / "calibrations")
    assert Calibration.load(file).sample == "NiFe6-BiSb10"
    bench.describe(extra=f'\n[calibrations]\nmicrowave = "calibrations/{file.name}"\n')
    short = {"points": 31, "start": "45 mT", "stop": "80 mT"}
    run, truth = bench.run(STFMRFieldSweep(**short))
    rows = read_run(run.folder.path).rows
    current_A = truth(frequency_Hz=7e9, power_dBm=15.0)["current"]["value"]
    assert rows["RF Current (A)"].iloc[0] == pytest.approx(current_A, rel=0.02)
    settings = read_journal(run.folder.journal)[0]["analysis"]["settings"]
    assert settings["current_convention"] == "peak"
    assert 0 < settings["current_scale_sigma"] < 0.01
    lacking = reduce_runs([run.folder]).json
    assert lacking["results"]["b_dl"]["value"] is None
    assert any("delta_resistance" in flag for flag in lacking["flags"])
    told = reduce_runs([run.folder], {"delta_resistance": {"value": 1.5, "sigma": 0.01, "unit": "ohm"}}).json
    found, true = told["results"]["b_fl"], truth(frequency_Hz=7e9, power_dBm=15.0)["b_fl"]["value"]
    assert abs(found["value"] - true) < 4 * found["sigma"]
    for other in ({"frequency": "7.1 GHz"}, {"power": "5 dBm"}):
        run, _ = bench.run(STFMRFieldSweep(**short, **other))
        assert read_run(run.folder.path).rows["RF Current (A)"].isna().all()
    sample = bench.folder / "samples" / "nife_bisb_10nm.toml"
    sample.write_text(sample.read_text(encoding="utf-8").replace("NiFe6-BiSb10", "another"), encoding="utf-8")
    run, _ = bench.run(STFMRFieldSweep(**short))
    assert read_run(run.folder.path).rows["RF Current (A)"].isna().all()


def test_an_open_station_takes_a_new_calibration_of_its_drivers_kinds_only(bench):
    bench.describe()
    calibration = bench.calibrate("rf_current", 0, **QUICK)
    with Station.open(bench.spec(0), ["microwave", "field"]) as station:
        assert station["microwave"].calibrated_current(7e9, 15.0, "NiFe6-BiSb10") is None
        station.take(calibration)
        assert station["microwave"].calibrated_current(7e9, 15.0, "NiFe6-BiSb10") is not None
        assert [one.kind for one in station.calibrations["microwave"]] == ["rf_current"]
        with pytest.raises(StationError, match="rf_current"):
            station.take(calibration.model_copy(update={"role": "field"}))
