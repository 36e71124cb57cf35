"""The scans of harmonic Hall and transport on virtual benches: what is there comes out."""

import tomllib

import numpy as np
import pytest

from sotlab.errors import InstrumentError, LimitError, PlanError, StationError
from sotlab.instruments.station import Station
from sotlab.procedures.calibrations.base import calibration_of, find_calibration
from sotlab.procedures.calibrations.keep import keep, use
from sotlab.procedures.current_switching import CurrentSwitching
from sotlab.procedures.hall_loop import HallLoop, PlanarHallScan
from sotlab.procedures.harmonic_hall_angle_scan import (
    HarmonicHallAngleScan,
    HarmonicHallCurrentSeries,
    HarmonicHallOneLockin,
)
from sotlab.procedures.harmonic_hall_field_sweep import HarmonicHallFieldSweep
from sotlab.procedures.runs.reduce import reduce_files
from sotlab.procedures.sheet_resistance import FourPointResistance, ResistanceTemperature, VanDerPauw

from .hall_bench import run, write_station

HALL, TRANSPORT = "virtual:harmonic_hall?seed=0", "virtual:transport?seed=0"
#: One draw each: one perfect program in 16 000 fails.
PULL = 4.0


def check(told, *names):
    for name in names:
        value = told["results"][name]
        assert abs(value["value"] - value["truth"]) < PULL * value["sigma"], (name, value)


def test_a_hall_loop_gives_the_anomalous_hall_effect_and_the_coercive_field(tmp_path):
    record, told = run(HALL, HallLoop(station=HALL, field="0.3 T", points=21), tmp_path)
    check(told, "r_a", "r_ohe")
    assert told["results"]["coercivity"]["value"] == pytest.approx(0.0624, abs=0.02)
    assert len(record.rows) == 41
    assert record.rows["Field Set (T)"].iloc[[0, 20, 40]].to_list() == pytest.approx([0.3, -0.3, 0.3])


def test_a_planar_hall_scan_gives_the_planar_hall_effect(tmp_path):
    _, told = run(HALL, PlanarHallScan(station=HALL, field="2 T", points=12, stop="330 deg"), tmp_path)
    check(told, "r_p")


def test_low_field_sweeps_are_magnetised_before_each_and_need_the_nernst_effects(tmp_path):
    scan = HarmonicHallFieldSweep(station=HALL, amplitude="2 mA", points=9, field="90 mT")
    record, told = run(HALL, scan, tmp_path)
    check(told, "b_k")
    assert told["results"]["b_dl"]["value"] is None
    assert not any(flag.startswith("overload") for flag in told["flags"])  # the parabola's flat top is none
    # The states are those of the anomalous Hall effect, whose sign is below 0 here.
    up = record.rows["State (1)"] > 0
    assert record.rows.loc[up, "X 1w (V)"].max() < 0 < record.rows.loc[~up, "X 1w (V)"].min()
    known = {"r_p": "0.19+-0.001 ohm", "r_ane": "16+-0.5 uohm", "r_one": "4e-6+-1e-7 ohm/T"}
    results = reduce_files("harmonic-hall", [record.folder.path], settings=known).json["results"]
    truth = told["results"]["b_dl"]["truth"]
    assert abs(results["b_dl"]["value"] - truth) < PULL * results["b_dl"]["sigma"]
    assert results["b_dl"]["sigma"] < 0.05 * truth


def test_one_lock_in_that_is_switched_reads_what_two_do(tmp_path):
    # The first harmonic by 0.02 deg of the stage, the second by its noise.
    settings = {"field": "1.2 T", "amplitude": "2 mA", "points": 4, "start": "20 deg", "stop": "155 deg"}
    one, _ = run(HALL, HarmonicHallOneLockin(station=HALL, **settings), tmp_path)
    two, _ = run(HALL, HarmonicHallAngleScan(station=HALL, **settings), tmp_path)
    for name, slack_V in (("X 1w (V)", 1e-5), ("X 2w (V)", 2.5e-8), ("Y 2w (V)", 2.5e-8)):
        assert one.rows[name].to_numpy() == pytest.approx(two.rows[name].to_numpy(), abs=slack_V), name
    spec = write_station(tmp_path, replace=[("[roles.lockin]", "[roles.spare]"), ("[roles.lockin.", "[roles.spare.")])
    with pytest.raises(StationError, match="no role 'lockin'"):
        run(spec, HarmonicHallOneLockin(station=spec), tmp_path)


def test_a_series_of_currents_shows_whether_the_second_harmonic_goes_with_their_square(tmp_path):
    settings = {"field": "1.2 T", "points": 16, "start": "5 deg", "stop": "342.5 deg", "amplitudes": 2}
    scan = HarmonicHallCurrentSeries(station=HALL, amplitude="1 mA", amplitude_stop="2 mA", **settings)
    record, told = run(HALL, scan, tmp_path)
    assert sorted(set(record.rows["Amplitude (A)"])) == [1e-3, 2e-3]
    assert len(told["scans"]) == 2
    assert not any("not proportional" in flag for flag in told["flags"])
    check(told, "b_k")


