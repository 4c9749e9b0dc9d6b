//go:build unix

package file

import (
	"os"
	"syscall"
)

// inodeOf tells files apart on one machine, for as long as they exist.
func inodeOf(_ string, info os.FileInfo) inode {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}
	}
	return inode{Device: uint64(st.Dev), Inode: st.Ino} //nolint:unconvert // Dev is an int32 on some systems
}
