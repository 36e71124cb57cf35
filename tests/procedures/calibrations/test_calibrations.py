"""The scans that calibrate, on virtual benches of other numbers than the shipped one's: what is there comes out.

A pull is (found - true) / sigma. Over 12 seeds the mean of its square lies within 0.16 and 2.9 in 999 of 1000 cases
(chi squared with 12 degrees of freedom), its mean within 4 / sqrt(12).
"""

import math
import tomllib

import numpy as np
import pandas as pd
import pytest

from sotlab.errors import DataError, InstrumentError, LimitError, PlanError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.procedures.calibrations.base import find_calibration
from sotlab.procedures.calibrations.cable_loss_vna import error_box, loss_between
from sotlab.procedures.calibrations.keep import keep
from sotlab.procedures.calibrations.plot import figure_of
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_rows, read_run
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

SEEDS = range(12)
QUICK = {"points": 31, "averages": 2}


def into_zero_chamber(lab, message):
    assert "zero chamber" in message
    lab.bench.probe_moved(lab.clock.now(), 0.0, 0.0)


def to_the_sample(lab, message):
    assert "sample's place" in message
    assert abs(lab.bench.magnet.current_A(lab.clock.now())) < 1e-3  # who reaches into the magnet finds it at zero
    lab.bench.probe_moved(lab.clock.now(), 1.0, 0.0)


def found(calibration):
    return {name: v.value for name, v in calibration.values.items()}


def assert_honest(pulls):
    pulls = np.asarray(pulls)
    assert len(pulls) == len(SEEDS)
    assert abs(pulls.mean()) < 4.0 / math.sqrt(len(pulls))
    assert 0.16 < np.mean(pulls**2) < 2.9


# -- coil ---------------------------------------------------------------------------------------------------------


def test_the_coils_slopes_and_remanence_are_the_benchs_within_their_sigmas(bench):
    bench.describe(magnet={"coil_T_per_A": 0.021, "remanence_T": 3.1e-3})
    truth = {"slope_positive": 0.021, "slope_negative": 0.021, "remanence": 3.1e-3}
    pulls = {name: [] for name in truth}
    for seed in SEEDS:
        calibration = bench.calibrate("coil", seed, **QUICK)
        assert calibration.notes == []
        for name, true in truth.items():
            v = calibration.values[name]
            assert v.sigma < 1e-4 * true
            pulls[name].append((v.value - true) / v.sigma)
    for name in truth:
        assert_honest(pulls[name])


def test_the_offset_is_no_better_known_than_the_gaussmeters_zero(bench):
    offset = bench.describe().calibrate("coil", **QUICK).values["offset"]
    assert offset.sigma == pytest.approx(20e-6, rel=0.01)  # zero_sigma_T of the station
    assert abs(offset.value) < 5 * offset.sigma


def test_a_coil_calibration_records_whose_it_is(bench):
    calibration = bench.describe().calibrate("coil", **QUICK)
    assert (calibration.kind, calibration.role) == ("coil", "field")
    assert calibration.instrument == "KEPCO,BOP 50-20MG,SIM0001,2.47"
    assert calibration.simulated is True
    assert calibration.date.tzinfo is not None
    assert len(calibration.points["Field (T)"]) == 62
    assert calibration.run in {path.name.split("_")[0] for path in (bench.folder / "runs").glob("*/*")}


def test_a_field_that_is_no_straight_line_is_told(bench):
    bench.describe(magnet={"probe_bend_per_T2": 0.05})  # 0.5 % at 0.3 T
    [note] = bench.calibrate("coil", **QUICK).notes
    assert "departs from straight lines" in note


def test_too_short_a_turnaround_is_told(bench):
    # The bench's iron needs 2 A after a turn; with the first 0.5 A in it the field is no line.
    [note] = bench.describe().calibrate("coil", turnaround=0.2, **QUICK).notes
    assert "turnaround" in note


