"""One file a noun: each handler parses, calls one use case and renders its answer."""
