"""Labs: bench files, specifications, shared state, random streams."""

from __future__ import annotations

from pathlib import Path

import pytest

from sotlab.clock import RealClock
from sotlab.errors import StationError
from sotlab.simulated.clock import ScaledClock, VirtualClock
from sotlab.simulated.lab import Lab, LabSpec, shipped_benches

GPIB = "GPIB0::19::INSTR"


def test_a_specification_has_defaults(bench_file: Path) -> None:
    spec = LabSpec.parse(str(bench_file))
    assert (spec.seed, spec.clock, spec.noise) == (0, "real", True)
    assert spec.path.samefile(bench_file)


def test_a_specification_names_seed_clock_and_noise(bench_file: Path) -> None:
    spec = LabSpec.parse(f"{bench_file}?seed=7&clock=20.5&noise=off")
    assert (spec.seed, spec.clock, spec.noise) == (7, "20.5", False)


@pytest.mark.parametrize(
    ("clock", "kind"), [("real", RealClock), ("virtual", VirtualClock), ("1000", ScaledClock), ("2.5", ScaledClock)]
)
def test_the_clock_is_of_the_kind_asked_for(bench_file: Path, clock: str, kind: type) -> None:
    assert isinstance(LabSpec.parse(f"{bench_file}?clock={clock}").make_clock(), kind)


def test_a_shipped_sample_can_be_mounted_by_name() -> None:
    lab = Lab(LabSpec.parse("stfmr?sample=hibino_b_3nm&clock=virtual"))
    assert lab.truth()["xi_dl_E"]["value"] == -4.68e4
    with pytest.raises(StationError, match=r"sample=gold asked, there are .*hibino_b_3nm"):
        LabSpec.parse("stfmr?sample=gold")
    with pytest.raises(StationError, match="it has several benches; sample= is for one"):
        Lab(LabSpec.parse("everything?sample=hibino_b_3nm"))


def test_the_environment_overrides_the_clock(bench_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOTLAB_CLOCK", "virtual")
    assert LabSpec.parse(f"{bench_file}?clock=real").clock == "virtual"
    monkeypatch.setenv("SOTLAB_CLOCK", "warp")
    with pytest.raises(StationError, match="SOTLAB_CLOCK=warp asked, allowed are real, virtual or a factor"):
        LabSpec.parse(str(bench_file))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("seed=-1", "seed=-1 asked, allowed is a whole number"),
        ("seed=two", "seed=two asked"),
        ("clock=fast", "clock=fast asked, allowed are real, virtual or a factor"),
        ("clock=0", "clock=0 asked"),
        ("clock=nan", "clock=nan asked"),
        ("clock=inf", "clock=inf asked"),
        ("noise=1", "noise=1 asked, allowed are on and off"),
        ("colour=red", "no option 'colour'; allowed are seed, clock, noise"),
    ],
)
def test_a_bad_option_is_named_with_what_is_allowed(bench_file: Path, options: str, message: str) -> None:
    with pytest.raises(StationError, match=message) as problem:
        LabSpec.parse(f"{bench_file}?{options}")
    assert "\n" not in str(problem.value)


def test_an_unknown_bench_is_named_with_those_that_are_shipped() -> None:
    with pytest.raises(StationError, match="no bench 'nowhere'; shipped are") as problem:
        LabSpec.parse("nowhere")
    assert all(name in str(problem.value) for name in shipped_benches())


def test_two_ways_to_write_a_path_are_one_lab(bench_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bench_file.parent)
    one = Lab.acquire(LabSpec.parse("bench.yaml?clock=virtual"))
    other = Lab.acquire(LabSpec.parse(f"{bench_file.parent}/./bench.yaml?clock=virtual"))
    different = Lab.acquire(LabSpec.parse("bench.yaml?clock=virtual&seed=1"))
    try:
        assert one is other
        assert one is not different
    finally:
        for lab in (one, other, different):
            lab.release()


def test_a_lab_is_made_anew_only_after_its_last_holder_gave_it_back(bench_file: Path) -> None:
    spec = LabSpec.parse(f"{bench_file}?clock=virtual")
    first = Lab.acquire(spec)
    assert Lab.acquire(spec) is first
    first.release()
    assert Lab.acquire(spec) is first
    first.release()
    first.release()
    second = Lab.acquire(spec)
    assert second is not first
    second.release()


def test_devices_are_listed_with_model_and_role(bench_file: Path) -> None:
    listed = Lab(LabSpec(bench_file)).list_devices()
    assert {"resource": GPIB, "model": "S1", "role": "microwave"} in listed
    assert {"resource": "GPIB0::12::INSTR", "model": "M475", "role": "gaussmeter"} in listed
    assert {"resource": "GPIB0::5::INSTR", "model": "plain", "role": ""} in listed


def test_options_reach_their_device(bench_file: Path) -> None:
    assert Lab(LabSpec(bench_file)).devices["GPIB0::12::INSTR"].identity() == "sotlab,M475,SIM0475,1.0"


def test_the_bench_gets_its_section_with_numbers_and_the_noise_switch(bench_file: Path) -> None:
    lab = Lab(LabSpec(bench_file, noise=False))
    assert lab.bench.lab == {"g": 2.1}
    assert lab.bench.noise is False
    assert lab.truth(frequency_Hz=2.0)["g"]["value"] == pytest.approx(4.2)


