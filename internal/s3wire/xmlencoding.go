package s3wire

// The value of encoding-type that S3 knows.
const encodingURL = "url"

// URLEncode encodes all keys of the answer, as encoding-type=url asks.
func (l *ListBucketResult) URLEncode() {
	l.EncodingType = encodingURL
	encodeAll(&l.Prefix, &l.Marker, &l.NextMarker, &l.Delimiter)
	encodeEntries(l.Contents, l.CommonPrefixes)
}

// URLEncode encodes all keys of the answer, as encoding-type=url asks.
func (l *ListBucketResultV2) URLEncode() {
	l.EncodingType = encodingURL
	encodeAll(&l.Prefix, &l.StartAfter, &l.Delimiter)
	encodeEntries(l.Contents, l.CommonPrefixes)
}

// URLEncode encodes all keys of the answer, as encoding-type=url asks.
func (l *ListVersionsResult) URLEncode() {
	l.EncodingType = encodingURL
	encodeAll(&l.Prefix, &l.KeyMarker, &l.NextKeyMarker, &l.Delimiter)
	for i := range l.Entries {
		encodeAll(&l.Entries[i].Key)
	}
	encodeEntries(nil, l.CommonPrefixes)
}

// URLEncode encodes all keys of the answer, as encoding-type=url asks.
func (l *ListMultipartUploadsResult) URLEncode() {
	l.EncodingType = encodingURL
	encodeAll(&l.Prefix, &l.KeyMarker, &l.NextKeyMarker, &l.Delimiter)
	for i := range l.Uploads {
		encodeAll(&l.Uploads[i].Key)
	}
	encodeEntries(nil, l.CommonPrefixes)
}

func encodeEntries(objects []ObjectEntry, prefixes []CommonPrefix) {
	for i := range objects {
		encodeAll(&objects[i].Key)
	}
	for i := range prefixes {
		encodeAll(&prefixes[i].Prefix)
	}
}

func encodeAll(fields ...*string) {
	for _, f := range fields {
		*f = EncodeKey(*f)
	}
}
