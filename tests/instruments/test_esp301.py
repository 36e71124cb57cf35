"""The ESP301's axes as delay stage and rotation axis: on the wire, on a bench, and when something goes wrong."""

import math

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, StationError, WrongInstrumentError
from sotlab.instruments.esp301_controller import ESP301, ControllerError
from sotlab.instruments.station import Station

BENCH_CLASS = """
from sotlab.simulated.physics.motion import Axis
from sotlab.simulated.physics.optics import Chopper


class Bench:
    def __init__(self, lab, streams, noise):
        self.stage = {
            1: Axis(-0.1, 0.1, window=2e-7, resolution=1e-7, backlash=4e-6),
            2: Axis(-180.0, 180.0, window=1e-3, resolution=1e-4, backlash=0.02),
            3: Axis(-180.0, 180.0, window=1e-3, resolution=1e-4),
        }
        self.chopper = Chopper()
"""
BENCH = """
spec: "1.1"
devices:
  stages: {class: "esp301:ESP301", role: delay}
  other: {class: "mc2000b:MC2000B"}
resources:
  ASRL1::INSTR: {device: stages}
  GPIB0::8::INSTR: {device: other}
lab: {bench: "bench.py:Bench"}
"""
STATION = """
[station]
name = "stages"
visa_library = "bench.yaml?clock=virtual&noise=off@sotlab"

[roles.delay]
driver = "ESP301Delay"
resource = "ASRL1::INSTR"
timeout_s = 1
retries = 0
options = { axis = 1, ring_down_s = 0.05, approach = "below", overshoot_m = 1e-4 }
limits = { position_m = ["-50 mm", "50 mm"] }

[roles.rotator]
driver = "ESP301Rotator"
resource = "ASRL1::INSTR"
timeout_s = 1
retries = 0
options = { axis = 2, zero_deg = 10.0, velocity_deg_per_s = 40.0, overshoot_deg = 0.5 }
limits = { angle_deg = [-100, 100] }

[roles.azimuth]
driver = "ESP301Rotator"
resource = "ASRL1::INSTR"
options = { axis = 3 }
limits = { angle_deg = [-90, 90] }
"""


@pytest.fixture
def open_station(tmp_path, monkeypatch):
    """Open a station file on the bench; what is left in the controller's error queue fails the test."""
    (tmp_path / "bench.py").write_text(BENCH_CLASS, encoding="utf-8")
    (tmp_path / "bench.yaml").write_text(BENCH, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    opened = []

    def open_one(text=STATION, roles=None):
        path = tmp_path / "station.toml"
        path.write_text(text, encoding="utf-8")
        station = Station.open(str(path), roles)
        opened.append((station, station.visa_library.lab))
        return station

    yield open_one
    left = [list(device.errors) for _, lab in opened for device in lab.devices.values() if device.errors]
    for station, _ in opened:
        station.close()
    assert not left


@pytest.fixture
def station(open_station):
    return open_station()


def stage(station, number):
    return station.visa_library.lab.bench.stage[number]


def parameters(station, number):
    return station.visa_library.lab.devices["ASRL1::INSTR"]._parameters[number]


# --- the wire


@pytest.mark.parametrize(
    ("attribute", "value", "sent"),
    [
        ("position", 12.3456789, b"1PA12.3456789"),
        ("left_limit", -100.0001, b"1SL-100.0001000"),
        ("right_limit", 100.0001, b"1SR100.0001000"),
        ("velocity", 0.5, b"1VA0.5000000"),
        ("acceleration", 80.0, b"1AC80.0000000"),
        ("deceleration", 80.0, b"1AG80.0000000"),
        ("units", "millimeter", b"1SN2"),
    ],
)
def test_what_is_sent_to_an_axis(attribute, value, sent):
    with expected_protocol(ESP301, [(sent, None)]) as controller:
        setattr(controller.x, attribute, value)


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("position", b"2TP?", b"-12.3456", -12.3456),
        ("left_limit", b"2SL?", b"-100", -100.0),
        ("right_limit", b"2SR?", b"100", 100.0),
        ("velocity", b"2VA?", b"20", 20.0),
        ("velocity_maximum", b"2VU?", b"80", 80.0),
        ("acceleration", b"2AC?", b"80", 80.0),
        ("deceleration", b"2AG?", b"80", 80.0),
        ("enabled", b"2MO?", b"0", False),
        ("motion_done", b"2MD?", b"1", True),
        ("units", b"2SN?", b"7", "degree"),
        ("stage", b"2ID?", b"URS75BCC, B1234", "URS75BCC, B1234"),
    ],
)
def test_how_an_axis_is_read(attribute, asked, reply, value):
    with expected_protocol(ESP301, [(asked, reply)]) as controller:
        assert getattr(controller.y, attribute) == value


