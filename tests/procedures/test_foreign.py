"""Tables measured elsewhere: what is understood, and how what is not is refused."""

from pathlib import Path

import numpy as np
import pytest

from sotlab.errors import DataError, UsageError
from sotlab.procedures.runs.foreign import ColumnSpec, read_table

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
AXES = ("frequency", "power", "angle")
UNITS = {"field": "T", "voltage": "V", "frequency": "Hz", "power": "dBm", "angle": "deg"}
PLAIN = ("field=1:Oe", "voltage=2:uV")
ROWS = ((100.0, 1.5), (200.0, -2.5), (300.0, 3.5e-3), (400.0, 0.0))


def read(path, *columns):
    return read_table(path, [ColumnSpec.parse(text) for text in columns], AXES, UNITS)


def write(tmp_path, content, name="data.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def body(delimiter="\t", end="\n", comma=False):
    lines = [f"{b!r}{delimiter}{v!r}" for b, v in ROWS]
    text = end.join(lines) + end
    return text.replace(".", ",") if comma else text


def check_rows(table):
    np.testing.assert_allclose(table.columns["field"], [b * 1e-4 for b, _ in ROWS], rtol=1e-12)
    np.testing.assert_allclose(table.columns["voltage"], [v * 1e-6 for _, v in ROWS], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("field=1:Oe", ColumnSpec("field", 1, "Oe")),
        ("field=Field (Oe)", ColumnSpec("field", "Field (Oe)", None)),
        (" voltage = X : mV ", ColumnSpec("voltage", "X", "mV")),
        ("voltage=3", ColumnSpec("voltage", 3, None)),
    ],
)
def test_a_column_is_named_by_number_or_header_with_or_without_unit(text, expected):
    assert ColumnSpec.parse(text) == expected


@pytest.mark.parametrize("text", ["", "field", "=1", "field=", "field=1:", "field=:Oe", "field=0", "field=0:Oe"])
def test_a_column_that_is_not_understood_is_a_usage_error_of_one_line(text):
    with pytest.raises(UsageError) as error:
        ColumnSpec.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("delimiter", "comma"),
    [("\t", False), (",", False), (";", False), ("  ", False), (" \t ", False), ("\t", True), (";", True), (" ", True)],
)
def test_delimiter_decimal_sign_and_line_ends_are_found_out(tmp_path, delimiter, comma, end):
    (table,) = read(write(tmp_path, body(delimiter, end, comma)), *PLAIN)
    check_rows(table)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings_are_found_out(tmp_path, encoding):
    content = ("Messung bei 20 °C, Größe µ\n" + body()).encode(encoding)
    (table,) = read(write(tmp_path, content), *PLAIN)
    check_rows(table)


def test_header_lines_comments_blank_lines_and_trailing_blanks_are_passed_over(tmp_path):
    lines = body().splitlines()
    text = "\n".join(
        ["Sample 12", "Date: 3/14/2022 - 12:13 PM", "", "# made by 1", *lines[:2], "% pause", "", *lines[2:], "; end"]
    )
    (table,) = read(write(tmp_path, text + "\n\n  \n\t\n"), *PLAIN)
    check_rows(table)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("Field (Oe)\tVoltage (uV)", ("field=Field (Oe)", "voltage=Voltage")),
        ("Field [Oe]\tVoltage [µV]", ("field=field", "voltage=VOLTAGE")),
        ("Field_Oe\tSignal_X", ("field=Field_Oe", "voltage=Signal_X:uV")),
        ("# Field/Oe\tV/uV", ("field=1", "voltage=2")),
        ('"Field (Oe)"\t"Voltage (uV)"', ("field=Field", "voltage=Voltage")),
        ("Field (Oe)\tVoltage (uA*(ohm))", ("field=Field", "voltage=Voltage")),
    ],
)
def test_columns_are_found_by_header_name_and_units_taken_from_it(tmp_path, header, columns):
    (table,) = read(write(tmp_path, f"{header}\n{body()}"), *columns)
    check_rows(table)


def test_names_with_units_are_found_in_a_header_parted_by_blanks(tmp_path):
    (table,) = read(write(tmp_path, "Field (Oe)  Voltage (uV)\n" + body("  ")), "field=Field", "voltage=Voltage")
    check_rows(table)


def test_quoted_cells_with_line_breaks_are_numbers(tmp_path):
    text = "Field (Oe),V (uV),Note\r\n" + "".join(f'{b},"{v}\n",note\r\n' for b, v in ROWS)
    (table,) = read(write(tmp_path, text), "field=1", "voltage=2:uV")
    check_rows(table)


