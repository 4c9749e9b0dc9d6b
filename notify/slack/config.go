package slack

import (
	"fmt"

	"github.com/onlooker-ueba/onlooker/notify"
)

// Config is an incoming webhook as configured.
type Config struct {
	// URL is the webhook's address; all of it is secret.
	URL notify.Secret `yaml:"url"`
}

// New checks the configuration and makes the adapter. Errors name the key.
func New(cfg Config) (*Webhook, error) {
	address, err := cfg.URL.Reveal()
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	u, err := notify.Address(address, false)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	return &Webhook{address: *u}, nil
}