def test_switching_and_stopping_sends_one_command_for_each_axis_and_asks_nothing():
    exchange = [(f"{axis}{word}".encode(), None) for word in ("MO", "MF", "MF") for axis in (1, 2, 3)]
    with expected_protocol(
        ESP301, [*exchange, (b"ST", None), (b"AB", None), (b"2ST", None), (b"1DH0.0000000", None)]
    ) as c:
        c.enable()
        c.disable()
        c.shutdown()
        c.stop()
        c.abort()
        c.y.stop()
        c.x.define_position(0.0)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("0, 451322, NO ERROR DETECTED", ControllerError(None, 0, "NO ERROR DETECTED")),
        ("213, 451322, MOTOR NOT ENABLED", ControllerError(2, 13, "MOTOR NOT ENABLED")),
        ("304, 1", ControllerError(3, 4, "POSITIVE HARDWARE LIMIT DETECTED")),
        ("9, 1, ", ControllerError(None, 9, "AXIS NUMBER OUT OF RANGE")),
        ("199, 1, ", ControllerError(1, 99, "unknown error")),
    ],
)
def test_errors_are_decoded(reply, expected):
    assert ControllerError.parse(reply) == expected


def test_the_error_queue_is_read_until_it_is_empty_and_no_further_than_twenty():
    replies = [(b"TB?", b"213, 1, MOTOR NOT ENABLED"), (b"TB?", b"0, 2, NO ERROR DETECTED")]
    with expected_protocol(ESP301, replies) as controller:
        assert [str(error) for error in controller.errors] == ["motor not enabled (axis 2, error 13)"]
    with expected_protocol(ESP301, [(b"TB?", b"6, 1, COMMAND DOES NOT EXIST")] * 20) as controller:
        assert len(controller.errors) == 20


def test_waiting_polls_and_stops_when_told_to():
    exchange = [(b"1MD?", b"0"), (b"1ST", None), (b"1MD?", b"0"), (b"1MD?", b"1")]
    slept = []
    with expected_protocol(ESP301, exchange) as controller:
        controller.x.wait_for_stop(delay=1.0, interval=0.1, should_stop=lambda: True, sleep=slept.append)
    assert slept == [0.1, 0.1]


def test_waiting_ends_in_time_and_stops_the_axis():
    exchange = [(b"1MD?", b"0"), (b"1MD?", b"0"), (b"1ST", None)]
    with expected_protocol(ESP301, exchange) as controller, pytest.raises(TimeoutError, match="axis 1"):
        controller.x.wait_for_stop(interval=0.1, timeout=0.1, sleep=lambda seconds: None)


# --- on a bench


def test_three_roles_share_one_controller(station):
    assert len(station.connections) == 1
    assert station.simulated
    assert station.identities["delay"].startswith("Newport,ESP301,SIM")
    station["delay"].move_to(0.01)
    station["rotator"].move_to(30.0)
    station["azimuth"].move_to(-45.0)
    assert station["delay"].read_position() == pytest.approx(0.01, abs=2e-7)
    assert station["rotator"].read_angle() == pytest.approx(30.0, abs=1e-3)
    assert station["azimuth"].read_angle() == pytest.approx(-45.0, abs=1e-3)


