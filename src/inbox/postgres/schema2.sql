-- Version 2 of the inbox.

-- How many attempts the process did not survive, one after the other; and 1, and one more each time that
-- somebody begins the delivery anew.
ALTER TABLE deliveries ADD COLUMN ends int NOT NULL DEFAULT 0, ADD COLUMN round int NOT NULL DEFAULT 1;

-- The event whose attempt has begun; NULL: none yet.
ALTER TABLE claims ADD COLUMN begun bigint;

-- When the clock was set forward: what waited at that moment has not waited for the time in between.
CREATE TABLE jumps (
    earlier timestamptz NOT NULL,
    later   timestamptz NOT NULL
);

-- What is known of a refused body besides. Equal ones are one event: their key is the digest of the body, of where
-- it was sent and of what was answered.
CREATE TABLE refused (
    event  bigint PRIMARY KEY,
    copies int NOT NULL DEFAULT 1,
    size   bigint NOT NULL          -- bytes that are kept of it
);
INSERT INTO refused (event, size) SELECT number, octet_length(body) FROM events WHERE kind IS NULL;

-- When somebody made an event of a refused body, or set one aside: it is kept from then on.
CREATE TABLE decided (
    event bigint PRIMARY KEY,
    at    timestamptz NOT NULL
);

-- Times that are to outlive a restart, by name.
CREATE TABLE notes (
    name text PRIMARY KEY,
    at   timestamptz NOT NULL
);

-- The newest event of an order or shipment.
CREATE INDEX events_lane ON events (lane, number);

-- Of each order or shipment that had an event without a messageId the newest event, whatever that has.
CREATE TABLE unnamed (
    lane   bigint PRIMARY KEY,
    newest bigint NOT NULL          -- its number
);
CREATE INDEX unnamed_newest ON unnamed (newest);
