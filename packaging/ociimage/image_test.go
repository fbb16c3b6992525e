package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const epoch = 1_760_000_000

// build compiles holdfast for a platform of linux as the Makefile does.
func build(t *testing.T, arch string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "holdfast-"+arch)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X holdfast/internal/cli.version=v1.2.3",
		"-o", out, "holdfast/cmd/holdfast")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

// readIndex opens a layout and returns the one index in it, checked as a whole: digests, sizes, media types.
func readIndex(t *testing.T, dir string) v1.ImageIndex {
	t.Helper()
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := top.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("layout lists %v, %v; want one index", manifest, err)
	}
	if name := manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"]; name != "v1.2.3" {
		t.Errorf("the index is named %q; want the version", name)
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("the index is not valid: %v", err)
	}
	return index
}

// Row S3-22: one image index for both platforms, and the arm64 binary runs.
func TestTheIndexHoldsAnImageForEachPlatformAndItsBinaryRuns(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "image")
	err := run(dir, "v1.2.3", epoch, authorities, []string{"linux/amd64=" + build(t, "amd64"), "linux/arm64=" + build(t, "arm64")})
	if err != nil {
		t.Fatal(err)
	}
	index := readIndex(t, dir)
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkConfig(t, image, m.Platform.Architecture)
		checkFiles(t, image, m.Platform.Architecture)
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("platforms %v; want %v", platforms, want)
	}
}

func checkConfig(t *testing.T, image v1.Image, arch string) {
	t.Helper()
	c, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.OS != "linux" || c.Architecture != arch || c.Created.Unix() != epoch || c.Config.User != "65532:65532" ||
		!slices.Equal(c.Config.Entrypoint, []string{program}) || c.Config.Labels["org.opencontainers.image.version"] != "v1.2.3" {
		t.Errorf("config of %s: %+v", arch, c)
	}
}

// checkFiles unpacks the image, judges its entries, and runs the binary in it, foreign ones in an emulator.
func checkFiles(t *testing.T, image v1.Image, arch string) {
	t.Helper()
	extracted := mutate.Extract(image)
	defer extracted.Close()
	binary := filepath.Join(t.TempDir(), "holdfast")
	seen := map[string]tar.Header{}
	for r := tar.NewReader(extracted); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen["/"+strings.TrimSuffix(h.Name, "/")] = *h
		if h.ModTime.Unix() != epoch {
			t.Errorf("%s is of %v; want the epoch given", h.Name, h.ModTime)
		}
		if "/"+h.Name == program {
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(binary, content, 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	if seen[state].Uid != nobody || seen[program].Mode != 0o755 || seen["/etc/ssl/certs/ca-certificates.crt"].Size == 0 {
		t.Errorf("files of %s: %v", arch, seen)
	}
	runBinary(t, binary, arch)
}

func runBinary(t *testing.T, path, arch string) {
	t.Helper()
	args := []string{path, "version", "--json"}
	if arch == "arm64" {
		emulator, err := exec.LookPath("qemu-aarch64-static")
		if err != nil {
			t.Fatalf("%v: apt-get install qemu-user-static", err)
		}
		args = append([]string{emulator}, args...)
	}
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).Output()
	var version struct{ Version, Platform string }
	if err != nil || json.Unmarshal(out, &version) != nil || version.Platform != "linux/"+arch || version.Version != "v1.2.3" {
		t.Errorf("%v: %s, %v; want version v1.2.3 and platform linux/%s", args, out, err, arch)
	}
}

// fake writes a file that stands for a binary and returns the argument that names it.
func fake(t *testing.T, platform, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return platform + "=" + path
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	digest := func(content string) string {
		dir := filepath.Join(t.TempDir(), "image")
		if err := run(dir, "v1.2.3", epoch, "", []string{fake(t, "linux/amd64", content)}); err != nil {
			t.Fatal(err)
		}
		h, err := readIndex(t, dir).Digest()
		if err != nil {
			t.Fatal(err)
		}
		return h.String()
	}
	if a, b := digest("x"), digest("x"); a != b {
		t.Errorf("digests %s and %s of the same input", a, b)
	}
	if a, b := digest("x"), digest("y"); a == b {
		t.Error("the digest does not depend on the binary")
	}
}

func TestWhatCannotBecomeAnImageIsRefused(t *testing.T) {
	t.Parallel()
	good := fake(t, "linux/amd64", "x")
	f := func(out, certs, platform, want string) {
		t.Helper()
		err := run(out, "v", 0, certs, []string{platform})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run(%q, %q, %q): %v; want %q", out, certs, platform, err, want)
		}
	}
	fresh := filepath.Join(t.TempDir(), "image")
	f("", "", good, "want -out DIRECTORY")
	f(t.TempDir(), "", good, "is there already")
	f(fresh, "", "linux/amd64", "is not OS/ARCH=BINARY")
	f(fresh, "", "linux/amd64=/does/not/exist", "no such file")
	f(fresh, "/does/not/exist", good, "apt-get install ca-certificates")
	if err := run(fresh, "v", 0, "", nil); err == nil {
		t.Error("an image without platforms was made")
	}
	if _, err := os.Stat(fresh); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused image left something behind: %v", err)
	}
}

// The platforms share the layer of directories and certificates, so a registry keeps it once.
func TestPlatformsShareTheirFirstLayer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "image")
	if err := run(dir, "v1.2.3", epoch, "", []string{fake(t, "linux/amd64", "x"), fake(t, "linux/arm64", "y")}); err != nil {
		t.Fatal(err)
	}
	blobs, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	var gzips int
	for _, b := range blobs {
		content, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", b.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(content, []byte{0x1f, 0x8b}) {
			gzips++
		}
	}
	if gzips != 3 {
		t.Errorf("%d layers for two platforms; want 3", gzips)
	}
}
