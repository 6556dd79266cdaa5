"""The use cases and the one door: the only code that changes state."""
