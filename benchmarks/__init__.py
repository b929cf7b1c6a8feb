"""How fast the ledger is, against what the same database does with the same rows in the same run."""
