package link

import "encoding/hex"

// GetInternals returns the derived key in hex and the signed message, for the published vectors.
func GetInternals(k *Key, g Get) (derived, message string) {
	l := GetLink{
		KeyID: k.id, Expires: g.Expires.Unix(), Blob: g.Blob, Name: g.Name,
		Attachment: g.Attachment, MediaType: g.MediaType, Shared: g.Shared, Bound: g.Session != "",
	}
	return hex.EncodeToString(k.get.key), string(l.message(nil, k.bucket, g.Session))
}

// PutInternals is GetInternals of the other purpose.
func PutInternals(k *Key, p Put) (derived, message string) {
	l := PutLink{
		KeyID: k.id, Expires: p.Expires.Unix(), Bucket: k.bucket, Key: p.Key, Slot: p.Slot,
		MaxSize: p.MaxSize, Type: p.Type, Bound: p.Session != "",
	}
	return hex.EncodeToString(k.put.key), string(l.message(nil, k.bucket, p.Session))
}

// Unsigned is the link without its proof.
func Unsigned(l GetLink, kid string) GetLink {
	l.sig, l.KeyID = "", kid
	return l
}
