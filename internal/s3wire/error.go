package s3wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// Error is a refusal as S3 words it.
type Error struct {
	Code    Code
	Status  int     // HTTP status; usually Code.Status()
	Message string  // for people
	Fields  []Field // further elements of the document, in this order: BucketName, Key, ArgumentName …
	Err     error   // cause for our log; never sent
}

// Field is one further element of an error document.
type Field struct{ Name, Value string }

// New returns an Error with the code's customary message.
func (c Code) New() *Error {
	return &Error{Code: c, Status: c.Status(), Message: c.Message()}
}

// Newf returns an Error with a message of its own. %w sets the cause; its text becomes part of the message.
func (c Code) Newf(format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: c, Status: c.Status(), Message: err.Error(), Err: errors.Unwrap(err)}
}

// With returns a copy of e that carries one more element.
func (e *Error) With(name, value string) *Error {
	c := *e
	c.Fields = append(e.Fields[:len(e.Fields):len(e.Fields)], Field{name, value})
	return &c
}

// WithStatus returns a copy of e that is answered with another HTTP status.
func (e *Error) WithStatus(status int) *Error {
	c := *e
	c.Status = status
	return &c
}

// Because returns a copy of e with the cause set, for our log only.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// Error returns "Code: message" and, unless the message says it already, the cause.
func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Message
	if e.Err != nil && !strings.Contains(text, e.Err.Error()) {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, NoSuchKey.New()) true for every Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error) //nolint:errorlint // Is compares one link of the chain by contract
	return ok && t.Code == e.Code
}

// XML returns the document that is the body of the answer. resource is the path of the request. Elements come in the
// order that S3 gives them; there is no namespace.
func (e *Error) XML(resource, requestID, hostID string) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + "<Error>")
	element(&b, "Code", string(e.Code))
	element(&b, "Message", e.Message)
	for _, f := range e.Fields {
		element(&b, f.Name, f.Value)
	}
	if resource != "" {
		element(&b, "Resource", resource)
	}
	element(&b, "RequestId", requestID)
	element(&b, "HostId", hostID)
	b.WriteString("</Error>")
	return b.Bytes()
}

// element writes one element. Names are ours; values may be anything a client sent, and what XML cannot hold becomes
// U+FFFD.
func element(b *bytes.Buffer, name, value string) {
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(value)) // a bytes.Buffer never fails
	b.WriteString("</" + name + ">")
}

// AsError returns the Error in err's chain. Anything else becomes InternalError with err as its hidden cause.
func AsError(err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return InternalError.New().Because(err)
}

// argument returns an InvalidArgument that names the argument and its value, as S3 does.
func argument(name, value, format string, args ...any) *Error {
	return InvalidArgument.Newf(format, args...).With("ArgumentName", name).With("ArgumentValue", value)
}
