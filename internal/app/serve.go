package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
	"github.com/onlooker-ueba/onlooker/collector/httpin"
	"github.com/onlooker-ueba/onlooker/console"
)

// stopWithin is how long requests under way may take when the daemon ends.
const stopWithin = 10 * time.Second

// Serve runs the daemon until ctx ends or a part fails.
func Serve(ctx context.Context, c Config, o Options) error {
	opened, err := openPatiently(ctx, c, o)
	if err != nil || opened == nil {
		return err
	}
	o.opened = opened
	a, err := Open(ctx, c, o)
	if err != nil {
		return err
	}
	return errors.Join(a.serve(ctx), a.Close())
}

// serve starts everything and waits. SIGTERM ends ctx: then it is a quiet end.
func (a *App) serve(ctx context.Context) error {
	if err := a.loadDirectory(ctx, nil); err != nil {
		// The old files are in force; without any, nobody is known, and coverage says so.
		a.fault("directory")(err)
	}
	if err := a.startDaemon(ctx); err != nil {
		return err
	}
	return a.await(ctx)
}

// startDaemon starts what only the daemon does: sources, schedule, sending, the page.
func (a *App) startDaemon(ctx context.Context) error {
	a.parts.start("notify", a.outbox.Run)
	a.parts.start("mappings", func(ctx context.Context) error {
		return a.formats.watch(ctx, a.config.Directory.Reload, func() { a.log.Info("mappings reloaded") }, a.fault("mappings"))
	})
	a.parts.start("directory", func(ctx context.Context) error { return a.files.watch(ctx, a.fault("directory")) })
	clock, err := a.jobs.clock(a.config.Score.Cron)
	if err != nil {
		return err
	}
	a.parts.start("scorer", clock.Run)
	a.parts.start("retention", a.keepRetention)
	for _, s := range a.config.Sources {
		if err := a.startSource(s); err != nil {
			return err
		}
	}
	if err := a.serveSocket(); err != nil {
		return err
	}
	return a.serveTCP(ctx)
}

func (a *App) startSource(s SourceConfig) error {
	format, err := a.formats.named(s.Format)
	if err != nil {
		return fmt.Errorf("source %s: %w", s.Name, err)
	}
	plan, err := newSource(s)
	if err != nil {
		return fmt.Errorf("source %s: %w", s.Name, err)
	}
	source, err := plan(sourceParts{format: format, intake: a.intake, docs: a.store, now: a.now, log: a.log})
	if err != nil {
		return fmt.Errorf("source %s: %w", s.Name, err)
	}
	a.parts.start("source "+s.Name, source.Run)
	return nil
}

// serveSocket serves the operator's API on the socket in the data folder.
func (a *App) serveSocket() error {
	c := a.consoleConfig()
	c.Operator = true
	h, err := console.Handler(c)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("GET /api/v1/configuration", a.showConfiguration)
	path := SocketPath(a.config.Data)
	// The lock on the data folder proves that whoever made this socket is gone.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen on the socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("protect the socket: %w", err), l.Close())
	}
	a.serveHTTP("socket", &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}, l)
	return nil
}

// SocketPath is where the process that holds the data folder listens. A folder too long for
// a socket's address is replaced by the temporary one; which it is goes by the folder's
// real place, so that daemon and command agree however each was told of it.
func SocketPath(data string) string {
	const longest = 100 // sun_path holds 104 bytes on some systems
	path := filepath.Join(data, "onlooker.sock")
	place, err := filepath.Abs(data)
	if err != nil {
		return path
	}
	if real, err := filepath.EvalSymlinks(place); err == nil {
		place = real
	}
	full := filepath.Join(place, "onlooker.sock")
	if len(full) <= longest {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	return filepath.Join(os.TempDir(), "onlooker-"+hex.EncodeToString(sum[:8])+".sock")
}

// serveTCP serves events, API and page.
func (a *App) serveTCP(ctx context.Context) error {
	in := a.config.HTTP.intake()
	token, file, err := pageToken(a.config.Data)
	if err != nil {
		return err
	}
	c := a.consoleConfig()
	c.PageToken, c.TokenFile = token, file
	page, err := console.Handler(c)
	if err != nil {
		return err
	}
	if err := a.listen(ctx, page); err != nil {
		return err
	}
	scheme := "http"
	if in.TLSCert != "" {
		scheme = "https"
	}
	a.announce(scheme, token)
	return nil
}

// listen serves events, and everything else by the page.
func (a *App) listen(ctx context.Context, page http.Handler) error {
	in := a.config.HTTP.intake()
	events := httpin.New(in, a.intake, httpin.Formats(a.formats.all), collector.Options{})
	elastic := httpin.NewElastic(events, a.log)
	mux := http.NewServeMux()
	mux.Handle(httpin.Path, events)
	otlp := httpin.NewOTLP(events)
	mux.Handle(httpin.OTLPPath, otlp)
	mux.HandleFunc(httpin.OTLPMethod, otlp.ServeGRPC)
	mux.Handle("/", page)
	var err error
	a.address, err = a.listenTCP(ctx, "http.listen", in.Listen, elastic.Before(mux))
	if err != nil || in.BulkListen == "" {
		return err
	}
	_, err = a.listenTCP(ctx, "http.bulk_listen", in.BulkListen, elastic)
	return err
}

// listenTCP serves a handler on an address, in TLS where there is a certificate, and
// returns the address with its port.
func (a *App) listenTCP(ctx context.Context, key, address string, h http.Handler) (string, error) {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // for gRPC; whether there is TLS is checked by configuration
	server := &http.Server{Handler: h, Protocols: &protocols, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	if in := a.config.HTTP.intake(); in.TLSCert != "" {
		cert, err := httpin.LoadCertificate(in, a.now)
		if err != nil {
			return "", err
		}
		server.TLSConfig = cert.TLSConfig()
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	a.serveHTTP(key, server, l)
	return l.Addr().String(), nil
}

// announce prints the link that opens the page, as Jupyter does. It goes to stderr by
// itself, not into the log, which others may read.
func (a *App) announce(scheme, token string) {
	words := WordsIn(a.config.Lang)
	fmt.Fprintln(a.opts.Log, words.Say("app.link", map[string]any{"link": scheme + "://" + a.address + "/?token=" + token}))
	if len(a.config.HTTP.Tokens) == 0 {
		fmt.Fprintln(a.opts.Log, words.Say("app.no_tokens", map[string]any{"address": a.address}))
	}
}

// serveHTTP runs a server as a part: it stops taking requests, lets those under way end,
// then closes.
func (a *App) serveHTTP(name string, s *http.Server, l net.Listener) {
	a.parts.start(name, func(ctx context.Context) error {
		ended := make(chan error, 1)
		go func() {
			if s.TLSConfig != nil {
				ended <- s.ServeTLS(l, "", "")
				return
			}
			ended <- s.Serve(l)
		}()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
		}
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if err := s.Shutdown(within); err != nil {
			return errors.Join(err, s.Close())
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// pageToken reads the token that opens the page, or makes it: the link stays the same
// over restarts.
func pageToken(data string) (token, file string, err error) {
	file = filepath.Join(data, "page-token")
	b, err := os.ReadFile(file)
	if err == nil && len(strings.TrimSpace(string(b))) >= 32 {
		return strings.TrimSpace(string(b)), file, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", file, fmt.Errorf("read the page's token: %w", err)
	}
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails: it ends the process instead
	token = base64.RawURLEncoding.EncodeToString(raw)
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		return "", file, fmt.Errorf("write the page's token: %w", err)
	}
	return token, file, nil
}
