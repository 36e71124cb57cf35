"""Repeats become a mean with a sigma that covers."""

import numpy as np
import pandas as pd

from sotlab.procedures.runs.exporting import export_run, find_exporter
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.repeats import mean_of_repeats
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep


def table(points, repeats, seed=0):
    rng = np.random.default_rng(seed)
    index, repeat = np.repeat(np.arange(points), repeats), np.tile(np.arange(repeats), points)
    value = index / 3 + rng.normal(size=points * repeats)
    rows = pd.DataFrame({"Index": index, "Repeat": repeat, "Voltage (V)": value, "Trace (V)": "array:0"})
    return rows.sample(frac=1.0, random_state=seed)  # in whatever order they were measured


def test_each_point_is_one_row_in_the_order_of_the_plan():
    means = mean_of_repeats(table(points=5, repeats=4))
    assert list(means) == ["Index", "Repeats (1)", "Voltage (V)", "Voltage Sigma (V)"]
    assert list(means["Index"]) == [0, 1, 2, 3, 4]
    rows = table(points=5, repeats=4)
    third = rows[rows["Index"] == 3]["Voltage (V)"]
    np.testing.assert_allclose(means["Voltage (V)"][3], third.mean(), rtol=1e-14)
    np.testing.assert_allclose(means["Voltage Sigma (V)"][3], third.std(ddof=1) / 2.0, rtol=1e-12)
    assert set(means["Repeats (1)"]) == {4}


def test_one_sigma_covers_two_thirds():
    means = mean_of_repeats(table(points=20_000, repeats=20))
    inside = np.abs(means["Voltage (V)"] - means["Index"] / 3) < means["Voltage Sigma (V)"]
    assert 0.65 < inside.mean() < 0.69  # 0.670 by Student's t of 19 degrees of freedom, +-0.0033


def test_a_single_row_has_no_sigma():
    means = mean_of_repeats(table(points=3, repeats=1))
    assert means["Voltage Sigma (V)"].isna().all()
    assert means["Voltage (V)"].notna().all()


def test_a_run_is_exported_by_its_means(tmp_path):
    with Run(STFMRFieldSweep(station="virtual:stfmr?seed=1", points=2, repeats=3), tmp_path) as run:
        pass
    run.raise_error()
    path = export_run(run.folder.path, find_exporter("csv"), tmp_path / "out", means=True)
    assert path.name.endswith("_means.csv")
    exported = pd.read_csv(path, comment="#")
    rows = read_run(run.folder.path).rows
    assert len(exported) == 2
    voltages = rows[rows["Index"] == 1]["Voltage (V)"]
    np.testing.assert_allclose(exported["Voltage (V)"][1], voltages.mean(), rtol=1e-14)
    np.testing.assert_allclose(exported["Voltage Sigma (V)"][1], voltages.std(ddof=1) / np.sqrt(3), rtol=1e-12)
