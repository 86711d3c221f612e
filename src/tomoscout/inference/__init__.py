"""Volumes through models: prediction, weights and picking in one go."""
