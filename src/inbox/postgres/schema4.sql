-- Version 4 of the inbox: what people ask of it. Old events get their rows here below; what has to be read from their
-- bodies comes later, while the receivers work (see reading.rs).

-- All events are read once. Nothing may come in between, nor end.
SET LOCAL enable_seqscan = on;
SET LOCAL enable_hashjoin = on;
SET LOCAL work_mem = '64MB';
LOCK TABLE events, deliveries, failures IN ACCESS EXCLUSIVE MODE;
-- Who stores without saying so is a receiver of an earlier version that was not stopped: nothing of it would be listed.
ALTER TABLE events ALTER COLUMN discarded DROP DEFAULT;

-- What is listed of an event or refused body, apart from the body, so that no list has to pass by those.
CREATE TABLE listed (
    event      bigint PRIMARY KEY,
    states     smallint NOT NULL,   -- a bit for each state that one of its deliveries is in: 1 << state; 16: refused;
                                    -- 32 in the place of 1: the pending delivery is that which fetches the event
    kind       text COLLATE "C" NOT NULL,       -- empty: a refused body
    event_name text COLLATE "C" NOT NULL,       -- its beginning, as an index takes no more; empty: none
    hour       int NOT NULL,        -- in which it was received, since 1970
    origin     text COLLATE "C" NOT NULL,       -- how it came
    address    text,                -- where it came from
    credential text,                -- that let it in
    answer     int,                 -- the status it was answered with
    repeats    int NOT NULL DEFAULT 0,
    repeated   timestamptz,         -- when it came again last
    checksum   bigint,              -- of what is stored of it; NULL: not made yet
    refs       text                 -- the references in it, as JSON; NULL: it has not been read for them
) WITH (fillfactor = 80);
INSERT INTO listed (event, states, kind, event_name, hour, origin, answer)
SELECT number,
       CASE WHEN kind IS NOT NULL THEN coalesce(d.states, 0) WHEN discarded THEN 8 ELSE 16 END,
       coalesce(kind, ''), left(coalesce(event_name, ''), 500), floor(extract(epoch FROM received) / 3600), 'webhook',
       status
FROM events LEFT JOIN (SELECT event, bit_or((1 << state)::smallint) AS states FROM deliveries GROUP BY event) AS d
     ON d.event = number;
CREATE INDEX listed_class ON listed (states, kind, event_name, origin, event);
CREATE INDEX listed_hour ON listed (hour, event);
CREATE INDEX listed_unread ON listed (event) WHERE refs IS NULL;

-- Where the references are looked up, by a number that stands for what all spellings of one have in common.
CREATE TABLE refs (
    folded bigint NOT NULL,
    event  bigint NOT NULL,
    PRIMARY KEY (folded, event)
);

-- Why a delivery is dead.
ALTER TABLE deliveries ADD COLUMN reason text;
UPDATE deliveries d SET reason = (SELECT f.reason FROM failures f WHERE f.event = d.event AND f.handler = d.handler
                                  ORDER BY f.at DESC LIMIT 1) WHERE state = 2;
DROP INDEX deliveries_set_aside;
-- By an expression, so that it is never taken for what looks along one lane: a handler has many pending deliveries.
CREATE INDEX deliveries_state ON deliveries (handler, (state::int), event);

-- Every attempt, of each time that a delivery was begun the last few.
CREATE TABLE attempts (
    event   bigint NOT NULL,
    number  bigint GENERATED ALWAYS AS IDENTITY,
    handler text NOT NULL,
    round   int NOT NULL,
    attempt int NOT NULL,
    begun   timestamptz NOT NULL,
    took    bigint NOT NULL,        -- milliseconds
    ending  text,                   -- NULL: it failed before that was kept
    status  int,                    -- of the back end's answer
    answer  text,                   -- its beginning
    reason  text,                   -- why it failed
    PRIMARY KEY (event, number)
);
INSERT INTO attempts (event, handler, round, attempt, begun, took, reason)
SELECT f.event, f.handler, CASE WHEN f.at < d.since THEN greatest(d.round - 1, 1) ELSE d.round END, f.attempt,
       f.at - f.took * interval '1 millisecond', f.took, f.reason
FROM failures f JOIN deliveries d ON d.event = f.event AND d.handler = f.handler ORDER BY f.event, f.handler, f.at;
DROP TABLE failures;

-- What people did, and to which events: by their keys, because that is known for longer than they are kept.
CREATE TABLE actions (
    id      bytea PRIMARY KEY,      -- 16 bytes
    at      timestamptz NOT NULL,
    who     text NOT NULL,
    via     text NOT NULL,
    address text,
    what    text NOT NULL,
    handler text,
    filter  text,
    reason  text,
    events  bigint NOT NULL         -- how many it was about
);
CREATE INDEX actions_at ON actions (at);
CREATE TABLE acted (
    key    bytea NOT NULL,
    at     timestamptz NOT NULL,
    action bytea NOT NULL,
    id     text NOT NULL,           -- of the event
    became text,                    -- the id of the event that a refused body is
    PRIMARY KEY (key, at, action)
);
CREATE INDEX acted_at ON acted (at);

-- Events whose body was erased, with the digests that it is recognised by when it comes again.
CREATE TABLE erased (
    event bigint PRIMARY KEY,
    at    timestamptz NOT NULL,
    exact bytea NOT NULL,
    alike bytea NOT NULL
);

-- What is to be fetched, or was. The event is what is known of it so far: it has a delivery by `(fetch)`.
CREATE TABLE notices (
    event bigint PRIMARY KEY,
    what  text NOT NULL,            -- what the id is an id of
    id    text NOT NULL,
    state text NOT NULL             -- waiting; fetching: an attempt has begun, and has not failed so far; fetched
);
CREATE INDEX notices_waiting ON notices (what, id, event) WHERE state = 'waiting';

-- How far what is polled has come.
CREATE TABLE cursors (
    name  text PRIMARY KEY,
    value text NOT NULL,
    at    timestamptz NOT NULL
);

-- Which receiver does what only one of them may do, such as asking Tradecloud.
CREATE TABLE leads (
    what     text PRIMARY KEY,
    receiver text NOT NULL,
    until    timestamptz NOT NULL   -- after that anybody may
);

-- Nobody has counted them yet, and the first questions come before anybody does. Where there is nothing to count, what
-- the planner guesses is the better plan for what comes.
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM listed) THEN
        ANALYZE listed;
        ANALYZE attempts;
    END IF;
END $$;
