"""Arrays are appended whole, survive being cut at any byte, and are gathered exactly."""

import h5py
import numpy as np
import pytest

from sotlab.errors import DataError
from sotlab.procedures.runs.arrays import ArrayFile, cut_torn_record, gather, read_arrays

ARRAYS = [
    np.arange(7) / 3,
    np.arange(6, dtype=np.int16).reshape(2, 3),
    np.array([1 + 2j, np.nan]),
    np.array([], dtype=np.float32),
    np.array([True, False]),
    [0.1, 0.2],
    np.array([1.5, 2.5], dtype=">f4"),
]


@pytest.fixture
def path(tmp_path):
    file = ArrayFile(tmp_path / "arrays.bin")
    assert [file.append(f"Column {k} (V)", array) for k, array in enumerate(ARRAYS)] == [
        f"array:{k}" for k in range(len(ARRAYS))
    ]
    file.close()
    return tmp_path / "arrays.bin"


def test_arrays_of_all_kinds_come_back_exactly(path):
    found = read_arrays(path)
    assert len(found) == len(ARRAYS)
    for k, array in enumerate(ARRAYS):
        assert np.array_equal(found[f"array:{k}"], array, equal_nan=np.asarray(array).dtype.kind in "fc")
        assert found[f"array:{k}"].dtype.newbyteorder("=") == np.asarray(array).dtype.newbyteorder("=")
        assert found.column(f"array:{k}") == f"Column {k} (V)"


def test_a_file_cut_at_any_byte_has_the_whole_records_before_it(path):
    data = path.read_bytes()
    found_at = []
    for length in range(len(data)):
        path.write_bytes(data[:length])
        found = read_arrays(path)
        for name in found:
            assert np.array_equal(found[name], ARRAYS[int(name[6:])], equal_nan=int(name[6:]) == 2)
        found_at.append(len(found))
    assert sorted(set(found_at)) == list(range(len(ARRAYS)))


@pytest.mark.parametrize("place", [0, 8, 20, 30, 90])
def test_a_damaged_record_and_what_follows_it_is_not_believed(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 0x40
    path.write_bytes(data)
    assert len(read_arrays(path)) == 0


def test_what_is_torn_is_cut_and_keys_go_on(path):
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:25])
    assert cut_torn_record(path) == 25
    assert path.read_bytes() == whole
    file = ArrayFile(path)
    assert file.append("More (V)", [1.0, 2.0]) == f"array:{len(ARRAYS)}"
    file.close()
    assert len(read_arrays(path)) == len(ARRAYS) + 1


def test_they_are_gathered_into_hdf5(path, tmp_path):
    gather(path, tmp_path / "arrays.h5")
    with h5py.File(tmp_path / "arrays.h5") as file:
        assert np.array_equal(file["0"][:], ARRAYS[0])
        assert file["1"].attrs["column"] == "Column 1 (V)"
        assert file["1"].dtype == np.int16
        assert len(file) == len(ARRAYS)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("value", [["a", "b"], [[1.0], [1.0, 2.0]], [{}, {}]])
def test_what_is_no_array_of_numbers_is_refused(tmp_path, value):
    with pytest.raises(DataError):
        ArrayFile(tmp_path / "arrays.bin").append("X (V)", value)
    assert len(read_arrays(tmp_path / "arrays.bin")) == 0


def test_no_file_has_no_arrays(tmp_path):
    assert len(read_arrays(tmp_path / "none.bin")) == 0