def test_what_exceeds_the_station_is_refused_before_anything_moves(bench):
    bench.describe()
    with pytest.raises(LimitError, match=r"field of 39[02] mT"):
        bench.calibrate("coil", maximum=19.5)
    with pytest.raises(DataError, match=r"do not determine|points are left"):
        bench.calibrate("coil", maximum=1.0, turnaround=2.0)


def test_a_magnet_without_a_coil_to_calibrate_says_so(bench):
    bench.describe()
    text = bench.file.read_text(encoding="utf-8")
    start, stop = text.index("[roles.field]"), text.index("[roles.gaussmeter]")
    manual = '[roles.field]\ndriver = "ManualField"\n[roles.field.limits]\nfield_T = [-0.1, 0.1]\n'
    bench.file.write_text(text[:start] + manual + text[stop:], encoding="utf-8")
    with pytest.raises(PlanError, match=r"ManualField.*no use of a calibration 'coil'"):
        bench.calibrate("coil")


def test_a_coil_that_follows_a_voltage_is_calibrated_per_volt(bench):
    scan = find_calibration("coil")(maximum=5.0, turnaround=1.0)
    volts = np.concatenate([np.linspace(5, -5, 41), np.linspace(-5, 5, 41)])
    branch = np.repeat([1.0, -1.0], 41)
    field_T = 1e-5 + 4e-4 * branch + np.where(volts > 0, 0.03, 0.031) * volts
    rows = pd.DataFrame(
        {
            "Current Set (A)": np.nan,
            "Voltage Set (V)": volts,
            "Branch (1)": branch,
            "Field (T)": field_T,
            "Field Scatter (T)": 1e-6,
            "Field Sigma (T)": np.sqrt(1e-5**2 + (0.01 * field_T) ** 2),
        }
    )
    values = scan.evaluate(rows).values
    assert values["slope_positive"] == (pytest.approx(0.03), pytest.approx(0.0003), "T/V")  # the ratio's 1 % is in it
    assert values["slope_negative"] == (pytest.approx(0.031), pytest.approx(0.00031), "T/V")
    assert values["remanence"][0] == pytest.approx(4e-4)
    assert values["offset"] == (pytest.approx(1e-5), pytest.approx(1e-5), "T")


# -- gaussmeter ---------------------------------------------------------------------------------------------------


def test_the_gaussmeters_zero_is_the_benchs_within_its_sigma(bench):
    bench.describe(gaussmeter={"zero_T": 50e-6})
    pulls = []
    for seed in SEEDS:
        truth = {}

        def operator(lab, message, truth=truth):
            into_zero_chamber(lab, message)
            truth["zero"] = lab.bench._probe._zero_T

        zero = bench.calibrate("gaussmeter_zero", seed, operator).values["zero"]
        pulls.append((zero.value - truth["zero"]) / zero.sigma)
        assert zero.sigma == pytest.approx(2e-6 / 10, rel=0.3)  # noise_T over sqrt(100)
    assert_honest(pulls)


def test_a_zero_that_drifts_is_told():
    scan = find_calibration("gaussmeter_zero")()
    steady = np.random.default_rng(0).normal(0.0, 1e-6, 100)
    for drift_T, notes in ((0.0, 0), (3e-6, 1)):
        rows = pd.DataFrame({"Time (s)": np.arange(100.0), "Field Raw (T)": steady + np.linspace(0, drift_T, 100)})
        assert len(scan.evaluate(rows).notes) == notes


def test_without_an_operator_nothing_is_calibrated(bench):
    bench.describe()
    with pytest.raises(InstrumentError, match="zero chamber"):
        bench.calibrate("gaussmeter_zero")


