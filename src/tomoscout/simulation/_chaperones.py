"""Chaperones, small and large, most of them of the SHREC 2021 set.

Masses are those of the PDB entries (formula weight) or whole multiples; balls were fitted to
densities computed at 10 Å from the entries, except ClpB's.
"""

from __future__ import annotations

from tomoscout.simulation._shape import Shape, read_balls


def hsp70_atpase() -> Shape:
    """Hsp70 ATPase domain, one chain."""
    return Shape(
        name="1s3x",
        aliases=("hsp70",),
        mass=42.8,  # kDa, as deposited
        symmetry="C1",
        size=(63.0, 53.0, 44.0),
        source="PDB 1S3X, doi:10.2210/pdb1s3x/pdb",
        balls=read_balls("""
            -5 -7 9 18; -3 9 -18 16; 2 9 10 19; 3 -10 -4 20
        """),
    )


def hsp70_pair() -> Shape:
    """Two yeast Hsp70 ATPase domains side by side."""
    return Shape(
        name="3gl1",
        aliases=("ssb1",),
        mass=84.6,  # kDa, as deposited
        symmetry="C1",
        size=(88.0, 61.0, 60.0),
        source="PDB 3GL1, doi:10.2210/pdb3gl1/pdb",
        balls=read_balls("""
            -14 9 17 18; 0 1 -18 27; 1 -5 2 26; 2 -6 29 19; 3 7 19 21
        """),
    )


def get3() -> Shape:
    """Get3, the ATPase that brings tail-anchored proteins to the membrane: a bent dimer."""
    return Shape(
        name="3h84",
        aliases=("get3",),
        mass=79.0,  # kDa, as deposited
        symmetry="C2",
        size=(85.0, 71.0, 47.0),
        source="PDB 3H84, doi:10.2210/pdb3h84/pdb",
        balls=read_balls("""
            -6 -4 -10 16; 6 -4 -14 19; 10 0 -25 20; 34 -7 21 15
        """),
    )


def hsp90() -> Shape:
    """Hsp90 with Sba1, a closed dimer."""
    return Shape(
        name="2cg9",
        aliases=("hsp90",),
        mass=188.7,  # kDa, as deposited
        symmetry="C2",
        size=(121.0, 84.0, 80.0),
        source="PDB 2CG9, doi:10.2210/pdb2cg9/pdb",
        balls=read_balls("""
            -57 11 8 19; -37 6 18 18; -17 -4 19 17; 0 9 -18 18; 20 -9 -20 22; 23 16 -8 24
        """),
    )


def hsp110() -> Shape:
    """Sse1 (Hsp110) holding Hsp70, two such pairs end to end."""
    return Shape(
        name="3d2f",
        aliases=("hsp110", "sse1"),
        mass=236.1,  # kDa, as deposited
        symmetry="C2",
        size=(196.0, 86.0, 70.0),
        source="PDB 3D2F, doi:10.2210/pdb3d2f/pdb",
        balls=read_balls("""
            -19 14 -37 16; -11 -9 -28 18; 2 -19 28 17; 7 14 27 21; 12 -8 -10 18; 18 -4 41 29
            24 3 51 26; 33 -3 -83 16
        """),
    )


def p97() -> Shape:
    """p97, also VCP or Cdc48: two stacked rings of six, with N domains around one of them."""
    return Shape(
        name="3cf3",
        aliases=("p97", "vcp", "cdc48"),
        mass=541.7,  # kDa, twice the deposited three chains
        symmetry="C6",
        size=(153.0, 153.0, 83.0),
        source="PDB 3CF3, doi:10.2210/pdb3cf3/pdb",
        balls=read_balls("""
            -12 64 -13 12; -3 -35 49 21; -3 44 34 13; 2 -23 19 23; 8 -11 45 17; 36 -22 19 24
            43 44 31 11; 48 -14 42 15
        """),
    )


def clpb() -> Shape:
    """ClpB: two stacked rings of six, with 85 Å coiled coils around them.

    Lee et al. (2003), doi:10.1016/S0092-8674(03)00807-9. The entry holds three chains of
    a crystal's helix; the hexamer here is drawn by hand after their reconstruction.
    """
    return Shape(
        name="1qvr",
        aliases=("clpb",),
        mass=593.4,  # kDa, twice the deposited three chains
        symmetry="C6",
        size=(172.0, 172.0, 113.0),
        source="PDB 1QVR; Lee et al. 2003",
        balls=read_balls("""
            -24 0 46 23; 22 4 48 23; 50 14 38 15; 20 -22 74 10; 14 -2 80 10; 8 18 78 10; 2 38 68 10
        """),
    )


def tric() -> Shape:
    """TRiC, also CCT: two rings of eight, closed, hollow.

    Zang et al. (2016), doi:10.1038/nsmb.3309; the eight chains of a ring are drawn alike.
    """
    return Shape(
        name="4v94",
        aliases=("tric", "cct", "4d8q"),
        mass=976.0,  # kDa, half of the deposited two particles
        symmetry="D8",
        size=(163.0, 163.0, 160.0),
        source="PDB 4V94, doi:10.2210/pdb4v94/pdb",
        balls=read_balls("""
            14 8 -50 22; 18 -56 9 23; 37 -51 19 17; 57 24 34 18; 68 15 12 13
        """),
    )
