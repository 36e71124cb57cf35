"""The virtual instruments from plain PyVISA: what any VISA program finds on the virtual bench."""

import pyvisa

manager = pyvisa.ResourceManager("stfmr?seed=1&clock=virtual@sotlab")
for address in manager.list_resources("GPIB?*"):  # serial ones end their messages differently
    with manager.open_resource(address) as instrument:
        instrument.read_termination = instrument.write_termination = "\n"
        print(f"{address:<20} {instrument.query('*IDN?').strip()}")

source = manager.open_resource("GPIB0::19::INSTR", read_termination="\n")
source.write(":FREQ 7 GHZ; :POW 10 DBM; :OUTP ON")
print("frequency:", source.query(":FREQ?"), "errors:", source.query("SYST:ERR?"))
manager.close()
