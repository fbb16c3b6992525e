package audit

// Fingerprint returns a number that is the same for statements that differ only in values, white space, comments and
// the case of keywords and names.
func Fingerprint(sql []byte) uint64 { return 0 }
