"""The log: what an entry says, how entries are chained, and how anyone can check it."""
