"""The slash commands, one a file: parse, call one use case, render."""
