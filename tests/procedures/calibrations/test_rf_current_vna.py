"""The microwave current by network analyser: operator, VISA, calibration, and whether it agrees with that by heat."""

import numpy as np
import pytest
import skrf

from sotlab.errors import DataError, PlanError
from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.procedures.calibrations import plot
from sotlab.procedures.calibrations.base import find_calibration
from sotlab.procedures.calibrations.keep import keep
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

LEVELS = {"start": "4 GHz", "stop": "10 GHz", "points": 4, "powers": 2, "switch_position": "power_meter"}
VNA = {"start": "4 GHz", "stop": "10 GHz", "points": 4, "switch_position": "vna", "sweeps": 2}
HEAT = {"start": "4 GHz", "stop": "10 GHz", "points": 4, "powers": 2}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """Leave the plots out but for one: a dozen calibrations are kept here."""
    monkeypatch.setattr(plot, "write_plot", lambda path, scan, calibration: path.write_bytes(b""))


def at_the_planes(lab, message):
    """Connect what is asked for, where."""
    assert lab.bench.rf.state.on is False
    now_s = lab.clock.now()
    if "on the strip" in message:
        lab.bench.vna_connects(now_s, "strip")
        return
    device = next(name for name in ("short", "open", "load") if f"the {name} " in message)
    lab.bench.vna_connects(now_s, device, "A" if "plane A" in message else "tip")


def kept(bench, kind, seed, operator=None, plant=None, **settings):
    """Calibrate and keep, so that the station uses it; return what was kept and the bench's truth."""
    scan = find_calibration(kind)(**settings)
    with Station.open(bench.spec(seed), scan.ROLES) as station:
        lab = station.visa_library.lab
        if plant is not None:
            plant(lab)
        if operator is not None:
            scan.operator = lambda message: operator(lab, message)
        scan.use(station)
        run = Run(scan, bench.folder / "runs", "film")
        run.start()
        assert run.wait(120)
        run.raise_error()
        done = keep(scan, read_run(run.folder.path), station)
        truth = lab.truth
    name_in_file(bench, done)
    return done, truth


def name_in_file(bench, *kept):
    text = bench.file.read_text(encoding="utf-8").partition("\n[calibrations]")[0]
    names = ", ".join(f'"{one.file.relative_to(bench.file.parent).as_posix()}"' for one in kept)
    bench.file.write_text(f"{text}\n[calibrations]\nmicrowave = [{names}]\n", encoding="utf-8")


def test_the_current_is_the_benchs_within_its_sigma_and_agrees_with_its_heat(bench):
    bench.describe()
    kept(bench, "source_level", 3, **LEVELS)
    by_analyser, truth = kept(bench, "rf_current_vna", 3, at_the_planes, **VNA)
    found = by_analyser.calibration
    assert (found.kind, found.role, found.sample) == ("rf_current_vna", "microwave", "NiFe6-BiSb10")
    scale_sigma = found.values["scale"].sigma
    assert 0.005 < scale_sigma < 0.03  # 0.05 dB of level, 0.02 dB of each connection
    for frequency_Hz, factor in zip(found.points["Frequency (Hz)"], found.points["Factor (A)"], strict=True):
        current_A = truth(frequency_Hz=frequency_Hz, power_dBm=0.0)["current"]["value"]
        assert abs(factor / current_A - 1) < 4 * scale_sigma
    assert plot.figure_of(find_calibration("rf_current_vna")(), found).axes
    resistance = found.values["resistance"]
    assert abs(resistance.value - 300.0) < 4 * resistance.sigma
    assert resistance.sigma < 10.0
    by_heat, _ = kept(bench, "rf_current", 3, **HEAT)
    assert any(note.startswith("agrees with rf_current_vna-microwave") for note in by_heat.calibration.notes)
    strip, arm = (skrf.Network(str(path)) for path in sorted(by_analyser.file.parent.glob("*.s?p"), reverse=True))
    assert (strip.nports, arm.nports) == (1, 2)
    ohm = 50 * (1 + strip.s[0, 0, 0]) / (1 - strip.s[0, 0, 0])
    assert abs(ohm) == pytest.approx(300.0, rel=0.05)
    loss_dB = -20 * np.log10(abs(arm.s[:, 1, 0]))
    np.testing.assert_allclose(loss_dB, 1.0 + 0.5 * np.sqrt(arm.f / 1e9), atol=0.1)


