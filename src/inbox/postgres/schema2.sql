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

-- What is known of a refused body besides, so that equal ones are kept once and all of them within bounds.
CREATE TABLE refused (
    event  bigint PRIMARY KEY,
    digest bytea NOT NULL,          -- of the body and of where it was sent
    copies int NOT NULL DEFAULT 1,
    size   bigint NOT NULL          -- bytes that are kept of it
);
CREATE UNIQUE INDEX refused_digest ON refused (digest);

-- Times that are to outlive a restart, by name.
CREATE TABLE notes (
    name text PRIMARY KEY,
    at   timestamptz NOT NULL
);

-- The newest event of an order or shipment.
CREATE INDEX events_lane ON events (lane, number);
