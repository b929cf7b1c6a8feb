"""Plans, caps and resets."""
