"""``sotlab analyse`` on tables measured elsewhere: harmonic Hall, transport and terahertz emission."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from sotlab.cli import main

from .analysis.stfmr_labs import the_sample

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def analyse(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["analyse", *map(str, arguments), "--json"])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return ended.value.code, json.loads(captured.out)

    return call


def measured(name):
    if not (DATA / name).is_file():
        pytest.skip(f"needs the measured file ../shared/data/{name}, which is not part of the project")
    return DATA / name


def options(settings=(), columns=()):
    return [*(w for s in settings for w in ("--set", s)), *(w for c in columns for w in ("--column", c))]


# -- harmonic Hall -----------------------------------------------------------------------------------------------

R_A, R_P, M, B_DL, B_FL, R_ANE = 0.5, 0.08, 0.9, 2e-4, -1e-4, 30e-6
PLANE = options(
    ["geometry=in-plane", "r_a=0.5+-0.001 ohm", "mu0_meff=0.9+-0.001T", "left_out=r_one"],
    ["field=Field:mT", "angle=Angle:deg", "temperature=T:K"],
)


def in_plane(temperature_K, rng, scale=1.0):
    """Readings (field [mT], angle [deg], R_1w, R_2w, T), by the formula sheet, with noise of 0.5 uohm on R_2w."""
    field, phi = (grid.ravel() for grid in np.meshgrid(np.geomspace(0.05, 2, 8), np.arange(0, 360, 10), indexing="ij"))
    angle, phi = phi, np.radians(phi)
    cos = np.cos(phi)
    r_2w = -(R_A * scale * B_DL / (2 * (field + M)) + R_ANE) * cos - R_P * B_FL / field * (2 * cos**3 - cos)
    r_1w = R_P * np.sin(2 * phi) + 1e-5 * rng.normal(size=len(phi))
    r_2w = r_2w + 0.5e-6 * rng.normal(size=len(phi))
    return np.stack([1e3 * field, angle, r_1w, r_2w, np.full_like(phi, temperature_K)], axis=1)


def save(path, table, header):
    np.savetxt(path, table, delimiter=",", header=header, comments="", fmt="%.9g")
    return path


def test_an_in_plane_table_gives_both_torques_with_their_efficiency(analyse, tmp_path):
    path = save(tmp_path / "a.csv", in_plane(300.0, np.random.default_rng(0)), "Field,Angle,R1,R2,T")
    sample = ["current=2mA", "current_convention=peak", "sheet_resistance=170+-2 ohm", "width=10+-0.1um"]
    sample += ["mu0_ms=0.95+-0.02 T", "fm_thickness=6+-0.2nm", "nm_side=1", "nm_resistivity=350.3+-2 uohm*cm"]
    code, told = analyse("harmonic-hall", path, *PLANE, *options(sample, ["r_1w=R1:ohm", "r_2w=R2:ohm"]))
    assert code == 0
    results = told["results"]
    for name, truth in (("r_p", R_P), ("b_dl", B_DL), ("b_fl", B_FL), ("r_ane", R_ANE)):
        assert abs(results[name]["value"] - truth) < 4 * results[name]["sigma"], name
    assert results["b_dl"]["sigma"] < 0.1 * B_DL
    assert results["xi_dl_j"]["value"] == pytest.approx(results["xi_dl_E"]["value"] * 3.503e-6, rel=1e-9)
    # xi = (2e/hbar) (mu0 M_s/mu0) t_F B/E with E = I R/w
    expected = 2 * 1.602177e-19 / 1.054572e-34 * 0.95 / 1.256637e-6 * 6e-9 * results["b_dl"]["value"]
    assert results["xi_dl_E"]["value"] == pytest.approx(expected / (2e-3 * 170 / 10e-6), rel=1e-5)
    assert results["angle_offset"]["unit"] == "deg"
    assert told["method"].startswith("in-plane")
    assert len(told["scans"]) == 8
    assert any("resistor" in flag for flag in told["flags"])
    assert told["settings"]["mu0_ms"] == {"value": 0.95, "sigma": 0.02, "unit": "T"}


def test_voltages_with_either_convention_of_the_current_give_the_same(analyse, tmp_path):
    table = in_plane(300.0, np.random.default_rng(0))
    rms_A = 2e-3 / np.sqrt(2)
    volts = np.column_stack([table[:, :2], rms_A * table[:, 2:4], table[:, 4]])
    path = save(tmp_path / "a.csv", volts, "Field,Angle,X1,Y2,T")
    columns = options((), ["x_1w=X1:V", "y_2w=Y2:V"])
    found = [
        analyse("harmonic-hall", path, *PLANE, *columns, *options([f"current={current}A", f"current_convention={c}"]))[
            1
        ]
        for c, current in (("peak", 2e-3), ("rms", rms_A))
    ]
    assert found[0]["results"]["b_dl"] == pytest.approx(found[1]["results"]["b_dl"])
    code, told = analyse("harmonic-hall", path, *PLANE, *columns, *options(["current=2mA"]))
    assert code == 2
    assert "current_convention=peak" in told["error"]


def test_temperatures_of_one_table_are_reduced_apart(analyse, tmp_path):
    rng = np.random.default_rng(0)
    table = np.concatenate([in_plane(t, rng, scale) for t, scale in ((300.0, 1.0), (20.0, 3.0))])
    path = save(tmp_path / "a.csv", table, "Field,Angle,R1,R2,T")
    code, told = analyse("harmonic-hall", path, *PLANE, *options((), ["r_1w=R1:ohm", "r_2w=R2:ohm"]))
    assert code == 0
    assert [row["temperature"] for row in told["scans"]] == [300.0, 20.0]
    first, second = (row["b_dl"] for row in told["scans"])
    assert first["value"] == pytest.approx(B_DL, abs=4 * first["sigma"])
    assert second["value"] == pytest.approx(3 * B_DL, abs=4 * second["sigma"])
    assert told["results"]["b_dl"]["value"] is None
    assert any("temperatures differ" in flag for flag in told["flags"])


MISTAKES = {
    "the second lock-in's phase": (lambda x, y: (x, y), 10.0, "phase: the second harmonic is"),
    "the signal in X": (lambda x, y: (x, y), 90.0, "phase: the second harmonic varies in X"),
    "both on the first harmonic": (None, 0.0, "wrong harmonic"),
    "exchanged": ("exchanged", 0.0, "exchanged"),
    "clipped": ("clipped", 0.0, "overload"),
    "distortion": ("distortion", 0.0, "source distortion"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_that_the_readings_show_is_named(analyse, tmp_path, name):
    what, phase_deg, said = MISTAKES[name]
    rng = np.random.default_rng(0)
    table = in_plane(300.0, rng)
    first, second = table[:, 2], table[:, 3]
    turn = np.radians(phase_deg)
    x_2, y_2 = -np.sin(turn) * second, np.cos(turn) * second
    x_2, y_2 = (v + 0.5e-6 * rng.normal(size=len(v)) for v in (x_2, y_2))
    if what is None:
        x_2, y_2 = x_2, first + 1e-5 * rng.normal(size=len(first))
    if what == "exchanged":
        first, y_2 = second, first
    if what == "clipped":
        y_2 = np.clip(y_2, -0.5 * np.abs(y_2).max(), 0.5 * np.abs(y_2).max())
    if what == "distortion":
        y_2 = y_2 + 2e-3 * first
    data = np.column_stack([table[:, :2], 1e-3 * first, 1e-3 * x_2, 1e-3 * y_2, table[:, 4]])
    path = save(tmp_path / "a.csv", data, "Field,Angle,X1,X2,Y2,T")
    columns = options(["current=1mA", "current_convention=rms"], ["x_1w=X1:V", "x_2w=X2:V", "y_2w=Y2:V"])
    _, told = analyse("harmonic-hall", path, *PLANE, *columns)
    assert any(flag.startswith(said) for flag in told["flags"]), told["flags"]


def test_without_a_mistake_none_is_named(analyse, tmp_path):
    table = in_plane(300.0, np.random.default_rng(1))
    path = save(tmp_path / "a.csv", table, "Field,Angle,R1,R2,T")
    _, told = analyse("harmonic-hall", path, *PLANE, *options((), ["r_1w=R1:ohm", "r_2w=R2:ohm"]))
    words = ("phase", "wrong", "exchanged", "overload", "source distortion", "misaligned", "rms or peak")
    assert not [flag for flag in told["flags"] if flag.startswith(words)]


def test_a_known_resistor_shows_the_distortion_which_is_then_taken_off(analyse, tmp_path):
    rng = np.random.default_rng(0)
    table = in_plane(300.0, rng)
    table[:, 3] += 2e-3 * table[:, 2]
    path = save(tmp_path / "a.csv", table, "Field,Angle,R1,R2,T")
    resistor = table.copy()
    resistor[:, 2] = 100 + 1e-3 * rng.normal(size=len(table))
    resistor[:, 3] = 2e-3 * resistor[:, 2] + 1e-5 * rng.normal(size=len(table))
    save(tmp_path / "resistor.csv", resistor, "Field,Angle,R1,R2,T")
    code, told = analyse(
        "harmonic-hall", path, *PLANE, *options(["resistor=resistor.csv"], ["r_1w=R1:ohm", "r_2w=R2:ohm"])
    )
    assert code == 0
    said = [flag for flag in told["flags"] if flag.startswith("source distortion")]
    assert len(said) == 1  # it is gone from the sample's own readings
    assert "a known resistor shows R_2w = (0.002 +-" in said[0]
    assert not any("no known-resistor run" in flag for flag in told["flags"])


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["harmonic-hall", "a.csv", *options(["geometry=sideways"])], 2, ["r_1w"]),
        (["harmonic-hall", "a.csv", *options((), ["field=Field:mT", "r_1w=3:ohm", "r_2w=4:ohm"])], 2, ["'angle'"]),
        (["harmonic-hall", "a.csv", *PLANE[2:], *options((), ["r_1w=3:ohm", "r_2w=4:ohm"])], 2, ["geometry"]),
        (["harmonic-hall", "a.csv", *PLANE, *options(["r_p=1+-x ohm"], ["r_1w=3:ohm", "r_2w=4:ohm"])], 2, ["r_p", "x"]),
        (["harmonic-hall", "a.csv", *PLANE, *options(["left_out=r_tme"], ["r_1w=3:ohm", "r_2w=4:ohm"])], 2, ["r_tme"]),
        (
            ["harmonic-hall", "a.csv", *PLANE, *options(["resistor=no.csv"], ["r_1w=3:ohm", "r_2w=4:ohm"])],
            1,
            ["no.csv"],
        ),
        (["thz", "a.csv", *options((), ["delay=1:ps"])], 2, ["'signal'", "position"]),
        (["hall-loop", "a.csv", *options((), ["field=1:mT", "voltage=3:V"])], 2, ["current"]),
        (["sheet-resistance", "a.csv", *options((), ["resistance=3:ohm"])], 2, ["--set width"]),
    ],
)
def test_what_is_missing_is_said_in_one_line(analyse, tmp_path, arguments, code, named):
    save(tmp_path / "a.csv", in_plane(300.0, np.random.default_rng(0)), "Field,Angle,R1,R2,T")
    status, told = analyse(*arguments)
    assert status == code, told
    assert list(told) == ["error"]
    for word in named:
        assert word in told["error"]


def test_the_measured_py_pt_set_gives_the_field_like_torque_and_refuses_the_damping_like(analyse):
    path = measured("harmonic_hall/pypt_sampleA.csv")
    columns = ["field=Magnet current (A):39.6mT", "angle=Angle:deg", "x_1w=X1:V", "y_1w=Y1:V"]
    columns += ["x_2w=X2:10mV", "y_2w=Y2:10mV"]  # the second harmonic's amplifier has a gain of 100
    settings = ["geometry=in-plane", "current=15mA", "current_convention=rms", "r_a=0.5+-0.05ohm", "mu0_meff=1+-0.1T"]
    code, told = analyse("harmonic-hall", path, *options(settings, columns), "--require", "b_fl")
    assert code == 0
    results = told["results"]
    assert abs(results["r_p"]["value"] - 0.0837) < 3e-4
    assert results["angle_offset"]["value"] == pytest.approx(-1.8, abs=0.1)
    assert abs(results["b_fl"]["value"] - 10.6e-6) < 2 * np.hypot(results["b_fl"]["sigma"], 0.4e-6)
    assert results["b_dl"]["value"] is None
    assert any(flag.startswith("b_dl: not determined") and "varies by 3.5 %" in flag for flag in told["flags"])
    assert any(flag.startswith("overload") for flag in told["flags"])
    assert analyse("harmonic-hall", path, *options(settings, columns), "--require", "b_dl")[0] == 5


# -- transport ---------------------------------------------------------------------------------------------------


def test_the_measured_hall_loops_have_a_half_swing_of_5_ohm(analyse):
    paths = [measured(f"ahe/loop_{current}mA.csv") for current in ("0p1", "1p7")]
    columns = ["field=1", "resistance=2", "current=Applied current (mA)"]
    code, told = analyse("hall-loop", *paths, *options((), columns))
    assert code == 0
    assert told["results"]["r_a"]["value"] == pytest.approx(5.2, abs=0.2)
    assert [row["current"] for row in told["scans"]] == pytest.approx([1e-4, 1.7e-3])
    assert all(abs(row["r_a"]["value"] - 5.2) < 0.2 for row in told["scans"])


def test_a_loop_without_a_hall_effect_determines_nothing(analyse, tmp_path):
    field = np.concatenate([np.linspace(-1, 1, 101), np.linspace(1, -1, 101)])
    noise = np.random.default_rng(0).normal(size=202)
    path = save(tmp_path / "a.csv", np.column_stack([field, noise]), "B (T),R (ohm)")
    code, told = analyse("hall-loop", path, *options((), ["field=1", "resistance=2"]))
    assert code == 5
    assert told["results"]["r_a"]["value"] is None
    assert "no anomalous Hall effect" in told["scans"][0]["flags"][0]


def test_van_der_pauw_readings_give_the_sheet_resistance_and_the_resistivity(analyse, tmp_path):
    rng = np.random.default_rng(0)
    current = np.array([1e-3, -1e-3] * 10)
    # R_a = 30 and R_b = 20 ohm: R_s = pi/ln 2 * 25 * f with f(1.5) = 0.98606 of van der Pauw's equation
    volts = [r * current + 5e-6 + 1e-7 * rng.normal(size=20) for r in (30.0, 20.0, 30.0, 20.3)]
    path = save(tmp_path / "a.csv", np.column_stack([current, *volts]), "I (A),Va (V),Vb (V),Var (V),Vbr (V)")
    columns = ["current=1", "v_a=2", "v_b=3"]
    code, told = analyse("van-der-pauw", path, *options(["thickness=10+-0.1nm"], columns))
    assert code == 0
    sheet = told["results"]["sheet_resistance"]["value"]
    assert np.exp(-np.pi * 30 / sheet) + np.exp(-np.pi * 20 / sheet) == pytest.approx(1, abs=2e-4)
    assert told["results"]["resistivity"]["value"] == pytest.approx(sheet * 10e-9)
    assert told["results"]["resistivity"]["sigma"] == pytest.approx(sheet * 1e-10, rel=0.05)
    columns += ["v_a_reciprocal=4", "v_b_reciprocal=5"]
    _, told = analyse("van-der-pauw", path, *options((), columns))
    assert any("r_b: differs from its reciprocal" in flag for flag in told["scans"][0]["flags"])


def test_sheet_resistances_over_thickness_and_of_a_strip(analyse, tmp_path):
    t = np.array([6, 8, 10, 13, 16, 20, 26, 35, 50, 70.0])
    sheet = 350e-8 / (t * 1e-9) * (1 + 3 * 4 / (8 * t))
    sheet = sheet * (1 + 0.01 * np.random.default_rng(0).normal(size=len(t)))
    path = save(tmp_path / "a.csv", np.column_stack([t, sheet, 0.01 * sheet]), "t (nm),R (ohm),s (ohm)")
    columns = ["thickness=1", "sheet_resistance=2", "sheet_resistance_sigma=3"]
    code, told = analyse("sheet-resistance", path, *options((), columns))
    assert code == 0
    rho, length = told["results"]["resistivity_0"], told["results"]["mean_free_path"]
    assert abs(rho["value"] - 350e-8) < 3.5 * rho["sigma"]
    assert abs(length["value"] - 4e-9) < 3.5 * length["sigma"]
    current = np.linspace(-1e-3, 1e-3, 10)
    path = save(tmp_path / "b.csv", np.column_stack([current, 683 * current + 1e-6]), "I (A),V (V)")
    code, told = analyse(
        "sheet-resistance", path, *options(["width=10um", "length=40+-0.4um"], ["current=1", "voltage=2"])
    )
    assert told["results"]["sheet_resistance"]["value"] == pytest.approx(683 / 4)
    assert told["results"]["sheet_resistance"]["sigma"] == pytest.approx(6.83 / 4, rel=1e-3)


def test_a_cooling_curve_is_told_by_two_channels(analyse, tmp_path):
    t = np.linspace(10, 300, 60)
    hop = np.exp(-50 / t) / np.exp(-50 / 300)
    r = 100 / (0.7 / (1 + 1e-3 * (t - 300)) + 0.3 * hop) * (1 + 1e-4 * np.random.default_rng(0).normal(size=60))
    path = save(tmp_path / "a.csv", np.column_stack([t, r]), "T (K),R (ohm)")
    code, told = analyse("parallel-conduction", path, *options(["metal_slope=1e-3"], ["temperature=1", "resistance=2"]))
    assert code == 0
    assert told["results"]["metallic_share"]["value"] == pytest.approx(0.7, abs=0.02)
    assert told["results"]["hopping_temperature"]["value"] == pytest.approx(50, rel=0.1)


# -- terahertz ---------------------------------------------------------------------------------------------------

PS = np.arange(-8, 12, 0.05)


def pulse(ps, delay=0.0):
    x = (ps - delay) / 0.3
    return -1e-4 * x * np.exp(-(x**2))


def test_scans_against_a_reference_give_ratio_delay_and_noise(analyse, tmp_path):
    rng = np.random.default_rng(0)

    def scans(name, ratio, delay, even):
        rows = []
        for k, sign in enumerate((1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1), start=1):
            odd = ratio * pulse(PS, delay)
            signal = sign * odd + even * np.abs(ratio) * pulse(PS, delay + 0.2) + 2e-7 * rng.normal(size=len(PS))
            rows.append(np.column_stack([PS, signal, np.full_like(PS, 0.1 * sign), np.full_like(PS, k)]))
        return save(tmp_path / name, np.concatenate(rows), "t (ps),X (V),B (T),scan")

    sample, reference = scans("s.csv", -1.5, 0.08, 0.05), scans("r.csv", 1.0, 0.0, 0.0)
    columns = ["delay=1", "signal=2", "field=3", "scan=4:1"]
    report = tmp_path / "report.html"
    code, told = analyse("thz", sample, *options([f"reference={reference}"], columns), "--report", report)
    assert code == 0, told
    results = told["results"]
    assert abs(results["ratio"]["value"] + 1.5) < 4 * results["ratio"]["sigma"] < 0.03
    assert abs(results["delay"]["value"] - 0.08e-12) < 4 * results["delay"]["sigma"] < 4e-15
    assert abs(results["power_ratio"]["value"] - 2.25) < 4 * results["power_ratio"]["sigma"]
    assert abs(results["even"]["value"] - 0.05) < 0.005 + 4 * results["even"]["sigma"]
    assert results["noise_alpha"]["value"] == pytest.approx(2e-7, rel=0.1)
    assert results["dynamic_range"]["value"] > 100
    assert results["snr"]["value"] > 10
    averaged = {row["name"]: row for row in told["scans"] if "frequency" in row}
    assert set(averaged) == {"sample", "reference"}
    for key in ("amplitude", "sigma", "phase"):
        assert len(averaged["sample"][key]) == len(averaged["sample"]["frequency"])
    assert sum(row.get("of") == "sample" for row in told["scans"]) == 12
    page = report.read_text(encoding="utf-8")
    assert page.count("<img") == 2


def test_positions_are_delays_by_the_exact_speed_of_light_passes_and_sign(analyse, tmp_path):
    rng = np.random.default_rng(0)
    mm = -PS * 1e-12 * 299792458 / 4 * 1e3 + 2
    for name, ratio in (("s.csv", 0.5), ("r.csv", 1.0)):
        signal = ratio * pulse(PS, 0.05 * (ratio < 1)) + 1e-7 * rng.normal(size=len(PS))
        save(tmp_path / name, np.column_stack([mm, signal]), "x (mm),X (V)")
    settings = ["reference=r.csv", "passes=2", "sign=-1", "zero_position=2mm"]
    code, told = analyse("thz", "s.csv", *options(settings, ["position=1", "signal=2"]))
    assert code == 0
    assert told["results"]["ratio"]["value"] == pytest.approx(0.5, abs=0.01)
    assert told["results"]["delay"]["value"] == pytest.approx(0.05e-12, abs=3e-15)
    inputs = ["absorptance=0.5+-0.01", "reference_absorptance=0.25+-0.01", "substrate_index=3.42"]
    inputs += ["reference_substrate_index=3.42", "sheet_conductance=4mS", "reference_sheet_conductance=8mS"]
    _, told = analyse("thz", "s.csv", *options([*settings, *inputs], ["position=1", "signal=2"]))
    # eta = 0.5 * (0.25/0.5) * (1 + 3.42 + Z0 0.004)/(1 + 3.42 + Z0 0.008)
    assert told["results"]["eta"]["value"] == pytest.approx(0.5 * 0.5 * 5.9269 / 7.4338, rel=0.02)
    assert told["results"]["eta"]["sigma"] == pytest.approx(0.0448 * told["results"]["eta"]["value"], rel=0.1)


def test_noise_has_no_ratio_and_determines_nothing(analyse, tmp_path):
    rng = np.random.default_rng(0)
    save(tmp_path / "s.csv", np.column_stack([PS, 1e-7 * rng.normal(size=len(PS))]), "t (ps),X (V)")
    save(tmp_path / "r.csv", np.column_stack([PS, pulse(PS) + 1e-7 * rng.normal(size=len(PS))]), "t (ps),X (V)")
    code, told = analyse("thz", "s.csv", *options(["reference=r.csv"], ["delay=1", "signal=2"]))
    assert code == 5, told["results"]
    assert any("no signal stands out" in flag for flag in told["flags"])


def test_two_measured_references_agree_as_is_known_of_them(analyse):
    path = measured("thz/PVDF_520um.thz")
    code, told = analyse("thz", "--set", f"reference={path}#1:PVDF_T01/Ref", f"{path}#2:PVDF_T02/Ref")
    assert code == 0
    ratio, delay = told["results"]["ratio"], told["results"]["delay"]
    assert abs(ratio["value"] - 0.9918) < 2 * np.hypot(ratio["sigma"], 0.0002)
    assert ratio["sigma"] < 5e-4
    assert abs(delay["value"] - 0.03e-15) < 2 * np.hypot(delay["sigma"], 0.03e-15)


def test_a_measured_dotthz_file_brings_its_own_reference(analyse):
    code, told = analyse("thz", measured("thz/PVDF_520um.thz"))
    assert code == 0
    assert told["results"]["ratio"]["value"] < 0.9
    index = 1 + told["results"]["delay"]["value"] * 299792458 / 520e-6
    assert 1.5 < index < 1.65  # PVDF
    assert [row["of"] for row in told["scans"] if "of" in row] == ["sample"] * 2 + ["reference"] * 2


def test_low_field_sweeps_need_the_nernst_effects_of_another_geometry(analyse, tmp_path):
    rng, b_k, r_a, b_dl = np.random.default_rng(0), 0.8, 1.9, 2e-4
    rows = []
    for state in (1, -1):
        for angle in (0.0, 90.0):
            field = np.linspace(-0.08, 0.08, 81)
            # With xi = 0: b_i = (d R_2w/d B)/(d2 R_1w/d B2), B_DL = +-2 b_x, B_FL = -2 b_y (B_FL = 0.5e-4 T).
            curvature = -state * r_a / b_k**2
            slope = curvature * (state * b_dl / 2 if angle == 0 else -0.5e-4 / 2)
            r_1w = state * r_a + curvature / 2 * field**2 + 1e-6 * rng.normal(size=81)
            r_2w = slope * field + 1e-8 * rng.normal(size=81)
            rows.append(np.column_stack([field, np.full(81, angle), r_1w, r_2w, np.full(81, state)]))
    path = save(tmp_path / "a.csv", np.concatenate(rows), "B (T),angle (deg),R1 (ohm),R2 (ohm),m")
    columns = ["field=1", "angle=2", "r_1w=3", "r_2w=4"]
    shared = ["geometry=low-field", "r_p=0+-0.001ohm"]
    code, told = analyse("harmonic-hall", path, *options(shared, columns))
    assert code == 2
    assert "state" in told["error"]
    columns.append("state=5:1")
    _, told = analyse("harmonic-hall", path, *options(shared, columns))
    assert told["results"]["b_dl"]["value"] is None
    assert any("r_ane and r_one" in flag for flag in told["flags"])
    report = tmp_path / "report.html"
    code, told = analyse(
        "harmonic-hall", path, *options([*shared, "left_out=r_ane,r_one"], columns), "--report", report
    )
    assert code == 0
    for name, truth in (("b_dl", b_dl), ("b_fl", 0.5e-4), ("b_k", b_k), ("r_a", r_a)):
        value = told["results"][name]
        assert abs(value["value"] - truth) < 4 * value["sigma"] + 2e-3 * abs(truth), name
    assert "Low-field sweeps" in report.read_text(encoding="utf-8")


# -- ST-FMR, thickness, magnetometry, magnetoresistance ------------------------------------------------------------

M_EFF, G, I_A, DR_OHM = 0.85, 2.1, 2e-3, 0.8
TORQUES = {"b_dl": 1.5e-4, "b_fl": -6e-5}


def resonance(frequency_Hz, angle_deg, rng):
    """Rows (B [T], V [V], f [Hz], phi [deg]) by the formula sheet: lines of a width of 0.5 mT + 0.01 f/gamma."""
    reduced = frequency_Hz / (13.996244936e9 * G)
    b0 = -M_EFF / 2 + np.hypot(M_EFF / 2, reduced)
    w = 0.5e-3 + 0.01 * reduced
    x = np.linspace(-8, 8, 81) * w
    phi = np.radians(angle_deg)
    common = -I_A * DR_OHM / 2 * np.sin(2 * phi) * np.cos(phi) / (w * (2 * b0 + M_EFF))
    v_s = common * TORQUES["b_dl"] * np.sqrt(b0 * (b0 + M_EFF))
    v_a = common * TORQUES["b_fl"] * (b0 + M_EFF)
    v = (v_s * w**2 + v_a * w * x) / (x**2 + w**2) + 0.2e-6 * rng.normal(size=len(x))
    return np.stack([b0 + x, v, np.full_like(x, frequency_Hz), np.full_like(x, angle_deg)], axis=1)


STRIP = ["current=2+-0.06mA", "current_convention=peak", "delta_resistance=0.8ohm", "g=2.1"]
SHEET = ["mu0_ms=0.95+-0.02T", "fm_thickness=6nm", "strip_width=7um", "sheet_resistance=42.9ohm", "nm_side=1"]
LONG = options((), ["field=B:T", "voltage=V:V", "frequency=f:Hz", "angle=phi:deg"])


@pytest.fixture
def long_table(tmp_path):
    rng = np.random.default_rng(0)
    rows = [resonance(1e9 * f, angle, rng) for f in (5, 6, 7, 8) for angle in (30.0, 60.0)]
    return save(tmp_path / "long.csv", np.concatenate(rows), "B,V,f,phi")


def test_one_long_table_of_many_spectra_gives_torques_and_efficiencies(analyse, long_table):
    code, told = analyse("stfmr", long_table, *LONG, *options([*STRIP, *SHEET, "rho=350+-5 uohm*cm"]))
    assert code == 0
    assert [(row["frequency"], row["angle"]) for row in told["spectra"]][:3] == [(5e9, 30.0), (5e9, 60.0), (6e9, 30.0)]
    assert told["spectra"][0]["current_rf"] == I_A
    results = told["results"]
    for name, truth in {**TORQUES, "mu0_meff": M_EFF, "alpha": 0.01, "width_0": 0.5e-3}.items():
        assert abs(results[name]["value"] - truth) < 4 * results[name]["sigma"], name
    # The current's 3 % counts once in a field and twice in an efficiency.
    assert told["details"]["budget"]["b_dl"]["current"] == pytest.approx(0.03 * results["b_dl"]["value"], rel=0.01)
    budget = told["details"]["budget"]["xi_dl_E"]
    assert budget["current"] / results["xi_dl_E"]["value"] == pytest.approx(0.06, rel=0.01)
    assert budget["mu0_ms"] / results["xi_dl_E"]["value"] == pytest.approx(0.02 / 0.95, rel=0.01)
    assert results["xi_dl_j"]["value"] == pytest.approx(results["xi_dl_E"]["value"] * 3.5e-6, rel=1e-9)
    assert results["xi_fl_E"]["value"] is None  # without the layer's thickness its Oersted field is not known
    assert told["settings"]["current"] == {"value": 0.002, "sigma": 6e-5, "unit": "A"}


def test_what_the_torques_lack_is_named_and_a_wrong_setting_is_one_line(analyse, long_table):
    code, told = analyse("stfmr", long_table, *LONG, *options(["current=2mA", "delta_resistance=0.8ohm", "g=2.1"]))
    assert code == 0
    assert told["results"]["b_dl"]["value"] is None
    assert any("current_convention=peak" in flag for flag in told["flags"])
    for wrong, said in (("current=-2mA", "above 0"), ("current=2T", "does not fit"), ("rho=1+-x ohm*m", "number")):
        code, told = analyse("stfmr", long_table, *LONG, *options([wrong]))
        assert code == 2
        assert said in told["error"]


def test_the_width_against_a_direct_current_is_a_torque_too(analyse, tmp_path):
    rng, f, xi_j = np.random.default_rng(0), 7e9, 0.08
    reduced = f / (13.996244936e9 * G)
    b0 = -M_EFF / 2 + np.hypot(M_EFF / 2, reduced)
    # Liu et al.: abs(dW/dj) = (omega/gamma) (hbar/2e) xi sin phi/[(B0 + M/2) M_s t_F]; j rho = E = I R_sh/w
    arm = reduced * 1.054572e-34 / (2 * 1.602177e-19) * xi_j * np.sin(np.pi / 4)
    per_A = arm / ((b0 + M_EFF / 2) * 0.95 / 1.256637e-6 * 6e-9) * 22.5 / 7e-6 / 2.5e-7
    rows = []
    for bias in (-2e-3, -1e-3, 1e-3, 2e-3):
        for sign in (1, -1):
            w = 3.5e-3 + sign * per_A * bias
            x = np.linspace(-8, 8, 81) * w
            v = 5e-6 * sign * (w**2 + 0.5 * w * x) / (x**2 + w**2) + 0.02e-6 * rng.normal(size=len(x))
            rows.append(np.stack([sign * (b0 + x), v, np.full_like(x, bias)], axis=1))
    header = "f = 7e9 Hz\nB,V,I"
    path = save(tmp_path / "bias.csv", np.concatenate(rows), header)
    sample = [*SHEET[:3], "sheet_resistance=22.5ohm", "nm_side=1", "rho=25 uohm*cm", "angle=45deg", "g=2.1"]
    code, told = analyse("stfmr", path, *options(sample, ["field=B:T", "voltage=V:V", "bias=I:A"]))
    assert code == 0
    found = told["results"]["xi_dl_j_bias"]
    assert abs(found["value"] - xi_j) < 4 * found["sigma"]
    assert found["sigma"] < 0.1 * xi_j
    # The amplitudes, at a current that is made up, say something else.
    other = ["current=2+-0.02mA", "current_convention=peak", "delta_resistance=0.8ohm"]
    code, told = analyse("stfmr", path, *options([*sample, *other], ["field=B:T", "voltage=V:V", "bias=I:A"]))
    assert told["results"]["xi_dl_E_bias"]["value"] == pytest.approx(xi_j / 2.5e-7, rel=0.3)
    assert any(flag.startswith("xi_dl_E, xi_dl_E_bias: the amplitudes give") for flag in told["flags"])
    code, told = analyse("stfmr", path, *options(["g=2.1"], ["field=B:T", "voltage=V:V", "bias=I:A"]))
    assert told["results"]["xi_dl_j_bias"]["value"] is None
    assert any("mu0_ms" in flag for flag in told["flags"])


def test_the_report_has_the_uncertainty_budget(analyse, long_table, tmp_path):
    page = tmp_path / "report.html"
    analyse("stfmr", long_table, *LONG, *options([*STRIP, *SHEET]), "--report", page)
    text = page.read_text(encoding="utf-8")
    assert "Uncertainty budget" in text
    assert "<th>current</th>" in text


def test_the_table_for_a_paper_and_for_a_program_and_the_figures(analyse, tmp_path):
    rows = [resonance(1e9 * f, 45.0, np.random.default_rng(f)) for f in (5, 8)]
    long_table = save(tmp_path / "short.csv", np.concatenate(rows), "B,V,f,phi")
    tex, csv, figures = tmp_path / "values.tex", tmp_path / "values.csv", tmp_path / "figures"
    code, told = analyse("stfmr", long_table, *LONG, *options([*STRIP, *SHEET]), "--table", tex, "--figures", figures)
    assert code == 0
    text = tex.read_text(encoding="utf-8")
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert re.search(r"mu0\\_meff & \$\(8\d\d\.\d+ \\pm 0\.\d\d\)\\,\\mathrm\{mT\}\$ \\\\", text)
    assert re.search(r"xi\\_dl\\_E & \$\(\d+ \\pm \d+\)\\,\\mathrm\{\\Omega\^\{-1\}\\,m\^\{-1\}\}\$", text)
    assert r"xi\_fl\_j & -- \\" in text
    names = sorted(path.name for path in figures.iterdir())
    assert {name.rsplit(".", 1)[1] for name in names} == {"pdf", "svg", "png"}
    assert (figures / "02_resonance_field_and_line_width_against_frequency.pdf").read_bytes().startswith(b"%PDF")
    analyse("stfmr", long_table, *LONG, *options([*STRIP, *SHEET]), "--table", csv)
    rows = [line.split(",") for line in csv.read_text(encoding="utf-8").splitlines()]
    found = {row[1]: row for row in rows[1:] if row[0] == "all"}
    assert float(found["alpha"][2]) == told["results"]["alpha"]["value"]
    assert found["b_dl"][4] == "T"
    code, told = analyse("stfmr", long_table, *LONG, *options(["g=2.1"]), "--table", tmp_path / "values.doc")
    assert code == 2
    assert ".tex or .csv" in told["error"]


def lines_of(sample, frequencies_Hz, angles_deg, rng, field_of=lambda line: line.field_res_T):
    """Return rows (B, V, f, phi) of both signs of field, of the virtual lab's lines."""
    rows = []
    for f in frequencies_Hz:
        for angle in angles_deg:
            for sign in (1, -1):
                line = sample.line(f, I_A, angle + (180 if sign < 0 else 0))
                w, x = line.width_T, np.linspace(-8, 8, 81) * line.width_T
                size = np.hypot(line.v_sym_V, line.v_asym_V)
                v = (line.v_sym_V * w**2 + line.v_asym_V * w * x) / (x**2 + w**2) + 0.01 * size * rng.normal(size=81)
                b = sign * (field_of(line) + x)
                rows.append(np.stack([b, v, np.full_like(x, f), np.full_like(x, angle)], axis=1))
    return np.concatenate(rows)


