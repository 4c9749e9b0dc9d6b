package app

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/onlooker-ueba/onlooker/collector/httpin"
	"github.com/onlooker-ueba/onlooker/internal/esclient"
	"github.com/onlooker-ueba/onlooker/store/elastic"
)

// ElasticConfig says which Elasticsearch keeps the data when store.kind is elastic.
type ElasticConfig struct {
	Addresses     []string      `mapstructure:"addresses"`
	Prefix        string        `mapstructure:"prefix"`
	Flavour       string        `mapstructure:"flavour"`
	Username      string        `mapstructure:"username"`
	Password      httpin.Secret `mapstructure:"password"`
	APIKey        httpin.Secret `mapstructure:"api_key"`
	CAFile        string        `mapstructure:"ca_file"`
	CAFingerprint string        `mapstructure:"ca_fingerprint"`
	ClientCert    string        `mapstructure:"client_cert"`
	ClientKey     string        `mapstructure:"client_key"`
	CloudID       string        `mapstructure:"cloud_id"`
	Timeout       time.Duration `mapstructure:"timeout"`
	Patience      time.Duration `mapstructure:"patience"`
}

func defaultElastic() ElasticConfig {
	return ElasticConfig{Prefix: "onlooker", Flavour: esclient.Elasticsearch, Timeout: time.Minute, Patience: 30 * time.Second}
}

// files are the paths of the section.
func (e *ElasticConfig) files() map[string]*string {
	return map[string]*string{
		"store.elastic.ca_file": &e.CAFile, "store.elastic.client_cert": &e.ClientCert, "store.elastic.client_key": &e.ClientKey,
	}
}

// store is the section as the store wants it.
func (e *ElasticConfig) store() elastic.Config {
	return elastic.Config{
		Prefix: e.Prefix, Patience: e.Patience,
		Config: esclient.Config{
			Addresses: e.Addresses, CloudID: e.CloudID, Username: e.Username, Password: string(e.Password), APIKey: string(e.APIKey),
			CAFile: e.CAFile, CAFingerprint: e.CAFingerprint, ClientCert: e.ClientCert, ClientKey: e.ClientKey,
			Flavour: e.Flavour, Timeout: e.Timeout,
		},
	}
}

// leastSpool takes a few of the largest requests.
const leastSpool = 64 << 20

// check reports everything that is wrong with the choice of store.
func (s *StoreConfig) check() []error {
	switch s.Kind {
	case "pebble":
		return nil
	case "elastic":
	default:
		return []error{fmt.Errorf("store.kind: want pebble or elastic, found %q", s.Kind)}
	}
	var errs []error
	if s.Elastic.Timeout <= 0 || s.Elastic.Patience <= 0 {
		errs = append(errs, errors.New("store.elastic.timeout, store.elastic.patience: want positive durations such as 1m"))
	}
	if s.SpoolBytes < leastSpool {
		errs = append(errs, fmt.Errorf("store.spool_bytes: want at least %d, found %d", leastSpool, s.SpoolBytes))
	}
	if err := s.Elastic.store().Check(); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			errs = append(errs, fmt.Errorf("store.elastic.%s", line))
		}
	}
	return errs
}

// name tells stores apart: the same servers and prefix are the same store.
func (e *ElasticConfig) name() string {
	where := e.CloudID
	if where == "" {
		sorted := slices.Clone(e.Addresses)
		slices.Sort(sorted)
		where = strings.Join(sorted, ",")
	}
	return fmt.Sprintf("elastic:%s/%s", where, e.Prefix)
}

// lockName is the file whose lock proves that one process serves the data folder's socket.
func lockName(data string) string { return filepath.Join(data, "LOCK") }
