"""Boosts and campaigns: who has one, who applies, who gets a place, and what it brought."""
