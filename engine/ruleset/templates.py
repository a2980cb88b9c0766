"""Summaries, acknowledgements and posts: text with variables in, text to send out.

The only module that knows Jinja2. `load` and the checks report every fault of a template before it is used; what is
rendered later never raises, because a client must not wait for an answer over a variable that one message lacks. Text
of the client's arrives quoted and leaves quoted (see `core.quotes`); nothing is escaped here, because only a connector
knows the layout of its network.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from jinja2 import Template, TemplateSyntaxError, Undefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.core import variables
from engine.core.quotes import quote, spans
from engine.ruleset.names import closest
from engine.ruleset.syntax import Fault, Place, Text

# The template of every engineers' post.
ESCALATION = "escalation/default"
# Mattermost cuts at 16,383 and WhatsApp at 4,096 characters; a template that wants more has run away.
TEXT_LIMIT = 16_000
# A summary is one line in a list of posts.
SUMMARY_LIMIT = 200
# How much a template may write before it is stopped, in code points: a loop in a loop is not memory.
_RENDER_LIMIT = 4 * TEXT_LIMIT

_BLANKS = re.compile(r"[ \t\r\n]+")
_SYNTAX_HINT = "variables stand in {{ }}, conditions in {% if … %} … {% endif %}"
_FORBIDDEN = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block)
