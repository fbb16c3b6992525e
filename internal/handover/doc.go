// Package handover passes the listening sockets of a process on to the one that follows it, so that a new version takes over
// while nobody is refused: who connects in between waits in the kernel's backlog.
//
// # Vocabulary
//
//   - Predecessor: the process that listens now. Its [Giver] waits on a Unix socket of mode 0600 in the state directory.
//   - Successor: a process of the same configuration and state directory, which was told to take over ([Ask]).
//   - Table ([Listeners]): all sockets of a process that listen, by name. Each feature opens its listener through it, so what
//     was inherited is found instead of bound.
//   - Offer: the descriptors of the whole table, given to the successor. Both processes may accept until one lets go.
//   - Heir: the successor that has committed, until it is ready.
//
// # The order
//
//	successor                         predecessor
//	configuration read and checked
//	ask                          ─►   is it the same account, or root, and no other container? (SO_PEERCRED)
//	                             ◄─   offer: names, and descriptors (SCM_RIGHTS); it goes on serving
//	all that can be checked holds
//	commit                       ─►
//	                             ◄─   agreed, or why not
//	waits for the state lock          ends all but what its clients need, stops accepting, removes no socket's file,
//	                                  lets go of the lock; keeps a duplicate of each socket
//	starts with the inherited, accepts nobody
//	ready, and accepts           ─►   closes the duplicates; lingers until its clients have left
//
// # Failure
//
// Until commit is agreed to, nothing has changed for the predecessor: a successor that finds a mistake, is killed, or is silent for
// longer than the limit leaves it serving. From then on until "ready" the end of the conversation, which the kernel brings about
// however the successor ends, makes the predecessor take back: it has the sockets still, gets the lock, and starts anew within its own
// process, beside the clients that it kept. Who connects meanwhile waits in the backlog in either case. A successor that is not ready
// accepts nobody, who would be cut with it, and removes no socket's file, which would be missed. A successor that hangs is waited for: who ends it brings the predecessor back.
package handover
