-- +goose Up

-- Assets that every node serves: published at run time, or built by one of the nodes and shared. The content lies in the
-- store: all variants one after the other in one blob.
CREATE TABLE assets (
    name      text COLLATE "C" PRIMARY KEY,         -- hashed
    logical   text COLLATE "C" NOT NULL,
    published boolean NOT NULL,                     -- at run time
    current   boolean NOT NULL DEFAULT false,       -- the logical name leads here; of published ones only
    blob      text NOT NULL,
    parts     jsonb NOT NULL,                       -- coding, size and sha256 of each variant, in the order of the blob
    since     timestamptz NOT NULL DEFAULT now(),
    expires   timestamptz,                          -- null: not before something takes its place
    CHECK (published OR NOT current),
    CHECK (current = (expires IS NULL))
);
CREATE UNIQUE INDEX assets_current ON assets (logical) WHERE current;
CREATE INDEX assets_expires ON assets (expires) WHERE expires IS NOT NULL;

-- One row. Whoever changes assets raises the version first, so changes are made one after the other, and whoever sees a
-- version sees all that belongs to it.
CREATE TABLE assets_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL DEFAULT 0
);
INSERT INTO assets_version DEFAULT VALUES;
