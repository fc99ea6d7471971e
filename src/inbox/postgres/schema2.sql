-- Version 2 of the inbox.

-- How many attempts the process did not survive, one after the other; and 1, and one more each time that
-- somebody begins the delivery anew.
ALTER TABLE deliveries ADD COLUMN ends int NOT NULL DEFAULT 0, ADD COLUMN round int NOT NULL DEFAULT 1;

-- Whether the attempt that it was made for has begun.
ALTER TABLE claims ADD COLUMN begun boolean NOT NULL DEFAULT false;

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

-- Of each order or shipment that had an event without a messageId the newest event, whatever that has.
CREATE TABLE unnamed (
    lane   bigint PRIMARY KEY,
    newest bigint NOT NULL          -- its number
);
CREATE INDEX unnamed_newest ON unnamed (newest);