def test_an_easy_axis_in_the_plane_comes_from_an_angle_series(analyse, tmp_path):
    sample = the_sample(anisotropy_T=8e-3, easy_axis_deg=25.0)
    table = lines_of(sample, [7e9, 9e9], np.arange(15.0, 180.0, 30.0), np.random.default_rng(0))
    path = save(tmp_path / "turn.csv", table, "B,V,f,phi")
    code, told = analyse("stfmr", path, *LONG, *options(["g=2.1", "kittel=uniaxial", "field_scale_sigma=0.001"]))
    assert code == 0
    for name, truth in (("mu0_meff", 0.85), ("b_k", 8e-3), ("easy_axis", np.radians(25.0))):
        found = told["results"][name]
        assert abs(found["value"] - truth) < 4 * found["sigma"], name
    # M_eff = (f/gamma)^2/B - B: the scale's 0.1 % is in its sigma.
    assert told["results"]["mu0_meff"]["sigma"] > 1e-3 * 0.85
    table = lines_of(sample, [7e9, 9e9], [45.0], np.random.default_rng(0))
    path = save(tmp_path / "one.csv", table, "B,V,f,phi")
    code, told = analyse("stfmr", path, *LONG[:-2], *options(["g=2.1", "kittel=uniaxial"]))
    assert told["results"]["b_k"]["value"] is None
    assert any("angle of each spectrum" in flag for flag in told["flags"])


