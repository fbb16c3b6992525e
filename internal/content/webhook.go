package content

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

// maxWebhook is the largest body of a webhook; GitHub sends up to 25 MB.
const maxWebhook = 26 << 20

// serveWebhook takes the call of a git service: "POST /content-hook/{source}". What the body says is of no importance: it proves that
// the sender has the secret, and then the branch is looked at. It answers at once; a source that is called often is looked at
// once for all calls that came before.
func (c *Content) serveWebhook(w http.ResponseWriter, r *http.Request) {
	source := r.PathValue("source")
	cfg, ok := c.cfg().Sources[source]
	if !ok || cfg.WebhookSecret.IsZero() {
		control.WriteError(w, errWebhookDenied) // who has no secret does not learn which sources there are
		return
	}
	mac := hmac.New(sha256.New, []byte(cfg.WebhookSecret.Reveal()))
	n, err := io.Copy(mac, http.MaxBytesReader(w, r.Body, maxWebhook))
	if err != nil {
		control.WriteError(w, fault.New(fault.Usage, "content_webhook_body", "read the body: %w", err))
		return
	}
	if !genuine(r.Header, cfg.WebhookSecret.Reveal(), mac.Sum(nil)) {
		c.log.WarnContext(r.Context(), "a webhook without the right proof was refused", "source", source, "bytes", n)
		control.WriteError(w, errWebhookDenied)
		return
	}
	if err := c.SyncSoon(r.Context(), source); err != nil {
		control.WriteError(w, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

var errWebhookDenied = &fault.Error{
	Kind: fault.Denied, Code: "content_webhook", Err: errors.New("the call does not prove that it comes from the git service"),
	Hint: "set the same secret in the webhook of the git service and as webhook_secret of the source",
}

// genuine reports whether a call proves its origin in one of the usual ways, each compared in constant time:
// GitHub, Gitea, Forgejo and Bitbucket sign the body (HMAC-SHA-256), GitLab sends the secret itself.
func genuine(h http.Header, secret string, mac []byte) bool {
	for _, name := range []string{"X-Hub-Signature-256", "X-Gitea-Signature", "X-Forgejo-Signature", "X-Gogs-Signature", "X-Hub-Signature"} {
		given, err := hex.DecodeString(strings.TrimPrefix(h.Get(name), "sha256="))
		if err == nil && hmac.Equal(given, mac) {
			return true
		}
	}
	token := h.Get("X-Gitlab-Token")
	return token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(secret)) == 1
}
