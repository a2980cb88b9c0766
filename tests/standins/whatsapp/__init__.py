"""A stand-in for WhatsApp Web: the unmodified neonize links, connects, reads and writes, and no account exists.

    async with running(tmp_path) as service:
        service.paired(tmp_path / "wa.db")              # or blank(…), then link(text of the QR code)
        ana = service.person("628123456789", lid="55500055500", name="Ana")
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "…", env=service.environ)
        await service.online()
        written = await ana.write("hello")              # pkmsg first, msg after the first answer
        await service.receipted(written)
        reply = await ana.reply()                       # decrypted: reply.text, reply.message_id
        await ana.receipt(reply.message_id)             # delivered; "read" for read

`Service.environ` is the whole redirection: neonize finds the service through HTTPS_PROXY, trusts it through
SSL_CERT_FILE, and a sitecustomize on PYTHONPATH overwrites the certificates' key in the memory of that process and of
its children, so a process is started as always (not with `python -I` or `-E`). No setting of the program is needed.

What people do: `Person` in `people` (edit, revoke, react, groups, status, what cannot be read; `Shown` says whether
the phone number is hidden) and `service.phone`, the account's own phone (`write_to(ana, …)`). Other contents:
`messages`.

What the service does: `Service` in `server`.
- Our messages: `acknowledging.when` is "at once", "held" until `release()`, or "lost"; `acknowledging.error`: a code.
- The connection: `drop`, `refuse_connections`, `ignore_connections` (they hang), `accept_connections`; `silent` names
  the questions that get no answer ("w:p": pings). What was not receipted comes again after the next login.
- The account: `replace`, `unlink`, `fail(402, code=101, expire=3600)`; `refusal` is what logins get until it is None.
- Linking: `blank(store)`, then `link(text of the QR code)` or `enter(typed characters)`.
- Files: `ana.send_file("image", "image/jpeg", content)`; `files` is what is kept by its path, `asked_for` what was
  fetched; `file_faults` holds what comes instead of the next ones, a status or None for half of the file.
- What was seen: `sent()`, `typed(ana)`, `read()`, `stanzas`, `until(condition, "what")`, `receipted(id)`.

Everything that waits is bounded and fails with a sentence. Tests without an event loop: `in_background` in
`background`. The raw neonize, driven from a test: `driven`. The tables of words come from an npm package: see `tables`.
"""

from standins.whatsapp.people import OwnPhone, Person, Shown
from standins.whatsapp.server import Service, failure, running

__all__ = ["OwnPhone", "Person", "Service", "Shown", "failure", "running"]
