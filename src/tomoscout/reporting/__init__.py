"""Figures and pages: how well a detector did, as pictures a colleague reads without us.

Each file draws one thing. ``slices``, ``gallery``, ``curves``, ``calibration``, ``training_curves``
and ``counts`` take data and return pictures; ``page`` puts them on one self-contained HTML page.
"""
