"""Spin polarisation from four measurements: exact cancelling, error bars, maps, mismatched files, the command line."""

import json

import numpy as np
import pytest

from sotlab.analysis.sarpes import SARPES, SarpesScan, SarpesSettings
from sotlab.analysis.sarpes_model import scale_to_model
from sotlab.analysis.spin_polarisation import (
    FourCounts,
    Polarisation,
    convolve_map,
    gains,
    momentum,
    polarisation,
    two_measurement_polarisation,
    vector_map,
)
from sotlab.cli import main
from sotlab.errors import DataError, UsageError

SHERMAN, GAIN_M, GAIN_S = 0.3, 1.08, 0.95


def expected(value, counts=4e4, gain_m=GAIN_M, gain_s=GAIN_S):
    """The counts of a polarisation, with gains of M = + and of S = +."""
    asymmetry = SHERMAN * np.asarray(value, float)
    return FourCounts(
        counts * gain_m * gain_s * (1 + asymmetry),
        counts * gain_m * (1 - asymmetry),
        counts * gain_s * (1 - asymmetry),
        counts * (1 + asymmetry),
    )


def counted(rng, mean):
    return FourCounts(*(rng.poisson(each).astype(float) for each in (mean.pp, mean.pm, mean.mp, mean.mm)))


def test_gains_of_either_reversal_cancel_and_would_not_in_two_measurements():
    counts = expected(0.4)
    found = polarisation(counts, SHERMAN)
    assert found.value == pytest.approx(0.4, abs=1e-12)
    assert found.sigma == pytest.approx(0.0082251, abs=5e-8)
    assert two_measurement_polarisation(counts, SHERMAN) == pytest.approx(0.525778, abs=5e-7)


@pytest.mark.parametrize("mean", [60.0, 4e4])
@pytest.mark.parametrize("value", [0.0, 0.4, -0.9])
def test_one_sigma_covers_68_percent(mean, value):
    rng = np.random.default_rng(0)
    truth = np.full(20000, value)
    found = polarisation(counted(rng, expected(truth, mean)), SHERMAN)
    pulls = (found.value - value) / found.sigma
    assert (np.abs(pulls) < 1).mean() == pytest.approx(0.6827, abs=0.013)  # four times its own scatter of 0.0033
    assert abs(pulls.mean()) < 0.06  # ditto, 0.03, and a bias of 1 / counts


def test_the_gains_are_those_that_went_in():
    counts = counted(np.random.default_rng(1), expected(np.zeros(5000)))
    (m, sigma_m), (s, sigma_s) = gains(counts)
    assert m == pytest.approx(GAIN_M, abs=4 * sigma_m)
    assert s == pytest.approx(GAIN_S, abs=4 * sigma_s)
    assert sigma_m < 1e-4


def test_no_count_is_no_polarisation():
    counts = FourCounts(*(np.array([5.0, each]) for each in (0.0, 1.0, 2.0, 3.0)))
    found = polarisation(counts, SHERMAN)
    assert np.isnan(found.value[1])
    assert np.isnan(found.sigma[1])
    assert found.value[0] == 0


def test_momentum_is_that_of_the_paper_at_the_photon_energy():
    assert momentum(np.deg2rad(1.2), 20.0) == pytest.approx(0.04798e10, rel=1e-4)
    assert momentum(np.deg2rad(1.2), 20.0 - 4.3) == pytest.approx(0.0425e10, rel=1e-3)


def helical(n=61, half_deg=4.0):
    axis = np.linspace(-half_deg, half_deg, n)
    x, y = (each.ravel() for each in np.meshgrid(axis, axis))
    kx, ky = (momentum(np.deg2rad(each), 20.0) for each in (x, y))
    k = np.hypot(kx, ky) + 1.0
    bright = np.exp(-(((k - 0.1e10) / 0.02e10) ** 2))
    return x, y, kx, ky, bright, -0.5 * ky / k, 0.5 * kx / k


