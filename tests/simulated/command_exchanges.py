"""What is said to the instruments beside what drivers say: messages, then a question and its reply.

Addresses are those of ``terminals.yaml``, which are the usual ones.
"""

from __future__ import annotations

__all__ = ["EXCHANGES", "TERMINATORS"]

#: Resource: what ends its replies and messages, where that is not LF.
TERMINATORS = {
    "GPIB0::12::INSTR": ("\r\n", "\n"),
    "TCPIP0::ami430.example::7180::SOCKET": ("\r\n", "\n"),
    "TCPIP0::lakeshore336.example::7777::SOCKET": ("\r\n", "\n"),
    "ASRL1::INSTR": ("\r\n", "\r"),
    "ASRL2::INSTR": ("> ", "\r"),
}

RF_POWER_METER = "GPIB0::13::INSTR"
MICROWAVE, VOLTMETER, SUPPLY, GAUSSMETER = (f"GPIB0::{number}::INSTR" for number in (19, 7, 6, 12))
LOCKIN, LOCKIN_865, AC_SOURCE, SOURCE_METER, VNA = (f"GPIB0::{number}::INSTR" for number in (8, 4, 14, 24, 16))
POWER_METER = "USB0::0x1313::0x8078::SIMP0001::0::INSTR"
MAGNET, CRYOSTAT = "TCPIP0::ami430.example::7180::SOCKET", "TCPIP0::lakeshore336.example::7777::SOCKET"
STAGES, CHOPPER, GAUSSMETER_425, HYGROMETER = (f"ASRL{number}::INSTR" for number in (1, 2, 3, 7))
GENERATOR = "USB0::0x0957::0x2807::SIM33500::0::INSTR"

