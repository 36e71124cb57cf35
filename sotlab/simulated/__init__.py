"""The virtual lab: pyvisa-sim devices wired to one simulated sample, under one clock.

Reached by a VISA library name only: ``pyvisa.ResourceManager("stfmr@sotlab")``.
"""
