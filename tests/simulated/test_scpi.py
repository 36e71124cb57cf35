"""The SCPI grammar: messages, headers and parameters."""

from __future__ import annotations

import math

import pytest

from sotlab.simulated.scpi import (
    Block,
    Boolean,
    Choice,
    Number,
    Parameter,
    ScpiError,
    Text,
    Tree,
    split_header,
    split_lines,
    split_outside_data,
)


@pytest.fixture
def tree() -> Tree[str]:
    tree: Tree[str] = Tree()
    tree.add("[SOURce]:FREQuency[:CW|:FIXed]", "frequency")
    tree.add("[SOURce]:FREQuency[:CW|:FIXed]", "frequency?", query=True)
    tree.add("[:SOURce]:FREQuency:STARt", "start")
    tree.add("[SOURce]:AM[:LEVel:IMMediate]:DEPTh", "depth")
    tree.add("SENSe#:VOLTage:CHANnel#:RANGe", "range")
    tree.add("CALCulate2:FORMat", "format2")
    tree.add("*OPC", "opc?", query=True)
    return tree


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("FREQ", "frequency"),
        (":FREQ", "frequency"),
        ("FREQUENCY:CW", "frequency"),
        (":SOUR:FREQUENCY:FIX", "frequency"),
        ("SOURCE:FREQ:FIXED", "frequency"),
        ("FREQ?", "frequency?"),
        ("SOUR:FREQ:CW?", "frequency?"),
        ("FREQ:STAR", "start"),
        ("AM:DEPT", "depth"),
        ("AM:LEV:IMM:DEPTH", "depth"),
        ("CALC2:FORM", "format2"),
        ("*OPC?", "opc?"),
    ],
)
def test_long_and_short_forms_and_optional_nodes_are_found(tree: Tree[str], header: str, target: str) -> None:
    assert tree.find(header, "")[0] == target


@pytest.mark.parametrize(
    "header",
    "FREQU FRE FREQUENC SOUR FREQ:CW:FIX AM:LEV:DEPT FREQ:STAR? CALC3:FORM *OPC FREQ2 ::FREQ *F SOUR:".split(),
)
def test_anything_between_the_short_and_the_long_form_is_undefined(tree: Tree[str], header: str) -> None:
    with pytest.raises(ScpiError) as problem:
        tree.find(header, "")
    assert problem.value.code == -113


def test_numeric_suffixes_default_to_one(tree: Tree[str]) -> None:
    assert tree.find("SENS:VOLT:CHAN:RANG", "")[1] == (1, 1)
    assert tree.find("SENS2:VOLT:CHANNEL3:RANG", "")[1] == (2, 3)


def test_the_path_of_a_unit_is_its_header_without_the_last_node(tree: Tree[str]) -> None:
    _, _, path = tree.find("SOUR:FREQ:CW", "")
    assert path == "SOUR:FREQ"
    assert tree.find("STAR", path)[0] == "start"
    with pytest.raises(ScpiError):
        tree.find("FREQ:STAR", path)
    assert tree.find(":FREQ:STAR", path)[0] == "start"


def test_common_commands_leave_the_path_alone(tree: Tree[str]) -> None:
    assert tree.find("*OPC?", "SOUR:FREQ") == ("opc?", (), "SOUR:FREQ")


def test_a_header_that_is_added_later_is_found(tree: Tree[str]) -> None:
    tree.find("FREQ", "")
    tree.add("FREQuency", "other")
    assert tree.find("FREQ", "")[0] == "other"


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("freq 1", ("FREQ", "1")),
        (" :Freq?  MAX ", (":FREQ?", "MAX")),
        ("FREQ?MAX", ("FREQ?", "MAX")),
        ("OUTP ? 1", ("OUTP?", "1")),
        ("FREQ\t2 GHZ", ("FREQ", "2 GHZ")),
        ("*ese 32", ("*ESE", "32")),
        ("DISP:TEXT 'a?b'", ("DISP:TEXT", "'a?b'")),
    ],
)
def test_a_unit_parts_into_header_and_parameters(unit: str, expected: tuple[str, str]) -> None:
    assert split_header(unit) == expected


@pytest.mark.parametrize("unit", ["?", "1FREQ", "#15hello", "'text'"])
def test_a_unit_without_header_is_a_syntax_error(unit: str) -> None:
    with pytest.raises(ScpiError) as problem:
        split_header(unit)
    assert problem.value.code == -102


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("A;B;", ["A", "B", ""]),
        ("A 'x;y';B", ["A 'x;y'", "B"]),
        ('A "x;""y";B', ['A "x;""y"', "B"]),
        ("A #15a;b;c;B", ["A #15a;b;c", "B"]),
        ("A #0x;y", ["A #0x;y"]),
        ("A #HFF;B", ["A #HFF", "B"]),
        ("A 'open;B", ["A 'open;B"]),
        ("A #19ab;c", ["A #19ab;c"]),
    ],
)
def test_strings_and_blocks_are_not_split(text: str, parts: list[str]) -> None:
    assert list(split_outside_data(text, ";")) == parts


