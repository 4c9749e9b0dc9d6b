package simulate

import (
	"slices"
	"strings"
	"testing"
)

func TestConfigIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"too few":          {func(c *Config) { c.Staff = 5 }, "staff is 5"},
		"no days":          {func(c *Config) { c.Days = 1 }, "days is 1"},
		"four systems":     {func(c *Config) { c.Systems = c.Systems[:4] }, "systems is 4"},
		"few records":      {func(c *Config) { c.Records = 10 }, "records is 10"},
		"all warm-up":      {func(c *Config) { c.Warmup = 60 }, "warm-up is 60"},
		"many insiders":    {func(c *Config) { c.Insiders = 100 }, "insiders is 100"},
		"many oddities":    {func(c *Config) { c.Oddities = 100 }, "oddities is 100"},
		"always silent":    {func(c *Config) { c.Silent = 60 }, "silent days is 60"},
		"negative looks":   {func(c *Config) { c.Looks = -1 }, "looks is -1"},
		"more than all":    {func(c *Config) { c.ReasonLoss = 1.5 }, "reason loss is 1.5"},
		"unknown scenario": {func(c *Config) { c.Scenarios = []string{"snooping"} }, `no scenario "snooping"`},
	} {
		cfg := Default()
		c.change(&cfg)
		if _, err := Write(t.TempDir(), cfg, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestConfigNamesAllThatIsWrong(t *testing.T) {
	cfg := Default()
	cfg.Staff, cfg.Days, cfg.ReasonLoss = 1, 1, 2
	_, err := cfg.complete()
	for _, want := range []string{"staff", "days", "reason loss"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

func TestConfigFillsIn(t *testing.T) {
	cfg, err := Config{Staff: 480, Days: 84, Systems: Default().Systems}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Insiders != 24 || cfg.Oddities != 48 || cfg.Records != 120_000 || cfg.Warmup != 30 || cfg.Silent != 2 || cfg.Share != .004 {
		t.Errorf("filled in %+v", cfg)
	}
	if cfg.Zone == nil || cfg.Zone.String() != "Asia/Shanghai" {
		t.Errorf("zone %v", cfg.Zone)
	}
	none, err := Config{Staff: 480, Days: 84, Systems: Default().Systems, Insiders: -1, Oddities: -1, Silent: -1}.complete()
	if err != nil || none.Insiders != 0 || none.Oddities != 0 || none.Silent != 0 {
		t.Errorf("negative means none: %+v, %v", none, err)
	}
}

// The smallest company that may be asked for can be made.
func TestSmallestCompany(t *testing.T) {
	cfg := Default()
	cfg.Staff, cfg.Days = 20, 2
	sum, err := Write(t.TempDir(), cfg, nil)
	if err != nil || sum.Employees != 20 || sum.Lines == 0 {
		t.Errorf("%+v, %v", sum, err)
	}
}

func TestNamesOfScenariosAndOddities(t *testing.T) {
	if n := len(Scenarios()); n != 16 {
		t.Errorf("%d scenarios, want 16", n)
	}
	if n := len(Oddities()); n < 10 {
		t.Errorf("%d oddities, want at least 10", n)
	}
	for _, list := range [][]string{Scenarios(), Oddities()} {
		slices.Sort(list)
		if len(slices.Compact(list)) != len(list) {
			t.Errorf("a name comes twice: %v", list)
		}
	}
}
