"""Files of other programs become runs that are analysed beside ours; the original is kept, and nothing is guessed."""

import hashlib
import json
import random

import numpy as np
import pytest
from pymeasure.experiment import Results

from sotlab.errors import DataError, SotlabError, UsageError
from sotlab.procedures.runs.catalog import Catalog
from sotlab.procedures.runs.catalog_query import Query, search
from sotlab.procedures.runs.importing import ImportedTable, import_file
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import reduce_files

from .run_folders import make_run

MAPPING = """
procedure = "OldSweep"
analysis = "stfmr"
source = "sweep.vi of the old set-up"
sample = { pattern = 'Sample: (\\S+)' }
operator = "Grace"
measured = { pattern = 'Date: (.*)', format = "%d.%m.%Y %H:%M" }

[columns]
field = { column = "H", unit = "Oe" }
voltage = { column = 2, unit = "uV" }
temperature = { column = "Temp (K)", label = "Temperature (K)" }

[header]
frequency = { pattern = 'RF at ([\\d.]+ \\S+)' }
power = { file_name = '_(-?\\d+)dBm', unit = "dBm" }
angle = { value = "45 deg" }

[settings]
g = 2.1
field_offset_sigma = "0.2 Oe"
"""

FIELD_OE = np.linspace(450, 800, 71)


def write_original(folder, frequency="7 GHz", name="sweep_15dBm.txt", sample="Py-Pt", note=""):
    offset = (FIELD_OE - 625) / 40
    voltage_uV = (1 + offset) / (1 + offset**2) + 0.001 * np.random.default_rng(0).normal(size=len(FIELD_OE))
    lines = [f"Old program\nSample: {sample}\nDate: 24.12.2019 18:30\nRF at {frequency}\n{note}\nH\tV\tTemp (K)\n"]
    lines += [
        f"{field:.1f}\t{voltage!r}\t295.5\n" for field, voltage in zip(FIELD_OE, voltage_uV.tolist(), strict=True)
    ]
    path = folder / name
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def mapping(tmp_path):
    path = tmp_path / "old.toml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


def test_a_file_becomes_a_run_in_si_units_with_the_original_beside_it(tmp_path, mapping):
    original = write_original(tmp_path)
    folder = import_file(original, mapping, tmp_path / "runs")
    run = read_run(folder)
    np.testing.assert_allclose(run.rows["Field (T)"], FIELD_OE * 1e-4, rtol=1e-15)
    assert run.rows["Voltage (V)"].abs().max() == pytest.approx(1.2e-6, rel=0.05)
    assert set(run.rows["Temperature (K)"]) == {295.5}
    assert set(run.rows["Frequency (Hz)"]) == {7e9}
    assert set(run.rows["Power (dBm)"]) == {15.0}
    assert run.status == "finished"
    assert run.simulated is False
    assert run.opened["sample"]["name"] == "Py-Pt"
    assert run.opened["analysis"]["settings"] == {"g": 2.1, "field_offset_sigma": 2e-5}
    kept = folder / run.opened["imported"]["file"]
    assert kept.read_bytes() == original.read_bytes()
    assert run.opened["imported"]["sha256"] == hashlib.sha256(original.read_bytes()).hexdigest()
    assert (folder / "original" / "mapping.toml").read_text(encoding="utf-8") == MAPPING
    with Catalog(tmp_path / "runs") as catalog:
        (listed,) = search(catalog, Query(terms=("frequency=6GHz..8GHz", "sweep.vi"), until="2019-12-24"))
    assert listed["started"].startswith("2019-12-24T18:30")
    assert listed["operator"] == "Grace"


def test_an_imported_run_is_reduced_beside_one_of_ours(tmp_path, mapping):
    imported = import_file(write_original(tmp_path, "6 GHz"), mapping, tmp_path / "runs")
    ours = make_run(tmp_path / "runs", rows=41)
    reduction = reduce_files("stfmr", [imported, ours], settings={"field_offset_sigma": "0 T"}).json
    assert [row["frequency"] for row in reduction["spectra"]] == [6e9, 7e9]
    for row in reduction["spectra"]:
        assert row["field_res"]["value"] == pytest.approx(0.0625, abs=1e-4)
    assert reduction["results"]["mu0_meff"]["value"] is not None
    assert reduction["simulated"] is True  # one of them is


def test_an_imported_run_opens_in_stock_pymeasure(tmp_path, mapping):
    folder = import_file(write_original(tmp_path), mapping, tmp_path / "runs")
    loaded = Results.load(str(read_run(folder).folder.data))
    assert type(loaded.procedure) is ImportedTable
    assert len(loaded.data) == len(FIELD_OE)
    assert loaded.procedure.source == "sweep.vi of the old set-up"


def test_what_says_of_itself_that_it_is_simulated_stays_so(tmp_path, mapping):
    folder = import_file(write_original(tmp_path, note="#\tSIMULATED: True"), mapping, tmp_path / "runs")
    assert read_run(folder).simulated is True


