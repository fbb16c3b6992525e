package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

const versionHelp = `Print the version of Holdfast.

Usage:
  holdfast version [--json]

With --json the fields are version, revision, modified (built from a changed tree), go and platform.

EXIT STATUS
  0

EXAMPLE
  holdfast version
`

// version is what the linker writes in (see the Makefile); empty when built without it.
var version = ""

// versionInfo is what there is to know about the binary.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(a *app) *cobra.Command {
	return a.command("version", "print the version", versionHelp, 0, 0, func(*cobra.Command, []string) error {
		v := binaryVersion()
		return a.data(v, func() {
			a.printf("holdfast %s (%s, %s)\n", v.Version, v.Go, v.Platform)
		})
	})
}

// binaryVersion reads what the go tool wrote into the binary.
func binaryVersion() versionInfo {
	v := versionInfo{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	switch {
	case version != "":
		v.Version = version
	case info.Main.Version != "" && info.Main.Version != "(devel)":
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
