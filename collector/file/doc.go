// Package file follows log files as they are written and rotated.
//
// It guarantees: a file's cursor moves only after what lies before it is durable, and
// never past what a parser still holds; after a kill reading goes on there, and what was
// stored but not yet noted is delivered again under the same ids, so that the store drops
// it. A file is known by device, inode and its first line, so that a rename, a reused
// inode and a rewritten file are told apart. A rotated file is read to its end before it
// is let go, even when its name is gone. A copy of a file that was read (copytruncate, or
// gzip after rotation) is taken up where reading of the original ended.
//
// It does not guarantee what lines are lost when a file is truncated or replaced before
// they were read; it counts the gap and says so. A line without its line end waits for
// it, unless its file was rotated. Nothing is queued: while the store refuses, reading
// stops. A gzipped file is read once.
package file
