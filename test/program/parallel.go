package program

import "flag"

// Parallel sets how many tests of a package run at once, unless the command line says: those that wait for other processes most
// of the time are more than there are processors. It parses the flags.
func Parallel(n string) {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		_ = flag.Set("test.parallel", n) // a flag that package testing has
	}
}
