package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The image holds no shell and no user database: nobody is the number 65532, as in other images without a system.
const (
	nobody  = 65532
	program = "/usr/bin/holdfast"
	state   = "/var/lib/holdfast"
)

// binary is the program for one platform.
type binary struct {
	platform v1.Platform
	content  []byte
}

// release is what becomes one image index.
type release struct {
	version  string
	created  time.Time
	certs    []byte // PEM, may be empty
	binaries []binary
}

// write makes an image for each binary, joins them in an index, and writes it as a layout. It returns its digest.
func (r release) write(dir string) (v1.Hash, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	base, err := r.base()
	if err != nil {
		return v1.Hash{}, err
	}
	for _, b := range r.binaries {
		image, err := r.image(b, base)
		if err != nil {
			return v1.Hash{}, fmt.Errorf("image for %s: %w", b.platform, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &b.platform},
		})
	}
	index = mutate.Annotations(index, r.labels()).(v1.ImageIndex) //nolint:forcetypeassert // it returns what it is given
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return v1.Hash{}, fmt.Errorf("write layout: %w", err)
	}
	name := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version})
	if err := path.AppendIndex(index, name); err != nil {
		return v1.Hash{}, fmt.Errorf("write layout: %w", err)
	}
	return index.Digest()
}

func (r release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "Holdfast",
		"org.opencontainers.image.description": "The data tier around a web application that already exists",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.created":     r.created.Format(time.RFC3339),
	}
}

// base returns the layer that all platforms share: directories, and the authorities that signed other servers.
func (r release) base() (v1.Layer, error) {
	files := []file{
		{name: "etc/holdfast/", mode: 0o755},
		{name: state[1:] + "/", mode: 0o750, owner: nobody},
		{name: "tmp/", mode: 0o1777},
	}
	if len(r.certs) > 0 {
		files = append(files, file{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: r.certs})
	}
	return r.layer(files)
}

func (r release) image(b binary, base v1.Layer) (v1.Image, error) {
	own, err := r.layer([]file{{name: program[1:], mode: 0o755, content: b.content}})
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1),
		r.addendum(base, "directories and certificates"), r.addendum(own, "holdfast "+r.version))
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = b.platform.OS, b.platform.Architecture, v1.Time{Time: r.created}
	config.Config = v1.Config{
		User:       fmt.Sprintf("%d:%d", nobody, nobody),
		Entrypoint: []string{program},
		Cmd:        []string{"serve"},
		WorkingDir: state,
		Env:        []string{"PATH=/usr/bin", "HOME=" + state},
		Volumes:    map[string]struct{}{state: {}},
		Labels:     r.labels(),
	}
	return mutate.ConfigFile(image, config)
}

func (r release) addendum(layer v1.Layer, what string) mutate.Addendum {
	return mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer,
		History: v1.History{Created: v1.Time{Time: r.created}, CreatedBy: what},
	}
}

// file is an entry of a layer; one whose name ends in a slash is a directory.
type file struct {
	name    string
	mode    int64
	owner   int
	content []byte
}

// layer packs files in the order given.
func (r release) layer(files []file) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{
			Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.content)),
			ModTime: r.created, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR,
		}
		if f.name[len(f.name)-1] == '/' {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}
