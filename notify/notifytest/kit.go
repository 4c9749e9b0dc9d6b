package notifytest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Canary stands in every secret of an adapter under test.
const Canary = "canary7f3a9c1e"

// Kit describes an adapter to Run.
type Kit struct {
	// New makes the adapter for an address such as http://127.0.0.1:1234. It adds path,
	// query and keys of the real one, with Canary in each.
	New func(address string) (notify.Adapter, error)
	// MaxBody is the chat's limit in bytes of a body.
	MaxBody int
	// Answers are what the chat answers, and what it means.
	Answers []Answer
	// Markup lists what must not stand in a body that was rendered from Hostile.
	Markup []string
}

// Answer is one answer of a chat.
type Answer struct {
	Name   string
	Status int // 200 unless given
	Header map[string]string
	Body   string
	Want   notify.Code
	After  time.Duration
}

// Hostile is text from outside that tries to be markup, mentions and control codes.
const Hostile = "x](http://evil.example) <!channel> <@U123> @all @channel **b** `c` _i_ \x1b[31m\u202egnp.exe \"quoted\" \\ \r\n# h <script>"

// Run puts the adapter through the kit.
func Run(t *testing.T, kit Kit) {
	t.Run("answers", kit.answers)
	t.Run("broken servers", kit.broken)
	t.Run("sizes", kit.sizes)
	t.Run("hostile text", kit.hostile)
	t.Run("budget", kit.budget)
	t.Run("secrets", kit.secrets)
}

// bench is an outbox over one adapter, with everything that could leak.
type bench struct {
	*notify.Outbox
	alerts *notify.Alerts
	memory *storetest.Memory
	log    *bytes.Buffer
}

func (kit Kit) bench(t *testing.T, address string, timeout time.Duration) bench {
	t.Helper()
	adapter, err := kit.New(address)
	if err != nil {
		t.Fatal(err)
	}
	b := bench{memory: storetest.NewMemory(), log: &bytes.Buffer{}}
	log := logrus.New()
	log.SetOutput(b.log)
	log.SetLevel(logrus.TraceLevel)
	client := notify.NewClient(nil, nil)
	client.Timeout = timeout
	b.alerts = notify.NewAlerts(b.memory, b.memory, 24*time.Hour, time.Now)
	b.Outbox = notify.NewOutbox(notify.Config{
		Docs: b.memory, Remover: b.memory, Alerts: b.alerts, Client: client, Owner: "test", Now: time.Now, Log: log,
		Composer: notify.Composer{Text: text.MustLoad(), Name: func(string) string { return "P-1" }},
		Channels: []notify.Channel{{Name: "chat", Lang: text.Chinese, Adapter: adapter}},
	})
	return b
}

// try sends a test message to a server and checks that nothing leaked on the way.
func (kit Kit) try(t *testing.T, timeout time.Duration, handler http.HandlerFunc) notify.Outcome {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	b := kit.bench(t, server.URL, timeout)
	outcome, answer, err := b.Test(t.Context(), "chat")
	if err != nil {
		t.Fatal(err)
	}
	if said := outcome.String() + answer + b.log.String(); strings.Contains(said, Canary) {
		t.Errorf("a secret came out: %s", said)
	}
	if !utf8.ValidString(answer) || len(answer) > 300 {
		t.Errorf("the answer that is kept has %d bytes: %q", len(answer), answer)
	}
	return outcome
}

func (kit Kit) answers(t *testing.T) {
	for _, a := range kit.Answers {
		t.Run(a.Name, func(t *testing.T) {
			got := kit.try(t, 5*time.Second, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range a.Header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(max(a.Status, http.StatusOK))
				_, _ = io.WriteString(w, a.Body)
			})
			if got.Code != a.Want || got.After != a.After {
				t.Errorf("got %v, want %s %v", got, a.Want, a.After)
			}
		})
	}
}

// broken servers must never count as success, and never cost more than the time-out.
func (kit Kit) broken(t *testing.T) {
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    []notify.Code
	}{
		"hangs up":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, []notify.Code{notify.Retry}},
		"never answers":   {func(_ http.ResponseWriter, r *http.Request) { hang(r) }, []notify.Code{notify.Retry}},
		"stops midway":    {stopMidway, []notify.Code{notify.Retry}},
		"redirects":       {redirect, []notify.Code{notify.BadConfig}},
		"echoes":          {echo, []notify.Code{notify.BadConfig}},
		"a gateway fails": {status(http.StatusBadGateway), []notify.Code{notify.Retry}},
		"an error page":   {status(http.StatusInternalServerError), []notify.Code{notify.Retry}},
		"too large":       {status(http.StatusRequestEntityTooLarge), []notify.Code{notify.Shrink}},
		"not found":       {status(http.StatusNotFound), []notify.Code{notify.BadConfig}},
	} {
		t.Run(name, func(t *testing.T) {
			got := kit.try(t, time.Second, tt.handler)
			for _, want := range tt.want {
				if got.Code == want {
					return
				}
			}
			t.Errorf("got %v, want one of %v", got, tt.want)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		outcome, _, err := kit.bench(t, server.URL, time.Second).Test(t.Context(), "chat")
		if err != nil || outcome.Code != notify.Retry || strings.Contains(outcome.String(), Canary) || strings.Contains(outcome.String(), `Post "`) {
			t.Errorf("got %v, %v", outcome, err)
		}
	})
}

