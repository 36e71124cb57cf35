"""The simulated ESP301 over the wire."""

import pytest
import pyvisa

BENCH_CLASS = """
from sotlab.simulated.physics.motion import Axis


class Bench:
    def __init__(self, lab, streams, noise):
        self.stage = {
            1: Axis(-0.1, 0.1, window=2e-7, resolution=1e-7, backlash=4e-6),
            2: Axis(-180.0, 180.0, window=1e-3, resolution=1e-4),
            3: Axis(-180.0, 180.0, window=1e-3, resolution=1e-4),
        }
"""
BENCH = """
spec: "1.1"
devices:
  stages: {class: "esp301:ESP301", role: delay}
resources:
  GPIB0::1::INSTR: {device: stages}
lab: {bench: "bench.py:Bench"}
"""


@pytest.fixture
def manager(tmp_path):
    (tmp_path / "bench.py").write_text(BENCH_CLASS, encoding="utf-8")
    path = tmp_path / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    manager = pyvisa.ResourceManager(f"{path}?clock=virtual&noise=off@sotlab")
    yield manager
    left = [list(device.errors) for device in manager.visalib.lab.devices.values() if device.errors]
    manager.close()
    assert not left


@pytest.fixture
def stages(manager):
    return manager.open_resource("GPIB0::1::INSTR", read_termination="\r\n", write_termination="\r")


@pytest.fixture
def clock(manager):
    return manager.visalib.clock


def position(stages, axis=1):
    return float(stages.query(f"{axis}TP"))


def test_version_says_simulated(stages):
    assert stages.query("VE?").startswith("ESP301 Version SIM")
    assert stages.query("2ID?") == "URS75BCC, SIM0001-2"


def test_move_takes_the_time_of_its_profile(stages, clock):
    stages.write("1MO;1VA10;1AC40;1AG40")
    stages.write("1PA20")
    assert stages.query("1MD?") == "0"
    clock.sleep(1.125)  # half of the way, at constant speed: 20 mm at 10 mm/s and 0.25 s for the ramps
    assert position(stages) == pytest.approx(10.0, abs=0.3)
    assert stages.query("1TV?") == "10"
    clock.sleep(1.3)
    assert stages.query("1MD?") == "1"
    assert position(stages) == 20.0
    assert stages.query("1DP?;1PA?") == "20;20"


def test_rotation_axes_move_in_degrees_beside_the_first(stages, clock):
    stages.write("2MO;3MO;2PA90;3PR-45")
    clock.sleep(10.0)
    assert (position(stages, 1), position(stages, 2), position(stages, 3)) == (0.0, 90.0, -45.0)


def test_position_may_be_asked_with_and_without_a_question_mark(stages):
    assert stages.query("1TP") == stages.query("1TP?") == "0"
    assert stages.query("1tp?") == "0"


def test_move_needs_the_motor_on(stages, clock):
    stages.write("1PA5")
    assert stages.query("TE?") == "113"
    clock.sleep(5.0)
    assert position(stages) == 0.0


@pytest.mark.parametrize(("target", "code"), [("11", "106"), ("-11", "107")])
def test_software_limits_refuse_a_move(stages, clock, target, code):
    stages.write("1MO;1SL-10;1SR10")
    stages.write(f"1PA{target}")
    assert stages.query("TE?") == code
    clock.sleep(5.0)
    assert position(stages) == 0.0


def test_end_of_travel_stops_the_axis_and_switches_its_motor_off(stages, clock):
    stages.write("1MO;1SR500;1VA50;1PA200")
    clock.sleep(10.0)
    assert position(stages) == 100.0
    assert stages.query("TB?").startswith("104, ")
    assert stages.query("1MO?") == "0"


def test_stop_and_abort_end_a_move_on_the_way(stages, clock):
    stages.write("1MO;1VA10;1AC40;1AG40;1PA50")
    clock.sleep(1.0)
    stages.write("1ST")
    clock.sleep(1.0)
    stopped = position(stages)
    assert stages.query("1MD?") == "1"
    assert 8.0 < stopped < 12.0
    stages.write("1PA50")
    clock.sleep(1.0)
    stages.write("AB")
    clock.sleep(1.0)
    assert stopped + 8.0 < position(stages) < stopped + 11.0


def test_wait_holds_back_what_follows(stages, clock):
    stages.timeout = 10000
    stages.write("1MO;1VA10;1AC40;1AG40")
    start_s = clock.now()
    stages.write("1PA20;1WS500;1TP?")
    assert float(stages.read()) == pytest.approx(20.0, abs=3e-4)
    assert clock.now() - start_s == pytest.approx(2.25 + 0.5, abs=0.1)


def test_move_after_a_wait_begins_when_the_first_has_ended(stages, clock):
    stages.write("1MO;1VA10;1AC40;1AG40;1PA20;1WS;1PA0")
    clock.sleep(2.0)
    lab_position_m = stages.visalib.lab.bench.stage[1].position(clock.now())
    assert 15e-3 < lab_position_m < 20e-3  # still on its way there
    clock.sleep(4.0)
    assert position(stages) == 0.0


def test_stop_ends_a_wait(stages, clock):
    stages.write("1MO;1VA1;1PA50;1WS")
    clock.sleep(1.0)
    stages.write("1ST")
    assert position(stages) < 2.0


