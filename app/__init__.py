"""Anchorage: which certificate authorities may vouch for an organisation's devices, and who decided it."""

__version__ = "0.1.0"
