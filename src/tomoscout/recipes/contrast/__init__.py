"""Recipes of contrastive trainings, which need no labels; line 1 is the command."""