def test_backlash_compensation_arrives_from_one_side(manager, stages, clock):
    def carriage_m(steps):
        for step in steps:
            stages.write(f"1PA{step}")
            clock.sleep(10.0)
        return manager.visalib.lab.bench.stage[1].carriage(clock.now())

    stages.write("1MO")
    assert carriage_m((10, 5)) - carriage_m((0, 5)) == pytest.approx(4e-6, abs=1e-8)
    stages.write("1BA0.1")
    assert stages.query("1BA?") == "0.1"
    assert carriage_m((10, 5)) == pytest.approx(carriage_m((0, 5)), abs=1e-9)


def test_units_scale_all_that_is_sent(stages, clock):
    stages.write("1MO;1PA2;1WS;1SN3")
    assert stages.query("1SN?") == "3"
    assert float(stages.query("1TP?")) == pytest.approx(2000.0, abs=0.3)
    assert [stages.query(q) for q in ("1VA?", "1SR?", "1VU?")] == ["20000", "100000", "50000"]
    stages.write("1PA1000")
    clock.sleep(1.0)
    stages.write("1SN2")
    assert position(stages) == 1.0


def test_home_is_where_it_is_defined_until_it_is_searched(stages, clock):
    stages.write("1MO;1PA5")
    clock.sleep(2.0)
    stages.write("1DH")
    assert position(stages) == 0.0
    stages.write("1DH2")
    assert position(stages) == 2.0
    stages.write("1OR1")
    clock.sleep(2.0)
    assert position(stages) == 0.0
    assert stages.visalib.lab.bench.stage[1].position(clock.now()) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize(
    ("sent", "code", "text"),
    [
        ("1XX", 6, "COMMAND DOES NOT EXIST"),
        ("*IDN?", 6, "COMMAND DOES NOT EXIST"),
        ("1PA10 20,3", 7, "PARAMETER OUT OF RANGE"),
        ("1%", 6, "COMMAND DOES NOT EXIST"),
        ("PA10", 37, "AXIS NUMBER MISSING"),
        ("TP?", 37, "AXIS NUMBER MISSING"),
        ("4PA10", 9, "AXIS NUMBER OUT OF RANGE"),
        ("1PA", 38, "COMMAND PARAMETER MISSING"),
        ("1PAabc", 7, "PARAMETER OUT OF RANGE"),
        ("1VA51", 110, "MAXIMUM VELOCITY EXCEEDED"),
        ("2VA0", 210, "MAXIMUM VELOCITY EXCEEDED"),
        ("3AC321", 311, "MAXIMUM ACCELERATION EXCEEDED"),
        ("1SR1e400", 7, "PARAMETER OUT OF RANGE"),
        ("1SN7", 101, "PARAMETER OUT OF RANGE"),
        ("2OR9", 7, "PARAMETER OUT OF RANGE"),
    ],
)
def test_bad_input_gives_the_error_of_the_model_and_changes_nothing(stages, sent, code, text):
    settings = "1VA?;2VA?;3AC?;1SN?;1PA?;2DP?"
    before = stages.query(settings)
    stages.write(sent)
    number, stamp, message = stages.query("TB?").split(", ")
    assert (int(number), message) == (code, text)
    assert int(stamp) >= 0
    assert stages.query("TB?") == "0, 0, NO ERROR DETECTED"
    assert stages.query(settings) == before


def test_queue_keeps_the_last_ten_errors_and_each_is_read_once(stages):
    stages.write("1XX")
    for _ in range(10):
        stages.write("4MO")
    assert [int(stages.query("TE?")) for _ in range(11)] == [9] * 10 + [0]


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI")
def test_stock_pymeasure_driver_works(manager, clock):
    from pymeasure.instruments.newport import ESP300

    driver = ESP300(
        "GPIB0::1::INSTR",
        visa_library=str(manager.visalib.library_path) + "@sotlab",
        read_termination="\r\n",
        write_termination="\r",
    )
    driver.clear_errors()
    for axis, low, high, unit, other in (
        (driver.x, -100, 100, "millimeter", "micrometer"),
        (driver.y, -180, 180, "degree", "radian"),
        (driver.phi, -180, 180, "degree", "milliradian"),
    ):
        axis.enable()
        assert axis.enabled is True
        assert (axis.left_limit, axis.right_limit, axis.units) == (low, high, unit)
        axis.units = other
        assert axis.units == other
        axis.units = unit
        axis.position = 12.5
        assert axis.motion_done is False
        axis.wait_for_stop()
        assert axis.position == pytest.approx(12.5, abs=2e-3)  # inside the window that counts as done
        axis.define_position(3.0)
        assert axis.position == pytest.approx(3.0, abs=2e-3)
        axis.zero()
        assert axis.position == pytest.approx(0.0, abs=2e-3)
        axis.home()
        clock.sleep(3.0)
        axis.left_limit, axis.right_limit = -50, 50
        assert (axis.left_limit, axis.right_limit) == (-50, 50)
        axis.disable()
        assert axis.enabled is False
    driver.x.position = 1
    assert [error.message for error in driver.errors] == ["MOTOR NOT ENABLED"]
    assert driver.error == 0
