"""The command line: verbs to functions, logging, exit codes. Imports nothing heavy."""
