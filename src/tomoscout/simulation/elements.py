"""What each element weighs and how strongly it deflects electrons.

The strength is the elastic scattering factor of the neutral atom at angle zero, that is the
integral of its electrostatic potential: all that counts at a resolution far coarser than an
atom. Peng, Ren, Dudarev & Whelan (1996), doi:10.1107/S0108767395014371 (the five Gaussians of
its table, also International Tables C 4.3.2.2, added up).

What a molecule shows is its excess over the ice it displaces, so the volume of an atom counts
too. The volumes are those of Fraser, MacRae & Suzuki (1978), doi:10.1107/S0021889878014296, as
in CRYSOL; with them protein has 1.33 and RNA 1.84 g/cm^3.
"""

from __future__ import annotations

from dataclasses import dataclass

ICE = 0.0945
"""Scattering of vitreous ice in Å per Å^3: 3.041 Å per molecule, 0.93 g/cm^3."""

HYDROGEN_MASS = 1.008

_VOLUMES = {"H": 5.15, "D": 5.15, "C": 16.44, "N": 2.49, "O": 9.13, "P": 5.73, "S": 19.86}
_OTHER_VOLUME = 10.0  # about that of a metal ion; there are few of them

# Symbol, scattering factor in Å, mass in dalton.
_TABLE = """
H 0.529 1.01; He 0.418 4.00; Li 3.286 6.94; Be 3.052 9.01; B 2.794 10.81; C 2.509 12.01;
N 2.214 14.01; O 1.983 16.00; F 1.801 19.00; Ne 1.652 20.18; Na 4.776 22.99; Mg 5.208 24.30;
Al 5.887 26.98; Si 5.827 28.09; P 5.488 30.97; S 5.160 32.06; Cl 4.858 35.45; Ar 4.581 39.95;
K 8.983 39.10; Ca 9.913 40.08; Sc 9.305 44.96; Ti 8.774 47.87; V 8.303 50.94; Cr 6.968 52.00;
Mn 7.506 54.94; Fe 7.164 55.84; Co 6.853 58.93; Ni 6.562 58.69; Cu 5.599 63.55; Zn 6.063 65.38;
Ga 7.107 69.72; Ge 7.376 72.64; As 7.319 74.92; Se 7.204 78.96; Br 7.060 79.90; Kr 6.898 83.80;
Rb 11.750 85.47; Sr 13.110 87.62; Y 12.671 88.91; Zr 12.155 91.22; Nb 10.667 92.91;
Mo 10.257 95.95; Tc 10.851 98.00; Ru 9.549 101.07; Rh 9.234 102.91; Pd 7.576 106.42;
Ag 8.665 107.87; Cd 9.227 112.41; In 10.426 114.82; Sn 10.857 118.71; Sb 10.972 121.76;
Te 10.996 127.60; I 10.905 126.90; Xe 10.793 131.29; Cs 16.465 132.91; Ba 18.261 137.33;
La 17.787 138.91; Ce 17.363 140.12; Pr 16.974 140.91; Nd 16.602 144.24; Pm 16.233 145.00;
Sm 15.887 150.36; Eu 15.549 151.96; Gd 15.259 157.25; Tb 14.946 158.93; Dy 14.635 162.50;
Ho 14.368 164.93; Er 14.074 167.26; Tm 13.799 168.93; Yb 13.549 173.05; Lu 13.472 174.97;
Hf 13.174 178.49; Ta 12.851 180.95; W 12.537 183.84; Re 12.264 186.21; Os 11.978 190.23;
Ir 11.715 192.22; Pt 10.809 195.08; Au 10.571 196.97; Hg 10.963 200.59; Tl 12.098 204.38;
Pb 12.594 207.20; Bi 13.093 208.98; Po 13.362 209.00; At 13.469 210.00; Rn 13.491 222.00;
Fr 18.704 223.00; Ra 20.538 226.00; Ac 20.471 227.00; Th 20.092 232.04; Pa 19.558 231.04;
U 19.116 238.03; Np 18.666 237.00; Pu 18.185 244.00; Am 17.816 243.00; Cm 17.701 247.00;
Bk 17.392 247.00; Cf 16.951 251.00
"""


@dataclass(frozen=True)
class Element:
    """One element.

    Attributes
    ----------
    scattering
        Elastic electron scattering factor at angle zero, in ångström.
    mass
        In dalton.
    volume
        That it takes from the ice, in Å^3.
    """

    scattering: float
    mass: float
    volume: float

    @property
    def contrast(self) -> float:
        """Scattering in excess of the ice displaced, in ångström; never below 0."""
        return max(self.scattering - ICE * self.volume, 0.0)


def _element(row: str) -> tuple[str, Element]:
    """Read one entry of the table."""
    symbol, scattering, mass = row.split()
    volume = _VOLUMES.get(symbol, _OTHER_VOLUME)
    return symbol, Element(float(scattering), float(mass), volume)


ELEMENTS: dict[str, Element] = dict(_element(row) for row in _TABLE.split(";"))
ELEMENTS["D"] = Element(ELEMENTS["H"].scattering, 2.014, _VOLUMES["D"])
"""By symbol, hydrogen to californium."""
