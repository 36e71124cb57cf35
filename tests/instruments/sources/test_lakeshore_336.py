"""The 336 as temperature: settled by a criterion, given up with what was reached, heaters off."""

from itertools import pairwise

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, StationError, WrongInstrumentError
from sotlab.instruments.lakeshore_336 import LakeShore336

ADDRESS = "TCPIP0::lakeshore336.example::7777::SOCKET"
ROLE = f"""
[roles.temperature]
driver = "LakeShore336"
resource = "{ADDRESS}"
retries = 0
options = {{ %s }}
limits = {{ temperature_K = [5, 310] }}
"""


@pytest.mark.parametrize(
    ("channel", "attribute", "value", "sent"),
    [
        ("output_1", "setpoint", 123.45678, b"SETP 1,123.4568"),
        ("output_2", "range", "medium", b"RANGE 2,2"),
        ("output_1", "mode", (1, 2, 0), b"OUTMODE 1,1,2,0"),
        ("output_1", "ramp", (1, 2.5), b"RAMP 1,1,2.500"),
    ],
)
def test_what_is_sent(channel, attribute, value, sent):
    with expected_protocol(LakeShore336, [(sent, None)]) as controller:
        setattr(getattr(controller, channel), attribute, value)


@pytest.mark.parametrize(
    ("channel", "attribute", "asked", "reply", "value"),
    [
        ("input_A", "kelvin", b"KRDG? A", b"+295.0012", 295.0012),
        ("input_D", "status", b"RDGST? D", b"033", 33),
        ("output_1", "setpoint", b"SETP? 1", b"+123.4568", 123.4568),
        ("output_2", "range", b"RANGE? 2", b"3", "high"),
        ("output_1", "mode", b"OUTMODE? 1", b"1,2,0", [1, 2, 0]),
        ("output_1", "ramp", b"RAMP? 1", b"1,+2.500", [1, 2.5]),
        ("output_1", "status", b"HTRST? 1", b"1", 1),
        ("output_1", "output", b"HTR? 1", b"+037.5", 37.5),
    ],
)
def test_how_an_answer_is_read(channel, attribute, asked, reply, value):
    with expected_protocol(LakeShore336, [(asked, reply)]) as controller:
        assert getattr(getattr(controller, channel), attribute) == value


@pytest.fixture
def controller_of(open_station, lab_of):
    def open_one(options="tolerance_K = 0.05, hold_s = 30", **keywords):
        station = open_station(ROLE % options, **keywords)
        return station["temperature"], lab_of(station), station

    return open_one


def stage_K(lab, t_s=None):
    return lab.bench.cryostat.stages[1].temperature_K(lab.clock.now() if t_s is None else t_s)


def heater_W(lab):
    return lab.bench.actuators(lab.clock.now())["heater_W"]


@pytest.mark.parametrize("asked_K", [300.0, 280.0])
def test_it_returns_when_the_temperature_has_stayed_within_the_tolerance_for_the_time(controller_of, asked_K):
    controller, lab, _ = controller_of()
    seen = []

    def look():
        seen.append((lab.clock.now(), stage_K(lab)))
        return False

    controller.settle_at(asked_K, should_stop=look)
    end_s = lab.clock.now()
    last = [kelvin for t_s, kelvin in seen if t_s > end_s - 29.0]
    assert max(abs(kelvin - asked_K) for kelvin in last) <= 0.05
    assert abs(controller.read_temperature() - asked_K) <= 0.05
    first_s = next(t_s for t_s, kelvin in seen if abs(kelvin - asked_K) <= 0.05)
    assert end_s - first_s == pytest.approx(30.0, abs=5.0)  # what has settled is not waited for longer


def test_a_ramp_moves_no_faster_than_its_rate(controller_of):
    controller, lab, _ = controller_of("tolerance_K = 0.1, hold_s = 10, ramp_K_per_min = 3, lag_s = 60")
    seen = []

    def look():
        seen.append((lab.clock.now(), stage_K(lab)))
        return False

    begun_s = lab.clock.now()
    controller.settle_at(301.0, should_stop=look)
    rates = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(seen) if b[0] > a[0]]
    assert max(rates) * 60 < 3.0 * 1.1
    assert controller.settle_time_s(295.0, 301.0) == 120.0 + 60.0 + 10.0
    assert lab.clock.now() - begun_s > 120.0