// hang answers nothing until the client goes. It reads the body first: before that the
// server does not notice that it went.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func stopMidway(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "{")
	_ = http.NewResponseController(w).Flush()
	hang(r)
}

// redirect would succeed if it were followed.
func redirect(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/followed" {
		_, _ = io.WriteString(w, `{"errcode":0}`)
		return
	}
	http.Redirect(w, r, "/followed", http.StatusTemporaryRedirect)
}

// echo answers with all that it was sent, as some proxies do in their error pages.
func echo(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusForbidden)
	_ = r.Write(w)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func (kit Kit) sizes(t *testing.T) {
	adapter, err := kit.New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 100, 3_000, 10_000, 100_000} {
		for _, char := range []string{"x", "客", "🔔", `"`} {
			m := message(strings.Repeat(char, n))
			b, err := adapter.Render(m)
			if err != nil {
				t.Fatalf("%d times %q: %v", n, char, err)
			}
			if len(b) > kit.MaxBody {
				t.Errorf("%d times %q: %d bytes are over the limit of %d", n, char, len(b), kit.MaxBody)
			}
			if !json.Valid(b) || !utf8.Valid(b) {
				t.Errorf("%d times %q: not valid JSON in UTF-8", n, char)
			}
		}
	}
}

func message(s string) notify.Message {
	m := notify.Message{
		ID: "20261102-aaaa", Kind: "alert", Lang: text.Chinese, Title: "t" + s, Link: "https://onlooker.example/a", LinkText: "打开", Total: 60,
	}
	for range 5 {
		m.Facts = append(m.Facts, notify.Fact{Label: "评分", Value: "v" + s})
		m.Lines = append(m.Lines, "l"+s)
	}
	for range 60 {
		m.Alerts = append(m.Alerts, notify.Item{ID: "20261102-aaaa", Title: s, Level: ueba.High})
	}
	return m
}

// hostile renders an alert whose every string comes from outside.
func (kit Kit) hostile(t *testing.T) {
	adapter, err := kit.New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	composer := notify.Composer{
		Text: text.MustLoad(), Name: func(string) string { return Hostile },
		Sentences: func(ueba.Alert, text.Lang) []string { return []string{Hostile} },
	}
	a := ueba.Alert{ID: "20261102-aaaa", Employee: "E1", Level: ueba.High, Rule: "r", Title: Hostile, Time: time.Unix(1, 0)}
	for _, m := range []notify.Message{composer.Alert(a, text.English), composer.Digest([]ueba.Alert{a, a}, text.Chinese)} {
		b, err := adapter.Render(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range append(kit.Markup, `\u001b`, "\u202e", `\r`) {
			if bytes.Contains(b, []byte(bad)) {
				t.Errorf("%q stands in %s", bad, b)
			}
		}
	}
}

func (kit Kit) budget(t *testing.T) {
	adapter, err := kit.New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if b := adapter.Budget(); b.Messages < 1 || b.Per <= 0 {
		t.Errorf("the budget %v lets nothing pass", b)
	}
}

// secrets lets a delivery fail in earnest and searches the store and the log.
func (kit Kit) secrets(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	b := kit.bench(t, server.URL, time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	a := ueba.Alert{ID: "20261102-aaaa", Employee: "E1", Level: ueba.High, Rule: "score.day", Time: time.Now()}
	if err := b.alerts.Raise(ctx, a); err != nil {
		t.Fatal(err)
	}
	for !kit.attempted(t, b, a.ID) {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if b.log.Len() == 0 || strings.Contains(b.log.String(), Canary) {
		t.Errorf("the log: %s", b.log)
	}
	for _, kind := range []string{notify.KindAlert, notify.KindOutbox, notify.KindDelivery} {
		for doc, err := range b.memory.List(t.Context(), kind, "", "", false) {
			if err != nil || bytes.Contains(doc.Body, []byte(Canary)) {
				t.Errorf("%s %s: %s, %v", kind, doc.ID, doc.Body, err)
			}
		}
	}
}

func (kit Kit) attempted(t *testing.T, b bench, id string) bool {
	t.Helper()
	ds, err := b.Deliveries(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return len(ds) == 1 && ds[0].Outcome != ""
}
