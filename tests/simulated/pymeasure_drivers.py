"""PyMeasure's own drivers, each on the simulated instrument that it is for or nearest to."""

from __future__ import annotations

from .pymeasure_2400 import SOURCE_METER
from .pymeasure_field import (
    CRYOSTAT,
    GAUSSMETER_425,
    GAUSSMETER_475,
    MAGNET,
    POWER_METER,
    STAGES,
    SUPERCONDUCTING,
)
from .pymeasure_keithley import AC_SOURCE, NANOVOLTMETER
from .pymeasure_lockins import SR830_PAIR, SR865A_PAIR
from .pymeasure_rf import MICROWAVE, VNA, VNA_WITHOUT_SIGN, WAVES

__all__ = ["PAIRS"]

PAIRS = {
    "Agilent8257D-E8257D": MICROWAVE,
    "KeysightPNA-N5222B": VNA,
    "KeysightPNA-N5222B-without-sign": VNA_WITHOUT_SIGN,
    "Agilent33500-33511B": WAVES,
    "Keithley2182-2182A": NANOVOLTMETER,
    "Keithley6221-6221": AC_SOURCE,
    "Keithley2400-2400": SOURCE_METER,
    "SR830-SR830": SR830_PAIR,
    "SR860-SR865A": SR865A_PAIR,
    "KepcoBOP3612-BOP-50-20MG": MAGNET,
    "AMI430-430": SUPERCONDUCTING,
    "LakeShore425-425": GAUSSMETER_425,
    "LakeShore425-475": GAUSSMETER_475,
    "LakeShore3xx-336": CRYOSTAT,
    "ESP300-ESP301": STAGES,
    "ThorlabsPM100USB-PM100D": POWER_METER,
}
