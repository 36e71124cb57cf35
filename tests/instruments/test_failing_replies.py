"""For every installed driver: what fails on the wire ends in a typed error of one line that names the device.

The drivers are those of the entry points: one that is added without a case here fails the test.
"""

from importlib import resources
from importlib.metadata import entry_points

import pytest

from sotlab.errors import GarbledReplyError, InstrumentError, InstrumentTimeoutError, WrongInstrumentError
from sotlab.instruments.roles import Actuator
from sotlab.instruments.station import Station

DRIVERS = {entry.name: entry.load() for entry in entry_points(group="sotlab.drivers")}
#: Those that have no instrument of their own: they work through others, or by hand, and have tests of their own.
INDIRECT = {name for name, driver in DRIVERS.items() if driver.instrument_class is None}

#: What is not on the station that has one of each.
MORE = """
[roles.voltage_out]
driver = "SR830AuxOut"
resource = "GPIB0::8::INSTR"
options = { output = 1 }
limits = { voltage_V = [-1, 1] }
[roles.voltage_out_b]
driver = "SR865AAuxOut"
resource = "GPIB0::4::INSTR"
options = { output = 1 }
limits = { voltage_V = [-1, 1] }
[roles.sine]
driver = "SR830Sine"
resource = "GPIB0::9::INSTR"
options = { series_ohm = 10050, load_ohm = 100 }
limits = { amplitude_A_peak = [0, 1e-4] }
[roles.sine_b]
driver = "SR865ASine"
resource = "GPIB0::4::INSTR"
options = { series_ohm = 10050, load_ohm = 100 }
limits = { amplitude_A_peak = [0, 1e-4] }
"""

#: What is asked of each.
ASK = {
    "Agilent33500B": lambda driver: (driver.set_wave(85.0, 1e-5), driver.set_output(True)),
    "AMI430": lambda driver: driver.ramp_to(0.01),
    "BeamShutter": lambda driver: driver.set_open(True),
    "E8257D": lambda driver: driver.set_power(0.0),
    "ESP301Delay": lambda driver: driver.read_position(),
    "ESP301Rotator": lambda driver: driver.read_angle(),
    "GenericHygrometer": lambda driver: driver.read_humidity(),
    "GenericMatrixSwitch": lambda driver: driver.connect({"I+": "1"}),
    "GenericRFPowerMeter": lambda driver: driver.read_power(),
    "GenericRFSwitch": lambda driver: driver.select("sample"),
    "Interlock": lambda driver: driver.open_lines(),
    "Keithley2182A": lambda driver: driver.read_voltage(),
    "Keithley2400": lambda driver: (driver.set_output(True), driver.read_voltage()),
    "Keithley6221": lambda driver: (driver.set_wave(85.0, 1e-5), driver.set_output(True)),
    "KepcoBOP50-20MG": lambda driver: driver.ramp_to(0.01),
    "LakeShore336": lambda driver: driver.read_temperature(),
    "LakeShore425": lambda driver: driver.read_field(),
    "LakeShore475": lambda driver: driver.read_field(),
    "MC2000B": lambda driver: driver.read_frequency(),
    "MotorisedAttenuator": lambda driver: driver.set_transmission(0.5),
    "N5222B": lambda driver: driver.measure("S11"),
    "PM100D": lambda driver: driver.read_power(),
    "SR830": lambda driver: driver.read_phasor(),
    "SR830AuxOut": lambda driver: driver.read_setpoint(),
    "SR830Sine": lambda driver: driver.set_wave(85.0, 1e-5),
    "SR865A": lambda driver: driver.read_phasor(),
    "SR865AAuxOut": lambda driver: driver.read_setpoint(),
    "SR865ASine": lambda driver: driver.set_wave(85.0, 1e-5),
}

#: Questions of which a wrong answer is noticed, and that change nothing when they are asked again.
REPEATABLE = r"^(?!.*(SYST\w*:ERR|\*ESR|\*OPC|TB\?|LIAS|MEAS\?$|HTRST|INP:EVEN|=)).*\?"
#: Those that ask no such question above.
ONLY_SETS = {"Agilent33500B", "E8257D", "GenericMatrixSwitch", "GenericRFSwitch", "Interlock"}

#: What is garbage after the echo, which itself is waited for.
GARBAGE = {"MC2000B": "refoutfreq?\r?#x!\r> "}

#: How another model says who it is, where it is not as SCPI has it.
IDENTITY = {"MC2000B": "id?\rACME ANVIL\r> "}

