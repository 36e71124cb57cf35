"""A bundle holds all that a reader of the paper needs, and can be checked."""

import csv
import hashlib
import json
import zipfile

import numpy as np
import pytest
from matplotlib.figure import Figure

from sotlab.errors import RunError
from sotlab.instruments.calibration import Calibration
from sotlab.procedures.runs.bundle import MANIFEST, make_bundle
from sotlab.procedures.runs.notes import add_note
from sotlab.procedures.runs.panels import panels_of

from .run_folders import make_run


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    root = tmp_path_factory.mktemp("lab")
    folders = [make_run(root, k, frequency=(6 + k) * 1e9, rows=41) for k in range(2)]
    folders += [make_run(root, 2, sample="Pt|Co", rows=41, simulated=False), make_run(root, 3, status=None, rows=0)]
    next(folders[3].glob("*.csv")).unlink()
    add_note(folders[0], "the good one")
    return folders


@pytest.fixture(scope="module")
def bundle(lab, tmp_path_factory):
    target = tmp_path_factory.mktemp("deposit") / "paper"
    make_bundle(lab, target, title="Torques in a film")
    return target


def read_csv(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def test_every_file_has_its_checksum(bundle):
    lines = (bundle / MANIFEST).read_text(encoding="utf-8").splitlines()
    told = dict(reversed(line.split("  ", 1)) for line in lines)
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()} - {MANIFEST}
    assert set(told) == files
    for name, checksum in told.items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == checksum


def test_the_raw_folders_are_as_they_were(bundle, lab):
    for folder in lab:
        copy = bundle / "raw" / folder.name
        assert {path.name for path in copy.iterdir()} == {path.name for path in folder.iterdir()}
        assert (copy / "events.jsonl").read_bytes() == (folder / "events.jsonl").read_bytes()


def test_tables_have_the_rows_with_units(bundle, lab):
    rows = read_csv(bundle / "tables" / f"{lab[0].name}.csv")
    assert len(rows) == 41
    assert float(rows[0]["Field (T)"]) == 0.045


def test_the_calibration_that_all_runs_used_is_there_once_and_can_be_used_again(bundle):
    (path,) = (bundle / "calibrations").iterdir()
    assert Calibration.load(path).value("zero", "T") == (1e-5, 1e-6)


def test_runs_of_different_samples_are_not_reduced_together(bundle, lab):
    first, second = sorted((bundle / "results").iterdir())
    results = [json.loads((folder / "results.json").read_text(encoding="utf-8")) for folder in (first, second)]
    assert [result["inputs"] for result in results] == [[lab[0].name, lab[1].name], [lab[2].name]]
    assert [result["simulated"] for result in results] == [True, False]
    assert "SIMULATED" in (first / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED" not in (second / "report.html").read_text(encoding="utf-8")


def test_a_panel_has_the_numbers_that_are_drawn(bundle):
    folder = min((bundle / "results").iterdir())
    spectrum, *_, frequencies, widths = sorted(folder.glob("panel-*.csv"))
    measured = [row for row in read_csv(spectrum) if row["series"] == "measured"]
    assert len(measured) == 41
    assert float(measured[0]["µ₀H (mT)"]) == 45.0
    assert spectrum.read_text(encoding="utf-8").startswith("# SIMULATED: True")
    points = [row for row in read_csv(frequencies) if row["series"] == "points 1"]
    assert [float(row["frequency (GHz)"]) for row in points] == [6.0, 7.0]
    reduced = json.loads((folder / "results.json").read_text(encoding="utf-8"))["spectra"]
    for row, spectrum in zip(points, reduced, strict=True):
        assert float(row["resonance field (mT)"]) == pytest.approx(1e3 * spectrum["field_res"]["value"])
        assert float(row["sigma or value"]) == pytest.approx(1e3 * spectrum["field_res"]["sigma"])
    assert "half width (mT)" in widths.read_text(encoding="utf-8")


def test_the_readme_tells_of_runs_columns_units_results_and_what_was_left_out(bundle, lab):
    text = (bundle / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# Torques in a film\n")
    assert "**SIMULATED**: 3 of 4 runs" in text
    assert "| Voltage | V | STFMRFieldSweep |" in text
    assert "Pt\\|Co" in text
    assert "mu0_meff" in text
    assert "interrupted" in text
    assert f"{lab[3].name}: the run is interrupted and has no rows" in text
    provenance = json.loads((bundle / "provenance.json").read_text(encoding="utf-8"))
    assert [run["status"] for run in provenance["runs"]] == ["finished"] * 3 + ["interrupted"]
    assert provenance["runs"][0]["notes"][0]["text"] == "the good one"


def test_a_zip_holds_the_same_below_its_own_name(lab, tmp_path):
    make_bundle(lab[2:], tmp_path / "deposit" / "paper.zip")
    with zipfile.ZipFile(tmp_path / "deposit" / "paper.zip") as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert {"paper/README.md", f"paper/{MANIFEST}", f"paper/raw/{lab[2].name}/events.jsonl"} <= set(names)
    assert [path.name for path in (tmp_path / "deposit").iterdir()] == ["paper.zip"]


def test_what_cannot_be_bundled_is_one_line_and_leaves_nothing(lab, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(RunError, match="there already"):
        make_bundle(lab, tmp_path / "there")
    with pytest.raises(RunError, match="named twice"):
        make_bundle([lab[0], lab[0]], tmp_path / "new")
    with pytest.raises(RunError, match="no run folder"):
        make_bundle([lab[0], tmp_path], tmp_path / "new")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        make_bundle([lab[2]], tmp_path / "file" / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]


def test_maps_and_clouds_of_points_have_their_numbers_and_decoration_is_left_out():
    figure = Figure()
    left, middle, right = figure.subplots(1, 3)
    left.imshow([[1.0, 2.0], [3.0, np.nan]], extent=(0, 2, 0, 2), origin="lower", label="image")
    middle.pcolormesh([0.0, 1.0, 3.0], [0.0, 2.0], [[5.0, 6.0]], label="mesh")
    figure.colorbar(middle.collections[0])
    right.scatter([1.0, 2.0], [3.0, 4.0], label="cloud")
    right.axhline(0.5)
    image, mesh, cloud = panels_of(figure)
    assert image.points[:3] == [("image", 0.5, 0.5, 1.0), ("image", 1.5, 0.5, 2.0), ("image", 0.5, 1.5, 3.0)]
    assert mesh.points == [("mesh", 0.5, 1.0, 5.0), ("mesh", 2.0, 1.0, 6.0)]
    assert [point[:3] for point in cloud.points] == [("cloud", 1.0, 3.0), ("cloud", 2.0, 4.0)]
