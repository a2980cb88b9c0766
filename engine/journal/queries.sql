-- Every statement of the journal, one after each "-- name:" line, in the SQL that SQLite and PostgreSQL share.
-- The conditions "head = 1", "routed_at IS NULL" and "state IN ('queued', 'sending')" repeat those of the partial
-- indexes word for word: SQLite uses a partial index only where it can see that.

-- name: read_meta
SELECT value FROM meta WHERE name = ?

-- name: write_meta
INSERT INTO meta (name, value) VALUES (?, ?)

-- name: set_meta
INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: write_switch
INSERT INTO switches (name, state, changed_at) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at

-- name: read_switch
SELECT state FROM switches WHERE name = ?

-- name: add_ruleset
INSERT INTO rulesets (sha, published_at, node, files) VALUES (?, ?, ?, ?) RETURNING seq

-- name: published_ruleset
SELECT seq, sha, published_at, node FROM rulesets
WHERE seq = (SELECT max(seq) FROM rulesets) AND withdrawn_at IS NULL

-- name: files_of_ruleset
SELECT files FROM rulesets WHERE seq = ?

-- name: withdraw_ruleset
UPDATE rulesets SET withdrawn_at = ? WHERE seq = ?

-- name: older_rulesets
SELECT seq FROM rulesets WHERE seq < ? ORDER BY seq DESC LIMIT ?

-- name: remove_ruleset
DELETE FROM rulesets WHERE seq = ?

-- name: write_node
INSERT INTO nodes (node, sha, publication, since, seen_at, problem) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (node) DO UPDATE SET
    sha = excluded.sha, publication = excluded.publication, since = excluded.since, seen_at = excluded.seen_at,
    problem = excluded.problem

-- name: nodes_since
SELECT node, sha, publication, since, seen_at, problem FROM nodes WHERE seen_at >= ? ORDER BY seen_at

-- name: remove_node
DELETE FROM nodes WHERE node = ?

-- name: remove_nodes_before
DELETE FROM nodes WHERE seen_at < ?

-- name: next_number
INSERT INTO counters (year, last) VALUES (?, 1)
ON CONFLICT (year) DO UPDATE SET last = counters.last + 1
RETURNING last

-- name: add_audit
INSERT INTO audit (at, kind, ticket_id, inbox_id, subject, details, chain) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: chain_end
SELECT (SELECT value FROM meta WHERE name = ?), EXISTS (SELECT 1 FROM audit WHERE chain IS NULL)

-- name: unlinked_audit
SELECT seq, at, kind, ticket_id, inbox_id, subject, details FROM audit WHERE chain IS NULL ORDER BY seq LIMIT ?

-- name: link_audit
UPDATE audit SET chain = ? WHERE seq = ?

-- name: audit_after
SELECT seq, at, kind, ticket_id, inbox_id, subject, details, chain FROM audit WHERE seq > ? ORDER BY seq LIMIT ?

-- name: audit_before
SELECT seq, at, kind, ticket_id, inbox_id, subject, details, chain FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?

-- name: newest_audit
SELECT at FROM audit WHERE seq = (SELECT max(seq) FROM audit)


-- name: find_message
-- Under its own name, or under that which it got when its client was erased.
SELECT id, conversation_id FROM inbox
WHERE connector = ? AND ((conversation_id = ? AND message_id = ?) OR (conversation_id = ? AND message_id = ?))

-- name: identities_with
-- All names that lead where this one does.
SELECT identity, conversation_id, first_seen_at, stored FROM identities
WHERE connector = ? AND conversation_id = (
    SELECT known.conversation_id FROM identities AS known WHERE known.connector = ? AND known.identity = ?
)

-- name: add_identity
INSERT INTO identities (connector, identity, conversation_id, first_seen_at, stored) VALUES (?, ?, ?, ?, ?)

-- name: move_identities
-- Under the name of the conversation that is left, messages stay.
UPDATE identities SET conversation_id = ?, stored = CASE WHEN identity = conversation_id THEN 1 ELSE stored END
WHERE connector = ? AND conversation_id = ?

-- name: conversation_since
SELECT min(accepted_at) FROM inbox WHERE connector = ? AND conversation_id = ?

-- name: remove_identities
DELETE FROM identities WHERE connector = ? AND conversation_id = ?

-- name: add_message
INSERT INTO inbox (connector, conversation_id, message_id, body, accepted_at, head)
VALUES (
    ?, ?, ?, ?, ?,
    CASE WHEN EXISTS (SELECT 1 FROM inbox WHERE connector = ? AND conversation_id = ? AND routed_at IS NULL)
    THEN 0 ELSE 1 END
)
RETURNING id

