"""How long to wait before the next connection. Pure; the jitter comes in from outside."""

FIRST_SECONDS = 0.2
SHORT_STOP_SECONDS = 60.0
SHORT_STOP_DELAY = 1.4  # with a connection and a state on top: back within 2 s of the port answering
LONGEST_DELAY = 30.0
STEADY_SECONDS = 5.0  # a connection that lasted this long was a good one: try again at once


def delay(attempt: int, *, outage_seconds: float, jitter: float) -> float:
    """Seconds before try number `attempt` (from 1). `jitter` in 0..1 spreads them over half to whole.

    In the first minute of an outage never more than 1.4 s, after that slowly up to 30 s.
    """
    longest = SHORT_STOP_DELAY
    if outage_seconds > SHORT_STOP_SECONDS:
        longest = min(LONGEST_DELAY, SHORT_STOP_DELAY * outage_seconds / SHORT_STOP_SECONDS)
    return min(longest, FIRST_SECONDS * 2.0 ** min(attempt - 1, 16)) * (0.5 + jitter / 2)