def test_steps_of_0_2_degrees_put_6_to_8_points_into_a_cell_not_twenty():
    x, _, kx, ky, _, p_x, p_y = helical(41)
    assert x[1] - x[0] == pytest.approx(0.2)
    sigma = np.full(len(x), 0.1)
    for cell, points in ((0.02e10, (6, 8)), (0.036e10, (19, 22))):
        cells = vector_map(kx, ky, Polarisation(p_x, sigma), Polarisation(p_y, sigma), np.ones(len(x)), cell)
        inner = cells.points[np.hypot(cells.kx_per_m, cells.ky_per_m) < 0.12e10]
        assert points[0] <= inner.mean() <= points[1]


def test_a_vector_map_is_the_weighted_mean_and_hides_what_is_dark_or_rare():
    k = np.array([0.001, 0.002, 0.003, 0.5, 0.501, 0.502, 0.9]) * 1e10
    weight = np.array([1.0, 2.0, 1.0, 0.01, 0.01, 0.01, 5.0])
    along_x = Polarisation(np.array([0.1, 0.2, 0.3, 0.0, 0.0, 0.0, 0.0]), np.full(7, 0.1))
    along_y = Polarisation(np.zeros(7), np.full(7, 0.2))
    cells = vector_map(k, 0 * k, along_x, along_y, weight)
    assert list(cells.points) == [3, 3, 1]
    assert list(cells.shown) == [True, False, False]
    assert cells.p_x[0] == pytest.approx(0.2)
    assert cells.sigma_x[0] == pytest.approx(0.1 * np.sqrt(1 + 4 + 1) / 4)
    assert cells.intensity[0] == 4


def test_smearing_keeps_the_sum_and_has_the_width():
    dos = np.zeros((1, 101, 101))
    dos[0, 50, 50] = 1.0
    smeared = convolve_map(dos, 0.005e10, 0.048e10)[0]
    assert smeared.sum() == pytest.approx(1.0, rel=1e-6)
    above = np.count_nonzero(smeared[50] > smeared[50].max() / 2)
    assert above * 0.005 == pytest.approx(0.048, abs=0.005)


def scans(seed=0, mean=2e3):
    x, y, _, _, bright, p_x, p_y = helical()
    rng = np.random.default_rng(seed)
    return [
        SarpesScan(x, y, counted(rng, expected(p, mean * bright + 20)), spin, f"{spin:g}.csv")
        for spin, p in ((0.0, p_x), (90.0, p_y))
    ]


def test_chirality_of_a_helical_texture():
    pulls = []
    for seed in range(60):
        result = SARPES().reduce(scans(seed)).results["chirality"]
        pulls.append((result.value - 0.5) / result.sigma)
        assert result.sigma < 0.01
    assert 0.45 < np.mean(np.abs(pulls) < 1) < 0.9  # 0.68 with a scatter of 0.06, and no more than a small bias
    assert abs(np.mean(pulls)) < 0.7


def test_one_component_has_no_chirality_and_says_why():
    result = SARPES().reduce(scans()[1:])
    assert result.results["chirality"].value is None
    assert any("needs the components" in flag for flag in result.flags)


def test_repeats_are_added():
    one, two = SARPES().reduce(scans()), SARPES().reduce([*scans(), *scans(1), *scans(2), *scans(3)])
    assert two.results["gain_magnetisation"].sigma == pytest.approx(
        one.results["gain_magnetisation"].sigma / 2, rel=0.02
    )


def test_the_sherman_functions_uncertainty_is_common():
    sharp = SARPES().reduce(scans()).results["chirality"]
    blunt = SARPES().reduce(scans(), SarpesSettings(sherman_sigma=0.03)).results["chirality"]
    assert blunt.sigma == pytest.approx(np.hypot(sharp.sigma, sharp.value * 0.1), rel=1e-9)


def test_mismatched_maps_are_refused_by_name():
    a, b = scans()
    fewer = SarpesScan(b.angle_x_deg[:-1], b.angle_y_deg[:-1], b.counts, 90.0, "fewer.csv")
    moved = SarpesScan(b.angle_x_deg + 0.1, b.angle_y_deg, b.counts, 90.0, "moved.csv")
    for other, named in (
        (fewer, "fewer.csv: 3720 points, but 0.csv has 3721"),
        (moved, "moved.csv: its points lie up"),
    ):
        with pytest.raises(DataError) as error:
            SARPES().reduce([a, other])
        assert named in str(error.value)


