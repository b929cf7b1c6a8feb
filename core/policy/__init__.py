"""Anti-fraud rules, pure: what was measured, the limit, and the worst finding decides."""
