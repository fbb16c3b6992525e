-- Certificates by ACME; see the comment of package certs.

-- +goose Up

-- The fences of leases: a later holder has a larger one, whatever happened to rows meanwhile.
CREATE SEQUENCE certs_fence;

CREATE TABLE certs_leases (
    name   text COLLATE "C" PRIMARY KEY,
    holder text NOT NULL,
    fence  bigint NOT NULL,
    until  timestamptz NOT NULL
);

CREATE TABLE certs_accounts (
    directory  text COLLATE "C" NOT NULL,
    email      text COLLATE "C" NOT NULL,
    location   text NOT NULL,          -- the account's URL
    sealed_key bytea NOT NULL,         -- PKCS #8
    created    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (directory, email)
);

CREATE TABLE certs_issued (
    directory  text COLLATE "C" NOT NULL,
    host       text COLLATE "C" NOT NULL,
    chain      text NOT NULL,          -- PEM, the host's own first
    sealed_key bytea NOT NULL,         -- PKCS #8
    not_after  timestamptz NOT NULL,
    renew_at   timestamptz NOT NULL,   -- when the next one is to be ordered
    ask_at     timestamptz NOT NULL,   -- when the authority is asked about that again
    fence      bigint NOT NULL,        -- of the order; another one tells that the certificate is another
    issued     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (directory, host)
);

CREATE TABLE certs_challenges (
    host    text COLLATE "C" NOT NULL,
    kind    text COLLATE "C" NOT NULL, -- "http-01", "tls-alpn-01"
    token   text COLLATE "C" NOT NULL,
    answer  text NOT NULL,             -- key authorization (RFC 8555 section 8.1)
    until   timestamptz NOT NULL,
    PRIMARY KEY (host, kind, token)
);

CREATE TABLE certs_failures (
    directory text COLLATE "C" NOT NULL,
    host      text COLLATE "C" NOT NULL,
    count     integer NOT NULL,        -- in a row
    error     text NOT NULL,
    failed    timestamptz NOT NULL,
    retry_at  timestamptz NOT NULL,
    PRIMARY KEY (directory, host)
);
