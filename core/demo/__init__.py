"""The demo: a small organization with a believable past, seeded once into a SQLite file of its own."""
