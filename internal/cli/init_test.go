package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAConfigurationInEtcKeepsItsDataInVar(t *testing.T) {
	t.Parallel()
	if text := configText("/etc/holdfast", initDatabase{Mode: "private"}); strings.Contains(text, "[paths]") {
		t.Errorf("data would go below /etc:\n%s", text)
	}
	if text := configText("/srv/holdfast", initDatabase{Mode: "private"}); !strings.Contains(text, `state = "data"`) {
		t.Errorf("data would not lie beside the configuration:\n%s", text)
	}
}

func TestInitNeverReplacesASecretAndSaysWhereItMayNotWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secrets", "database_password"), "the-one-before")
	env := []string{"DATABASE_URL=postgresql://u:another-7d2k@h/d"}
	run(env, "init", "--dir", dir).expect(t, 0, "kept   "+filepath.Join(dir, "secrets", "database_password"))
	if text, err := os.ReadFile(filepath.Join(dir, "secrets", "database_password")); err != nil || string(text) != "the-one-before" {
		t.Errorf("the secret is now %q, %v", text, err)
	}
	write(t, filepath.Join(dir, "file"), "")
	r := run(env, "init", "--dir", filepath.Join(dir, "file", "below"))
	r.expect(t, 1, "not a directory")
}
