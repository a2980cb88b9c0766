"""A gateway without WhatsApp: it speaks the frames of `whatsapp_web` and does what a script says, once per life.

    python gateway.py SCRIPT DESCRIPTOR FOLDER

SCRIPT is JSON: a list of lives, the last of which is lived again and again; a life is a list of steps. After its steps
a life obeys like the real one. Everything that it hears is a line of `heard.jsonl` in FOLDER, with its number of life.
"""

import base64
import json
import os
import signal
import socket
import sys
from collections import deque
from pathlib import Path
from typing import Any

from engine.connectors.whatsapp_web.children import Launch
from engine.connectors.whatsapp_web.frames import Decoder, encode

ONLINE = {"tell": {"is": "state", "happening": "connected"}}


def state(happening: str, **details: Any) -> dict[str, Any]:
    """The step that tells a state."""
    return {"tell": {"is": "state", "happening": happening, **details}}


def message(text: str, number: str = "A1", **details: Any) -> dict[str, Any]:
    """The step that hands a message over and waits until it is taken."""
    source = {"chat": {"user": "254712345678", "server": "s.whatsapp.net"}, "from_me": False, "group": False}
    info = {"id": number, "pushname": "Jackson", "timestamp_ms": 1_770_000_000_000, "source": {**source, **details}}
    return {"hand": {"is": "message", "info": info, "message": {"conversation": text}}}


def piece(content: bytes) -> dict[str, Any]:
    """The frame with a part of a file."""
    return {"is": "piece", "data": base64.b64encode(content).decode()}


def launch(folder: Path, *lives: list[dict[str, Any]]) -> Launch:
    """How this gateway is started."""
    return Launch(folder, (sys.executable, __file__, json.dumps(lives or ([ONLINE],))))


def heard(folder: Path, do: str = "") -> list[dict[str, Any]]:
    """What all lives heard, in order."""
    file = folder / "heard.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [one for one in map(json.loads, lines) if one["do"] == do or not do]


class _Life:
    def __init__(self, control: socket.socket, folder: Path) -> None:
        self.control = control
        self.folder = folder
        self.decoder = Decoder()
        self.waiting: deque[dict[str, Any]] = deque()
        self.number = 0
        self.stopped = False
        births = folder / "births"
        self.life = len(births.read_text()) if births.exists() else 0
        births.write_text("x" * (self.life + 1))

    def hear(self) -> dict[str, Any]:
        while not self.waiting:
            piece = self.control.recv(65536)
            if not piece:
                os._exit(1)
            for frame in self.decoder.feed(piece):
                with (self.folder / "heard.jsonl").open("a") as file:
                    file.write(json.dumps({**frame, "life": self.life}) + "\n")
                self.waiting.append(dict(frame))
        found = self.waiting.popleft()
        self.stopped = self.stopped or found["do"] == "stop"
        return found

    def wait_for(self, do: str) -> dict[str, Any]:
        while (frame := self.hear())["do"] != do:
            pass
        return frame

    def tell(self, frame: dict[str, Any]) -> None:
        self.control.sendall(encode(frame))

    def run(self, step: dict[str, Any]) -> None:
        for verb, value in step.items():
            getattr(self, f"do_{verb}")(value)

    do_tell = tell

    def do_hand(self, frame: dict[str, Any]) -> None:
        self.do_offer(frame)
        while self.wait_for("taken")["id"] != self.number:
            pass

    def do_offer(self, frame: dict[str, Any]) -> None:
        """Hand over and go on at once."""
        self.number += 1
        self.tell({**frame, "id": self.number})

    def do_wait(self, do: str) -> None:
        self.wait_for(do)

    def do_answer(self, frame: dict[str, Any]) -> None:
        """Answer the next order to send."""
        self.tell({**frame, "id": self.wait_for("send")["id"]})

    def do_give(self, frames: list[dict[str, Any]]) -> None:
        """Answer the next order to fetch a file."""
        number = self.wait_for("fetch")["id"]
        for frame in frames:
            self.tell({"id": number, **frame})

    def do_write(self, raw: str) -> None:
        self.control.sendall(bytes.fromhex(raw))

    def do_print(self, words: str) -> None:
        os.write(1, words.encode())

    def do_exit(self, code: int) -> None:
        os._exit(code)

    def do_die(self, number: int) -> None:
        os.kill(os.getpid(), number)

    def do_hang(self, _: object) -> None:
        while True:
            signal.pause()

    def obey(self) -> None:
        while not self.stopped:
            frame = self.hear()
            match frame["do"]:
                case "send":
                    self.tell({"is": "sent", "id": frame["id"], "message_id": f"M{self.life}-{frame['id']}"})
                case "logout":
                    self.tell({"is": "logged_out", "done": True})
                    self.tell({"is": "state", "happening": "logged_out"})


def main(script: str, descriptor: str, folder: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    life = _Life(socket.socket(fileno=int(descriptor)), Path(folder))
    lives = json.loads(script)
    life.hear()
    for step in lives[min(life.life, len(lives) - 1)]:
        life.run(step)
    life.obey()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
