"""Enzymes, a protease and a ribosome of the SHREC 2021 set, and fatty acid synthase.

Masses are those of the PDB entries (formula weight) or whole multiples; balls were fitted to
densities computed at 10 Å from the entries.
"""

from __future__ import annotations

from tomoscout.simulation._shape import Shape, read_balls


def esterase() -> Shape:
    """Cinnamoyl esterase of Lactobacillus johnsonii, one chain: hardly more than a dot."""
    return Shape(
        name="3qm1",
        aliases=("lj0536",),
        mass=31.3,  # kDa, as deposited
        symmetry="C1",
        size=(55.0, 44.0, 40.0),
        source="PDB 3QM1, doi:10.2210/pdb3qm1/pdb",
        balls=read_balls("""
            -1 4 16 15; 0 -4 0 20; 0 2 -9 18
        """),
    )


def cullin() -> Shape:
    """Cand1, Cul1 and Roc1: a ring-like clamp around a bent rod."""
    return Shape(
        name="1u6g",
        aliases=("cand1-cul1-roc1", "cand1"),
        mass=238.8,  # kDa, as deposited
        symmetry="C1",
        size=(146.0, 98.0, 85.0),
        source="PDB 1U6G, doi:10.2210/pdb1u6g/pdb",
        balls=read_balls("""
            -20 -14 11 20; -19 14 19 21; -9 -15 60 19; -5 6 -30 30; -3 5 56 20; 2 -4 23 21
            3 -14 -48 24; 4 -33 4 21; 5 30 -57 19; 7 27 27 20; 20 -29 -22 18; 20 13 42 23
        """),
    )


def rubisco() -> Shape:
    """Rubisco: eight large and eight small chains around a channel."""
    return Shape(
        name="1bxn",
        aliases=("rubisco",),
        mass=559.6,  # kDa, twice the deposited half
        symmetry="D4",
        size=(110.0, 110.0, 102.0),
        source="PDB 1BXN, doi:10.2210/pdb1bxn/pdb",
        balls=read_balls("""
            -25 -22 20 17; -25 11 18 20; -15 -3 30 26; 30 37 14 16; 36 -32 10 17
        """),
    )


def proteasome() -> Shape:
    """26S proteasome with one cap: a barrel with a lopsided head."""
    return Shape(
        name="4cr2",
        aliases=("proteasome", "26s-proteasome", "26s"),
        mass=1309.3,  # kDa, as deposited
        symmetry="C1",
        size=(254.0, 185.0, 170.0),
        source="PDB 4CR2, doi:10.2210/pdb4cr2/pdb",
        balls=read_balls("""
            -57 6 -102 24; -52 13 -25 24; -50 14 -73 21; -47 39 -85 19; -45 -10 -84 24
            -44 -72 -19 20; -39 -2 92 24; -37 43 -47 25; -36 30 78 26; -31 -3 48 28
            -27 -15 11 25; -21 41 3 30; -19 -24 -101 20; -18 9 -58 24; -15 -21 109 23
            -14 35 43 29; -12 -78 14 25; -6 -29 63 32; -1 -36 28 27; 6 -76 9 30; 7 -24 127 13
            9 43 80 26; 10 31 -75 21; 10 62 -71 23; 10 66 -41 21; 14 -39 -81 34; 15 -12 107 24
            17 -6 -5 38; 23 58 4 23; 26 14 40 37; 27 13 94 24; 29 -21 34 26; 30 -15 68 27
            31 0 -58 27; 31 16 104 22; 44 3 24 18; 52 58 -69 23; 61 26 -77 24
        """),
    )


def mitoribosome() -> Shape:
    """Mitochondrial ribosome of yeast."""
    return Shape(
        name="5mrc",
        aliases=("mitoribosome",),
        mass=3325.0,  # kDa, as deposited
        symmetry="C1",
        size=(324.0, 266.0, 220.0),
        source="PDB 5MRC, doi:10.2210/pdb5mrc/pdb",
        balls=read_balls("""
            -64 -7 -42 35; -59 -42 82 36; -45 -15 -134 33; -41 -83 30 42; -41 -4 -95 41
            -33 37 -53 43; -33 39 86 46; -32 90 0 37; -29 -30 56 36; -28 38 107 32; -19 56 74 46
            -18 -51 -35 44; -16 -43 -58 50; -12 -1 -84 50; -9 -3 -128 31; -5 100 -31 40
            0 -70 33 28; 4 109 7 25; 9 -33 72 47; 9 54 82 38; 11 -28 -9 42; 16 90 75 32
            17 -14 94 41; 18 -61 125 27; 25 41 -56 48; 30 -15 -27 41; 31 -8 28 48; 31 26 -111 32
            34 -76 1 12; 37 -62 -46 39; 50 -44 50 32; 54 -7 121 36; 56 -29 -73 44; 64 -9 127 31
            66 13 -24 34; 71 39 -59 25
        """),
    )


def fatty_acid_synthase() -> Shape:
    """Fatty acid synthase of yeast: a barrel with a wheel across and two arched domes."""
    return Shape(
        name="2uv8",
        aliases=("fatty-acid-synthase", "fas"),
        mass=2600.0,  # kDa, 6 alpha and 6 beta chains
        symmetry="D3",
        size=(271.0, 235.0, 229.0),
        source="PDB 2UV8, doi:10.2210/pdb2uv8/pdb",
        balls=read_balls("""
            -118 15 16 18; -110 30 47 27; -89 -60 -38 25; -57 28 82 27; -57 56 79 17
            -6 -5 -3 14; -5 73 25 33; -3 62 -61 30; 2 -73 46 33; 6 30 9 20; 25 -33 37 16
            28 32 8 15; 50 -78 22 22; 56 -81 -32 17; 89 -67 26 26; 106 -68 -5 20
        """),
    )