def test_a_field_along_the_normal_gives_g_and_the_magnetisation_but_no_torque(analyse, tmp_path):
    per_T = 13.996244936e9 * G
    frequencies = [8e9, 10e9, 12e9, 14e9, 16e9]
    rows = []
    for f in frequencies:  # B0 = f/gamma + M
        rng, w = np.random.default_rng(int(f / 1e9)), 1e-3 + 0.01 * f / per_T
        x = np.linspace(-8, 8, 81) * w
        v = 1e-6 * (w**2 + 0.4 * w * x) / (x**2 + w**2) + 1e-8 * rng.normal(size=81)
        rows.append(np.stack([M_EFF + f / per_T + x, v, np.full_like(x, f)], axis=1))
    path = save(tmp_path / "normal.csv", np.concatenate(rows), "B,V,f")
    columns = ["field=B:T", "voltage=V:V", "frequency=f:Hz"]
    settings = ["kittel=perpendicular", "g=2.0", "g_sigma=inf", "alpha_reference=0.006+-0.0002", *STRIP[:3], *SHEET]
    code, told = analyse("stfmr", path, *options(settings, columns))
    assert code == 0
    results = told["results"]
    for name, truth in (("mu0_meff", M_EFF), ("g", G), ("alpha", 0.01)):
        assert abs(results[name]["value"] - truth) < 4 * results[name]["sigma"], name
    # Re G = (e^2/h) dalpha 4 pi M_s t_F/(g mu_B)
    by_hand = 3.874046e-5 * 0.004 * 4 * np.pi * 0.95 / 1.256637e-6 * 6e-9 / (G * 9.274010e-24)
    assert results["re_g_eff"]["value"] == pytest.approx(by_hand, rel=0.2)
    assert abs(results["re_g_eff"]["value"] - by_hand) < 4 * results["re_g_eff"]["sigma"]
    assert "b_dl" not in results
    assert any("along the normal" in flag for flag in told["flags"])


