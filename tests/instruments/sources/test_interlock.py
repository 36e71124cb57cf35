"""The interlock input: which contacts are open now, or were in between."""

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, StationError, WrongInstrumentError
from sotlab.instruments.interlock import InterlockInput

ADDRESS = "ASRL6::INSTR"
ROLE = f"""
[roles.interlock]
driver = "Interlock"
resource = "{ADDRESS}"
retries = 0
options = {{ lines = {{ %s }} }}
"""
LINES = '1 = "door", 3 = "cooling water"'


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"), [("closed", b"INP:ALL?", b"13", 13), ("opened", b"INP:EVEN?", b"2", 2)]
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(InterlockInput, [(asked, reply)]) as box:
        assert getattr(box, attribute) == value


def test_what_is_sent():
    with expected_protocol(InterlockInput, [(b"INP:EVEN:CLE", None)]) as box:
        box.clear_opened()


@pytest.fixture
def interlock_of(open_station, lab_of):
    def open_one(lines=LINES):
        station = open_station(ROLE % lines)
        return station["interlock"], lab_of(station)

    return open_one


def fault(lab, kind, line):
    lab.faults.add({"device": "interlock", "kind": kind, "at": 0, "arguments": {"line": line}})
    lab.clock.sleep(0.01)


def test_open_contacts_are_told_by_their_names(interlock_of):
    interlock, lab = interlock_of()
    assert interlock.open_lines() == []
    fault(lab, "interlock_opens", 3)
    assert interlock.open_lines() == ["cooling water"]
    fault(lab, "interlock_opens", 1)
    assert interlock.open_lines() == ["door", "cooling water"]
    assert interlock.open_lines() == ["door", "cooling water"]  # as long as they are open
    fault(lab, "interlock_closes", 3)
    interlock.open_lines()
    assert interlock.open_lines() == ["door"]


def test_a_contact_without_a_name_is_not_looked_at(interlock_of):
    interlock, lab = interlock_of()
    fault(lab, "interlock_opens", 2)
    assert interlock.open_lines() == []


def test_a_contact_that_has_opened_in_between_is_told_once(interlock_of, monkeypatch):
    interlock, lab = interlock_of()
    opened_s = lab.clock.now() + 1.0
    monkeypatch.setattr(
        type(lab.bench),
        "interlock_opened",
        lambda self, line, since_s: line == 1 and since_s <= opened_s,
        raising=False,
    )
    lab.clock.sleep(2.0)
    assert interlock.open_lines() == ["door"]
    assert interlock.open_lines() == []


def test_a_lost_answer_loses_no_event(interlock_of, monkeypatch):
    interlock, lab = interlock_of()
    opened_s = lab.clock.now() + 1.0
    monkeypatch.setattr(
        type(lab.bench),
        "interlock_opened",
        lambda self, line, since_s: line == 1 and since_s <= opened_s,
        raising=False,
    )
    lab.clock.sleep(2.0)
    lab.faults.add({"device": "interlock", "kind": "no_reply", "match": r"EVEN\?", "count": 1})
    with pytest.raises(InstrumentTimeoutError, match=f"interlock at {ADDRESS}"):
        interlock.open_lines()
    assert interlock.open_lines() == ["door"]


def test_garbage_is_an_error_not_a_closed_contact(interlock_of):
    interlock, lab = interlock_of()
    lab.faults.add({"device": "interlock", "kind": "wrong_reply", "match": r"EVEN\?", "text": "closed"})
    with pytest.raises(InstrumentError, match=r"interlock at .*: the reply 'closed'"):
        interlock.open_lines()


@pytest.mark.parametrize(("lines", "named"), [('5 = "door"', "no line 5"), ("", "lines")])
def test_lines_that_are_not_there_or_none_at_all_are_refused(interlock_of, lines, named):
    with pytest.raises(StationError, match=named):
        interlock_of(lines)


def test_another_model_is_refused(open_station):
    with pytest.raises(WrongInstrumentError, match="MODEL 2400"):
        open_station((ROLE % LINES).replace(ADDRESS, "GPIB0::24::INSTR"))