def test_fields_of_both_signs_make_pairs_where_the_rotator_turns_half_round(tmp_path):
    settings = {"field": "1.5 T", "points": 10, "start": "5 deg", "stop": "167 deg", "amplitude": "2 mA"}
    record, told = run(HALL, HarmonicHallAngleScan(station=HALL, both_signs="yes", **settings), tmp_path)
    assert sorted(set(record.rows["Field Set (T)"])) == [-1.5, 1.5]
    assert not any("few readings have a partner" in flag for flag in told["flags"])
    check(told, "r_a")


def test_four_points_give_the_sheet_resistance_of_the_strip(tmp_path):
    _, told = run(TRANSPORT, FourPointResistance(station=TRANSPORT, current="10 uA"), tmp_path)
    sheet = told["results"]["sheet_resistance"]
    assert sheet["value"] == pytest.approx(sheet["truth"], rel=1e-4)  # 0.05 K of the temperature are 2e-5


def test_van_der_pauw_goes_through_the_switch_with_the_current_off(tmp_path):
    spec = "virtual:transport?sample=bisb_van_der_pauw&seed=0"
    _, told = run(spec, VanDerPauw(station=spec, current="10 uA", repeats=4), tmp_path)
    sheet = told["results"]["sheet_resistance"]
    assert sheet["value"] == pytest.approx(sheet["truth"], rel=5e-3)  # contacts of some size
    with pytest.raises(PlanError, match="four names"):
        run(spec, VanDerPauw(station=spec, current="10 uA", contacts="1,2,3"), tmp_path)


def test_van_der_pauw_by_hand_asks_for_each_configuration_once(tmp_path):
    by_hand = '[roles.switch]\ndriver = "ManualSwitch"\n[roles.switch.options]\nterminals = ["I+", "I-", "V+", "V-"]\n'
    by_hand += 'contacts = ["1", "2", "3", "4"]\n'
    spec = write_station(tmp_path, "transport")
    text = (tmp_path / "station.toml").read_text(encoding="utf-8")
    before, after = text.split("[roles.switch]")[0], text[text.index("[roles.temperature]") :]
    (tmp_path / "station.toml").write_text(before + by_hand + after, encoding="utf-8")
    asked = []
    record, _ = run(spec, VanDerPauw(station=spec, current="10 uA", repeats=1), tmp_path, asked.append)
    assert len(record.rows) == 1
    assert sum("I+ to" in message for message in asked) == 4


def test_resistances_are_read_once_the_temperature_has_settled(tmp_path):
    scan = ResistanceTemperature(
        station=TRANSPORT, current="10 uA", temperature="295 K", temperature_stop="240 K", points=4
    )
    record, _ = run(TRANSPORT, scan, tmp_path)
    rows = record.rows
    assert np.abs(rows["Temperature (K)"] - rows["Temperature Set (K)"]).max() < 0.06  # tolerance_K, and the noise
    assert np.diff(rows["Time (s)"]).min() > 30.0  # hold_s
    assert np.all(np.diff(rows["Resistance (ohm)"]) > 0)


def test_a_temperature_that_does_not_settle_ends_the_run_and_says_so(tmp_path):
    options = '[roles.temperature.options]\nsample_input = "B"'
    spec = write_station(tmp_path, replace=[(options, options + "\ntime_limit_s = 60")])
    with pytest.raises(InstrumentError, match=r"temperature: 20 K asked, .* K reached after .*, coming from 29"):
        run(spec, HallLoop(station=spec, field="0.1 T", points=5, temperature="20 K"), tmp_path)


def test_pulses_switch_a_film_with_the_help_of_a_field_along_the_current(tmp_path):
    spec = write_station(
        tmp_path,
        sample="pt_co_5nm.yaml",
        replace=[('sample = "samples/cotb_bisb_10nm.toml"', 'sample = "samples/pt.toml"')],
    )
    (tmp_path / "samples" / "pt.toml").write_text('name = "PtCo"\n', encoding="utf-8")
    scan = CurrentSwitching(station=spec, pulse="20 mA", points=11, field="50 mT", current="0.5 mA", wait="0.1 s")
    _, told = run(spec, scan, tmp_path)
    results = told["results"]
    # R_A and B_DL above 0: with the field along the current a positive pulse leaves m up.
    assert results["sense"]["value"] == 1.0
    assert results["swing"]["value"] == pytest.approx(1.0, rel=0.1)
    assert 0 < results["current_positive"]["value"] < 20e-3
    assert -20e-3 < results["current_negative"]["value"] < 0
    with pytest.raises(LimitError, match="source_meter"):
        run(spec, CurrentSwitching(station=spec, pulse="30 mA"), tmp_path)


