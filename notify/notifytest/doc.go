// Package notifytest is the kit that every adapter of package notify must pass: what its
// chat really answers, sizes, hostile text, silent and broken servers, and a canary in
// every secret that must not turn up anywhere.
package notifytest
