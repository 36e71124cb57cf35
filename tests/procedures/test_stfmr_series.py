"""Series of spectra, adaptive sweeps and R(phi) on the virtual bench, over the whole wire."""

from collections import Counter

import numpy as np
import pytest

from sotlab.errors import LimitError, PlanError
from sotlab.instruments.station import Station
from sotlab.procedures.amr_angle_scan import AMRAngleScan
from sotlab.procedures.calibrations.base import calibration_of
from sotlab.procedures.calibrations.rf_current import RFCurrent
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import reduce_runs
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_adaptive_sweep import STFMRAdaptiveSweep
from sotlab.procedures.stfmr_angle_series import STFMRAngleSeries
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep
from sotlab.procedures.stfmr_frequency_series import STFMRFrequencySeries
from sotlab.procedures.stfmr_frequency_sweep import STFMRFrequencySweep
from sotlab.procedures.stfmr_power_series import STFMRPowerSeries
from sotlab.procedures.stfmr_resonance_search import STFMRResonanceSearch


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


def test_one_window_of_both_signs_is_measured_on_one_branch_and_reduced_as_two_spectra(tmp_path):
    scan = STFMRFieldSweep(
        station="virtual:stfmr?seed=0", frequency="7 GHz", start="45 mT", stop="80 mT", points=41, signs="both"
    )
    rows, told, truth = measured(scan, tmp_path)
    assert (np.diff(rows["Field Set (T)"]) > 0).all()
    assert Counter(np.sign(rows["Field Set (T)"])) == {-1.0: 41, 1.0: 41}
    positive, negative = (next(row for row in told["spectra"] if side in row["name"]) for side in ("B > 0", "B < 0"))
    true = truth(frequency_Hz=7e9, power_dBm=15.0, angle_deg=45.0)["v_asym"]["value"]
    for row, sign in ((positive, 1), (negative, -1)):
        assert abs(row["v_asym"]["value"] - sign * true) < 5 * row["v_asym"]["sigma"]
    down = STFMRFieldSweep(start="80 mT", stop="45 mT", points=5, signs="both")
    assert (np.diff([point.settings["field_T"] for point in down.planned()]) < 0).all()
    with pytest.raises(PlanError, match="which has both"):
        STFMRFieldSweep(start="-80 mT", stop="45 mT", signs="both").planned()


def test_an_adaptive_sweep_of_both_signs_refines_both_lines(tmp_path):
    scan = STFMRAdaptiveSweep(
        station="virtual:stfmr?seed=1", frequency="6 GHz", start="20 mT", stop="80 mT", points=41, signs="both",
        target="v_asym", wanted=0.003, most=80,
    )  # fmt: skip
    rows, told, _ = measured(scan, tmp_path)
    further = rows["Field Set (T)"][82:].abs()
    assert 16 <= len(further) <= 80
    assert (abs(further - 0.0465) < 0.015).mean() > 0.9  # the coarse sweep knows the width to some 20 %
    for side in (rows["Field Set (T)"][82:] > 0, rows["Field Set (T)"][82:] < 0):
        assert side.sum() >= 8
    # Each pass upwards, from outside: the field turns back once for each refinement.
    assert np.count_nonzero(np.diff(rows["Field Set (T)"]) < 0) in (1, 2)
    assert all(row["v_asym"]["value"] is not None for row in told["spectra"])


def proposal_of(folder):
    path = next(folder.rglob("events.jsonl"))
    return next(event for event in read_journal(path) if event["event"] == "proposal")


@pytest.mark.parametrize(("sample", "meff_T"), [("nife_bisb_10nm", 0.85), ("hibino_reference_3nm", 0.70)])
def test_the_resonance_of_an_unknown_device_is_found_followed_and_proposed(tmp_path, sample, meff_T):
    scan = STFMRResonanceSearch(
        station=f"virtual:stfmr?seed=0&sample={sample}", frequencies=2, points=41, start="10 mT", stop="0.2 T"
    )
    rows, told, truth = measured(scan, tmp_path)
    found = told["results"]["mu0_meff"]
    assert abs(found["value"] - meff_T) < 5 * found["sigma"]
    proposal = proposal_of(tmp_path)
    assert proposal["expected_meff_T"] == pytest.approx(meff_T, rel=0.02)
    assert [window[0] for window in proposal["windows"]] == [6e9, 9e9]
    for frequency_Hz, low_T, high_T in proposal["windows"]:
        line = truth(frequency_Hz=frequency_Hz, power_dBm=15.0, angle_deg=45.0)
        assert low_T < line["field_res"]["value"] - 4 * line["width"]["value"]
        assert high_T > line["field_res"]["value"] + 4 * line["width"]["value"]
        assert high_T - low_T < 0.1
    # The search is at the first frequency only; the second is followed.
    assert Counter(rows["Frequency (Hz)"])[9e9] == 41
    assert all(np.diff(rows[rows["Frequency (Hz)"] == 9e9]["Field Set (T)"]) > 0)


def test_where_there_is_no_line_every_frequency_is_searched_and_none_is_invented(tmp_path):
    scan = STFMRResonanceSearch(
        station="virtual:stfmr?seed=0", frequencies=2, points=16, start="0.2 T", stop="0.3 T", power="-10 dBm"
    )
    rows, told, _ = measured(scan, tmp_path)
    # 16 points, and their spacing halved three times: 121 at each frequency.
    assert Counter(rows["Frequency (Hz)"]) == {6e9: 121, 9e9: 121}
    assert told["results"]["mu0_meff"]["value"] is None
    assert proposal_of(tmp_path)["text"].startswith("no line from 0.2 to 0.3 T")


def test_a_frequency_sweep_at_fixed_field_finds_the_line_with_the_current_calibrated_on_its_way(tmp_path):
    grid = {"start": "5 GHz", "stop": "8 GHz", "points": 41}
    station = "virtual:stfmr?seed=2"
    with Station.open(station, STFMRFrequencySweep.ROLES) as bench:
        runs = []
        for scan in (
            RFCurrent(station=station, **grid, powers=1, power_start="15 dBm", repeats=1),
            STFMRFrequencySweep(station=station, **grid, field="55 mT", fields=1, averages=2),
        ):
            scan.use(bench)
            run = Run(scan, tmp_path, "film")
            run.start()
            assert run.wait(60)
            run.raise_error()
            runs.append(run)
            if isinstance(scan, RFCurrent):
                bench.take(calibration_of(scan, read_run(run.folder.path)))
        truth = bench.visa_library.lab.truth
    rows, told = read_run(runs[1].folder.path).rows, reduce_runs([runs[1].folder]).json
    assert rows["Field Set (T)"].nunique() == 1
    assert rows["RF Current (A)"].notna().all()
    assert not any("do not know the current" in flag for flag in told["flags"])
    found = told["results"]["mu0_meff"]
    assert abs(found["value"] - 0.85) < 5 * found["sigma"]
    (line,) = told["spectra"]
    true = truth(frequency_Hz=line["frequency_res"]["value"], power_dBm=15.0)
    assert abs(line["width"]["value"] - true["width"]["value"]) < 5 * line["width"]["sigma"]
    # At the mean current of the sweep's points, which is not that at the line.
    scale = (rows["RF Current (A)"].mean() / true["current"]["value"]) ** 2
    assert line["v_asym"]["value"] == pytest.approx(scale * true["v_asym"]["value"], rel=0.1)
