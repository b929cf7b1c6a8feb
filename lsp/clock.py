"""The one place where the sidecar reads a clock. Everything else receives the time as an argument."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present by this machine's clock, aware and in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the sidecar's clock; it may not import the server's
