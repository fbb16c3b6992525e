package files

import (
	"context"
	"slices"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/objects"
)

// --- access keys ---

func (f *Files) listAccessKeys(ctx context.Context, _ control.Empty) (ListAccessKeysAnswer, error) {
	keys, err := f.index.AccessKeys(ctx)
	if err != nil {
		return ListAccessKeysAnswer{}, err
	}
	answer := ListAccessKeysAnswer{Keys: make([]AccessKeyInfo, len(keys))}
	for i, k := range keys {
		answer.Keys[i] = accessKeyInfo(k)
	}
	return answer, nil
}

func (f *Files) createAccessKey(ctx context.Context, r CreateAccessKeyRequest) (AccessKeyInfo, error) {
	if r.App == "" {
		return AccessKeyInfo{}, fault.New(fault.Usage, "no_app", "the key has no app").WithHint("name the application that will use it")
	}
	if err := checkPolicy(r.Policy); err != nil {
		return AccessKeyInfo{}, err
	}
	var notAfter time.Time
	if r.TTL > 0 {
		notAfter = f.now().Add(r.TTL.D())
	}
	return withSecret(f.index.CreateAccessKey(ctx, r.App, r.Policy, notAfter))
}

func (f *Files) rotateAccessKey(ctx context.Context, r RotateAccessKeyRequest) (AccessKeyInfo, error) {
	return withSecret(f.index.RotateAccessKey(ctx, r.ID, r.Overlap.D()))
}

func (f *Files) revokeAccessKey(ctx context.Context, r AccessKeyRef) (control.Empty, error) {
	return control.Empty{}, f.index.RevokeAccessKey(ctx, r.ID)
}

// checkPolicy refuses policies that allow nothing or name what does not exist: they are mistakes.
func checkPolicy(p objects.Policy) error {
	const hint = `a statement is {"buckets": ["papers"], "actions": ["read", "list", "write", "delete"]}`
	if len(p.Statements) == 0 {
		return fault.New(fault.Usage, "empty_policy", "the policy allows nothing").WithHint(hint)
	}
	known := []objects.Action{
		objects.ActionRead, objects.ActionList, objects.ActionWrite, objects.ActionDelete, objects.ActionAdmin,
	}
	for _, s := range p.Statements {
		if len(s.Buckets) == 0 || len(s.Actions) == 0 {
			return fault.New(fault.Usage, "empty_policy", "a statement of the policy allows nothing").WithHint(hint)
		}
		for _, a := range s.Actions {
			if !slices.Contains(known, a) {
				return fault.New(fault.Usage, "unknown_action", "%q is no action", a).
					WithHint("the actions are read, list, write, delete and admin")
			}
		}
	}
	return nil
}

// withSecret shows the secret, this once.
func withSecret(k objects.AccessKey, err error) (AccessKeyInfo, error) {
	if err != nil {
		return AccessKeyInfo{}, err
	}
	info := accessKeyInfo(k)
	info.Secret = k.Secret.Reveal()
	return info, nil
}

func accessKeyInfo(k objects.AccessKey) AccessKeyInfo {
	return AccessKeyInfo{
		ID: k.ID, App: k.App, Policy: k.Policy, Created: k.Created,
		NotAfter: unlessZero(k.NotAfter), Revoked: unlessZero(k.Revoked), LastUsed: unlessZero(k.LastUsed),
	}
}

// --- link keys ---

func (f *Files) listLinkKeys(ctx context.Context, r ListLinkKeysRequest) (ListLinkKeysAnswer, error) {
	keys, err := f.index.LinkKeys(ctx, r.Bucket)
	if err != nil {
		return ListLinkKeysAnswer{}, err
	}
	slices.SortStableFunc(keys, func(a, b objects.LinkKey) int { return b.SignFrom.Compare(a.SignFrom) })
	signing, err := f.index.SigningKey(ctx, r.Bucket)
	if err != nil {
		signing = objects.LinkKey{} // a bucket whose keys were all revoked has none; the list shows that
	}
	answer := ListLinkKeysAnswer{Keys: make([]LinkKeyInfo, len(keys))}
	for i, k := range keys {
		answer.Keys[i] = linkKeyInfo(k)
		answer.Keys[i].Signs = k.ID == signing.ID
	}
	return answer, nil
}

func (f *Files) revealLinkKey(ctx context.Context, r RevealLinkKeyRequest) (LinkKeyInfo, error) {
	return f.withText(f.index.SigningKey(ctx, r.Bucket))
}

// rotateLinkKey makes a new signing key. Links live at most link_max_ttl and a window, so an overlap of that kills none.
func (f *Files) rotateLinkKey(ctx context.Context, r RotateLinkKeyRequest) (LinkKeyInfo, error) {
	overlap := f.config.LinkMaxTTL.D() + f.config.LinkWindow.D()
	if r.Overlap != nil {
		overlap = r.Overlap.D()
	}
	return f.withText(f.index.RotateLinkKey(ctx, r.Bucket, overlap))
}

func (f *Files) revokeLinkKey(ctx context.Context, r RevokeLinkKeyRequest) (control.Empty, error) {
	return control.Empty{}, f.index.RevokeLinkKey(ctx, r.ID)
}

func (f *Files) revokeLinks(ctx context.Context, r RevokeLinksRequest) (control.Empty, error) {
	return control.Empty{}, f.index.RevokeLinks(ctx, r.Bucket)
}

// withText shows what a helper in the application signs with.
func (f *Files) withText(k objects.LinkKey, err error) (LinkKeyInfo, error) {
	if err != nil {
		return LinkKeyInfo{}, err
	}
	derived, err := f.keys.derive(k)
	if err != nil {
		return LinkKeyInfo{}, err
	}
	info := linkKeyInfo(k)
	info.Signs, info.Text = true, derived.Text().Reveal()
	return info, nil
}

func linkKeyInfo(k objects.LinkKey) LinkKeyInfo {
	return LinkKeyInfo{
		ID: k.ID, Bucket: k.Bucket, Epoch: k.Epoch, SignFrom: k.SignFrom,
		VerifyUntil: unlessZero(k.VerifyUntil), Revoked: unlessZero(k.Revoked),
	}
}
