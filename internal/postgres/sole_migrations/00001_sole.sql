-- +goose Up
-- The one row says which process was last the only one, and did not say goodbye. See sole.go.
CREATE TABLE sole (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    holder   text NOT NULL DEFAULT ''
);
INSERT INTO sole DEFAULT VALUES;