def test_a_free_g_is_told_with_its_correlation_and_spin_pumping_names_what_it_lacks(analyse, long_table):
    code, told = analyse("stfmr", long_table, *LONG, *options(["g=2.0", "g_sigma=inf", "alpha_reference=0.006"]))
    assert code == 0
    assert abs(told["results"]["g"]["value"] - G) < 4 * told["results"]["g"]["sigma"]
    assert any(flag.startswith("mu0_meff, g: correlated by") for flag in told["flags"])
    assert told["results"]["g_eff"]["value"] is None
    assert any("mu0_ms, fm_thickness must be known" in flag for flag in told["flags"])


def test_two_calibrations_of_the_current_that_differ_are_reported(analyse, long_table):
    code, told = analyse("stfmr", long_table, *LONG, *options([*STRIP, *SHEET, "current_check=1.084+-0.015"]))
    assert code == 0
    assert told["results"]["current_check"] == {"value": 1.084, "sigma": 0.015, "unit": ""}
    assert any("differ by +0.70 dB" in flag for flag in told["flags"])


def test_a_series_of_ferromagnets_parts_the_torques_of_the_ratio_method(analyse, tmp_path):
    t_m, xi_dl, xi_fl = np.array([3e-9, 4e-9, 6e-9, 10e-9]), 0.08, 0.01
    ratio = xi_dl / (1 + 6.582119569e-16 * xi_fl / (0.95 * t_m * 6e-9))
    path = save(tmp_path / "series.csv", np.stack([1e9 * t_m, ratio, np.full(4, 0.001)], axis=1), "t,xi,s")
    columns = ["thickness=t:nm", "xi_fmr=xi", "sigma_xi_fmr=s"]
    page = tmp_path / "report.html"
    told_of = options(["mu0_ms=0.95+-0.02T", "nm_thickness=6nm"], columns)
    code, told = analyse("fm-thickness", path, *told_of, "--report", page)
    assert code == 0
    assert told["results"]["xi_dl_j"]["value"] == pytest.approx(xi_dl, rel=1e-4)
    assert told["results"]["xi_fl_j"]["value"] == pytest.approx(xi_fl, rel=1e-3)
    assert "Ratio method against" in page.read_text(encoding="utf-8")


