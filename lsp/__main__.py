"""`python -I -m lsp`: for editors that start modules; -I keeps the workspace's own folders out of sys.path."""

import sys

from lsp.cli import main

if __name__ == "__main__":
    sys.exit(main())
