"""A linked phone: what the library needs, whether a phone is linked, and who may read the session."""

import ctypes
import importlib.util
import stat

from engine.commands.doctor.findings import Finding, Level
from engine.commands.doctor.installations import Installation
from engine.connectors.whatsapp_web.sessions import is_linked, session_file
from engine.settings import WhatsAppWebSettings

# Asked for by its full name, as the library does.
_LIBMAGIC = "libmagic.so.1"
_GOOD = frozenset({"online", "connecting"})


def phone(installation: Installation, number: WhatsAppWebSettings) -> tuple[Finding, ...]:
    """What there is to say about one linked number."""
    return (
        *_library(number.name, _LIBMAGIC),
        _neonize(number.name),
        _link(installation, number),
        *_session(number),
    )


def _library(name: str, library: str) -> tuple[Finding, ...]:
    try:
        ctypes.CDLL(library)
    except OSError:
        return (Finding(name, Level.FAIL, f"{library} is not installed", "`apt-get install libmagic1`"),)
    return (Finding(name, Level.OK, f"{library} is installed"),)


def _neonize(name: str) -> Finding:
    # Looked for and not imported: that starts a second runtime in this process.
    if importlib.util.find_spec("neonize") is None:
        return Finding(name, Level.FAIL, "neonize is not installed", "install the engine anew, `bash deploy/setup.sh`")
    return Finding(name, Level.OK, "neonize is installed")


def _link(installation: Installation, number: WhatsAppWebSettings) -> Finding:
    if installation.silent:
        return Finding(number.name, Level.SKIP, "the daemon, which has the session, does not tell how it is")
    if installation.status is not None:
        told = installation.status["connectors"].get(number.name)
        if told is None:
            text = "the daemon runs without this connector"
            return Finding(number.name, Level.FAIL, text, "`systemctl restart engine`")
        state = str(told["state"]).replace("_", " ")
        text, _, advice = f"{state}, {told['problem']}".partition(": ") if told["problem"] else (state, "", "")
        return Finding(number.name, Level.OK if told["state"] in _GOOD else Level.FAIL, text, advice)
    try:
        linked = is_linked(number.session)
    except PermissionError:
        return Finding(number.name, Level.SKIP, f"{number.session} is not this user's to read", "use sudo")
    if linked:
        return Finding(number.name, Level.OK, "a phone is linked, as far as the session tells")
    return Finding(number.name, Level.FAIL, "no phone is linked", f"`engine whatsapp link --connector {number.name}`")


def _session(number: WhatsAppWebSettings) -> tuple[Finding, ...]:
    file = session_file(number.session)
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return ()
    if mode & 0o077:
        text = f"{file} has mode {mode:04o}, and whoever reads it can write as this number"
        return (Finding(number.name, Level.FAIL, text, f"`chmod 600 {file}`"),)
    return (Finding(number.name, Level.OK, "the session is readable for its owner only"),)
