"""Twilio's REST API for one WhatsApp sender, as far as the engine can see it.

Takes messages strictly as documented, and says each as often as it is asked to: there is no idempotency. What clients
write and what becomes of our messages is posted to a callback once; what nobody took then is only in the list, which
gives the newest first, a page at a time, with times of whole seconds and no `date_sent` for what still waits. Files are
at another host, to which the API redirects whoever shows the credentials. Run it as a process with
`python -m standins.twilio --port 0`, which is that other host as well.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from standins.loopback import Answer, Network, Request, main

ACCOUNT_SID = "AC" + "5" * 32
AUTH_TOKEN = "twilio-auth-token"
SENDER = "whatsapp:+14155238886"
CLIENT = "whatsapp:+254712345678"
CONTENT_SID = "HX" + "7" * 32
ROOT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
FORM = "application/x-www-form-urlencoded"
# Where the other host has its files.
_SIGNED = "/signed/"
_FIELDS = {"From", "To", "Body", "StatusCallback", "ContentSid", "ContentVariables"}
_LONGEST_TEXT = 1600
_USUAL_PAGE = 50


def twilio_error(code: int, status: int = 400, **headers: str) -> dict[str, Any]:
    """The details of a fault that answers with an error of Twilio's."""
    body = {"code": code, "message": "Refused", "more_info": f"https://www.twilio.com/docs/errors/{code}"}
    return {"status": status, "body": {**body, "status": status}, "headers": headers}


def _machine_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a process of its own has its own clock