EXCHANGES: list[tuple[str, list[str], str, str]] = [
    (MICROWAVE, [], "DIAG:CPU:INFO:OPT:DET?", '"540,1E1"'),
    (MICROWAVE, [], "STAT:QUES:COND?", "0"),
    (GENERATOR, ["BURS:STAT 1", "TRIG:SOUR BUS", "TRIG"], "SYST:ERR?", '+0,"No error"'),
    (GAUSSMETER, ["RELSP 100", "REL 1,1"], "REL?", "1,1"),
    (GAUSSMETER, ["UNIT 2", "RELSP 0.5"], "RELSP?", "+500.000E-03"),
    (GAUSSMETER, ["UNIT 2", "RELSP 0.5", "RANGE 5"], "RDGREL?", "-500.000E-03"),
    (GAUSSMETER, ["UNIT 2", "MNMXRST"], "RDGMNMX?", "+000.000E+00,+000.000E+00"),
    (GAUSSMETER, [], "RDGTEMP?", "+023.000E+00"),
    (GAUSSMETER_425, ["UNIT 2"], "RDGMX?", "+000.000E+00"),
    (GAUSSMETER_425, ["UNIT 2"], "RDGMNMX?", "+000.000E+00,+000.000E+00"),
    (HYGROMETER, [], "MEAS:HUM?", "40.00"),
    (HYGROMETER, [], "MEAS:TEMP?", "22.00"),
    (VOLTMETER, [], "STAT:OPER?", "0"),
    (VOLTMETER, [], "STAT:QUES?", "0"),
    (VOLTMETER, ["NONSENSE"], "STAT:QUE?", '-113,"Undefined header"'),
    (VOLTMETER, [], "MEAS:VOLT?", "+0.00000000E+00"),
    (VOLTMETER, ["SYST:PRES"], "INIT:CONT?", "1"),
    (VOLTMETER, ["INIT:CONT OFF", "INIT"], "SENS:DATA?", "+0.00000000E+00"),
    (VOLTMETER, ["SENS:VOLT:APER 0.02"], "SENS:VOLT:APER?", "2.00000000E-02"),
    (SUPPLY, ["MEM:UPD LIM"], "SYST:ERR?", '0,"No error"'),
    (LOCKIN, ["*ESE 33"], "*ESE?", "33"),
    (LOCKIN, ["*SRE 40"], "*SRE?", "40"),
    (LOCKIN, ["ERRE 6"], "ERRE?", "6"),
    (LOCKIN, ["LIAE 7"], "LIAE?", "7"),
    (LOCKIN, ["DDEF 2,1,0"], "DDEF?2", "1,0"),
    (LOCKIN, ["FPOP 1,1"], "FPOP?1", "1"),
    (LOCKIN_865, ["*ESE 33"], "*ESE?", "33"),
    (LOCKIN_865, ["*SRE 40"], "*SRE?", "40"),
    (LOCKIN_865, [], "*STB?", "2"),
    (LOCKIN_865, ["ERRE 6"], "ERRE?", "6"),
    (LOCKIN_865, ["LIAE 7"], "LIAE?", "7"),
    (LOCKIN_865, [], "OUTR? 0", "0"),
    (AC_SOURCE, ["SOUR:WAVE:ARB:DATA 0, 0.5, -1"], "SOUR:WAVE:ARB:DATA?", "0.000000E+00,5.000000E-01,-1.000000E+00"),
    (AC_SOURCE, ["SYST:COMM:SER:BAUD 9600", 'SYST:COMM:SER:SEND "*OPC?"'], "SYST:COMM:SER:ENT?", "1"),
    (AC_SOURCE, ["SOUR:DELT:ARM"], "SOUR:DELT:ARM?", "1"),
    (AC_SOURCE, ["FORM:ELEM SOUR,READ"], "FORM:ELEM?", "READ,SOUR"),
    (AC_SOURCE, ["SOUR:CURR 0.1;COMP 1", "OUTP 1"], "STAT:MEAS:COND?", "8"),
    (AC_SOURCE, ["TRAC:CLE"], "TRAC:POIN:ACT?", "0"),
    (SOURCE_METER, ["SOUR:LIST:CURR 1E-3,2E-3", "SOUR:LIST:CURR:APP 3E-3"], "SOUR:LIST:CURR?",
     "1.000000E-03,2.000000E-03,3.000000E-03"),
    (SOURCE_METER, ["SOUR:LIST:CURR 1E-3,2E-3"], "SOUR:LIST:CURR:POIN?", "2"),
    (SOURCE_METER, ["SOUR:LIST:VOLT 1,2", "SOUR:LIST:VOLT:APP 3"], "SOUR:LIST:VOLT?",
     "1.000000E+00,2.000000E+00,3.000000E+00"),
    (SOURCE_METER, ["SOUR:LIST:VOLT 1,2"], "SOUR:LIST:VOLT:POIN?", "2"),
    (SOURCE_METER, ["CONF:VOLT"], "OUTP?", "1"),
    (SOURCE_METER, ["CONF:CURR"], "SENS:FUNC?", '"CURR:DC"'),
    (SOURCE_METER, ["CONF:RES"], "SENS:FUNC?", '"RES"'),
    (SOURCE_METER, ["FORM:ELEM CURR", "CONF:CURR"], "MEAS?", "+0.000000E+00"),
    (SOURCE_METER, ["FORM:ELEM CURR", "CONF:CURR", "INIT"], "SENS:DATA?", "+0.000000E+00"),
    (SOURCE_METER, ["SENS:FUNC:ALL", "SENS:FUNC:OFF 'RES'"], "SENS:FUNC?", '"VOLT:DC","CURR:DC"'),
    (SOURCE_METER, ["SENS:FUNC:OFF:ALL"], "SENS:FUNC?", ""),
    (SOURCE_METER, [], "STAT:MEAS:COND?", "0"),
    (SOURCE_METER, ["NONSENSE", "STAT:QUE:CLE"], "SYST:ERR?", '0,"No error"'),
    (SOURCE_METER, [], "SYST:VERS?", "1996.0"),
    (VNA, ["CALC:FORM PHAS"], "CALC:FORM?", "PHAS"),
    (VNA, ["CALC1:MEAS1:FORM SWR"], "CALC1:MEAS1:FORM?", "SWR"),
    (VNA, ["CALC1:MEAS1:PAR 'S21'"], "CALC1:MEAS1:PAR?", '"S21"'),
    (VNA, ["CALC1:MEAS3:DEF 'S22'", "CALC:PAR:MNUM:SEL 3"], "SYST:ACT:MEAS?", '"CH1_S22_3"'),
    (VNA, ["CALC1:MEAS3:DEF 'S22'", "CALC1:MEAS1:DEL"], "SYST:MEAS:CAT? 1", '"3"'),
    (VNA, ["CALC:PAR:DEL:ALL"], "CALC:PAR:CAT:EXT?", '"NO CATALOG"'),
    (VNA, ["SENS:FREQ:STAR 1E9;STOP 2E9;:SENS:SWE:POIN 3"], "CALC:X?",
     "+1.00000000000E+09,+1.50000000000E+09,+2.00000000000E+09"),
    (VNA, ["SENS:FREQ:CENT 5E9;SPAN 1E9"], "SENS:FREQ:STAR?", "+4.500000000000E+09"),
    (VNA, ["SENS:FREQ:STAR 1E9;STOP 2E9"], "SENS:FREQ:CENT?;SPAN?", "+1.500000000000E+09;+1.000000000000E+09"),
    (VNA, ["SENS:SWE:TIME 5"], "SENS:SWE:TIME?", "+5.000000000000E+00"),
    (VNA, ["SENS:AVER:CLE"], "SYST:ERR?", '+0,"No error"'),
    (VNA, ["INIT:CONT OFF"], "INIT:CONT?", "0"),
    (VNA, [], "SYST:ACT:CHAN?", "1"),
    (VNA, [], "SYST:CAP:FREQ:MIN?;MAX?", "+1.000000000000E+07;+2.650000000000E+10"),
    (VNA, [], "DISP:CAT?", '"1"'),
    (VNA, ["DISP:WIND:TRAC1:DEL"], "DISP:WIND:CAT?", '"EMPTY"'),
    (POWER_METER, ["CORR:COLL:ZERO", "CORR:COLL:ZERO:ABOR"], "CORR:COLL:ZERO:STAT?", "0"),
    (RF_POWER_METER, ["UNIT:POW W", "CAL:ZERO:AUTO ONCE", "INIT"], "FETC?", "+0.00000000E+00"),
    (POWER_METER, ["CONF:POW", "ABOR"], "CONF?", "POW"),
    (POWER_METER, [], "SYST:SENS:IDN?", "S120VC,SIM0001,01-Jan-2024,1,0,33"),
    (MAGNET, ["CONF:CURR:LIM 50"], "CURR:LIM?", "50"),
    (MAGNET, ["CONF:PS:CURR 41.5"], "PS:CURR?", "41.5"),
    (MAGNET, ["CONF:PS:COOLTIME 40"], "PS:COOLTIME?", "40"),
    (MAGNET, ["CONF:PS:HEATTIME 25"], "PS:HEATTIME?", "25"),
    (MAGNET, ["CONF:RAMP:RATE:SEG 2"], "RAMP:RATE:SEG?", "2"),
    (MAGNET, ["CONF:RAMP:RATE:UNITS 1"], "RAMP:RATE:UNITS?", "1"),
    (CRYOSTAT, [], "HTRST? 1", "0"),
    (CRYOSTAT, ['INNAME A,"Sample"'], "INNAME? A", "Sample"),
    (STAGES, ["1AG50"], "1AG?", "50"),
    (STAGES, [], "1AU?", "200"),
    (STAGES, ["1MO"], "1MF?", "1"),
    (CHOPPER, [], "dharmonic?", "dharmonic?\r1\r"),
    (CHOPPER, [], "nharmonic?", "nharmonic?\r1\r"),
    (CHOPPER, [], "output?", "output?\r0\r"),
    (CHOPPER, [], "ref?", "ref?\r0\r"),
]  # fmt: skip
