-- +goose Up

-- One row for each source that any process of this configuration has named. seq is the current revision, 0 while there is
-- none; it only grows. head is the commit that the branch had when it was last looked at: it differs from the commit of
-- the current revision when a commit changed nothing below the course's root, or was refused.
CREATE TABLE content_sources (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text COLLATE "C" NOT NULL UNIQUE,
    created  timestamptz NOT NULL DEFAULT now(),
    seq      bigint NOT NULL DEFAULT 0,
    head     text NOT NULL DEFAULT '',
    looked   timestamptz,                         -- when the branch was last looked at with success
    failed   timestamptz,                         -- when the last attempt failed; NULL when it did not
    failure  jsonb                                -- {"code", "message", "hint"} of that attempt
);

-- Parts: what is stored and fetched. A row is written after the bytes are durable, and removed after they are gone.
--   present   the store has it, and anyone may refer to it
--   doomed    no live revision refers to it; who needs it within the grace makes it present again
--   deleting  its bytes are being removed; who needs it waits until the row is gone, and stores it anew
--   purged    it holds what nobody may have any more; it is never stored again
CREATE TABLE content_parts (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text COLLATE "C" NOT NULL,          -- kind and object id, as "t1-<hex>"
    sha256    bytea NOT NULL,                     -- of the plain stream
    plain     bigint NOT NULL,                    -- bytes of the plain stream
    packed    bigint NOT NULL,                    -- bytes of the pack
    files     integer NOT NULL,
    state     text NOT NULL DEFAULT 'present' CHECK (state IN ('present', 'doomed', 'deleting', 'purged')),
    stored    timestamptz NOT NULL DEFAULT now(),
    state_at  timestamptz NOT NULL DEFAULT now(), -- when it got its state
    checked   timestamptz NOT NULL DEFAULT now(), -- when its bytes were last verified
    UNIQUE (name, sha256)
) WITH (fillfactor = 90);
CREATE INDEX content_parts_leaving ON content_parts (state_at) WHERE state IN ('doomed', 'deleting');
CREATE INDEX content_parts_checked ON content_parts (checked) WHERE state = 'present';

-- Revisions that were published. A revision whose time is over is first dropped (dropped_at), and its index and row are
-- removed after the grace; a pin within the grace takes it back.
CREATE TABLE content_revisions (
    source       integer NOT NULL REFERENCES content_sources (id) ON DELETE CASCADE,
    seq          bigint NOT NULL,
    commit       text NOT NULL,                   -- hex
    root         text NOT NULL,                   -- tree of the course, hex
    preset       bytea NOT NULL,                  -- digest of the rules it was made by
    index_name   text NOT NULL,                   -- of the blob
    index_sha256 bytea NOT NULL,                  -- of the blob
    chunks       integer NOT NULL,
    rejected     integer NOT NULL,
    plain        bigint NOT NULL,                 -- bytes of all chunks
    parts        bigint[] NOT NULL,               -- ids of content_parts, ascending
    report       jsonb NOT NULL,
    published    timestamptz NOT NULL DEFAULT now(),
    dropped_at   timestamptz,
    PRIMARY KEY (source, seq)
);
CREATE INDEX content_revisions_commit ON content_revisions (source, commit);

-- What must stay: an open exam, a regrade. until NULL means until it is unpinned.
CREATE TABLE content_pins (
    source  integer NOT NULL,
    seq     bigint NOT NULL,
    name    text NOT NULL,
    until   timestamptz,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, name, seq),
    FOREIGN KEY (source, seq) REFERENCES content_revisions (source, seq) ON DELETE CASCADE
);
CREATE INDEX content_pins_revision ON content_pins (source, seq);

-- Parts that every cache must forget at once, in the order in which they became visible: whoever writes here holds the
-- advisory lock of purges. The signature is made with the key of the indexes, see tombstone.go.
CREATE TABLE content_tombstones (
    seq       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    part      text NOT NULL,
    sha256    bytea NOT NULL,
    reason    text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    signature bytea NOT NULL,
    UNIQUE (part, sha256)
);

-- Who does what only one process may do. The token grows with each take-over and fences off who lost the role.
CREATE TABLE content_roles (
    name    text PRIMARY KEY,
    holder  text NOT NULL,
    token   bigint NOT NULL,
    expires timestamptz NOT NULL
);

-- Work that any process asks of the holder of the role. report is the answer, failure what went wrong.
CREATE TABLE content_requests (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     text NOT NULL,
    source   text NOT NULL DEFAULT '',
    args     jsonb NOT NULL DEFAULT '{}',
    state    text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    token    bigint NOT NULL DEFAULT 0,           -- of the holder that runs it
    created  timestamptz NOT NULL DEFAULT now(),
    started  timestamptz,
    ended    timestamptz,
    progress text NOT NULL DEFAULT '',
    report   jsonb,
    failure  jsonb
);
CREATE INDEX content_requests_open ON content_requests (id) WHERE state IN ('queued', 'running');
CREATE INDEX content_requests_ended ON content_requests (ended) WHERE ended IS NOT NULL;

-- +goose Down
DROP TABLE content_requests, content_roles, content_tombstones, content_pins, content_revisions, content_parts, content_sources;
