"""Tomoscout finds macromolecules in cryo-electron tomograms."""
