package objects_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/objects"
	"holdfast/internal/secret"
)

func TestAnAccessKeyWorksUntilItsEnd(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	policy := objects.Policy{Statements: []objects.Statement{{Buckets: []string{"*"}, Actions: []objects.Action{objects.ActionRead}}}}
	k, err := x.CreateAccessKey(t.Context(), "journal", policy, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[A-Z0-9]{20}$`).MatchString(k.ID) || len(k.Secret.Reveal()) != 40 {
		t.Errorf("id %q, secret of %d characters", k.ID, len(k.Secret.Reveal()))
	}
	got, err := x.AccessKey(t.Context(), k.ID)
	if err != nil || got.App != "journal" || !got.Policy.Allows(objects.ActionRead, "b", "k") || got.Created.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	fresh, err := x.RotateAccessKey(t.Context(), k.ID, time.Hour)
	if err != nil || fresh.App != "journal" || fresh.ID == k.ID || !fresh.Policy.Allows(objects.ActionRead, "b", "k") {
		t.Fatalf("%+v, %v", fresh, err)
	}
	if old, err := x.AccessKey(t.Context(), k.ID); err != nil || old.NotAfter.IsZero() {
		t.Errorf("during the overlap: %+v, %v", old, err)
	}
	last, err := x.RotateAccessKey(t.Context(), fresh.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.AccessKey(t.Context(), fresh.ID)
	want(t, err, objects.ErrNoSuchAccessKey)
	if err := x.RevokeAccessKey(t.Context(), last.ID); err != nil {
		t.Fatal(err)
	}
	_, err = x.AccessKey(t.Context(), last.ID)
	want(t, err, objects.ErrNoSuchAccessKey)
	want(t, x.RevokeAccessKey(t.Context(), last.ID), objects.ErrNoSuchAccessKey)
	_, err = x.RotateAccessKey(t.Context(), last.ID, 0)
	want(t, err, objects.ErrNoSuchAccessKey)
	all, err := x.AccessKeys(t.Context())
	if err != nil || len(all) != 3 || all[2].Revoked.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	var plain int
	err = w.pg.Conn(t).QueryRow(t.Context(), "SELECT count(*) FROM holdfast.access_keys WHERE position($1::bytea in secret) > 0",
		[]byte(k.Secret.Reveal())).Scan(&plain)
	if err != nil || plain != 0 {
		t.Errorf("%d secrets lie open in the table, %v", plain, err)
	}
	_, err = x.CreateAccessKey(t.Context(), "x", objects.Policy{Statements: []objects.Statement{{Buckets: []string{"b"}, Actions: []objects.Action{"fly"}}}}, time.Time{})
	if fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}

func TestAnotherMasterKeyIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	if _, err := x.CreateAccessKey(t.Context(), "app", objects.Policy{}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for code, key := range map[string]string{"master_key_wrong": "another-master-key-0123456", "master_key_missing": ""} {
		y := objects.New(objects.Options{DB: w.connect(), Blobs: w.blobs, MasterKey: secret.New(key)})
		err := y.Start(t.Context())
		if fault.CodeOf(err) != code || fault.HintOf(err) == "" {
			t.Errorf("%v", err)
		}
		if err := y.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestLinkKeysRotateWithOverlapAndAreRevoked(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	first, err := x.SigningKey(t.Context(), "bucket")
	if err != nil || len(first.ID) != 8 || first.Epoch != 1 || first.Bucket != "bucket" {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := x.RotateLinkKey(t.Context(), "bucket", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := x.SigningKey(t.Context(), "bucket"); err != nil || now.ID != first.ID {
		t.Errorf("a key signs before every process can know it: %+v, %v", now, err)
	}
	for _, k := range []objects.LinkKey{first, second} {
		if _, err := x.LinkKey(k.ID); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the new key signs", func() bool {
		k, err := x.SigningKey(t.Context(), "bucket")
		return err == nil && k.ID == second.ID
	})
	third, err := x.RotateLinkKey(t.Context(), "bucket", 0)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := x.SigningKey(t.Context(), "bucket"); err != nil || now.ID != third.ID {
		t.Errorf("without overlap: %+v, %v", now, err)
	}
	_, err = x.LinkKey(second.ID)
	want(t, err, objects.ErrNoSuchLinkKey)
	if err := x.RevokeLinkKey(t.Context(), third.ID); err != nil {
		t.Fatal(err)
	}
	_, err = x.LinkKey(third.ID)
	want(t, err, objects.ErrNoSuchLinkKey)
	if now, err := x.SigningKey(t.Context(), "bucket"); err != nil || now.ID == third.ID {
		t.Errorf("after revocation: %+v, %v", now, err)
	}
	if err := x.RevokeLinks(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	if now, err := x.SigningKey(t.Context(), "bucket"); err != nil || now.Epoch != 2 {
		t.Errorf("%+v, %v", now, err)
	}
	all, err := x.LinkKeys(t.Context(), "bucket")
	if err != nil || len(all) != 4 {
		t.Errorf("%d keys, %v", len(all), err)
	}
	want(t, x.RevokeLinks(t.Context(), "nope"), objects.ErrNoSuchBucket)
	want(t, x.RevokeLinkKey(t.Context(), "nope"), objects.ErrNoSuchLinkKey)
	_, err = x.LinkKey(strings.Repeat("z", 8))
	want(t, err, objects.ErrNoSuchLinkKey)
}

func TestAPolicyAllowsWhatOneOfItsStatementsAllows(t *testing.T) {
	t.Parallel()
	p := objects.Policy{Statements: []objects.Statement{
		{Buckets: []string{"papers"}, Prefixes: []string{"2026/", "x"}, Actions: []objects.Action{objects.ActionRead, objects.ActionList}},
		{Buckets: []string{"*"}, Actions: []objects.Action{objects.ActionWrite}},
	}}
	for _, c := range []struct {
		a           objects.Action
		bucket, key string
		allowed     bool
	}{
		{objects.ActionRead, "papers", "2026/a", true},
		{objects.ActionRead, "papers", "2025/a", false},
		{objects.ActionRead, "other", "2026/a", false},
		{objects.ActionList, "papers", "", false},
		{objects.ActionList, "papers", "2026/", true},
		{objects.ActionWrite, "other", "any", true},
		{objects.ActionWrite, "other", "", true},
		{objects.ActionDelete, "papers", "2026/a", false},
	} {
		if got := p.Allows(c.a, c.bucket, c.key); got != c.allowed {
			t.Errorf("%s %s/%s: %v", c.a, c.bucket, c.key, got)
		}
	}
	if (objects.Policy{}).Allows(objects.ActionRead, "b", "k") {
		t.Error("an empty policy allows something")
	}
}