-- name: read_message
-- With the incident of its conversation that takes messages.
SELECT
    inbox.connector, inbox.conversation_id, inbox.accepted_at, inbox.routed_at, inbox.ticket_id, incidents.version,
    incidents.priority
FROM inbox
LEFT JOIN incidents ON incidents.connector = inbox.connector
    AND incidents.conversation_id = inbox.conversation_id
    AND incidents.status IN ('open', 'claimed')
WHERE inbox.id = ?

-- name: route_message
UPDATE inbox SET routed_at = ?, head = 0, ticket_id = ?, decision = ? WHERE id = ?

-- name: promote_message
UPDATE inbox SET head = 1 WHERE id = (
    SELECT min(id) FROM inbox WHERE connector = ? AND conversation_id = ? AND routed_at IS NULL
)

-- name: unrouted_messages
-- The incident's columns in the order that `rows.incident` reads; the post is the newest text of its root.
SELECT
    inbox.id, inbox.body, inbox.accepted_at,
    (
        SELECT holds.held_until FROM holds
        WHERE holds.connector = inbox.connector AND holds.conversation_id = inbox.conversation_id
    ),
    (
        SELECT holds.muted_until FROM holds
        WHERE holds.connector = inbox.connector AND holds.conversation_id = inbox.conversation_id
    ),
    (
        SELECT deliveries.kind FROM deliveries
        WHERE deliveries.ticket_id = incidents.ticket_id AND deliveries.kind IN ('escalation', 'revision')
        ORDER BY deliveries.seq DESC LIMIT 1
    ),
    (
        SELECT deliveries.body FROM deliveries
        WHERE deliveries.ticket_id = incidents.ticket_id AND deliveries.kind IN ('escalation', 'revision')
        ORDER BY deliveries.seq DESC LIMIT 1
    ),
    incidents.ticket_id, incidents.version, incidents.connector, incidents.conversation_id, incidents.source,
    incidents.client_name, incidents.client_phone, incidents.issue_summary, incidents.priority, incidents.tags,
    incidents.rule_id, incidents.ruleset_sha, incidents.mattermost_channel, incidents.mattermost_team,
    incidents.status, incidents.acknowledged, incidents.escalated, incidents.created_at, incidents.last_message_at,
    incidents.acknowledged_at, incidents.follow_up_within, incidents.follow_up_new, incidents.ack_again_after,
    incidents.claimed_by, incidents.claimed_at, incidents.answered_at, incidents.claim_id, incidents.replied_at,
    incidents.resolved_by, incidents.resolved_at, incidents.snoozed_until, incidents.rung, incidents.paged, incidents.outage
FROM inbox
LEFT JOIN incidents ON incidents.connector = inbox.connector
    AND incidents.conversation_id = inbox.conversation_id
    AND incidents.status IN ('open', 'claimed')
WHERE inbox.head = 1
ORDER BY inbox.id LIMIT ?

-- name: count_unrouted
SELECT count(*) FROM inbox WHERE routed_at IS NULL


