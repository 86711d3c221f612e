"""Tomograms with known truth: molecules, scenes and the microscope."""
