package app

import (
	"time"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// Config is the whole configuration as it is in force. Its keys are the mapstructure
// tags joined by dots; configs/onlooker.yaml explains each.
type Config struct {
	Data      string          `mapstructure:"data"`
	Lang      string          `mapstructure:"lang"`
	Log       LogConfig       `mapstructure:"log"`
	HTTP      HTTPConfig      `mapstructure:"http"`
	Store     StoreConfig     `mapstructure:"store"`
	Directory DirectoryConfig `mapstructure:"directory"`
	Business  BusinessConfig  `mapstructure:"business"`
	View      ViewConfig      `mapstructure:"view"`
	Sources   []SourceConfig  `mapstructure:"sources"`
	Mappings  MappingsConfig  `mapstructure:"mappings"`
	Rules     RulesConfig     `mapstructure:"rules"`
	Score     ScoreConfig     `mapstructure:"score"`
	Notify    NotifyConfig    `mapstructure:"notify"`
	Retention RetentionConfig `mapstructure:"retention"`

	// File is where the configuration was read from; empty without one.
	File string `mapstructure:"-"`
}

// LogConfig says what is logged and how.
type LogConfig struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

// HTTPConfig is the one listener for events, API and page.
type HTTPConfig struct {
	Listen      string        `mapstructure:"listen"`
	BulkListen  string        `mapstructure:"bulk_listen"`
	Tokens      []SourceToken `mapstructure:"tokens"`
	TLSCert     string        `mapstructure:"tls_cert"`
	TLSKey      string        `mapstructure:"tls_key"`
	TLSClientCA string        `mapstructure:"tls_client_ca"`
	TLSOff      bool          `mapstructure:"tls_off"`
	Hosts       []string      `mapstructure:"hosts"`
	MaxBody     int64         `mapstructure:"max_body"`
	MaxLine     int           `mapstructure:"max_line"`
	MaxRequests int           `mapstructure:"max_requests"`
}

// SourceToken binds a bearer token to the source whose events it may append.
type SourceToken struct {
	Source string `mapstructure:"source"`
	Token  string `mapstructure:"token"`
}

// StoreConfig picks the store.
type StoreConfig struct {
	Kind    string        `mapstructure:"kind"`
	Elastic ElasticConfig `mapstructure:"elastic"`
	// SpoolBytes bounds the queue before a store that is not in this process.
	SpoolBytes int64 `mapstructure:"spool_bytes"`
}

// DirectoryConfig names the directory files; an empty name means there is none.
type DirectoryConfig struct {
	Employees string        `mapstructure:"employees"`
	Records   string        `mapstructure:"records"`
	Reasons   string        `mapstructure:"reasons"`
	Calendar  string        `mapstructure:"calendar"`
	Systems   string        `mapstructure:"systems"`
	Reload    time.Duration `mapstructure:"reload"`
}

// BusinessConfig says what a business day is.
type BusinessConfig struct {
	Zone     string        `mapstructure:"zone"`
	DayStart string        `mapstructure:"day_start"`
	Grace    time.Duration `mapstructure:"grace"`
}

// ViewConfig says how view time is inferred.
type ViewConfig struct {
	Idle   time.Duration `mapstructure:"idle"`
	IdleBy []ServiceIdle `mapstructure:"idle_by"`
}

// ServiceIdle is the idle timeout of one system.
type ServiceIdle struct {
	Service string        `mapstructure:"service"`
	Idle    time.Duration `mapstructure:"idle"`
}

// SourceConfig is one source beside HTTP, as written; the plug-in of its kind reads the
// rest.
type SourceConfig struct {
	Name     string         `mapstructure:"name"`
	Kind     string         `mapstructure:"kind"`
	Format   string         `mapstructure:"format"`
	Service  string         `mapstructure:"service"`
	Zone     string         `mapstructure:"zone"`
	Settings map[string]any `mapstructure:",remain"`

	folder string // that relative paths begin at; empty: the working folder
}

// RulesConfig names the rules that run.
type RulesConfig struct {
	Builtin bool     `mapstructure:"builtin"`
	Dirs    []string `mapstructure:"dirs"`
}

// ScoreConfig is when and how scores are made.
type ScoreConfig struct {
	Cron      string  `mapstructure:"cron"`
	History   int     `mapstructure:"history"`
	Medium    float64 `mapstructure:"medium"`
	High      float64 `mapstructure:"high"`
	Critical  float64 `mapstructure:"critical"`
	Leave     float64 `mapstructure:"leave"`
	LeaveDays int     `mapstructure:"leave_days"`
	DayP      float64 `mapstructure:"day_p"`
}

// NotifyConfig says where alerts go.
type NotifyConfig struct {
	MaxAge   time.Duration   `mapstructure:"max_age"`
	Link     string          `mapstructure:"link"`
	Channels []ChannelConfig `mapstructure:"channels"`
}

// ChannelConfig is one chat, as written; the plug-in of its kind reads the rest.
type ChannelConfig struct {
	Name     string         `mapstructure:"name"`
	Kind     string         `mapstructure:"kind"`
	Lang     string         `mapstructure:"lang"`
	Settings map[string]any `mapstructure:",remain"`
}

// RetentionConfig says for how many days data are kept.
type RetentionConfig struct {
	Events int `mapstructure:"events"`
	Scores int `mapstructure:"scores"`
}

// retentionFloor is the six months for which network logs must be kept (PRC
// Cybersecurity Law, art. 23).
const retentionFloor = 180

// Defaults is the configuration of a daemon that was told nothing.
func Defaults() Config {
	return Config{
		Data:      "data",
		Lang:      "zh",
		Log:       LogConfig{Level: "info", Format: "text"},
		HTTP:      HTTPConfig{Listen: "127.0.0.1:8417", MaxBody: 64 << 20, MaxLine: 1 << 20, MaxRequests: 32},
		Store:     StoreConfig{Kind: "pebble", Elastic: defaultElastic(), SpoolBytes: 2 << 30},
		Directory: DirectoryConfig{Reload: 10 * time.Second},
		Business:  BusinessConfig{Zone: "Asia/Shanghai", DayStart: "00:00", Grace: 2 * time.Hour},
		View:      ViewConfig{Idle: 5 * time.Minute},
		Rules:     RulesConfig{Builtin: true},
		Score: ScoreConfig{
			Cron: "5 * * * *", History: 180,
			Medium: 45, High: 65, Critical: 80, Leave: 8, LeaveDays: 3, DayP: 0.001,
		},
		Notify:    NotifyConfig{MaxAge: 24 * time.Hour},
		Retention: RetentionConfig{Events: 365, Scores: 1095},
	}
}

// Clock returns the business day's rule. Check has proved zone and start.
func (c *Config) Clock() ueba.Business {
	zone, start, err := c.Business.parse()
	if err != nil {
		return ueba.Business{Grace: c.Business.Grace}
	}
	return ueba.Business{Zone: zone, Start: start, Grace: c.Business.Grace}
}