def test_a_level_that_has_changed_is_noticed(bench):
    bench.describe()
    kept(bench, "source_level", 4, **LEVELS)
    by_analyser, _ = kept(bench, "rf_current_vna", 4, at_the_planes, **VNA)
    by_heat, _ = kept(bench, "rf_current", 4, None, lambda lab: lab.bench.unlevelled(lab.clock.now(), 0.7), **HEAT)
    name_in_file(bench, by_heat, by_analyser)
    with Station.open(bench.spec(4), STFMRFieldSweep.ROLES) as station:
        scan = STFMRFieldSweep(frequency="6 GHz", power="15 dBm")
        scan.use(station)
        check = scan.analysis_settings(station)["current_check"]
    assert 20 * np.log10(check["value"]) == pytest.approx(0.7, abs=0.3)
    (note,) = [note for note in by_heat.calibration.notes if "rf_current_vna" in note]
    assert note.startswith("DISAGREES: current: this calibration and rf_current_vna-microwave")
    found_dB = float(note.partition(" differ by ")[2].partition(" dB")[0])
    assert found_dB == pytest.approx(-0.7, abs=0.3)  # 4 sigma


def test_without_a_level_at_plane_a_nothing_is_begun(bench):
    bench.describe()
    with pytest.raises(PlanError, match="the level at plane A is not known; calibrate source_level"):
        bench.calibrate("rf_current_vna", 0, at_the_planes, **VNA)


def test_a_probe_that_was_never_put_down_is_refused(bench):
    bench.describe()
    kept(bench, "source_level", 0, **LEVELS)

    def lazy(lab, message):
        at_the_planes(lab, message)
        if "on the strip" in message:
            lab.bench.contact_opens(lab.clock.now())

    with pytest.raises(DataError, match=r"rf_current_vna: the reflection is that of no resistor .* is the probe on"):
        bench.calibrate("rf_current_vna", 0, lazy, **VNA)


def test_standards_may_be_described_by_touchstone_files_and_wrong_ones_are_refused(bench):
    bench.describe()
    kept(bench, "source_level", 1, **LEVELS)
    folder = bench.folder / "standards"
    folder.mkdir()
    frequency_Hz = np.linspace(3e9, 11e9, 9)
    for name, reflection in (("short", -1.0), ("open", 1.0), ("load", 0.0)):
        s = np.full((9, 1, 1), reflection, complex)
        skrf.Network(f=frequency_Hz, s=s, f_unit="Hz").write_touchstone(name, dir=str(folder))
    ideal = bench.calibrate("rf_current_vna", 1, at_the_planes, **VNA)
    described = bench.calibrate("rf_current_vna", 1, at_the_planes, **VNA, standards=str(folder))
    assert described.points["Factor (A)"] == pytest.approx(ideal.points["Factor (A)"], rel=1e-6)
    (folder / "load.s1p").write_text("no touchstone", encoding="utf-8")
    with pytest.raises(PlanError, match=r"load.s1p (cannot be read|has)"):
        bench.calibrate("rf_current_vna", 1, at_the_planes, **VNA, standards=str(folder))


def test_it_fills_the_current_where_there_is_none_by_heat(bench):
    bench.describe()
    kept(bench, "source_level", 2, **LEVELS)
    done, _ = kept(bench, "rf_current_vna", 2, at_the_planes, **VNA)
    assert Calibration.load(done.file).sample == "NiFe6-BiSb10"
    with Station.open(bench.spec(2), ["microwave"]) as station:
        current_A, _, scale_sigma = station["microwave"].calibrated_current(4e9, 15.0, "NiFe6-BiSb10")
        factor_A = done.calibration.points["Factor (A)"][0]
        assert current_A == pytest.approx(factor_A * 10 ** (15 / 20))
        assert 0 < scale_sigma < 0.03
        assert station["microwave"].calibrated_current(4e9, 15.0, "another") is None


def test_a_strip_between_two_ports_is_calibrated_by_the_power_that_it_takes_up(bench):
    bench.describe(far_side="port 2")
    kept(bench, "source_level", 5, **LEVELS)

    def with_a_thru(lab, message):
        if "the thru" in message:
            lab.bench.vna_connects(lab.clock.now(), "thru", "tip")
        else:
            at_the_planes(lab, message)

    by_analyser, truth = kept(bench, "rf_current_two_port", 5, with_a_thru, **VNA)
    found = by_analyser.calibration
    assert found.kind == "rf_current_vna"
    scale_sigma = found.values["scale"].sigma
    assert 0 < scale_sigma < 0.03
    for frequency_Hz, factor in zip(found.points["Frequency (Hz)"], found.points["Factor (A)"], strict=True):
        current_A = truth(frequency_Hz=frequency_Hz, power_dBm=0.0)["current"]["value"]
        assert abs(factor / current_A - 1) < 4 * scale_sigma
    assert abs(found.values["resistance"].value - 300.0) < 4 * found.values["resistance"].sigma
    assert [path.suffix for path in sorted(by_analyser.file.parent.glob("*vna*.s?p"))] == [".s2p", ".s2p"]
    by_heat, _ = kept(bench, "rf_current", 5, **HEAT)
    assert any(note.startswith("agrees with rf_current_vna-microwave") for note in by_heat.calibration.notes)
