package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Config is what a console needs.
type Config struct {
	Services Services
	Text     *text.Catalogue
	Business ueba.Business
	Now      func() time.Time
	Log      logrus.FieldLogger
	Metrics  prometheus.Gatherer
	Version  string

	// Operator makes the handler for the socket: no token, employee ids, every endpoint.
	Operator bool

	// PageToken opens the pages, at least 22 characters (128 bits in base64).
	PageToken string
	// TokenFile is where the daemon keeps the link, told to who comes without one.
	TokenFile string
	// Hosts are the names under which the pages may be asked for, besides localhost
	// and addresses. Without them a foreign name that resolves to us (DNS rebinding)
	// could read them.
	Hosts []string

	// Bands are the scores at which medium, high and critical begin; zero: 40, 60, 80.
	Bands [3]float64
}

const minToken = 22

func (c *Config) check() error {
	s := c.Services
	need := []bool{
		s.Scores != nil, s.Live != nil, s.Looks != nil, s.Alerts != nil, s.Coverage != nil,
		s.Explainer != nil, s.People != nil, s.Status != nil,
		c.Text != nil, c.Now != nil, c.Log != nil, c.Metrics != nil,
	}
	if slices.Contains(need, false) {
		return errors.New("console: a service is missing")
	}
	if c.Operator && (s.Dead == nil || s.Jobs == nil) {
		return errors.New("console: the operator's handler needs Dead and Jobs")
	}
	if !c.Operator && len(c.PageToken) < minToken {
		return fmt.Errorf("console: the page token must have at least %d characters", minToken)
	}
	return nil
}

// handler holds what the endpoints share.
type handler struct {
	cfg   Config
	pages map[text.Lang]*pageSet
	asset map[string]asset
}

// Handler makes the handler for the socket or for TCP, as the configuration says.
func Handler(c Config) (http.Handler, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Bands == ([3]float64{}) {
		c.Bands = [3]float64{40, 60, 80}
	}
	h := &handler{cfg: c}
	mux := http.NewServeMux()
	h.mountStatus(mux)
	h.mountAPI(mux)
	if c.Operator {
		return mux, nil
	}
	if err := h.mountPages(mux); err != nil {
		return nil, err
	}
	return h.guard(mux), nil
}
