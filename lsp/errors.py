"""What can go wrong between the sidecar and the server, each with the words a person reads."""


class RefusalError(Exception):
    """The server (or the sidecar, before asking) says no. `code` is stable, `message` is for people."""

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.retry_after = retry_after


class SignedOutError(RefusalError):
    """There is no token, or the server does not accept it."""

    def __init__(self, message: str = "You are signed out. Sign in to see your credits.") -> None:
        super().__init__("signed_out", message)


class BrokenServerError(RefusalError):
    """The server answers, but with an internal error."""

    def __init__(self) -> None:
        super().__init__("server_error", "The server had an internal error.")


class UnreachableError(RefusalError):
    """No answer. `maybe_sent` is False only when the request certainly never left."""

    def __init__(self, message: str, *, maybe_sent: bool, was_silent: bool = False) -> None:
        super().__init__("unreachable", message)
        self.maybe_sent = maybe_sent
        self.was_silent = was_silent
