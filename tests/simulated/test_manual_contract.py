"""Every model against its contract: tables of exchanges made from the manuals alone, over VISA.

A table ``contract/<model>.yaml`` has

    model, resource     class in sotlab.simulated.instruments, and the name that it is opened by
    eom                 ends of the interface's messages, as in a bench file
    greeting            how many lines the model sends by itself when it is opened
    write_end, reply_end   what ends a message and every reply, LF if not given
    common              takes the rows of common_rows.yml, with the header of a number and a value that it may have;
                        ``common_gaps`` maps the last message of such a row to why the model does not keep it
    errors              ``{ask: "SYST:ERR?"}``: a queue that is read until it says 0, or
                        ``{ask: "*ESR?", mask: 60}``: a register; left out where there is neither
    evidence            what the words at the beginning of each row's ``source`` stand for
    gaps                what of the model is known to be missing, in words
    rows                the exchanges

and each row

    send                a message, or a list of messages; a number in the list is a wait [s]
    reply | match | close | count   of the last message: exactly, by regular expression, as numbers, or as how many
    replies             where several come, each by itself
    error               what the errors must then say: a number, a list, or ``{any: [...]}`` of several where the
                        evidence leaves it open; without it nothing
    source              the evidence, with page or section
    known_gap           why the model does not keep this row; the test then fails if it does
    write_end, reply_end   where this row's differ
"""

from pathlib import Path
from re import DOTALL, fullmatch, match

import pytest
import pyvisa
import yaml

FOLDER = Path(__file__).with_name("contract")


def load(path):
    """Return a table with the rows of common_rows.yml that it takes."""
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "common" in table:
        common = yaml.safe_load((FOLDER / "common_rows.yml").read_text(encoding="utf-8"))["scpi"]
        missing = table.get("common_gaps", {})
        for row in common:
            sent = [row["send"]] if isinstance(row["send"], str) else row["send"]
            if "*" in table["common"]["number"] and ":{number}" in sent[0]:
                continue  # a common command has no leading colon
            filled = [text.format(**table["common"]) for text in sent]
            gap = missing.get(row["send"] if isinstance(row["send"], str) else row["send"][-1])
            table["rows"].append({**row, "send": filled} | ({"known_gap": gap} if gap else {}))
    return table


TABLES = {path.stem: load(path) for path in sorted(FOLDER.glob("*.yaml"))}

#: What a row may stand on, the best first.
KINDS = {
    "manual": "the model's own manual",
    "sister": "the manual of a sister model",
    "standard": "IEEE 488.2 or SCPI-1999",
    "drivers": "two or more independent drivers",
    "driver": "one driver",
    "own": "a design of our own",
    "unverified": "memory",
}
ROW_KEYS = {
    "send", "reply", "match", "close", "count", "replies", "error", "source", "known_gap", "write_end", "reply_end",
}  # fmt: skip


def kind_of(source):
    """Return which of KINDS a row's source is."""
    return match(r"[a-z]*", source)[0]


def each_row():
    for name, table in TABLES.items():
        for number, row in enumerate(table["rows"]):
            sent = row["send"] if isinstance(row["send"], list) else [row["send"]]
            text = " | ".join(map(str, sent)).encode("unicode_escape").decode()
            marks = [pytest.mark.xfail(strict=True, reason=row["known_gap"])] if "known_gap" in row else []
            yield pytest.param(name, row, id=f"{name}-{number}-{text[:60]}", marks=marks)


def read(instrument, end):
    """Return one reply: up to END, or on a stream, which has none, up to what ends a reply."""
    if not instrument.resource_name.endswith("SOCKET") and not instrument.resource_name.startswith("ASRL"):
        return instrument.read_raw().decode("latin-1")
    data = b""
    while not data.endswith(end.encode()):
        data += instrument.read_bytes(1)
    return data.decode("latin-1")


