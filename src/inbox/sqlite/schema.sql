-- Version 1 of the inbox. Later versions are files of their own, applied in order (see open.rs).

-- Every event and every refused body, in the order received.
CREATE TABLE events (
    number       INTEGER PRIMARY KEY,
    key          BLOB NOT NULL,     -- 16 bytes: what a repeated message is recognised by
    id           TEXT NOT NULL,
    received     INTEGER NOT NULL,  -- microseconds since 1970, like all times here
    path         TEXT NOT NULL,
    content_type TEXT,
    kind         TEXT,              -- NULL: a refused body
    format       TEXT,
    event_name   TEXT,
    message_id   TEXT,
    subject      TEXT,
    document     TEXT,              -- purchase order or shipment number
    company      TEXT,              -- that it was sent for
    companies    TEXT NOT NULL DEFAULT '',  -- all it names, separated by line feeds
    created      TEXT,
    reason       TEXT,              -- why a body was refused
    status       INTEGER,           -- what it was answered with
    discarded    INTEGER NOT NULL DEFAULT 0,
    body         BLOB NOT NULL      -- last, so that large ones are written without a copy
);
CREATE UNIQUE INDEX events_key ON events (key);
CREATE INDEX events_refused ON events (number) WHERE kind IS NULL;

-- What each handler has to do, and has done. Of the pending deliveries of an order or shipment only
-- the first has a due time, so that looking for work never has to look behind it.
CREATE TABLE deliveries (
    event    INTEGER NOT NULL,
    handler  TEXT NOT NULL,
    lane     INTEGER NOT NULL,      -- one number per order or shipment
    state    INTEGER NOT NULL,      -- 0 pending, 1 done, 2 dead, 3 discarded
    attempts INTEGER NOT NULL DEFAULT 0,
    since    INTEGER NOT NULL,
    due      INTEGER,
    changed  INTEGER NOT NULL,
    status   INTEGER,               -- what the back end said when it rejected the event
    PRIMARY KEY (event, handler)
) WITHOUT ROWID;
CREATE INDEX deliveries_lane ON deliveries (handler, lane, event) WHERE state = 0;
CREATE INDEX deliveries_due ON deliveries (handler, due) WHERE due IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (event) WHERE state = 2;

-- The attempts that failed, the last few of each delivery.
CREATE TABLE failures (
    event   INTEGER NOT NULL,
    handler TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    took    INTEGER NOT NULL,       -- milliseconds
    reason  TEXT NOT NULL,
    PRIMARY KEY (event, handler, attempt)
) WITHOUT ROWID;
