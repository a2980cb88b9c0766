-- The statements of `engine journal check`, in the SQL that SQLite and PostgreSQL share. They may read a table whole.
-- Each of the `broken_…` answers with a row for each place where an invariant does not hold: numbers and ids only, since
-- lanes and conversations carry phone numbers.

-- name: holds
SELECT
    (SELECT count(*) FROM inbox),
    (SELECT count(*) FROM inbox WHERE routed_at IS NULL),
    (SELECT count(*) FROM incidents),
    (SELECT count(*) FROM deliveries),
    (SELECT count(*) FROM deliveries WHERE state IN ('queued', 'sending')),
    (SELECT count(*) FROM audit),
    (SELECT max(accepted_at) FROM inbox)

-- name: broken_lanes
-- Lanes with open rows that have no head or several.
SELECT deliveries.id, broken.heads FROM (
    SELECT min(seq) AS seq, sum(head) AS heads FROM deliveries WHERE state IN ('queued', 'sending')
    GROUP BY lane HAVING sum(head) <> 1
) AS broken
JOIN deliveries ON deliveries.seq = broken.seq
ORDER BY broken.seq

-- name: overtaken
-- Open rows before the head of their lane.
SELECT waiting.id, ahead.id, ahead.state FROM deliveries AS ahead
JOIN deliveries AS waiting ON waiting.lane = ahead.lane AND waiting.seq < ahead.seq
WHERE ahead.head = 1 AND waiting.state IN ('queued', 'sending')
ORDER BY waiting.seq

-- name: redriven
SELECT details FROM audit WHERE kind = 'redriven'

-- name: broken_conversations
SELECT min(id), sum(head) FROM inbox WHERE routed_at IS NULL
GROUP BY connector, conversation_id
HAVING sum(head) <> 1 OR min(id) <> min(CASE WHEN head = 1 THEN id END)
ORDER BY min(id)

-- name: broken_references
SELECT deliveries.id, deliveries.ticket_id FROM deliveries
LEFT JOIN incidents ON incidents.ticket_id = deliveries.ticket_id
WHERE deliveries.ticket_id IS NOT NULL AND incidents.ticket_id IS NULL
ORDER BY deliveries.seq

-- name: broken_incidents
SELECT earlier.ticket_id, later.ticket_id FROM incidents AS earlier
JOIN incidents AS later ON later.connector = earlier.connector AND later.conversation_id = earlier.conversation_id
    AND later.seq > earlier.seq
WHERE earlier.status IN ('open', 'claimed') AND later.status IN ('open', 'claimed')
ORDER BY earlier.seq

-- name: broken_claims
SELECT id FROM deliveries WHERE state = 'sending' AND owner IS NULL ORDER BY seq

-- name: ticket_counters
SELECT year, last FROM counters ORDER BY year

-- name: tickets
-- Retention removes incidents; the audit keeps their tickets.
SELECT ticket_id FROM incidents
UNION
SELECT ticket_id FROM audit WHERE ticket_id IS NOT NULL

-- name: broken_identities
-- Names that lead to a conversation which itself leads elsewhere, or which has no name of its own.
SELECT count(*) FROM identities
LEFT JOIN identities AS conversations ON conversations.connector = identities.connector
    AND conversations.identity = identities.conversation_id
WHERE conversations.conversation_id IS NULL OR conversations.conversation_id <> identities.conversation_id
