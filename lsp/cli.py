"""The console script: the language server, and the same facts and acts for a terminal.

Each part is imported only when it is asked for: a prompt that runs `status` pays for no language server.
"""

import argparse
import sys
from collections.abc import Sequence

from lsp import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `teamcredits-lsp`. Returns the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    from lsp.settings import SidecarSettingsError, from_environment  # noqa: PLC0415 - see above

    try:
        settings = from_environment()
    except SidecarSettingsError as exc:
        print(f"teamcredits-lsp: {exc}", file=sys.stderr)  # noqa: T201 - a terminal is who reads this
        return 2
    from lsp import logs  # noqa: PLC0415 - see above

    logs.configure()
    if chosen.command is None:
        if not chosen.stdio and sys.stdin.isatty():
            parser.print_help()
            return 2
        from lsp.server import serve  # noqa: PLC0415 - see above

        return serve(settings, __version__)
    if chosen.command == "status":
        from lsp.cli_status import status  # noqa: PLC0415 - see above

        return status(settings, chosen.format)
    from lsp import cli_commands  # noqa: PLC0415 - see above

    return cli_commands.run(settings, chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="teamcredits-lsp",
        description="Shows the team's credits in an editor (--stdio) and in a terminal.",
        epilog="Environment: TEAMCREDITS_URL, TEAMCREDITS_TOKEN, TEAMCREDITS_STATE_DIR.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--stdio", action="store_true", help="serve an editor over stdin and stdout")
    parser.add_argument("--clientProcessId", help=argparse.SUPPRESS)  # appended by some editors
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    status = commands.add_parser("status", help="print what can be spent")
    status.add_argument("--format", choices=("text", "json", "statusline"), default="text")
    commands.add_parser("login", help="sign in with a code")
    commands.add_parser("logout", help="forget the token on this machine")
    gift = commands.add_parser("gift", help="give credits to someone")
    gift.add_argument("to", metavar="@NAME")
    gift.add_argument("amount", metavar="AMOUNT")
    gift.add_argument("message", nargs="*")
    request = commands.add_parser("request", help="ask the team for credits")
    request.add_argument("amount", metavar="AMOUNT")
    request.add_argument("message", nargs="*")
    return parser
