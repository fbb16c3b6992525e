-- +goose Up

-- How much each machine is used at this time, for the number of machines that is wanted. A row is that of a process; who is silent
-- for half a minute does not count any more.
CREATE TABLE content_machines (
    node   text PRIMARY KEY,
    leases double precision NOT NULL,             -- held by callers, on the average of the last minute
    seen   timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE content_machines;
