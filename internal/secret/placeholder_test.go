package secret_test

import (
	"testing"

	"holdfast/internal/secret"
)

// Rows S0-47 (the sample's X placeholders are refused) and S1-81 (so are known placeholders and defaults).

func TestWhatSamplesAndTemplatesHoldIsAPlaceholder(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"XXX", "XXXXXXXXXXXXXXXXXXXX", "xxxx", "AKIAXXXXXXXXXXXX", "****", "........", "changeme", "Change-Me", "change me!", "CHANGE_THIS",
		"changeme123", "your-secret-here", "your-secure-secret-key", "your_session_secret", "your key goes here", "placeholder", "a-placeholder-value",
		"<password>", "<your secret>", "[secret]", "${DB_PASSWORD}", "$(cat secret)", "{{ password }}", "%PASSWORD%", "$DB_PASSWORD",
		"secret", "Secret", "password", "PASSWORD", "postgres", "admin", "root", "123456", "minioadmin", "hunter2", "keyboard cat",
		"django-insecure-2k!x@", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "\"changeme\"", " changeme ",
		"example", "my-secret-key", "supersecret", "todo", "replace_me",
	} {
		if !secret.IsPlaceholder(value) {
			t.Errorf("%q passes as a secret", value)
		}
	}
}

func TestARealSecretIsNoPlaceholder(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "xx", "correct horse battery staple", "kX9$vQ2m", "Tr0ub4dor&3", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "passing-by-7731",
		"postgres-7731-blue", "AKIA2E0A8F3B244C9986", "<3-all-of-you-9921", "secretary of the chess club", "yours truly 41",
	} {
		if secret.IsPlaceholder(value) {
			t.Errorf("%q is taken for a placeholder", value)
		}
	}
	for range 20_000 {
		if s := secret.Generate(24).Reveal(); secret.IsPlaceholder(s) {
			t.Fatalf("a generated secret is taken for a placeholder: %q", s)
		}
	}
}
