"""One sidecar's session with the server: who is signed in, and following that person's status.

Knows nothing of the editor's protocol: it is handed what to do when the picture changes and how to say a
sentence. Everything runs on one asyncio loop.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from lsp.client import Client
from lsp.credentials import Credential, CredentialStore
from lsp.errors import RefusalError, SignedOutError, UnreachableError
from lsp.files import first_here
from lsp.follower import Follower
from lsp.notice_claims import NoticeClaims
from lsp.payload import Connection
from lsp.settings import SidecarSettings
from lsp.state_file import StateFile
from lsp.status_store import StatusStore
from lsp.threads import off_loop
from lsp.wire import NotUnderstoodError, WireStatus

TICK_SECONDS = 2.0
MARK_EVERY_TICKS = 5
SLEPT_SECONDS = 10.0  # a gap this long between two ticks means that the machine was asleep
log = logging.getLogger(__name__)


class Sidecar:
    """The person at this editor, as far as the sidecar is concerned."""

    def __init__(
        self, settings: SidecarSettings, client: Client, store: StatusStore, *, say: Callable[[str], None]
    ) -> None:
        self.settings = settings
        self.client = client
        self.store = store
        self.say = say
        self.credentials = CredentialStore(settings)
        self.credential: Credential | None = None
        self.loaded = asyncio.Event()  # whether anybody is signed in is known
        self._revision = 0
        self._notices = NoticeClaims(client, say)
        self._follower: Follower | None = None
        self._following: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Show what was last known, sign in with the stored token, then look after things until cancelled."""
        if hint := self.credentials.remembered_hint():
            self.store.recall(StateFile(self.settings, hint))
        await self._reload()
        self.loaded.set()
        ticks, last = 0, time.time()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            ticks += 1
            slept, last = time.time() - last > TICK_SECONDS + SLEPT_SECONDS, time.time()
            if self.credentials.revision() != self._revision and self._follows_the_vault():
                await self._reload()
            elif slept and self.credential:
                self.store.lose(Connection.OFFLINE, "The machine was asleep.", silent_for=SLEPT_SECONDS)
                self.adopt(self.credential)
            if ticks % MARK_EVERY_TICKS == 0:
                self.store.mark()
                self.store.tell()

    def adopt(self, credential: Credential) -> None:
        """Use this token from now on."""
        self._stop_following()
        if self.credential is None or self.credential.hint != credential.hint:
            self.store.recall(StateFile(self.settings, credential.hint))
        self.credential = credential
        self.client.token = credential.token
        self._following = asyncio.create_task(self._follow(credential))

    async def sign_in(self, token: str) -> None:
        """Keep the token and use it. When no store takes it, it lasts as long as this editor."""
        try:
            credential = await off_loop(lambda: self.credentials.save(token))
        except OSError as exc:
            log.warning("the token cannot be stored: %s", exc.strerror)
            credential = Credential(token, "file")
        self._revision = self.credentials.revision()
        self.adopt(credential)

    async def sign_out(self) -> None:
        """Forget the token here and in every store, and what was known with it."""
        self._leave("")
        with contextlib.suppress(OSError):
            await off_loop(self.credentials.forget)
        self._revision = self.credentials.revision()

    async def refresh(self) -> None:
        """Ask the server now. When that fails the stream is opened anew, and it says what is wrong."""
        if self.credential is None:
            return
        try:
            self._heard(self.store.confirm(await self.client.status()))
        except SignedOutError as exc:
            self._refused(self.credential, exc)
        except (RefusalError, NotUnderstoodError) as exc:
            link = Connection.OFFLINE if isinstance(exc, UnreachableError) else Connection.ERROR
            self.store.lose(link, exc.message)
            if self.credential:
                self.adopt(self.credential)
        else:
            if self._follower:
                self._follower.hurry()

    async def _reload(self) -> None:
        self._revision = self.credentials.revision()
        credential = await off_loop(self.credentials.load)
        if credential is None:
            self._leave("")
        elif credential != self.credential:
            self.adopt(credential)

    def _follows_the_vault(self) -> bool:
        return self.credential is None or self.credential.store != "environment"

    async def _follow(self, credential: Credential) -> None:
        self._follower = Follower(self.client, self.store, self._heard)
        try:
            await self._follower.run()
        except SignedOutError as exc:
            self._refused(credential, exc)
        except Exception as exc:  # a defect of ours must not leave an old number standing as if it were fresh
            log.error("following stopped: %s", type(exc).__name__)  # noqa: TRY400 - a traceback quotes data
            self.store.lose(Connection.ERROR, "The sidecar had an internal error. Restart the editor.")

    def _heard(self, status: WireStatus) -> None:
        self._notices.offer(status.notices)

    def _refused(self, credential: Credential, refusal: SignedOutError) -> None:
        """The server accepts the token no longer. Said once on this machine, not by each of five windows."""
        self._leave(refusal.message)
        if first_here(self.settings.folder / f"refused-{credential.hint}"):
            self.say("Credits: you were signed out. Sign in to see them again.")

    def _leave(self, problem: str) -> None:
        self._stop_following()
        self.credential = None
        self.client.token = None
        self.store.sign_out(problem)

    def _stop_following(self) -> None:
        if self._following and self._following is not asyncio.current_task():
            self._following.cancel()
        self._following = None
        self._follower = None
