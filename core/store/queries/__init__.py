"""Reads and plain writes outside the journal, one file a noun."""
