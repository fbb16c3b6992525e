package s3

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// maxInline is the longest encoded sidecar that is sent as user metadata.
const maxInline = 1800

// The user metadata of a blob, as the client names it.
const (
	metaID        = "Holdfast-Id"        // random, of this blob alone; it stays when the blob is moved
	metaSidecar   = "Holdfast"           // the sidecar itself, in base64
	metaCompanion = "Holdfast-Companion" // the tag of the companion that holds the sidecar
)

// companions is the folder of the sidecars that are too large for user metadata, below the prefix. A companion is an
// object named like its blob, with its tag behind a dot. The tag is random: writers that race for a name share none.
const companions = ".meta/"

func (s *Store) companion(n blob.Name, tag string) string {
	return s.prefix + companions + string(n) + "." + tag
}

// Sidecar returns the text stored beside the blob; see package blob.
func (s *Store) Sidecar(ctx context.Context, name blob.Name) ([]byte, error) {
	o, err := s.stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if encoded, ok := o.UserMetadata[metaSidecar]; ok {
		side, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, fmt.Errorf("sidecar of %s: %w", name, err)
		}
		return side, nil
	}
	tag, ok := o.UserMetadata[metaCompanion]
	if !ok {
		return nil, nil
	}
	return s.fetch(ctx, "read the sidecar of", name, s.companion(name, tag), blob.MaxSidecar)
}

// fetch reads a small object whole, at most limit bytes.
func (s *Store) fetch(ctx context.Context, op string, name blob.Name, key string, limit int64) (data []byte, err error) {
	err = s.do(ctx, op, name, s.brief(), func(ctx context.Context) error {
		body, info, _, err := s.core.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
		if err != nil {
			return err
		}
		defer body.Close()
		data, err = io.ReadAll(io.LimitReader(body, limit))
		if err == nil && int64(len(data)) < min(info.Size, limit) {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	return data, err
}

// attach asks for the sidecar and adds it to the user metadata to write with the object. One too large for that is
// stored as a companion, which undo removes again if the object does not come into being.
func (s *Store) attach(ctx context.Context, name blob.Name, meta map[string]string, o blob.PutOptions) (undo func(), err error) {
	nothing := func() {}
	if o.Sidecar == nil {
		return nothing, nil
	}
	side, err := o.Sidecar()
	if err != nil {
		return nil, err
	}
	if encoded := base64.StdEncoding.EncodeToString(side); len(encoded) <= maxInline {
		meta[metaSidecar] = encoded
		return nothing, nil
	}
	tag := newTag()
	meta[metaCompanion] = tag
	return s.putCompanion(ctx, name, tag, side)
}

func (s *Store) putCompanion(ctx context.Context, name blob.Name, tag string, side []byte) (undo func(), err error) {
	if len(side) > blob.MaxSidecar {
		return nil, fmt.Errorf("put %s: %w", name, blob.SidecarError(len(side)))
	}
	key := s.companion(name, tag)
	if err := s.write(ctx, "put the sidecar of", name, key, side, minio.PutObjectOptions{}); err != nil {
		return nil, err
	}
	return func() { // should it fail, Sweep finds it
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
		defer cancel()
		_ = s.remove(ctx, "delete the sidecar of", name, key)
	}, nil
}

// owner returns the blob and the tag that a companion's key names.
func (s *Store) owner(key string) (name blob.Name, tag string, ok bool) {
	rest, ok := strings.CutPrefix(key, s.prefix+companions)
	i := strings.LastIndexByte(rest, '.')
	if !ok || i < 0 {
		return "", "", false
	}
	name, tag = blob.Name(rest[:i]), rest[i+1:]
	return name, tag, name.Valid() == nil
}
