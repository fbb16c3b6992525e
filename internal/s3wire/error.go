package s3wire

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
func (c Code) New() *Error { panic("body follows") }

// Newf returns an Error with a message of its own. %w sets the cause; its text becomes part of the message.
func (c Code) Newf(format string, args ...any) *Error { panic("body follows") }

// With returns a copy of e that carries one more element.
func (e *Error) With(name, value string) *Error { panic("body follows") }

// WithStatus returns a copy of e that is answered with another HTTP status.
func (e *Error) WithStatus(status int) *Error { panic("body follows") }

// Because returns a copy of e with the cause set, for our log only.
func (e *Error) Because(err error) *Error { panic("body follows") }

// Error returns "Code: message" and the cause.
func (e *Error) Error() string { panic("body follows") }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { panic("body follows") }

// Is makes errors.Is(err, NoSuchKey.New()) true for every Error of the same code.
func (e *Error) Is(target error) bool { panic("body follows") }

// XML returns the document that is the body of the answer. resource is the path of the request.
func (e *Error) XML(resource, requestID, hostID string) []byte { panic("body follows") }

// AsError returns the Error in err's chain. Anything else becomes InternalError with err as its hidden cause.
func AsError(err error) *Error { panic("body follows") }
