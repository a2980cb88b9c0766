"""Rules that were published for all nodes, and what each node runs. Plain operations on a transaction, run by a store.

What the files hold is of no interest here: they come and go as one text.
"""

from datetime import datetime, timedelta

from engine.core.plan import AuditEntry
from engine.core.publications import NodeReport, Publication, Published
from engine.journal import audits
from engine.journal.audits import About
from engine.journal.rows import instant, micros, storable
from engine.journal.statements import Database

# So many sets are kept, the newest of all included.
_KEPT = 5
# A node that was not heard of for so long has another name by now, or is gone.
_FORGOTTEN_AFTER = timedelta(days=1)


def publish(database: Database, sha: str, files: str, node: str, now: datetime) -> Publication:
    """Make a set the newest, with its audit row; see `ports.Journal.publish`."""
    ((number,),) = database.rows("add_ruleset", sha, micros(now), node, files)
    for (old,) in database.rows("older_rulesets", number, _KEPT)[_KEPT - 1 :]:
        database.rows("remove_ruleset", old)
    return _noted(database, "published", Publication(number, sha, now, node), node, now)


def withdraw(database: Database, node: str, now: datetime) -> Publication | None:
    """Leave every node to its own files, with an audit row; what was withdrawn, None when nothing was published."""
    current = publication(database)
    if current is None:
        return None
    database.rows("withdraw_ruleset", micros(now), current.number)
    return _noted(database, "withdrawn", current, node, now)


def _noted(database: Database, kind: str, which: Publication, node: str, now: datetime) -> Publication:
    details = (("number", str(which.number)), ("ruleset", which.sha), ("node", node))
    audits.add(database, AuditEntry(kind, details), About(), now)
    return which


def publication(database: Database) -> Publication | None:
    """What all nodes are to run; None for their own files."""
    found = database.rows("published_ruleset")
    if not found:
        return None
    number, sha, published_at, node = found[0]
    return Publication(number, sha, instant(published_at), node)


def published(database: Database) -> Published | None:
    """The same with its files."""
    current = publication(database)
    if current is None:
        return None
    ((files,),) = database.rows("files_of_ruleset", current.number)
    return Published(current, files)


def report(database: Database, report: NodeReport) -> None:
    """Keep what a node says of itself, in place of what it said before."""
    seen_at = micros(report.seen_at)
    problem = storable(report.problem)
    database.rows("write_node", report.node, report.sha, report.publication, micros(report.since), seen_at, problem)
    database.rows("remove_nodes_before", micros(report.seen_at - _FORGOTTEN_AFTER))


def forget_node(database: Database, node: str) -> None:
    """A node has stopped."""
    database.rows("remove_node", node)


def nodes(database: Database, since: datetime) -> tuple[NodeReport, ...]:
    """What the nodes said that were heard of since then, by name."""
    found = (
        NodeReport(node, sha, number, instant(in_force), instant(seen_at), problem)
        for node, sha, number, in_force, seen_at, problem in database.rows("nodes_since", micros(since))
    )
    return tuple(sorted(found, key=lambda one: one.node))