@pytest.mark.parametrize(
    ("text", "messages", "rest"),
    [
        ("*CLS\n*IDN?\r\nFREQ", ["*CLS", "*IDN?"], "FREQ"),
        ("A\rB\r", ["A", "B"], ""),
        ("A #13\n;\r\nB", ["A #13\n;\r"], "B"),
        ("A 'open\nB\n", ["A 'open", "B"], ""),
        ("\r\n\n", [], ""),
    ],
)
def test_messages_end_at_line_feed_or_carriage_return_but_not_in_blocks(text, messages, rest) -> None:
    assert split_lines(text) == (messages, rest)


HERTZ = Number("HZ", 1e5, 40e9, 1e9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e9", 2e9),
        ("2000000000", 2e9),
        ("+2.0E+9", 2e9),
        ("2 GHZ", 2e9),
        ("2ghz", 2e9),
        ("500 MHZ", 500e6),
        ("500 MAHZ", 500e6),
        ("300 kHz", 300e3),
        ("200000 HZ", 200e3),
        ("9.123456789 GHZ", 9123456789.0),
        ("7.000000e+09 Hz", 7e9),
        (".5GHZ", 0.5e9),
        ("MIN", 1e5),
        ("maximum", 40e9),
        ("DEF", 1e9),
    ],
)
def test_frequencies_are_read_with_all_their_digits(text: str, value: float) -> None:
    assert HERTZ.parse(text, None) == value


@pytest.mark.parametrize(
    ("unit", "text", "value"),
    [
        ("V", "3 MV", 3e-3),
        ("V", "3UV", 3e-6),
        ("VP", "2 VP", 2.0),
        ("VP", "5MV", 5e-3),
        ("A", "20 MA", 20e-3),
        ("S", "10 MS", 10e-3),
        ("DBM", "-3.5 DBM", -3.5),
        ("OHM", "1 MOHM", 1e6),
        ("RAD", "180 DEG", math.pi),
        ("DEG", "1 RAD", 180 / math.pi),
        (None, "#HFF", 255.0),
        (None, "#b101", 5.0),
    ],
)
def test_unit_suffixes_scale(unit: str | None, text: str, value: float) -> None:
    assert Number(unit).parse(text, None) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("parameter", "text", "code"),
    [
        (HERTZ, "2 V", -131),
        (HERTZ, "abc", -104),
        (HERTZ, "", -104),
        (HERTZ, "1e5e5", -104),
        (HERTZ, "99 GHZ", -222),
        (HERTZ, "NAN", -104),
        (HERTZ, "INF", -104),
        (Number(), "2 HZ", -138),
        (Number(), "MAX", -224),
        (Boolean(), "MAYBE", -104),
        (Boolean(), "nan", -104),
        (Choice("SINusoid"), "SINU", -224),
        (Choice("SINusoid"), "3", -104),
        (Text(), '"open', -151),
        (Block(), "hello", -104),
        (Block(), "#16hello", -161),
        (Block(), "#14hello", -161),
    ],
)
def test_bad_parameters_raise_the_standard_error(parameter: Parameter, text: str, code: int) -> None:
    with pytest.raises(ScpiError) as problem:
        parameter.parse(text, None)
    assert problem.value.code == code


def test_whole_numbers_are_rounded() -> None:
    parameter = Number(integer=True, minimum=0, maximum=255)
    assert parameter.parse("31.7", None) == 32
    assert parameter.format(parameter.parse("MAX", None)) == "255"


@pytest.mark.parametrize(("text", "value"), [("ON", True), ("off", False), ("1", True), ("0", False), ("2.0", True)])
def test_booleans_come_back_as_one_or_zero(text: str, value: bool) -> None:
    boolean = Boolean()
    assert boolean.parse(text, None) is value
    assert boolean.format(value) == str(int(value))


@pytest.mark.parametrize("text", ["SIN", "sinusoid", "'SIN'", '"Sinusoid"'])
def test_choices_are_kept_in_their_short_form(text: str) -> None:
    assert Choice("SINusoid", "SQUare").parse(text, None) == "SIN"


def test_strings_keep_their_doubled_quotes_once() -> None:
    text = Text()
    assert text.parse('"a ""b"""', None) == 'a "b"'
    assert text.format('a "b"') == '"a ""b"""'


def test_blocks_keep_every_byte() -> None:
    block, content = Block(), bytes(range(256))
    assert block.parse(block.format(content), None) == content
    assert block.parse("#0" + content.decode("latin-1"), None) == content


@pytest.mark.parametrize("text", ["1e400", "-1e999", "#H" + "F" * 300])
def test_a_whole_number_beyond_all_bounds_is_out_of_range(text):
    with pytest.raises(ScpiError) as raised:
        Number(integer=True).read(text, None)
    assert raised.value.code == -222
