-- +goose Up

-- Orders to remove answers from the page cache, for nodes that were away. They are kept for a day.
CREATE TABLE page_purges (
    version bigint PRIMARY KEY,
    what    jsonb NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX page_purges_at ON page_purges (at);

-- One row. Whoever gives an order raises the version first, so orders come one after the other without gaps, and whoever sees
-- a version sees all orders before it.
CREATE TABLE page_purges_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL DEFAULT 0,
    origin  uuid NOT NULL DEFAULT gen_random_uuid()  -- tells this table from that of another database
);
INSERT INTO page_purges_version DEFAULT VALUES;
