// Package atomicfile writes files that are either the old or the new content as a whole, whatever happens.
//
// # Guarantees
//
//   - A reader, and whoever looks after kill -9 or power loss, finds the old content or the new one, never a mixture
//     and never a file that is too short.
//   - When WriteFile, WriteNew or [File.Commit] returned nil, the new content and its name survive power loss.
//   - When one of them returned an error, the old content is normally untouched. The one exception is said in the
//     error: the name was flipped already, but the directory could not be synced, so either content may be found
//     after power loss.
//   - Permissions are exactly those asked for, whatever the umask, and hold from before the first byte is written: a
//     secret is never readable for a moment. The content is written with 0600 and gets its final mode before its name.
//
// # How
//
// The bytes go to a temporary file in the same directory, are fsynced, take the final name by rename(2) (WriteNew: by
// link(2), which refuses to replace), and then the directory is fsynced. A process killed in between leaves a
// temporary file whose name starts with [TempPrefix]; nobody ever reads it and it may be deleted at any time.
//
// A path that is a symbolic link is replaced by a file; the link's target is left alone.
package atomicfile
