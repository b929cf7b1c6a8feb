"""The domain, pure: credits, lots, positions, transfers and gifts.

Standard library only; no clock, no input or output. README.md beside this file is the domain's truth.
"""