def test_a_file_is_imported_once(tmp_path, mapping):
    original, runs = write_original(tmp_path), tmp_path / "runs"
    first = import_file(original, mapping, runs)
    renamed = original.rename(tmp_path / "copy_15dBm.txt")
    with pytest.raises(DataError, match=f"imported already.*{first.name}"):
        import_file(renamed, mapping, runs)
    assert import_file(renamed, mapping, runs, again=True) != first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("RF at", "Radio at"), "frequency.*finds nothing"),
        (("Sample:", "Specimen:"), "sample.*finds nothing"),
        (("24.12.2019", "2019-12-24"), "no date"),
        (("625.0\t", "bad\t"), "line 4.*'bad'"),
        (("H\tV", "X\tV"), "no column 'H'"),
        (("RF at 7 GHz", "RF at 7 mT"), "frequency.*mT"),
        (("Old program", "Sample: other"), "different"),
    ],
)
def test_a_file_that_lacks_what_the_mapping_says_leaves_nothing_behind(tmp_path, mapping, change, message):
    original = write_original(tmp_path)
    original.write_text(original.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        import_file(original, mapping, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('procedure = "OldSweep"', 'procedure = "Old_Sweep"'), "procedure.*Old_Sweep"),
        (('analysis = "stfmr"', 'analysis = "nope"'), "'nope'"),
        (('analysis = "stfmr"', ""), "'field'.*label"),
        (('voltage = { column = 2, unit = "uV" }', ""), "which column is 'voltage'"),
        (('unit = "Oe"', 'unit = "s"'), "'s'"),
        (('label = "Temperature (K)"', 'label = "Temperature (warm)"'), "warm"),
        (('label = "Temperature (K)"', 'label = "Field (T)"'), "two columns"),
        (('unit = "dBm"', ""), "power: '15' has no unit"),
        (("([\\d.]+ \\S+)'", "[\\d.]+'"), "one group"),
        (("([\\d.]+ \\S+)'", "([\\d.'"), "regular expression"),
        (('value = "45 deg"', 'value = "45 deg", pattern = "x(y)"'), "give one of"),
        (("g = 2.1", "g = 99"), "g: .*99"),
        (("g = 2.1", "h = 2"), "h"),
        (("[header]", "[headers]"), "headers"),
        (("[columns]", "[columns"), "not TOML"),
        (('angle = { value = "45 deg" }', 'field = { value = "45 mT" }'), "'field' is a column and in"),
    ],
)
def test_a_wrong_mapping_is_one_line_that_says_where(tmp_path, mapping, change, message):
    assert change[0] in MAPPING
    mapping.write_text(MAPPING.replace(*change), encoding="utf-8")
    with pytest.raises(SotlabError, match=message):
        import_file(write_original(tmp_path), mapping, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_garbage_in_a_mapping_or_a_file_is_one_line_or_an_import(tmp_path, mapping):
    generator = random.Random(0)
    original = write_original(tmp_path)
    whole = {path: path.read_bytes() for path in (mapping, original)}
    tokens = [b"{", b"[" * 2000, b"\xff", b"\x00", b'"', b"9" * 5000, b"\n", b"nan", b"(", b"=", b"\\u0000"]
    imported = 0
    for k in range(40):
        path = (mapping, original)[k % 2]
        content, start = whole[path], generator.randrange(len(whole[path]))
        cut = content[start + generator.randrange(60) :] if k % 4 < 2 else b""
        path.write_bytes(content[:start] + generator.choice(tokens) + cut)
        try:
            read_run(import_file(original, mapping, tmp_path / "runs", again=True))
            imported += 1
        except SotlabError as error:
            assert "\n" not in str(error)  # noqa: PT017 - both ends are right
        path.write_bytes(whole[path])
    assert 0 < imported < 40


def test_a_mapping_that_is_missing_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.toml.*docs/runs\.md"):
        import_file(write_original(tmp_path), tmp_path / "none.toml", tmp_path / "runs")


def test_a_table_without_an_analysis_is_imported_by_its_labels(tmp_path):
    mapping = tmp_path / "plain.toml"
    mapping.write_text(
        'procedure = "Log"\nsource = "logger"\nsample = "none"\n[columns]\n'
        'temperature = { column = 3, label = "Temperature (K)" }\n'
        'field = { column = 1, unit = "Oe", label = "B (T)" }\n',
        encoding="utf-8",
    )
    run = read_run(import_file(write_original(tmp_path), mapping, tmp_path / "runs"))
    assert list(run.rows.columns) == ["Index", "Repeat", "Temperature (K)", "B (T)"]
    assert run.rows["B (T)"][0] == pytest.approx(0.045)
    assert "analysis" not in run.opened
    json.dumps(run.opened)
