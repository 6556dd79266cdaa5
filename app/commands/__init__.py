"""The commands of `anchorage`: each parses its arguments, does one thing, and prints the outcome."""
