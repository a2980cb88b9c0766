"""A process with the raw, unmodified neonize in it, which does what it is told and tells what happens to it.

    python -m standins.whatsapp.child STORE

Orders come as lines of JSON, `{"do": "send", "to": "628…", "text": "…"}`; every event and every answer goes out as a
line, `{"event": "Message", …}`. Whatever the library prints goes to standard error.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from neonize import events
from neonize.client import NewClient
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
from neonize.utils.enum import ChatPresence, ChatPresenceMedia, ReceiptType
from neonize.utils.jid import build_jid

Order = dict[str, str]
Told = dict[str, Any]

# The library writes to standard output by its number, so our lines get a place of their own.
_OUT = os.fdopen(os.dup(1), "w", encoding="utf-8")
_WRITING = threading.Lock()
# Every message by its id.
_SEEN: dict[str, Any] = {}


def tell(**fields: Any) -> None:
    """One line."""
    with _WRITING:
        _OUT.write(json.dumps(fields) + "\n")
        _OUT.flush()


def _address(jid: Any) -> str:
    return f"{jid.User}@{jid.Server}" if jid.Server else ""


def _message(event: Any) -> Told:
    info = event.Info
    source = info.MessageSource
    content = event.Message
    _SEEN[info.ID] = event
    edited = content.protocolMessage.editedMessage
    return {
        "id": info.ID,
        "text": content.conversation or content.extendedTextMessage.text or edited.conversation,
        "kind": next((field.name for field, _ in content.ListFields() if field.name != "messageContextInfo"), ""),
        "about": content.protocolMessage.key.ID or content.reactionMessage.key.ID,
        "name": info.Pushname,
        "at_ms": info.Timestamp,
        "edit": info.Edit,
        "chat": _address(source.Chat),
        "sender": _address(source.Sender),
        "alt": _address(source.SenderAlt),
        "from_me": source.IsFromMe,
        "group": source.IsGroup,
        "to": info.DeviceSentMeta.DestinationJID,
    }


_EVENTS: dict[str, Callable[[Any], Told]] = {
    "Connected": lambda _: {},
    "Disconnected": lambda _: {},
    "Message": _message,
    "UndecryptableMessage": lambda event: {"id": event.Info.ID},
    "Receipt": lambda event: {"ids": list(event.MessageIDs), "type": event.Type},
    "StreamReplaced": lambda _: {},
    "TemporaryBan": lambda event: {"code": event.Code, "expire": event.Expire},
    "ClientOutdated": lambda _: {},
    "LoggedOut": lambda event: {"reason": event.Reason},
    "ConnectFailure": lambda event: {"reason": event.Reason},
    "StreamError": lambda event: {"code": event.Code},
    "KeepAliveTimeout": lambda event: {"count": event.ErrorCount},
    "OfflineSyncPreview": lambda event: {"total": event.Total},
    "OfflineSyncCompleted": lambda event: {"count": event.Count},
    "PairStatus": lambda event: {"me": event.ID.User},
}


def _subscribe(client: Any, name: str, fields: Callable[[Any], Told]) -> None:
    client.event(getattr(events, f"{name}Ev"))(lambda _, event: tell(event=name, **fields(event)))


def _connect(client: Any) -> None:
    try:
        client.connect()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test is told
        tell(event="ended", error=str(error))
    else:
        tell(event="ended", error="")


def _send(client: Any, to: Any, order: Order) -> Told:
    return {"id": client.send_message(to, Message(conversation=order["text"])).ID}


def _reply(client: Any, _: Any, order: Order) -> Told:
    return {"id": client.reply_message(order["text"], _SEEN[order["about"]]).ID}


def _react(client: Any, to: Any, order: Order) -> Told:
    return {"id": client.send_message(to, client.build_reaction(to, to, order["about"], order["text"])).ID}


def _edit(client: Any, to: Any, order: Order) -> Told:
    return {"id": client.edit_message(to, order["about"], Message(conversation=order["text"])).ID}


def _read(client: Any, to: Any, order: Order) -> Told:
    client.mark_read(order["about"], chat=to, sender=to, receipt=ReceiptType.READ)
    return {}


def _type(client: Any, to: Any, _: Order) -> Told:
    client.send_chat_presence(to, ChatPresence.CHAT_PRESENCE_COMPOSING, ChatPresenceMedia.CHAT_PRESENCE_MEDIA_TEXT)
    return {}


def _stop(client: Any, _to: Any, _: Order) -> Told:
    client.stop()
    return {}


_ORDERS: dict[str, Callable[[Any, Any, Order], Told]] = {
    "send": _send,
    "reply": _reply,
    "react": _react,
    "edit": _edit,
    "read": _read,
    "typing": _type,
    "stop": _stop,
    "exists": lambda client, to, _: {"found": [person.IsIn for person in client.is_on_whatsapp(to.User)]},
    "pair": lambda client, to, _: {"code": client.PairPhone(to.User, show_push_notification=True)},
    "me": lambda client, _to, _: {"me": client.me.JID.User, "lid": client.me.LID.User},
}


def _obey(client: Any, order: Order) -> None:
    user, _, server = order.get("to", "").partition("@")
    try:
        told = _ORDERS[order["do"]](client, build_jid(user, server or "s.whatsapp.net"), order)
        tell(event="done", of=order["do"], **told)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test is told
        tell(event="failed", of=order["do"], error=str(error))


def main(store: str) -> None:
    """Run until standard input ends."""
    os.dup2(2, 1)
    logging.getLogger("neonize.utils.log").setLevel(os.environ.get("WHATSAPP_STANDIN_LOG", "WARNING"))
    client: Any = NewClient(store)
    for name, fields in _EVENTS.items():
        _subscribe(client, name, fields)
    client.qr(lambda _, code: tell(event="QR", code=code.decode()))
    threading.Thread(target=_connect, args=(client,), daemon=True).start()
    for line in sys.stdin:
        # Each in a thread of its own: a message may wait long for its acknowledgement.
        threading.Thread(target=_obey, args=(client, json.loads(line)), daemon=True).start()
    # Go's threads would keep an interpreter that ends in good order.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
