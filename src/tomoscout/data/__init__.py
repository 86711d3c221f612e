"""Patches, sampling and folds: from runs to batches."""
