package s3api

import (
	"net/http"

	"holdfast/internal/s3wire"
)

// xmlDeclaration begins every document.
const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// send answers 200 with a document.
func (c *call) send(v any) error {
	doc, err := s3wire.EncodeXML(v)
	if err != nil {
		return err
	}
	return c.sendXML(doc)
}

// sendXML answers 200 with a document that is written already.
func (c *call) sendXML(doc []byte) error {
	c.sendDocument(http.StatusOK, doc)
	return nil
}

// sendNothing answers with a status and no body.
func (c *call) sendNothing(status int) error {
	if status != http.StatusNoContent {
		c.Header()["Content-Length"] = []string{"0"}
	}
	c.WriteHeader(status)
	return nil
}

// decode reads the XML document that the request carries, checking the request's digests like any body's.
func (c *call) decode(v any) error {
	return c.decodeBody(v, s3wire.BodyOptions{MaxSize: s3wire.MaxLongXML})
}

func (c *call) decodeBody(v any, o s3wire.BodyOptions) error {
	if err := c.plainBody(); err != nil {
		return err
	}
	b, err := c.openBody(o)
	if err != nil {
		return err
	}
	defer b.paced.settle()
	return s3wire.DecodeXML(b, v)
}

// plainBody refuses encoded bodies, which S3 takes for objects only.
func (c *call) plainBody() error {
	if c.auth.Payload.Chunked() {
		return s3wire.InvalidRequest.Newf("The value of x-amz-content-sha256 header is invalid.")
	}
	return nil
}
