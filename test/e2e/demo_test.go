package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/test/program"
)

// S1-46, S3-13: what the demo prints can be used as it stands, and Ctrl-C leaves no process and no file behind.
func TestTheDemoPrintsWhatWorksAndLeavesNothing(t *testing.T) {
	t.Parallel()
	tmp := program.ShortDir(t)
	if err := os.Chmod(tmp, 0o1777); err != nil {
		t.Fatal(err)
	}
	p := program.Launch(t, program.Self([]string{"TMPDIR=" + tmp, "HOME=" + tmp}, "demo"))
	if _, err := p.Out.Await("Ctrl-C ends it", program.StartLimit); err != nil {
		t.Fatalf("%v; it said:\n%s", err, p.Err)
	}
	printed := p.Out.String()
	value := func(pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(printed)
		if m == nil {
			t.Fatalf("the demo does not print %s:\n%s", pattern, printed)
		}
		return m[1]
	}
	if status, _, body := fetch(t, value(`Open (http://127\.0\.0\.1:\d+/)`)); status != 200 || !strings.Contains(body, "<html") {
		t.Errorf("the page: status %d, %.200s", status, body)
	}
	c := newClient(t, value(`export AWS_ENDPOINT_URL=(\S+)`), value(`export AWS_REGION=(\S+)`), credential{
		value(`export AWS_ACCESS_KEY_ID=(\S+)`), value(`export AWS_SECRET_ACCESS_KEY=(\S+)`),
	})
	c.put("demo", "hello", "hello")
	c.want("demo", "hello", "hello")
	otherClients(t, printed)

	conn, err := pgx.Connect(t.Context(), value(`export DATABASE_URL='([^']+)'`))
	if err != nil {
		t.Fatalf("the database: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE pupils (name text)"); err != nil {
		t.Errorf("the database: %v", err)
	}
	_ = conn.Close(t.Context()) // it was used
	paste(t, printed)

	processes := append(descendants(t, p.PID), p.PID)
	if len(processes) < 3 {
		t.Errorf("processes %v: where is PostgreSQL?", processes)
	}
	p.Signal(syscall.SIGINT)
	if code := p.Wait(stopLimit); code != 0 {
		t.Errorf("Ctrl-C ends the demo with %d: %s", code, p.Err)
	}
	for _, pid := range processes {
		lifecycletest.Eventually(t, time.Second, func() error {
			if err := syscall.Kill(pid, 0); err == nil {
				return os.ErrProcessDone
			}
			return nil
		})
	}
	if left, err := filepath.Glob(filepath.Join(tmp, "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// otherClients use the store with what was printed, which holds an object "hello" in a bucket "demo".
func otherClients(t *testing.T, printed string) {
	t.Helper()
	needProgram(t, "/usr/bin/aws", "awscli")
	runPrinted(t, printed, regexp.MustCompile(`aws --endpoint-url \S+ s3 ls s3://demo`).FindString(printed), "hello")
	needProgram(t, "/usr/bin/python3", "python3-boto3")
	runPrinted(t, printed, "/usr/bin/python3 - <<'END'"+boto3Client+"END", "demo hello, boto3")
	needProgram(t, "node", "nodejs npm")
	runPrinted(t, printed, "cd ../clients/js && node --input-type=module -e '"+jsClient+"'", "demo, SDK")
}

// paste does what a newcomer does with the lines for a shell.
func paste(t *testing.T, printed string) {
	t.Helper()
	poolIsFull(t, printed)
	stylesheetIsFast(t, printed)
}

// poolIsFull pastes the lines that take all connections, and the one that is told so (S0-26).
func poolIsFull(t *testing.T, printed string) {
	t.Helper()
	lines := regexp.MustCompile(`(?m)^  (export DATABASE_URL=|for i in |psql "\$DATABASE_URL" -c "SELECT 1").*$`).FindAllString(printed, -1)
	if len(lines) != 3 {
		t.Fatalf("the demo shows no full pool: %q", lines)
	}
	r := program.Finish(t, shell(t, strings.Join(lines, "\n")+"\n"))
	if r.Code == 0 || !regexp.MustCompile(`ERROR:  pool .*: no connection came free within 5(\.\d+)?s\nDETAIL:  Pool .* has 20 of 20 connections open`).MatchString(r.Stderr) {
		t.Errorf("the client that is one too many ends with %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// stylesheetIsFast pastes the line that measures a stylesheet of the size and at the path of the campus that published such a
// measurement (S3-12, S3-13).
func stylesheetIsFast(t *testing.T, printed string) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^  (\S+ bench http -c 50 -n 5000 -o csv -disable-keepalive (\S+/static/gcampuscore/styles/main\.css) > latencies\.csv)$`).FindStringSubmatch(printed)
	if m == nil {
		t.Fatalf("the demo shows no measurement:\n%s", printed)
	}
	if status, header, body := fetch(t, m[2]); status != 200 || len(body) < 200_000 || !strings.HasPrefix(header.Get("Content-Type"), "text/css") {
		t.Errorf("the stylesheet: status %d, %d bytes, %v", status, len(body), header)
	}
	cmd := shell(t, m[1]+"\n")
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Env, program.ActAs+"=1")
	if r := program.Finish(t, cmd); r.Code != 0 || r.Stderr != "" {
		t.Fatalf("it ends with %d: %s", r.Code, r.Stderr)
	}
	text, err := os.ReadFile(filepath.Join(cmd.Dir, "latencies.csv"))
	if n := strings.Count(string(text), ",200,"); err != nil || n != 5000 {
		t.Errorf("%d answers in the file, %v", n, err)
	}
}

// boto3Client uses Debian's boto3, which has to be told the endpoint, and presigns.
const boto3Client = `
import boto3, os, urllib.request
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
names = [b["Name"] for b in s3.list_buckets()["Buckets"]]
url = s3.generate_presigned_url("get_object", Params={"Bucket": "demo", "Key": "hello"})
print(*names, urllib.request.urlopen(url).read().decode() + ", boto3")
`

// jsClient uses an SDK that reads everything from the environment.
const jsClient = `
import { S3Client, ListBucketsCommand } from "@aws-sdk/client-s3"
const { Buckets } = await new S3Client({}).send(new ListBucketsCommand({}))
console.log(Buckets.map(b => b.Name).join(" ") + ", SDK")
`

// runPrinted does what a person does: paste the lines that begin with "export" and a command.
func runPrinted(t *testing.T, printed, command, want string) {
	t.Helper()
	script := strings.Join(regexp.MustCompile(`(?m)^ *export AWS.*$`).FindAllString(printed, -1), "\n") + "\n" + command + "\n"
	r := program.Finish(t, shell(t, script))
	if r.Code != 0 || !strings.Contains(r.Stdout, want) {
		t.Errorf("%s ends with %d:\n%s%s", command, r.Code, r.Stdout, r.Stderr)
	}
}