@pytest.mark.parametrize(("role", "bad"), [("i_pm", -1.0), ("i_mm", np.nan), ("angle_x", np.inf)])
def test_bad_numbers_are_refused_by_name(role, bad):
    columns = {name: np.ones(5) for name in SARPES.columns}
    columns[role][2] = bad
    with pytest.raises(DataError) as error:
        SARPES().dataset(columns, {}, name="map.csv")
    assert str(error.value).startswith(f"map.csv: {role}")


def test_bad_settings_are_refused():
    with pytest.raises(UsageError, match="Sherman"):
        polarisation(expected(0.1), 0.0)
    with pytest.raises(UsageError, match="kinetic energy"):
        momentum(0.1, -1.0)


def test_the_factor_to_a_model_and_its_sigma():
    rng = np.random.default_rng(2)
    model, sigma = rng.normal(size=400), np.full(400, 0.2)
    pulls = []
    for _ in range(300):
        scale, correlation = scale_to_model(0.4 * model + rng.normal(0, 0.2, 400), sigma, model)
        pulls.append((scale.value - 0.4) / scale.sigma)
    assert np.mean(np.abs(pulls) < 1) == pytest.approx(0.69, abs=0.09)
    assert correlation > 0.8
    assert scale_to_model(model, sigma, 0 * model)[0].value is None


def write(path, scan):
    counts = scan.counts
    table = np.stack([scan.angle_x_deg, scan.angle_y_deg, counts.pp, counts.pm, counts.mp, counts.mm], axis=1)
    np.savetxt(
        path, table, delimiter=",", header=f"spin: {scan.spin_deg:g} deg\nx (deg),y (deg),a,b,c,d", comments="# "
    )
    return str(path)


COLUMNS = ["angle_x=1", "angle_y=2", "i_pp=3:counts", "i_pm=4:counts", "i_mp=5:counts", "i_mm=6:counts"]


def analyse(capsys, *arguments):
    columns = [word for column in COLUMNS for word in ("--column", column)]
    with pytest.raises(SystemExit) as ended:
        main(["analyse", "sarpes", *map(str, arguments), *columns])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_files_are_analysed_on_the_command_line(tmp_path, capsys):
    files = [write(tmp_path / scan.name, scan) for scan in scans()]
    code, out, _ = analyse(capsys, *files, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["results"]["chirality"]["value"] == pytest.approx(0.5, abs=0.03)
    assert [row["spin"] for row in told["spectra"]] == [0.0, 90.0]
    assert len(told["spectra"][0]["vector_map"]["p_x"]) > 20
    code, out, _ = analyse(capsys, *files, "--report", tmp_path / "page.html")
    assert code == 0
    assert "chirality" in out
    assert (tmp_path / "page.html").stat().st_size > 1000


def test_mismatched_files_are_one_line(tmp_path, capsys):
    a, b = scans()
    files = [write(tmp_path / "a.csv", a)]
    files.append(write(tmp_path / "b.csv", SarpesScan(b.angle_x_deg + 1.0, b.angle_y_deg, b.counts, 90.0, "b.csv")))
    code, _, err = analyse(capsys, *files)
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "b.csv" in err
    assert "a.csv" in err


def test_the_model_is_compared_where_it_is_asked_for():
    from sotlab.analysis.models.bisb_slab import bands, make_slab
    from sotlab.analysis.models.edelstein import fermi_level, wedge
    from sotlab.analysis.models.green import spin_dos

    slab = make_slab(0.15, 3)
    neutral = fermi_level(bands(slab, wedge(slab, 16)), slab.electrons)
    x, y, kx, ky, *_ = helical(9)
    dos = spin_dos(slab, np.stack([kx, ky], axis=1) * 1e-10, [neutral], 0.05)[:, 0]
    counts = expected(0.3 * dos[:, 2] / dos[:, 0], 1e5)
    result = SARPES().reduce([SarpesScan(x, y, counts, 90.0, "y")], SarpesSettings(x=0.15, bilayers=3))
    scale = result.results["model_scale"]
    assert scale.value == pytest.approx(0.3, abs=0.15)  # smeared differently, but alike
    assert any("correlation +0.9" in flag for flag in result.flags)
