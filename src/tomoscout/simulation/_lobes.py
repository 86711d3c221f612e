"""The challenge's solid molecules: ribosome, beta-galactosidase, beta-amylase, thyroglobulin.

Their balls were fitted to densities computed at 10 Å from the entries named in ``source``,
beta-amylase's excepted.
"""

from __future__ import annotations

from tomoscout.simulation._shape import Shape, read_balls


def ribosome() -> Shape:
    """80S ribosome: two lobes with a cleft between them, rough, 25 to 30 nm."""
    return Shape(
        name="ribosome",
        aliases=("80s", "80s-ribosome", "cytosolic-ribosome", "6ek0", "6qzp", "4v6x"),
        mass=4300.0,  # kDa, Rabl et al. 2011, doi:10.1126/science.1198308; 3500 of them in 6QZP
        symmetry="C1",
        size=(290.0, 262.0, 231.0),
        source="PDB 6QZP (human); Rabl et al. 2011",
        balls=read_balls("""
            -123 -10 24 29; -100 3 68 37; -82 -6 -29 40; -72 21 1 57; -70 -57 51 40
            -69 -10 -57 28; -66 -2 28 59; -59 33 19 51; -54 37 -48 45; -45 -18 -8 55
            -44 -23 58 54; -36 -65 16 36; -35 31 -35 50; -22 54 65 41; -21 -37 -64 34
            -14 -10 -46 58; -13 -51 -3 49; -13 -37 -17 53; -11 91 -4 29; -9 -72 -63 21
            -6 -35 67 37; -6 4 -77 45; 9 1 -21 37; 17 -69 -41 21; 32 50 -38 31; 39 59 -2 25
            47 9 -20 44; 59 -92 -16 38; 61 60 50 39; 62 -62 -47 44; 66 10 -46 41; 72 -56 -20 44
            77 -4 -9 48; 77 63 31 49; 87 -12 -66 34; 94 20 77 29; 98 -55 -1 33; 106 34 -34 28
            108 -27 22 26; 110 83 1 29
        """),
    )


def beta_galactosidase() -> Shape:
    """Beta-galactosidase: a flat D2 tetramer, 18 x 14 x 9 nm, with a slot in the middle.

    Juers et al. (2012), doi:10.1002/pro.2165: 4 chains of 1023 residues, five domains each.
    """
    return Shape(
        name="beta-galactosidase",
        aliases=("b-galactosidase", "lacz", "6x1q", "1f4a", "1dp0"),
        mass=465.0,  # kDa, 4 chains of 116 kDa
        symmetry="D2",
        size=(179.0, 133.0, 86.0),
        source="PDB 1F4A; Juers et al. 2012",
        balls=read_balls("""
            -23 -2 30 21; 4 -73 -12 19; 6 53 18 22; 9 24 23 27; 10 -11 -44 24; 17 -57 6 14
            25 38 4 16
        """),
    )


def beta_amylase() -> Shape:
    """Beta-amylase: four barrels of 56 kDa, packed as D2, about 11 x 10 x 8 nm.

    The sweet potato's tetramer; suppliers give 200 to 206 kDa. Its two balls a chain are drawn by
    hand: one (beta/alpha)8 barrel and its long loops.
    """
    return Shape(
        name="beta-amylase",
        aliases=("b-amylase", "1fa2"),
        mass=224.0,  # kDa, 4 chains of 56 kDa
        symmetry="D2",
        size=(108.0, 97.0, 80.0),
        source="PDB 1FA2; Cheong et al. 1995, doi:10.1002/prot.340210204",
        balls=read_balls("""
            15 23 25 26; 20 30 44 15
        """),
    )


def thyroglobulin() -> Shape:
    """Thyroglobulin: an elongated, porous C2 dimer of 660 kDa, about 25 x 11 nm.

    Coscia et al. (2020, entry 6SCJ), doi:10.1038/s41586-020-1995-4.
    """
    return Shape(
        name="thyroglobulin",
        aliases=("6scj", "7n4y", "7b75"),
        mass=660.0,  # kDa, Adaixo et al. 2022, doi:10.1038/s41467-021-27693-8
        symmetry="C2",
        size=(250.0, 115.0, 114.0),
        source="PDB 7N4Y (bovine); Coscia et al. 2020",
        balls=read_balls("""
            -25 22 -108 19; -22 17 -57 19; -20 0 106 21; -15 -26 -46 20; -13 5 32 21
            -12 -28 36 19; -9 3 10 22; 2 -7 -99 18; 2 36 -9 15; 3 -36 -43 20; 15 9 71 24
            19 -19 39 26; 28 10 32 21; 28 26 47 24; 40 -22 20 30; 57 -31 21 18
        """),
    )
