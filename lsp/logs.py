"""The sidecar's log: warnings to stderr, one line each, never what a message or an answer held."""

import logging
import sys

# pygls formats whole message bodies into its records and warns about every notification it does not know.
QUIET = {"pygls": logging.ERROR, "httpx": logging.WARNING, "httpcore": logging.WARNING}


class _Formatter(logging.Formatter):
    """Our own records in full; of a library's only which statement spoke and the kind of error."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name.partition(".")[0] == "lsp":
            words = record.getMessage()
        else:
            template = str(record.msg).partition("%")[0].strip().splitlines()
            error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
            words = " ".join(filter(None, [template[0] if template else "", error]))
        return f"teamcredits-lsp: {record.levelname.lower()}: {words}"


def configure() -> None:
    """Send warnings and worse to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
