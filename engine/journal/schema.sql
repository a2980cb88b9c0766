-- The journal's tables, as numbered migrations: "-- name: N" begins the step from schema N-1 to schema N.
-- A step that has been released is never edited; a change is a new step below the last one.
--
-- Written for two engines. Instants are microseconds since 1970-01-01T00:00:00Z in BIGINT, JSON is TEXT, truth is
-- 0 or 1. "INTEGER PRIMARY KEY" numbers rows in the order in which they were written.
--
-- The columns called `head` keep claims flat: the first open row of a lane (or undecided message of a conversation)
-- carries 1, so that nobody has to look past it, and partial indexes hold nothing that is finished.

-- name: 1
CREATE TABLE meta (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

-- Operators' switches; a switch that was never set has no row.
CREATE TABLE switches (
    name TEXT PRIMARY KEY NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (0, 1)),
    changed_at BIGINT NOT NULL
);

-- The last ticket number of each year.
CREATE TABLE counters (
    year INTEGER PRIMARY KEY NOT NULL,
    last INTEGER NOT NULL
);

CREATE TABLE incidents (
    seq INTEGER PRIMARY KEY NOT NULL,
    ticket_id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    connector TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    source TEXT NOT NULL,
    client_name TEXT,
    client_phone TEXT,
    issue_summary TEXT NOT NULL,
    priority INTEGER NOT NULL,
    tags TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    ruleset_sha TEXT NOT NULL,
    mattermost_channel TEXT NOT NULL,
    mattermost_team TEXT,
    status TEXT NOT NULL CHECK (status IN ('open', 'claimed', 'resolved', 'lapsed')),
    acknowledged INTEGER NOT NULL,
    escalated INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    last_message_at BIGINT NOT NULL
);
-- A conversation has at most one incident that takes messages.
CREATE UNIQUE INDEX incidents_live ON incidents (connector, conversation_id) WHERE status IN ('open', 'claimed');
CREATE INDEX incidents_by_status ON incidents (status, seq);

-- Accepted messages; id is the order of acceptance.
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY NOT NULL,
    connector TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    -- contracts.dump_inbound; NULL once erased.
    body TEXT,
    accepted_at BIGINT NOT NULL,
    -- 1 for the oldest undecided message of a conversation.
    head INTEGER NOT NULL CHECK (head IN (0, 1)),
    routed_at BIGINT,
    ticket_id TEXT REFERENCES incidents (ticket_id),
    -- The decision log as JSON; NULL until decided and once erased.
    decision TEXT,
    UNIQUE (connector, conversation_id, message_id),
    CHECK (head = 0 OR routed_at IS NULL)
);
CREATE INDEX inbox_heads ON inbox (id) WHERE head = 1;
CREATE INDEX inbox_unrouted ON inbox (connector, conversation_id, id) WHERE routed_at IS NULL;
CREATE INDEX inbox_by_ticket ON inbox (ticket_id, id) WHERE ticket_id IS NOT NULL;

CREATE TABLE deliveries (
    -- The order within a lane.
    seq INTEGER PRIMARY KEY NOT NULL,
    id TEXT NOT NULL UNIQUE,
    lane TEXT NOT NULL,
    -- 1 for the first open row of its lane: the only one that may be claimed.
    head INTEGER NOT NULL CHECK (head IN (0, 1)),
    destination TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'dead', 'held')),
    -- contracts.dump_body; NULL once erased.
    body TEXT,
    ticket_id TEXT REFERENCES incidents (ticket_id),
    -- The conversation's pseudonym for the audit.
    subject TEXT NOT NULL,
    -- That of the incident.
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    -- Rises with each claim; only the newest may finish.
    token INTEGER NOT NULL,
    -- The node that carries an attempt under way; NULL when none is.
    owner TEXT,
    -- When it may be claimed: the due time while queued, the end of the lease while sending.
    due_at BIGINT NOT NULL,
    doubtful INTEGER NOT NULL CHECK (doubtful IN (0, 1)),
    -- When the message that caused it was accepted.
    accepted_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    first_attempt_at BIGINT,
    sent_at BIGINT,
    receipt TEXT,
    error TEXT,
    CHECK (head = 0 OR state IN ('queued', 'sending')),
    CHECK (state <> 'sending' OR head = 1)
);
-- A lane has at most one head, so that two deliveries of a lane can never be under way together.
CREATE UNIQUE INDEX deliveries_lane_head ON deliveries (lane) WHERE head = 1;
CREATE INDEX deliveries_claimable ON deliveries (destination, priority DESC, due_at, seq) WHERE head = 1;
CREATE INDEX deliveries_due ON deliveries (destination, due_at) WHERE head = 1;
-- The rows behind a head, and everything that the backlog counts.
CREATE INDEX deliveries_open ON deliveries (lane, seq, destination, state, created_at)
    WHERE state IN ('queued', 'sending');