-- name: add_incident
INSERT INTO incidents (
    ticket_id, version, connector, conversation_id, source, client_name, client_phone, issue_summary, priority, tags,
    rule_id, ruleset_sha, mattermost_channel, mattermost_team, status, acknowledged, escalated, claimed_by, claim_id,
    resolved_by, rung, paged, outage, last_message_at, acknowledged_at, claimed_at, answered_at, replied_at, resolved_at,
    snoozed_until, created_at, follow_up_within, follow_up_new, ack_again_after
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: change_incident
UPDATE incidents SET
    version = version + 1, client_name = ?, client_phone = ?, issue_summary = ?, priority = ?, tags = ?, rule_id = ?,
    ruleset_sha = ?, mattermost_channel = ?, mattermost_team = ?, status = ?, acknowledged = ?, escalated = ?,
    claimed_by = ?, claim_id = ?, resolved_by = ?, rung = ?, paged = ?, outage = ?, last_message_at = ?, acknowledged_at = ?,
    claimed_at = ?, answered_at = ?, replied_at = ?, resolved_at = ?, snoozed_until = ?
WHERE ticket_id = ?

-- name: live_incident
SELECT
    ticket_id, version, connector, conversation_id, source, client_name, client_phone, issue_summary, priority, tags,
    rule_id, ruleset_sha, mattermost_channel, mattermost_team, status, acknowledged, escalated, created_at,
    last_message_at, acknowledged_at, follow_up_within, follow_up_new, ack_again_after,
    claimed_by, claimed_at, answered_at, claim_id, replied_at, resolved_by, resolved_at, snoozed_until, rung, paged,
    outage
FROM incidents WHERE connector = ? AND conversation_id = ? AND status IN ('open', 'claimed')

-- name: close_incident
UPDATE incidents SET version = version + 1, status = ?
WHERE ticket_id = ? AND status IN ('open', 'claimed')
RETURNING outage

-- name: newest_incidents
SELECT
    ticket_id, version, connector, conversation_id, source, client_name, client_phone, issue_summary, priority, tags,
    rule_id, ruleset_sha, mattermost_channel, mattermost_team, status, acknowledged, escalated, created_at,
    last_message_at, acknowledged_at, follow_up_within, follow_up_new, ack_again_after,
    claimed_by, claimed_at, answered_at, claim_id, replied_at, resolved_by, resolved_at, snoozed_until, rung, paged,
    outage
FROM incidents ORDER BY seq DESC LIMIT ?

-- name: newest_incidents_of_status
SELECT
    ticket_id, version, connector, conversation_id, source, client_name, client_phone, issue_summary, priority, tags,
    rule_id, ruleset_sha, mattermost_channel, mattermost_team, status, acknowledged, escalated, created_at,
    last_message_at, acknowledged_at, follow_up_within, follow_up_new, ack_again_after,
    claimed_by, claimed_at, answered_at, claim_id, replied_at, resolved_by, resolved_at, snoozed_until, rung, paged,
    outage
FROM incidents WHERE status = ? ORDER BY seq DESC LIMIT ?

-- name: read_incident
SELECT
    ticket_id, version, connector, conversation_id, source, client_name, client_phone, issue_summary, priority, tags,
    rule_id, ruleset_sha, mattermost_channel, mattermost_team, status, acknowledged, escalated, created_at,
    last_message_at, acknowledged_at, follow_up_within, follow_up_new, ack_again_after,
    claimed_by, claimed_at, answered_at, claim_id, replied_at, resolved_by, resolved_at, snoozed_until, rung, paged,
    outage
FROM incidents WHERE ticket_id = ?

-- name: measured_incidents
-- Backwards from a number, so that a page costs what it holds. The first message of an incident is the first that was
-- accepted; an outage has none.
SELECT
    incidents.seq, incidents.connector, incidents.created_at, incidents.priority, incidents.tags, incidents.rule_id,
    incidents.mattermost_channel, incidents.status, incidents.acknowledged, incidents.escalated,
    (SELECT inbox.accepted_at FROM inbox WHERE inbox.ticket_id = incidents.ticket_id ORDER BY inbox.id LIMIT 1),
    (
        SELECT deliveries.sent_at FROM deliveries
        WHERE deliveries.ticket_id = incidents.ticket_id AND deliveries.kind = 'acknowledgement'
            AND deliveries.sent_at IS NOT NULL
        ORDER BY deliveries.seq LIMIT 1
    ),
    incidents.claimed_at, incidents.answered_at, incidents.resolved_at
FROM incidents WHERE incidents.seq < ? ORDER BY incidents.seq DESC LIMIT ?

-- name: count_open_incidents
SELECT status, priority, is_outage, belongs, count(*), min(created_at) FROM (
    SELECT
        status, priority, created_at, CASE WHEN connector = ? THEN 1 ELSE 0 END AS is_outage,
        CASE WHEN outage IS NULL THEN 0 ELSE 1 END AS belongs
    FROM incidents WHERE status IN ('open', 'claimed')
) AS live GROUP BY status, priority, is_outage, belongs

-- name: messages_of_incident
SELECT body, decision FROM inbox WHERE ticket_id = ? ORDER BY id

-- name: decided_messages
-- Backwards from an id, so that a page costs what it holds. Whoever has the ticket of an earlier message joined it.
SELECT
    inbox.id, inbox.accepted_at, inbox.body, inbox.decision,
    EXISTS (SELECT 1 FROM inbox AS earlier WHERE earlier.ticket_id = inbox.ticket_id AND earlier.id < inbox.id)
FROM inbox WHERE inbox.id < ? AND inbox.routed_at IS NOT NULL ORDER BY inbox.id DESC LIMIT ?

-- name: read_delivery_view
SELECT id, kind, state, destination, ticket_id, attempts, created_at, due_at, sent_at, error
FROM deliveries WHERE id = ?

-- name: deliveries_ahead
SELECT count(*) FROM deliveries WHERE lane = ? AND seq < ? AND state IN ('queued', 'sending')

-- name: receipts_of_delivery
SELECT status, code, at FROM receipts WHERE delivery_id = ? ORDER BY noted_at, at

-- name: deliveries_of_incident
SELECT id, kind, state, destination, ticket_id, attempts, created_at, due_at, sent_at, error
FROM deliveries WHERE ticket_id = ? ORDER BY seq

-- name: outages_of_incident
SELECT details FROM audit WHERE ticket_id = ? AND kind = 'joined' ORDER BY seq

-- name: audit_of_incident
SELECT seq, at, kind, ticket_id, subject, details FROM audit WHERE ticket_id = ?
UNION
SELECT seq, at, kind, ticket_id, subject, details FROM audit
WHERE inbox_id IN (SELECT id FROM inbox WHERE ticket_id = ?)
ORDER BY seq


-- name: add_delivery
-- What a message causes that was in a backup may have been said already, at any time after it was accepted.
INSERT INTO deliveries (
    id, lane, head, destination, kind, state, body, ticket_id, subject, priority, attempts, token, due_at,
    accepted_at, created_at, doubtful, first_attempt_at
) VALUES (
    ?, ?, CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE lane = ? AND head = 1) THEN 0 ELSE 1 END,
    ?, ?, 'queued', ?, ?, ?, ?, 0, 0, ?, ?, ?,
    CASE WHEN EXISTS (SELECT 1 FROM meta WHERE name = 'restored' AND CAST(value AS BIGINT) > ?) THEN 1 ELSE 0 END,
    (SELECT CAST(? AS BIGINT) FROM meta WHERE name = 'restored' AND CAST(value AS BIGINT) > ?)
)
ON CONFLICT (id) DO NOTHING

