package s3wire

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
)

// MaxDelete is the most keys of one DeleteObjects.
const MaxDelete = 1000

// UnmarshalXML implements xml.Unmarshaler: it stops at the first object too many, before memory is spent on the rest.
func (d *Delete) UnmarshalXML(dec *xml.Decoder, start xml.StartElement) error {
	d.XMLName = start.Name
	return eachElement(dec, start, "Delete", func(e xml.StartElement) error {
		switch e.Name.Local {
		case "Quiet":
			return dec.DecodeElement(&d.Quiet, &e)
		case "Object":
			return decodeItem(dec, e, &d.Objects, MaxDelete)
		}
		return dec.Skip()
	})
}

// UnmarshalXML implements xml.Unmarshaler, likewise.
func (c *CompleteMultipartUpload) UnmarshalXML(dec *xml.Decoder, start xml.StartElement) error {
	c.XMLName = start.Name
	return eachElement(dec, start, "CompleteMultipartUpload", func(e xml.StartElement) error {
		if e.Name.Local == "Part" {
			return decodeItem(dec, e, &c.Parts, MaxParts)
		}
		return dec.Skip()
	})
}

var (
	errTooMany   = errors.New("more items than allowed")
	errOtherKind = errors.New("another kind of document")
)

// eachElement calls f for every child element; f must consume it.
func eachElement(dec *xml.Decoder, start xml.StartElement, name string, f func(xml.StartElement) error) error {
	if start.Name.Local != name {
		return errOtherKind
	}
	for {
		token, err := dec.Token()
		if err != nil {
			return unexpectedEnd(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if err := f(t); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// decodeItem decodes one more item of a list, unless it is full.
func decodeItem[T any](dec *xml.Decoder, e xml.StartElement, list *[]T, limit int) error {
	if len(*list) >= limit {
		return errTooMany
	}
	var item T
	if err := dec.DecodeElement(&item, &e); err != nil {
		return err
	}
	*list = append(*list, item)
	return nil
}

// check is called by DecodeXML: 1 to 1000 objects, each with a key.
func (d *Delete) check() error {
	if len(d.Objects) == 0 {
		return MalformedXML.New()
	}
	for _, o := range d.Objects {
		if o.Key == "" {
			return argument("Key", "", "The key is empty")
		}
	}
	return nil
}

// check is called by DecodeXML: 1 to 10000 parts, each with a number, in ascending order.
func (c *CompleteMultipartUpload) check() error {
	if len(c.Parts) == 0 {
		return MalformedXML.New()
	}
	last := 0
	for _, p := range c.Parts {
		if p.PartNumber < 1 {
			return argument("PartNumber", strconv.Itoa(p.PartNumber), "PartNumber must be >= 1")
		}
		if p.PartNumber <= last {
			return InvalidPartOrder.New()
		}
		last = p.PartNumber
	}
	return nil
}

// check is called by DecodeXML.
func (v *VersioningConfiguration) check() error {
	switch v.Status {
	case "Enabled", "Suspended":
		return nil
	}
	return MalformedXML.New()
}

// check is called by DecodeXML: S3 takes 1 to 100 rules, each with an origin and a method it knows.
func (c *CORSConfiguration) check() error {
	if len(c.Rules) == 0 || len(c.Rules) > 100 {
		return MalformedXML.New()
	}
	for _, r := range c.Rules {
		if len(r.AllowedOrigins) == 0 || len(r.AllowedMethods) == 0 {
			return MalformedXML.New()
		}
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}
