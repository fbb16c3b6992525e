package files

import (
	"context"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/link"
	"holdfast/internal/objects"
	"holdfast/internal/unit"
)

// SignLink makes a link to what the key holds now. It needs no request in hand, so a job at night gets the same
// absolute URL as a page does (S3-26).
func (f *Files) SignLink(ctx context.Context, r SignLinkRequest) (SignLinkAnswer, error) {
	expires, err := f.expiry(r.TTL)
	if err != nil {
		return SignLinkAnswer{}, err
	}
	return f.signUntil(ctx, r, expires)
}

// SignExpiredLink makes a link whose time is over, for pages and tests that show what then happens.
func (f *Files) SignExpiredLink(ctx context.Context, r SignLinkRequest) (SignLinkAnswer, error) {
	return f.signUntil(ctx, r, f.now().Add(-time.Second))
}

func (f *Files) signUntil(ctx context.Context, r SignLinkRequest, expires time.Time) (SignLinkAnswer, error) {
	if err := f.checkLinkRequest(r); err != nil {
		return SignLinkAnswer{}, err
	}
	o, err := f.index.Head(ctx, objects.Ref{Bucket: r.Bucket, Key: r.Key})
	if err != nil {
		return SignLinkAnswer{}, err
	}
	key, err := f.signingKey(ctx, r.Bucket)
	if err != nil {
		return SignLinkAnswer{}, err
	}
	g := link.Get{
		Blob: hex.EncodeToString(o.Blob[:]), Name: downloadName(r.Name, r.Key), Expires: expires,
		Attachment: r.Attachment, MediaType: r.Type, Shared: r.Shared, Session: r.Session,
	}
	path, err := key.SignGet(g)
	if err != nil {
		return SignLinkAnswer{}, err
	}
	g.Name = r.Key[strings.LastIndexByte(r.Key, '/')+1:]
	query, _ := key.SignGetQuery(g) // "" for a key whose last segment is no name: it has no query form
	return SignLinkAnswer{
		URL: f.baseURL() + path, Path: path, Query: query, Expires: g.Expires.UTC(), Blob: g.Blob,
	}, nil
}

func (f *Files) checkLinkRequest(r SignLinkRequest) error {
	switch {
	case r.Session != "" && f.config.SessionCookie == "":
		return fault.New(fault.Config, "no_session_cookie", "a link cannot be bound to a session").
			WithHint("set files.session_cookie to the name of the application's session cookie")
	case r.Type != "" && !harmless[r.Type]:
		return fault.New(fault.Usage, "link_type", "a link cannot ask for the type %q", r.Type).
			WithHint("links may ask for pictures, audio, video, PDF and plain text; store other files with their type")
	}
	return nil
}

// downloadName is what the file is called when it is saved.
func downloadName(asked, key string) string {
	if asked != "" {
		return link.CleanName(asked)
	}
	return link.CleanName(key)
}

// expiry returns the end of a life that the configuration allows.
func (f *Files) expiry(ttl unit.Duration) (time.Time, error) {
	d := ttl.D()
	if d == 0 {
		d = f.config.LinkTTL.D()
	}
	if d < time.Second || d > f.config.LinkMaxTTL.D() {
		return time.Time{}, fault.New(fault.Usage, "link_ttl", "a link cannot live for %s", unit.Duration(d)).
			WithHint("choose at least 1s and at most %s (files.link_max_ttl)", f.config.LinkMaxTTL)
	}
	return link.Expiry(f.now(), d, f.config.LinkWindow.D()), nil
}

func (f *Files) signingKey(ctx context.Context, bucket string) (*link.Key, error) {
	k, err := f.index.SigningKey(ctx, bucket)
	if err != nil {
		return nil, err
	}
	return f.keys.derive(k)
}

// CreateSlot gives the right to upload one object once. Its end is not rounded: two slots are never alike.
func (f *Files) CreateSlot(ctx context.Context, r CreateSlotRequest) (CreateSlotAnswer, error) {
	if _, err := f.expiry(r.TTL); err != nil {
		return CreateSlotAnswer{}, err
	}
	if r.Session != "" && f.config.SessionCookie == "" {
		return CreateSlotAnswer{}, f.checkLinkRequest(SignLinkRequest{Session: r.Session})
	}
	ttl := r.TTL.D()
	if ttl == 0 {
		ttl = f.config.LinkTTL.D()
	}
	key, err := f.signingKey(ctx, r.Bucket)
	if err != nil {
		return CreateSlotAnswer{}, err
	}
	p := link.Put{Key: r.Key, Slot: "0", Expires: f.now().Add(ttl), MaxSize: r.MaxSize, Type: r.Type, Session: r.Session}
	if _, err := key.SignPut(p); err != nil {
		return CreateSlotAnswer{}, err // before a row is made for nothing
	}
	slot, err := f.index.CreateSlot(ctx, objects.Slot{
		Bucket: r.Bucket, Key: r.Key, MaxSize: r.MaxSize, Type: r.Type, Expires: p.Expires,
	})
	if err != nil {
		return CreateSlotAnswer{}, err
	}
	p.Slot = slot.ID
	path, err := key.SignPut(p)
	if err != nil {
		return CreateSlotAnswer{}, err
	}
	return CreateSlotAnswer{URL: f.baseURL() + path, Path: path, Slot: slot.ID, Expires: p.Expires.UTC()}, nil
}

// PublicURL is where an object of a public bucket lies.
func (f *Files) PublicURL(bucket, key string) string {
	parts := strings.Split(key, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return f.baseURL() + f.mediaURL + bucket + "/" + strings.Join(parts, "/")
}
