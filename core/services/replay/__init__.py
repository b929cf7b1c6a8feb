"""Replay: a file of requests goes through authorize and capture, as by a gateway."""
