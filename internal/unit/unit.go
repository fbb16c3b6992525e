// Package unit holds the quantities that people write in a configuration: sizes in bytes and durations with days.
//
// Both read the text form and print a text form that reads back to the same value. Package config hands TOML integers
// over as their decimal text, so that "max_size = 1000" and "link_ttl = 900" work as well as "1KB" and "15m".
package unit
