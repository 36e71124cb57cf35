"""The wired bench: what its meters see, its truth, its streams, and bad bench files."""

from importlib import resources
from zlib import crc32

import numpy as np
import pytest
import yaml
from scipy.integrate import trapezoid

from sotlab.errors import StationError
from sotlab.simulated.benches.stfmr import DEFAULTS, STFMR, load_sample

LAB = {"sample": "nife_bisb_10nm.yaml"}


def streams(seed):
    return lambda name: np.random.default_rng([seed, crc32(name.encode())])


def make_bench(seed=0, noise=False, **changes):
    return STFMR(LAB | changes, streams(seed), noise)


def driven(bench, frequency_Hz=7e9, power_dBm=15.0):
    bench.rf.set(frequency_Hz=frequency_Hz, power_dBm=power_dBm, on=True)
    return bench


def test_mean_over_a_window_is_the_integral_while_the_field_moves_through_resonance():
    bench = driven(make_bench())
    bench.magnet.set_current(0.0, 6.0)
    start_s, stop_s = 0.1, 0.9  # 4 to 109 mT, at up to 0.2 T/s through a line of 2.9 mT
    times_s = np.linspace(start_s, stop_s, 20001)
    expected_V = trapezoid([bench.voltage_V("voltmeter", t) for t in times_s], times_s) / (stop_s - start_s)
    assert bench.mean_voltage_V("voltmeter", start_s, stop_s) == pytest.approx(expected_V, rel=1e-3)


def test_mean_over_a_window_is_the_voltage_itself_in_a_settled_field():
    bench = driven(make_bench())
    bench.magnet.set_current(0.0, 3.0)
    assert bench.mean_voltage_V("voltmeter", 20.0, 20.1) == bench.voltage_V("voltmeter", 20.0)
    assert bench.voltage_V("voltmeter", 20.0) != 0.0


def test_sweep_through_resonance_shows_the_true_line():
    bench = driven(make_bench(magnet={"remanence_T": 0.0}))
    truth = {name: entry["value"] for name, entry in bench.truth(7e9, 15.0).items()}
    for x in (-1.0, 0.0, 1.0):
        bench.magnet.set_current(100.0 * (x + 2), (truth["field_res"] + x * truth["width"]) / 0.02)
        found_V = bench.voltage_V("voltmeter", 100.0 * (x + 2) + 99.0)
        line_V = (truth["v_sym"] + truth["v_asym"] * x) / (x**2 + 1)
        assert found_V == pytest.approx(line_V, abs=0.01 * abs(truth["v_asym"]))  # the far pole's tail


def test_voltage_needs_the_microwave():
    bench = make_bench()
    bench.magnet.set_current(0.0, 3.0)
    assert bench.voltage_V("voltmeter", 9.0) == 0.0
    assert driven(bench).voltage_V("voltmeter", 9.0) != 0.0
    bench.rf.set(mean_square=0.5)
    halved_V = bench.voltage_V("voltmeter", 9.0)
    bench.rf.set(mean_square=1.0)
    assert halved_V == pytest.approx(0.5 * bench.voltage_V("voltmeter", 9.0))


def test_truth_names_units_and_depends_on_power_and_angle():
    bench = make_bench()
    truth = bench.truth(7e9, 15.0)
    assert truth["mu0_meff"] == {"value": 0.85, "unit": "T"}
    assert {truth[name]["unit"] for name in ("v_sym", "v_asym")} == {"V"}
    assert {truth[name]["unit"] for name in ("field_res", "width", "width_0", "b_dl", "b_fl")} == {"T"}
    assert bench.truth(7e9, 18.0)["v_sym"]["value"] == pytest.approx(10**0.3 * truth["v_sym"]["value"])
    assert bench.truth(7e9, 15.0, 225.0)["v_sym"]["value"] == pytest.approx(-truth["v_sym"]["value"])
    assert "v_sym" not in bench.truth()


def test_truth_of_the_shipped_bench_is_in_the_range_of_the_published_sample():
    truth = {name: entry["value"] for name, entry in make_bench().truth(7e9, 15.0).items()}
    assert 1e-3 < truth["current"] < 5e-3
    assert 0.05 < truth["field_res"] < 0.07
    assert 0.1e-6 < abs(truth["v_sym"]) < abs(truth["v_asym"]) < 10e-6