def test_the_ratio_of_probe_and_sample_is_the_benchs_within_its_sigma(bench):
    bench.describe(magnet={"probe_ratio": 0.95, "probe_angle_deg": 10.0})
    truth = 1.0 / (0.95 * math.cos(math.radians(10.0)))
    pulls = []
    for seed in SEEDS:
        ratio = bench.calibrate("probe_ratio", seed, to_the_sample, points=9, averages=2, angle_sigma=0.0).values[
            "ratio"
        ]
        pulls.append((ratio.value - truth) / ratio.sigma)
    assert_honest(pulls)


def test_how_the_probe_stands_at_the_sample_is_divided_out_and_counted(bench):
    def askew(lab, message):
        lab.bench.probe_moved(lab.clock.now(), 1.0, 20.0)

    bench.describe(magnet={"probe_ratio": 0.9})
    ratio = bench.calibrate("probe_ratio", 0, askew, points=9, averages=2, angle=20.0, angle_sigma=2.0).values["ratio"]
    assert ratio.value == pytest.approx(1.0 / 0.9, rel=1e-4)
    assert ratio.sigma == pytest.approx(math.tan(math.radians(20)) * math.radians(2) / 0.9, rel=0.01)


def test_a_ratio_that_changes_with_the_field_is_told(bench):
    bench.describe(magnet={"probe_ratio": 0.95, "probe_bend_per_T2": 0.05})

    def operator(lab, message):
        to_the_sample(lab, message)
        lab.bench._magnet_values["probe_bend_per_T2"] = 0.0

    [note] = bench.calibrate("probe_ratio", 0, operator, points=9, averages=2).notes
    assert "changes by" in note


# -- microwave ----------------------------------------------------------------------------------------------------

LEVELS = {"start": "4 GHz", "stop": "12 GHz", "points": 9, "power_start": -10, "power_stop": 10, "powers": 3}


def test_the_sources_level_is_what_arrives_at_the_sensor(bench):
    scan = find_calibration("source_level")(**LEVELS, meter_sigma=0.0, switch_position="power_meter")
    pulls = []
    bench.describe()
    for seed in range(4):
        run, truth = bench.run(scan, seed)
        points = scan.evaluate(read_rows(run.folder.data)).points
        for frequency_Hz, power_dBm, level_dB, sigma_dB in zip(*points.values(), strict=True):
            power_W = truth(frequency_Hz=frequency_Hz, power_dBm=power_dBm)["power_A"]["value"]
            pulls.append((level_dB - (10 * math.log10(power_W / 1e-3) - power_dBm)) / sigma_dB)
    # 108 levels; sigma is pooled from 9 times 2 degrees of freedom, and the meter's zero adds a tenth to it
    assert 0.7 < np.mean(np.square(pulls)) < 1.6
    assert np.max(np.abs(pulls)) < 5.0


def test_what_is_not_known_of_the_meter_is_in_every_level(bench):
    bench.describe()
    calibration = bench.calibrate("source_level", **LEVELS, switch_position="power_meter", meter_sigma=0.2)
    assert calibration.points["Level Sigma (dB)"] == pytest.approx([0.2] * 27, rel=1e-3)
    assert calibration.values["level"].sigma == pytest.approx(0.2, rel=1e-3)


def test_ripple_between_the_frequencies_is_counted(bench):
    # Ripples of 0.35 GHz are missed by steps of 1 GHz, and not by steps of 25 MHz.
    bench.describe()
    coarse = bench.calibrate("source_level", **LEVELS, switch_position="power_meter")
    fine = {**LEVELS, "stop": "6 GHz", "points": 81, "powers": 1}
    fine = bench.calibrate("source_level", **fine, switch_position="power_meter")
    assert coarse.values["interpolation"].value > 0.05
    assert "ripples" in coarse.notes[0]
    assert fine.values["interpolation"].value < 0.02
    assert fine.notes == []


