"""Lets PyVISA find the virtual lab: ``pyvisa.ResourceManager("stfmr@sotlab")``."""

from sotlab.simulated.visa import VirtualLabLibrary

__all__ = ["WRAPPER_CLASS"]

#: The name that PyVISA looks for.
WRAPPER_CLASS = VirtualLabLibrary
