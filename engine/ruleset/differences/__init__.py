"""Two rules folders in, every difference of meaning out, each with its class.

Called by `engine diff`. Text does not count: comments, layout, the order within lists and the file that a rule stands
in change nothing as long as the order of the rules stays. Pure: documents and template texts in, changes out.

patch: nothing that is decided changes: titles, examples, reasons, purposes, what no live rule uses
minor: something more matches, is tagged, summarised or worded otherwise, or a rule is added or has another name
major: a channel, priority, ack, escalate, stop, mention or follow_up; a rule that is removed, switched off or moved
       past one that acts otherwise; something matches no more; another text of a file about on-call
"""

from engine.ruleset.differences import rules, surroundings
from engine.ruleset.differences.grades import Change, Grade, overall
from engine.ruleset.differences.surroundings import Folder

__all__ = ["Change", "Folder", "Grade", "compare", "overall"]


def compare(before: Folder, after: Folder) -> tuple[Change, ...]:
    """All differences: those of the rules in their order, then those of what they lean on."""
    return (*rules.compare(before.document, after.document), *surroundings.compare(before, after))
