"""The one way into the books: what waits becomes batches, each read, decided, written and sealed at once."""
