-- +goose Up

-- Buckets and their policy. A bucket that is deleted and made again has another id, so nothing of the old one is
-- mistaken for the new one's. Durations are nanoseconds, as in Go.
CREATE TABLE buckets (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text COLLATE "C" NOT NULL UNIQUE,
    created       timestamptz NOT NULL DEFAULT now(),
    owner         text NOT NULL DEFAULT '',
    public        boolean NOT NULL DEFAULT false,
    versioning    text NOT NULL DEFAULT '' CHECK (versioning IN ('', 'Enabled', 'Suspended')),
    max_size      bigint NOT NULL DEFAULT 0,
    max_objects   bigint NOT NULL DEFAULT 0,
    allowed_types text[] NOT NULL DEFAULT '{}',
    expire_after  bigint NOT NULL DEFAULT 0,
    keep_versions integer NOT NULL DEFAULT 0,
    cors          jsonb NOT NULL DEFAULT '[]',
    tags          jsonb NOT NULL DEFAULT '{}',
    declared      boolean NOT NULL DEFAULT false,
    epoch         bigint NOT NULL DEFAULT 1         -- of its links; raised by RevokeLinks
);

-- How many current objects a bucket holds and their bytes, as the sum of up to 16 rows, so that concurrent commits of
-- one bucket seldom wait for each other's row.
CREATE TABLE bucket_usage (
    bucket  integer NOT NULL,
    shard   smallint NOT NULL,
    objects bigint NOT NULL DEFAULT 0,
    bytes   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (bucket, shard)
) WITH (fillfactor = 50);

-- The number behind every write; orders the versions of a key.
CREATE SEQUENCE generations;

-- Current objects that are not delete markers, and nothing else: the hot table.
CREATE TABLE objects (
    gen        bigint NOT NULL,
    size       bigint NOT NULL,
    created    timestamptz NOT NULL,
    expires    timestamptz,
    blob       uuid NOT NULL,
    bucket     integer NOT NULL,
    parts      integer NOT NULL DEFAULT 0,
    null_id    boolean NOT NULL,                    -- its S3 version id is "null"
    public     boolean NOT NULL DEFAULT false,
    composite  boolean NOT NULL DEFAULT false,
    key        text COLLATE "C" NOT NULL,
    etag       text NOT NULL,
    sniffed    text NOT NULL DEFAULT '',
    md5        bytea,
    sha256     bytea,
    algorithm  text NOT NULL DEFAULT '',
    checksum   bytea,
    headers    jsonb NOT NULL DEFAULT '{}',
    tags       jsonb,
    part_sizes bigint[],                            -- run lengths: size, count, size, count, …
    PRIMARY KEY (bucket, key)
) WITH (fillfactor = 90);
CREATE INDEX objects_expires ON objects (expires) WHERE expires IS NOT NULL;

-- Noncurrent versions and delete markers. Invariants: the generation of a current object is above those of its
-- versions; where there is no current object, the newest version is a marker.
CREATE TABLE versions (LIKE objects INCLUDING DEFAULTS);
ALTER TABLE versions
    ALTER COLUMN blob DROP NOT NULL,
    ADD COLUMN marker boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX versions_key ON versions (bucket, key, gen DESC);
CREATE UNIQUE INDEX versions_null ON versions (bucket, key) WHERE null_id;
ALTER TABLE versions REPLICA IDENTITY USING INDEX versions_key;

-- Blobs that lost their name, in the order in which processes must hear of it (see deaths in doc.go).
--   linked    still the blob of a noncurrent version; only links to it are dead
--   revived   was linked, is current again: links are good again
--   dying     to be moved to the trash, or deleted at once when it is a part
--   trashed   in the trash, deleted after the trash period
--   gone      deleted; the row stays until no link to the blob can be valid any more
CREATE TABLE dead_blobs (
    seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    next_try timestamptz,                           -- of a move that failed
    blob     uuid NOT NULL,
    bucket   integer NOT NULL,
    tries    smallint NOT NULL DEFAULT 0,
    reason   text NOT NULL CHECK (reason IN ('replaced', 'deleted', 'expired', 'version', 'revived', 'part')),
    state    text NOT NULL CHECK (state IN ('linked', 'revived', 'dying', 'trashed', 'gone'))
);
CREATE INDEX dead_blobs_dying ON dead_blobs (seq) WHERE state = 'dying';
CREATE INDEX dead_blobs_trashed ON dead_blobs (at) WHERE state = 'trashed';
CREATE INDEX dead_blobs_linked ON dead_blobs (blob) WHERE state = 'linked';
CREATE INDEX dead_blobs_ended ON dead_blobs (at) WHERE state IN ('linked', 'revived', 'gone');

-- Multipart uploads. A completed one stays for a day, so that completing it again gives the same answer.
CREATE TABLE uploads (
    id         uuid PRIMARY KEY,
    bucket     integer NOT NULL,
    key        text COLLATE "C" NOT NULL,
    initiated  timestamptz NOT NULL DEFAULT now(),
    access_key text NOT NULL DEFAULT '',
    algorithm  text NOT NULL DEFAULT '',
    composite  boolean NOT NULL DEFAULT false,
    public     boolean NOT NULL DEFAULT false,
    expires    timestamptz,
    headers    jsonb NOT NULL DEFAULT '{}',
    tags       jsonb,
    done_at    timestamptz,                         -- completed; the next two say as what
    done_gen   bigint,
    done_etag  text
);
CREATE UNIQUE INDEX uploads_key ON uploads (bucket, key, id) WHERE done_at IS NULL;
CREATE INDEX uploads_initiated ON uploads (initiated);

