package node

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"holdfast/internal/fault"
)

const (
	// askLimit bounds one request of a new machine, fetchLimit all of them.
	askLimit   = 20 * time.Second
	fetchLimit = 2 * time.Minute
	// askAgain is about the time between two tries, and a little more than a node needs to hear of an invite that another one made.
	askAgain = 1200 * time.Millisecond
	// busyTries is how often an address is asked that is busy.
	busyTries = 20
)

// Fetcher is a new machine's side of the exchange. It asks with one ephemeral key, so that a second try uses the invite no
// second time.
type Fetcher struct {
	token Token
	host  string
	key   *ecdh.PrivateKey
	http  *http.Client
	pause time.Duration
}

// NewFetcher returns the side of a machine that calls itself host.
func NewFetcher(t Token, host string) (*Fetcher, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	return &Fetcher{token: t, host: printable(host), key: key, pause: askAgain, http: &http.Client{
		Timeout: askLimit,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			// The token proves the node, and encrypts: a certificate adds nothing, and that of a site seldom names its machines.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // see above
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close drops idle connections.
func (f *Fetcher) Close() { f.http.CloseIdleConnections() }

// Names asks what there is, and uses nothing up.
func (f *Fetcher) Names(ctx context.Context) (Bundle, error) { return f.fetch(ctx, false) }

// Take fetches it all, and uses the invite.
func (f *Fetcher) Take(ctx context.Context) (Bundle, error) { return f.fetch(ctx, true) }

func (f *Fetcher) fetch(ctx context.Context, take bool) (Bundle, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	q := request{ID: f.token.ID, Public: f.key.PublicKey().Bytes(), Take: take, Host: f.host}
	q.Proof = q.prove(f.token.Secret)
	began := time.Now()
	var all []error
	for _, address := range f.token.Addresses {
		b, err := f.insist(ctx, began, address, q)
		if err == nil {
			return b, nil
		}
		all = append(all, fmt.Errorf("%s: %w", address, err))
	}
	return Bundle{}, explain(all)
}

// explain tells a refusal from silence: the former is final.
func explain(all []error) error {
	for _, err := range all {
		if fault.KindOf(err) == fault.Denied {
			return err
		}
	}
	err := errors.Join(all...)
	return fault.New(fault.Unavailable, "join_unreachable", "no node answers: %s", strings.ReplaceAll(err.Error(), "\n", "; ")).
		WithHint("the token must name an address that this machine reaches: holdfast node invite --address http://HOST:PORT, or a tunnel, as ssh -L 8000:127.0.0.1:8000 NODE")
}

// insist asks one address, again where it is worth it.
func (f *Fetcher) insist(ctx context.Context, began time.Time, address string, q request) (b Bundle, err error) {
	for try := 1; ; try++ {
		var h hope
		h, b, err = f.ask(ctx, address, q)
		if err == nil || h == none || h == soon && time.Since(began) > f.pause || try == busyTries {
			return b, err
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-time.After(f.pause/2 + rand.N(f.pause)):
		}
	}
}

// hope says whether it is worth asking again.
type hope int

const (
	none hope = iota
	soon      // the node may not have heard of the invite yet
	busy
)

// ask asks once.
func (f *Fetcher) ask(ctx context.Context, address string, q request) (h hope, b Bundle, err error) {
	text, err := json.Marshal(q)
	if err != nil {
		return none, b, err
	}
	root, host, _ := strings.Cut(address, "#")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(root, "/")+JoinPath, bytes.NewReader(text))
	if err != nil {
		return none, b, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Host = host // "": that of the address
	resp, err := f.http.Do(req)
	if err != nil {
		return none, b, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 2*maxBundle))
	if err != nil {
		return none, b, err
	}
	if resp.StatusCode != http.StatusOK {
		h, err = refusal(resp)
		return h, b, err
	}
	b, err = f.read(body, q)
	return none, b, err
}

// refusal explains a status.
func refusal(resp *http.Response) (hope, error) {
	const hint = "make a new token on a running node with: holdfast node invite"
	switch resp.StatusCode {
	case http.StatusForbidden:
		return soon, fault.New(fault.Denied, "join_refused", "the token is not valid there: used up, over, revoked, or of another site").WithHint(hint)
	case http.StatusNotFound:
		return soon, fault.New(fault.NotFound, "join_none", "no invite is open there, or no Holdfast listens").WithHint(hint)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return busy, fault.New(fault.Unavailable, "join_busy", "it is busy, status %d", resp.StatusCode)
	}
	if to := resp.Header.Get("Location"); to != "" {
		return none, fault.New(fault.Unavailable, "join_redirect", "it leads to %s", to)
	}
	return none, fault.New(fault.Unavailable, "join_status", "it answers with status %d", resp.StatusCode)
}

// read decrypts an answer and checks what it says.
func (f *Fetcher) read(body []byte, q request) (Bundle, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return Bundle{}, fault.New(fault.Invalid, "join_answer", "that is no answer of a node: %w", err)
	}
	plain, err := openAnswer(q, f.key, f.token.Secret, a)
	if err != nil {
		return Bundle{}, fault.New(fault.Invalid, "join_answer", "%w", err).
			WithHint("something between here and the node answers in its place, or alters what it says")
	}
	return decodeBundle(plain)
}