-- name: raise_deliveries
-- What may still be sent follows its incident's priority.
UPDATE deliveries SET priority = ? WHERE ticket_id = ? AND state <> 'sent'

-- name: claimable_deliveries
-- The thread is the network's id of the incident's root post. The lists of all values let the index serve both
-- "due by now" and the order; without them the heads that are not due yet would be read, too.
SELECT
    seq, id, state, token, attempts, doubtful, first_attempt_at, accepted_at, ticket_id, lane, destination, kind, body, priority,
    (
        SELECT root.receipt FROM deliveries AS root
        WHERE root.ticket_id = deliveries.ticket_id AND root.kind = 'escalation' AND root.state = 'sent'
        ORDER BY root.seq LIMIT 1
    )
FROM deliveries
WHERE head = 1 AND destination = ? AND priority IN (0, 1, 2, 3)
    AND CASE WHEN attempts = 0 THEN 0 ELSE 1 END IN (0, 1) AND due_at <= ? AND kind IN (?, ?, ?, ?, ?, ?, ?, ?)
ORDER BY priority DESC, CASE WHEN attempts = 0 THEN 0 ELSE 1 END, due_at DESC, seq LIMIT ?

-- name: claim_delivery
UPDATE deliveries SET
    state = 'sending', token = token + 1, attempts = attempts + 1, owner = ?, due_at = ?, first_attempt_at = ?,
    doubtful = ?
WHERE seq = ?

-- name: read_delivery
SELECT seq, state, token, owner, attempts, lane, kind, destination, ticket_id, subject, priority, accepted_at, receipt,
    doubtful, due_at,
    EXISTS (SELECT 1 FROM early_receipts WHERE early_receipts.connector = deliveries.destination)
FROM deliveries WHERE id = ?

-- name: read_body
SELECT body FROM deliveries WHERE seq = ?

-- name: read_error
SELECT error FROM deliveries WHERE seq = ?

-- name: settle_delivery
UPDATE deliveries SET
    state = ?, head = ?, owner = ?, due_at = ?, doubtful = ?, sent_at = ?, receipt = ?, error = ?
WHERE seq = ?

-- name: end_attempt
UPDATE deliveries SET owner = NULL WHERE seq = ?

-- name: promote_delivery
-- The first open row of a lane without a head becomes its head.
UPDATE deliveries SET head = 1 WHERE seq = (
    SELECT min(seq) FROM deliveries WHERE lane = ? AND state IN ('queued', 'sending')
) AND NOT EXISTS (SELECT 1 FROM deliveries AS present WHERE present.lane = ? AND present.head = 1)