CREATE TABLE parts (
    upload   uuid NOT NULL,
    number   integer NOT NULL,
    size     bigint NOT NULL,
    blob     uuid NOT NULL,
    modified timestamptz NOT NULL DEFAULT now(),
    etag     text NOT NULL,
    sniffed  text NOT NULL DEFAULT '',
    checksum bytea,
    PRIMARY KEY (upload, number)
);

-- Rights to upload one object once.
CREATE TABLE slots (
    id       uuid PRIMARY KEY,
    bucket   integer NOT NULL,
    key      text COLLATE "C" NOT NULL,
    max_size bigint NOT NULL DEFAULT 0,
    type     text NOT NULL DEFAULT '',
    expires  timestamptz NOT NULL,
    used     timestamptz
);
CREATE INDEX slots_expires ON slots (expires);

-- S3 credentials. secret is sealed with AES-256-GCM under a key derived from files.master_key (see seal.go).
CREATE TABLE access_keys (
    id        text COLLATE "C" PRIMARY KEY,
    app       text NOT NULL,
    secret    bytea NOT NULL,
    policy    jsonb NOT NULL,
    created   timestamptz NOT NULL DEFAULT now(),
    not_after timestamptz,
    revoked   timestamptz,
    last_used date
);

-- Keys of signed links. The secret is plain, because sign_url must use it; only the owner of the schema reads it.
CREATE TABLE link_keys (
    id           text COLLATE "C" PRIMARY KEY,
    bucket       integer NOT NULL,
    secret       text NOT NULL,
    created      timestamptz NOT NULL DEFAULT now(),
    sign_from    timestamptz NOT NULL DEFAULT now(),
    verify_until timestamptz,
    revoked      timestamptz
);
CREATE INDEX link_keys_bucket ON link_keys (bucket);

REVOKE ALL ON access_keys, link_keys, slots FROM PUBLIC;

-- Raised by every change to buckets, access keys and link keys, in its transaction. Processes that see another number
-- than last time read all settings again. One row, so that changes take turns.
CREATE TABLE settings (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL DEFAULT 1
);
INSERT INTO settings DEFAULT VALUES;

-- +goose StatementBegin
CREATE FUNCTION settings_changed() RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE settings SET version = version + 1;
    PERFORM pg_notify(current_schema() || '_objects', 'settings');
END
$$;
-- +goose StatementEnd

-- ---------------------------------------------------------------------------------------------------------------------
-- Writing. commit_objects takes a batch of writes, sorted by bucket and key (in byte order), and commits those that are
-- allowed. Status of a write: 0 done, 1 no such bucket, 2 no such key, 3 a condition does not hold, 4 too large,
-- 5 too many objects, 7 no such upload, 8 upload completed already, 9 no such slot, 10 slot used, 11 slot expired.
-- Flags: 1 something was there, 2 a marker was made, 4 what was deleted was a marker, 8 it was the latest, 16 null version.

CREATE TYPE write_item AS (
    op            smallint,     -- 1 put, 2 delete, 3 delete the version gen (0: the null version), 4 end if gen is expired
    bucket        integer,
    key           text,
    gen           bigint,
    if_match      text,
    if_none       text,
    if_unmodified timestamptz,
    if_size       bigint,
    blob          uuid,
    size          bigint,
    created       timestamptz,
    expires       timestamptz,
    public        boolean,
    composite     boolean,
    parts         integer,
    etag          text,
    sniffed       text,
    md5           bytea,
    sha256        bytea,
    algorithm     text,
    checksum      bytea,
    headers       text,         -- JSON
    tags          text,         -- JSON
    part_sizes    text,         -- literal of a bigint[]
    slot          uuid,         -- to be consumed
    upload        uuid          -- to be completed
);
CREATE TYPE death AS (blob uuid, bucket integer, reason text, state text);
CREATE TYPE outcome AS (
    status  smallint,
    gen     bigint,
    expires timestamptz,
    flags   integer,
    objects bigint,             -- change of the bucket's usage
    bytes   bigint,
    deaths  death[]
);

