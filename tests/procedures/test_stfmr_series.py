"""Series of spectra, adaptive sweeps and R(phi) on the virtual bench, over the whole wire."""

from collections import Counter

import numpy as np
import pytest

from sotlab.errors import LimitError
from sotlab.instruments.station import Station
from sotlab.procedures.amr_angle_scan import AMRAngleScan
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import reduce_runs
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_adaptive_sweep import STFMRAdaptiveSweep
from sotlab.procedures.stfmr_angle_series import STFMRAngleSeries
from sotlab.procedures.stfmr_frequency_series import STFMRFrequencySeries
from sotlab.procedures.stfmr_power_series import STFMRPowerSeries


def measured(scan, tmp_path):
    """Return rows, reduction as JSON, and the bench's truth at (frequency, power, angle)."""
    with Station.open(scan.station, scan.ROLES) as bench:
        scan.use(bench)
        run = Run(scan, tmp_path, "film")
        run.start()
        assert run.wait(60)
        run.raise_error()
        truth = bench.visa_library.lab.truth
    return read_run(run.folder.path).rows, reduce_runs([run.folder]).json, truth


def test_windows_follow_the_line_from_frequency_to_frequency(tmp_path):
    scan = STFMRFrequencySeries(
        station="virtual:stfmr?seed=0", frequency="4 GHz", frequency_stop="10 GHz", frequencies=4, points=41
    )
    rows, told, _ = measured(scan, tmp_path)
    assert Counter(rows["Frequency (Hz)"]) == {4e9: 41, 6e9: 41, 8e9: 41, 10e9: 41}
    for spectrum in told["spectra"][1:]:
        here = rows[rows["Frequency (Hz)"] == spectrum["frequency"]]["Field Set (T)"]
        middle, half = 0.5 * (here.min() + here.max()), 0.5 * (here.max() - here.min())
        # 8 half widths as predicted from a lower frequency, whose line is relatively broader
        assert abs(spectrum["field_res"]["value"] - middle) < 0.1 * half
        assert 7 < half / spectrum["width"]["value"] < 11
        assert (np.diff(here) > 0).all()
    assert told["results"]["mu0_meff"]["value"] == pytest.approx(0.85, abs=5 * told["results"]["mu0_meff"]["sigma"])


def test_a_window_beyond_the_magnet_is_refused_before_its_first_point(tmp_path):
    scan = STFMRFrequencySeries(
        station="virtual:stfmr?seed=0", frequency="9 GHz", frequency_stop="20 GHz", frequencies=2, points=31
    )
    with pytest.raises(LimitError, match="field"):
        measured(scan, tmp_path)


def test_angles_of_both_signs_tell_y_from_the_rest(tmp_path):
    scan = STFMRAngleSeries(station="virtual:stfmr?seed=0", angle=30, angle_stop=150, angles=3, points=41)
    rows, told, _ = measured(scan, tmp_path)
    assert Counter(rows["Angle (deg)"]) == {30.0: 82, 90.0: 82, 150.0: 82}
    spectra = {(row["angle"], "B > 0" in row["name"]): row for row in told["spectra"]}
    assert len(spectra) == 6
    # sin 2phi cos phi: the same at 30 and 150 deg, odd in the field, and nothing at 90 deg
    assert spectra[90.0, True]["v_asym"]["value"] is None
    for positive in (True, False):
        values = [spectra[angle, positive]["v_asym"] for angle in (30.0, 150.0)]
        sigma = np.hypot(*(value["sigma"] for value in values))
        assert abs(values[0]["value"] - values[1]["value"]) < 4 * sigma
        assert np.sign(values[0]["value"]) == (-1 if positive else 1)


def test_powers_come_from_the_largest_down(tmp_path):
    scan = STFMRPowerSeries(station="virtual:stfmr?seed=0", power_stop="9 dBm", powers=2, points=41)
    rows, told, _ = measured(scan, tmp_path)
    assert list(dict.fromkeys(rows["Power (dBm)"])) == [15.0, 9.0]
    high, low = (row["v_asym"] for row in told["spectra"])
    ratio = low["value"] / high["value"]
    sigma = abs(ratio) * np.hypot(low["sigma"] / low["value"], high["sigma"] / high["value"])
    assert abs(ratio - 10**-0.6) < 4 * sigma


def test_an_adaptive_sweep_stops_when_it_knows_enough_and_refines_where_the_line_is(tmp_path):
    window = {"station": "virtual:stfmr?seed=0", "start": "30 mT", "stop": "100 mT", "points": 41, "target": "v_asym"}
    enough, told, _ = measured(STFMRAdaptiveSweep(**window, wanted=0.2), tmp_path / "enough")
    assert len(enough) == 41
    width = told["spectra"][0]["width"]["value"]
    rows, told, _ = measured(STFMRAdaptiveSweep(**window, wanted=0.005), tmp_path / "more")
    assert 41 < len(rows) <= 41 + 200
    spectrum = told["spectra"][0]
    assert abs(spectrum["v_asym"]["sigma"] / spectrum["v_asym"]["value"]) < 0.0065
    extra = rows.iloc[41:]["Field (T)"]
    assert (abs(extra - spectrum["field_res"]["value"]) < 5 * width).all()
    # each of the two refinements goes one way
    assert np.count_nonzero(np.diff(rows["Field Set (T)"]) < 0) == 2


def test_without_a_line_the_window_is_looked_through_once_more(tmp_path):
    scan = STFMRAdaptiveSweep(station="virtual:stfmr?seed=0", start="200 mT", stop="240 mT", points=21)
    rows, told, _ = measured(scan, tmp_path)
    assert len(rows) == 41
    assert np.diff(np.sort(rows["Field Set (T)"])) == pytest.approx(1e-3)
    assert told["spectra"][0]["field_res"]["value"] is None


def test_r_of_phi_gives_the_magnetoresistance(tmp_path):
    _, told, truth = measured(AMRAngleScan(station="virtual:stfmr?seed=0"), tmp_path)
    found = told["results"]["delta_resistance"]
    assert abs(found["value"] - truth()["delta_resistance"]["value"]) < 4 * found["sigma"]
    assert found["sigma"] < 0.01 * found["value"]