#: Roles that read: what the instrument answers, to which question, when it is overloaded.
READING = {"voltmeter", "lockin", "gaussmeter", "source_meter", "power_meter", "rf_power_meter", "temperature"}
OVERLOAD = {
    "GenericRFPowerMeter": ("READ", "9.91E+37x"),  # it answers nothing that is a number
    "Keithley2182A": ("READ", "+9.90000000E+37"),
    "Keithley2400": ("READ", "+9.9E37,+1E-5,+9.91E37,+0.0,+0"),
    "LakeShore336": ("RDGST", "128"),
    "LakeShore425": ("RDGFIELD", "+35.0000E-00"),
    "LakeShore475": ("RDGFIELD", "OL"),
    "PM100D": ("MEAS|READ|FETC", "+9.90000000E+37"),
    "SR830": ("LIAS", "4"),
    "SR865A": ("LIAS", "16"),
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The station that has one of each, and the role of each driver there."""
    folder = tmp_path_factory.mktemp("station")
    text = (resources.files("sotlab.instruments") / "stations" / "everything.toml").read_text(encoding="utf-8")
    samples = (resources.files("sotlab.instruments") / "stations" / "samples").as_posix()
    (folder / "station.toml").write_text(text.replace('"samples/', f'"{samples}/') + MORE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SOTLAB_CLOCK", raising=False)
        with Station.open(str(folder / "station.toml"), roles=()) as station:
            roles = {settings.driver: role for role, settings in reversed(station.config.roles.items())}
            yield station, roles


@pytest.fixture(params=sorted(DRIVERS.keys() - INDIRECT))
def device(request, opened):
    """A driver that is open, its name, and what makes all of its instrument's answers go wrong."""
    station, roles = opened
    name = request.param
    assert name in roles, f"{name} stands on no station of this test: add it to MORE"
    assert name in ASK, f"{name} has no case in ASK"
    role = roles[name]
    faults = station.visa_library.lab.faults
    resource = station.config.roles[role].resource
    station.open_role(role)

    def spoil(kind, match=".", **more):
        faults.add({"device": resource, "kind": kind, "match": match, **more})

    yield station, role, name, spoil
    faults.clear()
    station.drivers.pop(role, None)
    if resource in station.connections:
        station.connections[resource].clear()


def test_no_answer_is_a_time_out(device):
    station, role, name, spoil = device
    spoil("no_reply")
    with pytest.raises(InstrumentTimeoutError, match=r"no answer within .*check power, cable and address") as error:
        ASK[name](station[role])
    assert "\n" not in str(error.value)
    assert station.config.roles[role].resource in str(error.value)


@pytest.mark.parametrize("text", ["?#x!", "\x15\x02"])
def test_garbage_is_no_value(device, text):
    station, role, name, spoil = device
    spoil("wrong_reply", text=text)
    with pytest.raises(InstrumentError) as error:
        ASK[name](station[role])
    assert role in str(error.value) or station.config.roles[role].resource in str(error.value)
    assert "\n" not in str(error.value)


def test_garbage_in_place_of_one_answer_is_asked_for_again(device):
    station, role, name, spoil = device
    if isinstance(station[role], Actuator):
        station[role].make_safe()  # whatever a test before has left on
    told = []
    station.on_event = lambda kind, **details: told.append((kind, details["error"]))
    spoil("wrong_reply", match=REPEATABLE, text=GARBAGE.get(name, "?#x!"), count=1)
    try:
        ASK[name](station[role])
    except InstrumentError as error:  # told by the next answer: a source that is off gives lock-ins no reference
        if "reference" not in str(error):
            raise
    # Those that only set ask nothing, unless something was left on that they ramp down first.
    allowed = [[("retry", "garbage")], *([[]] if name in ONLY_SETS else [])]
    assert told in allowed


def test_another_model_is_named(device):
    station, role, name, spoil = device
    station.drivers.pop(role)
    spoil("wrong_reply", match=r"\*IDN|id\?|VE\?", text=IDENTITY.get(name, "ACME,ANVIL,1,1"))
    with pytest.raises((WrongInstrumentError, GarbledReplyError), match=rf"^{role} at .*ANVIL"):
        station.open_role(role)
    assert role not in station.drivers


READ_SOMETHING = sorted(name for name in DRIVERS.keys() - INDIRECT if DRIVERS[name].role in READING)


@pytest.mark.parametrize("device", READ_SOMETHING, indirect=True)
def test_an_overload_is_no_reading(device):
    station, role, name, spoil = device
    assert name in OVERLOAD, f"{name} has no case in OVERLOAD"
    match, text = OVERLOAD[name]
    spoil("wrong_reply", match=match, text=text)
    with pytest.raises(InstrumentError, match=rf"^{role}"):
        ASK[name](station[role])


def test_the_drivers_without_an_instrument_are_those_with_tests_of_their_own():
    by_hand = {name for name in INDIRECT if name.startswith("Manual")}
    assert INDIRECT == by_hand | {"LockinVoltmeter", "VoltageDrivenMagnet"}
