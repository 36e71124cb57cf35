"""The 425 as gaussmeter: tesla, ranges, overload, over its serial line."""

import pytest

from sotlab.errors import InstrumentError, InstrumentTimeoutError, WrongInstrumentError

ADDRESS = "ASRL3::INSTR"
ROLE = f"""
[roles.gaussmeter]
driver = "LakeShore425"
resource = "{ADDRESS}"
retries = 0
options = {{ zero_sigma_T = 20e-6%s }}
"""


@pytest.fixture
def gaussmeter_of(open_station, lab_of, monkeypatch):
    def open_one(options="", field_T=0.0, **keywords):
        station = open_station(ROLE % options, bench="transport", **keywords)
        lab = lab_of(station)
        field = {"T": field_T}
        monkeypatch.setattr(lab.bench, "gaussmeter_T", lambda t_s: field["T"])
        return station["gaussmeter"], field, lab

    return open_one


@pytest.mark.parametrize("field_T", [0.0, 1.2345e-3, -0.31234, 2.5])
def test_the_field_is_in_tesla(gaussmeter_of, field_T):
    gaussmeter, _, _ = gaussmeter_of(field_T=field_T)
    assert gaussmeter.read_field() == pytest.approx(field_T, rel=1e-4, abs=1e-6)  # six digits are sent
    assert (gaussmeter.zero_sigma_T, gaussmeter.reading_time_s) == (20e-6, 0.1)


@pytest.mark.parametrize(("range_T", "number"), [(3.5e-3, 1), (0.01, 2), (0.2, 3), (1.0, 4)])
def test_the_range_takes_the_largest_field(gaussmeter_of, range_T, number):
    _, _, lab = gaussmeter_of(f", range_T = {range_T}")
    assert lab.devices[ADDRESS].range_in_use() == number


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_field_beyond_the_range_is_an_error_not_a_reading(gaussmeter_of, sign):
    gaussmeter, field, _ = gaussmeter_of(", range_T = 0.35")
    field["T"] = sign * 0.3
    assert gaussmeter.read_field() == pytest.approx(sign * 0.3)
    field["T"] = sign * 0.4
    with pytest.raises(
        InstrumentError, match=r"gaussmeter: the field is beyond the range of 0\.35 T; raise .* range_T"
    ):
        gaussmeter.read_field()


def test_opening_makes_it_speak_tesla_and_dc_whatever_it_was_left_in(gaussmeter_of):
    gaussmeter, _, lab = gaussmeter_of(field_T=0.1)
    lab.devices[ADDRESS].unit = 1
    lab.devices[ADDRESS].set_mode(2, 1, 2)
    gaussmeter.configure()
    assert gaussmeter.read_field() == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("fault", "error", "named"),
    [
        ({"kind": "no_reply", "match": r"RDGFIELD\?"}, InstrumentTimeoutError, f"gaussmeter at {ADDRESS}"),
        (
            {"kind": "wrong_reply", "match": r"RDGFIELD\?", "text": "OL"},
            InstrumentError,
            "gaussmeter at .*: the reply",
        ),
    ],
)
def test_a_failing_reply_is_a_typed_error(gaussmeter_of, fault, error, named):
    gaussmeter, _, lab = gaussmeter_of()
    lab.faults.add({"device": "gaussmeter", **fault})
    with pytest.raises(error, match=named):
        gaussmeter.read_field()


def test_another_model_is_refused(open_station):
    with pytest.raises(WrongInstrumentError, match="MODEL475"):
        open_station((ROLE % "").replace(ADDRESS, "GPIB0::12::INSTR"))
