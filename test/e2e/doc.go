// Package e2e runs the program as its users do: whole processes with a configuration, a database and a store, killed,
// starved, cut off and watched from outside. The test binary is the program: started again with a variable in its
// environment, it runs the command line. It holds tests only.
//
// Ports are free ones, directories are temporary, and every process is ended by its id and dies with the test. With
// HOLDFAST_SOAK set, the crash test goes on for hundreds of rounds and the large object has 5 GB.
package e2e
