-- +goose Up

-- Of the package daemon: the store that holds the blobs of this database. Every process compares it with its own at its
-- start, so that none serves a database from a store that belongs to another, or from a directory that is not mounted.
CREATE TABLE store (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    id    text NOT NULL,                            -- of the store's sentinel
    place text NOT NULL,                            -- where it was when it was first used, for people
    since timestamptz NOT NULL DEFAULT now()
);
