"""Unsupervised discovery: embedded tomograms into clusters, presence maps and few-shot matches."""
