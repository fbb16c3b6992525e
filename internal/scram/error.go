package scram

import "holdfast/internal/fault"

// What an exchange can fail of, for errors.Is.
var (
	// ErrProof says that the other side does not know the password, or as a server not the verifier.
	ErrProof = &fault.Error{Kind: fault.Denied, Code: "scram_proof"}
	// ErrBinding says that channel binding is missing, differs, or was taken away on the way.
	ErrBinding = &fault.Error{Kind: fault.Denied, Code: "scram_binding"}
	// ErrMessage says that a message is not one of the protocol, or too large.
	ErrMessage = &fault.Error{Kind: fault.Invalid, Code: "scram_message"}
	// ErrVerifier says that a text is no verifier of SCRAM-SHA-256.
	ErrVerifier = &fault.Error{Kind: fault.Invalid, Code: "scram_verifier"}
)

func malformed(what string) error {
	return fault.New(fault.Invalid, ErrMessage.Code, "malformed SCRAM message: %s", what)
}

func badBinding(what string) error {
	return fault.New(fault.Denied, ErrBinding.Code, "%s", what)
}

func badProof(what string) error {
	return fault.New(fault.Denied, ErrProof.Code, "%s", what)
}