def test_by_hand_the_operator_connects_the_sensor_with_the_rf_off(bench):
    asked = []

    def operator(lab, message):
        asked.append((message, lab.bench.rf.state.on))
        lab.bench.switched("", [102])

    bench.describe()
    by_hand = bench.calibrate("source_level", 3, operator, **LEVELS)
    assert [on for _, on in asked] == [False]
    by_switch = bench.calibrate("source_level", 3, **LEVELS, switch_position="power_meter")
    assert by_hand.points["Level (dB)"] == pytest.approx(by_switch.points["Level (dB)"], abs=1e-3)


def test_the_loss_between_two_planes_comes_out(bench):
    def operator(lab, message):
        assert lab.bench.rf.state.on is False
        lab.bench.switched("", [102])
        lab.bench.rf.path.short_dB = 1.7 if "behind" in message else 0.0  # as a pad between the planes does

    settings = {"start": "4 GHz", "stop": "12 GHz", "points": 9, "mismatch_sigma": 0.0}
    calibration = bench.describe().calibrate("cable_loss", 0, operator, **settings)
    loss_dB = np.array(calibration.points["Loss (dB)"])
    assert (calibration.kind, calibration.role) == ("cable_loss", "microwave")
    assert np.max(np.abs(loss_dB - 1.7) / calibration.points["Loss Sigma (dB)"]) < 5.0
    assert abs(calibration.values["skin"].value) < 5 * calibration.values["skin"].sigma


def to_the_standards(lab, message):
    """Do with the virtual analyser's cables what the operator is asked for."""
    assert lab.bench.rf.state.on is False
    lab.bench.switched("", [101, 202])
    device = next(name for name in ("short", "open", "load") if f"the {name} " in message)
    lab.bench.vna_connects(lab.clock.now(), device, "A" if "before" in message else "tip")


def test_the_loss_of_the_arm_comes_out_of_an_uncalibrated_analyser(bench):
    bench.describe(rf={"arm_fixed_loss_dB": 1.3, "arm_skin_loss_dB": 0.4}, vna={"drift_dB_per_h": 0.0})
    settings = {"start": "4 GHz", "stop": "16 GHz", "points": 13}
    for seed in range(3):
        calibration = bench.calibrate("cable_loss_vna", seed, to_the_standards, **settings)
        assert (calibration.kind, calibration.role) == ("cable_loss", "microwave")
        true_dB = 1.3 + 0.4 * np.sqrt(np.array(calibration.points["Frequency (Hz)"]) / 1e9)
        off = (np.array(calibration.points["Loss (dB)"]) - true_dB) / calibration.points["Loss Sigma (dB)"]
        # Connections are common to all frequencies, so that these are few independent numbers.
        assert np.max(np.abs(off)) < 4.0
        assert calibration.values["loss"].sigma < 0.05
        assert abs(calibration.values["skin"].value - 0.4) < 0.02


def test_the_loss_by_reflection_is_exact_for_any_analyser_and_any_reciprocal_way():
    import skrf

    rng = np.random.default_rng(0)

    def box(loss):
        s = loss * (rng.normal(size=(5, 2, 2)) + 1j * rng.normal(size=(5, 2, 2)))
        s[:, 0, 1] = s[:, 1, 0]
        return skrf.Network(s=s, f=np.arange(1, 6), f_unit="GHz")

    analyser, way = box(0.3), box(0.25)

    def shown(network, reflection):
        end = skrf.Network(s=np.full((5, 1, 1), reflection, complex), f=np.arange(1, 6), f_unit="GHz")
        return (network**end).s[:, 0, 0]

    near, far = (error_box(*(shown(n, g) for g in (-1, 1, 0))) for n in (analyser, analyser**way))
    np.testing.assert_allclose(loss_between(near, far), -20 * np.log10(np.abs(way.s[:, 1, 0])), atol=1e-9)


# -- in use -------------------------------------------------------------------------------------------------------


def kept(bench, kind, seed, operator=None, **settings):
    """Calibrate, and write file and plot beside the station."""
    scan = find_calibration(kind)(**settings)
    run, _ = bench.run(scan, seed, operator)
    with Station.open(str(bench.file), roles=()) as station:
        return keep(scan, read_run(run.folder.path), station)


