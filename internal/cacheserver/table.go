package cacheserver

import (
	"bytes"
	"fmt"
	"strings"
)

// command is what there is to know about a Redis command.
type command struct {
	name  string
	arity int // arguments with the name; negative: at least so many
	flags flags
	keys  [3]int // first key, last key, step: as COMMAND tells clients
	run   func(c *client, args [][]byte)
}

type flags uint8

const (
	readOnly flags = 1 << iota
	write
	early    // may be called before the log-in
	outside  // steers the connection: not within a transaction's queue
	inPubSub // may be called while subscribed in RESP2
	noStore  // does not touch the keys, so it does not wait for them
)

// The errors that several commands share, in the words of Redis: clients compare them.
const (
	errSyntax    = "ERR syntax error"
	errType      = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errInt       = "ERR value is not an integer or out of range"
	errFloat     = "ERR value is not a valid float"
	errNoAuth    = "NOAUTH Authentication required."
	errRoom      = "OOM command not allowed when used memory > 'maxmemory'."
	errTooLarge  = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
	errNoKey     = "ERR no such key"
	errReplySize = "ERR reply larger than this cache sends at once: ask for less"
)

// commands returns all that there are, by name.
func commands() map[string]*command {
	table := map[string]*command{}
	for _, part := range [][]command{stringCommands(), counterCommands(), keyCommands(), hashCommands(), setCommands(), connectionCommands(), otherCommands()} {
		for _, c := range part {
			table[c.name] = &c
		}
	}
	return table
}

// maxName is the longest name of a command.
const maxName = 16

// lookup finds a command by its name in any case.
func (s *Server) lookup(name []byte) *command {
	if len(name) > maxName {
		return nil
	}
	var low [maxName]byte
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		low[i] = b
	}
	return s.table[string(low[:len(name)])]
}

func (c *command) fits(args int) bool {
	return args == c.arity || c.arity < 0 && args >= -c.arity
}

// unknown is what Redis says about a command that it does not know, with a hint.
func unknown(args [][]byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ERR unknown command '%s', with args beginning with: ", clip(args[0]))
	for _, a := range args[1:] {
		if b.Len() > 256 {
			break
		}
		fmt.Fprintf(&b, "'%s' ", clip(a))
	}
	b.WriteString("(this cache knows what framework caches use; for all of Redis set cache.redis)")
	return b.String()
}

// unknownSub is the same for the second word.
func unknownSub(args [][]byte) string {
	return fmt.Sprintf("ERR unknown subcommand '%s'. Try %s HELP.", clip(args[1]), strings.ToUpper(string(args[0])))
}

func wrongArgs(name string) string {
	return "ERR wrong number of arguments for '" + name + "' command"
}

func clip(b []byte) []byte { return b[:min(len(b), 128)] }

// is reports whether an argument is a word, in any case.
func is(arg []byte, word string) bool {
	return len(arg) == len(word) && bytes.EqualFold(arg, []byte(word))
}
