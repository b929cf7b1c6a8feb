"""The editor sidecar: a small language server that shows what a person can still spend.

It imports nothing from the server's packages: a laptop installs pygls and httpx, never a ledger.
"""

__version__ = "0.1.0"
