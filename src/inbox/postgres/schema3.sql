-- Version 3 of the inbox: `unnamed` also knows of what came before it was there. Only where it is certain that nothing
-- that came later was removed: what everybody has been through with since `ended`, and is still there, retention would
-- have removed before. Others are stored once more when they come again; if something has come in between, they are
-- news.

-- All events are read once. Nothing may come in between: who stores it would not find the lane here.
SET LOCAL enable_seqscan = on;
SET LOCAL enable_hashjoin = on;
LOCK TABLE events IN SHARE MODE;
INSERT INTO unnamed (lane, newest)
SELECT lane, max(number) FROM events
WHERE lane IS NOT NULL AND received >= (
    SELECT min(ended) FROM (
        SELECT greatest(max(d.changed), max(e.received)) AS ended FROM deliveries d JOIN events e ON e.number = d.event
        GROUP BY d.event HAVING bool_and(d.state IN (1, 3))
    ) AS through)
GROUP BY lane HAVING bool_or(coalesce(message_id, '') = '')
ON CONFLICT (lane) DO NOTHING;
