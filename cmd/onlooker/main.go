// Command onlooker is the daemon and its command line: flags, signals and how results
// are printed. What the commands do is internal/app's business.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/onlooker-ueba/onlooker/internal/app"
)

// version is set by the linker.
var version = "development"

// The exit codes.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitDead       = 3 // done, but some lines became dead letters
	exitDifference = 4 // a check found a difference
)

// exitError ends the program with a code. An empty message prints nothing.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(err error) error { return &exitError{exitUsage, err} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	return newCLI(environ, stdout, stderr, langOf(args, environ)).execute(ctx, args)
}

func (c *cli) execute(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var coded *exitError
	if !errors.As(err, &coded) {
		coded = &exitError{exitFailed, err}
		if !c.started { // cobra refused the command line before any command ran
			coded.code = exitUsage
		}
	}
	if msg := coded.Error(); msg != "" {
		fmt.Fprintln(c.stderr, "onlooker: "+msg)
	}
	return coded.code
}

// langOf finds the language before the flags are parsed, because the help texts need it.
func langOf(args, environ []string) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--lang="); ok {
			return v
		}
		if a == "--lang" && i+1 < len(args) {
			return args[i+1]
		}
	}
	for _, kv := range environ {
		if v, ok := strings.CutPrefix(kv, "ONLOOKER_LANG="); ok {
			return v
		}
	}
	return app.Defaults().Lang
}