S, LENGTH_M, RHO, RE_G, IM_G = 3.68e5, 24.8e-9, 3.503e-6, 0.023e13, 0.133e13


def efficiencies(t_m):
    """Damping-like and field-like efficiency per field, by eqs (1) and (2) of the formula sheet."""
    a, b, tanh = 2 * LENGTH_M * RHO * RE_G, 2 * LENGTH_M * RHO * IM_G, np.tanh(t_m / LENGTH_M)
    bulk = S * (1 - 1 / np.cosh(t_m / LENGTH_M)) / ((a + tanh) ** 2 + b**2)
    return bulk * (a * (a + tanh) + b**2), -bulk * b * tanh


def test_thickness_series_give_spin_conductivity_diffusion_length_and_mixing_conductance(analyse, tmp_path):
    t_nm, rng = np.array([6, 8, 10, 13, 16, 20, 26, 32, 38, 45, 50, 60, 70.0]), np.random.default_rng(0)
    clean = np.stack(efficiencies(1e-9 * t_nm))
    noisy = clean * (1 + 0.05 * rng.normal(size=clean.shape))
    path = save(tmp_path / "t.csv", np.stack([t_nm, *noisy, *(0.05 * np.abs(clean))], axis=1), "t,dl,fl,sdl,sfl")
    names = {"xi_dl_E": "dl", "xi_fl_E": "fl", "sigma_xi_dl_E": "sdl", "sigma_xi_fl_E": "sfl"}
    columns = ["thickness=t:nm", *(f"{role}={name}:1/(ohm*m)" for role, name in names.items())]
    page = tmp_path / "report.html"
    code, told = analyse("thickness", path, *options(["rho=350.3 uohm*cm"], columns), "--report", page)
    assert code == 0
    for name, truth in {"sigma_s": S, "lambda_s": LENGTH_M, "re_g": RE_G, "im_g": IM_G}.items():
        value = told["results"][name]
        assert abs(value["value"] - truth) < 4 * value["sigma"], name
        assert value["sigma"] < 0.25 * truth
    assert "Torque efficiencies against thickness" in page.read_text(encoding="utf-8")
    code, told = analyse("thickness", path, *options((), columns))
    assert code == 2
    assert "rho" in told["error"]