def test_noise_at_the_default_settings_is_one_to_two_percent_of_the_line_at_7_ghz():
    readings = [make_bench(0, noise=True, rf={"flatness_dB": 0.0})] * 1500
    spread_V = np.std([bench.voltmeter_V("voltmeter", t, t + 0.1, 3.5e-9) for t, bench in enumerate(readings)])
    truth = readings[0].truth(7e9, 15.0)
    assert 0.009 < spread_V / abs(truth["v_asym"]["value"]) < 0.02


def test_same_seed_gives_the_same_readings_and_another_seed_others():
    def readings(seed):
        bench = driven(make_bench(seed, noise=True))
        return [(bench.voltmeter_V("voltmeter", t, t + 0.1, 3.5e-9), bench.gaussmeter_T(t)) for t in range(5)]

    assert readings(0) == readings(0)
    assert readings(0)[0][0] != readings(1)[0][0]
    assert readings(0)[0][1] != readings(1)[0][1]


def test_one_more_reading_of_the_gaussmeter_does_not_change_the_voltmeter():
    plain, curious = make_bench(0, noise=True), make_bench(0, noise=True)
    curious.gaussmeter_T(0.5)
    curious.gaussmeter_T(0.7)
    assert plain.voltmeter_V("voltmeter", 1.0, 1.1, 3.5e-9) == curious.voltmeter_V("voltmeter", 1.0, 1.1, 3.5e-9)


def test_without_noise_the_gaussmeter_shows_the_field_at_its_probe():
    bench = make_bench(magnet={"probe_ratio": "0.99", "probe_offset_T": "1e-4"})
    bench.magnet.set_current(0.0, 5.0)
    assert bench.gaussmeter_T(50.0) == pytest.approx(0.99 * bench.field_T(50.0) + 1e-4, rel=1e-12)
    bench.zero_gaussmeter(50.0)
    assert bench.gaussmeter_T(51.0) == pytest.approx(0.0, abs=1e-12)


def test_numbers_may_arrive_as_text_as_from_a_bench_file():
    bench = make_bench(angle_deg="30", rf={"fixed_loss_dB": "0"})
    assert bench.angle_deg == 30.0
    assert bench.rf.path.fixed_loss_dB == 0.0


def test_shipped_bench_file_spells_out_the_defaults():
    file = resources.files("sotlab.simulated") / "benches" / "stfmr.yaml"
    lab = yaml.safe_load(file.read_text(encoding="utf-8"))["lab"]
    for section, values in DEFAULTS.items():
        assert {key: float(value) for key, value in lab[section].items()} == values


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"magnets": {}}, "unknown key 'magnets'"),
        ({"magnet": {"slew": 3}}, "magnet: unknown key 'slew'"),
        ({"magnet": {"slew_A_per_s": "fast"}}, "slew_A_per_s is 'fast'"),
        ({"magnet": {"time_constant_s": 0}}, "time_constant_s is 0, it must be above 0"),
        ({"gaussmeter": {"noise_T": -1}}, "noise_T is -1"),
        ({"angle_deg": "nan"}, "angle_deg is 'nan'"),
        ({"rf": "lossy"}, "rf: is 'lossy'"),
        ({"sample": "gold.yaml"}, "sample 'gold.yaml' not found; shipped are .*nife_bisb_10nm.yaml"),
    ],
)
def test_bad_lab_section_is_refused_in_one_line_that_names_the_key(changes, told):
    with pytest.raises(StationError, match=told) as caught:
        make_bench(**changes)
    assert "\n" not in str(caught.value)


def test_lab_section_without_sample_is_refused():
    with pytest.raises(StationError, match="no sample; name one of"):
        STFMR({}, streams(0), False)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("alpha: 0.01", "alpha is 0, it must be above 0"),
        ("width_0_T: 0.5e-3", "width_0_T is 'nothing'"),
        ("g: 2.1", "g missing"),
        ("nm_side: +1", "nm_side is 0"),
        ("mu0_ms_T: 0.95", "unknown key 'mu0_ms'"),
    ],
)
def test_bad_sample_file_is_refused_in_one_line_that_names_the_key(tmp_path, line, told):
    text = (resources.files("sotlab.simulated") / "samples" / "nife_bisb_10nm.yaml").read_text(encoding="utf-8")
    key = line.split(":")[0]
    spoilt = {"alpha": f"{key}: 0", "width_0_T": f"{key}: nothing", "g": "", "nm_side": f"{key}: 0",
              "mu0_ms_T": "mu0_ms: 0.95"}[key]  # fmt: skip
    assert f"\n{line}" in text
    path = tmp_path / "bad.yaml"
    path.write_text(text.replace(f"\n{line}", f"\n{spoilt}"), encoding="utf-8")
    with pytest.raises(StationError, match=told):
        load_sample(str(path))
