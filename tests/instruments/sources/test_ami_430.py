"""The AMI 430 as field: ramps, stops, quenches, the persistent switch, and what safe means for a magnet."""

from itertools import pairwise

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, StationError, WrongInstrumentError
from sotlab.instruments.ami_430 import AMI430

ADDRESS = "TCPIP0::ami430.example::7180::SOCKET"
ROLE = f"""
[roles.field]
driver = "AMI430"
resource = "{ADDRESS}"
retries = 0
options = {{ tesla_per_ampere = 0.1182 }}
limits = {{ field_T = [-3, 3], field_rate_T_per_s = 0.02 }}
"""
SWITCH = (("persistent_switch: 0", "persistent_switch: 1"),)


@pytest.mark.parametrize(
    ("attribute", "value", "sent"),
    [
        ("field_units", "T", b"CONF:FIELD:UNITS 1"),
        ("rate_units", "s", b"CONF:RAMP:RATE:UNITS 0"),
        ("target_field", 1.2345678, b"CONF:FIELD:TARG 1.2345678"),
        ("target_current", -12.345678, b"CONF:CURR:TARG -12.345678"),
        ("ramp_segments", 1, b"CONF:RAMP:RATE:SEG 1"),
        ("ramp_rate_field", (0.02, 9.456), b"CONF:RAMP:RATE:FIELD 1,0.02,9.456"),
        ("switch_heater_enabled", True, b"PS 1"),
    ],
)
def test_what_is_sent(attribute, value, sent):
    with expected_protocol(AMI430, [(sent, None)]) as magnet:
        setattr(magnet, attribute, value)


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("field_units", b"FIELD:UNITS?", b"1", "T"),
        ("rate_units", b"RAMP:RATE:UNITS?", b"1", "min"),
        ("ramp_rate_field", b"RAMP:RATE:FIELD:1?", b"0.02,9.456", [0.02, 9.456]),
        ("state", b"STATE?", b"2", 2),
        ("quenched", b"QU?", b"0", False),
        ("quenched", b"QU?", b"1", True),
        ("switch_installed", b"PS:INST?", b"0", False),
        ("switch_heater_enabled", b"PS?", b"1", True),
        ("switch_heating_time", b"PS:HTIME?", b"20", 20.0),
        ("current_limit", b"CURR:LIM?", b"80", 80.0),
    ],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(AMI430, [(asked, reply)]) as magnet:
        assert getattr(magnet, attribute) == value


@pytest.fixture
def magnet_of(open_station, lab_of):
    def open_one(role=ROLE, **keywords):
        station = open_station(role, **keywords)
        return station["field"], lab_of(station), station

    return open_one


def field_T(lab):
    return lab.bench.sc_magnet.field_T(lab.clock.now())


def test_a_ramp_ends_on_the_target_in_the_time_that_it_says(magnet_of):
    magnet, lab, _ = magnet_of()
    begun_s = lab.clock.now()
    magnet.ramp_to(0.5)
    assert field_T(lab) == pytest.approx(0.5, abs=1e-6)
    assert lab.clock.now() - begun_s == pytest.approx(magnet.ramp_time_s(0.0, 0.5), abs=1.5)  # two polls and the line
    begun_s = lab.clock.now()
    magnet.ramp_to(-0.5)
    assert field_T(lab) == pytest.approx(-0.5, abs=1e-6)
    assert lab.clock.now() - begun_s == pytest.approx(magnet.ramp_time_s(0.5, -0.5), abs=1.5)
    assert magnet.read_setpoint() == pytest.approx(-0.5, abs=1e-4)


