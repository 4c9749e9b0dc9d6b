package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/onlooker-ueba/onlooker/notify"
)

// Config is a webhook as configured.
type Config struct {
	URL notify.Secret `yaml:"url"`
	// Secrets are keys of the signature, each whsec_ and base64 of 24 to 64 bytes. With
	// several a message carries a signature of each, so that a key can be changed
	// without a gap.
	Secrets []notify.Secret `yaml:"secrets"`
	// AllowHTTP permits an address without TLS, within a network of one's own.
	AllowHTTP bool `yaml:"allow_http"`
}

// New checks the configuration and makes the adapter. Errors name the key.
func New(cfg Config) (*Webhook, error) {
	address, err := cfg.URL.Reveal()
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	u, err := notify.Address(address, cfg.AllowHTTP)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	w := &Webhook{address: *u}
	for i, s := range cfg.Secrets {
		revealed, err := s.Reveal()
		if err == nil {
			err = w.addKey(revealed)
		}
		if err != nil {
			return nil, fmt.Errorf("secrets[%d]: %w", i, err)
		}
	}
	if len(w.keys) == 0 {
		return nil, errors.New("secrets: at least one is needed, such as whsec_ and base64 of 24 random bytes")
	}
	return w, nil
}

func (w *Webhook) addKey(revealed string) error {
	encoded, ok := strings.CutPrefix(revealed, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return errors.New("want whsec_ and base64 of 24 to 64 bytes") // err could quote the key
	}
	w.keys, w.revealed = append(w.keys, key), append(w.revealed, revealed, encoded)
	return nil
}
