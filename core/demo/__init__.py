"""The demo: a small organisation with a believable past, seeded once into a SQLite file of its own."""
