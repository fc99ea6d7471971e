-- Version 2 of the inbox. `events` stays as it is: its bodies are last, so that large ones are written
-- without a copy, and a column that is added comes behind them.

-- When the attempt began that goes on, and how many attempts the process did not survive, one after the other.
ALTER TABLE deliveries ADD COLUMN begun INTEGER;
ALTER TABLE deliveries ADD COLUMN ends INTEGER NOT NULL DEFAULT 0;
-- 1, and one more each time that somebody begins the delivery anew.
ALTER TABLE deliveries ADD COLUMN round INTEGER NOT NULL DEFAULT 1;
CREATE INDEX deliveries_begun ON deliveries (event) WHERE begun IS NOT NULL;

-- What is known of a refused body besides. Equal ones are one event: their key is the digest of the body, of where
-- it was sent and of what was answered.
CREATE TABLE refused (
    event  INTEGER PRIMARY KEY,
    copies INTEGER NOT NULL DEFAULT 1,
    size   INTEGER NOT NULL         -- bytes that are kept of it
);
INSERT INTO refused (event, size) SELECT number, length(body) FROM events WHERE kind IS NULL;

-- What all of them take, without counting them.
CREATE TABLE refused_total (bytes INTEGER NOT NULL);
INSERT INTO refused_total SELECT coalesce(sum(size), 0) FROM refused;
CREATE TRIGGER refused_kept AFTER INSERT ON refused BEGIN
    UPDATE refused_total SET bytes = bytes + new.size;
END;
CREATE TRIGGER refused_gone AFTER DELETE ON refused BEGIN
    UPDATE refused_total SET bytes = bytes - old.size;
END;

-- When somebody made an event of a refused body, or set one aside: it is kept from then on.
CREATE TABLE decided (
    event INTEGER PRIMARY KEY,
    at    INTEGER NOT NULL
);

-- Times that are to outlive a restart, by name.
CREATE TABLE notes (
    name TEXT PRIMARY KEY,
    at   INTEGER NOT NULL
) WITHOUT ROWID;

-- What this inbox is recognised by wherever its file goes, and how often it was written to: a copy from before
-- something was acknowledged has a lower number.
CREATE TABLE identity (
    id      BLOB NOT NULL,
    commits INTEGER NOT NULL
);
INSERT INTO identity VALUES (randomblob(16), 0);

-- Of each order or shipment that had an event without a messageId the newest event, whatever that has.
CREATE TABLE unnamed (
    lane   INTEGER PRIMARY KEY,
    newest INTEGER NOT NULL         -- its number
);
CREATE INDEX unnamed_newest ON unnamed (newest);