class Twilio(Network):
    """Records what was sent; `callback_url` is where messages of clients are posted, in the background."""

    def __init__(
        self, callback_url: str = "", statuses: Sequence[str] = (), now: Callable[[], datetime] = _machine_now
    ) -> None:
        self.callback_url = callback_url
        # The statuses that follow each message of ours by themselves.
        self.statuses = tuple(statuses)
        self.now = now
        # Every message of either direction, as the API shows it, oldest first.
        self.messages: list[dict[str, Any]] = []
        # Of the messages with files: their media types.
        self.media: dict[str, list[str]] = {}
        # What is in each file, by its path below the account; the rest is gone.
        self.files: dict[str, bytes] = {}
        # Where files are, as the API tells it: the URL of a `Files`, or of this one.
        self.files_at = ""
        # What clients got.
        self.sent: list[dict[str, Any]] = []
        # The HTTP status of each post to a callback; 0 for no answer.
        self.notified: list[int] = []
        # Clients who wrote too long ago: text is refused.
        self.shut: set[str] = set()
        # Whether the list names the template of a message; the documented one does not.
        self.names_templates = False
        # Whether our messages wait at Twilio, for a while without a `date_sent`.
        self.waiting = False
        # Of the account: active, suspended or closed.
        self.status = "active"
        self._http = httpx.AsyncClient(trust_env=False, timeout=15, limits=httpx.Limits(max_connections=20))
        self._tasks: set[asyncio.Task[int]] = set()

    async def answer(self, request: Request) -> Answer:
        if request.path.startswith(_SIGNED):
            return signed(self, request)
        shown = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {shown}":
            return self._dated(Answer(**twilio_error(20003, 401)))
        if (request.method, request.path) == ("POST", f"{ROOT}/Messages.json"):
            return self._dated(self._take(request))
        if (request.method, request.path) == ("GET", f"{ROOT}/Messages.json"):
            return self._dated(self._page(request.query))
        if (request.method, request.path) == ("GET", f"{ROOT}.json"):
            return self._dated(Answer(body={"sid": ACCOUNT_SID, "status": self.status}))
        return self._dated(self._media(request.path if request.method == "GET" else ""))

    def _media(self, path: str) -> Answer:
        listed = re.fullmatch(rf"{ROOT}/Messages/(\w+)/Media\.json", path)
        if listed and listed[1] in self.media:
            uri = f"{ROOT}/Messages/{listed[1]}/Media/ME"
            found = [
                {"sid": f"ME{number}", "content_type": kind, "uri": f"{uri}{number}.json"}
                for number, kind in enumerate(self.media[listed[1]])
            ]
            return Answer(body={"media_list": found, "next_page_uri": None})
        below = path.removeprefix(f"{ROOT}/")
        if below in self.files:
            return Answer(307, "", {"location": f"{self.files_at}{_SIGNED}{below}?Signature=x"})
        return Answer(**twilio_error(20404, 404))

    def _dated(self, answer: Answer) -> Answer:
        return Answer(answer.status, answer.body, {**answer.headers, "date": format_datetime(self.now(), usegmt=True)})

    def _take(self, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        code = 20001 if request.headers.get("content-type") != FORM else _fault(form)
        if code is None and form["To"] in self.shut and "Body" in form:
            code = 63016
        if code is not None:
            return Answer(**twilio_error(code))
        text = form.get("Body") or f"{form['ContentSid']} {form.get('ContentVariables', '')}"
        message = self._add(form["To"], SENDER, text, "outbound-api", "queued" if self.waiting else "sent")
        if self.names_templates and "ContentSid" in form:
            message["content_sid"] = form["ContentSid"]
        callback = form.get("StatusCallback", "")
        peer = form["To"].removeprefix("whatsapp:+")
        self.sent.append({"id": message["sid"], "peer": peer, "text": text, "callback": callback, "form": form})
        for status in self.statuses:
            self._start(callback, status_form(message["sid"], status, form["To"]))
        return Answer(201, message)

    def _add(self, to: str, sender: str, body: str, direction: str, status: str, sid: str = "") -> dict[str, Any]:
        at = format_datetime(self.now().replace(microsecond=0))
        message = {
            "sid": sid or f"SM{len(self.messages):032x}",
            "account_sid": ACCOUNT_SID,
            "from": sender,
            "to": to,
            "body": body,
            "direction": direction,
            "status": status,
            "num_media": "0",
            "date_created": at,
            "date_sent": None if status == "queued" else at,
            "error_code": None,
        }
        self.messages.append(message)
        return message

    def _page(self, query: Mapping[str, str]) -> Answer:
        since = datetime.fromisoformat(query["DateSent>"]) if "DateSent>" in query else None
        found = [
            one
            for one in reversed(self.messages)
            if query.get("To", one["to"]) == one["to"]
            and query.get("From", one["from"]) == one["from"]
            and (since is None or (one["date_sent"] and parsedate_to_datetime(one["date_sent"]) >= since))
        ]
        # A page goes on after a message, so that what comes in meanwhile moves nothing.
        start = [one["sid"] for one in found].index(query["PageToken"]) + 1 if "PageToken" in query else 0
        page = found[start : start + int(query.get("PageSize", _USUAL_PAGE))]
        more = start + len(page) < len(found)
        following = {**query, "PageToken": page[-1]["sid"]} if more else {}
        uri = f"{ROOT}/Messages.json?{urlencode(following)}" if more else None
        return Answer(body={"messages": page, "next_page_uri": uri})

    def arrive(
        self, sid: str, text: str, sender: str = CLIENT, name: str = "Jackson", media: Sequence[str] = ()
    ) -> dict[str, str]:
        """A client writes; the form that the webhook is to get."""
        message = self._add(SENDER, sender, text, "inbound", "received", sid)
        if media:
            message["num_media"] = str(len(media))
            self.media[sid] = list(media)
        files = {f"MediaContentType{number}": kind for number, kind in enumerate(media)}
        return message_form(sid, text, sender, name) | {"NumMedia": str(len(media))} | files

    def arrive_with_file(self, sid: str, media_type: str, content: bytes, **details: Any) -> dict[str, str]:
        """A client sends a file; the form that the webhook is to get."""
        form = self.arrive(sid, details.pop("text", ""), media=(media_type,), **details)
        path = f"Messages/{sid}/Media/ME0"
        self.files[path] = content
        return form | {"MediaUrl0": f"https://api.twilio.com{ROOT}/{path}"}

    def recorded(self) -> Any:
        return {"sent": self.sent, "notified": self.notified}

    async def control(self, order: Mapping[str, Any]) -> Any:
        """`{"callback_url": …}`, `{"statuses": […]}`, `{"files_at": …}`, `{"arrive": {sid, text, sender, name}}`
        (posted once), with `file`, in base64, and `media_type` beside the rest for a file.
        """
        self.callback_url = order.get("callback_url", self.callback_url)
        self.statuses = tuple(order.get("statuses", self.statuses))
        self.files_at = order.get("files_at", self.files_at)
        if "arrive" in order:
            client = dict(order["arrive"])
            file = client.pop("file", None)
            form = (
                self.arrive(**client)
                if file is None
                else self.arrive_with_file(content=base64.b64decode(file), **client)
            )
            self._start(self.callback_url, form)
        return {"callback_url": self.callback_url}

    def _start(self, url: str, fields: Mapping[str, str]) -> None:
        task = asyncio.get_running_loop().create_task(self.post(url, fields))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def post(self, url: str, fields: Mapping[str, str]) -> int:
        """Post a form once, as Twilio does; the status of the answer, 0 for none."""
        headers = {"content-type": FORM, "x-twilio-signature": signature(url, fields)}
        try:
            status = (await self._http.post(url, content=urlencode(fields), headers=headers)).status_code
        except httpx.TransportError:
            status = 0
        self.notified.append(status)
        return status

    async def close(self) -> None:
        """Drop the connections to callbacks."""
        await self._http.aclose()


class Files:
    """The other host, which knows nobody's credentials and refuses whoever shows any."""

    def __init__(self, network: Twilio) -> None:
        self.network = network

    async def answer(self, request: Request) -> Answer:
        return signed(self.network, request)

    def recorded(self) -> Any:
        return None

    async def control(self, order: Mapping[str, Any]) -> Any:
        return order


def signed(network: Twilio, request: Request) -> Answer:
    """A file at its signed address, for whoever shows nothing else."""
    if "authorization" in request.headers or request.query.get("Signature") != "x":
        return Answer(400, "InvalidArgument: only one auth mechanism allowed")
    path = request.path.removeprefix(_SIGNED)
    message, _, number = path.removeprefix("Messages/").partition("/Media/ME")
    if path not in network.files:
        return Answer(403, "AccessDenied")
    return Answer(200, network.files[path], {"content-type": network.media[message][int(number)]})


def signature(url: str, fields: Mapping[str, str], token: str = AUTH_TOKEN) -> str:
    """The value of X-Twilio-Signature for fields that come once each."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def message_form(sid: str, text: str, sender: str = CLIENT, name: str | None = "Jackson") -> dict[str, str]:
    """What is posted about a client's message."""
    form = {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "Body": text,
        "From": sender,
        "MessageSid": sid,
        "MessageType": "text",
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsMessageSid": sid,
        "SmsStatus": "received",
        "To": SENDER,
        "WaId": sender.removeprefix("whatsapp:+"),
    }
    return form | ({} if name is None else {"ProfileName": name})


def status_form(sid: str, status: str, client: str = CLIENT, code: int | None = None) -> dict[str, str]:
    """What is posted about a message of ours."""
    form = {
        "AccountSid": ACCOUNT_SID,
        "From": SENDER,
        "MessageSid": sid,
        "MessageStatus": status,
        "SmsSid": sid,
        "SmsStatus": status,
        "To": client,
    }
    return form if code is None else form | {"ErrorCode": str(code)}


def _fault(form: Mapping[str, str]) -> int | None:
    """Twilio's code for a form that it would refuse."""
    faults = {
        20001: not set(form) <= _FIELDS or ("Body" in form) == ("ContentSid" in form),
        63007: form.get("From") != SENDER,
        21211: not re.fullmatch(r"whatsapp:\+[1-9][0-9]{6,14}", form.get("To", "")),
        21617: len(form.get("Body", "")) > _LONGEST_TEXT,
        21602: form.get("Body") == "",
        21655: form.get("ContentSid", CONTENT_SID) != CONTENT_SID,
        21609: not form.get("StatusCallback", "http://").startswith("http"),
    }
    return next((code for code, wrong in faults.items() if wrong), None)


if __name__ == "__main__":
    main(Twilio(os.environ.get("TWILIO_CALLBACK_URL", "")))