CREATE INDEX deliveries_failed ON deliveries (seq, destination, state, created_at) WHERE state IN ('dead', 'held');
CREATE INDEX deliveries_by_ticket ON deliveries (ticket_id, kind, seq) WHERE ticket_id IS NOT NULL;

-- The networks' later words, each once.
CREATE TABLE receipts (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id),
    -- The network's id of the message: a delivery that was sent twice has two.
    provider_id TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT,
    at BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, provider_id, status)
);

-- Things to do later, one per conversation and name.
CREATE TABLE timers (
    connector TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    name TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    ticket_id TEXT NOT NULL REFERENCES incidents (ticket_id),
    PRIMARY KEY (connector, conversation_id, name)
);
CREATE INDEX timers_due ON timers (name, due_at);

-- What happened; ids and facts, never a client's text, name or number. Rows are only added.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    ticket_id TEXT,
    -- The message that the row is about, where that had no ticket yet.
    inbox_id BIGINT,
    subject TEXT,
    details TEXT NOT NULL
);
CREATE INDEX audit_by_ticket ON audit (ticket_id, seq) WHERE ticket_id IS NOT NULL;
CREATE INDEX audit_by_message ON audit (inbox_id, seq) WHERE inbox_id IS NOT NULL;

-- name: 2
-- What the rule that opened an incident says about further messages, so that a reload of the rules changes nothing
-- about it. Spans are microseconds; NULL is the engine's own. Incidents of schema 1 keep what they had.
ALTER TABLE incidents ADD COLUMN acknowledged_at BIGINT;
ALTER TABLE incidents ADD COLUMN follow_up_within BIGINT;
ALTER TABLE incidents ADD COLUMN follow_up_new INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN ack_again_after BIGINT;

-- name: 3
-- A client who asks what is kept, or to be erased, is known by the phone number.
CREATE INDEX incidents_by_phone ON incidents (client_phone) WHERE client_phone IS NOT NULL;
-- Whoever removes an incident must see that no timer names it.
CREATE INDEX timers_by_ticket ON timers (ticket_id);

-- name: 4
-- core.chains: the digest of the row and of everything before it. NULL: written by an earlier engine, linked by the
-- next transaction of this one.
ALTER TABLE audit ADD COLUMN chain TEXT;
CREATE INDEX audit_unlinked ON audit (seq) WHERE chain IS NULL;
-- Where more is due than may be sent: the higher priority first, what was never tried before what failed (so that a
-- delivery that nobody takes holds up no other), and then the newest, whose client still waits.
DROP INDEX deliveries_claimable;
CREATE INDEX deliveries_claimable
    ON deliveries (destination, priority DESC, (CASE WHEN attempts = 0 THEN 0 ELSE 1 END), due_at DESC, seq)
    WHERE head = 1;

-- name: 5
-- Rules that were published for all nodes: the newest row is what they run, unless it was withdrawn.
CREATE TABLE rulesets (
    seq INTEGER PRIMARY KEY NOT NULL,
    sha TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    -- The node through which it was published.
    node TEXT NOT NULL,
    withdrawn_at BIGINT,
    -- The files as `ruleset.packing` writes them. The last column, so that to look at the others costs no long text.
    files TEXT NOT NULL
);

-- What each node runs, in its own words.
CREATE TABLE nodes (
    node TEXT PRIMARY KEY NOT NULL,
    -- Of the rules in force.
    sha TEXT NOT NULL,
    -- The row of rulesets that it was last told to run; 0 for its own files.
    publication BIGINT NOT NULL,
    -- Since when these rules are in force.
    since BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    -- Why it does not run what it was told to; empty when it does.
    problem TEXT NOT NULL
);
CREATE INDEX nodes_by_time ON nodes (seen_at);

