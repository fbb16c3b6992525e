package audit

// Class is the sort of a statement. Of several statements in one text the one that reaches furthest counts, so the
// classes stand in rising order of what they can change.
type Class uint8

// The classes.
const (
	Empty       Class = iota // nothing but space and comments
	Other                    // no statement that PostgreSQL has
	Transaction              // BEGIN, COMMIT, ROLLBACK, SAVEPOINT, PREPARE TRANSACTION …
	Show                     // SHOW
	Set                      // SET, RESET, DISCARD, DEALLOCATE
	Notify                   // LISTEN, NOTIFY, UNLISTEN
	Cursor                   // FETCH, MOVE, CLOSE
	Explain                  // EXPLAIN without ANALYZE, which runs nothing
	Prepare                  // PREPARE
	Select                   // SELECT, VALUES, TABLE, DECLARE
	Execute                  // EXECUTE of a prepared statement
	Lock                     // LOCK
	Copy                     // COPY
	Insert                   // INSERT
	Update                   // UPDATE
	Merge                    // MERGE
	Delete                   // DELETE, TRUNCATE
	Call                     // CALL, DO, and the function call of the protocol
	Maintenance              // VACUUM, ANALYZE, REINDEX, CLUSTER, CHECKPOINT, REFRESH, LOAD
	DDL                      // CREATE, ALTER, DROP, COMMENT, SELECT INTO …
	DCL                      // GRANT, REVOKE, REASSIGN, and what concerns roles

	classes = int(DCL) + 1
)

// classNames are the classes as they stand in records, in their order.
var classNames = [classes]string{
	"EMPTY", "OTHER", "TRANSACTION", "SHOW", "SET", "NOTIFY", "CURSOR", "EXPLAIN", "PREPARE", "SELECT", "EXECUTE",
	"LOCK", "COPY", "INSERT", "UPDATE", "MERGE", "DELETE", "CALL", "MAINTENANCE", "DDL", "DCL",
}

// String returns the name of the class as it stands in records.
func (c Class) String() string {
	if int(c) < classes {
		return classNames[c]
	}
	return classNames[Other]
}
