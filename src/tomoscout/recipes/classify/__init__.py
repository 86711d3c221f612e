"""Recipes of classifiers, which look at crops at picks; line 1 is the command."""