-- name: demote_waiting_head
UPDATE deliveries SET head = 0 WHERE lane = ? AND head = 1 AND state = 'queued'

-- name: requeue_delivery
UPDATE deliveries SET state = 'queued', owner = NULL, due_at = ?, doubtful = 0, first_attempt_at = NULL, sent_at = NULL
WHERE seq = ?

-- name: requeue_given_up
-- What was in a backup may have been sent since, at any time after it was ordered.
UPDATE deliveries SET
    state = 'queued', owner = NULL, due_at = ?,
    doubtful = CASE WHEN EXISTS (
        SELECT 1 FROM meta WHERE name = 'restored' AND CAST(value AS BIGINT) > deliveries.created_at
    ) THEN 1 ELSE 0 END,
    first_attempt_at = COALESCE(first_attempt_at, (
        SELECT deliveries.created_at FROM meta WHERE name = 'restored' AND CAST(value AS BIGINT) > deliveries.created_at
    ))
WHERE seq = ?

-- name: requeue_as_template
-- The receipt is that of the text which the network refused: later words about it are no news of the template.
UPDATE deliveries SET
    state = 'queued', owner = NULL, due_at = ?, doubtful = 0, first_attempt_at = NULL, sent_at = NULL, body = ?,
    receipt = ?, error = ?
WHERE seq = ?

-- name: break_leases
UPDATE deliveries SET state = 'queued', doubtful = 1, owner = NULL, due_at = ?
WHERE head = 1 AND state = 'sending' AND owner = ?

-- name: move_leases
UPDATE deliveries SET due_at = due_at + ? WHERE head = 1 AND state = 'sending' AND owner = ?

-- name: move_due_times
UPDATE deliveries SET due_at = due_at + ? WHERE state IN ('queued', 'sending') AND state = 'queued' AND due_at > ?

-- name: move_first_attempts
UPDATE deliveries SET first_attempt_at = first_attempt_at + ?
WHERE state IN ('queued', 'sending') AND first_attempt_at > ?

-- name: held_by_node
SELECT seq, id FROM deliveries WHERE head = 1 AND state = 'sending' AND owner = ? AND destination = ?

-- name: give_back_delivery
UPDATE deliveries SET state = 'queued', doubtful = 1, owner = NULL, due_at = ? WHERE seq = ?

-- name: earliest_delivery
SELECT due_at FROM deliveries WHERE head = 1 AND destination = ? AND kind IN (?, ?, ?, ?, ?, ?, ?, ?) ORDER BY due_at LIMIT 1

-- name: count_open
SELECT count(*) FROM deliveries WHERE state IN ('queued', 'sending')

-- name: withdraw_delivery
DELETE FROM deliveries WHERE id = ? AND state = 'queued'

-- name: waiting_calls
-- Of these, by their words, those that call. Whatever may have been sent already is not among them.
SELECT id, kind, body FROM deliveries
WHERE ticket_id = ? AND kind IN ('follow_up', 'page') AND state = 'queued' AND doubtful = 0 ORDER BY seq

-- name: calls_given_up
-- For a reason; not those from before the incident was closed and opened again: what was given up at a moment is due then.
SELECT id FROM deliveries
WHERE ticket_id = ? AND kind IN ('follow_up', 'page') AND state = 'dead' AND error = ? AND body IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM audit
        WHERE audit.ticket_id = deliveries.ticket_id AND audit.kind = 'reopened' AND audit.at >= deliveries.due_at
    )
ORDER BY seq

-- name: count_deliveries
SELECT destination, state, count(*), min(created_at) FROM deliveries
WHERE state IN ('queued', 'sending') GROUP BY destination, state
UNION ALL
SELECT destination, state, count(*), min(created_at) FROM deliveries
WHERE state IN ('dead', 'held') AND substr(coalesce(error, ''), 1, 9) <> 'dropped: ' GROUP BY destination, state

-- name: newest_deliveries
SELECT id, kind, state, destination, ticket_id, attempts, created_at, due_at, sent_at, error
FROM deliveries ORDER BY seq DESC LIMIT ?

-- name: newest_sent_deliveries
-- Read backwards from the newest: all but a few are sent.
SELECT id, kind, state, destination, ticket_id, attempts, created_at, due_at, sent_at, error
FROM deliveries WHERE state = ? ORDER BY seq DESC LIMIT ?

