package logging

// Config is the table [log].
type Config struct {
	// Level is the least level that is written: "debug", "info", "warn" or "error". Default "info".
	Level string `toml:"level"`
	// Format is "json", a line of JSON for each event, or "text". Default "json"; "text" when standard error is a terminal.
	Format string `toml:"format"`
}
