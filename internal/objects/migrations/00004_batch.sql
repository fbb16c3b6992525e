-- +goose Up
-- Belongs to this package: commit_objects writes a batch of new keys with one statement, which takes PostgreSQL half the time.
-- What it does and returns stays as it was: every other batch goes to the function of 00001, which is commit_each from here on.

ALTER FUNCTION commit_objects RENAME TO commit_each;
ALTER FUNCTION commit_each SET plan_cache_mode = force_generic_plan;

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
SET plan_cache_mode = force_generic_plan -- a plan for the number of rows at hand would be made each time, at many times the cost
SET lock_timeout = '5s'
AS $$
DECLARE
    b buckets;
    locked integer;
    objects_ bigint;
    bytes_ bigint;
    n integer := cardinality(p_op);
    lifetime interval;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'commit_objects needs the isolation level read committed';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    -- Most batches: unconditional puts of new keys into one bucket that neither counts its objects nor keeps versions.
    IF n > 0 AND p_op = array_fill(1::smallint, ARRAY[n]) AND p_bucket = array_fill(p_bucket[1], ARRAY[n])
        AND array_remove(p_if_match, NULL) = '{}' AND array_remove(p_if_none, NULL) = '{}'
        AND array_remove(p_if_unmodified, NULL) = '{}' AND array_remove(p_if_size, NULL) = '{}'
        AND array_remove(p_slot, NULL) = '{}' AND array_remove(p_upload, NULL) = '{}'
    THEN
        locked := p_bucket[1];
        b := lock_bucket(locked);
        IF b.versioning = '' AND b.max_objects = 0 AND (b.max_size = 0 OR b.max_size >= ALL (p_size))
            -- No join: its plan, made when the table was empty, would read the whole bucket.
            AND (SELECT count(DISTINCT k.key) = n
                    AND count((SELECT o.gen FROM objects o WHERE o.bucket = locked AND o.key = k.key)) = 0
                FROM unnest(p_key) AS k(key))
        THEN
            lifetime := CASE WHEN b.expire_after > 0 THEN make_interval(secs => b.expire_after / 1e9) END;
            WITH items AS MATERIALIZED (
                SELECT *, nextval('generations') AS gen, coalesce(p.expires, p.created + lifetime) AS ends
                FROM unnest(p_key, p_blob, p_size, p_created, p_expires, p_public, p_composite, p_parts, p_etag, p_sniffed,
                    p_md5, p_sha256, p_algorithm, p_checksum, p_headers, p_tags, p_part_sizes) WITH ORDINALITY
                    AS p(key, blob, size, created, expires, public, composite, parts, etag, sniffed,
                        md5, sha256, algorithm, checksum, headers, tags, part_sizes, ord)
            ), made AS (
                INSERT INTO objects (gen, size, created, expires, blob, bucket, parts, null_id, public, composite, key, etag,
                    sniffed, md5, sha256, algorithm, checksum, headers, tags, part_sizes)
                SELECT i.gen, i.size, i.created, i.ends, i.blob, locked, i.parts, true, i.public, i.composite, i.key, i.etag,
                    i.sniffed, i.md5, i.sha256, i.algorithm, i.checksum, i.headers::jsonb, i.tags::jsonb, i.part_sizes::bigint[]
                FROM items i ORDER BY i.ord -- as the keys are sorted
                ON CONFLICT DO NOTHING RETURNING 1
            )
            SELECT array_agg(i.gen ORDER BY i.ord), array_agg(i.ends ORDER BY i.ord), sum(i.size), (SELECT count(*) FROM made)
            INTO o_gen, o_expires, bytes_, objects_ FROM items i;
            IF objects_ < n THEN -- somebody was faster with one of the keys: it is there when this is tried again
                RAISE EXCEPTION 'a key was written meanwhile' USING ERRCODE = 'serialization_failure';
            END IF;
            PERFORM add_usage(locked, objects_, bytes_);
            o_status := array_fill(0::smallint, ARRAY[n]);
            o_flags := array_fill(16, ARRAY[n]);
            RETURN;
        END IF;
    END IF;

    SELECT * INTO o_status, o_gen, o_expires, o_flags, o_dead, o_dead_seq, o_dead_state
    FROM commit_each(p_op, p_bucket, p_key, p_gen, p_if_match, p_if_none, p_if_unmodified, p_if_size, p_blob, p_size, p_created,
        p_expires, p_public, p_composite, p_parts, p_etag, p_sniffed, p_md5, p_sha256, p_algorithm, p_checksum, p_headers,
        p_tags, p_part_sizes, p_slot, p_upload);
END
$$;
-- +goose StatementEnd