-- +goose StatementBegin
-- lock_bucket keeps the bucket from being changed or deleted until the transaction ends. Writers of a bucket that
-- counts its objects take turns.
CREATE FUNCTION lock_bucket(p_id integer) RETURNS buckets
LANGUAGE plpgsql AS $$
DECLARE
    b buckets;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext(current_schema() || '.buckets'), p_id);
    SELECT * INTO b FROM buckets WHERE buckets.id = p_id;
    IF b.max_objects > 0 THEN
        PERFORM pg_advisory_xact_lock(hashtext(current_schema() || '.counts'), p_id);
    END IF;
    RETURN b;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION add_usage(p_bucket integer, p_objects bigint, p_bytes bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bucket_usage AS u (bucket, shard, objects, bytes)
    VALUES (p_bucket, pg_backend_pid() % 16, p_objects, p_bytes)
    ON CONFLICT (bucket, shard) DO UPDATE SET objects = u.objects + p_objects, bytes = u.bytes + p_bytes;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- check_write returns 0, or why the conditions of a write do not hold for what is there now.
CREATE FUNCTION check_write(it write_item, p_live boolean, p_etag text, p_size bigint, p_created timestamptz) RETURNS smallint
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT p_live THEN
        RETURN CASE WHEN it.if_match IS NULL THEN 0 ELSE 2 END;
    END IF;
    IF it.if_match <> '*' AND it.if_match <> p_etag
        OR it.if_none = '*' OR it.if_none = p_etag
        OR date_trunc('second', p_created) > it.if_unmodified
        OR it.if_size <> p_size
    THEN
        RETURN 3;
    END IF;
    RETURN 0;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- check_rights locks the slot or upload that a put uses up, and says whether it can.
CREATE FUNCTION check_rights(it write_item, moment timestamptz) RETURNS smallint
LANGUAGE plpgsql AS $$
DECLARE
    s slots;
    u uploads;
BEGIN
    IF it.slot IS NOT NULL THEN
        SELECT * INTO s FROM slots WHERE slots.id = it.slot FOR UPDATE;
        IF NOT FOUND THEN
            RETURN 9;
        ELSIF s.used IS NOT NULL THEN
            RETURN 10;
        ELSIF s.expires <= moment THEN
            RETURN 11;
        END IF;
    END IF;
    IF it.upload IS NOT NULL THEN
        SELECT * INTO u FROM uploads WHERE uploads.id = it.upload FOR UPDATE;
        IF NOT FOUND THEN
            RETURN 7;
        ELSIF u.done_at IS NOT NULL THEN
            RETURN 8;
        END IF;
    END IF;
    RETURN 0;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- drop_null_version deletes the null version among the noncurrent ones, and returns what died.
CREATE FUNCTION drop_null_version(p_bucket integer, p_key text) RETURNS death[]
LANGUAGE plpgsql AS $$
DECLARE
    v versions;
BEGIN
    DELETE FROM versions WHERE bucket = p_bucket AND key = p_key AND null_id RETURNING * INTO v;
    IF NOT FOUND OR v.marker THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY[ROW(v.blob, p_bucket, 'replaced', 'dying')::death];
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- prune_versions deletes all but the newest p_keep rows of the key's versions, and returns what died.
CREATE FUNCTION prune_versions(p_bucket integer, p_key text, p_keep integer) RETURNS death[]
LANGUAGE plpgsql AS $$
DECLARE
    oldest bigint;
    died death[];
BEGIN
    SELECT gen INTO oldest FROM versions WHERE bucket = p_bucket AND key = p_key ORDER BY gen DESC OFFSET p_keep LIMIT 1;
    IF NOT FOUND THEN
        RETURN '{}';
    END IF;
    WITH gone AS (
        DELETE FROM versions WHERE bucket = p_bucket AND key = p_key AND gen <= oldest RETURNING blob, marker
    )
    SELECT coalesce(array_agg(ROW(blob, p_bucket, 'version', 'dying')::death), '{}') INTO died FROM gone WHERE NOT marker;
    RETURN died;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- lock_absent locks a key that has no current object, by way of the unique index: a row that is inserted and deleted in
-- one transaction is never seen, but makes others who insert the key wait. False: the key has an object by now.
CREATE FUNCTION lock_absent(p_bucket integer, p_key text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO objects (gen, size, created, blob, bucket, null_id, key, etag)
    VALUES (0, 0, now(), '00000000-0000-0000-0000-000000000000', p_bucket, false, p_key, '') ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM objects WHERE bucket = p_bucket AND key = p_key;
    RETURN true;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- put_object writes one object. p_pending is how many objects the transaction has added to the bucket so far.
CREATE FUNCTION put_object(b buckets, it write_item, moment timestamptz, p_pending bigint) RETURNS outcome
LANGUAGE plpgsql AS $$
DECLARE
    r outcome := ROW(0, 0, NULL, 0, 0, 0, '{}');
    cur record;
    have boolean;
    conditional boolean := it.if_match IS NOT NULL OR it.if_none IS NOT NULL OR it.if_unmodified IS NOT NULL
        OR it.if_size IS NOT NULL;
    higher bigint;
BEGIN
    IF b.max_size > 0 AND it.size > b.max_size THEN
        r.status := 4;
        RETURN r;
    END IF;
    r.expires := it.expires;
    IF r.expires IS NULL AND b.expire_after > 0 THEN
        r.expires := it.created + make_interval(secs => b.expire_after / 1e9);
    END IF;
    IF b.versioning <> 'Enabled' THEN
        r.flags := 16;
    END IF;
    LOOP
        SELECT o.blob, o.size, o.etag, o.created, o.expires, o.null_id INTO cur
        FROM objects o WHERE o.bucket = it.bucket AND o.key = it.key FOR UPDATE;
        have := FOUND;
        IF conditional THEN
            r.status := check_write(it, have AND (cur.expires IS NULL OR cur.expires > moment), cur.etag, cur.size, cur.created);
        END IF;
        -- Of a row that a transaction deleted and wrote again while we waited for it, FOR UPDATE sees only the deletion.
        CONTINUE WHEN r.status = 2 AND NOT have
            AND EXISTS (SELECT FROM objects o WHERE o.bucket = it.bucket AND o.key = it.key);
        IF r.status = 0 AND NOT have AND b.max_objects > 0
            AND p_pending + (SELECT coalesce(sum(objects), 0) FROM bucket_usage WHERE bucket = b.id) >= b.max_objects
        THEN
            r.status := 5;
        END IF;
        IF r.status = 0 AND (it.slot IS NOT NULL OR it.upload IS NOT NULL) THEN
            r.status := check_rights(it, moment);
        END IF;
        IF r.status <> 0 THEN
            r.gen := 0; -- an INSERT before that lost has set it to NULL
            RETURN r;
        END IF;
        EXIT WHEN have;
        INSERT INTO objects AS o (gen, size, created, expires, blob, bucket, parts, null_id, public, composite, key, etag,
            sniffed, md5, sha256, algorithm, checksum, headers, tags, part_sizes)
        VALUES (nextval('generations'), it.size, it.created, r.expires, it.blob, b.id, it.parts, b.versioning <> 'Enabled',
            it.public, it.composite, it.key, it.etag, it.sniffed, it.md5, it.sha256, it.algorithm, it.checksum,
            it.headers::jsonb, it.tags::jsonb, it.part_sizes::bigint[])
        ON CONFLICT DO NOTHING RETURNING o.gen INTO r.gen;
        EXIT WHEN FOUND;
    END LOOP;

    IF have THEN
        r.flags := r.flags | 1;
        r.bytes := it.size - cur.size;
        IF b.versioning = '' OR (b.versioning = 'Suspended' AND cur.null_id) THEN
            r.deaths := ARRAY[ROW(cur.blob, b.id, 'replaced', 'dying')::death];
        ELSE
            INSERT INTO versions SELECT o.*, false FROM objects o WHERE o.bucket = it.bucket AND o.key = it.key;
            r.deaths := ARRAY[ROW(cur.blob, b.id, 'replaced', 'linked')::death];
        END IF;
        UPDATE objects AS o SET gen = nextval('generations'), size = it.size, created = it.created, expires = r.expires,
            blob = it.blob, parts = it.parts, null_id = (b.versioning <> 'Enabled'), public = it.public,
            composite = it.composite, etag = it.etag, sniffed = it.sniffed, md5 = it.md5, sha256 = it.sha256,
            algorithm = it.algorithm, checksum = it.checksum, headers = it.headers::jsonb, tags = it.tags::jsonb,
            part_sizes = it.part_sizes::bigint[]
        WHERE o.bucket = it.bucket AND o.key = it.key RETURNING o.gen INTO r.gen;
    ELSE
        r.objects := 1;
        r.bytes := it.size;
    END IF;
    IF b.versioning = '' THEN
        RETURN r;
    END IF;

    IF b.versioning = 'Suspended' AND NOT (have AND cur.null_id) THEN
        r.deaths := r.deaths || drop_null_version(it.bucket, it.key);
    END IF;
    IF NOT have THEN -- a transaction that we waited for may have written a marker with a generation above ours
        UPDATE objects AS o SET gen = nextval('generations')
        WHERE o.bucket = it.bucket AND o.key = it.key
            AND EXISTS (SELECT FROM versions v WHERE v.bucket = it.bucket AND v.key = it.key AND v.gen > r.gen)
        RETURNING o.gen INTO higher;
        r.gen := coalesce(higher, r.gen);
    END IF;
    IF b.keep_versions > 0 THEN
        r.deaths := r.deaths || prune_versions(it.bucket, it.key, b.keep_versions);
    END IF;
    RETURN r;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- promote makes the newest version the current object, if it is no marker, after the current one was deleted.
CREATE FUNCTION promote(b buckets, p_key text, r outcome) RETURNS outcome
LANGUAGE plpgsql AS $$
DECLARE
    v versions;
BEGIN
    SELECT * INTO v FROM versions WHERE bucket = b.id AND key = p_key ORDER BY gen DESC LIMIT 1;
    IF NOT FOUND OR v.marker THEN
        RETURN r;
    END IF;
    DELETE FROM versions WHERE bucket = b.id AND key = p_key AND gen = v.gen;
    INSERT INTO objects VALUES (v.gen, v.size, v.created, v.expires, v.blob, v.bucket, v.parts, v.null_id, v.public,
        v.composite, v.key, v.etag, v.sniffed, v.md5, v.sha256, v.algorithm, v.checksum, v.headers, v.tags, v.part_sizes);
    r.objects := r.objects + 1;
    r.bytes := r.bytes + v.size;
    r.deaths := r.deaths || ROW(v.blob, b.id, 'revived', 'revived')::death;
    RETURN r;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- delete_version deletes the version it.gen for good. The key is locked; cur is its current object, if there is one.
CREATE FUNCTION delete_version(b buckets, it write_item, have boolean, cur objects) RETURNS outcome
LANGUAGE plpgsql AS $$
DECLARE
    r outcome := ROW(0, 0, NULL, 0, 0, 0, '{}');
    v versions;
BEGIN
    IF have AND (it.gen = cur.gen OR it.gen = 0 AND cur.null_id) THEN
        r.status := check_write(it, true, cur.etag, cur.size, cur.created);
        IF r.status <> 0 THEN
            RETURN r;
        END IF;
        DELETE FROM objects WHERE bucket = it.bucket AND key = it.key;
        r := ROW(0, cur.gen, NULL, 1 | 8 | CASE WHEN cur.null_id THEN 16 ELSE 0 END, -1, -cur.size,
            ARRAY[ROW(cur.blob, b.id, 'deleted', 'dying')::death]);
        RETURN promote(b, it.key, r);
    END IF;
    IF it.gen = 0 THEN
        SELECT * INTO v FROM versions WHERE bucket = it.bucket AND key = it.key AND null_id;
    ELSE
        SELECT * INTO v FROM versions WHERE bucket = it.bucket AND key = it.key AND gen = it.gen;
    END IF;
    IF NOT FOUND THEN
        RETURN r;
    END IF;
    r.status := check_write(it, NOT v.marker, v.etag, v.size, v.created);
    IF r.status = 3 THEN
        RETURN r;
    END IF;
    DELETE FROM versions WHERE bucket = it.bucket AND key = it.key AND gen = v.gen;
    r := ROW(0, v.gen, NULL, 1 | CASE WHEN v.marker THEN 4 ELSE 0 END | CASE WHEN v.null_id THEN 16 ELSE 0 END, 0, 0, '{}');
    IF NOT v.marker THEN
        r.deaths := ARRAY[ROW(v.blob, b.id, 'deleted', 'dying')::death];
    END IF;
    IF NOT have AND NOT EXISTS (SELECT FROM versions WHERE bucket = it.bucket AND key = it.key AND gen > v.gen) THEN
        r.flags := r.flags | 8;
        r := promote(b, it.key, r);
    END IF;
    RETURN r;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- delete_object deletes what a key holds, or one version of it.
CREATE FUNCTION delete_object(b buckets, it write_item, moment timestamptz) RETURNS outcome
LANGUAGE plpgsql AS $$
DECLARE
    r outcome := ROW(0, 0, NULL, 0, 0, 0, '{}');
    cur objects;
    have boolean;
    reason text := CASE it.op WHEN 4 THEN 'expired' ELSE 'deleted' END;
BEGIN
    LOOP
        SELECT * INTO cur FROM objects o WHERE o.bucket = it.bucket AND o.key = it.key FOR UPDATE;
        have := FOUND;
        EXIT WHEN have OR it.op = 4;
        IF b.versioning = '' THEN
            EXIT WHEN NOT EXISTS (SELECT FROM objects o WHERE o.bucket = it.bucket AND o.key = it.key);
        ELSE
            EXIT WHEN lock_absent(it.bucket, it.key);
        END IF;
    END LOOP;
    IF it.op = 3 THEN
        RETURN delete_version(b, it, have, cur);
    END IF;
    IF it.op = 4 AND (NOT have OR cur.gen <> it.gen OR cur.expires IS NULL OR cur.expires > moment) THEN
        RETURN r;
    END IF;
    IF have AND (cur.expires IS NULL OR cur.expires > moment) THEN
        r.status := check_write(it, true, cur.etag, cur.size, cur.created);
        IF r.status <> 0 THEN
            RETURN r;
        END IF;
        r.flags := 1;
    END IF;
    IF have THEN
        IF it.op = 4 THEN
            r.flags := 1;
        END IF;
        r.objects := -1;
        r.bytes := -cur.size;
        IF b.versioning = '' OR (b.versioning = 'Suspended' AND cur.null_id) THEN
            r.deaths := ARRAY[ROW(cur.blob, b.id, reason, 'dying')::death];
        ELSE
            INSERT INTO versions SELECT o.*, false FROM objects o WHERE o.bucket = it.bucket AND o.key = it.key;
            r.deaths := ARRAY[ROW(cur.blob, b.id, reason, 'linked')::death];
        END IF;
        DELETE FROM objects WHERE bucket = it.bucket AND key = it.key;
    END IF;
    IF b.versioning = '' THEN
        RETURN r;
    END IF;

    IF b.versioning = 'Suspended' THEN
        r.deaths := r.deaths || drop_null_version(it.bucket, it.key);
        r.flags := r.flags | 16;
    END IF;
    INSERT INTO versions AS v (gen, size, created, bucket, null_id, key, etag, marker)
    VALUES (nextval('generations'), 0, moment, it.bucket, b.versioning = 'Suspended', it.key, '', true)
    RETURNING v.gen INTO r.gen;
    r.flags := r.flags | 2;
    IF b.keep_versions > 0 THEN -- the marker is the latest and does not count
        r.deaths := r.deaths || prune_versions(it.bucket, it.key, b.keep_versions + 1);
    END IF;
    RETURN r;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- lock_deaths is called before a row of dead_blobs is inserted, as the last lock that a transaction takes. It is held until
-- the transaction has become visible, so a reader that has seen a number has seen all smaller ones: numbers are given
-- and made visible in one order. NOTIFY takes such a lock at commit anyway.
CREATE FUNCTION lock_deaths() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(current_schema() || '.buckets'), 0);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- bury records deaths in the order in which they are given and tells the others.
CREATE FUNCTION bury(d death[], OUT o_blob uuid[], OUT o_seq bigint[], OUT o_state text[])
LANGUAGE plpgsql AS $$
DECLARE
    x record;
BEGIN
    PERFORM lock_deaths();
    DELETE FROM dead_blobs k USING unnest(d) AS n WHERE k.blob = n.blob AND k.state = 'linked';
    FOR x IN
        INSERT INTO dead_blobs AS k (blob, bucket, reason, state)
        SELECT n.blob, n.bucket, n.reason, n.state
        FROM unnest(d) WITH ORDINALITY AS n(blob, bucket, reason, state, ord) ORDER BY n.ord
        RETURNING k.blob, k.seq, k.state
    LOOP
        o_blob := o_blob || x.blob;
        o_seq := o_seq || x.seq;
        o_state := o_state || x.state;
    END LOOP;
    PERFORM pg_notify(current_schema() || '_objects', 'deaths');
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- drop_parts ends the parts of completed or aborted uploads: nobody has links to them, so they skip the trash.
CREATE FUNCTION drop_parts(p_uploads uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_deaths();
    WITH gone AS (DELETE FROM parts WHERE upload = ANY (p_uploads) RETURNING upload, blob)
    INSERT INTO dead_blobs (blob, bucket, reason, state)
    SELECT g.blob, coalesce(u.bucket, 0), 'part', 'dying' FROM gone g LEFT JOIN uploads u ON u.id = g.upload;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION commit_objects(
    p_op smallint[], p_bucket integer[], p_key text[], p_gen bigint[],
    p_if_match text[], p_if_none text[], p_if_unmodified timestamptz[], p_if_size bigint[],
    p_blob uuid[], p_size bigint[], p_created timestamptz[], p_expires timestamptz[], p_public boolean[],
    p_composite boolean[], p_parts integer[], p_etag text[], p_sniffed text[], p_md5 bytea[], p_sha256 bytea[],
    p_algorithm text[], p_checksum bytea[], p_headers text[], p_tags text[], p_part_sizes text[],
    p_slot uuid[], p_upload uuid[],
    OUT o_status smallint[], OUT o_gen bigint[], OUT o_expires timestamptz[], OUT o_flags integer[],
    OUT o_dead uuid[], OUT o_dead_seq bigint[], OUT o_dead_state text[])
LANGUAGE plpgsql
SET search_path FROM CURRENT
SET enable_seqscan = off    -- plans are kept for the session's life; one made for an empty table must not scan a full one
SET enable_hashjoin = off
SET enable_mergejoin = off
SET lock_timeout = '5s'
AS $$
DECLARE
    it write_item;
    b buckets;
    r outcome;
    moment timestamptz := clock_timestamp();
    locked integer := 0;
    objects_ bigint := 0;
    bytes_ bigint := 0;
    deaths death[] := '{}';
    uploads_ uuid[] := '{}';
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'commit_objects needs the isolation level read committed';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    FOR it IN
        SELECT * FROM unnest(p_op, p_bucket, p_key, p_gen, p_if_match, p_if_none, p_if_unmodified, p_if_size, p_blob,
            p_size, p_created, p_expires, p_public, p_composite, p_parts, p_etag, p_sniffed, p_md5, p_sha256,
            p_algorithm, p_checksum, p_headers, p_tags, p_part_sizes, p_slot, p_upload)
    LOOP
        IF it.bucket <> locked THEN
            IF objects_ <> 0 OR bytes_ <> 0 THEN
                PERFORM add_usage(locked, objects_, bytes_);
            END IF;
            locked := it.bucket;
            objects_ := 0;
            bytes_ := 0;
            b := lock_bucket(locked);
        END IF;
        IF b.id IS NULL THEN
            r := ROW(1, 0, NULL, 0, 0, 0, '{}');
        ELSIF it.op = 1 THEN
            r := put_object(b, it, moment, objects_);
        ELSE
            r := delete_object(b, it, moment);
        END IF;
        IF r.status = 0 THEN
            objects_ := objects_ + r.objects;
            bytes_ := bytes_ + r.bytes;
            deaths := deaths || r.deaths;
            IF it.slot IS NOT NULL THEN
                UPDATE slots SET used = moment WHERE slots.id = it.slot;
            END IF;
            IF it.upload IS NOT NULL THEN
                UPDATE uploads SET done_at = moment, done_gen = r.gen, done_etag = it.etag WHERE uploads.id = it.upload;
                uploads_ := uploads_ || it.upload;
            END IF;
        END IF;
        o_status := o_status || r.status;
        o_gen := o_gen || r.gen;
        o_expires := o_expires || r.expires;
        o_flags := o_flags || r.flags;
    END LOOP;
    IF objects_ <> 0 OR bytes_ <> 0 THEN
        PERFORM add_usage(locked, objects_, bytes_);
    END IF;
    IF cardinality(deaths) > 0 THEN
        SELECT * INTO o_dead, o_dead_seq, o_dead_state FROM bury(deaths);
    END IF;
    IF cardinality(uploads_) > 0 THEN
        PERFORM drop_parts(uploads_);
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- put_part records a part of an upload. Status 7: the upload is not there, or not any more.
CREATE FUNCTION put_part(p_upload uuid, p_number integer, p_size bigint, p_blob uuid, p_etag text, p_sniffed text,
    p_checksum bytea, OUT o_status smallint, OUT o_modified timestamptz)
LANGUAGE plpgsql
SET search_path FROM CURRENT
SET enable_seqscan = off
SET lock_timeout = '5s'
AS $$
DECLARE
    u uploads;
    old uuid;
BEGIN
    SELECT * INTO u FROM uploads WHERE uploads.id = p_upload AND done_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        o_status := 7;
        RETURN;
    END IF;
    o_status := 0;
    o_modified := clock_timestamp();
    LOOP
        SELECT blob INTO old FROM parts WHERE upload = p_upload AND number = p_number FOR UPDATE;
        IF FOUND THEN
            UPDATE parts SET size = p_size, blob = p_blob, modified = o_modified, etag = p_etag, sniffed = p_sniffed,
                checksum = p_checksum
            WHERE upload = p_upload AND number = p_number;
            PERFORM lock_deaths();
            INSERT INTO dead_blobs (blob, bucket, reason, state) VALUES (old, u.bucket, 'part', 'dying');
            RETURN;
        END IF;
        INSERT INTO parts (upload, number, size, blob, modified, etag, sniffed, checksum)
        VALUES (p_upload, p_number, p_size, p_blob, o_modified, p_etag, p_sniffed, p_checksum) ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- abort_upload ends an upload that is not completed. False: there is none.
CREATE FUNCTION abort_upload(p_upload uuid) RETURNS boolean
LANGUAGE plpgsql
SET search_path FROM CURRENT
SET enable_seqscan = off
SET lock_timeout = '5s'
AS $$
BEGIN
    PERFORM FROM uploads WHERE uploads.id = p_upload AND done_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM drop_parts(ARRAY[p_upload]);
    DELETE FROM uploads WHERE uploads.id = p_upload;
    RETURN true;
END
$$;
-- +goose StatementEnd

-- ---------------------------------------------------------------------------------------------------------------------
-- Reading. Kind of a row: 0 an object, 1 a common prefix (key), 2 no such bucket, 3 a marker is the latest, 4 no object.

CREATE TYPE object_row AS (
    ord        integer,         -- in head_objects: place in the question, from 1
    kind       smallint,
    latest     boolean,
    marker     boolean,
    gen        bigint,
    size       bigint,
    created    timestamptz,
    expires    timestamptz,
    blob       uuid,
    bucket     integer,
    parts      integer,
    null_id    boolean,
    public     boolean,
    composite  boolean,
    key        text,
    etag       text,
    sniffed    text,
    md5        bytea,
    sha256     bytea,
    algorithm  text,
    checksum   bytea,
    headers    jsonb,
    tags       jsonb,
    part_sizes bigint[]
);

-- +goose StatementBegin
-- head_objects answers each question (a bucket and a key) with one row. It is STABLE, so both of its statements see one
-- snapshot; the second is for what the first did not find.
CREATE FUNCTION head_objects(p_bucket integer[], p_key text[]) RETURNS SETOF object_row
LANGUAGE plpgsql STABLE ROWS 10
SET search_path FROM CURRENT
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    n bigint;
BEGIN
    RETURN QUERY
    SELECT q.ord::integer, 0::smallint, true, false, o.gen, o.size, o.created, o.expires, o.blob, o.bucket, o.parts,
        o.null_id, o.public, o.composite, o.key, o.etag, o.sniffed, o.md5, o.sha256, o.algorithm, o.checksum, o.headers,
        o.tags, o.part_sizes
    FROM unnest(p_bucket, p_key) WITH ORDINALITY AS q(bucket, key, ord)
    JOIN objects o ON o.bucket = q.bucket AND o.key = q.key AND (o.expires IS NULL OR o.expires > now());
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n = cardinality(p_key) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT q.ord::integer,
        CASE WHEN m.marker THEN 3 WHEN EXISTS (SELECT FROM buckets b WHERE b.id = q.bucket) THEN 4 ELSE 2 END::smallint,
        true, true, m.gen, 0::bigint, m.created, NULL::timestamptz, NULL::uuid, q.bucket, 0, m.null_id, false, false, q.key,
        '', '', NULL::bytea, NULL::bytea, '', NULL::bytea, NULL::jsonb, NULL::jsonb, NULL::bigint[]
    FROM unnest(p_bucket, p_key) WITH ORDINALITY AS q(bucket, key, ord)
    LEFT JOIN objects o ON o.bucket = q.bucket AND o.key = q.key AND (o.expires IS NULL OR o.expires > now())
    LEFT JOIN LATERAL (
        SELECT v.gen, v.created, v.marker, v.null_id FROM versions v
        WHERE v.bucket = q.bucket AND v.key = q.key ORDER BY v.gen DESC LIMIT 1
    ) m ON true
    WHERE o.gen IS NULL;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- head_version answers for one version: p_gen, or the null version when it is 0. No row: there is none.
CREATE FUNCTION head_version(p_bucket integer, p_key text, p_gen bigint) RETURNS SETOF object_row
LANGUAGE plpgsql STABLE ROWS 1
SET search_path FROM CURRENT
SET enable_seqscan = off
AS $$
BEGIN
    RETURN QUERY
    SELECT 0, 0::smallint, true, false, o.gen, o.size, o.created, o.expires, o.blob, o.bucket, o.parts, o.null_id,
        o.public, o.composite, o.key, o.etag, o.sniffed, o.md5, o.sha256, o.algorithm, o.checksum, o.headers, o.tags,
        o.part_sizes
    FROM objects o
    WHERE o.bucket = p_bucket AND o.key = p_key AND (o.gen = p_gen OR p_gen = 0 AND o.null_id)
        AND (o.expires IS NULL OR o.expires > now())
    UNION ALL
    SELECT 0, 0::smallint,
        v.marker AND NOT EXISTS (SELECT FROM versions n WHERE n.bucket = p_bucket AND n.key = p_key AND n.gen > v.gen)
            AND NOT EXISTS (SELECT FROM objects o WHERE o.bucket = p_bucket AND o.key = p_key),
        v.marker, v.gen, v.size, v.created, v.expires, v.blob, v.bucket, v.parts, v.null_id, v.public, v.composite, v.key,
        v.etag, v.sniffed, v.md5, v.sha256, v.algorithm, v.checksum, v.headers, v.tags, v.part_sizes
    FROM versions v
    WHERE v.bucket = p_bucket AND v.key = p_key AND (v.gen = p_gen OR p_gen = 0 AND v.null_id);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- list_objects returns at most p_limit objects and common prefixes with p_from <= key < p_end. Behind a common prefix it
-- goes on with a new search (p_skip is the least text above all that start with the delimiter), so that the keys below
-- it are not read.
CREATE FUNCTION list_objects(p_bucket integer, p_prefix text, p_from text, p_end text, p_delimiter text, p_skip text,
    p_limit integer) RETURNS SETOF object_row
LANGUAGE plpgsql STABLE
SET search_path FROM CURRENT
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    o objects;
    n integer := 0;
    place integer;
    pos text := p_from;
    jumped boolean;
BEGIN
    IF p_delimiter = '' THEN
        RETURN QUERY
        SELECT 0, 0::smallint, true, false, x.gen, x.size, x.created, x.expires, x.blob, x.bucket, x.parts, x.null_id,
            x.public, x.composite, x.key, x.etag, x.sniffed, x.md5, x.sha256, x.algorithm, x.checksum, x.headers, x.tags,
            x.part_sizes
        FROM objects x
        WHERE x.bucket = p_bucket AND x.key >= p_from AND x.key < p_end AND (x.expires IS NULL OR x.expires > now())
        ORDER BY x.key LIMIT p_limit;
        RETURN;
    END IF;
    LOOP
        jumped := false;
        FOR o IN
            SELECT * FROM objects x
            WHERE x.bucket = p_bucket AND x.key >= pos AND x.key < p_end AND (x.expires IS NULL OR x.expires > now())
            ORDER BY x.key LIMIT p_limit - n
        LOOP
            n := n + 1;
            place := strpos(substr(o.key, length(p_prefix) + 1), p_delimiter);
            IF place > 0 THEN
                RETURN NEXT ROW(0, 1, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                    left(o.key, length(p_prefix) + place - 1 + length(p_delimiter)),
                    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::object_row;
                pos := left(o.key, length(p_prefix) + place - 1) || p_skip;
                jumped := true;
                EXIT;
            END IF;
            RETURN NEXT ROW(0, 0, true, false, o.gen, o.size, o.created, o.expires, o.blob, o.bucket, o.parts, o.null_id,
                o.public, o.composite, o.key, o.etag, o.sniffed, o.md5, o.sha256, o.algorithm, o.checksum, o.headers,
                o.tags, o.part_sizes)::object_row;
        END LOOP;
        EXIT WHEN NOT jumped OR n >= p_limit;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- list_versions returns at most p_limit versions, markers and current objects with p_from <= key < p_end, newest first
-- within a key. p_after_gen above 0: only what is older than it.
CREATE FUNCTION list_versions(p_bucket integer, p_from text, p_end text, p_after_gen bigint, p_limit integer)
RETURNS SETOF object_row
LANGUAGE plpgsql STABLE
SET search_path FROM CURRENT
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
BEGIN
    RETURN QUERY
    SELECT 0, 0::smallint,
        u.current OR u.marker
            AND NOT EXISTS (SELECT FROM versions n WHERE n.bucket = p_bucket AND n.key = u.key AND n.gen > u.gen)
            AND NOT EXISTS (SELECT FROM objects n WHERE n.bucket = p_bucket AND n.key = u.key),
        u.marker, u.gen, u.size, u.created, u.expires, u.blob, u.bucket, u.parts, u.null_id, u.public, u.composite, u.key,
        u.etag, u.sniffed, u.md5, u.sha256, u.algorithm, u.checksum, u.headers, u.tags, u.part_sizes
    FROM (
        (SELECT o.*, false AS marker, true AS current FROM objects o
        WHERE o.bucket = p_bucket AND o.key >= p_from AND o.key < p_end AND (p_after_gen = 0 OR o.gen < p_after_gen)
            AND (o.expires IS NULL OR o.expires > now())
        ORDER BY o.key LIMIT p_limit)
        UNION ALL
        (SELECT v.*, false FROM versions v
        WHERE v.bucket = p_bucket AND v.key >= p_from AND v.key < p_end AND (p_after_gen = 0 OR v.gen < p_after_gen)
        ORDER BY v.key, v.gen DESC LIMIT p_limit)
    ) u
    ORDER BY u.key, u.gen DESC LIMIT p_limit;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- list_version_keys is list_versions with a delimiter: key by key, and past common prefixes as list_objects does.
CREATE FUNCTION list_version_keys(p_bucket integer, p_prefix text, p_from text, p_end text, p_delimiter text, p_skip text,
    p_limit integer) RETURNS SETOF object_row
LANGUAGE plpgsql STABLE
SET search_path FROM CURRENT
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    r object_row;
    n integer := 0;
    place integer;
    pos text COLLATE "C" := p_from;
    found_key text COLLATE "C";
BEGIN
    WHILE n < p_limit LOOP
        SELECT min(k.key COLLATE "C") INTO found_key FROM (
            (SELECT o.key FROM objects o WHERE o.bucket = p_bucket AND o.key >= pos AND o.key < p_end
                AND (o.expires IS NULL OR o.expires > now()) ORDER BY o.key LIMIT 1)
            UNION ALL
            (SELECT v.key FROM versions v WHERE v.bucket = p_bucket AND v.key >= pos AND v.key < p_end ORDER BY v.key LIMIT 1)
        ) k;
        EXIT WHEN found_key IS NULL;
        place := strpos(substr(found_key, length(p_prefix) + 1), p_delimiter);
        IF place > 0 THEN
            RETURN NEXT ROW(0, 1, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                left(found_key, length(p_prefix) + place - 1 + length(p_delimiter)),
                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::object_row;
            n := n + 1;
            pos := left(found_key, length(p_prefix) + place - 1) || p_skip;
            CONTINUE;
        END IF;
        pos := found_key || chr(1);
        FOR r IN SELECT * FROM list_versions(p_bucket, found_key, pos, 0, p_limit - n) LOOP
            RETURN NEXT r;
            n := n + 1;
        END LOOP;
    END LOOP;
END
$$;
-- +goose StatementEnd