@pytest.mark.parametrize(
    ("line", "axis", "value"),
    [
        ("Frequency(GHz):3.000000E+0", "frequency", 3e9),
        ("Frequency = 7 GHz", "frequency", 7e9),
        ("f: 9e9 Hz", "frequency", 9e9),
        ("# RF frequency [MHz]\t7500", "frequency", 7.5e9),
        ("Frequency: 3,5 GHz", "frequency", 3.5e9),
        ("Power(dBm):1.800000E+1", "power", 18.0),
        ("power = -3 dBm", "power", -3.0),
        ("Angle: 45 deg", "angle", 45.0),
    ],
)
def test_axes_that_are_no_columns_are_found_in_the_header_with_their_units(tmp_path, line, axis, value):
    (table,) = read(write(tmp_path, f"{line}\n{body()}"), *PLAIN)
    assert table.header == {axis: pytest.approx(value)}


@pytest.mark.parametrize("line", ["Frequency: 7", "Lock-in frequency: 1713 Hz", "Frequency: 7 V", "Offset = 7 GHz"])
def test_a_header_line_that_states_no_axis_with_its_unit_is_not_taken_for_one(tmp_path, line):
    (table,) = read(write(tmp_path, f"{line}\n{body()}"), *PLAIN)
    assert table.header == {}


def test_a_header_that_contradicts_itself_is_refused(tmp_path):
    path = write(tmp_path, "Frequency: 7 GHz\nFrequency: 8 GHz\n" + body())
    with pytest.raises(DataError, match="different values of frequency"):
        read(path, *PLAIN)


def test_axes_that_are_columns_part_the_rows_into_tables_in_order_of_appearance(tmp_path):
    rows = [(f, b, b + f) for f in (9, 3) for b in range(4)] + [(9, 7, 16)]
    text = "f (GHz),B (Oe),V (uV)\n" + "".join(f"{f},{b},{v}\n" for f, b, v in rows)
    first, second = read(write(tmp_path, text), "field=B", "voltage=V", "frequency=f")
    assert [first.header, second.header] == [{"frequency": 9e9}, {"frequency": 3e9}]
    np.testing.assert_allclose(first.columns["field"], np.array([0, 1, 2, 3, 7]) * 1e-4)
    assert set(first.columns) == {"field", "voltage"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        (b"only words\nand more words\n", "no rows of numbers"),
        (b"a\tb\n1\t2\n3\t4\n", "fewer than 3 different rows"),
        (b"0\t0\n0\t0\n0\t0\n0\t0\n", "fewer than 3 different rows"),
        (b"PK\x03\x04\x00\x00\x08\x00" * 20, "binary"),
        (b"1\t2\n3\t4\n5\tx\n7\t8\n", "line 3: column 2 'x' is not a number"),
        (b"1\t2\n3\t4\n5\n7\t8\n", "line 3: column 2 is missing"),
        (b"1\t2.5\n3\t4,5\n5\t6.5\n7\t8\n", "line 2: column 2 '4,5' is not a number"),
        (b"1\n2\n3\n4\n", "no rows of numbers"),
    ],
)
def test_a_file_that_is_no_table_is_one_line_that_names_it(tmp_path, content, what):
    path = write(tmp_path, content)
    with pytest.raises(DataError) as error:
        read(path, *PLAIN)
    assert str(path) in str(error.value)
    assert what in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        (("field=Nonsense:Oe", "voltage=2:V"), "'Field (Oe)', 'X'"),
        (("field=1", "voltage=7:V"), "no column 7"),
        (("field=1", "voltage=2"), "unit of column 2 for 'voltage'"),
        (("field=1", "voltage=1"), "does not fit"),
    ],
)
def test_a_column_or_unit_that_is_not_there_is_one_line_that_says_so(tmp_path, columns, what):
    path = write(tmp_path, "Field (Oe)\tX\n" + body())
    with pytest.raises(DataError) as error:
        read(path, *columns)
    assert str(path) in str(error.value)
    assert what in str(error.value)


@pytest.mark.parametrize(
    "columns", [("field=1:V", "voltage=2:V"), ("field=1:Oe", "field=2:Oe"), ("colour=1:Oe",), ("field=1:parrots",)]
)
def test_wrong_columns_are_a_usage_error(tmp_path, columns):
    with pytest.raises(UsageError):
        read(write(tmp_path, body()), *columns)