def test_moments_in_emu_give_the_magnetisation_and_the_dead_layer(analyse, tmp_path):
    t_nm, rng = np.array([3, 4, 5, 6, 8, 10.0]), np.random.default_rng(0)
    emu = 1e3 * 756e3 * (t_nm - 0.8) * 1e-9 * 25e-6
    rows = np.stack([t_nm, np.full(6, 25.0), emu * (1 + 0.01 * rng.normal(size=6)), 0.01 * emu], axis=1)
    path = save(tmp_path / "vsm.csv", rows, "t,A,m,sm")
    columns = options((), ["thickness=t:nm", "area=A:mm**2", "moment=m:emu", "sigma_moment=sm:emu"])
    page = tmp_path / "report.html"
    code, told = analyse("magnetometry", path, *columns, "--report", page)
    assert code == 0
    for name, truth in {"m_s": 756e3, "mu0_ms": 756e3 * 1.256637e-6, "dead_layer": 0.8e-9}.items():
        assert abs(told["results"][name]["value"] - truth) < 4 * told["results"][name]["sigma"], name
    assert "Magnetic moment against thickness" in page.read_text(encoding="utf-8")
    code, told = analyse("magnetometry", path, *columns, *options(["dead_layer=0.8+-0.01nm"]))
    assert told["results"]["dead_layer"]["sigma"] < 1e-11  # what was known before counts


