"""Pure functions from arrays to values with uncertainties; no instrument, file or screen is known here."""
