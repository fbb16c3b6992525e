package clients

import (
	"strings"
	"testing"

	"holdfast/internal/pgtest"
)

const pythonPackages = "apt-get install python3-boto3 python3-django python3-django-storages-boto3 python3-psycopg2 python3-psycopg"

// S1-32, S0-30, S0-37: an application with boto3 keeps its files here and changes nothing.
func TestBoto3(t *testing.T) {
	t.Parallel()
	overStores(t, func(t *testing.T, at target) {
		out := run(t, at.environment(t), "", program(t, "python3", pythonPackages), "py/boto3_client.py")
		if n := strings.Count(out, "ok "); n != 14 {
			t.Errorf("%d steps of 14:\n%s", n, out)
		}
	})
}

// S1-32: a stock Django project stores its files here by settings alone.
func TestDjangoStoragesInAStockProject(t *testing.T) {
	t.Parallel()
	overStores(t, func(t *testing.T, at target) {
		out := run(t, at.environment(t), "", program(t, "python3", pythonPackages), "py/site/run.py")
		if !strings.Contains(out, "ok sqlite") {
			t.Errorf("printed:\n%s", out)
		}
	})
}

// S0-48: the project's rows are in PostgreSQL, through psycopg2.
func TestDjangoStoragesWithRowsInPostgreSQL(t *testing.T) {
	t.Parallel()
	overStores(t, func(t *testing.T, at target) {
		d := pgtest.Database(t)
		env := at.environment(t, "PGHOST="+d.Server.Host, "PGUSER="+d.Server.User, "PGDATABASE="+d.Name)
		out := run(t, env, "", program(t, "python3", pythonPackages), "py/site/run.py")
		if !strings.Contains(out, "ok postgresql") {
			t.Errorf("printed:\n%s", out)
		}
	})
}

// S0-48: file and row go together, with either generation of the driver.
func TestRowsAndFilesWithBothGenerationsOfPsycopg(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"psycopg2", "psycopg"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			overStores(t, func(t *testing.T, at target) {
				d := pgtest.Database(t)
				env := at.environment(t, "PGHOST="+d.Server.Host, "PGUSER="+d.Server.User, "PGDATABASE="+d.Name, "DRIVER="+driver)
				out := run(t, env, "", program(t, "python3", pythonPackages), "py/rows.py")
				if !strings.Contains(out, "ok "+driver) {
					t.Errorf("printed:\n%s", out)
				}
			})
		})
	}
}
