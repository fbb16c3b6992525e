package scram

import "testing"

// A log-in with a password costs its iterations; one with keys costs some digests.
func BenchmarkExchange(b *testing.B) {
	keys, err := NewVerifier("pencil", DefaultIterations)
	if err != nil {
		b.Fatal(err)
	}
	s := NewServer(keys, Binding{})
	if err := exchange(s, NewClient(withPassword("pencil"), Binding{})); err != nil {
		b.Fatal(err)
	}
	for name, credential := range map[string]Credential{
		"password": withPassword("pencil"),
		"keys":     {ClientKey: s.ClientKey(), ServerKey: keys.ServerKey},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := exchange(NewServer(keys, Binding{}), NewClient(credential, Binding{})); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMock(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = Mock([32]byte{1}, "somebody")
	}
}
