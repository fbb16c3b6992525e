package pgwire

// FrontendType is the first byte of a message from a client.
type FrontendType byte

// The messages of a client, by the names of the manual. The start-up packets, which have no type byte, are
// [StartupKind]s.
const (
	Bind             FrontendType = 'B'
	Close            FrontendType = 'C'
	FrontendCopyData FrontendType = 'd'
	FrontendCopyDone FrontendType = 'c'
	CopyFail         FrontendType = 'f'
	Describe         FrontendType = 'D'
	Execute          FrontendType = 'E'
	Flush            FrontendType = 'H'
	FunctionCall     FrontendType = 'F'
	Parse            FrontendType = 'P'
	Password         FrontendType = 'p' // also SASLInitialResponse, SASLResponse and GSSResponse
	Query            FrontendType = 'Q'
	Sync             FrontendType = 'S'
	Terminate        FrontendType = 'X'
)

// BackendType is the first byte of a message from a server.
type BackendType byte

// The messages of a server, by the names of the manual.
const (
	Authentication           BackendType = 'R' // all of its kinds, see [AuthKind]
	BackendKeyData           BackendType = 'K'
	BindComplete             BackendType = '2'
	CloseComplete            BackendType = '3'
	CommandComplete          BackendType = 'C'
	BackendCopyData          BackendType = 'd'
	BackendCopyDone          BackendType = 'c'
	CopyInResponse           BackendType = 'G'
	CopyOutResponse          BackendType = 'H'
	CopyBothResponse         BackendType = 'W'
	DataRow                  BackendType = 'D'
	EmptyQueryResponse       BackendType = 'I'
	ErrorResponse            BackendType = 'E'
	FunctionCallResponse     BackendType = 'V'
	NegotiateProtocolVersion BackendType = 'v'
	NoData                   BackendType = 'n'
	NoticeResponse           BackendType = 'N'
	NotificationResponse     BackendType = 'A'
	ParameterDescription     BackendType = 't'
	ParameterStatus          BackendType = 'S'
	ParseComplete            BackendType = '1'
	PortalSuspended          BackendType = 's'
	ReadyForQuery            BackendType = 'Z'
	RowDescription           BackendType = 'T'
)

// The states of a session that ReadyForQuery tells.
const (
	Idle          = 'I' // not in a transaction
	InTransaction = 'T'
	InFailed      = 'E' // in a transaction that can only be rolled back
)

// The kinds of what Describe and Close name.
const (
	TargetStatement = 'S'
	TargetPortal    = 'P'
)

// String returns the manual's name of the message.
func (t FrontendType) String() string {
	switch t {
	case Bind:
		return "Bind"
	case Close:
		return "Close"
	case FrontendCopyData:
		return "CopyData"
	case FrontendCopyDone:
		return "CopyDone"
	case CopyFail:
		return "CopyFail"
	case Describe:
		return "Describe"
	case Execute:
		return "Execute"
	case Flush:
		return "Flush"
	case FunctionCall:
		return "FunctionCall"
	case Parse:
		return "Parse"
	case Password:
		return "PasswordMessage"
	case Query:
		return "Query"
	case Sync:
		return "Sync"
	case Terminate:
		return "Terminate"
	}
	return unknownType(byte(t))
}

// String returns the manual's name of the message.
func (t BackendType) String() string {
	if t < 'a' {
		return upperName(t)
	}
	switch t {
	case BackendCopyData:
		return "CopyData"
	case BackendCopyDone:
		return "CopyDone"
	case NegotiateProtocolVersion:
		return "NegotiateProtocolVersion"
	case NoData:
		return "NoData"
	case ParameterDescription:
		return "ParameterDescription"
	case PortalSuspended:
		return "PortalSuspended"
	}
	return unknownType(byte(t))
}

// upperName names the messages whose type is a digit or a capital letter.
func upperName(t BackendType) string {
	switch t {
	case Authentication:
		return "Authentication"
	case BackendKeyData:
		return "BackendKeyData"
	case BindComplete:
		return "BindComplete"
	case CloseComplete:
		return "CloseComplete"
	case CommandComplete:
		return "CommandComplete"
	case CopyInResponse:
		return "CopyInResponse"
	case CopyOutResponse:
		return "CopyOutResponse"
	case CopyBothResponse:
		return "CopyBothResponse"
	case DataRow:
		return "DataRow"
	case EmptyQueryResponse:
		return "EmptyQueryResponse"
	case ErrorResponse:
		return "ErrorResponse"
	case FunctionCallResponse:
		return "FunctionCallResponse"
	case NoticeResponse:
		return "NoticeResponse"
	case NotificationResponse:
		return "NotificationResponse"
	case ParameterStatus:
		return "ParameterStatus"
	case ParseComplete:
		return "ParseComplete"
	case ReadyForQuery:
		return "ReadyForQuery"
	case RowDescription:
		return "RowDescription"
	}
	return unknownType(byte(t))
}

func unknownType(t byte) string {
	const hex = "0123456789abcdef"
	if t > ' ' && t < 0x7f {
		return "message '" + string(rune(t)) + "'"
	}
	return "message 0x" + string([]byte{hex[t>>4], hex[t&15]})
}
