"""Drivers without an instrument: what the operator is asked, how often, and what is refused."""

import math

import pytest

from sotlab.errors import InstrumentError, LimitError, StationError
from sotlab.instruments.roles import ROLES, Actuator
from sotlab.instruments.station import Station

STATION = """
[station]
name = "by hand"
visa_library = "@py"

[roles.rotator]
driver = "ManualRotator"
options = { change_s = 20 }
limits = { angle_deg = [-90, 180] }

[roles.azimuth]
driver = "ManualRotator"
options = { name = "the sample", start_deg = 0 }

[roles.field]
driver = "ManualField"
limits = { field_T = ["-300 mT", "300 mT"] }

[roles.delay]
driver = "ManualDelay"
options = { start_m = 0.0 }
limits = { position_m = [0, 0.025] }

[roles.switch]
driver = "ManualSwitch"
options = { terminals = ["I+", "I-"], contacts = ["1", "2", "3"] }

[roles.shutter]
driver = "ManualShutter"
options = { name = "the pump" }
"""


@pytest.fixture
def open_station(tmp_path):
    opened = []

    def open_one(text=STATION):
        path = tmp_path / "station.toml"
        path.write_text(text, encoding="utf-8")
        station = Station.open(str(path))
        station.asked = []
        station.operator = station.asked.append
        opened.append(station)
        return station

    yield open_one
    for station in opened:
        station.close()


@pytest.fixture
def station(open_station):
    return open_station()


def test_each_fills_its_role_and_answers_for_the_operator(station):
    for role, driver in station.drivers.items():
        assert isinstance(driver, ROLES[role])
        assert isinstance(driver, Actuator)
        assert station.identities[role] == "operator"
    assert station.connections == {}


def test_the_operator_is_asked_once_for_each_change(station):
    station["rotator"].move_to(45.0)
    station["rotator"].move_to(45.0)
    station["rotator"].move_to(-30.0)
    assert station.asked == ["turn the magnet to 45 deg", "turn the magnet to -30 deg"]
    assert station["rotator"].read_angle() == -30.0


def test_what_the_station_says_is_set_already_is_not_asked_for(station):
    station["azimuth"].move_to(0.0)
    assert station.asked == []
    station["azimuth"].move_to(90.0)
    assert station.asked == ["turn the sample to 90 deg"]


def test_field_and_delay_are_asked_for_in_their_units(station):
    station["field"].ramp_to(0.1)
    station["delay"].move_to(0.0125)
    assert station.asked == ["set the field to 100 mT", "move the delay stage to 12.5 mm"]
    assert station["delay"].read_position() == 0.0125


def test_plugs_are_asked_for_once_and_all_at_a_time(station):
    station["switch"].connect({"I+": "1", "I-": "3"})
    station["switch"].connect({"I-": "3", "I+": "1"})
    station["switch"].connect({})
    assert station.asked == [
        "at the patch panel, take out all plugs, then connect I+ to 1, I- to 3, and nothing else",
        "at the patch panel, take out all plugs, and leave it so",
    ]


def test_the_beam_is_unblocked_and_blocked(station):
    for is_open in (True, True, False):
        station["shutter"].set_open(is_open)
    assert station.asked == ["unblock the pump", "block the pump"]


def test_estimates_of_time_count_changes(station):
    assert station["rotator"].move_time_s(0.0, 45.0) == 20.0
    assert station["rotator"].move_time_s(45.0, 45.0) == 0.0
    assert station["field"].ramp_time_s(0.0, 0.1) == 30.0
    assert station["delay"].move_time_s(0.0, 0.1) == 30.0


def test_making_safe_asks_nobody_and_says_so(station):
    assert set(station.make_safe().values()) == {None}
    assert station.asked == []
    assert "as the operator left it" in station["shutter"].safe_state


@pytest.mark.parametrize(
    ("role", "call"),
    [
        ("rotator", lambda driver: driver.move_to(-90.1)),
        ("rotator", lambda driver: driver.move_to(180.1)),
        ("rotator", lambda driver: driver.check(math.nan)),
        ("field", lambda driver: driver.ramp_to(-0.31)),
        ("field", lambda driver: driver.ramp_to(0.31)),
        ("delay", lambda driver: driver.move_to(-1e-6)),
        ("delay", lambda driver: driver.move_to(0.0251)),
    ],
)
def test_what_is_beyond_the_limits_is_not_asked_for(station, role, call):
    with pytest.raises(LimitError, match=f"^{role}: "):
        call(station[role])
    assert station.asked == []


@pytest.mark.parametrize("routes", [{"V+": "1"}, {"I+": "7"}])
def test_an_unknown_plug_is_not_asked_for(station, routes):
    with pytest.raises(InstrumentError, match=r"switch: .* nobody was asked"):
        station["switch"].connect(routes)
    assert station.asked == []


def test_a_field_without_limits_is_refused(open_station):
    with pytest.raises(StationError, match="field_T is missing"):
        open_station(STATION.replace('limits = { field_T = ["-300 mT", "300 mT"] }', ""))


def test_where_nobody_has_said_where_it_is_it_cannot_be_read(station):
    with pytest.raises(InstrumentError, match=r"rotator: nobody has said yet .* start_deg"):
        station["rotator"].read_angle()


def test_nobody_scans_on_the_fly_by_hand(station):
    with pytest.raises(InstrumentError, match=r"delay: .* by hand"):
        station["delay"].start_move(0.01, 1e-3)


def test_when_told_to_stop_nobody_is_asked(station):
    station["rotator"].move_to(10.0, should_stop=lambda: True)
    assert station.asked == []


def test_without_an_operator_it_is_an_error_and_the_setting_unknown(station):
    station["rotator"].move_to(10.0)
    station.operator = None
    with pytest.raises(InstrumentError, match="nobody is there to ask"):
        station["rotator"].move_to(20.0)
    with pytest.raises(InstrumentError, match="nobody has said"):
        station["rotator"].read_angle()


# --- the ST-FMR sweep with a rotator, motorised or not: only the station differs
