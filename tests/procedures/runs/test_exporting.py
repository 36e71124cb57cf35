"""Every export holds the same numbers as the run, with units, and says whether they are simulated."""

import json
import sys
from dataclasses import replace

import event_model
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import xarray

from sotlab.errors import RunError, UsageError
from sotlab.procedures.runs import export_documents, export_grids, export_tables
from sotlab.procedures.runs.exporting import export_run, find_exporter, formats
from sotlab.procedures.runs.run_data import Column, load_run, split_label

from .run_folders import make_run

SHIPPED = ["csv", "event-model", "hdf5", "netcdf", "parquet"]


@pytest.fixture
def run(tmp_path):
    """A run with a complex reading, text, and a trace in each row but the last."""
    data = load_run(make_run(tmp_path, rows=3))
    traces = [np.arange(4.0), np.arange(4.0) + 0.5, None]
    more = [
        Column("S11", "", np.array([1 + 2j, 3 - 4j, 5j])),
        Column("State", "", np.array(["ok", "over load", ""], dtype=object)),
        Column("Trace", "V", np.array(["array:a", "array:b", ""], dtype=object), traces),
    ]
    return replace(data, columns=[*data.columns, *more])


def documents(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_shipped_formats_are_installed():
    assert set(SHIPPED) <= set(formats())


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("simulated", [True, False])
def test_every_format_says_whether_the_run_is_simulated(tmp_path, name, simulated):
    folder = make_run(tmp_path, simulated=simulated)
    path = export_run(folder, find_exporter(name), tmp_path / "out")
    said = {
        "csv": lambda: path.read_text(encoding="utf-8").split("\n")[0].removeprefix("# SIMULATED: "),
        "event-model": lambda: documents(path)[0][1]["SIMULATED"],
        "hdf5": lambda: h5py.File(path).attrs["SIMULATED"],
        "netcdf": lambda: xarray.open_dataset(path).attrs["SIMULATED"],
        "parquet": lambda: pyarrow.parquet.read_schema(path).metadata[b"SIMULATED"].decode(),
    }[name]()
    assert str(said) == str(simulated)
    assert [file.name for file in (tmp_path / "out").iterdir()] == [f"{folder.name}{path.suffix}"]


def test_csv_has_a_line_for_each_sample_of_the_traces(tmp_path, run):
    path = tmp_path / "run.csv"
    export_tables.CSV.write(path, run)
    table = pd.read_csv(path, comment="#")
    assert list(table["Sample"]) == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert list(table["Trace (V)"])[:8] == [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 2.5, 3.5]
    assert np.isnan(table["Trace (V)"].iloc[8])
    assert list(table["S11 imag"].iloc[[0, 4, 8]]) == [2.0, -4.0, 5.0]
    np.testing.assert_array_equal(table["Field (T)"].iloc[[0, 4, 8]], run.columns[3].values)


def test_parquet_keeps_every_number_with_its_unit(tmp_path, run):
    path = tmp_path / "run.parquet"
    export_tables.PARQUET.write(path, run)
    table = pyarrow.parquet.read_table(path)
    np.testing.assert_array_equal(table["Voltage (V)"].to_numpy(), run.columns[4].values)
    assert table.schema.field("Voltage (V)").metadata == {b"unit": b"V", b"axis": b"False"}
    assert table.schema.field("Frequency (Hz)").metadata[b"axis"] == b"True"
    assert table["Trace (V)"].to_pylist() == [[0.0, 1.0, 2.0, 3.0], [0.5, 1.5, 2.5, 3.5], None]
    assert table["State"].to_pylist() == ["ok", "over load", ""]
    opened = json.loads(table.schema.metadata[b"run_open"])
    assert opened["sample"]["name"] == "NiFe-BiSb"


def test_netcdf_is_a_dataset_with_units_and_coordinates(tmp_path, run):
    path = tmp_path / "run.nc"
    export_grids.NETCDF.write(path, run)
    with xarray.open_dataset(path) as dataset:
        np.testing.assert_array_equal(dataset["Field"], run.columns[3].values)
        assert dataset["Field"].attrs["units"] == "T"
        assert {"Index", "Frequency", "Angle"} <= set(dataset.coords)
        assert "Field" not in dataset.coords
        np.testing.assert_array_equal(dataset["Trace"][:2], [[0.0, 1.0, 2.0, 3.0], [0.5, 1.5, 2.5, 3.5]])
        assert np.isnan(dataset["Trace"][2]).all()
        assert list(dataset["S11 real"].values) == [1.0, 3.0, 0.0]
        assert list(dataset["State"].values) == ["ok", "over load", ""]
        assert json.loads(str(dataset["run_open"].values))["operator"] == "ada"


def test_hdf5_has_a_data_set_for_each_column(tmp_path, run):
    path = tmp_path / "run.h5"
    export_grids.HDF5.write(path, run)
    with h5py.File(path) as file:
        assert next(iter(file["rows"])) == "Index"
        np.testing.assert_array_equal(file["rows/Voltage"], run.columns[4].values)
        assert file["rows/Voltage"].attrs["unit"] == "V"
        assert file["rows/Trace"].shape == (3, 4)
        assert file["rows/State"].asstr()[1] == "over load"
        assert json.loads(file.attrs["parameters"])["points"] == {"name": "Points", "value": 5, "unit": None}


def test_the_documents_meet_the_schemas_of_the_event_model(tmp_path, run):
    path = tmp_path / "run.jsonl"
    export_documents.EVENT_MODEL.write(path, run)
    found = documents(path)
    assert [name for name, _ in found] == ["start", "descriptor", "event", "event", "event", "stop"]
    for name, document in found:
        event_model.schema_validators[event_model.DocumentNames[name]].validate(document)
    start, descriptor, first, *_, stop = (document for _, document in found)
    assert descriptor["data_keys"]["Field"] | {"source": ""} == {
        "source": "",
        "dtype": "number",
        "shape": [],
        "units": "T",
    }
    assert descriptor["data_keys"]["Trace"]["dtype"] == "array"
    assert first["data"]["Voltage"] == run.columns[4].values[0]
    assert first["data"]["Trace"] == [0.0, 1.0, 2.0, 3.0]
    assert (stop["exit_status"], stop["num_events"]) == ("success", {"primary": 3})
    assert start["time"] <= first["time"] <= stop["time"]
    export_documents.EVENT_MODEL.write(path, run)
    assert documents(path) == found  # the same run has the same ids


def test_an_interrupted_run_is_exported_as_failed(tmp_path):
    path = export_run(make_run(tmp_path, status=None), find_exporter("event-model"), tmp_path)
    stop = documents(path)[-1][1]
    assert (stop["exit_status"], stop["reason"]) == ("fail", "interrupted")


def test_arrays_of_different_length_are_filled_up(tmp_path, run):
    trace = replace(run.columns[-1], traces=[np.array([1.0]), np.array([2.0, 3.0, 4.0]), np.array([5.0, 6.0])])
    export_grids.HDF5.write(tmp_path / "run.h5", replace(run, columns=[trace]))
    with h5py.File(tmp_path / "run.h5") as file:
        expected = [[1, np.nan, np.nan], [2, 3, 4], [5, 6, np.nan]]
        np.testing.assert_array_equal(file["rows/Trace"], expected)


def test_a_long_plan_does_not_break_an_export(tmp_path):
    plan = {"index": list(range(50_000)), "settings": {"field_T": [0.1] * 50_000}}
    folder = make_run(tmp_path, opened={"plan": plan, "note": "x" * 100_000})
    for name in ("netcdf", "hdf5", "parquet"):
        assert export_run(folder, find_exporter(name), tmp_path).exists()


def test_what_cannot_be_exported_is_said_in_one_line(tmp_path, monkeypatch):
    folder = make_run(tmp_path)
    path = export_run(folder, find_exporter("csv"), tmp_path)
    with pytest.raises(RunError, match="--overwrite"):
        export_run(folder, find_exporter("csv"), tmp_path)
    assert export_run(folder, find_exporter("csv"), tmp_path, overwrite=True) == path
    with pytest.raises(UsageError, match="installed: csv"):
        find_exporter("nope")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pyarrow.*sotlab\[tables\]"):
        export_run(folder, find_exporter("parquet"), tmp_path)
    assert not list(tmp_path.glob("**/.*.parquet"))
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        export_run(folder, find_exporter("csv"), tmp_path / "file" / "out")
    (folder / "arrays.bin").touch()
    (folder / "events.jsonl").write_text('{"event": "run_open", "simulated": 1, "parameters": 7}\n' * 2)
    (folder / f"{folder.name[:21]}_STFMRFieldSweep.csv").unlink()
    with pytest.raises(RunError, match="no rows"):
        export_run(folder, find_exporter("csv"), tmp_path / "out")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_run_that_ended_before_its_first_row_is_exported_empty(tmp_path, name):
    run = load_run(make_run(tmp_path, rows=0, status="failed"))
    assert {column.values.dtype.kind for column in run.columns} == {"f"}
    path = tmp_path / "run"
    find_exporter(name).write(path, run)
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("label", "name", "unit"),
    [
        ("Field (T)", "Field", "T"),
        ("Index", "Index", ""),
        ("Conductivity (1/(ohm*m))", "Conductivity", "1/(ohm*m)"),
        ("(T)", "(T)", ""),
    ],
)
def test_a_label_is_split_into_name_and_unit(label, name, unit):
    assert split_label(label) == (name, unit)


def test_columns_that_differ_in_the_unit_alone_keep_their_labels(tmp_path):
    folder = make_run(tmp_path)
    data = folder / f"{folder.name[:21]}_STFMRFieldSweep.csv"
    data.write_text("Index,Field (T),Field (Oe)\n0,0.1,1000.0\n", encoding="utf-8")
    run = load_run(folder)
    assert [(column.name, column.unit) for column in run.columns] == [
        ("Index", ""),
        ("Field (T)", "T"),
        ("Field (Oe)", "Oe"),
    ]
    assert run.columns[1].label == "Field (T)"
