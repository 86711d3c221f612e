"""Array functions without opinions."""
