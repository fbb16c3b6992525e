-- +goose Up
-- Belongs to package files: links that the database signs.

-- Signed links made inside the database, so that a query or a template selects ready URLs:
--
--     SELECT title, holdfast.sign_url('papers', file) FROM submissions;
--
-- The format is that of package link (docs/formats.md); HMAC (RFC 2104) and HKDF (RFC 5869) are built on sha256, so that
-- no extension is needed. sign_url runs with the rights of the schema's owner, because only the owner may read keys;
-- whoever may call it can sign a link to any stored file, so nobody may until configure_links says who.

-- A caller's temporary tables must not stand in front of ours: pg_temp comes last in what SET … FROM CURRENT stores.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- What the configuration says about links; written by every process at its start.
CREATE TABLE link_settings (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    base_url text NOT NULL DEFAULT '',       -- scheme and host that links begin with
    ttl      bigint NOT NULL DEFAULT 3600,   -- seconds, as the next two
    span     bigint NOT NULL DEFAULT 900,    -- the window that expiry times are rounded up to
    max_ttl  bigint NOT NULL DEFAULT 604800,
    sessions boolean NOT NULL DEFAULT false  -- a session cookie is configured, so links can be bound to it
);
INSERT INTO link_settings DEFAULT VALUES;
REVOKE ALL ON link_settings FROM PUBLIC;

-- The small functions name nothing of the schema and carry no search_path, so that they can be inlined.