def test_opening_moves_nothing_switches_no_motor_and_programs_the_soft_limits(station):
    assert [parameters(station, number).on for number in (1, 2, 3)] == [False] * 3
    assert (parameters(station, 1).left, parameters(station, 1).right) == pytest.approx((-0.05, 0.05))
    assert (parameters(station, 2).left, parameters(station, 2).right) == (-90.0, 110.0)  # the zero lies at 10 deg


def test_the_zero_of_the_rotator_is_where_the_station_says(station):
    station["rotator"].move_to(0.0)
    assert stage(station, 2).position(station.clock.now()) == pytest.approx(10.0, abs=1e-3)


@pytest.mark.parametrize("target_m", [10e-3, -10e-3])
def test_every_position_is_arrived_at_from_below_so_that_backlash_does_not_count(station, target_m):
    delay = station["delay"]
    delay.move_to(target_m)
    now_s = station.clock.now()
    behind_m = stage(station, 1).position(now_s) - stage(station, 1).carriage(now_s)
    assert behind_m == pytest.approx(2e-6, abs=3e-7)  # half the play, always on the same side
    delay.move_to(target_m - 1e-5)  # a small step back
    now_s = station.clock.now()
    behind_m = stage(station, 1).position(now_s) - stage(station, 1).carriage(now_s)
    assert behind_m == pytest.approx(2e-6, abs=3e-7)


def test_without_an_approach_a_step_back_is_off_by_the_backlash(open_station):
    station = open_station(STATION.replace('approach = "below"', 'approach = "either"'), ["delay"])
    station["delay"].move_to(0.010)
    station["delay"].move_to(0.009)
    now_s = station.clock.now()
    assert stage(station, 1).carriage(now_s) - stage(station, 1).position(now_s) == pytest.approx(2e-6, abs=3e-7)


@pytest.mark.parametrize(("start_m", "target_m"), [(0.0, 0.04), (0.04, 0.0), (0.0, 1e-4), (0.01, 0.01)])
def test_a_move_takes_as_long_as_it_says(station, start_m, target_m):
    delay = station["delay"]
    delay.move_to(start_m)
    begin_s = station.clock.now()
    delay.move_to(target_m)
    # The servo of the model settles within 0.1 s, which the option estimates; twice where it is approached.
    assert station.clock.now() - begin_s == pytest.approx(delay.move_time_s(start_m, target_m), abs=0.2)


def test_a_move_that_should_stop_stops_on_the_way_and_the_next_one_arrives(station):
    delay = station["delay"]
    begin_s = station.clock.now()
    delay.move_to(0.04, should_stop=lambda: station.clock.now() - begin_s > 0.5)
    assert station.clock.now() - begin_s < 1.5
    there_m = delay.read_position()
    assert 0.0 < there_m < 0.03
    assert stage(station, 1).velocity(station.clock.now()) == 0.0
    delay.move_to(there_m + 2e-5)  # too near to trust the direction that it came from
    now_s = station.clock.now()
    assert stage(station, 1).position(now_s) - stage(station, 1).carriage(now_s) == pytest.approx(2e-6, abs=3e-7)


def test_a_move_that_should_stop_before_it_begins_is_not_begun(station):
    station["delay"].move_to(0.04, should_stop=lambda: True)
    assert station["delay"].read_position() == 0.0
    assert parameters(station, 1).on is False


def test_a_scan_on_the_fly_has_constant_velocity_and_ends_when_it_says(station):
    delay = station["delay"]
    delay.move_to(-0.01)
    end_s = station.clock.now() + delay.start_move(0.01, 5e-3)
    station.clock.sleep(1.0)
    a_m, a_s = delay.read_position(), station.clock.now()
    station.clock.sleep(2.0)
    assert (delay.read_position() - a_m) / (station.clock.now() - a_s) == pytest.approx(5e-3, rel=1e-3)
    station.clock.wait_until(end_s)
    assert delay.read_position() == pytest.approx(0.01, abs=2e-7)
    begin_s = station.clock.now()
    delay.move_to(0.03)  # at the usual velocity again: 20 mm/s
    assert station.clock.now() - begin_s < 2.0


