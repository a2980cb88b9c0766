"""The child process that owns the connection to WhatsApp Web: the only module that imports neonize.

    python -m engine.connectors.whatsapp_web.gateway DESCRIPTOR FOLDER

`children` starts it with one end of a socket pair, the folder of the session and an environment that the Go library
reads at its start. It knows nothing of incidents: it hands over what comes in and blocks until the daemon
has it on disk, sends what it is told, says what becomes of the connection, and ends when it is told or when the daemon
is gone. It prints nothing; what the Go library prints goes into a pipe that nobody reads for its content.

Why a process of its own (neonize 0.5.2, measured 2026-11): the library acknowledges a message once up to a hundred
wait for the handler, aborts the process on some errors, and cannot always be stopped.
"""

import fcntl
import logging
import os
import queue
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from engine.connectors.whatsapp_web.courtesies import Courtesies
from engine.connectors.whatsapp_web.fetches import Fetches, Unfetched
from engine.connectors.whatsapp_web.frames import Decoder, Frame
from engine.connectors.whatsapp_web.handovers import Handover, Wire
from engine.connectors.whatsapp_web.probes import Probe
from engine.connectors.whatsapp_web.records import info_record, jid_record, plain
from engine.connectors.whatsapp_web.references import Reference
from engine.connectors.whatsapp_web.repeats import Repeats
from engine.connectors.whatsapp_web.sessions import LOCK, UNUSABLE, USED, forget, is_linked, session_file

try:
    from neonize import events
    from neonize.client import NewClient
    from neonize.exc import NeonizeError
    from neonize.proto.waCompanionReg.WAWebProtobufsCompanionReg_pb2 import DeviceProps
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
    from neonize.utils.enum import ChatPresence, ChatPresenceMedia, MediaType, ReceiptType
    from neonize.utils.jid import build_jid
except (ImportError, OSError, RuntimeError):
    # The package or the system's libmagic is missing; the daemon has the sentence for it.
    sys.exit(UNUSABLE)

# The library puts its own options behind the name, and the last of these takes them in.
_STORE_OPTIONS: Final = "?_journal_mode=WAL&_foreign_keys=on&_busy_timeout=10000&_synchronous=FULL&x="
_DRAIN_S: Final = 10.0
_LAST_WAIT_S: Final = 2.0
# Whatever hangs, the process ends by then.
_END_S: Final = 15.0
_DELIVERED, _READ, _PLAYED, _INACTIVE = 1, 4, 6, 9
_STATUSES: Final = {_DELIVERED: "delivered", _INACTIVE: "delivered", _READ: "read", _PLAYED: "read"}
_PAIRED: Final = 2
_MEDIA: Final = {
    "image": MediaType.MediaImage,
    "video": MediaType.MediaVideo,
    "audio": MediaType.MediaAudio,
    "document": MediaType.MediaDocument,
}
_CLIENT_OUTDATED: Final = 6


