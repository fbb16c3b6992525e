-- +goose Up

-- Invites for new machines. The secret is sealed under a key of files.master_key.
CREATE TABLE node_invites (
    id        text PRIMARY KEY,                   -- hex, as in the token
    secret    bytea NOT NULL,
    uses      integer NOT NULL,                   -- how many machines may join
    uses_left integer NOT NULL CHECK (uses_left >= 0),
    created   timestamptz NOT NULL DEFAULT now(),
    creator   text NOT NULL,                      -- the node that made it
    expires   timestamptz NOT NULL,
    revoked   timestamptz
);

-- Who used an invite. key is the ephemeral key of the one exchange; the same again counts nothing.
CREATE TABLE node_joins (
    invite  text NOT NULL REFERENCES node_invites (id) ON DELETE CASCADE,
    key     bytea NOT NULL,
    host    text NOT NULL,                        -- what the machine calls itself
    address text NOT NULL,                        -- from where it asked
    joined  timestamptz NOT NULL DEFAULT now(),
    answers integer NOT NULL DEFAULT 1,
    PRIMARY KEY (invite, key)
);

-- One row for each running process. Who is silent for half a minute is not shown.
CREATE TABLE node_processes (
    id      text PRIMARY KEY,
    host    text NOT NULL,
    version text NOT NULL,
    edge    text NOT NULL,
    admin   text NOT NULL,
    state   text NOT NULL,                        -- ready, not ready, stopping
    reason  text NOT NULL DEFAULT '',
    started timestamptz NOT NULL,
    seen    timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE node_processes, node_joins, node_invites;
