package esclient

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The flavours: what the server is.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
)

// Config says which server and who we are. Of the ways to authenticate at most one is used:
// an API key, or a name and password, or a client certificate (which may stand beside either).
type Config struct {
	Addresses     []string      // URLs; several of one cluster, for fail-over
	CloudID       string        // of Elastic Cloud, instead of addresses
	Username      string        // with Password
	Password      string        //
	APIKey        string        // base64 of id:key, as Kibana shows it
	CAFile        string        // PEM; only certificates of these authorities are believed
	CAFingerprint string        // SHA-256 in hex of the authority's certificate, instead of CAFile
	ClientCert    string        // PEM, with ClientKey
	ClientKey     string        //
	Flavour       string        // "" is Elasticsearch
	Timeout       time.Duration // of one request; 0 is 60 s
}

const defaultTimeout = 60 * time.Second

// Check reports everything that is wrong, each by the key's last word.
func (c Config) Check() error {
	var errs []error
	if (len(c.Addresses) == 0) == (c.CloudID == "") {
		errs = append(errs, errors.New("addresses: want at least one address such as http://127.0.0.1:9200, or cloud_id instead"))
	}
	if _, err := c.urls(); err != nil {
		errs = append(errs, err)
	}
	if c.APIKey != "" && c.Username != "" {
		errs = append(errs, errors.New("api_key: want either it or username and password, not both"))
	}
	if (c.Username == "") != (c.Password == "") {
		errs = append(errs, errors.New("username: want it together with password"))
	}
	if c.CAFile != "" && c.CAFingerprint != "" {
		errs = append(errs, errors.New("ca_file: want either it or ca_fingerprint, not both"))
	}
	if (c.ClientCert == "") != (c.ClientKey == "") {
		errs = append(errs, errors.New("client_cert: want it together with client_key"))
	}
	if c.Flavour != "" && c.Flavour != Elasticsearch && c.Flavour != OpenSearch {
		errs = append(errs, fmt.Errorf("flavour: want elasticsearch or opensearch, found %q", c.Flavour))
	}
	return errors.Join(errs...)
}

// urls returns where the server is.
func (c Config) urls() ([]*url.URL, error) {
	if c.CloudID != "" {
		u, err := cloudURL(c.CloudID)
		if err != nil {
			return nil, fmt.Errorf("cloud_id: %w", err)
		}
		return []*url.URL{u}, nil
	}
	var urls []*url.URL
	for _, a := range c.Addresses {
		u, err := url.Parse(strings.TrimRight(a, "/"))
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return nil, fmt.Errorf("addresses: want an address such as http://127.0.0.1:9200, found %q", a)
		}
		urls = append(urls, u)
	}
	return urls, nil
}

// cloudURL reads a cloud id: a name, a colon, base64 of host$elasticsearch$kibana.
func cloudURL(id string) (*url.URL, error) {
	_, code, _ := strings.Cut(id, ":")
	text, err := base64.StdEncoding.DecodeString(code)
	parts := strings.Split(string(text), "$")
	if err != nil || len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return nil, fmt.Errorf("want the id that the deployment's page shows, found %q", id)
	}
	return url.Parse("https://" + parts[1] + "." + parts[0])
}
