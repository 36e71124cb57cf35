"""What a campaign makes of its runs: which go together, what is taken from where, and what is said when one lacks."""

import csv
import json
from functools import partial

import numpy as np
import pytest

from sotlab.analysis.thickness import Thickness
from sotlab.cli import main
from sotlab.errors import DataError, PlanError, UsageError
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reduce import reduce_files
from sotlab.procedures.runs.reduce_results import columns_of, table_of
from sotlab.simulated.benches.stfmr import load_sample

from .campaigns import blank_pages, load, shortened

CURRENT = {"start": "6 GHz", "stop": "9 GHz", "points": 2, "powers": 2, "currents": 4, "repeats": 1}
SPECTRA = {"frequency": "6 GHz", "frequency_stop": "9 GHz", "frequencies": 2, "points": 31, "signs": "positive"}
FILMS = ("nife_bisb_8nm", "nife_bisb_20nm", "nife_bisb_50nm")


@pytest.fixture(scope="module", autouse=True)
def _blank_pages():
    with blank_pages():
        yield


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Return a campaign over three films that has run: how it ended, itself, and its folder."""
    folder = tmp_path_factory.mktemp("series")
    short = {"amr": {"points": 9, "repeats": 1}, "current": CURRENT, "spectra": SPECTRA}
    work = load(folder, shortened("gao.toml", FILMS, **short))
    status = work.run()
    return status, work, folder


def test_each_sample_is_reduced_with_what_its_other_runs_have_found(series):
    status, work, _ = series
    torques = work.analyses[0]
    assert status == "finished", work.summary()
    assert [one.sample for one in torques.reductions] == ["NiFe6-BiSb8", "NiFe6-BiSb20", "NiFe6-BiSb50"]
    for film, one in zip(FILMS, torques.reductions, strict=True):
        sample = load_sample(f"{film}.yaml")
        results = one.outcome.json["results"]
        # 1 % and the bench's own noise; the films differ by 7 % and more in resistance.
        assert results["delta_resistance"]["value"] == pytest.approx(sample.amr_ohm, rel=0.02)
        for name, truth in (("xi_dl_E", sample.xi_dl_E), ("xi_fl_E", sample.xi_fl_E)):
            # Six values of unknown noise: a perfect program passes 5 sigma but once in 300,000.
            assert abs(results[name]["value"] - truth) < 5 * results[name]["sigma"]


def test_the_calibration_on_a_shipped_bench_counts_for_the_runs_after_it(series):
    _, work, _ = series
    for one in work.analyses[0].reductions:
        current = one.outcome.json["results"]["current_rf"]
        assert 1e-3 < current["value"] < 5e-3
        assert current["sigma"] < 0.05 * current["value"]


def test_results_are_the_table_of_a_further_analysis_and_so_is_its_file(series):
    _, work, folder = series
    fit = work.analyses[1].reductions[0].outcome.json
    assert fit["simulated"] is True
    assert len(fit["spectra"]) == 3
    table = work.analyses[0].table
    assert table.is_relative_to(folder / "runs" / "campaigns")
    columns = ["thickness=nm_thickness", "xi_dl_E=xi_dl_E", "xi_fl_E=xi_fl_E"]
    columns += ["sigma_xi_dl_E=sigma_xi_dl_E", "sigma_xi_fl_E=sigma_xi_fl_E"]
    settings = {"rho": "350.3+-5 uohm*cm", "scale_sigma": "0.016"}
    again = reduce_files("thickness", [table], columns=columns, settings=settings)
    for name, value in fit["results"].items():
        by_hand = again.json["results"][name]
        assert by_hand["value"] == pytest.approx(value["value"], rel=1e-6), name


def test_what_is_written_says_of_which_rows_it_was_made_and_is_never_written_over(series):
    _, work, folder = series
    content = json.loads(work.analyses[0].file.read_text(encoding="utf-8"))
    assert len(content["provenance"]["inputs"]) == 3
    assert content["reductions"][0]["results"]["xi_dl_E"]["value"] is not None
    with work.analyses[0].table.open(encoding="utf-8") as file:
        assert [row["sample"] for row in csv.DictReader(file)] == [one.sample for one in work.analyses[0].reductions]
    assert all(one.page.is_file() for one in work.analyses[0].reductions)
    again = load(folder, (folder / "series.toml").read_text(encoding="utf-8"))
    assert again.run() == "finished"
    assert again.analyses[0].table.name == "torques-2.csv"
    kinds = [event["event"] for event in read_journal(again.queue.path)]
    assert kinds.count("analysis") == 4
    assert kinds.count("job_begin") == 9


AMR = """
[campaign]
station = "virtual:stfmr?seed=1"
[items.amr]
procedure = "AMRAngleScan"
set = {{ points = 9, repeats = 1 }}
{more}
"""


def test_what_cannot_be_made_is_named_and_holds_up_only_what_needs_it(tmp_path):
    more = """
    [analyses.other]
    of = "amr"
    samples = "no-such-*"
    [analyses.of_other]
    of = "other"
    kind = "thickness"
    set = { rho = "1 ohm*m" }
    [analyses.swing]
    of = "amr"
    require = ["delta_resistance", "contact"]
    """
    work = load(tmp_path, AMR.format(more=more))
    assert work.run() == "incomplete"
    problems = {one.name: one.problems for one in work.analyses}
    assert problems["other"] == ["there is no sample called no-such-* among them"]
    assert problems["of_other"][-1] == "'other' has given nothing"
    assert problems["swing"] == ["NiFe6-BiSb10: contact is not determined"]
    assert work.analyses[2].reductions[0].outcome.json["results"]["delta_resistance"]["value"] is not None


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('[analyses.x]\nof = "fmr"', r"\[analyses.x\] of: 'fmr' is no item, and no analysis .* there are: amr"),
        ('[analyses.x]\nof = "amr"\ntake = { a = "y.b" }', r"\[analyses.x\] take: 'y' is no item"),
        ('[analyses.x]\nof = "amr"\nset = { size = 1 }', r"\[analyses.x\]: --set size: .* no such setting"),
        ('[analyses.x]\nof = "amr"\ntake = { size = "amr" }', "take: the analysis 'amr' has no setting 'size'"),
        ('[analyses.x]\nof = "amr"\nkind = "thz"', "the runs are for the analysis 'amr', not 'thz'"),
        ('[analyses.x]\nof = "amr"\ncolumns = { angle = "b" }', "runs say themselves which of their columns are which"),
        ('[analyses.amr]\nof = "amr"', "there is an item 'amr' already"),
        ('[analyses.x]\nof = "amr"\n[analyses.y]\nof = "x"', r"\[analyses.y\] kind: name the analysis"),
        ('[analyses.x]\nof = "amr"\n[analyses.y]\nof = ["x", "amr"]\nkind = "thickness"', "runs and results are not"),
        ('[analyses.x]\nof = "amr"\n[analyses.y]\nof = "x"\nkind = "thicknes"', "thicknes"),
        ('[analyses.x]\nof = []', r"\[analyses.x\] of: List should have at least 1 item"),
        ('[items.coil]\ncalibrate = "coil"\n[analyses.x]\nof = "coil"', "they are for: coil none"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_the_first_run(tmp_path, more, message):
    with pytest.raises(PlanError, match=message) as problem:
        load(tmp_path, AMR.format(more=more))
    assert "\n" not in str(problem.value)


def reduction(**values):
    results = {"xi_dl_E": {"value": 1.0, "sigma": 0.1, "unit": "1/(ohm*m)"}} | values
    return {"results": results, "settings": {"nm_thickness": {"value": 10.0, "sigma": 1.0, "unit": "nm"}, "g": 2.1}}


def test_columns_take_results_and_settings_in_the_units_of_the_analysis():
    lost = reduction(xi_dl_E={"value": None, "sigma": None, "unit": "1/(ohm*m)"})
    found = columns_of(Thickness(), [reduction(), lost], {"thickness": "nm_thickness"}, "'torques'")
    assert found["thickness"] == pytest.approx([1e-8, 1e-8])
    np.testing.assert_array_equal(found["xi_dl_E"], [1.0, np.nan])
    np.testing.assert_array_equal(found["sigma_xi_dl_E"], [0.1, np.nan])
    assert "xi_fl_E" not in found


def test_a_column_that_nothing_gives_is_named():
    ask = partial(columns_of, Thickness(), [reduction()])
    with pytest.raises(DataError, match=r"gives no column 'thickness', .* columns = { thickness = NAME }"):
        ask({}, "'torques'")
    with pytest.raises(UsageError, match="'size': 'torques' has no such result or setting; results: xi_dl_E"):
        ask({"thickness": "size"}, "'torques'")
    with pytest.raises(UsageError, match="has no column 'depth'"):
        ask({"depth": "nm_thickness"}, "'torques'")


def test_a_table_has_a_row_for_each_reduction_and_units_in_its_header():
    text = table_of(["a", "b, c"], [reduction(), reduction(alpha={"value": 0.01, "sigma": None, "unit": ""})])
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["sample"] for row in rows] == ["a", "b, c"]
    assert [float(row["alpha (1)"]) for row in rows] == pytest.approx([np.nan, 0.01], nan_ok=True)
    assert float(rows[0]["sigma_nm_thickness (nm)"]) == 1.0
    assert not any(name.startswith("g ") for name in rows[0])


def test_the_command_makes_the_analyses_too_and_shows_the_truth_where_it_is_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "swing.toml").write_text(AMR.format(more='[analyses.swing]\nof = "amr"'), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "swing.toml", "--truth", "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    (swing,) = told["analyses"]
    delta = swing["reductions"][0]["results"]["delta_resistance"]
    assert delta["truth"] == 1.5
    assert abs(delta["pull"]) < 5
    assert all((tmp_path / swing[name]).is_file() for name in ("file", "table"))
    lacking = AMR.format(more='[analyses.swing]\nof = "amr"\nrequire = "contact"')
    (tmp_path / "swing.toml").write_text(lacking, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "swing.toml"])
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert "swing: NiFe6-BiSb10" in shown.out
    assert "contact is not determined" in shown.err