-- HMAC-SHA-256 under a key of 32 bytes. The pads are applied to eight bytes at a time, since bytea has no XOR:
-- 3906369333256140342 is 0x36 eight times, 6655295901103053916 is 0x5c.
-- +goose StatementBegin
CREATE FUNCTION link_hmac(key bytea, message bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT sha256(
        int8send(a # 6655295901103053916) || int8send(b # 6655295901103053916) ||
        int8send(c # 6655295901103053916) || int8send(d # 6655295901103053916) ||
        '\x5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c' ||
        sha256(
            int8send(a # 3906369333256140342) || int8send(b # 3906369333256140342) ||
            int8send(c # 3906369333256140342) || int8send(d # 3906369333256140342) ||
            '\x3636363636363636363636363636363636363636363636363636363636363636' || message))
    FROM (SELECT
        ('x' || encode(substring(key FROM 1 FOR 8), 'hex'))::bit(64)::bigint AS a,
        ('x' || encode(substring(key FROM 9 FOR 8), 'hex'))::bit(64)::bigint AS b,
        ('x' || encode(substring(key FROM 17 FOR 8), 'hex'))::bit(64)::bigint AS c,
        ('x' || encode(substring(key FROM 25 FOR 8), 'hex'))::bit(64)::bigint AS d) AS words
$$;
-- +goose StatementEnd

-- A field of what is signed: length in bytes, colon, bytes, comma.
-- +goose StatementBegin
CREATE FUNCTION link_field(value text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT convert_to(octet_length(convert_to(value, 'UTF8')) || ':' || value || ',', 'UTF8')
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION link_base64url(value bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT translate(encode(value, 'base64'), E'+/=\n', '-_')
$$;
-- +goose StatementEnd

-- Percent-encoding of everything but the unreserved characters (RFC 3986 section 2.3).
-- +goose StatementBegin
CREATE FUNCTION link_escape(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE WHEN value ~ '^[A-Za-z0-9._~-]*$' THEN value ELSE (
        SELECT string_agg(CASE WHEN chr(byte) ~ '[A-Za-z0-9._~-]' AND byte < 128 THEN chr(byte)
                               ELSE '%' || upper(lpad(to_hex(byte), 2, '0')) END, '' ORDER BY at)
        FROM (SELECT at, get_byte(convert_to(value, 'UTF8'), at) AS byte
              FROM generate_series(0, octet_length(convert_to(value, 'UTF8')) - 1) AS at) AS bytes) END
$$;
-- +goose StatementEnd

-- A plain file name made of a key or of what a person typed: link.CleanName.
-- +goose StatementBegin
CREATE FUNCTION link_name(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    result text := regexp_replace(value, '^.*[/\\]', '');
BEGIN
    result := regexp_replace(result, '[\u0001-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffd]', '', 'g');
    WHILE octet_length(convert_to(result, 'UTF8')) > 255 LOOP
        result := left(result, -1);
    END LOOP;
    IF result IN ('', '.', '..') THEN
        RETURN 'file';
    END IF;
    RETURN result;
END
$$;
-- +goose StatementEnd

-- The end of a life, in Unix seconds, rounded up to the window: link.Expiry.
-- +goose StatementBegin
CREATE FUNCTION link_expiry(at timestamptz, ttl bigint, span bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (ceil(extract(epoch FROM at))::bigint + ttl + greatest(span, 1) - 1) / greatest(span, 1) * greatest(span, 1)
$$;
-- +goose StatementEnd

-- The path of a link that reads. It reads no table: whoever has a key can make links anywhere.
-- +goose StatementBegin
CREATE FUNCTION link_path(
    kid text, bucket text, epoch bigint, secret text,
    blob text, expires bigint, attachment boolean, media_type text, shared boolean, session text, name text
) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT AS $$
DECLARE
    salt    bytea := convert_to('holdfast-link-1', 'UTF8') || '\x0000000000000000000000000000000000';
    info    bytea := link_field('get') || link_field(bucket) || link_field(epoch::text);
    key     bytea := link_hmac(link_hmac(salt, convert_to(secret, 'UTF8')), info || '\x01');
    flags   text := CASE WHEN attachment THEN 'a' ELSE 'i' END
                 || CASE WHEN session <> '' THEN 's' WHEN shared THEN 'c' ELSE '' END
                 || CASE WHEN media_type <> '' THEN '-' || link_base64url(convert_to(media_type, 'UTF8')) ELSE '' END;
    binding text := CASE WHEN session <> '' THEN encode(sha256(convert_to(session, 'UTF8')), 'hex') ELSE '' END;
    message bytea := link_field('holdfast-link-1') || link_field('get') || link_field(bucket) || link_field(blob)
                 || link_field('') || link_field(expires::text)
                 || link_field(CASE WHEN attachment THEN 'attachment' ELSE 'inline' END) || link_field(media_type)
                 || link_field('') || link_field('') || link_field(binding)
                 || link_field(CASE WHEN shared THEN 'shared' ELSE '' END) || link_field(name);
    sig     text := link_base64url(substring(link_hmac(key, message) FROM 1 FOR 16));
BEGIN
    RETURN '/m/' || kid || '.' || expires || '.' || flags || '.' || sig || '/' || blob || '/' || link_escape(name);
END
$$;
-- +goose StatementEnd

-- The URL of what the key holds now; NULL when it holds nothing. ttl NULL is files.link_ttl. disposition is 'inline'
-- (shown, if it is of a harmless type) or 'attachment' (saved). name is what the file is called when saved, media_type what
-- it is served as, shared allows a CDN to keep it, session binds it to the value of the session cookie.
-- +goose StatementBegin
CREATE FUNCTION sign_url(
    bucket text, key text, ttl interval DEFAULT NULL, disposition text DEFAULT 'inline', name text DEFAULT NULL,
    media_type text DEFAULT NULL, shared boolean DEFAULT false, session text DEFAULT NULL
) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    conf    link_settings;
    life    bigint;
    held   record;
BEGIN
    SELECT * INTO STRICT conf FROM link_settings;
    life := coalesce(ceil(extract(epoch FROM sign_url.ttl))::bigint, conf.ttl);
    IF life < 1 OR life > conf.max_ttl THEN
        RAISE EXCEPTION 'a link cannot live for % seconds', life
            USING ERRCODE = 'invalid_parameter_value', HINT = format('choose 1 to %s, or raise files.link_max_ttl', conf.max_ttl);
    END IF;
    IF sign_url.disposition IS NULL OR sign_url.disposition NOT IN ('inline', 'attachment') THEN
        RAISE EXCEPTION 'disposition is neither inline nor attachment' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF sign_url.media_type !~ '^([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)?$' OR length(sign_url.media_type) > 127 THEN
        RAISE EXCEPTION 'media_type is no media type in lower case' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF sign_url.session <> '' AND (sign_url.shared OR NOT conf.sessions) THEN
        RAISE EXCEPTION 'the link cannot be bound to a session'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'set files.session_cookie; a bound link cannot be shared';
    END IF;
    SELECT b.name, b.epoch, replace(o.blob::text, '-', '') AS blob, k.id, k.secret INTO held
    FROM buckets b
    JOIN objects o ON o.bucket = b.id AND o.key = sign_url.key AND (o.expires IS NULL OR o.expires > statement_timestamp())
    LEFT JOIN LATERAL (
        SELECT id, secret FROM link_keys
        WHERE bucket = b.id AND revoked IS NULL AND sign_from <= statement_timestamp()
          AND (verify_until IS NULL OR verify_until > statement_timestamp())
        ORDER BY sign_from DESC, id DESC LIMIT 1) k ON true
    WHERE b.name = sign_url.bucket;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF held.id IS NULL THEN
        RAISE EXCEPTION 'bucket % has no key that signs links', held.name
            USING HINT = 'make one with: holdfast files linkkey rotate ' || held.name;
    END IF;
    RETURN conf.base_url || link_path(
        held.id, held.name, held.epoch, held.secret, held.blob,
        link_expiry(statement_timestamp(), life, conf.span), sign_url.disposition = 'attachment',
        coalesce(sign_url.media_type, ''), coalesce(sign_url.shared, false), coalesce(sign_url.session, ''),
        link_name(coalesce(nullif(sign_url.name, ''), sign_url.key)));
END
$$;
-- +goose StatementEnd

-- Called by every process at its start: notes the settings, lets these roles and no others call sign_url.
-- +goose StatementBegin
CREATE FUNCTION configure_links(
    base_url text, ttl bigint, span bigint, max_ttl bigint, sessions boolean, signers text[]
) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    fn     regprocedure := 'sign_url(text, text, interval, text, text, text, boolean, text)'::regprocedure;
    role   text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.configure_links', 0));
    UPDATE link_settings SET (base_url, ttl, span, max_ttl, sessions)
        = (configure_links.base_url, configure_links.ttl, configure_links.span, configure_links.max_ttl, configure_links.sessions);
    FOR role IN
        SELECT DISTINCT pg_get_userbyid(a.grantee) FROM pg_proc p, aclexplode(p.proacl) a
        WHERE p.oid = fn AND a.grantee NOT IN (0, p.proowner)
    LOOP
        IF role <> ALL (signers) THEN
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %I', fn, role);
        END IF;
    END LOOP;
    FOREACH role IN ARRAY signers LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            RAISE EXCEPTION 'role % of files.sql_signers does not exist', role
                USING ERRCODE = 'undefined_object', HINT = 'create the role, or remove it from files.sql_signers';
        END IF;
        IF NOT has_function_privilege(role, fn, 'EXECUTE') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', fn, role);
        END IF;
        IF NOT has_schema_privilege(role, current_schema(), 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION
    link_hmac(bytea, bytea), link_field(text), link_base64url(bytea), link_escape(text), link_name(text),
    link_expiry(timestamptz, bigint, bigint),
    link_path(text, text, bigint, text, text, bigint, boolean, text, boolean, text, text),
    sign_url(text, text, interval, text, text, text, boolean, text),
    configure_links(text, bigint, bigint, bigint, boolean, text[])
FROM PUBLIC;
