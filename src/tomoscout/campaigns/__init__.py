"""Campaigns: many trained experiments compared on runs that none of them has seen.

``settings`` says what is compared, ``experiments`` reads what is trained, ``plan`` lists the work
as data, ``run`` does it piece by piece, ``store`` knows what is done, ``tables`` sums up.
"""
