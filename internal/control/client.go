package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"holdfast/internal/fault"
)

// Client calls a running Holdfast through its control socket. It is safe for concurrent use.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client for the socket. Nothing is opened yet.
func NewClient(socket string) *Client {
	var d net.Dialer
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call posts a request to a path such as "/v1/files/bucket/list" and decodes the answer.
func Call[Resp any](ctx context.Context, c *Client, path string, req any) (Resp, error) {
	var resp Resp
	b, err := json.Marshal(req)
	if err != nil {
		return resp, err
	}
	answer, err := c.Do(ctx, http.MethodPost, path, nil, bytes.NewReader(b))
	if err != nil {
		return resp, err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&resp); err != nil {
		return resp, fault.New(fault.Internal, "bad_answer", "answer of %s: %w", path, err)
	}
	return resp, nil
}

// Do sends one request and returns the answer when its status is 2xx, else the error that it carries. The caller
// closes the body. It is what streams use; everything else goes through Call.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: "holdfast", Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if s, ok := body.(sized); ok {
		req.ContentLength = s.size
		if s.size == 0 {
			req.Body = http.NoBody // net/http takes 0 beside a body for "not known"
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.dialError(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readError(resp)
}

// Sized is a body for Do whose length is announced, so that the server can refuse it before a byte of it is read. A
// negative size means that it is not known.
func Sized(body io.Reader, size int64) io.Reader { return sized{body, size} }

type sized struct {
	io.Reader
	size int64
}

func readError(resp *http.Response) error {
	var e errorEnvelope
	err := json.NewDecoder(io.LimitReader(resp.Body, MaxRequest)).Decode(&e)
	if err != nil || e.Error.Code == "" {
		return fault.New(fault.Internal, "bad_answer", "answer with status %s", resp.Status)
	}
	return e.Error.Err()
}

// dialError tells the usual reasons apart: nothing runs, somebody else's daemon, a cancelled command.
func (c *Client) dialError(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED):
		return fault.New(fault.Unavailable, "not_running", "no Holdfast answers at %s", c.socket).
			WithHint("start it with: holdfast serve")
	case errors.Is(err, syscall.EACCES):
		return fault.New(fault.Denied, "socket_denied", "open %s: permission denied", c.socket).
			WithHint("run the command as the user that runs holdfast serve, or as root")
	}
	return fault.New(fault.Unavailable, "control_socket", "talk to %s: %w", c.socket, err)
}
