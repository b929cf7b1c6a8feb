"""The commands of the ledger: each a value with its key, its needs and a pure decision."""
