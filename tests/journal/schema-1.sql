BEGIN TRANSACTION;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    ticket_id TEXT,
    inbox_id BIGINT,
    subject TEXT,
    details TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,1770891330123456,'received',NULL,1,'53611a441fab5406','{"connector":"main","source":"whatsapp"}');
INSERT INTO "audit" VALUES(2,1770891330123456,'decided','OC-2026-0001',NULL,'53611a441fab5406','{"rule":"voip-outbound"}');
INSERT INTO "audit" VALUES(3,1770891330123456,'escalated','OC-2026-0001',NULL,'53611a441fab5406','{"delivery":"post","kind":"escalation"}');
INSERT INTO "audit" VALUES(4,1770891330123456,'received',NULL,2,'53611a441fab5406','{"connector":"main","source":"whatsapp"}');
INSERT INTO "audit" VALUES(5,1770891330123456,'decided','OC-2026-0001',NULL,'53611a441fab5406','{}');
INSERT INTO "audit" VALUES(6,1770891330123456,'received',NULL,3,'53611a441fab5406','{"connector":"main","source":"whatsapp"}');
CREATE TABLE counters (
    year INTEGER PRIMARY KEY NOT NULL,
    last INTEGER NOT NULL
);
INSERT INTO "counters" VALUES(2026,1);
CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY NOT NULL,
    id TEXT NOT NULL UNIQUE,
    lane TEXT NOT NULL,
    head INTEGER NOT NULL CHECK (head IN (0, 1)),
    destination TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'dead', 'held')),
    body TEXT,
    ticket_id TEXT REFERENCES incidents (ticket_id),
    subject TEXT NOT NULL,
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    token INTEGER NOT NULL,
    owner TEXT,
    due_at BIGINT NOT NULL,
    doubtful INTEGER NOT NULL CHECK (doubtful IN (0, 1)),
    accepted_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    first_attempt_at BIGINT,
    sent_at BIGINT,
    receipt TEXT,
    error TEXT,
    CHECK (head = 0 OR state IN ('queued', 'sending')),
    CHECK (state <> 'sending' OR head = 1)
);
INSERT INTO "deliveries" VALUES(1,'ack','acknowledge:main:wa-1',1,'main','acknowledgement','queued','{"peer":"254700000001","text":"Hello, OC-2026-0001","message_id":"m1","channel":"","team":null}','OC-2026-0001','53611a441fab5406',1,0,0,NULL,1770891330123456,0,1770891330123456,1770891330123456,NULL,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES(2,'post','escalate:main:wa-1',0,'mattermost','escalation','sent','{"channel":"support","team":null,"title":"Request OC-2026-0001","body":"Ticket: OC-2026-0001","tags":["3cx"],"priority":1,"ticket_id":"OC-2026-0001"}','OC-2026-0001','53611a441fab5406',1,1,1,NULL,1770891330123456,0,1770891330123456,1770891330123456,1770891330123456,1770891330123456,'provider-1',NULL);
INSERT INTO "deliveries" VALUES(3,'reply','escalate:main:wa-1',1,'mattermost','follow_up','queued','{"channel":"support","team":null,"body":"again OC-2026-0001","ticket_id":"OC-2026-0001"}','OC-2026-0001','53611a441fab5406',1,0,0,NULL,1770891330123456,0,1770891330123456,1770891330123456,NULL,NULL,NULL,NULL);
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY NOT NULL,
    connector TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    body TEXT,
    accepted_at BIGINT NOT NULL,
    head INTEGER NOT NULL CHECK (head IN (0, 1)),
    routed_at BIGINT,
    ticket_id TEXT REFERENCES incidents (ticket_id),
    decision TEXT,
    UNIQUE (connector, conversation_id, message_id),
    CHECK (head = 0 OR routed_at IS NULL)
);
INSERT INTO "inbox" VALUES(1,'main','wa-1','first of wa-1','{"connector":"main","event":{"source":"whatsapp","received_at":"2026-02-12T10:15:30.123456Z","conversation_id":"wa-1","client":{"phone":"+254700000001","display_name":"Jackson"},"message":{"id":"first of wa-1","text":"text of first of wa-1","kind":"message","attachments":[]}},"reply":{"connector":"main","peer":"254700000001"}}',1770891330123456,0,1770891330123456,'OC-2026-0001','{"rule":"voip-outbound","because":[{"text":"can''t \ud83d make calls"}]}');
INSERT INTO "inbox" VALUES(2,'main','wa-1','m2','{"connector":"main","event":{"source":"whatsapp","received_at":"2026-02-12T10:15:30.123456Z","conversation_id":"wa-1","client":{"phone":"+254700000001","display_name":"Jackson"},"message":{"id":"m2","text":"text of m2","kind":"message","attachments":[]}},"reply":{"connector":"main","peer":"254700000001"}}',1770891330123456,0,1770891330123456,'OC-2026-0001','{"rule":"voip-outbound","because":[{"text":"can''t \ud83d make calls"}]}');
INSERT INTO "inbox" VALUES(3,'main','wa-1','m3','{"connector":"main","event":{"source":"whatsapp","received_at":"2026-02-12T10:15:30.123456Z","conversation_id":"wa-1","client":{"phone":"+254700000001","display_name":"Jackson"},"message":{"id":"m3","text":"text of m3","kind":"message","attachments":[]}},"reply":{"connector":"main","peer":"254700000001"}}',1770891330123456,1,NULL,NULL,NULL);
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
INSERT INTO "incidents" VALUES(1,'OC-2026-0001',2,'main','wa-1','whatsapp','Jackson','+254700000001','3CX outbound calls failing',1,'["whatsapp","3cx"]','voip-outbound','abc','support',NULL,'open',1,1,1770891330123456,1770894930123456);
CREATE TABLE meta (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);
INSERT INTO "meta" VALUES('salt','beb0c008285290980e2d15a9b13afda8');
CREATE TABLE receipts (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id),
    provider_id TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT,
    at BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, provider_id, status)
);
CREATE TABLE switches (
    name TEXT PRIMARY KEY NOT NULL,
    state INTEGER NOT NULL CHECK (state IN (0, 1)),
    changed_at BIGINT NOT NULL
);
CREATE TABLE timers (
    connector TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    name TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    ticket_id TEXT NOT NULL REFERENCES incidents (ticket_id),
    PRIMARY KEY (connector, conversation_id, name)
);
INSERT INTO "timers" VALUES('main','wa-1','lapse',1770909330123456,'OC-2026-0001');
CREATE UNIQUE INDEX incidents_live ON incidents (connector, conversation_id) WHERE status IN ('open', 'claimed');
CREATE INDEX incidents_by_status ON incidents (status, seq);
CREATE INDEX inbox_heads ON inbox (id) WHERE head = 1;
CREATE INDEX inbox_unrouted ON inbox (connector, conversation_id, id) WHERE routed_at IS NULL;
CREATE INDEX inbox_by_ticket ON inbox (ticket_id, id) WHERE ticket_id IS NOT NULL;
CREATE UNIQUE INDEX deliveries_lane_head ON deliveries (lane) WHERE head = 1;
CREATE INDEX deliveries_claimable ON deliveries (destination, priority DESC, due_at, seq) WHERE head = 1;
CREATE INDEX deliveries_due ON deliveries (destination, due_at) WHERE head = 1;
CREATE INDEX deliveries_open ON deliveries (lane, seq, destination, state, created_at)
    WHERE state IN ('queued', 'sending');
CREATE INDEX deliveries_failed ON deliveries (seq, destination, state, created_at) WHERE state IN ('dead', 'held');
CREATE INDEX deliveries_by_ticket ON deliveries (ticket_id, kind, seq) WHERE ticket_id IS NOT NULL;
CREATE INDEX timers_due ON timers (name, due_at);
CREATE INDEX audit_by_ticket ON audit (ticket_id, seq) WHERE ticket_id IS NOT NULL;
CREATE INDEX audit_by_message ON audit (inbox_id, seq) WHERE inbox_id IS NOT NULL;
COMMIT;
PRAGMA user_version = 1;