def test_resistances_against_the_angle_give_the_magnetoresistance_of_either_sign(analyse, tmp_path):
    angle, rng = np.arange(0.0, 360.0, 10.0), np.random.default_rng(0)
    for truth in (1.5, -0.4):
        ohm = 300 + truth * np.cos(np.radians(angle - 3.0)) ** 2 + 5e-3 * rng.normal(size=len(angle))
        path = save(tmp_path / "amr.csv", np.stack([angle, ohm], axis=1), "phi,R")
        code, told = analyse("amr", path, *options((), ["angle=phi:deg", "resistance=R:ohm"]))
        assert code == 0
        for name, value in {"delta_resistance": truth, "angle_offset": -3.0, "resistance": 300.0}.items():
            found = told["results"][name]
            assert abs(found["value"] - value) < 4 * found["sigma"], (name, truth)
    # A strip that its own current heats by 2 %: R and dR are those of the cold one.
    hot = (300 + 1.5 * np.cos(np.radians(angle)) ** 2) / (1 - 900 * 5e-3**2)
    path = save(tmp_path / "hot.csv", np.stack([angle, hot, np.full_like(angle, 5e-3)], axis=1), "phi,R,I")
    columns = ["angle=phi:deg", "resistance=R:ohm", "current=I:A"]
    code, told = analyse("amr", path, *options(["heating=900+-9 1/A^2"], columns))
    assert told["results"]["delta_resistance"]["value"] == pytest.approx(1.5, rel=1e-5)  # digits of the table
    assert told["results"]["delta_resistance"]["sigma"] == pytest.approx(1.5 * 9 / 900 * 0.0225, rel=0.05)
    code, told = analyse("amr", path, *options(["heating=900 1/A^2"], columns[:2]))
    assert any("give a column current" in flag for row in told["scans"] for flag in row["flags"])
    few = save(tmp_path / "few.csv", np.stack([angle[:3], angle[:3]], axis=1), "phi,R")
    code, told = analyse("amr", few, *options((), ["angle=phi:deg", "resistance=R:ohm"]))
    assert code != 0
    assert "five directions" in json.dumps(told)