def test_giving_up_says_how_far_it_got_and_what_to_do(controller_of):
    controller, lab, _ = controller_of("tolerance_K = 0.05, hold_s = 30, time_limit_s = 20")
    begun_s = lab.clock.now()
    with pytest.raises(
        InstrumentError, match=r"temperature: 250 K asked, 2[89]\d\.?\d* K reached after 2\d s.*from 295 K"
    ):
        controller.settle_at(250.0)
    assert lab.clock.now() - begun_s < 25.0


def test_a_stop_returns_early_and_the_loop_goes_on(controller_of):
    controller, lab, _ = controller_of()
    controller.settle_at(305.0, should_stop=lambda: stage_K(lab) > 296.0)
    assert stage_K(lab) < 297.0
    lab.clock.sleep(600.0)
    assert stage_K(lab) == pytest.approx(305.0, abs=0.5)


def test_opening_changes_nothing(controller_of):
    controller, lab, _ = controller_of()
    controller.settle_at(300.0)
    power_W = heater_W(lab)
    second = type(controller)(controller.instrument, controller.options, controller.limits, controller.clock)
    second.configure()
    lab.clock.sleep(60.0)
    assert heater_W(lab) == pytest.approx(power_W, rel=0.05)
    assert power_W > 0.0


def test_safe_is_heaters_off_also_twice(controller_of):
    controller, lab, station = controller_of()
    controller.settle_at(300.0)
    assert heater_W(lab) > 0.0
    for _ in range(2):
        assert station.make_safe() == {"temperature": None}
        assert heater_W(lab) == 0.0


def test_safe_tries_each_output_and_says_which_did_not_go_off(controller_of):
    controller, lab, station = controller_of()
    controller.settle_at(300.0)
    lab.faults.add({"device": "temperature", "kind": "no_reply", "match": r"RANGE\? 1"})
    assert f"temperature at {ADDRESS}" in station.make_safe()["temperature"]
    assert heater_W(lab) == 0.0
    lab.faults.add({"device": "temperature", "kind": "wrong_reply", "match": r"RANGE\? 2", "text": "3"})
    with pytest.raises(InstrumentError) as raised:
        controller.make_safe()
    assert "heater output 2 did not go off" in "".join(raised.value.__notes__)


@pytest.mark.parametrize("asked_K", [4.9, 310.1, float("nan")])
def test_beyond_the_stations_limits_nothing_is_sent(controller_of, asked_K):
    controller, lab, _ = controller_of()
    with pytest.raises(LimitError, match=r"allowed 5 K to 310 K"):
        controller.settle_at(asked_K)
    assert heater_W(lab) == 0.0


def test_the_temperature_must_be_limited_by_the_station(open_station):
    with pytest.raises(StationError, match="temperature_K is missing"):
        open_station((ROLE % "").replace("limits = { temperature_K = [5, 310] }", ""))


def test_a_sensor_that_is_not_there_is_an_error_on_opening(controller_of):
    with pytest.raises(InstrumentError, match=r"temperature: input C: invalid; check the sensor"):
        controller_of('sample_input = "C"')


def test_a_heater_that_is_not_there_is_an_error(controller_of):
    controller, _, _ = controller_of("output = 2")
    with pytest.raises(InstrumentError, match=r"heater output 2: open load"):
        controller.settle_at(300.0)


def test_the_samples_own_sensor_is_the_one_that_is_read(controller_of):
    controller, lab, _ = controller_of('control_input = "A", sample_input = "B"')
    controller.settle_at(297.0)
    lagging = lab.bench.cryostat.temperature_K(lab.clock.now(), "B")
    assert controller.read_temperature() == pytest.approx(lagging, abs=1e-3)


@pytest.mark.parametrize(
    ("fault", "error", "named"),
    [
        ({"kind": "no_reply", "match": r"KRDG\?"}, InstrumentTimeoutError, f"temperature at {ADDRESS}"),
        (
            {"kind": "wrong_reply", "match": r"KRDG\?", "text": "garbage"},
            InstrumentError,
            "temperature at .*: the reply",
        ),
        ({"kind": "wrong_reply", "match": r"RDGST\?", "text": "128"}, InstrumentError, "sensor over range"),
    ],
)
def test_a_failing_reply_is_a_typed_error(controller_of, fault, error, named):
    controller, lab, _ = controller_of()
    lab.faults.add({"device": "temperature", **fault})
    with pytest.raises(error, match=named):
        controller.read_temperature()


def test_another_model_is_refused(open_station):
    with pytest.raises(WrongInstrumentError, match="MODEL475"):
        open_station((ROLE % "").replace(ADDRESS, "GPIB0::12::INSTR"))
