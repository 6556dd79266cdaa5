"""Rows, named reads and migrations, on SQLite and PostgreSQL."""