def test_the_field_never_moves_faster_than_the_station_allows(magnet_of):
    magnet, lab, _ = magnet_of()
    seen = []

    def look():
        seen.append((lab.clock.now(), field_T(lab)))
        return False

    magnet.ramp_to(1.0, should_stop=look)
    rates = [abs(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(seen) if b[0] > a[0]]
    assert max(rates) < 0.02 * (1 + 1e-6)
    assert len(rates) > 40


def test_a_stopped_ramp_is_paused_where_it_is(magnet_of):
    magnet, lab, _ = magnet_of()
    magnet.ramp_to(2.0, should_stop=lambda: field_T(lab) > 0.3)
    held_T = field_T(lab)
    assert 0.3 < held_T < 0.35
    lab.clock.sleep(60.0)
    assert field_T(lab) == held_T
    magnet.ramp_to(0.2)
    assert field_T(lab) == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize("asked_T", [3.01, -3.01, float("nan")])
def test_beyond_the_stations_limit_nothing_is_sent(magnet_of, asked_T):
    magnet, lab, _ = magnet_of()
    with pytest.raises(LimitError, match=r"field: field of .* allowed -3 T to 3 T"):
        magnet.ramp_to(asked_T)
    lab.clock.sleep(10.0)
    assert field_T(lab) == 0.0


def test_the_programmers_own_limit_counts_too(magnet_of):
    magnet, _, _ = magnet_of(ROLE.replace("[-3, 3]", "[-20, 20]"))
    with pytest.raises(LimitError, match=r"programmer's current limit"):
        magnet.check(9.5)
    magnet.check(9.4)


def test_a_coil_constant_that_differs_is_an_error(open_station):
    with pytest.raises(InstrumentError, match=r"coil constant is 0\.1182 T/A.*is 0\.12 T/A"):
        open_station(ROLE.replace("= 0.1182", "= 0.12"))


def test_field_and_rate_must_be_limited_by_the_station(open_station):
    with pytest.raises(StationError, match="field_rate_T_per_s is missing"):
        open_station(ROLE.replace(", field_rate_T_per_s = 0.02", ""))


def test_a_quench_under_way_is_an_error_and_safe_all_the_same(magnet_of):
    magnet, lab, _ = magnet_of()
    lab.faults.add({"device": "field", "kind": "quench", "at": lab.clock.now() + 20.0})
    with pytest.raises(InstrumentError, match=r"field: the magnet has quenched"):
        magnet.ramp_to(1.0)
    lab.clock.sleep(30.0)
    assert abs(field_T(lab)) < 1e-3
    with pytest.raises(InstrumentError, match="quenched"):
        magnet.ramp_to(0.1)
    magnet.make_safe()


def test_a_ramp_that_somebody_stops_at_the_front_panel_is_an_error(magnet_of):
    magnet, lab, _ = magnet_of()

    def press():
        if field_T(lab) > 0.2:
            lab.devices[ADDRESS].pause()
        return False

    with pytest.raises(InstrumentError, match=r"field: the ramp to 1 T has ended with the programmer 'paused'"):
        magnet.ramp_to(1.0, should_stop=press)


def test_a_ramp_slowed_by_the_voltage_limit_is_waited_for(magnet_of):
    magnet, lab, station = magnet_of()
    station.connections[ADDRESS].write("CONF:VOLT:LIM 0.2")  # 0.02 A/s through 10 H: a ninth of the rate
    begun_s = lab.clock.now()
    magnet.ramp_to(0.3)
    assert field_T(lab) == pytest.approx(0.3, abs=1e-6)
    assert lab.clock.now() - begun_s > 100.0


@pytest.mark.parametrize("limit_V", [0.2, 1.0, 5.0])
def test_the_voltage_limit_is_in_the_time_that_a_ramp_is_said_to_take(magnet_of, limit_V):
    magnet, lab, station = magnet_of()
    assert magnet.ramp_time_s(0.0, 0.3) == pytest.approx(0.3 / 0.02 + 1.0)  # no inductance is given: the rate's own
    station.connections[ADDRESS].write(f"CONF:VOLT:LIM {limit_V}")
    magnet.options = magnet.options.model_copy(update={"inductance_H": 10.0})
    magnet.configure()
    begun_s = lab.clock.now()
    said_s = magnet.ramp_time_s(0.0, 0.3)
    magnet.ramp_to(0.3)
    assert lab.clock.now() - begun_s == pytest.approx(said_s, rel=0.02, abs=1.0)  # looked at every half second


def test_a_ramp_that_stands_still_is_given_up(magnet_of):
    magnet, lab, _ = magnet_of()
    lab.faults.add({"device": "field", "kind": "wrong_reply", "match": r"CURR:SUPP\?", "text": "1.0"})
    with pytest.raises(InstrumentError, match=r"stood still at 1 A for 60 s"):
        magnet.ramp_to(3.0)


def test_safe_is_on_the_way_to_zero_and_not_waited_for(magnet_of):
    magnet, lab, station = magnet_of()
    magnet.ramp_to(1.0)
    begun_s = lab.clock.now()
    assert station.make_safe() == {"field": None}
    assert lab.clock.now() - begun_s < 1.0
    assert station.make_safe() == {"field": None}
    lab.clock.sleep(25.0)
    assert 0.4 < field_T(lab) < 0.55  # at the station's rate
    lab.clock.sleep(30.0)
    assert field_T(lab) == pytest.approx(0.0, abs=1e-6)
    assert station.make_safe() == {"field": None}


def test_taking_over_leaves_a_ramp_under_way(magnet_of):
    magnet, lab, _ = magnet_of()
    magnet.ramp_to(0.5)
    second = type(magnet)(magnet.instrument, magnet.options, magnet.limits, magnet.clock)
    second.configure()
    lab.clock.sleep(20.0)
    assert field_T(lab) == pytest.approx(0.5, abs=1e-6)


def test_a_persistent_switch_is_warmed_before_the_ramp(magnet_of):
    magnet, lab, _ = magnet_of(replace=SWITCH)
    assert not lab.bench.sc_magnet.is_heated()
    magnet.ramp_to(0.3)
    assert lab.bench.sc_magnet.is_heated()
    assert field_T(lab) == pytest.approx(0.3, abs=1e-6)


def test_a_magnet_in_persistent_mode_is_matched_before_its_switch_is_warmed(magnet_of):
    magnet, lab, station = magnet_of(replace=SWITCH)
    magnet.ramp_to(0.5)
    wire = station.connections[ADDRESS]
    wire.write("PS 0")
    lab.clock.sleep(40.0)
    wire.write("ZERO")
    lab.clock.sleep(40.0)
    assert field_T(lab) == pytest.approx(0.5)  # persistent, the supply is at zero
    assert station.make_safe() == {"field": None}
    lab.clock.sleep(60.0)
    assert field_T(lab) == pytest.approx(0.5)  # safe is to leave it so
    magnet.ramp_to(0.2)
    assert not lab.bench.sc_magnet.is_quenched(lab.clock.now())
    assert field_T(lab) == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize(
    ("fault", "error", "named"),
    [
        ({"kind": "no_reply", "match": r"STATE\?"}, InstrumentTimeoutError, f"field at {ADDRESS}"),
        ({"kind": "wrong_reply", "match": r"STATE\?", "text": "garbage"}, InstrumentError, r"field at .*: the reply"),
        ({"kind": "wrong_reply", "match": r"SYST:ERR\?", "text": '-105,"Out of range"', "count": 1},
         InstrumentError, "field: the instrument reports -105"),
    ],
)  # fmt: skip
def test_a_failing_reply_is_a_typed_error(magnet_of, fault, error, named):
    magnet, lab, _ = magnet_of()
    lab.faults.add({"device": "field", **fault})
    with pytest.raises(error, match=named):
        magnet.ramp_to(0.1)


def test_safe_is_tried_even_if_the_rate_cannot_be_set_and_says_if_it_does_not_go(magnet_of):
    magnet, lab, station = magnet_of()
    magnet.ramp_to(0.5)
    lab.faults.add({"device": "field", "kind": "wrong_reply", "match": r"STATE\?", "text": "3"})
    assert "'paused'; bring the magnet to zero" in station.make_safe()["field"]
    lab.clock.sleep(60.0)
    assert field_T(lab) == pytest.approx(0.0, abs=1e-6)


def test_the_greeting_of_a_socket_that_is_opened_anew_is_no_answer(magnet_of):
    magnet, _, station = magnet_of()
    magnet.ramp_to(0.1)
    station.connections[ADDRESS].reopen()
    assert magnet.read_setpoint() == pytest.approx(0.1, abs=1e-4)
    assert "MODEL 430" in magnet.identify()


def test_another_model_is_refused(open_station):
    with pytest.raises(WrongInstrumentError, match=r"field at GPIB0::24::INSTR: .*MODEL 2400"):
        open_station(ROLE.replace(ADDRESS, "GPIB0::24::INSTR"))
