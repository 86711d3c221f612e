"""Tomograms with known truth: molecules, scenes and the microscope.

`simulate` draws a scene (who stands where), looks up what its molecules look like (shapes, maps or
atoms, then densities on voxels), renders it, and looks at it through one of two microscopes.
"""

from tomoscout.simulation.labels import Labels
from tomoscout.simulation.looks import object_of
from tomoscout.simulation.physics import PhysicsSettings
from tomoscout.simulation.quick import QuickSettings
from tomoscout.simulation.reconstruction import KINDS
from tomoscout.simulation.run import simulate
from tomoscout.simulation.scene import Scene
from tomoscout.simulation.simulated import Simulated

__all__ = [
    "KINDS",
    "Labels",
    "PhysicsSettings",
    "QuickSettings",
    "Scene",
    "Simulated",
    "object_of",
    "simulate",
]