class _Gateway:
    """The connection, from the daemon's first order to the end of the process."""

    def __init__(self, folder: Path, control: socket.socket) -> None:
        self._folder = folder
        self._control = control
        self._wire = Wire(control)
        self._handover = Handover(self._wire)
        self._fetches = Fetches(self._wire, self._download)
        self._outbox: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._courtesies = Courtesies(self._show_attention)
        self._probe = Probe(self._is_answered, self._tell)
        self._client: Any = None
        self._connection: threading.Thread | None = None
        # Calls into the library's store abort the process unless it is connected or was and still tries to be.
        self._running = False
        # The keys are of no use any more.
        self._logged_out = False
        self._stopping = threading.Lock()

    def serve(self, wake: int) -> None:
        """Obey the daemon; `wake` becomes readable when the process is asked to end by a signal. Never returns."""
        _start(self._send_all)
        decoder = Decoder()
        while True:
            waiting: list[Any] = [self._control, wake]
            ready, _, _ = select.select(waiting, [], [])
            if wake in ready:
                os.read(wake, 64)
                _start(self._stop)
            if self._control not in ready:
                continue
            piece = self._control.recv(65536)
            if not piece:
                # What waits was not taken; WhatsApp or the next start brings it again.
                os._exit(1)
            for frame in decoder.feed(piece):
                self._obey(frame)

    def _obey(self, frame: Frame) -> None:
        match frame.get("do"):
            case "taken":
                self._handover.take(frame.get("id"))
            case "send":
                self._outbox.put(frame)
            case "fetch":
                self._fetches.begin(frame)
            case "attend":
                self._courtesies.ask(frame)
            case "connect":
                self._begin(frame)
            case "link":
                phone = frame.get("phone")
                self._connection = _start(lambda: self._link(phone if isinstance(phone, str) else None))
            case "logout":
                _start(self._log_out)
            case "stop":
                _start(self._stop)

    def _tell(self, happening: str, **details: object) -> None:
        self._wire.send({"is": "state", "happening": happening, **details})

    # The connection.

    def _begin(self, frame: Frame) -> None:
        if frame.get("after_loss") is True:
            Repeats(self._on_repeat).heed()
        self._connection = _start(self._connect)
        after_s, within_s = frame.get("probe_after_s"), frame.get("probe_within_s")
        if isinstance(after_s, int | float) and isinstance(within_s, int | float):
            _start(lambda: self._probe.watch(after_s, within_s))

    def _connect(self) -> None:
        # Before the library opens the file, never after: it brings an SQLite of its own, and two in one process do not
        # see each other's locks.
        if not is_linked(self._folder):
            self._tell("no_device")
            return
        self._open(self._made())

    def _open(self, client: Any) -> None:
        """Keep the connection until it is stopped; the library calls the handlers meanwhile."""
        self._client = client
        try:
            client.connect()
        except NeonizeError as error:
            # The first dial failed, and the library does not try again; or the session could not be opened.
            self._tell("unreachable", session="database" in str(error).lower())

    def _made(self) -> Any:
        client = NewClient(
            f"{session_file(self._folder)}{_STORE_OPTIONS}",
            props=DeviceProps(os="Ubuntu", platformType=DeviceProps.CHROME),
        )
        on: dict[Any, Callable[[Any, Any], None]] = {
            events.ConnectedEv: self._on_connected,
            events.DisconnectedEv: self._on_disconnected,
            events.KeepAliveTimeoutEv: lambda _client, _event: self._tell("silent"),
            events.KeepAliveRestoredEv: lambda _client, _event: self._tell("restored"),
            events.ConnectFailureEv: lambda _client, _event: self._tell("unreachable"),
            events.StreamReplacedEv: lambda _client, _event: self._tell("replaced"),
            events.ClientOutdatedEv: lambda _client, _event: self._tell("outdated"),
            events.TemporaryBanEv: lambda _client, event: self._tell("banned", expires_in_s=int(event.Expire)),
            events.LoggedOutEv: self._on_logged_out,
            events.PairStatusEv: self._on_pair_status,
            events.MessageEv: self._on_message,
            events.UndecryptableMessageEv: self._on_undecryptable,
            events.ReceiptEv: self._on_receipt,
        }
        for kind, handler in on.items():
            client.event(kind)(handler)
        return client

    def _on_connected(self, _client: Any, _event: Any) -> None:
        self._running = True
        self._tell("connected")
        self._probe.opened()

    def _on_disconnected(self, _client: Any, _event: Any) -> None:
        self._probe.closed()
        self._tell("disconnected")

    def _is_answered(self) -> bool:
        """Ask for our own number: nothing else that the library offers goes to WhatsApp and back."""
        if not self._running:
            return False
        try:
            self._client.is_on_whatsapp(f"+{self._client.me.JID.User}")
        except (AttributeError, NeonizeError):
            return False
        return True

    def _on_logged_out(self, _client: Any, event: Any) -> None:
        self._running = False
        self._logged_out = event.Reason != _CLIENT_OUTDATED
        self._tell("logged_out" if self._logged_out else "outdated")

    # Linking a phone.

    def _link(self, phone: str | None) -> None:
        client = self._made()
        asked = threading.Lock()

        def on_code(_client: Any, code: bytes) -> None:
            if phone is None:
                self._wire.send({"is": "code", "qr": code.decode("utf-8", "replace")})
            elif asked.acquire(blocking=False):
                # WhatsApp gives a pairing code once it has offered the first QR code.
                _start(lambda: self._ask_for_code(client, phone))

        client.qr(on_code)
        self._open(client)

    def _ask_for_code(self, client: Any, phone: str) -> None:
        try:
            code = client.PairPhone(phone, show_push_notification=True)
        except NeonizeError:
            self._wire.send({"is": "code", "refused": "phone"})
        else:
            self._wire.send({"is": "code", "pairing": str(code)})

    def _on_pair_status(self, _client: Any, event: Any) -> None:
        if event.Status == _PAIRED:
            self._tell("paired")
        else:
            self._wire.send({"is": "code", "refused": "pair"})

    def _log_out(self) -> None:
        done = self._running
        try:
            if done:
                self._client.logout()
        except NeonizeError:
            done = False
        self._wire.send({"is": "logged_out", "done": done})
        if done:
            self._running = False
            self._logged_out = True
            self._tell("logged_out")

    # What comes in. A handler that raises would lose its message: the library only prints the exception.

    def _hand(self, frame: dict[str, object]) -> None:
        self._probe.heard()
        self._handover.hand(frame)

    def _on_message(self, _client: Any, event: Any) -> None:
        try:
            told: dict[str, object] = {"message": plain(event.Message)}
        except Exception:  # noqa: BLE001 - whatever it is, a person wrote it and somebody has to look
            told = {"too_long": True}
        self._hand({"is": "message", "info": self._info(event.Info), **told})

    def _on_undecryptable(self, _client: Any, event: Any) -> None:
        self._hand({"is": "undecryptable", "info": self._info(event.Info)})

    def _on_repeat(self, message_id: str, chat: dict[str, object]) -> None:
        """Decrypted before; unless the journal has it, it died with another process."""
        hidden = self._phone_of(build_jid(str(chat["user"]), "lid")) if chat["server"] == "lid" else None
        source = {"chat": chat, "sender_alt": hidden or {}, "from_me": False, "group": False}
        self._handover.hand({"is": "undecryptable", "info": {"id": message_id, "source": source}})

    def _on_receipt(self, _client: Any, event: Any) -> None:
        status = _STATUSES.get(event.Type)
        if status is not None:
            source = self._source(event.MessageSource)
            ids = list(event.MessageIDs)
            self._hand({"is": "receipt", "source": source, "ids": ids, "status": status})

    def _info(self, info: Any) -> dict[str, object]:
        return info_record(info, self._source(info.MessageSource))

    def _source(self, source: Any) -> dict[str, object]:
        sender_alt, recipient_alt = jid_record(source.SenderAlt), jid_record(source.RecipientAlt)
        if source.Chat.Server == "lid" and not (recipient_alt if source.IsFromMe else sender_alt)["user"]:
            sender_alt = recipient_alt = self._phone_of(source.Chat)
        return {
            "chat": jid_record(source.Chat),
            "sender_alt": sender_alt,
            "recipient_alt": recipient_alt,
            "from_me": source.IsFromMe,
            "group": source.IsGroup,
        }

    def _phone_of(self, hidden: Any) -> dict[str, object]:
        """The phone number that the session knows for a hidden one; its fields are empty where it knows none."""
        if not self._running:
            return {"user": "", "server": ""}
        try:
            return jid_record(self._client.get_pn_from_lid(hidden))
        except NeonizeError:
            return {"user": "", "server": ""}

    # What goes out.

    def _send_all(self) -> None:
        """One after the other: the library itself holds a lock for as long as WhatsApp does not answer."""
        while True:
            frame = self._outbox.get()
            try:
                address = build_jid(str(frame["user"]), str(frame["server"]))
                # A text alone would be searched for @digits, and those would become mentions.
                response = self._client.send_message(address, Message(conversation=str(frame["text"])))
            except AttributeError:
                self._wire.send({"is": "refused", "id": frame["id"], "error": "client is nil"})
            except NeonizeError as error:
                self._wire.send({"is": "refused", "id": frame["id"], "error": str(error)})
            else:
                self._probe.heard()
                self._wire.send({"is": "sent", "id": frame["id"], "message_id": response.ID})

    # Files.

    def _download(self, wanted: Reference) -> bytes:
        """A file, decrypted and compared with the client's own hash of it. Raises Unfetched."""
        if not self._running:
            raise Unfetched("websocket not connected")
        kind = _MEDIA[wanted.kind]
        try:
            found: bytes = self._client.download_media_with_path(
                wanted.path, wanted.encrypted_sha256, wanted.sha256, wanted.key, 0, kind, kind.to_mms()
            )
        except NeonizeError as error:
            raise Unfetched(str(error)) from None
        return found

    def _show_attention(self, frame: Frame) -> None:
        """Show that a message was read and an answer is being typed."""
        if not self._running:
            return
        with suppress(AttributeError, NeonizeError):
            address = build_jid(str(frame["user"]), str(frame["server"]))
            message_id = str(frame["message_id"])
            self._client.mark_read(message_id, chat=address, sender=address, receipt=ReceiptType.READ)
            composing, text = ChatPresence.CHAT_PRESENCE_COMPOSING, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT
            self._client.send_chat_presence(address, composing, text)

    # The end.

    def _stop(self) -> None:
        if not self._stopping.acquire(blocking=False):
            return
        end = threading.Timer(_END_S, os._exit, (0,))
        end.daemon = True
        end.start()
        if self._client is not None:
            if self._running:
                self._client.disconnect()
                until = monotonic() + _DRAIN_S
                while not self._handover.is_quiet() and monotonic() < until:
                    sleep(0.05)
            self._running = False
            self._client.stop()
            if self._connection is not None:
                self._connection.join(_LAST_WAIT_S)
            if self._logged_out:
                with suppress(OSError):
                    forget(self._folder)
        os._exit(0)


def _start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def main(arguments: list[str]) -> None:
    """Run until told to stop. Exit codes: 0 stopped, 1 the daemon is gone, and those of `sessions`."""
    os.umask(0o077)
    control = socket.socket(fileno=int(arguments[0]))
    folder = Path(arguments[1])
    # Set before anything else, because its default shows every stanza with keys and numbers.
    for name in ("", "neonize", "neonize.utils.log", "whatsmeow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Ctrl-C at a terminal reaches the daemon too, which then says when to stop.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    wake, alarm = os.pipe()
    os.set_blocking(alarm, False)
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    signal.set_wakeup_fd(alarm)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(USED)
        try:
            _Gateway(folder, control).serve(wake)
        finally:
            # Threads of the library would keep the interpreter from ending.
            os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
