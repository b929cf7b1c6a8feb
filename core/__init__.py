"""The shared core of teamcredits: the ledger, its rules, its store and its doors."""

__version__ = "0.1.0"
