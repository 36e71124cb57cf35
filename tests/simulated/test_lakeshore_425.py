"""The simulated Lake Shore 425 over the wire, beside the ST-FMR bench's magnet."""

import pytest
import pyvisa

BENCH = """
spec: "1.1"
devices:
  gaussmeter: {class: "lakeshore_425:LakeShore425", role: gaussmeter}
resources:
  GPIB0::12::INSTR: {device: gaussmeter}
  ASRL3::INSTR: {device: gaussmeter}
lab: {bench: "stfmr:STFMR", sample: nife_bisb_10nm.yaml}
"""


@pytest.fixture
def manager(tmp_path):
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    manager = pyvisa.ResourceManager(f"{path}?clock=virtual&noise=off@sotlab")
    yield manager
    left = [list(device.errors) for device in manager.visalib.lab.devices.values() if device.errors]
    manager.close()
    assert not left


@pytest.fixture
def gaussmeter(manager):
    return manager.open_resource("GPIB0::12::INSTR", read_termination="\n", write_termination="\n")


def set_field(manager, current_A):
    magnet, clock = manager.visalib.lab.bench.magnet, manager.visalib.clock
    magnet.set_current(clock.now(), current_A)
    clock.sleep(20.0)
    return magnet.field_T(clock.now())


def test_identity_says_simulated(gaussmeter):
    assert gaussmeter.query("*IDN?").split(",")[:2] == ["LSCI", "MODEL425"]
    assert gaussmeter.query("*IDN?").split(",")[2].startswith("SIM")


@pytest.mark.parametrize(("unit", "per_tesla"), [(1, 1e4), (2, 1.0), (3, 1e4), (4, 1 / 1.25663706e-6)])
def test_field_is_read_in_the_chosen_unit(manager, gaussmeter, unit, per_tesla):
    field_T = set_field(manager, 5.0)
    gaussmeter.write(f"UNIT {unit}")
    assert gaussmeter.query("UNIT?") == str(unit)
    assert float(gaussmeter.query("RDGFIELD?")) == pytest.approx(field_T * per_tesla, rel=1e-4)


def test_reading_has_the_steps_of_its_range(manager, gaussmeter):
    field_T = set_field(manager, 0.05)
    gaussmeter.write("UNIT 2")
    fine_T = float(gaussmeter.query("RDGFIELD?"))
    gaussmeter.write("RANGE 4")
    assert gaussmeter.query("RANGE?;AUTO?") == "4;0"
    assert float(gaussmeter.query("RDGFIELD?")) == pytest.approx(round(field_T / 1e-4) * 1e-4, abs=1e-9)
    assert fine_T == pytest.approx(field_T, abs=1e-7)


def test_field_beyond_a_held_range_reads_full_scale(manager, gaussmeter):
    set_field(manager, -5.0)
    gaussmeter.write("UNIT 2;RANGE 2")
    assert float(gaussmeter.query("RDGFIELD?")) == -35e-3
    gaussmeter.write("AUTO")
    assert gaussmeter.query("RANGE?") == "3"


def test_relative_reading_is_the_difference_to_its_setpoint(manager, gaussmeter):
    field_T = set_field(manager, 5.0)
    gaussmeter.write("REL 1;RELSP 900")
    assert float(gaussmeter.query("RELSP?")) == 900.0
    assert float(gaussmeter.query("RDGREL?")) == pytest.approx(field_T * 1e4 - 900.0, abs=0.2)


def test_zeroing_takes_the_present_field_for_zero(manager, gaussmeter):
    set_field(manager, 5.0)
    set_field(manager, 0.0)
    assert float(gaussmeter.query("RDGFIELD?")) == pytest.approx(20.0, abs=0.01)  # the remanence [G]
    gaussmeter.write("ZPROBE")
    assert float(gaussmeter.query("RDGFIELD?")) == pytest.approx(0.0, abs=1e-4)


def test_static_field_does_not_show_in_ac_mode(manager, gaussmeter):
    set_field(manager, 5.0)
    gaussmeter.write("RDGMODE 2,1,1")
    assert gaussmeter.query("RDGMODE?") == "2,1,1"
    assert float(gaussmeter.query("RDGFIELD?")) == 0.0


@pytest.mark.parametrize(
    ("sent", "bit"),
    [("UNIT 5", 16), ("RANGE 5", 16), ("UNIT", 32), ("NOSUCH 1", 32), ("RDGMODE 3,0,1", 16), ("RELSP 1e400", 16)],
)
def test_bad_commands_set_their_bit_and_change_nothing(gaussmeter, sent, bit):
    settings = "UNIT?;RANGE?;RDGMODE?"
    before = gaussmeter.query(settings)
    gaussmeter.query("*ESR?")
    gaussmeter.write(sent)
    assert int(gaussmeter.query("*ESR?")) == bit
    gaussmeter.write("*CLS")
    assert gaussmeter.query(settings) == before


def test_stock_pymeasure_driver_works_over_the_serial_line(manager):
    from pymeasure.instruments.lakeshore import LakeShore425

    field_T = set_field(manager, -4.0)
    driver = LakeShore425("ASRL3::INSTR", visa_library=str(manager.visalib.library_path) + "@sotlab")
    for unit in ("T", "Oe", "A/m", "G"):
        driver.unit = unit
        assert driver.unit == unit
    assert driver.field == pytest.approx(field_T * 1e4, abs=0.2)
    for scale_G in (35, 350, 3500, 35000):
        driver.range = scale_G
        assert driver.range == scale_G
    driver.auto_range()
    for wideband, mode in ((True, (1, 0, 1)), (False, (1, 0, 2))):
        driver.dc_mode(wideband)
        assert driver.mode == mode
    mean_G, spread_G = driver.measure(5)
    assert (mean_G, spread_G) == (pytest.approx(field_T * 1e4, abs=0.2), pytest.approx(0.0, abs=1e-3))
    driver.ac_mode()
    assert driver.mode == (2, 1, 1)
    driver.dc_mode()
    driver.zero_probe()
    assert driver.field == pytest.approx(0.0, abs=0.2)
