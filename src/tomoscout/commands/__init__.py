"""The verbs: read settings and files, call below, write files; no maths."""