def test_a_runs_journal_holds_the_calibrations_whole_and_its_fields_are_the_samples(bench):
    bench.describe(magnet={"probe_ratio": 0.95})
    files = {
        "coil": kept(bench, "coil", 1, **QUICK),
        "zero": kept(bench, "gaussmeter_zero", 1, into_zero_chamber),
        "ratio": kept(bench, "probe_ratio", 1, to_the_sample, points=9, averages=2, angle_sigma=0.0),
    }
    text = bench.file.read_text(encoding="utf-8")
    bench.file.write_text(
        f'{text}\n[calibrations]\nfield = "calibrations/{files["coil"].file.name}"\n'
        f'gaussmeter = ["calibrations/{files["zero"].file.name}", "calibrations/{files["ratio"].file.name}"]\n',
        encoding="utf-8",
    )
    # The coil was calibrated without the ratio, so its field is the probe's: the same scan again, by what is known now.
    files["coil"] = kept(bench, "coil", 1, **QUICK)
    text = bench.file.read_text(encoding="utf-8")
    for name in (bench.folder / "calibrations").glob("coil-*.toml"):
        text = text.replace(name.name, files["coil"].file.name)
    bench.file.write_text(text, encoding="utf-8")
    slope = files["coil"].calibration.values["slope_positive"]
    assert slope.value == pytest.approx(0.02, abs=5 * slope.sigma)

    true_T = []
    sweep = STFMRFieldSweep(points=11, start="0.1 T", stop="0.15 T", run_up="50 mT")
    measure = sweep.measure

    def observed(point, bench):
        lab = bench.visa_library.lab
        true_T.append(lab.bench.field_T(lab.clock.now()))
        return measure(point, bench)

    sweep.measure = observed
    run, _ = bench.run(sweep, 1)
    journal = read_journal(run.folder.journal)
    held = journal[0]["station"]["calibrations"]
    for kind, role, k in (("coil", "field", 0), ("zero", "gaussmeter", 0), ("ratio", "gaussmeter", 1)):
        content = tomllib.loads(files[kind].file.read_text(encoding="utf-8"))
        assert Calibration.model_validate(held[role][k]) == Calibration.model_validate(content)
    table = read_rows(run.folder.data)
    # Readings scatter by 2 uT, two are averaged; the zero is known to 0.2 uT.
    np.testing.assert_allclose(table["Field (T)"], true_T, atol=8e-6)
    np.testing.assert_allclose(table["Field (T)"], table["Field Set (T)"], atol=20e-6)
    np.testing.assert_allclose(table["Field Probe (T)"] / table["Field (T)"], 0.95, rtol=1e-4)
    assert journal[0]["analysis"]["settings"]["field_offset_sigma"] < 1e-6
    assert [event["event"] for event in journal] == ["run_open", "made_safe", "run_close"]


def test_a_calibration_that_is_too_old_is_an_event_in_the_journal(bench):
    file = kept(bench.describe(), "coil", 0, **QUICK).file
    text = file.read_text(encoding="utf-8")
    date = next(line for line in text.splitlines() if line.startswith("date = "))
    file.write_text(text.replace(date, "date = 2020-01-01T00:00:00+01:00"), encoding="utf-8")
    line = f'field = {{ file = "calibrations/{file.name}", max_age_days = 90 }}'
    bench.describe(f"\n[calibrations]\n{line}\n")
    run, _ = bench.run(STFMRFieldSweep(points=3, start="50 mT", stop="60 mT"))
    opened, old = read_journal(run.folder.journal)[:2]
    assert opened["event"] == "run_open"
    assert old["event"] == "calibration_old"
    assert old["role"] == "field"
    assert old["age_days"] > 365 * 6


