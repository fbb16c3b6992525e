package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"holdfast/internal/content"
	"holdfast/internal/fault"
)

// askLong sends a request whose work takes its time, and shows its progress on standard error: as lines on a terminal, as
// JSON with --json.
func askLong[R any](ctx context.Context, a *app, route string, req any) (R, error) {
	var none R
	client, err := a.client()
	if err != nil {
		return none, err
	}
	defer client.Close()
	body, err := json.Marshal(req)
	if err != nil {
		return none, err
	}
	resp, err := client.Do(ctx, http.MethodPost, route, url.Values{"progress": {"1"}}, bytes.NewReader(body))
	if err != nil {
		return none, err
	}
	defer resp.Body.Close()
	lines := json.NewDecoder(resp.Body)
	for {
		var e content.Event[R]
		err := lines.Decode(&e)
		switch {
		case ctx.Err() != nil:
			return none, ctx.Err()
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return none, fault.New(fault.Unavailable, "answer_cut", "the answer ended before the work was done").
				WithHint("the work may go on where the role of syncing is; see: holdfast content list")
		case err != nil:
			return none, fmt.Errorf("read the answer: %w", err)
		case e.Error != nil:
			return none, e.Error.Err()
		case e.Report != nil:
			return *e.Report, nil
		}
		a.step(e.Progress)
	}
}

// stepEvent is a line of progress on standard error, with --json.
type stepEvent struct {
	Step string `json:"step"`
}

// step tells how far work is.
func (a *app) step(text string) {
	if text == "" {
		return
	}
	if !a.json {
		a.notef("%s", text)
		return
	}
	if b, err := json.Marshal(map[string]stepEvent{"progress": {text}}); err == nil {
		a.notef("%s", b)
	}
}
