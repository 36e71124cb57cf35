import math

import pytest

from sotlab.errors import UsageError
from sotlab.parameters import Choice, Flag, Integer, Quantity, Text


def frequency():
    return Quantity("Frequency", "Hz", default=7e9, minimum=1e6, maximum=67e9)


@pytest.mark.parametrize("value", [9123456789.0, 0.1 + 0.2, 1e9 / 3, 2**0.5 * 1e10])
def test_a_quantity_written_and_read_back_is_the_same_number(value):
    parameter = frequency()
    parameter.maximum, parameter.minimum = 1e12, -1e12
    parameter.value = value
    again = frequency()
    again.maximum, again.minimum = 1e12, -1e12
    again.value = str(parameter)
    assert again.value == value


@pytest.mark.parametrize("value", ["100 GHz", "-1 GHz", math.nan, math.inf, "nan", "7 mT", "seven", None, [1]])
def test_what_is_not_allowed_is_refused_and_the_value_stays(value):
    parameter = frequency()
    with pytest.raises(UsageError):
        parameter.value = value
    assert parameter.value == 7e9


def test_the_limits_stand_in_the_message():
    with pytest.raises(UsageError, match=r"100 GHz asked, allowed 1 MHz to 67 GHz"):
        frequency().value = "100 GHz"


@pytest.mark.parametrize("limits", [(1.0, 0.0), (-math.inf, 1.0), (0.6, 1.0)])
def test_a_quantity_needs_finite_limits_around_its_default(limits):
    with pytest.raises(ValueError, match="finite"):
        Quantity("Field", "T", default=0.5, minimum=limits[0], maximum=limits[1])


@pytest.mark.parametrize(("value", "result"), [("4", 4), (4.0, 4), ("4.0", 4)])
def test_whole_numbers_are_taken_however_they_are_written(value, result):
    parameter = Integer("Points", default=3, minimum=1, maximum=5)
    parameter.value = value
    assert parameter.value == result
    assert isinstance(parameter.value, int)


@pytest.mark.parametrize("value", ["4.5", 6, 0, "x", math.nan, math.inf, "4 mT"])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(UsageError):
        Integer("Points", default=3, minimum=1, maximum=5).value = value


@pytest.mark.parametrize(("value", "result"), [("yes", True), ("off", False), (1, True), (False, False)])
def test_flags_are_said_in_words(value, result):
    parameter = Flag("Average", default=False)
    parameter.value = value
    assert parameter.value is result


def test_a_word_that_is_no_choice_is_refused_with_the_choices():
    with pytest.raises(UsageError, match="'sideways' asked, allowed up, down"):
        Choice("Direction", choices=["up", "down"], default="up").value = "sideways"


def test_text_is_one_line():
    with pytest.raises(UsageError):
        Text("Sample", default="").value = "a\nb"
