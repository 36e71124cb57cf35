"""The simulated Lake Shore 475 over the wire."""

import pytest

from sotlab.simulated.instruments.lakeshore_475 import engineering


@pytest.fixture
def gaussmeter(manager):
    return manager.open_resource("GPIB0::12::INSTR", read_termination="\r\n", write_termination="\r\n")


def set_field(manager, current_A):
    magnet, clock = manager.visalib.lab.bench.magnet, manager.visalib.clock
    magnet.set_current(clock.now(), current_A)
    clock.sleep(20.0)
    return magnet.field_T(clock.now())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.06218, "+062.180E-03"),
        (-1.5, "-001.500E+00"),
        (0.0, "+000.000E+00"),
        (621.8, "+621.800E+00"),
        (0.9999999, "+001.000E+00"),
        (20e-6, "+020.000E-06"),
    ],
)
def test_numbers_are_sent_with_three_and_three_digits(value, text):
    assert engineering(value) == text


def test_identity_says_simulated(gaussmeter):
    assert gaussmeter.query("*IDN?").split(",")[:2] == ["LSCI", "MODEL475"]
    assert gaussmeter.query("*IDN?").split(",")[2].startswith("SIM")


@pytest.mark.parametrize(("unit", "per_tesla"), [(1, 1e4), (2, 1.0), (3, 1e4), (4, 1 / 1.25663706e-6)])
def test_field_is_read_in_the_chosen_unit(manager, gaussmeter, unit, per_tesla):
    field_T = set_field(manager, 5.0)
    gaussmeter.write(f"UNIT {unit}")
    assert gaussmeter.query("UNIT?") == str(unit)
    assert float(gaussmeter.query("RDGFIELD?")) == pytest.approx(field_T * per_tesla, rel=1e-5)


def test_reading_has_the_resolution_of_range_and_digits(manager, gaussmeter):
    field_T = set_field(manager, 3.00123)
    gaussmeter.write("RDGMODE 1,1,1,1,1")
    assert gaussmeter.query("RDGMODE?") == "1,1,1,1,1"
    coarse_T = float(gaussmeter.query("RDGFIELD?"))
    assert coarse_T == pytest.approx(round(field_T / 1e-4) * 1e-4, abs=1e-9)
    assert coarse_T != pytest.approx(field_T, abs=1e-6)


def test_field_beyond_a_held_range_reads_full_scale_and_is_flagged(manager, gaussmeter):
    set_field(manager, 5.0)
    gaussmeter.write("RANGE 3")
    assert gaussmeter.query("RANGE?") == "3"
    assert float(gaussmeter.query("RDGFIELD?")) == 35e-3
    assert gaussmeter.query("RDGST?") == "2"
    gaussmeter.write("AUTO")
    assert gaussmeter.query("AUTO?") == "1"
    assert gaussmeter.query("RANGE?") == "4"
    assert gaussmeter.query("RDGST?") == "0"


def test_range_survives_a_reset_as_the_other_settings_do(gaussmeter):
    gaussmeter.write("UNIT 1")
    gaussmeter.write("RANGE 5")
    gaussmeter.write("*RST")
    assert (gaussmeter.query("UNIT?"), gaussmeter.query("RANGE?"), gaussmeter.query("AUTO?")) == ("1", "5", "0")


def test_zeroing_takes_the_present_field_for_zero(manager, gaussmeter):
    set_field(manager, 5.0)
    set_field(manager, 0.0)
    assert float(gaussmeter.query("RDGFIELD?")) == pytest.approx(2e-3, abs=1e-6)
    gaussmeter.write("ZPROBE")
    assert float(gaussmeter.query("RDGFIELD?")) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize(("sent", "bit"), [("UNIT 5", 16), ("UNIT", 32), ("NOSUCH 1", 32), ("RDGMODE 2,3,1,1,1", 16)])
def test_bad_commands_set_their_bit_of_the_event_status(manager, gaussmeter, sent, bit):
    gaussmeter.query("*ESR?")
    gaussmeter.write(sent)
    assert int(gaussmeter.query("*ESR?")) == bit
    gaussmeter.write("*CLS")
    assert gaussmeter.query("UNIT?") == "2"


def test_stock_pymeasure_driver_of_the_425_reads_the_field(manager):
    from pymeasure.instruments.lakeshore import LakeShore425

    field_T = set_field(manager, -4.0)
    driver = LakeShore425(
        "GPIB0::12::INSTR", visa_library=str(manager.visalib.library_path) + "@sotlab", read_termination="\r\n"
    )
    assert driver.unit == "T"
    assert driver.field == pytest.approx(field_T, abs=1e-6)
    driver.unit = "Oe"
    assert driver.field == pytest.approx(field_T * 1e4, abs=0.01)
    driver.auto_range()
