package files

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/link"
	"holdfast/internal/objects"
)

// fileField is the field of a form that holds the file. Fields before it are skipped, fields after it are not read.
const fileField = "file"

// serveUpload takes an upload through a slot: PUT with the bytes as body, or POST of a form with the field "file".
func (f *Files) serveUpload(w http.ResponseWriter, r *http.Request) {
	setSafe(webFields(w.Header()), safePolicy, sameSite)
	l, err := link.ParsePut(r.URL.EscapedPath())
	if err == nil {
		err = f.keys.find(l.KeyID).VerifyPut(l, f.session(r), f.now())
	}
	if err != nil && !errors.Is(err, link.ErrExpired) {
		f.refuseUpload(w, r, err)
		return
	}
	acc := f.access(r.Context(), l.Bucket, r.Header.Get("Origin"), requestMethod(r))
	if r.Method == http.MethodOptions {
		acc.preflight(w, r)
		return
	}
	acc.setCORS(webFields(w.Header())) // so that the script can read why
	var o objects.Object
	if err == nil {
		o, err = f.receive(r, l)
	}
	if err != nil {
		f.refuseUpload(w, r, err)
		return
	}
	f.uploads.count(served)
	control.WriteJSON(w, http.StatusCreated, UploadAnswer{
		Bucket: o.Bucket, Key: o.Key, ETag: o.ETag, Size: o.Size, Type: o.Sniffed, Blob: hex.EncodeToString(o.Blob[:]),
	})
}

// receive stores the body. Everything that can be known before the first byte is checked before it, so that a client
// that waits for "100 Continue" sends nothing in vain.
func (f *Files) receive(r *http.Request, l link.PutLink) (objects.Object, error) {
	if err := f.admissible(r, l); err != nil {
		return objects.Object{}, err
	}
	body, contentType, size, err := uploadBody(r)
	if err != nil {
		return objects.Object{}, err
	}
	digest, err := announcedDigest(r.Header)
	if err != nil {
		return objects.Object{}, err
	}
	in := newIntake(r.Context(), body, digest)
	o, err := f.index.PutSlot(r.Context(), l.Slot, objects.Put{
		Bucket: l.Bucket, Key: l.Key, Size: size, Body: in,
		Headers: objects.Headers{ContentType: contentType},
	})
	return o, in.explain(err)
}

// admissible checks method, headers and the slot; the announced length is the index's matter.
func (f *Files) admissible(r *http.Request, l link.PutLink) error {
	switch {
	case r.Method != http.MethodPut && r.Method != http.MethodPost:
		return link.ErrRefused
	case r.Header.Get("Content-Encoding") != "":
		return errEncoding
	case r.Header.Get("Content-Range") != "":
		return errPartial // RFC 9110 section 14.5: a PUT of a part must not be taken for the whole
	}
	s, err := f.index.Slot(r.Context(), l.Slot)
	if err != nil {
		return slotError(err)
	}
	if s.Bucket != l.Bucket || s.Key != l.Key {
		return link.ErrRefused
	}
	return nil
}

// slotError hides what became of a slot whose link is genuine, but for what its holder must know.
func slotError(err error) error {
	switch {
	case errors.Is(err, objects.ErrNoSuchSlot):
		return link.ErrRefused
	case errors.Is(err, objects.ErrSlotExpired):
		return link.ErrExpired
	}
	return err
}

// uploadBody finds the bytes, their declared type and their length (-1: not known).
func uploadBody(r *http.Request) (body io.Reader, contentType string, size int64, err error) {
	contentType = r.Header.Get("Content-Type")
	if t, _, _ := mime.ParseMediaType(contentType); r.Method == http.MethodPut || t != "multipart/form-data" {
		if r.Method == http.MethodPost {
			return nil, "", 0, errForm
		}
		return r.Body, contentType, r.ContentLength, nil
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, "", 0, errForm
	}
	for range 100 {
		part, err := form.NextPart()
		if err != nil {
			return nil, "", 0, errForm
		}
		if part.FormName() == fileField {
			return part, part.Header.Get("Content-Type"), -1, nil
		}
	}
	return nil, "", 0, errForm
}

// The refusals of an upload, besides those of a link.
var (
	errEncoding = fault.New(fault.Invalid, "content_encoding", "an upload cannot be compressed on the way").
			WithHint("send the file as it is, without Content-Encoding")
	errPartial = fault.New(fault.Usage, "content_range", "an upload is sent whole").WithHint("send it without Content-Range")
	errForm    = fault.New(fault.Usage, "bad_form", "the request holds no file").
			WithHint(`PUT the bytes, or POST multipart/form-data with the field "` + fileField + `"`)
	errDigest = fault.New(fault.Invalid, "bad_digest", "what arrived is not what was announced").WithHint("send it again")
	errSlow   = fault.New(fault.Unavailable, "too_slow", "the upload is too slow").WithHint("try again on a better connection")
	errBroken = fault.New(fault.Invalid, "incomplete", "the upload broke off before its end").WithHint("send it again")
)

// uploadStatus maps codes to what HTTP calls them, where the kind alone says less.
var uploadStatus = map[string]struct {
	status  int
	outcome outcome
}{
	link.ErrNotLink.Code:           {http.StatusNotFound, notFound},
	link.ErrRefused.Code:           {http.StatusForbidden, refused},
	link.ErrExpired.Code:           {http.StatusForbidden, expired},
	objects.ErrSlotUsed.Code:       {http.StatusConflict, conflict},
	objects.ErrTooLarge.Code:       {http.StatusRequestEntityTooLarge, tooLarge},
	objects.ErrTypeNotAllowed.Code: {http.StatusUnsupportedMediaType, wrongType},
	errEncoding.Code:               {http.StatusUnsupportedMediaType, wrongType},
	errPartial.Code:                {http.StatusBadRequest, unusable},
	errForm.Code:                   {http.StatusBadRequest, unusable},
	errDigest.Code:                 {http.StatusBadRequest, unusable},
	errBroken.Code:                 {http.StatusBadRequest, unusable},
	errSlow.Code:                   {http.StatusRequestTimeout, unusable},
}

// refuseUpload answers with the error as JSON. What is our own trouble is logged and told without its details.
func (f *Files) refuseUpload(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		f.uploads.count(unusable)
		return // the visitor is gone
	}
	known, ok := uploadStatus[fault.CodeOf(err)]
	if !ok {
		known.status, known.outcome = control.Status(err), unusable
		if known.status >= http.StatusInternalServerError {
			known.outcome = unavailable
			w.Header().Set("Retry-After", retryAfter)
			f.log.ErrorContext(r.Context(), "upload failed", "error", err)
			err = outside(err)
		}
	}
	f.uploads.count(known.outcome)
	requestID := w.Header().Get(control.RequestIDHeader)
	control.WriteJSON(w, known.status, map[string]control.ErrorBody{"error": control.Body(err, requestID)})
}

// outside is an error of ours as visitors may see it: kind and code, no paths and no names.
func outside(err error) error {
	text := "the file could not be stored"
	if fault.KindOf(err) == fault.Full {
		text = "there is no room for the file"
	}
	return fault.New(fault.KindOf(err), strings.ToLower(fault.CodeOf(err)), "%s", text).WithHint("try again later")
}
