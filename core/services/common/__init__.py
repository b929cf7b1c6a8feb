"""What use cases share: the ledger service, views, cursors, validation, authorization, sweeps."""
