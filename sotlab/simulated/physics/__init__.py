"""What the virtual instruments are wired to: a magnet, an RF path, a sample, and the noise of the meters.

Everything here is a closed-form function of bench time between two commands: there is no thread that ticks. The
formulas are derived from the equations of motion, and share nothing with the analysis that they are used to check.
"""
