"""One contract test for each name of pyvisa-sim and pyvisa that the virtual lab leans on without being promised it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import pyvisa
from pyvisa import attributes, constants, highlevel, rname
from pyvisa_sim import parser
from pyvisa_sim.component import NoResponse
from pyvisa_sim.devices import Device

from sotlab.simulated.lab import shipped_benches


@pytest.fixture
def device() -> Device:
    device = Device("device", b";")
    device.add_eom("GPIB INSTR", "\n", "\r\n")
    device.resource_name = "GPIB0::5::INSTR"
    return device


def test_device_takes_name_and_delimiter() -> None:
    assert list(inspect.signature(Device.__init__).parameters) == ["self", "name", "delimiter"]
    assert (Device("name", b";").name, Device("name", b";").delimiter) == ("name", b";")


def test_device_match_gives_bytes_or_no_response_or_none(device: Device) -> None:
    device.add_dialogue("A?", "1")
    parser.update_component("device", device, {"dialogues": [{"q": "B"}]})
    assert (device._match(b"A?"), device._match(b"B"), device._match(b"C")) == (b"1", NoResponse, None)
    assert not isinstance(NoResponse, bytes)


def test_device_response_eom_is_set_with_the_resource_name(device: Device) -> None:
    assert device._response_eom == b"\r\n"


def test_device_error_response_is_what_the_error_handler_was_given(device: Device) -> None:
    device.add_error_handler("ERROR")
    assert device.error_response("command_error") == b"ERROR"
    device.add_error_handler({})
    assert device.error_response("command_error") is NoResponse


def test_device_eom_names_interfaces_by_their_enumeration(device: Device) -> None:
    assert (constants.InterfaceType.gpib, "INSTR") in device._eoms
    assert constants.InterfaceType(rname.parse_resource_name("ASRL1::INSTR").interface_type_const).name == "asrl"


def test_loader_reads_a_file_and_keeps_unknown_keys(bench_file: Path) -> None:
    loader = parser.Loader(str(bench_file), False)
    assert loader.data["lab"]["g"] == "2.1"  # the base loader leaves strings
    found = loader.get_device_dict("source", None, False, parser.SPEC_VERSION_TUPLE[0])
    assert found["class"] == "models.py:Source"


def test_parser_get_channel_makes_channels_of_a_device(bench_file: Path, device: Device) -> None:
    description = {"ids": [1, 2], "dialogues": [{"q": "CH {ch_id}:A?", "r": "1"}]}
    channels = parser.get_channel(device, "ch", description, parser.Loader(str(bench_file), False), {})
    device.add_channels("ch", channels)
    assert device._match(b"CH 2:A?") == b"1"


def test_pyvisa_sims_own_parser_accepts_our_bench_files(bench_file: Path) -> None:
    assert len(shipped_benches()) >= 1
    for path in (bench_file, *shipped_benches().values()):
        assert parser.get_devices(str(path), False).list_resources()


def test_pyvisa_finds_the_backend_by_its_package_name() -> None:
    found = highlevel.get_wrapper_class("sotlab")
    assert found.__name__ == "VirtualLabLibrary"  # and not SimVisaLibrary, by which other programs know pyvisa-sim
    assert issubclass(found, highlevel.VisaLibraryBase)


def test_pyvisa_calls_init_once_per_library_path_and_keeps_the_last_status_by_session() -> None:
    source = inspect.getsource(highlevel.VisaLibraryBase.__new__)
    assert "obj._init()" in source
    assert "_last_status_in_session = {}" in source


def test_handle_return_value_raises_on_errors_and_notes_the_status(manage) -> None:
    library = manage().visalib
    assert library.handle_return_value(None, 0) == constants.StatusCode.success
    with pytest.raises(pyvisa.VisaIOError):
        library.handle_return_value(None, constants.StatusCode.error_timeout)
    assert library.last_status == constants.StatusCode.error_timeout


def test_attribute_descriptions_are_found_by_number() -> None:
    found = attributes.AttributesByID[constants.ResourceAttribute.timeout_value]
    assert found.in_resource((constants.InterfaceType.gpib, "INSTR"))
    assert (found.read, found.write, found.default) == (True, True, 2000)
    assert hasattr(attributes, "NotAvailable")


def test_rname_filter_knows_visa_expressions() -> None:
    assert list(rname.filter(["GPIB0::1::INSTR", "ASRL1::INSTR"], "GPIB?*::INSTR")) == ["GPIB0::1::INSTR"]


def test_every_operation_of_a_visa_library_is_there_or_refused(manage) -> None:
    """Whatever pyvisa adds must not end in NotImplementedError unnoticed."""
    library = type(manage().visalib)
    missing = [
        name
        for name, method in vars(highlevel.VisaLibraryBase).items()
        if inspect.isfunction(method)
        and "raise NotImplementedError" in inspect.getsource(method)
        and getattr(library, name) is method
        and not name.startswith(("in_", "out_", "peek_", "poke_", "move_in_", "move_out_"))  # registers
        and name != "get_buffer_from_id"
    ]
    assert missing == []


def test_the_backend_needs_pyvisa_pyvisa_sim_numpy_and_scipy_only() -> None:
    unwanted = ["pymeasure", "pandas", "pint", "pydantic", "PySide6", "qtpy", "matplotlib", "click", "rich"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({unwanted}))\n"  # None there makes an import fail
        "import pyvisa\n"
        "manager = pyvisa.ResourceManager('stfmr?clock=virtual@sotlab')\n"
        "assert all('SIM' in manager.open_resource(name).query('*IDN?') for name in manager.list_resources('GPIB?*'))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_importing_ours_leaves_plain_sim_as_it_is() -> None:
    code = (
        "from pyvisa_sim.sessions.session import Session; import pyvisa_sim.highlevel\n"
        "import random; state = random.getstate(); before = dict(Session._session_classes)\n"
        "import pyvisa_sotlab, pyvisa\n"
        "assert before and Session._session_classes == before\n"
        "assert pyvisa.ResourceManager('@sim').list_resources()\n"
        "plain = dict(read_termination='\\n', write_termination='\\r\\n')\n"
        "def ask():\n"
        "    plain_one = pyvisa.ResourceManager('@sim').open_resource('ASRL1::INSTR', **plain)\n"
        "    reply = plain_one.query('?IDN')\n"
        "    kinds = type(plain_one.visalib), type(plain_one.visalib.sessions[plain_one.session])\n"
        "    return reply, kinds[0].__name__, kinds[1].__module__\n"
        "told = ask()\n"
        "assert told[0].startswith('LSG Serial') and told[1] == 'SimVisaLibrary'\n"
        "assert told[2].startswith('pyvisa_sim.')\n"
        "manager = pyvisa.ResourceManager('stfmr?clock=virtual@sotlab')\n"
        "random.setstate(state)\n"
        "manager.open_resource(manager.list_resources()[0]).close()\n"
        "assert random.getstate() == state, 'the global random generator was used'\n"
        "assert ask() == told\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
