"""Types, settings and the registry: what every other room speaks in."""
