"""Thresholds on scores."""
