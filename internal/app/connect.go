package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/onlooker-ueba/onlooker/collector/httpin"
	"github.com/onlooker-ueba/onlooker/store"
)

// Connect finds the process that holds the data folder. Where there is none this process
// takes the folder for as long as the client is open, and serves others meanwhile.
func Connect(ctx context.Context, c Config, o Overrides, opts Options) (*Client, error) {
	const tries = 50
	for try := 0; ; try++ {
		if client, err := dial(ctx, c, o); err != nil || client != nil {
			return client, err
		}
		client, err := own(ctx, c, opts)
		if err == nil || !errors.Is(err, store.ErrLocked) || try == tries {
			return client, err
		}
		// Somebody has just taken the folder and will listen in a moment.
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// dial asks the process on the socket; nil when nobody listens.
func dial(ctx context.Context, c Config, o Overrides) (*Client, error) {
	socket := SocketPath(c.Data)
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, nil //nolint:nilerr // nobody listens: this process may take the folder
	}
	if err := conn.Close(); err != nil {
		return nil, fmt.Errorf("find the daemon: %w", err)
	}
	client := newClient(socket, nil)
	if err := client.agree(ctx, c, o); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

// own opens the data folder in this process.
func own(ctx context.Context, c Config, opts Options) (*Client, error) {
	a, err := Open(ctx, c, opts)
	if err != nil {
		return nil, err
	}
	if err := a.loadDirectory(ctx, nil); err != nil {
		a.fault("directory")(err)
	}
	if err := a.serveSocket(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return newClient(SocketPath(c.Data), a.Close), nil
}

// agree refuses, by name, what the command line says and the daemon does not do: the
// daemon's configuration wins, and nobody shall believe otherwise.
func (c *Client) agree(ctx context.Context, wanted Config, o Overrides) error {
	if len(o.Set) == 0 && o.File == "" {
		return nil
	}
	running, err := get[map[string]string](ctx, c, "/configuration", nil)
	if err != nil {
		return err
	}
	said, err := keysOf(o.File)
	if err != nil {
		return err
	}
	for key := range o.Set {
		said[key] = true
	}
	var differ []string
	for key, value := range effective(wanted) {
		if said[key] && running[key] != value {
			differ = append(differ, fmt.Sprintf("%s (the daemon has %q)", key, running[key]))
		}
	}
	if len(differ) == 0 {
		return nil
	}
	slices.Sort(differ)
	return fmt.Errorf("a daemon runs on %s with another configuration; leave out or change: %s", wanted.Data, strings.Join(differ, ", "))
}

// keysOf lists the keys that a configuration file sets; none without a file.
func keysOf(file string) (map[string]bool, error) {
	keys := map[string]bool{}
	if file == "" {
		return keys, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", file, err)
	}
	var walk func(section map[string]any, prefix string)
	walk = func(section map[string]any, prefix string) {
		for name, value := range section {
			keys[prefix+name] = true
			if below, ok := value.(map[string]any); ok {
				walk(below, prefix+name+".")
			}
		}
	}
	walk(doc, "")
	return keys, nil
}

func (a *App) showConfiguration(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(effective(a.config)) // the client has gone, then
}

// effective lists the plain settings by key. Secrets and lists are left out: two lists can
// be written in many ways, and a secret is nobody's business.
func effective(c Config) map[string]string {
	out := map[string]string{}
	var walk func(v reflect.Value, prefix string)
	walk = func(v reflect.Value, prefix string) {
		for i := range v.NumField() {
			name := v.Type().Field(i).Tag.Get("mapstructure")
			field := v.Field(i)
			switch {
			case name == "-" || name == "lang" || name == "" || field.Type() == reflect.TypeFor[httpin.Secret]():
			case field.Kind() == reflect.Struct:
				walk(field, prefix+name+".")
			case field.Kind() != reflect.Slice:
				out[prefix+name] = comparable(prefix+name, field)
			}
		}
	}
	walk(reflect.ValueOf(c), "")
	return out
}

// comparable makes paths absolute, so that two ways to write one are one.
func comparable(key string, v reflect.Value) string {
	s := fmt.Sprint(v.Interface())
	if s == "" || key != "data" && !strings.HasPrefix(key, "directory.") && !strings.HasPrefix(key, "http.tls_") || v.Kind() != reflect.String {
		return s
	}
	abs, err := filepath.Abs(s)
	if err != nil {
		return s
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	return abs
}

// Locked reports whether a process holds the data folder, for messages.
func Locked(data string) bool {
	_, err := os.Stat(SocketPath(data))
	return err == nil
}

// Healthy asks the daemon on the data folder whether it is ready. It never takes the
// folder itself.
func Healthy(ctx context.Context, c Config) error {
	client, err := dial(ctx, c, Overrides{})
	if err != nil {
		return err
	}
	if client == nil {
		return fmt.Errorf("no daemon runs on %s", c.Data)
	}
	s, err := client.Status(ctx)
	if err = errors.Join(err, client.Close()); err != nil {
		return err
	}
	for _, check := range s.Checks {
		if !check.OK {
			return fmt.Errorf("%s: %s", check.Name, check.Detail)
		}
	}
	return nil
}