def test_file_and_plot_say_simulated(bench):
    done = kept(bench.describe(), "coil", 0, **QUICK)
    assert done.file.parent == bench.folder / "calibrations"
    assert "SIMULATED" in done.file.read_text(encoding="utf-8")
    image = done.plot.read_bytes()
    assert image.startswith(b"\x89PNG")
    assert b"SIMULATED" in image
    scan = find_calibration("coil")()

    def words(calibration):
        figure = figure_of(scan, calibration)
        return " ".join([figure.get_suptitle(), *(text.get_text() for text in figure.texts)])

    assert words(done.calibration).count("SIMULATED") >= 2
    assert "SIMULATED" not in words(done.calibration.model_copy(update={"simulated": False}))


@pytest.mark.parametrize(
    ("kind", "operator", "settings"),
    [
        ("gaussmeter_zero", into_zero_chamber, {"readings": 20}),
        ("probe_ratio", to_the_sample, {"points": 5, "averages": 2}),
        ("source_level", None, {**LEVELS, "switch_position": "power_meter"}),
        ("cable_loss", lambda lab, message: lab.bench.switched("", [102]), {"points": 5}),
        ("cable_loss_vna", to_the_standards, {"points": 11, "start": "4 GHz"}),
    ],
)
def test_every_kind_is_kept_with_its_plot_drawn_from_its_file(bench, kind, operator, settings):
    done = kept(bench.describe(), kind, 0, operator, **settings)
    loaded = Calibration.load(done.file)
    assert loaded.model_dump() == done.calibration.model_dump()
    figure = figure_of(find_calibration(kind)(), loaded)
    assert figure.axes
    assert done.plot.stat().st_size > 10_000


def test_a_run_that_was_stopped_gives_no_calibration(bench):
    bench.describe()
    scan = find_calibration("coil")(**QUICK)
    with Station.open(bench.spec(), scan.ROLES) as station:
        scan.use(station)
        run = Run(scan, bench.folder / "runs", "film")
        run.bus.subscribe(lambda topic, record: run.stop() if topic == "results" else None)
        run.start()
        assert run.wait(60)
        assert run.status == "Aborted"
        with pytest.raises(DataError, match="aborted; a calibration needs a whole one"):
            keep(scan, read_run(run.folder.path), station)
    assert not (bench.folder / "calibrations").exists()


# -- rotator ------------------------------------------------------------------------------------------------------


def test_the_rotators_zero_is_the_benchs_within_its_sigma(bench):
    bench.describe(azimuth={"zero_deg": 3.3})  # the field lies along the current where the stage says -3.3
    pulls = []
    for seed in SEEDS:
        zero = bench.calibrate("rotator_zero", seed, points=19).values["zero"]
        assert zero.sigma < 0.3
        pulls.append((zero.value + 3.3) / zero.sigma)
    assert_honest(pulls)


def test_with_its_zero_calibrated_a_rotator_turns_the_field_to_the_angle(bench):
    bench.describe(azimuth={"zero_deg": 3.3})
    done = kept(bench, "rotator_zero", 0)
    bench.describe(f'\n[calibrations]\nazimuth = "calibrations/{done.file.name}"\n', azimuth={"zero_deg": 3.3})
    with Station.open(bench.spec(), ["azimuth"]) as station:
        station["azimuth"].move_to(45.0)
        lab = station.visa_library.lab
        assert lab.bench.azimuth_deg(lab.clock.now()) == pytest.approx(45.0, abs=0.3)
        assert station["azimuth"].read_angle() == pytest.approx(45.0, abs=1e-3)
    again = bench.calibrate("rotator_zero", 1)  # with a calibration in use the zero is still the stage's
    assert again.values["zero"].value == pytest.approx(-3.3, abs=0.3)


def test_a_resistance_that_does_not_change_with_the_angle_gives_no_zero(bench):
    bench.describe()
    with pytest.raises(DataError, match="no direction is determined"):
        bench.calibrate("rotator_zero", current=1e-7)
