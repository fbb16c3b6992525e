package pgwire

// ParseOptions reads the start-up parameter "options": a command line for the server process, as libpq's PGOPTIONS has
// it. It is split at white space, which a backslash protects, and read by the rules of getopt: "-c name=value",
// "-cname=value", "--name=value", and the short switches that stand for settings, which may share a dash. In names '-'
// means '_', in every form. The settings come in the order in which the server sets them.
//
// What PostgreSQL refuses is a *ProtocolError with the SQLSTATE and the words of PostgreSQL. So are switches that only
// the server's own command line may have.
func ParseOptions(options string) ([]Param, error) {
	var out []Param
	args := splitOptions(options)
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" && len(args) == 0 {
			return out, nil
		}
		if arg == "--" || len(arg) < 2 || arg[0] != '-' {
			return nil, badSwitch(arg)
		}
		for at := 1; at < len(arg); at++ {
			letter, value := arg[at], ""
			switch {
			case takesNothing(letter):
			case !takesValue(letter):
				return nil, badSwitch(arg)
			case at+1 < len(arg):
				value, at = arg[at+1:], len(arg)
			case len(args) == 0:
				return nil, badSwitch(arg)
			default:
				value, args = args[0], args[1:]
			}
			p, err := switchParam(letter, value)
			if err != nil {
				return nil, err
			}
			if p.Name != "" {
				out = append(out, p)
			}
		}
	}
	return out, nil
}
