"""Recipes as YAML files: line 1 the command, line 2 hardware and time, line 3 the score."""
