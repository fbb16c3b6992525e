package s3wire

import (
	"bytes"
)

const trailerSignature = "x-amz-trailer-signature"

// readTrailer reads the checksum behind the last chunk, the signature over it, and the empty line that ends the body.
// A field that was not announced, or an announced one that is missing, is MalformedTrailerError; a broken encoding is
// IncompleteBody, as everywhere in the body.
func (c *chunkReader) readTrailer() error {
	value, found, err := c.trailerField()
	if err != nil {
		return err
	}
	if c.signer != nil {
		if err := c.trailerSignature(value, found); err != nil {
			return err
		}
	}
	if found != (c.trailer != "") {
		return MalformedTrailer.New()
	}
	if found {
		c.sum, err = ParseChecksum(c.trailer, value)
		if err != nil || c.sum.Parts > 0 {
			return InvalidRequest.Newf("Value for %s trailing header is invalid.", c.trailer.headerName())
		}
	}
	return nil
}

// trailerField reads the first line: the checksum, or an empty line when there is none. Unsigned trailers end with an
// empty line, which is read too.
func (c *chunkReader) trailerField() (value string, found bool, err error) {
	line, err := c.trailerLine()
	if err != nil || len(line) == 0 {
		return "", false, err
	}
	name, text, _ := bytes.Cut(line, []byte(":"))
	if string(name) == trailerSignature && c.signer != nil && c.trailer == "" {
		return "", false, c.signer.keepTrailer(text)
	}
	if c.trailer == "" || string(bytes.ToLower(name)) != c.trailer.headerName() {
		return "", false, MalformedTrailer.New()
	}
	value = string(bytes.Trim(text, " \t"))
	if c.signer != nil {
		return value, true, nil
	}
	if line, err = c.trailerLine(); err == nil && len(line) > 0 {
		err = MalformedTrailer.New()
	}
	return value, true, err
}

// trailerSignature reads and checks the signature line and the empty line behind it. Some clients put an empty line in
// front of it.
func (c *chunkReader) trailerSignature(value string, found bool) error {
	if c.signer.trailer == nil {
		line, err := c.trailerLine()
		if err == nil && len(line) == 0 && found {
			line, err = c.trailerLine()
		}
		if err != nil {
			return err
		}
		name, text, _ := bytes.Cut(line, []byte(":"))
		if string(name) != trailerSignature {
			return truncated()
		}
		if err := c.signer.keepTrailer(text); err != nil {
			return err
		}
	}
	if err := c.crlf(); err != nil {
		return err
	}
	if !found && c.trailer != "" {
		return MalformedTrailer.New()
	}
	var signed []byte
	if found {
		signed = []byte(c.trailer.headerName() + ":" + value + "\n")
	}
	return c.signer.checkTrailer(signed)
}

// trailerLine reads a line that ends with LF or CRLF.
func (c *chunkReader) trailerLine() ([]byte, error) {
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	line = bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
	if bytes.IndexByte(line, '\r') >= 0 {
		return nil, truncated()
	}
	return line, nil
}
