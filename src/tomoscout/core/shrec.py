"""The proteins of the SHREC challenges on simulated tomograms, in the order of their labels.

Choose `SHREC21` for the data of 2021, and for simulations in its layout; `SHREC20` for 2020.
Names are PDB identifiers in capitals, which the files of 2020 write small. A label is the value
that a protein has in ``class_mask.mrc``.

Radii are about half of the longest dimension of the molecule, as the CZII challenge's are, in
steps of 5 Å. They were measured on densities computed from the PDB entry at 10 Å (voxels above a
tenth of the maximum). Three kinds are estimates: where that density held half of the biological
assembly, which is what the simulator places (1QVR, 1BXN, 3CF3, 3H84, 3QM1); 4V94, one of the two
chaperonins (TRiC) in its entry, by its width; and 4D8Q, taken to be as large as 4V94. Every weight
is 1; the official results of 2021 leave 4V94 out, which ``weight: 0`` in a table of your own
(``--objects``) does as well.

References
----------
Gubins et al., SHREC 2021: Classification in cryo-electron tomograms, doi:10.2312/3dor.20211307.
"""

from __future__ import annotations

from tomoscout.core.objects import ObjectTable, ObjectType

SHREC_SPACING = 10.0
"""Edge of a voxel, in ångström, as the challenge publishes it (1 nm); its headers do not say it."""

SHREC_BACKGROUND = ("vesicle", "fiducial")
"""What stands in the tomograms besides the proteins, with the labels after theirs.

Nothing to be found: it is neither trained nor scored, and a pick on it is a false alarm like one
on empty ice. (The official script of 2021 skips vesicles and counts fiducials as a class.)
"""

MASSES = {
    "4V94": 960.0,
    "4CR2": 1310.0,
    "1QVR": 593.0,
    "1BXN": 560.0,
    "3CF3": 542.0,
    "1U6G": 239.0,
    "3D2F": 236.0,
    "2CG9": 189.0,
    "3H84": 158.0,
    "3GL1": 85.0,
    "3QM1": 63.0,
    "1S3X": 43.0,
    "5MRC": 3326.0,
    "4D8Q": 976.0,
}
"""Approximate mass of each assembly in kilodalton, to bring densities to one scale.

For 4V94 and 4D8Q it is that of one chaperonin.
"""

_LOOKS = {  # radius in Å, colour
    "4V94": (90, (136, 34, 85)),  # TRiC, the chaperonin of the cytosol
    "4CR2": (140, (0, 114, 178)),  # 26S proteasome with one cap
    "1QVR": (90, (230, 159, 0)),  # ClpB, a hexamer
    "1BXN": (60, (0, 158, 115)),  # rubisco, 8 large and 8 small chains
    "3CF3": (85, (213, 94, 0)),  # p97, a hexamer
    "1U6G": (85, (204, 121, 167)),  # Cand1 with Cul1 and Roc1
    "3D2F": (105, (86, 180, 233)),  # Sse1 with Hsp70, two of them
    "2CG9": (70, (170, 68, 153)),  # Hsp90 with Sba1
    "3H84": (70, (153, 153, 51)),  # Get3
    "3GL1": (55, (51, 34, 136)),  # Ssb1, ATPase domain, a dimer
    "3QM1": (40, (17, 119, 51)),  # cinnamoyl esterase
    "1S3X": (40, (153, 153, 153)),  # Hsp70, ATPase domain
    "5MRC": (170, (240, 228, 66)),  # ribosome of yeast's mitochondria
    "4D8Q": (90, (136, 34, 85)),  # TRiC of yeast
}

_ORDER_2021 = "4V94 4CR2 1QVR 1BXN 3CF3 1U6G 3D2F 2CG9 3H84 3GL1 3QM1 1S3X 5MRC"
_ORDER_2020 = "3CF3 1S3X 1U6G 4CR2 1QVR 3H84 2CG9 3QM1 3GL1 3D2F 4D8Q 1BXN"


def _table(order: str) -> ObjectTable:
    """Return the proteins in the order of a year's labels."""
    return ObjectTable(
        objects=tuple(
            ObjectType(name=name, radius=_LOOKS[name][0], color=_LOOKS[name][1], pdb_id=name)
            for name in order.split()
        )
    )


SHREC21 = _table(_ORDER_2021)
"""The 13 proteins of 2021; vesicles have label 14 and fiducials label 15."""

SHREC20 = _table(_ORDER_2020)
"""The 12 proteins of 2020, which had neither vesicles nor fiducials."""
