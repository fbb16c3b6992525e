package content

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
	"holdfast/internal/revision"
)

// HookRequest is what the hook of an application is told, as JSON: in the body of a POST, or on the standard input of a command.
type HookRequest struct {
	Source   string               `json:"source"`
	Seq      int64                `json:"seq"`
	Commit   string               `json:"commit"`
	Previous string               `json:"previous,omitempty"` // commit that is current until now
	Changes  revision.Changes     `json:"changes"`
	Rejected []revision.Rejection `json:"rejected,omitempty"`
}

// HookAnswer is what the hook may answer with: statements that run in the transaction of the publish, so that what the
// application knows of a revision becomes visible in the same moment as the revision. An empty answer has none.
type HookAnswer struct {
	SQL []HookStatement `json:"sql"`
}

// HookStatement is one statement with the values of $1, $2, …, each a text, number, boolean or null.
type HookStatement struct {
	Statement string `json:"statement"`
	Args      []any  `json:"args"`
}

// maxHookAnswer bounds what a hook may answer.
const maxHookAnswer = 16 << 20

// askHook asks the application before a revision is published; an error publishes nothing.
func (j *job) askHook(ctx context.Context, tx pgx.Tx, p Publication, _ *revision.Index) error {
	if j.cfg.Hook == "" {
		return nil
	}
	j.step("asking the hook")
	request, err := json.Marshal(HookRequest{
		Source: p.Source, Seq: p.Seq, Commit: p.Commit.String(), Previous: j.report.Previous,
		Changes: j.report.Changes, Rejected: j.report.Rejected,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, j.c.cfg().HookTimeout.D(), fmt.Errorf("no answer within hook_timeout (%s)", j.c.cfg().HookTimeout))
	defer cancel()
	call := j.runHook
	if isURL(j.cfg.Hook) {
		call = j.postHook
	}
	data, err := call(ctx, request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = errors.Join(cause, err)
		}
		return hookRefused(err)
	}
	if err := runStatements(ctx, tx, data); err != nil {
		return hookRefused(err)
	}
	j.step("hook agreed")
	return nil
}

func hookRefused(err error) error {
	return fault.New(fault.Conflict, "content_hook", "the application's hook did not agree: %w", err).
		WithHint("nothing was published; look at the log of the application, then sync again")
}

// postHook asks over HTTP. The signature is that of GitHub's webhooks: X-Hub-Signature-256.
func (j *job) postHook(ctx context.Context, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, j.cfg.Hook, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "holdfast")
	if !j.cfg.HookSecret.IsZero() {
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(hookMAC(j.cfg.HookSecret.Reveal(), body)))
	}
	answer, err := j.c.hooks.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxHookAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode/100 != 2:
		return nil, fmt.Errorf("it answered %s: %s", answer.Status, excerpt(data))
	}
	return data, nil
}

func hookMAC(secret string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	return m.Sum(nil)
}

// runHook asks a command, which a shell starts in a process group of its own: at the end of its time the group is killed.
func (j *job) runHook(ctx context.Context, body []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", j.cfg.Hook)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	cmd.Stdin = bytes.NewReader(body)
	cmd.Env = append(withoutOurs(os.Environ()), "HOLDFAST_SOURCE="+j.name, "HOLDFAST_COMMIT="+j.report.Commit,
		"HOLDFAST_SEQ="+strconv.FormatInt(j.report.Seq, 10))
	out, complaint := &capped{limit: maxHookAnswer + 1}, &capped{limit: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, excerpt(complaint.Bytes()))
	}
	return out.Bytes(), nil
}

// withoutOurs drops our own settings, which may be secrets, from an environment.
func withoutOurs(env []string) []string {
	return slices.DeleteFunc(env, func(line string) bool { return strings.HasPrefix(line, "HOLDFAST_") })
}

// capped keeps the first bytes that are written to it.
type capped struct {
	bytes.Buffer
	limit int
}

// Write implements io.Writer.
func (c *capped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:max(0, min(len(p), c.limit-c.Len()))])
	return len(p), nil
}

// excerpt returns the beginning of what a hook said, on one line.
func excerpt(data []byte) string {
	text := strings.Join(strings.Fields(string(bytes.ToValidUTF8(data, []byte("?")))), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

// runStatements runs what a hook answered with.
func runStatements(ctx context.Context, tx pgx.Tx, data []byte) error {
	if len(data) > maxHookAnswer {
		return fmt.Errorf("its answer is longer than %d bytes", maxHookAnswer)
	}
	if data = bytes.TrimSpace(data); len(data) == 0 || data[0] != '{' {
		return nil
	}
	var a HookAnswer
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		return fmt.Errorf("its answer: %w", err)
	}
	if len(a.SQL) == 0 {
		return nil
	}
	if err := asApplication(ctx, tx); err != nil {
		return err
	}
	for i, s := range a.SQL {
		args := make([]any, 0, len(s.Args)+1)
		args = append(args, pgx.QueryExecModeExec) // values go as text, and the server finds their types
		for _, v := range s.Args {
			value, err := plainValue(v)
			if err != nil {
				return fmt.Errorf("statement %d: %w", i+1, err)
			}
			args = append(args, value)
		}
		if _, err := tx.Exec(ctx, s.Statement, args...); err != nil {
			return fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return nil
}

// asApplication makes names mean, until the transaction ends, what they mean in the application's own connections: the search
// path that is set for its role or database. Our own statements name their schema, so it does not matter to them.
func asApplication(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT set_config('search_path', coalesce((SELECT substr(line, length('search_path=') + 1)
		FROM pg_catalog.pg_db_role_setting, unnest(setconfig) AS line
		WHERE line LIKE 'search_path=%' AND setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))
			AND setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
		ORDER BY setrole = 0, setdatabase = 0 LIMIT 1), '"$user", public'), true)`)
	return err
}

// plainValue turns a value of JSON into one of a statement: lists and objects go as JSON.
func plainValue(v any) (any, error) {
	switch v := v.(type) {
	case nil, string, bool:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}
