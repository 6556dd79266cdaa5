"""Anchorage: which certificate authorities may vouch for an organisation's devices, and who decided it."""