-- name: 6
-- Who takes care of an incident, and when a person first answered its client.
ALTER TABLE incidents ADD COLUMN claimed_by TEXT;
ALTER TABLE incidents ADD COLUMN claimed_at BIGINT;
ALTER TABLE incidents ADD COLUMN answered_at BIGINT;

-- What happened in conversations besides messages, each once.
CREATE TABLE signals (
    connector TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    -- The network's.
    signal_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    PRIMARY KEY (connector, conversation_id, kind, signal_id)
);
CREATE INDEX signals_by_time ON signals (noted_at);

-- Conversations in which a person answers: until when nothing is acknowledged automatically.
CREATE TABLE holds (
    connector TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    held_until BIGINT NOT NULL,
    PRIMARY KEY (connector, conversation_id)
);
CREATE INDEX holds_by_time ON holds (held_until);

-- Which node has the connection that only one may have, e.g. that of a WhatsApp number, and until when.
CREATE TABLE owners (
    name TEXT PRIMARY KEY NOT NULL,
    node TEXT NOT NULL,
    owned_until BIGINT NOT NULL
);

-- name: 7
-- Under which names a client is known, and to which conversation each leads; see core.identities. A name without a row
-- leads to the conversation that is called so.
CREATE TABLE identities (
    connector TEXT NOT NULL,
    identity TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    -- 1 where messages from before are kept under the name itself.
    stored INTEGER NOT NULL CHECK (stored IN (0, 1)),
    PRIMARY KEY (connector, identity)
);
CREATE INDEX identities_by_conversation ON identities (connector, conversation_id);

-- Whose message a network's id is.
CREATE INDEX deliveries_by_receipt ON deliveries (receipt, destination)
    WHERE kind IN ('acknowledgement', 'relayed') AND receipt IS NOT NULL;
CREATE INDEX deliveries_held ON deliveries (destination, seq) WHERE state = 'held';
CREATE INDEX receipts_by_message ON receipts (provider_id);

-- Receipts of messages that nobody knows, in conversations where one was just being sent: decided when its answer is
-- there.
CREATE TABLE early_receipts (
    connector TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    status TEXT NOT NULL,
    -- The client's names, as JSON.
    aliases TEXT NOT NULL,
    code TEXT,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL,
    escalate_to TEXT NOT NULL,
    PRIMARY KEY (connector, provider_id, status)
);

-- name: 8
-- How engineers take care of an incident, and how they are called.
ALTER TABLE incidents ADD COLUMN claim_id TEXT;
ALTER TABLE incidents ADD COLUMN replied_at BIGINT;
ALTER TABLE incidents ADD COLUMN resolved_by TEXT;
ALTER TABLE incidents ADD COLUMN resolved_at BIGINT;
ALTER TABLE incidents ADD COLUMN snoozed_until BIGINT;
ALTER TABLE incidents ADD COLUMN rung INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN paged TEXT NOT NULL DEFAULT '[]';
ALTER TABLE incidents ADD COLUMN outage TEXT;
CREATE INDEX incidents_by_outage ON incidents (outage) WHERE outage IS NOT NULL AND status IN ('open', 'claimed');
-- Of what is open the newest first, for who asks whether they are one outage.
CREATE INDEX incidents_open_since ON incidents (created_at)
    WHERE outage IS NULL AND escalated = 1 AND status IN ('open', 'claimed');

-- What engineers did in their chat, each once.
CREATE TABLE actions (
    destination TEXT NOT NULL,
    action_id TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- The name in the chat.
    person TEXT NOT NULL,
    at BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    PRIMARY KEY (destination, action_id)
);
CREATE INDEX actions_by_time ON actions (noted_at);
-- The incident behind a post.
CREATE INDEX deliveries_roots ON deliveries (destination, receipt) WHERE kind = 'escalation' AND receipt IS NOT NULL;

-- Until when nobody is called about a client, but by the post itself.
ALTER TABLE holds ADD COLUMN muted_until BIGINT;
