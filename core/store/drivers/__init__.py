"""How the journal speaks to each database: a few bulk statements, and SQLite's log beside them."""
