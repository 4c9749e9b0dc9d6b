package dingtalk

import (
	"fmt"

	"github.com/onlooker-ueba/onlooker/notify"
)

// Config is a group robot as configured.
type Config struct {
	// URL is the robot's address with its access_token, as DingTalk shows it.
	URL notify.Secret `yaml:"url"`
	// Secret is the key of the robot's signature (加签), SEC…; empty if the robot
	// relies on keywords or addresses instead.
	Secret notify.Secret `yaml:"secret"`
}

// New checks the configuration and makes the adapter. Errors name the key.
func New(cfg Config) (*Robot, error) {
	address, err := cfg.URL.Reveal()
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	u, err := notify.Address(address, false)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if u.Query().Get("access_token") == "" {
		return nil, fmt.Errorf("url: the access_token is missing")
	}
	r := &Robot{address: *u}
	if cfg.Secret != "" {
		if r.secret, err = cfg.Secret.Reveal(); err != nil {
			return nil, fmt.Errorf("secret: %w", err)
		}
	}
	return r, nil
}
