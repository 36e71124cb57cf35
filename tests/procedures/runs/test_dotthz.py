"""dotTHz files: what real ones contain is read, and what we write others read."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from sotlab.errors import DataError, RunError
from sotlab.procedures.runs.dotthz import is_hdf5, read_dotthz, read_dotthz_tables, split_selection, write_dotthz

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "thz" / "PVDF_520um.thz"
T = np.arange(-5, 15, 0.05)
S = np.exp(-(T**2))


def write(path, description, *, delay=T, rows=False, **datasets):
    data = np.stack([delay, S]) if rows else np.stack([delay, S], axis=1)
    with h5py.File(path, "w") as file:
        group = file.create_group("1:A")
        for name in datasets or {"ds1": 0, "ds2": 0}:
            group.create_dataset(name, data=data)
        if description is not None:
            group.attrs["dsDescription"] = description
        group.attrs["md1"] = h5py.Empty("f8")
        group.create_dataset("note", data=np.arange(3.0))  # no trace
        file.attrs["thzVer"] = "1.00"
    return path


@pytest.mark.parametrize(
    "description",
    [
        "ds1:Sample, ds2:Ref",
        "Sample,Reference",
        np.array(["ds1:Sample, ds2:Ref"], dtype=h5py.string_dtype()),
        np.array(["Sample", "Ref"], dtype=h5py.string_dtype()),
        b"ds1: Sample; ds2: reference",
    ],
)
@pytest.mark.parametrize("rows", [False, True])
def test_descriptions_and_layouts_of_real_files_are_understood(tmp_path, description, rows):
    sample, reference = read_dotthz(write(tmp_path / "a.thz", description, rows=rows))
    assert sample.description == "Sample"
    assert not sample.is_reference
    assert reference.is_reference
    np.testing.assert_allclose(sample.delay_s, T * 1e-12)
    np.testing.assert_array_equal(sample.signal, S)


def test_seconds_are_told_from_picoseconds_and_names_may_be_the_datasets_own(tmp_path):
    path = write(tmp_path / "a.thz", None, delay=T * 1e-12, Sample=0, Reference=0, Baseline=0)
    assert [(trace.description, trace.is_reference) for trace in read_dotthz(path)] == [
        ("Baseline", False),
        ("Reference", True),
        ("Sample", False),
    ]
    np.testing.assert_allclose(read_dotthz(path)[0].delay_s, T * 1e-12)
    assert [name for name, _ in read_dotthz_tables(path)] == ["a.thz 1:A/Reference", "a.thz 1:A/Sample"]


@pytest.mark.parametrize("chosen", ["Ref", "ds2", "1:A/Ref", "1:A/ds2"])
def test_one_trace_of_a_file_may_be_chosen(tmp_path, chosen):
    path = write(tmp_path / "a.thz", "ds1:Sample, ds2:Ref")
    named = Path(f"{path}#{chosen}")
    assert split_selection(named) == (path, chosen)
    assert is_hdf5(named)
    (trace,) = read_dotthz(named)
    assert trace.description == "Ref"


def test_what_is_no_dotthz_file_is_said_in_one_line(tmp_path):
    path = write(tmp_path / "a.thz", "ds1:Sample, ds2:Ref")
    with pytest.raises(DataError, match="no trace 'Foil' in it; it has 1:A/Sample, 1:A/Ref"):
        read_dotthz(Path(f"{path}#Foil"))
    with h5py.File(tmp_path / "empty.thz", "w"):
        pass
    with pytest.raises(DataError, match=r"empty\.thz: there is no trace"):
        read_dotthz(tmp_path / "empty.thz")
    (tmp_path / "torn.thz").write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"torn\.thz: the dotTHz file cannot be read"):
        read_dotthz(tmp_path / "torn.thz")
    assert not is_hdf5(tmp_path / "none.thz")
    with pytest.raises(RunError, match="cannot be written"):
        write_dotthz(tmp_path / "no" / "a.thz", {}, {})


def test_what_is_written_is_read_back_by_us_and_by_the_reference_reader(tmp_path):
    path = tmp_path / "a.thz"
    traces = {"Sample": (T * 1e-12, S), "Ref": (T * 1e-12, 2 * S)}
    write_dotthz(path, {"run/1": traces}, {"mode": "THz emission", "user": "somebody", "time": "2026-01-01T00:00:00"})
    sample, reference = read_dotthz(path)
    np.testing.assert_allclose(sample.delay_s, T * 1e-12, rtol=1e-12)
    np.testing.assert_array_equal(reference.signal, 2 * S)
    assert reference.is_reference
    assert sample.attributes["thzVer"] == "1.00"
    pydotthz = pytest.importorskip("pydotthz")
    with pydotthz.DotthzFile(path) as file:
        (name,) = file.keys()
        np.testing.assert_array_equal(np.asarray(file[name]["Ref"])[:, 1], 2 * S)


def test_a_measured_file_holds_two_samples_and_two_references():
    if not DATA.is_file():
        pytest.skip("needs the measured file ../shared/data/thz, which is not part of the project")
    traces = read_dotthz(DATA)
    assert [(trace.group, trace.description) for trace in traces] == [
        (group, name) for group in ("1:PVDF_T01", "2:PVDF_T02") for name in ("Sample", "Ref")
    ]
    assert all(len(trace.delay_s) == 5000 for trace in traces)
    assert traces[0].attributes["mode"] == "THz-TDS/Transmission"