def resistor(folder, **sections):
    """Return a station with a resistor of 100 ohm in place of the sample."""
    return write_station(folder, sample="resistor_100ohm.yaml", **sections)


def calibrated(folder, spec, **settings):
    """Return the calibration of a known resistor, taken into the station's file."""
    scan = find_calibration("second_harmonic")(station=spec, load="connected", **settings)
    record, _ = run(spec, scan, folder)
    with Station.open(spec, ()) as station:
        kept = keep(scan, record, station)
        use(kept, station)
    return kept


def test_a_known_resistor_shows_the_sources_distortion_and_its_run_takes_the_flag_away(tmp_path):
    spec = resistor(tmp_path, source={"distortion": 3e-4})
    kept = calibrated(tmp_path, spec)
    values = kept.calibration.values
    assert values["distortion_y"].value == pytest.approx(3e-4, abs=4 * values["distortion_y"].sigma)
    assert abs(values["distortion_x"].value) < 4 * values["distortion_x"].sigma
    assert abs(values["quadratic_y"].value) < 4 * values["quadratic_y"].sigma
    assert values["resistance"].value == pytest.approx(100.0, rel=1e-3)
    assert any("distorted" in note for note in kept.calibration.notes)
    entry = tomllib.loads((tmp_path / "station.toml").read_text(encoding="utf-8"))["calibrations"]

    # The sample in its place again: the same source, the calibration named in the station file.
    line = f'\n[calibrations]\nlockin_2w = "{entry["lockin_2w"]}"\n'
    spec = write_station(tmp_path, extra=line, source={"distortion": 3e-4})
    settings = {
        "field": "1.2 T",
        "field_stop": "3.9 T",
        "fields": 2,
        "amplitude": "2 mA",
        "start": "5 deg",
        "stop": "339.29 deg",
    }
    _, told = run(spec, HarmonicHallAngleScan(station=spec, points=14, **settings), tmp_path)
    assert not any(flag.startswith("no known-resistor run") for flag in told["flags"])
    distortion = [flag for flag in told["flags"] if flag.startswith("source distortion")]
    assert len(distortion) == 1
    assert "was taken off" in distortion[0]
    check(told, "r_a", "r_ane", "r_one")
    # At another frequency it says nothing.
    scan = HarmonicHallAngleScan(station=spec, points=14, frequency="131 Hz", **(settings | {"fields": 1}))
    _, told = run(spec, scan, tmp_path)
    assert any(flag.startswith("no known-resistor run") for flag in told["flags"])


def test_the_phase_of_the_second_harmonic_is_set_from_that_of_the_first(tmp_path):
    marker = (
        "compliance_V = 10.0\n[roles.ac_source.limits]",
        "compliance_V = 10.0\nmarker_deg = 20\n[roles.ac_source.limits]",
    )
    kept = calibrated(tmp_path, resistor(tmp_path, replace=[marker]))
    phases = [kept.calibration.values[f"phase_{n}w"].value for n in (1, 2)]
    assert abs(phases[0]) == pytest.approx(20.0, abs=0.1)
    assert phases[1] == pytest.approx(2 * phases[0], abs=1e-9)
    line = f'\n[calibrations]\nlockin_2w = "calibrations/{kept.file.name}"\n'
    settings = {"field": "1.2 T", "amplitude": "2 mA", "points": 8, "start": "15 deg", "stop": "330 deg"}
    wrong = {}
    for name, extra in (("without", ""), ("with", line)):
        spec = write_station(tmp_path, replace=[marker], extra=extra)
        record, told = run(spec, HarmonicHallAngleScan(station=spec, **settings), tmp_path)
        wrong[name] = [flag for flag in told["flags"] if flag.startswith("phase")]
        turned = np.abs(record.rows["Y 1w (V)"]).max() / np.abs(record.rows["X 1w (V)"]).max()
        assert (turned > 0.3) == (name == "without")
    assert wrong["without"]
    assert not wrong["with"]


def test_a_resistor_that_is_not_what_was_said_is_noted(tmp_path):
    spec = resistor(tmp_path)
    scan = find_calibration("second_harmonic")(station=spec, load="connected", resistance="70.7 ohm", octaves=0)
    record, _ = run(spec, scan, tmp_path)
    assert any(note.startswith("rms or peak") for note in calibration_of(scan, record).notes)
    asked = []
    run(
        spec,
        find_calibration("second_harmonic")(station=spec, amplitudes=3, repeats=1, octaves=0),
        tmp_path,
        asked.append,
    )
    assert any("connect the resistor of 100 ohm" in message for message in asked)
