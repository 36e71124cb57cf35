"""The coaxial switch and the matrix: what is sent, on a bench, names, stuck relays."""

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, StationError, WrongInstrumentError
from sotlab.instruments.switch_box import SwitchBox

BENCH_CLASS = """
class Bench:
    def __init__(self, lab, streams, noise):
        self.log = {"device": [], "matrix": []}

    def switched(self, name, closed):
        self.log[name].append(closed)
"""
BENCH = """
spec: "1.1"
devices:
  device: {class: "switch_box:RFSwitch"}
  matrix: {class: "switch_box:MatrixSwitch"}
resources:
  GPIB0::21::INSTR: {device: device}
  GPIB0::22::INSTR: {device: matrix}
lab: {bench: "bench.py:Bench"}
"""
STATION = """
[station]
name = "bench"
visa_library = "bench.yaml?clock=virtual&noise=off@sotlab"

[roles.rf_switch]
driver = "GenericRFSwitch"
resource = "GPIB0::21::INSTR"
timeout_s = 1
retries = 0
options = { positions = { sample = [101, 201], meter = [102], load = [106] }, safe_position = "load" }

[roles.switch]
driver = "GenericMatrixSwitch"
resource = "GPIB0::22::INSTR"
timeout_s = 1
retries = 0
[roles.switch.options]
terminals = { "I+" = 1, "I-" = 2, "V+" = 3, "V-" = 4 }
contacts = { "1" = 1, "2" = 2, "3" = 3, "gate" = 8 }
"""


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "device", **fault})


def test_what_is_sent():
    exchange = [(b"ROUT:CLOS (@101,203)", None), (b"ROUT:OPEN (@101)", None), (b"ROUT:OPEN:ALL", None)]
    with expected_protocol(SwitchBox, exchange) as box:
        box.close_channels([101, 203])
        box.open_channels([101])
        box.open_all()


@pytest.mark.parametrize(("reply", "value"), [(b"(@101,203)", [101, 203]), (b"(@101)", [101]), (b"(@)", [])])
def test_how_the_closed_channels_are_read(reply, value):
    with expected_protocol(SwitchBox, [(b"ROUT:CLOS:STAT?", reply)]) as box:
        assert box.closed == value


def log(station, name):
    return station.visa_library.lab.bench.log[name]


def test_opening_the_station_moves_no_relay(station):
    assert log(station, "device") == []
    assert log(station, "matrix") == []
    assert station.simulated


def test_a_position_closes_its_channels_and_opens_those_of_others_first(station):
    switch = station["rf_switch"]
    assert switch.positions == ("sample", "meter", "load")
    switch.select("sample")
    assert log(station, "device")[-1] == [101, 201]
    switch.select("meter")
    assert log(station, "device")[-2:] == [[], [102]]
    begin = len(log(station, "device"))
    switch.select("meter")
    assert len(log(station, "device")) == begin  # nothing to do, no relay worn


def test_it_returns_when_the_relays_have_settled(station):
    station["rf_switch"].select("sample")
    assert station.clock.now() >= 0.02


def test_routes_are_closed_exactly_and_all_others_opened_first(station):
    switch = station["switch"]
    switch.connect({"I+": "1", "I-": "2", "V+": "3", "V-": "gate"})
    assert log(station, "matrix")[-1] == [101, 202, 303, 408]
    switch.connect({"I+": "2", "I-": "1", "V+": "3"})
    assert log(station, "matrix")[-2:] == [[303], [102, 201, 303]]


def test_making_safe_goes_to_the_load_and_opens_the_matrix_and_may_be_done_twice(station):
    station["rf_switch"].select("sample")
    station["switch"].connect({"I+": "1"})
    assert set(station.make_safe().values()) == {None}
    assert log(station, "device")[-1] == [106]
    assert log(station, "matrix")[-1] == []
    assert set(station.make_safe().values()) == {None}
    assert station["rf_switch"].safe_state == "at 'load'"


def test_without_a_safe_position_all_is_opened(open_station):
    station = open_station(STATION.replace(', safe_position = "load"', ""))
    station["rf_switch"].select("sample")
    station.make_safe()
    assert log(station, "device")[-1] == []
    assert station["rf_switch"].safe_state == "all open"


def test_an_unknown_position_is_refused_with_those_there_are(station):
    with pytest.raises(InstrumentError, match=r"rf_switch: position 'antenna' asked, .* sample, meter, load; nothing"):
        station["rf_switch"].select("antenna")
    assert log(station, "device") == []


@pytest.mark.parametrize(("routes", "named"), [({"I": "1"}, r"'I' asked"), ({"I+": "9"}, r"'9' asked.*contacts")])
def test_an_unknown_route_is_refused_before_any_relay_moves(station, routes, named):
    with pytest.raises(InstrumentError, match=f"switch: {named}"):
        station["switch"].connect({"V-": "3", **routes})
    assert log(station, "matrix") == []


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('safe_position = "load"', 'safe_position = "none"', "safe_position 'none' is none of"),
        ("meter = [102]", "meter = [7]", r"positions"),
        ("meter = [102]", "meter = []", r"positions"),
        ('"I+" = 1', '"I+" = 0', r"terminals"),
    ],
)
def test_what_is_wrong_in_the_station_is_named(open_station, old, new, named):
    with pytest.raises(StationError, match=named):
        open_station(STATION.replace(old, new))


def test_a_channel_that_the_box_has_not_is_its_error(open_station):
    station = open_station(STATION.replace("meter = [102]", "meter = [909]"))
    with pytest.raises(InstrumentError, match=r"rf_switch: the instrument reports -222"):
        station["rf_switch"].select("meter")


def test_a_stuck_relay_is_an_error(station):
    add_fault(station, kind="wrong_reply", match="STAT", text="(@103)")
    with pytest.raises(InstrumentError, match=r"rf_switch: \(@102\) should be closed, and \(@103\) are"):
        station["rf_switch"].select("meter")


def test_garbage_is_an_error_that_names_the_role(station):
    add_fault(station, kind="wrong_reply", match="STAT", text="garbage")
    with pytest.raises(InstrumentError, match="rf_switch: "):
        station["rf_switch"].select("meter")


def test_no_answer_names_role_and_address(station):
    add_fault(station, kind="no_reply", match="STAT")
    with pytest.raises(InstrumentTimeoutError, match=r"rf_switch at GPIB0::21::INSTR"):
        station["rf_switch"].select("meter")


def test_swapped_boxes_are_an_error(tmp_path, open_station):
    swapped = BENCH.replace("RFSwitch", "Other").replace("MatrixSwitch", "RFSwitch").replace("Other", "MatrixSwitch")
    (tmp_path / "bench.yaml").write_text(swapped, encoding="utf-8")
    with pytest.raises(WrongInstrumentError, match=r"rf_switch at GPIB0::21::INSTR: .*matrix switch"):
        open_station()
