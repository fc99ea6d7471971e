-- Version 4 of the inbox: what people ask of it. Old events get their rows here below; what has to be read from their
-- bodies comes later, while the receiver works (see reading.rs).

-- What is listed of an event or refused body, apart from the body, so that no list has to pass by those.
CREATE TABLE listed (
    event      INTEGER PRIMARY KEY,
    states     INTEGER NOT NULL,    -- a bit for each state that one of its deliveries is in: 1 << state; 16: refused;
                                    -- 32 in the place of 1: the pending delivery is that which fetches the event
    kind       TEXT NOT NULL,       -- empty: a refused body
    event_name TEXT NOT NULL,       -- empty: none
    hour       INTEGER NOT NULL,    -- in which it was received, since 1970
    origin     TEXT NOT NULL,
    address    TEXT,                -- where it came from
    credential TEXT,                -- that let it in
    answer     INTEGER,             -- the status it was answered with
    repeats    INTEGER NOT NULL DEFAULT 0,
    repeated   INTEGER,             -- when it came again last
    checksum   INTEGER,             -- of what is stored of it; NULL: not made yet
    refs       TEXT                 -- the references in it, as JSON; NULL: it has not been read for them
);
INSERT INTO listed (event, states, kind, event_name, hour, origin, answer)
SELECT number,
       CASE WHEN kind IS NOT NULL
            THEN coalesce((SELECT sum(DISTINCT 1 << d.state) FROM deliveries d WHERE d.event = number), 0)
            WHEN discarded THEN 8 ELSE 16 END,
       coalesce(kind, ''), coalesce(event_name, ''), received / 3600000000, 'webhook', status
FROM events;
CREATE INDEX listed_class ON listed (states, kind, event_name, origin, event);
CREATE INDEX listed_hour ON listed (hour, event);
CREATE INDEX listed_unread ON listed (event) WHERE refs IS NULL;

-- Whatever changes the state of a delivery, the states of its event follow.
CREATE TRIGGER delivery_added AFTER INSERT ON deliveries BEGIN
    UPDATE listed SET states = states | (1 << CASE WHEN new.state = 0 AND new.handler = '(fetch)' THEN 5 ELSE new.state END)
    WHERE event = new.event
      AND states & (1 << CASE WHEN new.state = 0 AND new.handler = '(fetch)' THEN 5 ELSE new.state END) = 0;
END;
CREATE TRIGGER delivery_changed AFTER UPDATE OF state ON deliveries WHEN new.state <> old.state BEGIN
    UPDATE listed
    SET states = (SELECT sum(DISTINCT 1 << CASE WHEN d.state = 0 AND d.handler = '(fetch)' THEN 5 ELSE d.state END)
                  FROM deliveries d WHERE d.event = new.event)
    WHERE event = new.event;
END;

-- Where the references are looked up, by what all spellings of one have in common. In shelves of 256 events: most
-- references are random, and each would write a page of its own if they were all in one order. So those of events that
-- come together are on a few pages, and who looks for one goes by every shelf.
CREATE TABLE refs (
    shelf  INTEGER NOT NULL,        -- event >> 8
    folded TEXT NOT NULL,
    event  INTEGER NOT NULL,
    PRIMARY KEY (shelf, folded, event)
) WITHOUT ROWID;

-- Why a delivery is dead.
ALTER TABLE deliveries ADD COLUMN reason TEXT;
UPDATE deliveries SET reason = (SELECT f.reason FROM failures f WHERE f.event = deliveries.event
                                AND f.handler = deliveries.handler ORDER BY f.at DESC LIMIT 1) WHERE state = 2;
DROP INDEX deliveries_dead;
CREATE INDEX deliveries_state ON deliveries (handler, state, event);

-- Every attempt, of each time that a delivery was begun the last few.
CREATE TABLE attempts (
    number  INTEGER PRIMARY KEY,
    event   INTEGER NOT NULL,
    handler TEXT NOT NULL,
    round   INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    begun   INTEGER NOT NULL,
    took    INTEGER NOT NULL,       -- milliseconds
    ending  TEXT,                   -- NULL: it failed before that was kept
    status  INTEGER,                -- of the back end's answer
    answer  TEXT,                   -- its beginning
    reason  TEXT                    -- why it failed
);
INSERT INTO attempts (event, handler, round, attempt, begun, took, reason)
SELECT f.event, f.handler, CASE WHEN f.at < d.since THEN max(d.round - 1, 1) ELSE d.round END, f.attempt,
       f.at - f.took * 1000, f.took, f.reason
FROM failures f JOIN deliveries d ON d.event = f.event AND d.handler = f.handler ORDER BY f.event, f.handler, f.at;
CREATE INDEX attempts_event ON attempts (event, handler);
DROP TABLE failures;

-- What people did, and to which events: by their keys, because that is known for longer than they are kept.
CREATE TABLE actions (
    id      BLOB PRIMARY KEY,       -- 16 bytes
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    via     TEXT NOT NULL,
    address TEXT,
    what    TEXT NOT NULL,
    handler TEXT,
    filter  TEXT,
    reason  TEXT,
    events  INTEGER NOT NULL        -- how many it was about
) WITHOUT ROWID;
CREATE INDEX actions_at ON actions (at);
CREATE TABLE acted (
    key    BLOB NOT NULL,
    at     INTEGER NOT NULL,
    action BLOB NOT NULL,
    id     TEXT NOT NULL,           -- of the event
    became TEXT,                    -- the id of the event that a refused body is
    PRIMARY KEY (key, at, action)
) WITHOUT ROWID;
CREATE INDEX acted_at ON acted (at);
CREATE INDEX acted_action ON acted (action);

-- The highest number of an event that may have been removed: none gets the number of another.
CREATE TABLE removed (highest INTEGER NOT NULL);
INSERT INTO removed SELECT coalesce(max(number), 0) FROM events;

-- Events whose body was erased, with the digests that it is recognised by when it comes again.
CREATE TABLE erased (
    event INTEGER PRIMARY KEY,
    at    INTEGER NOT NULL,
    exact BLOB NOT NULL,
    alike BLOB NOT NULL
);

-- What is to be fetched, or was. The event is what is known of it so far: it has a delivery by `(fetch)`.
CREATE TABLE notices (
    event INTEGER PRIMARY KEY,
    what  TEXT NOT NULL,            -- what the id is an id of
    id    TEXT NOT NULL,
    state TEXT NOT NULL             -- waiting; fetching: an attempt has begun, and has not failed so far; fetched
);
CREATE INDEX notices_waiting ON notices (what, id, event) WHERE state = 'waiting';

-- How far what is polled has come.
CREATE TABLE cursors (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    at    INTEGER NOT NULL
) WITHOUT ROWID;