def test_a_bench_without_a_lab_section_has_no_truth(bench_file: Path) -> None:
    text = bench_file.read_text()
    bench_file.write_text(text[: text.index("resources:")] + 'resources: {"GPIB0::5::INSTR": {device: plain}}')
    with pytest.raises(StationError, match="no lab section"):
        Lab(LabSpec(bench_file)).truth()


def test_a_model_that_needs_a_bench_says_so(bench_file: Path) -> None:
    text = bench_file.read_text()
    bench_file.write_text(text[: text.index("lab: {")])
    with pytest.raises(StationError, match="device 'source' must be wired to something; add a lab section"):
        Lab(LabSpec(bench_file))


def test_a_stream_depends_on_seed_and_name_alone(bench_file: Path) -> None:
    one, same = Lab(LabSpec(bench_file, seed=3)), Lab(LabSpec(bench_file, seed=3))
    one.rng("gaussmeter.noise").normal(size=17)  # one more reading elsewhere
    values = one.rng("voltmeter.noise").normal(size=5)
    assert (values == same.rng("voltmeter.noise").normal(size=5)).all()
    assert (values != same.rng("voltmeter.range").normal(size=5)).all()
    assert (values != Lab(LabSpec(bench_file, seed=4)).rng("voltmeter.noise").normal(size=5)).all()


def test_a_stream_goes_on_where_it_was(bench_file: Path) -> None:
    lab = Lab(LabSpec(bench_file))
    assert lab.rng("a") is lab.rng("a")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"models.py:Source"', '"models.py:Sauce"', "device 'source': class 'models.py:Sauce' cannot be loaded"),
        ('"models.py:Source"', '"nowhere:Source"', "device 'source': class 'nowhere:Source' cannot be loaded"),
        ('"models.py:Source"', '"gone.py:Source"', "device 'source': class 'gone.py:Source' cannot be loaded"),
        ('"models.py:Source"', '"models.py:Bench"', "device 'source': models.py:Bench is no LabDevice"),
        ("{device: meter}", "{device: metre}", "resource GPIB0::12::INSTR: no device 'metre' is described"),
        ("GPIB0::12::INSTR", "NONSENSE", "resource NONSENSE"),
        ('spec: "1.1"', 'spec: "9.1"', "cannot be read"),
        ('spec: "1.1"', "spec: [", "cannot be read"),
        ('"models.py:Bench"', '"models.py:Pench"', "lab: class 'models.py:Pench' cannot be loaded"),
    ],
)
def test_a_fault_of_the_bench_file_is_one_line_that_names_file_and_place(
    bench_file: Path, old: str, new: str, message: str
) -> None:
    text = bench_file.read_text()
    assert old in text
    bench_file.write_text(text.replace(old, new))
    with pytest.raises(StationError) as problem:
        Lab(LabSpec(bench_file))
    assert str(bench_file) in str(problem.value)
    assert message in str(problem.value)
    assert "\n" not in str(problem.value)


SEVERAL = """
spec: "1.1"
devices:
  left: {class: "models.py:Source"}
  right: {class: "models.py:Source", bench: second}
resources:
  GPIB0::1::INSTR: {device: left}
  GPIB0::2::INSTR: {device: right}
lab:
  benches:
    first: {bench: "models.py:Bench", g: 2.0}
    second: {bench: "models.py:Bench", g: 3.0}
"""


def several(bench_file: Path, text: str = SEVERAL) -> Lab:
    bench_file.write_text(text, encoding="utf-8")
    return Lab(LabSpec.parse(f"{bench_file}?clock=virtual"))


def test_each_device_is_wired_to_its_own_of_several_benches_and_a_change_is_told_to_all(bench_file: Path) -> None:
    lab = several(bench_file)
    for bench in lab.benches.values():
        bench.log.clear()
    port = lab.inventory["GPIB0::2::INSTR"].connect()
    port.receive(b"OUTP ON", end=True)
    assert ("drive", 1e9, True) in lab.benches["second"].log
    assert {entry[0] for entry in lab.benches["first"].log} == {"before"}


def test_benches_of_one_lab_draw_from_streams_of_their_own(bench_file: Path) -> None:
    lab = several(bench_file)
    first, second = (bench.streams("noise").normal() for bench in lab.benches.values())
    assert first != second
    again = several(bench_file)
    assert again.benches["first"].streams("noise").normal() == first


def test_what_two_benches_know_is_told_of_the_first(bench_file: Path) -> None:
    assert several(bench_file).truth(frequency_Hz=10.0)["g"]["value"] == 20.0


def test_a_device_on_a_bench_that_is_not_there_is_refused(bench_file: Path) -> None:
    with pytest.raises(StationError, match="device 'right': no bench 'second'; lab: has first, third"):
        several(bench_file, SEVERAL.replace("    second:", "    third:"))


def test_a_lab_that_does_not_say_what_it_is_wired_to_is_refused(bench_file: Path) -> None:
    with pytest.raises(StationError, match="lab: 'bench' is missing"):
        several(bench_file, SEVERAL.split("  benches:")[0].replace(", bench: second", "") + "  g: 2.0")
