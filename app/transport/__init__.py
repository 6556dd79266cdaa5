"""Speaks HTTP, and decides nothing."""
