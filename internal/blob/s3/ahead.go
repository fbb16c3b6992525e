package s3

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
)

// openAhead opens a blob with the request for its first bytes (see blob.ReadAhead): the answer tells size, time and ETag as well.
// Whatever goes wrong, but that there is no such blob, is left to Open, which asks for them first and is patient: an
// empty blob has no first byte, for example.
func (s *Store) openAhead(ctx context.Context, name blob.Name) (*object, error) {
	if err := name.Valid(); err != nil {
		return nil, err
	}
	var opts minio.GetObjectOptions
	if err := opts.SetRange(0, firstWindow-1); err != nil {
		return nil, err
	}
	bounded, stop := s.steady().begin(ctx)
	body, info, header, err := s.core.GetObject(bounded, s.bucket, s.key(name), opts)
	if err != nil {
		stop()
		return nil, s.explain("open", name, because(bounded, err))
	}
	win := &transfer{body, bounded, stop, info.Size}
	o := &object{ctx: ctx, store: s, info: infoOf(name, info), etag: info.ETag, ask: window, win: win}
	if err := o.take(header.Get("Content-Range")); err != nil {
		o.drop()
		return nil, err
	}
	return o, nil
}

// take reads the size of the whole from what a service says of the part that it sends: "bytes 0-99/1234" (RFC 9110, section
// 14.4). Without it the part is the whole.
func (o *object) take(contentRange string) error {
	if contentRange == "" {
		return nil
	}
	part, total, _ := strings.Cut(contentRange, "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if err != nil || !strings.HasPrefix(part, "bytes 0-") || size < o.win.end {
		return errors.New("the S3 service did not answer with the range that was asked for: " + contentRange)
	}
	o.info.Size = size
	return nil
}
