"""Recomputes everything from the append-only rows, and says what differs."""
