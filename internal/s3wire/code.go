package s3wire

// Code is S3's name of an error, as clients match it.
type Code string

// Status returns the HTTP status that goes with the code; 500 for one that is not in the table.
func (c Code) Status() int { return codes[c].status }

// Message returns the code's customary message.
func (c Code) Message() string { return codes[c].message }
