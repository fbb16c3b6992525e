package s3wire

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxFormFields is how much S3 takes of names and values in front of the file, in bytes.
	maxFormFields = 20 << 10
	// maxFormHead bounds all that stands in front of the file, boundaries and part headers included, in bytes.
	maxFormHead = 128 << 10
)

// Form is an upload form (POST Object) read up to its file.
type Form struct {
	FileName    string // of the file part, without directories
	ContentType string // of the file part

	fields map[string]string // names in lower case
	file   io.Reader
}

// ReadForm reads the fields of an upload form up to the file. The file itself is not read; what follows it is ignored,
// as S3 does.
func ReadForm(r *http.Request) (*Form, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		return nil, PreconditionFailed.New().Because(err).
			With("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
	}
	if params["boundary"] == "" {
		return nil, MalformedPOSTRequest.New().Because(err)
	}
	head := &headLimit{r: r.Body, left: maxFormHead}
	f := &Form{fields: make(map[string]string)}
	m := multipart.NewReader(head, params["boundary"])
	for room := maxFormFields; ; {
		part, err := m.NextRawPart()
		if err != nil {
			return nil, formError(err)
		}
		name := strings.ToLower(part.FormName())
		if name == "file" {
			f.FileName, f.ContentType, f.file = part.FileName(), part.Header.Get("Content-Type"), part
			head.left = -1
			return f, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, int64(room)))
		if err != nil {
			return nil, formError(err)
		}
		if room -= len(name) + len(value); room <= 0 {
			return nil, MaxPostPreDataLengthExceeded.New()
		}
		f.fields[name] = string(value)
	}
}

// formError words a failure in front of the file.
func formError(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	if errors.Is(err, io.EOF) {
		return argument("file", "0", "POST requires exactly one file upload per request.")
	}
	return MalformedPOSTRequest.New().Because(err)
}

// headLimit stops reading after left bytes; -1 lets everything pass.
type headLimit struct {
	r    io.Reader
	left int
}

func (h *headLimit) Read(p []byte) (int, error) {
	if h.left < 0 {
		return h.r.Read(p)
	}
	if h.left == 0 {
		return 0, MaxPostPreDataLengthExceeded.New()
	}
	n, err := h.r.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}

// Get returns the value of a field, name in any case; "" if it is not there.
func (f *Form) Get(name string) string { return f.fields[strings.ToLower(name)] }

// Has reports whether the field was sent.
func (f *Form) Has(name string) bool {
	_, ok := f.fields[strings.ToLower(name)]
	return ok
}

// Key returns the field key with ${filename} filled in; "" when there is no such field.
func (f *Form) Key() string { return strings.ReplaceAll(f.Get("key"), "${filename}", f.FileName) }

func missingField(name string) *Error {
	return argument(name, "", "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name)
}

// Header returns the fields that stand for headers of a PutObject (Content-Type, Cache-Control, x-amz-meta-*,
// x-amz-checksum-*, x-amz-tagging …) as a header set.
func (f *Form) Header() http.Header {
	h := make(http.Header, len(f.fields))
	for name, value := range f.fields {
		switch name {
		case "acl":
			h.Set("X-Amz-Acl", value)
		case "tagging":
			h.Set("X-Amz-Tagging", value)
		case "content-type", "content-encoding", "content-disposition", "content-language", "content-md5",
			"cache-control", "expires":
			h.Set(name, value)
		case "x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date", "x-amz-content-sha256", "x-amz-trailer":
		default:
			if strings.HasPrefix(name, "x-amz-") {
				h.Set(name, value)
			}
		}
	}
	return h
}

// Body returns the file. The limits of policy (may be nil) become EntityTooSmall and EntityTooLarge while it is read;
// checksum fields are checked like headers.
func (f *Form) Body(p *Policy, o BodyOptions) (*Body, error) {
	h := f.Header()
	claim, err := bodyClaim(h, &Auth{}, o)
	if err != nil {
		return nil, err
	}
	b := &Body{src: f.file, size: -1, max: o.limit(), min: o.MinSize}
	if p != nil {
		b.min = max(b.min, p.MinSize)
		if p.MaxSize >= 0 && (b.max < 0 || p.MaxSize < b.max) {
			b.max = p.MaxSize
		}
	}
	b.digests, err = newDigests(h, &Auth{}, o, claim)
	return b, err
}

// Success returns how the form wants to be answered: a status (200, 201 or 204), or a redirect to an http or https
// address, nil if none. A value that cannot be used counts as not sent, as with S3.
func (f *Form) Success() (status int, redirect *url.URL) {
	for _, name := range []string{"success_action_redirect", "redirect"} {
		u, err := url.Parse(f.Get(name))
		if err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
			return http.StatusSeeOther, u
		}
	}
	switch f.Get("success_action_status") {
	case "200":
		return http.StatusOK, nil
	case "201":
		return http.StatusCreated, nil
	}
	return http.StatusNoContent, nil
}
