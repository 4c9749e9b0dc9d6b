package syslog

import (
	"net"
	"os"
	"strconv"
	"strings"
)

// drops is how many datagrams Linux has dropped for the socket on the port; 0 on systems
// that do not say.
func drops(at net.Addr) (n uint64) {
	a, ok := at.(*net.UDPAddr)
	if !ok {
		return 0
	}
	for _, file := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		table, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n += dropsIn(string(table), a.Port)
	}
	return n
}

// dropsIn adds up the last column of the lines whose local port is that.
func dropsIn(table string, port int) (n uint64) {
	for line := range strings.Lines(table) {
		columns := strings.Fields(line)
		if len(columns) < 13 {
			continue
		}
		_, local, ok := strings.Cut(columns[1], ":")
		if p, err := strconv.ParseInt(local, 16, 32); !ok || err != nil || int(p) != port {
			continue
		}
		dropped, err := strconv.ParseUint(columns[len(columns)-1], 10, 64)
		if err == nil {
			n += dropped
		}
	}
	return n
}