def test_two_columns_of_one_name_must_be_told_apart(tmp_path):
    with pytest.raises(DataError, match="more than one column"):
        read(write(tmp_path, "X\tX\n" + body()), "field=X:Oe", "voltage=2:V")


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_a_path_that_cannot_be_read_is_a_data_error(tmp_path, name):
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / name, *PLAIN)


def test_nothing_named_in_a_file_is_imported_or_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    write(tmp_path, "raise SystemExit('imported')\n", "evil_procedure.py")
    header = "#Procedure: <evil_procedure.Evil>\n#Parameters:\n#\tFrequency: 7 GHz\n#Data:\nField (Oe),Voltage (uV)\n"
    (table,) = read(write(tmp_path, header + body(",")), "field=Field", "voltage=Voltage")
    check_rows(table)
    assert table.header == {"frequency": 7e9}


def tables_or_message(path):
    """Return the tables, or what the error says; any other exception is a failure."""
    try:
        return read(path, *PLAIN), ""
    except DataError as error:
        return [], str(error)


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
def test_a_file_cut_anywhere_gives_tables_or_one_line(tmp_path, delimiter):
    quoted = f'"Field (Oe)"{delimiter}"Voltage (uV)"\r\n'
    whole = ("Frequency(GHz):3.0\r\n" + quoted + body(delimiter, "\r\n")).encode()
    complete = 0
    for length in range(len(whole) + 1):
        path = write(tmp_path, whole[:length])
        tables, message = tables_or_message(path)
        assert bool(tables) != bool(message)
        assert not message or (str(path) in message and "\n" not in message)
        complete += bool(tables)
    assert complete > 10


def test_bytes_changed_at_random_give_tables_or_one_line(tmp_path):
    rng = np.random.default_rng(0)
    whole = np.frombuffer(("Frequency(GHz):3.0\nField (Oe)\tVoltage (uV)\n" + body()).encode(), np.uint8)
    for _ in range(400):
        changed = whole.copy()
        changed[rng.integers(len(whole), size=3)] = rng.integers(256, size=3)
        tables, message = tables_or_message(write(tmp_path, changed.tobytes()))
        assert bool(tables) != bool(message)
        assert "\n" not in message


def shared(name):
    path = DATA / name
    if not path.exists():
        pytest.skip("needs the measured files in ../shared/data, which are not part of the project")
    return path


@pytest.mark.parametrize(("device", "frequency"), [("dev11", 3), ("dev12", 5)])
def test_a_measured_lvm_file_is_read_with_its_frequency_and_power(device, frequency):
    (table,) = read(shared(f"stfmr/1116b_{device}_{frequency}GHz.lvm"), "field=1:Oe", "voltage=2:V")
    assert table.header == {"frequency": frequency * 1e9, "power": 18.0}
    assert len(table.columns["field"]) > 60
    assert 0.003 < table.columns["field"].min() < table.columns["field"].max() < 0.07


def test_a_measured_file_without_points_is_one_line_that_names_it():
    path = shared("stfmr/header_only.lvm")
    with pytest.raises(DataError, match=r"header_only\.lvm.*fewer than 3"):
        read(path, "field=1:Oe", "voltage=2:V")


def test_a_measured_table_with_padded_names_and_a_frequency_column_is_read():
    (table,) = read(shared("fmr/yig_13GHz.txt"), "field=Field", "voltage=Xchannel:V", "frequency=Freq")
    assert table.header == {"frequency": 13e9}
    assert table.columns["field"][0] == pytest.approx(0.378918)


def test_a_measured_table_with_line_breaks_in_its_cells_is_read():
    (table,) = read(shared("ahe/loop_0p1mA.csv"), "field=1", "voltage=2:V")
    assert table.columns["field"][0] == pytest.approx(-0.1)
    assert table.columns["voltage"][0] == pytest.approx(-17.3393001)


def test_a_unit_may_have_a_factor_as_a_magnet_that_is_known_by_its_current(tmp_path):
    path = tmp_path / "scan.csv"
    path.write_text("Current (A),X2\n0.1,2\n0.2,4\n0.3,7\n")
    (table,) = read(path, "field=1:39.6mT", "voltage=X2:10mV")
    assert table.columns["field"] == pytest.approx([3.96e-3, 7.92e-3, 11.88e-3], rel=1e-12)
    assert table.columns["voltage"] == pytest.approx([0.02, 0.04, 0.07], rel=1e-12)
    with pytest.raises(UsageError, match="mHz"):
        read(path, "field=1:39.6mHz", "voltage=2:V")
