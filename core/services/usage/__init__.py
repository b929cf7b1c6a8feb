"""Usage in: events and files are read, rated and charged, each once."""