def errors_left(instrument, how, ends):
    """Return what the model says went wrong since the last time: a list of numbers, or the bits of its register."""
    found = []
    while True:
        instrument.write_raw((how["ask"] + ends["write_end"]).encode())
        number = int(match(r"\s*([+-]?\d+)", read(instrument, ends["reply_end"]))[1])
        if "mask" in how:
            return [number & how["mask"]] if number & how["mask"] else []
        if number == 0:
            return found
        found.append(number)
        assert len(found) < 100, found


def agree(found, wanted):
    """Compare errors: ``{any: [...]}`` is one of several numbers where the evidence leaves it open."""
    if isinstance(wanted, dict):
        assert len(found) == 1 or "none" in wanted["any"], found
        assert all(number in wanted["any"] for number in found), found
    else:
        assert found == (wanted if isinstance(wanted, list) else [wanted])


@pytest.fixture
def open_model(tmp_path):
    """Opens the model of a table on a bench of its own, with whatever happened at power-on read away."""
    managers = []

    def open_one(table):
        text = (FOLDER / "bench.py").read_text(encoding="utf-8")
        (tmp_path / "bench.py").write_text(text, encoding="utf-8")
        bench = {
            "spec": "1.1",
            "devices": {"device": {"class": table["model"], "eom": table.get("eom", {})}},
            "resources": {table["resource"]: {"device": "device"}},
            "lab": {"bench": "bench.py:Bench"},
        }
        (tmp_path / "bench.yaml").write_text(yaml.safe_dump(bench), encoding="utf-8")
        managers.append(pyvisa.ResourceManager(f"{tmp_path / 'bench.yaml'}?clock=virtual&noise=off@sotlab"))
        instrument = managers[0].open_resource(table["resource"], timeout=100_000)
        for _ in range(table.get("greeting", 0)):
            read(instrument, table["reply_end"])
        return instrument

    yield open_one
    for manager in managers:
        manager.close()


@pytest.mark.parametrize(("name", "row"), list(each_row()))
def test_model_answers_as_its_contract_says(name, row, open_model):
    table = TABLES[name]
    ends = {key: row.get(key, table.get(key, "\n")) for key in ("write_end", "reply_end")}
    usual = {key: table.get(key, "\n") for key in ends}
    instrument = open_model(table)
    how = table.get("errors")
    if how:
        errors_left(instrument, how, usual)
    for message in row["send"] if isinstance(row["send"], list) else [row["send"]]:
        if isinstance(message, str):
            instrument.write_raw((message + ends["write_end"]).encode("latin-1"))
        else:
            instrument.visalib.clock.sleep(message)
    wanted = row.get("replies", [None] if {"reply", "match", "close", "count"} & set(row) else [])
    for one in wanted:
        answer = read(instrument, ends["reply_end"])
        assert answer.endswith(ends["reply_end"])
        answer = answer[: len(answer) - len(ends["reply_end"])]
        if one is not None or "reply" in row:
            assert answer == (row["reply"] if one is None else one)
        if "match" in row:
            assert fullmatch(row["match"], answer, DOTALL), answer
        if "close" in row:
            numbers = row["close"] if isinstance(row["close"], list) else [row["close"]]
            wanted_numbers = [float(one) for one in numbers]  # YAML takes 1e9 for a word
            assert [float(part) for part in answer.split(",")] == pytest.approx(wanted_numbers, rel=1e-6, abs=1e-12)
        if "count" in row:
            assert len(answer.split(",")) == row["count"]
    if how:  # also where a reply came that nobody wanted, for then this reads that one
        agree(errors_left(instrument, how, usual), row.get("error", []))


@pytest.mark.parametrize("name", TABLES)
def test_each_row_says_what_it_stands_on(name):
    table = TABLES[name]
    for row in table["rows"]:
        assert set(row) <= ROW_KEYS, row
        assert {"send", "source"} <= set(row), row
        kind = kind_of(row["source"])
        assert kind in KINDS, row
        assert kind in ("own", "unverified", "driver") or kind in table["evidence"], row
    from_memory = [row for row in table["rows"] if kind_of(row["source"]) == "unverified"]
    assert len(from_memory) <= 0.15 * len(table["rows"])
