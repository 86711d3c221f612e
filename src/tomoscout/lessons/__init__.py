"""What classifiers are taught. Each file: ``Settings``, ``TERMS``, ``build(settings, *, seed)``.

``build`` returns a module whose ``forward(classifier, crops, labels, keys)`` looks at crops
`(b, 1, z, y, x)` with labels `(b,)` through a classifier (see `classifiers`) and returns a dict of
numbers: ``loss``, to be made small, and all of ``TERMS``, to be logged, among them ``accuracy``.
``keys`` `(b, k)` tell crops apart, as (epoch, index): what a lesson draws at random is a function
of the seed and the key, so a training that goes on draws what it would have drawn, and crops that
keep their keys are validated alike each time.

A file whose classifiers must know positions says ``NEEDS_POSITIONS = True``.
"""

from __future__ import annotations

from tomoscout.core.registry import Registry

LESSONS = Registry(__name__, "Settings", "TERMS", "build")
