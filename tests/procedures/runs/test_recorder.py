"""The data file: every number exactly, opened by stock PyMeasure and pandas."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymeasure.experiment import FloatParameter, Procedure, Results
from pymeasure.units import ureg

from sotlab.errors import DataError, RunError
from sotlab.procedures.runs.durable import DurableFile
from sotlab.procedures.runs.reader import read_rows
from sotlab.procedures.runs.recorder import RunResults, format_value


class Plain(Procedure):
    gain = FloatParameter("Gain", default=2.0)
    DATA_COLUMNS = ("Voltage (V)", "Field (T)", "Note")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (np.float64(1e-300), "1e-300"),
        (np.float32(0.1), "0.10000000149011612"),
        (np.float16(0.1), "0.0999755859375"),
        (np.int64(2**62 + 1), str(2**62 + 1)),
        (np.uint8(7), "7"),
        (np.array(1.5), "1.5"),
        (np.array([2.5]), "2.5"),
        (True, "True"),
        (np.bool_(False), "False"),
        (None, ""),
        (float("nan"), "nan"),
        (1 + 2j, "(1+2j)"),
        ("7 # of\n9", "7 \\x23 of\\n9"),
    ],
)
def test_every_kind_of_value_is_kept(value, text):
    assert format_value(value) == text


def test_a_quantity_is_converted_to_the_columns_unit():
    assert float(format_value(3 * ureg.mT, ureg.T)) == pytest.approx(3e-3, rel=1e-15)
    with pytest.raises(DataError, match="does not fit"):
        format_value(3 * ureg.mT, ureg.V, "Voltage (V)")


def test_an_array_does_not_become_text_with_an_ellipsis():
    with pytest.raises(DataError, match="2000 elements"):
        format_value(np.zeros(2000))


@pytest.fixture
def written(tmp_path):
    results = RunResults(Plain(), tmp_path / "data.csv", tmp_path / "arrays.bin")
    results.open()
    rows = [
        {"Voltage (V)": np.float32(0.25), "Field (T)": np.int64(3), "Note": "with, comma"},
        {"Voltage (V)": 1 / 3, "Field (T)": np.array(-1e-7), "Note": 'with "quotes"'},
    ]
    for row in rows:
        results.write_row(row)
    results.close()
    return results


def test_stock_pymeasure_opens_the_file(written):
    loaded = Results.load(written.data_filename)
    assert list(loaded.data["Field (T)"]) == [3.0, -1e-7]
    assert loaded.procedure.gain == 2.0


def test_pandas_opens_the_file(written):
    frame = pd.read_csv(written.data_filename, comment="#")
    assert list(frame["Voltage (V)"]) == [0.25, 1 / 3]
    assert list(frame["Note"]) == ["with, comma", 'with "quotes"']


def test_we_open_what_stock_pymeasure_has_written(tmp_path):
    stock = Results(Plain(), str(tmp_path / "stock.csv"))
    with open(stock.data_filename, "a", encoding="utf-8") as file:
        file.write(stock.format({"Voltage (V)": 0.5, "Field (T)": 1.0, "Note": "x"}) + "\n")
    assert read_rows(tmp_path / "stock.csv").iloc[0].tolist() == [0.5, 1.0, "x"]


def test_a_value_under_a_misspelt_name_is_refused_not_dropped(tmp_path):
    results = RunResults(Plain(), tmp_path / "data.csv", tmp_path / "arrays.bin")
    with pytest.raises(DataError, match=r"'Feild \(T\)'.*Field \(T\)"):
        results.write_row({"Feild (T)": 1.0})
    results.close()


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_last_line_is_not_a_row(written, cut):
    path = Path(written.data_filename)
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(read_rows(path)) == 1


def test_what_cannot_be_written_is_an_error_at_once(tmp_path):
    with pytest.raises(RunError, match=r"cannot be written"):
        DurableFile(tmp_path / "no such folder" / "data.csv")
    file = DurableFile(tmp_path / "data.csv")
    file.close()
    with pytest.raises(RunError, match=r"data.csv: cannot be written"):
        file.write("late")
