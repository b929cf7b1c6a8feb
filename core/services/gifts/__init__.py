"""Gifts: made, settled, reversed, and delivered to other organizations."""