def test_making_safe_stops_and_leaves_the_motor_on(station):
    station["delay"].start_move(0.05, 10e-3)
    station.clock.sleep(1.0)
    problems = station.make_safe()
    assert set(problems.values()) == {None}
    there_m = station["delay"].read_position()
    station.clock.sleep(1.0)
    assert there_m < 0.02
    assert station["delay"].read_position() == pytest.approx(there_m, abs=3e-7)  # the servo's window
    assert parameters(station, 1).on is True
    assert station["delay"].safe_state == "stopped, motor stays on"
    assert station.make_safe() == problems  # twice does no harm


# --- limits


@pytest.mark.parametrize("position_m", [-0.0501, 0.0501, math.nan])
def test_a_position_beyond_the_stations_limits_is_refused(station, position_m):
    with pytest.raises(LimitError, match=r"delay: position of .* allowed -50 mm to 50 mm \(station.toml"):
        station["delay"].move_to(position_m)
    with pytest.raises(LimitError):
        station["delay"].start_move(position_m, 1e-3)
    assert station["delay"].read_position() == 0.0


def test_the_run_up_of_an_approach_stays_within_the_limits_too(station):
    with pytest.raises(LimitError, match=r"delay: -50 mm asked, which is approached from -50\.1 mm"):
        station["delay"].check(-0.05)
    station["delay"].check(-0.0499)
    station["delay"].check(0.05)


@pytest.mark.parametrize("angle_deg", [-100.01, 100.01])
def test_an_angle_beyond_the_stations_limits_is_refused(station, angle_deg):
    with pytest.raises(LimitError, match=r"rotator: angle of .* allowed -100 deg to 100 deg"):
        station["rotator"].move_to(angle_deg)


@pytest.mark.parametrize("velocity_m_per_s", [0.0, -1e-3, 0.051, 2.0])
def test_a_velocity_that_the_stage_cannot_do_is_refused(station, velocity_m_per_s):
    with pytest.raises(LimitError, match="delay: "):
        station["delay"].start_move(0.01, velocity_m_per_s)


def test_a_station_without_limits_is_refused(open_station):
    text = STATION.replace("limits = { angle_deg = [-90, 90] }", "")
    with pytest.raises(StationError, match=r"\[roles.azimuth.limits\] angle_deg is missing"):
        open_station(text)


# --- what can go wrong


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "stages", **fault})


def test_a_controller_that_does_not_answer_is_named(station):
    add_fault(station, kind="no_reply", match=r"1TP")
    with pytest.raises(InstrumentTimeoutError, match=r"delay at ASRL1::INSTR"):
        station["delay"].read_position()


@pytest.mark.parametrize("question", ["1TP", "1MD", "TB", "1MO"])
def test_an_answer_that_makes_no_sense_is_an_error_that_names_the_role(station, question):
    delay = station["delay"]
    add_fault(station, kind="wrong_reply", match=question, text="garbage")
    with pytest.raises(InstrumentError, match=r"delay at .*: the reply"):
        delay.move_to(0.001)


def test_an_end_of_travel_switches_the_motor_off_and_is_an_error(station):
    delay = station["delay"]
    delay.move_to(0.001)
    stage(station, 1).upper = 0.02  # something stands in the way
    with pytest.raises(InstrumentError, match=r"delay: the controller reports positive hardware limit.*axis 1"):
        delay.move_to(0.04)


def test_an_axis_in_another_unit_is_refused(open_station):
    with pytest.raises(InstrumentError, match=r"azimuth: axis 1 counts in millimeter, not in degree"):
        open_station(STATION.replace("axis = 3", "axis = 1"), ["azimuth"])


def test_another_instrument_at_the_address_is_an_error(open_station):
    with pytest.raises((WrongInstrumentError, InstrumentTimeoutError), match="azimuth at GPIB0::8::INSTR"):
        open_station(
            STATION.replace('resource = "ASRL1::INSTR"\noptions = { axis = 3 }', 'resource = "GPIB0::8::INSTR"'),
            ["azimuth"],
        )