-- name: newest_open_deliveries
-- The sum sends SQLite to the few open rows; for a plain seq it would read all rows backwards, to spare itself a sort.
SELECT id, kind, state, destination, ticket_id, attempts, created_at, due_at, sent_at, error
FROM deliveries WHERE state IN ('queued', 'sending') AND state = ? ORDER BY seq + 0 DESC LIMIT ?

-- name: newest_failed_deliveries
SELECT id, kind, state, destination, ticket_id, attempts, created_at, due_at, sent_at, error
FROM deliveries WHERE state IN ('dead', 'held') AND state = ? ORDER BY seq DESC LIMIT ?


-- name: add_receipt
INSERT INTO receipts (delivery_id, provider_id, status, code, at, noted_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (delivery_id, provider_id, status) DO NOTHING
RETURNING status

-- name: receipts_of_message
SELECT status FROM receipts WHERE delivery_id = ? AND provider_id = ?

-- name: delivery_of_message
-- Words for a client that were sent as this message, now or in an earlier try.
SELECT id FROM deliveries WHERE kind IN ('acknowledgement', 'relayed') AND receipt = ? AND destination = ?
UNION
SELECT deliveries.id FROM receipts JOIN deliveries ON deliveries.id = receipts.delivery_id
WHERE receipts.provider_id = ? AND deliveries.kind IN ('acknowledgement', 'relayed') AND deliveries.destination = ?

-- name: unproven_deliveries
-- Words for clients that may have gone out as a message whose id nobody has told yet.
SELECT seq, id, state, kind, lane, body FROM deliveries
WHERE head = 1 AND destination = ? AND kind IN ('acknowledgement', 'relayed')
    AND (state = 'sending' OR (doubtful = 1 AND receipt IS NULL)) AND first_attempt_at <= ?
UNION ALL
SELECT seq, id, state, kind, lane, body FROM deliveries
WHERE state = 'held' AND destination = ? AND kind IN ('acknowledgement', 'relayed')
    AND receipt IS NULL AND first_attempt_at <= ?

-- name: keep_early_receipt
INSERT INTO early_receipts (connector, provider_id, status, aliases, code, reason, at, escalate_to)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (connector, provider_id, status) DO NOTHING

-- name: early_receipts
SELECT provider_id, status, aliases, code, reason, at, escalate_to FROM early_receipts WHERE connector = ?
ORDER BY at, provider_id, status

-- name: forget_early_receipts
DELETE FROM early_receipts WHERE connector = ?

-- name: forget_early_receipts_of_message
DELETE FROM early_receipts WHERE connector = ? AND provider_id = ?


-- name: add_signal
INSERT INTO signals (connector, conversation_id, signal_id, kind, at, noted_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (connector, conversation_id, kind, signal_id) DO NOTHING
RETURNING kind

-- name: find_signal
SELECT 1 FROM signals WHERE connector = ? AND conversation_id = ? AND kind = ? AND signal_id = ?

-- name: hold_conversation
INSERT INTO holds (connector, conversation_id, held_until) VALUES (?, ?, ?)
ON CONFLICT (connector, conversation_id) DO UPDATE SET held_until = excluded.held_until
WHERE holds.held_until < excluded.held_until

-- name: mute_conversation
INSERT INTO holds (connector, conversation_id, held_until, muted_until) VALUES (?, ?, ?, ?)
ON CONFLICT (connector, conversation_id) DO UPDATE SET
    held_until = CASE WHEN holds.held_until < excluded.held_until THEN excluded.held_until ELSE holds.held_until END,
    muted_until = excluded.muted_until

-- name: erase_signals
DELETE FROM signals WHERE connector = ? AND conversation_id = ?

-- name: erase_hold
DELETE FROM holds WHERE connector = ? AND conversation_id = ?

-- name: remove_signals_before
DELETE FROM signals WHERE noted_at < ?

-- name: remove_early_receipts_before
DELETE FROM early_receipts WHERE at < ?

-- name: remove_holds_before
DELETE FROM holds WHERE held_until < ?

-- name: ticket_of_root
SELECT ticket_id FROM deliveries
WHERE destination = ? AND receipt = ? AND kind = 'escalation' AND receipt IS NOT NULL AND ticket_id IS NOT NULL
LIMIT 1

-- name: add_action
INSERT INTO actions (destination, action_id, ticket_id, kind, person, at, noted_at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (destination, action_id) DO NOTHING
RETURNING kind

-- name: remove_actions_before
-- A reaction to a post is read again as long as its incident can be open.
DELETE FROM actions
WHERE noted_at < ? AND NOT EXISTS (SELECT 1 FROM incidents WHERE incidents.ticket_id = actions.ticket_id)

-- name: post_of_incident
SELECT kind, body FROM deliveries WHERE ticket_id = ? AND kind IN ('escalation', 'revision')
ORDER BY seq DESC LIMIT 1

-- name: newest_message_of_incident
SELECT message_id, body FROM inbox WHERE ticket_id = ? ORDER BY id DESC LIMIT 1

-- name: live_outages
SELECT conversation_id, ticket_id FROM incidents WHERE connector = ? AND status IN ('open', 'claimed')

-- name: tags_of_open
-- Of incidents that belong to no outage, since a time.
SELECT ticket_id, tags FROM incidents
WHERE outage IS NULL AND escalated = 1 AND status IN ('open', 'claimed') AND created_at >= ?
ORDER BY created_at, seq

-- name: count_members
SELECT count(*) FROM incidents WHERE outage = ? AND outage IS NOT NULL AND status IN ('open', 'claimed')

-- name: unclaimed_members
SELECT ticket_id FROM incidents WHERE outage = ? AND outage IS NOT NULL AND status = 'open'

-- name: posts_of_incidents
-- Of incidents that are not closed, and of those among the newest thousand that were closed since then, the oldest first.
-- What was closed and never resolved fell silent: the audit knows when. What was in doubt may have been posted at its
-- first attempt.
SELECT
    chosen.ticket_id,
    (
        SELECT root.receipt FROM deliveries AS root
        WHERE root.ticket_id = chosen.ticket_id AND root.kind = 'escalation' AND root.state = 'sent'
            AND root.destination = ?
        ORDER BY root.seq LIMIT 1
    ),
    (
        SELECT coalesce(root.first_attempt_at, root.sent_at) FROM deliveries AS root
        WHERE root.ticket_id = chosen.ticket_id AND root.kind = 'escalation' AND root.state = 'sent'
            AND root.destination = ?
        ORDER BY root.seq LIMIT 1
    ),
    chosen.mattermost_channel, chosen.mattermost_team,
    chosen.claimed_by, chosen.claim_id, chosen.resolved_by, chosen.resolved_at, chosen.is_closed
FROM (
    SELECT incidents.*, 0 AS is_closed FROM incidents WHERE status IN ('open', 'claimed')
    UNION ALL
    SELECT incidents.*, 1 AS is_closed FROM incidents
    WHERE seq > (SELECT max(newest.seq) - 1000 FROM incidents AS newest)
        AND status IN ('resolved', 'lapsed') AND coalesce(
            resolved_at,
            (
                SELECT max(audit.at) FROM audit
                WHERE audit.ticket_id = incidents.ticket_id AND audit.kind IN ('lapsed', 'superseded')
            ),
            last_message_at
        ) >= ?
) AS chosen ORDER BY chosen.seq

-- name: resolutions_since
-- And what was opened again.
SELECT
    actions.action_id, actions.kind, actions.ticket_id, actions.person, actions.at, actions.noted_at, incidents.created_at
FROM actions JOIN incidents ON incidents.ticket_id = actions.ticket_id
WHERE actions.noted_at >= ? AND actions.kind IN ('resolve', 'reopen') ORDER BY actions.noted_at, actions.at

-- name: posts_in_doubt
-- Since when a post may stand in the chat under an id that nobody has told yet: the answer was lost, or is late.
SELECT min(first_attempt_at) FROM deliveries
WHERE head = 1 AND destination = ? AND kind = 'escalation'
    AND (doubtful = 1 OR (state = 'sending' AND first_attempt_at <= ?))

-- name: own
INSERT INTO owners (name, node, owned_until) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET node = excluded.node, owned_until = excluded.owned_until
WHERE owners.node = excluded.node OR owners.owned_until <= ?
RETURNING node

-- name: disown
UPDATE owners SET owned_until = 0 WHERE name = ? AND node = ?

-- name: set_timer
INSERT INTO timers (connector, conversation_id, name, due_at, ticket_id) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (connector, conversation_id, name) DO UPDATE SET due_at = excluded.due_at, ticket_id = excluded.ticket_id

-- name: timer_of
SELECT due_at FROM timers WHERE connector = ? AND conversation_id = ? AND name = ? AND ticket_id = ?

-- name: cancel_timers
DELETE FROM timers WHERE connector = ? AND conversation_id = ?

-- name: cancel_timer
DELETE FROM timers WHERE connector = ? AND conversation_id = ? AND name = ? AND ticket_id = ?

-- name: cancel_timers_of
DELETE FROM timers WHERE ticket_id = ?

-- name: due_timers
-- Not those of a conversation with an undecided message: that message decides whether the incident goes on.
SELECT connector, conversation_id, ticket_id FROM timers
WHERE name = ? AND due_at <= ? AND NOT EXISTS (
    SELECT 1 FROM inbox WHERE inbox.connector = timers.connector
    AND inbox.conversation_id = timers.conversation_id AND inbox.routed_at IS NULL
)
ORDER BY due_at LIMIT ?


-- name: conversations_of_phone
SELECT DISTINCT connector, conversation_id FROM incidents WHERE client_phone = ?

-- name: next_connector
SELECT min(connector) FROM inbox WHERE connector > ?

-- name: conversation_known
SELECT 1 FROM inbox WHERE connector = ? AND conversation_id = ? LIMIT 1

-- name: conversation_messages
SELECT id, message_id, body, accepted_at, routed_at, ticket_id, decision FROM inbox
WHERE connector = ? AND conversation_id = ? ORDER BY id

-- name: deliveries_to_erase
SELECT id, seq, lane, kind, state, destination, owner, body, created_at, sent_at, error FROM deliveries
WHERE ticket_id = ? ORDER BY seq

-- name: erase_message
UPDATE inbox SET conversation_id = ?, message_id = ?, body = NULL, decision = NULL WHERE id = ?

-- name: erase_incident
UPDATE incidents SET
    version = version + 1, conversation_id = ?, client_name = NULL, client_phone = NULL, issue_summary = ''
WHERE ticket_id = ?

-- name: erase_delivery
UPDATE deliveries SET lane = ?, body = NULL, receipt = NULL, error = NULL WHERE seq = ?

-- name: rewrite_delivery
UPDATE deliveries SET body = ? WHERE seq = ?

-- name: end_delivery
UPDATE deliveries SET state = 'dead', head = 0, owner = NULL WHERE seq = ?

-- name: remove_receipts
DELETE FROM receipts WHERE delivery_id = ?

-- name: incidents_after
SELECT seq, ticket_id, status, connector, conversation_id, last_message_at FROM incidents WHERE seq > ? ORDER BY seq LIMIT ?

-- name: messages_after
SELECT id, ticket_id, routed_at, connector, conversation_id, accepted_at FROM inbox WHERE id > ? ORDER BY id LIMIT ?

-- name: deliveries_after
SELECT seq, id, ticket_id, state, created_at FROM deliveries WHERE seq > ? ORDER BY seq LIMIT ?

-- name: open_of_incident
SELECT 1 FROM deliveries WHERE ticket_id = ? AND state IN ('queued', 'sending') LIMIT 1

-- name: forget_messages_of_incident
UPDATE inbox SET body = NULL, decision = NULL WHERE ticket_id = ? AND body IS NOT NULL

-- name: forget_deliveries_of_incident
UPDATE deliveries SET body = NULL, error = NULL WHERE ticket_id = ? AND body IS NOT NULL

-- name: forget_incident
UPDATE incidents SET client_name = NULL, client_phone = NULL, issue_summary = '' WHERE ticket_id = ?

-- name: forget_message
UPDATE inbox SET body = NULL, decision = NULL WHERE id = ?

-- name: forget_delivery
UPDATE deliveries SET body = NULL WHERE seq = ?

-- name: remove_receipts_of_incident
DELETE FROM receipts WHERE delivery_id IN (SELECT id FROM deliveries WHERE ticket_id = ?)

-- name: remove_deliveries_of_incident
DELETE FROM deliveries WHERE ticket_id = ?

-- name: remove_messages_of_incident
DELETE FROM inbox WHERE ticket_id = ?

-- name: remove_incident
DELETE FROM incidents WHERE ticket_id = ?

-- name: remove_message
DELETE FROM inbox WHERE id = ?

-- name: remove_delivery
DELETE FROM deliveries WHERE seq = ?

-- name: doubt_open_deliveries
-- Of a journal that was put back: whatever was open may have been sent since, at any time after it was ordered.
UPDATE deliveries SET
    state = 'queued', doubtful = 1, owner = NULL, due_at = CASE WHEN state = 'sending' THEN ? ELSE due_at END,
    first_attempt_at = COALESCE(first_attempt_at, created_at)
WHERE state IN ('queued', 'sending')
RETURNING id
