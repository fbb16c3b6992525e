// Package content runs the distribution of content as a whole: several daemons with a database and a store, git beside
// them, and applications that are processes of their own. They publish, render, are killed, and find stores that lie and
// disks that are full; what they see is compared with git. It holds tests only.
//
// The test binary is the program, and the application: started again with a variable in its environment, it is one of
// them. With HOLDFAST_SOAK set the race has 10,000 renders and 1,000 publishes, and the crashes go on for hundreds of
// rounds. HOLDFAST_TEST_COURSES names repositories, separated by colons, that are compared with git checkout, too.
package content
