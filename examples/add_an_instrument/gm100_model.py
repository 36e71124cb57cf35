"""What a GM100 does, for the virtual lab: a gaussmeter that does not exist, with five commands.

The bench tells the field at the probe by ``bench.gaussmeter_T(time_s)``, with the probe's zero and noise.
"""

from sotlab.simulated.device import ScpiDevice, query, setting

#: Time of one conversion [s], and what is sent for a field beyond the range.
CONVERSION_S, OVERLOAD = 0.02, "+9.9000000E+37"


class GM100(ScpiDevice):
    """A gaussmeter with SCPI: tesla, two ranges, averaging."""

    manufacturer, model, version = "Example Instruments", "GM100", "1.0"

    average = setting(
        "[SENSe]:AVERage:COUNt", default=1, minimum=1, maximum=100, integer=True, source="here the manual's page"
    )
    range_T = setting("[SENSe]:FIELd:RANGe", default=1.0, minimum=0.1, maximum=1.0, source="here the manual's page")

    @query("MEASure[:SCALar]:FIELd[:DC]", source="here the manual's page")
    def measure(self):
        """Measure; the reply comes when the average is complete."""
        self.reply_after(self.average * CONVERSION_S)
        field_T = self.bench.gaussmeter_T(self.lab.clock.now())
        return OVERLOAD if abs(field_T) > self.range_T else f"{field_T:+.7E}"
