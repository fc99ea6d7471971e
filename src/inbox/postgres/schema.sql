-- Version 1 of the inbox. Later versions are files of their own, applied in order (see open.rs).

-- One row: the version of this schema, and when somebody last tried whether it can be written.
CREATE TABLE version (
    version int NOT NULL,
    probed  timestamptz
);

-- A number for every transaction that stores events.
CREATE SEQUENCE batches;

-- Every event and every refused body. The number is that of the batch, times 1024, plus the place in
-- it: of two events of one order or shipment, the later one has the higher number (see batch.rs).
CREATE TABLE events (
    number       bigint PRIMARY KEY,
    key          bytea NOT NULL,    -- 16 bytes: what a repeated message is recognised by
    id           text NOT NULL,
    received     timestamptz NOT NULL,
    path         text NOT NULL,
    content_type text,
    kind         text,              -- NULL: a refused body
    format       text,
    event_name   text,
    message_id   text,
    subject      text,
    document     text,              -- purchase order or shipment number
    company      text,              -- that it was sent for
    companies    text,              -- all it names, separated by line feeds
    created      text,
    lane         bigint,            -- one number per order or shipment; NULL: a refused body
    reason       text,              -- why a body was refused
    status       int,               -- what it was answered with
    discarded    boolean NOT NULL DEFAULT false,
    body         bytea NOT NULL
) WITH (toast_tuple_target = 8160);
-- Most bodies fit a page; and to compress them costs more than to write them.
ALTER TABLE events ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX events_key ON events (key);
CREATE INDEX events_refused ON events (number) WHERE kind IS NULL;

-- What each handler has to do, and has done. Of the pending deliveries of an order or shipment only
-- the first has a due time, so that looking for work never has to look behind it.
CREATE TABLE deliveries (
    event    bigint NOT NULL,
    handler  text NOT NULL,
    lane     bigint NOT NULL,
    state    smallint NOT NULL,     -- 0 pending, 1 done, 2 dead, 3 discarded
    attempts int NOT NULL DEFAULT 0,
    since    timestamptz NOT NULL,
    due      timestamptz,
    changed  timestamptz NOT NULL,
    status   int,                   -- what the back end said when it rejected the event
    PRIMARY KEY (event, handler)
);
CREATE INDEX deliveries_lane ON deliveries (handler, lane, event) WHERE state = 0;
CREATE INDEX deliveries_due ON deliveries (handler, due) WHERE due IS NOT NULL;
CREATE INDEX deliveries_set_aside ON deliveries (state, event) WHERE state > 1;

-- The attempts that failed, the last few of each delivery.
CREATE TABLE failures (
    event   bigint NOT NULL,
    handler text NOT NULL,
    attempt int NOT NULL,
    at      timestamptz NOT NULL,
    took    bigint NOT NULL,        -- milliseconds
    reason  text NOT NULL,
    PRIMARY KEY (event, handler, attempt)
);

-- The receivers that are at work. Each says every second that it still is.
CREATE TABLE receivers (
    id     text PRIMARY KEY,
    until  timestamptz NOT NULL,    -- after that it is taken for dead
    steady timestamptz NOT NULL     -- since then it has never been late
) WITH (fillfactor = 50);

-- Which order or shipment is worked on, by whom. They end with the receiver.
CREATE TABLE claims (
    handler  text NOT NULL,
    lane     bigint NOT NULL,
    receiver text NOT NULL REFERENCES receivers ON DELETE CASCADE,
    token    bigint NOT NULL,       -- chosen anew for every claim
    PRIMARY KEY (handler, lane)
);
CREATE INDEX claims_receiver ON claims (receiver);
