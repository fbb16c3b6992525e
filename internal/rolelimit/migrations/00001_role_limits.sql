-- +goose Up
-- What Holdfast set on roles, so that it can be taken back: name is a setting, or "connection limit" with the database "".
CREATE TABLE role_limits (
    role text NOT NULL,
    database text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    before text, -- NULL: nothing was set
    PRIMARY KEY (role, database, name)
);

-- +goose Down
DROP TABLE role_limits;
