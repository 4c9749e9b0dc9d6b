package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/onlooker-ueba/onlooker/notify"
	"github.com/onlooker-ueba/onlooker/notify/dingtalk"
	"github.com/onlooker-ueba/onlooker/notify/notifytest"
	"github.com/onlooker-ueba/onlooker/notify/webhook"
	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/store/storetest"
	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

const (
	sent    = `{"errcode":0,"errmsg":"ok"}`
	tooFast = `{"errcode":130101,"errmsg":"send too fast"}`
)

// chat is a server that answers by turns and remembers what it was sent.
type chat struct {
	mu      sync.Mutex
	answers []string // one by one, the last for ever
	got     []request
}

type request struct {
	at     time.Time
	query  map[string][]string
	header http.Header
	body   string
}

func (c *chat) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, request{time.Now(), r.URL.Query(), r.Header.Clone(), string(body)})
	answer := c.answers[0]
	if len(c.answers) > 1 {
		c.answers = c.answers[1:]
	}
	if code, ok := strings.CutPrefix(answer, "HTTP "); ok {
		var status int
		_, _ = fmt.Sscan(code, &status)
		w.WriteHeader(status)
		return
	}
	_, _ = io.WriteString(w, answer)
}

func (c *chat) requests() []request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]request(nil), c.got...)
}

// house is a daemon's part that alerts: its store survives a restart.
type house struct {
	t      *testing.T
	store  *storetest.Memory
	client *http.Client
	cfg    notify.Config
	alerts *notify.Alerts
	outbox *notify.Outbox
	stop   func()
	lives  int
	log    bytes.Buffer
}

func newHouse(t *testing.T, server http.Handler, channels ...notify.Channel) *house {
	t.Helper()
	h := &house{t: t, store: storetest.NewMemoryAt(time.Now), client: notifytest.Pipe(t, server)}
	log := logrus.New()
	log.SetOutput(&h.log)
	h.cfg = notify.Config{
		Docs: h.store, Remover: h.store, Client: h.client, Now: time.Now, Log: log, Channels: channels,
		Composer: notify.Composer{
			Text: text.MustLoad(), Name: func(e string) string { return "P-" + e[1:] },
			Sentences: func(ueba.Alert, text.Lang) []string { return []string{"查看次数远超平时"} },
		},
	}
	h.build()
	return h
}

func (h *house) build() {
	h.lives++
	h.cfg.Owner = fmt.Sprintf("life %d", h.lives)
	h.alerts = notify.NewAlerts(h.store, h.store, 24*time.Hour, time.Now)
	h.cfg.Alerts = h.alerts
	h.outbox = notify.NewOutbox(h.cfg)
}

func (h *house) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	run := h.outbox.Run
	go func() { ended <- run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	}
}

func (h *house) restart() {
	h.stop()
	h.build()
	h.start()
}

func (h *house) raise(alerts ...ueba.Alert) {
	h.t.Helper()
	if err := h.alerts.Raise(h.t.Context(), alerts...); err != nil {
		h.t.Fatal(err)
	}
}

// delivery gives the record of an alert's only delivery.
func (h *house) delivery(id string) notify.Delivery {
	h.t.Helper()
	ds, err := h.outbox.Deliveries(h.t.Context(), id)
	if err != nil || len(ds) != 1 {
		h.t.Fatalf("deliveries of %s: %v, %v", id, ds, err)
	}
	return ds[0]
}

func (h *house) waiting() int {
	n := 0
	for _, err := range h.store.List(h.t.Context(), notify.KindOutbox, "", "", false) {
		if err != nil {
			h.t.Fatal(err)
		}
		n++
	}
	return n
}

func ding(t *testing.T) notify.Channel {
	t.Helper()
	r, err := dingtalk.New(dingtalk.Config{URL: "http://127.0.0.1/robot/send?access_token=token123456", Secret: "SECtest"})
	if err != nil {
		t.Fatal(err)
	}
	return notify.Channel{Name: "security", Lang: text.Chinese, Adapter: r}
}

func hook(t *testing.T, name string) notify.Channel {
	t.Helper()
	w, err := webhook.New(webhook.Config{URL: notify.Secret("http://127.0.0.1/" + name), Secrets: []notify.Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}})
	if err != nil {
		t.Fatal(err)
	}
	return notify.Channel{Name: name, Lang: text.English, Adapter: w}
}

// alert n of today.
func alert(n int, level ueba.RiskLevel) ueba.Alert {
	now := time.Now().UTC()
	e := fmt.Sprintf("E%d", n)
	return ueba.Alert{
		ID: ueba.AlertID(ueba.DateOf(now), e, "score.level", string(level)), Time: now, Day: ueba.DateOf(now), Employee: e,
		Level: level, Previous: ueba.Low, Rule: "score.level", Score: float64(n), Count: 7,
	}
}

func TestDingTalkRefusesFirstAndGetsItAfterThePenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{tooFast, sent}}
		h := newHouse(t, server, ding(t))
		h.start()
		defer func() { h.stop() }()
		begin := time.Now()
		a := alert(7, ueba.High)
		h.raise(a)
		synctest.Wait()
		if n := len(server.requests()); n != 1 {
			t.Fatalf("%d requests, want the first at once", n)
		}
		if d := h.delivery(a.ID); d.State != notify.DeliveryPending || d.Outcome != notify.RetryAfter || !strings.Contains(d.Answer, "130101") {
			t.Errorf("after the refusal: %+v", d)
		}
		time.Sleep(5 * time.Minute)
		other := alert(8, ueba.Critical)
		h.raise(other) // another alert waits out the penalty too
		time.Sleep(5*time.Minute - time.Second)
		synctest.Wait()
		if n := len(server.requests()); n != 1 {
			t.Fatalf("%d requests within the penalty", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got := server.requests()
		if len(got) != 3 || got[1].at.Sub(begin) < 10*time.Minute {
			t.Fatalf("want both alerts after the penalty, got %d requests", len(got))
		}
		for _, r := range got {
			if err := signed(r); err != nil {
				t.Error(err)
			}
		}
		if body := got[2].body; !strings.Contains(body, "员工 P-7") || !strings.Contains(body, "风险等级由低升至高") || strings.Contains(body, "E7") {
			t.Errorf("the message says %s", body)
		}
		if d := h.delivery(a.ID); d.State != notify.DeliveryDelivered || d.Attempts != 2 {
			t.Errorf("in the end: %+v", d)
		}
		if h.waiting() != 0 {
			t.Error("the outbox still holds it")
		}
	})
}

func signed(r request) error {
	var ms int64
	if _, err := fmt.Sscan(r.query["timestamp"][0], &ms); err != nil {
		return err
	}
	if d := r.at.Sub(time.UnixMilli(ms)).Abs(); d > time.Second {
		return fmt.Errorf("signed %v ago", d)
	}
	if want := dingtalk.Sign("SECtest", time.UnixMilli(ms)); r.query["sign"][0] != want {
		return fmt.Errorf("signature %s, want %s", r.query["sign"][0], want)
	}
	return nil
}

func TestRestartKeepsThePenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{tooFast, sent}}
		h := newHouse(t, server, ding(t))
		h.start()
		defer func() { h.stop() }()
		h.raise(alert(1, ueba.High))
		synctest.Wait()
		h.restart()
		h.raise(alert(2, ueba.Critical))
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if n := len(server.requests()); n != 1 {
			t.Fatalf("%d requests within the penalty", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(server.requests()); n != 3 || h.waiting() != 0 {
			t.Errorf("%d requests, %d wait", n, h.waiting())
		}
	})
}

func TestRestartLosesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{"HTTP 500"}}
		h := newHouse(t, server, hook(t, "siem"))
		for n := range 5 {
			h.raise(alert(n, ueba.High)) // nobody is running yet
		}
		h.start()
		defer func() { h.stop() }()
		time.Sleep(time.Minute)
		h.restart()
		server.mu.Lock()
		server.answers = []string{"fine"}
		server.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		for n := range 5 {
			if d := h.delivery(alert0(h, n)); d.State != notify.DeliveryDelivered {
				t.Errorf("alert %d: %+v", n, d)
			}
		}
	})
}

// alert0 finds the id of the alert of employee n.
func alert0(h *house, n int) string {
	h.t.Helper()
	found, err := h.alerts.List(h.t.Context(), notify.Filter{Employee: fmt.Sprintf("E%d", n)})
	if err != nil || len(found) != 1 {
		h.t.Fatalf("alerts of E%d: %v, %v", n, found, err)
	}
	return found[0].ID
}

func TestMoreThanTheBudgetBecomesADigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{sent}}
		h := newHouse(t, server, ding(t))
		for n := range 100 {
			h.raise(alert(n, ueba.High))
		}
		h.raise(alert(500, ueba.Critical))
		h.start()
		defer func() { h.stop() }()
		synctest.Wait()
		got := server.requests()
		if len(got) != 16 {
			t.Fatalf("%d messages, want 16", len(got))
		}
		if !strings.Contains(got[0].body, "P-500") {
			t.Errorf("the worst did not go first: %s", got[0].body)
		}
		if !strings.Contains(got[15].body, "汇总：86 条告警，涉及 86 名员工") || !strings.Contains(got[15].body, "P-85") {
			t.Errorf("the digest says %s", got[15].body)
		}
		id := h.delivery(alert0(h, 3)).Message
		if d := h.delivery(alert0(h, 4)); d.State != notify.DeliveryDelivered || d.Message != id || !strings.HasPrefix(id, "digest-") {
			t.Errorf("a merged alert: %+v", d)
		}
		if h.waiting() != 0 {
			t.Errorf("%d alerts still wait", h.waiting())
		}
	})
}

func TestNoMinuteHasMoreThanTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{sent}}
		h := newHouse(t, server, ding(t))
		h.start()
		defer func() { h.stop() }()
		for n := range 200 {
			h.raise(alert(n, ueba.High))
			time.Sleep(1500 * time.Millisecond)
			if n%50 == 49 {
				h.restart()
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		got := server.requests()
		for i := range got {
			if j := i + 16; j < len(got) && got[j].at.Sub(got[i].at) < time.Minute {
				t.Fatalf("messages %d to %d within %v", i, j, got[j].at.Sub(got[i].at))
			}
		}
		if h.waiting() != 0 {
			t.Errorf("%d alerts still wait", h.waiting())
		}
	})
}

func TestAlertsOfThePastComeInOneDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{sent}}
		h := newHouse(t, server, ding(t))
		h.start()
		defer func() { h.stop() }()
		for n := range 40 {
			a := alert(n, ueba.High)
			a.Time = a.Time.Add(-time.Duration(n+2) * 24 * time.Hour)
			a.Day -= ueba.Day(n + 2)
			h.raise(a)
			time.Sleep(3 * time.Second)
		}
		fresh := alert(99, ueba.High)
		h.raise(fresh)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		got := server.requests()
		if len(got) != 2 || !strings.Contains(got[0].body, "P-99") || !strings.Contains(got[1].body, "汇总：40 条告警") {
			t.Errorf("%d messages: %v", len(got), got)
		}
	})
}

func TestWhatWaitedForAChannelIsPastByThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{sent}}
		h := newHouse(t, server)
		h.raise(alert(1, ueba.High), alert(2, ueba.High))
		h.start()
		time.Sleep(72 * time.Hour)
		h.cfg.Channels = []notify.Channel{ding(t)}
		h.restart()
		defer func() { h.stop() }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := server.requests(); len(got) != 1 || !strings.Contains(got[0].body, "汇总：2 条告警") {
			t.Errorf("got %v", got)
		}
	})
}

func TestRetriesBackOffAndGiveUpVisibly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{"HTTP 500"}}
		h := newHouse(t, server, hook(t, "siem"))
		h.start()
		defer func() { h.stop() }()
		a := alert(1, ueba.High)
		h.raise(a)
		time.Sleep(23 * time.Hour)
		if d := h.delivery(a.ID); d.State != notify.DeliveryPending || d.Next.IsZero() {
			t.Errorf("after 23 hours: %+v", d)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		d := h.delivery(a.ID)
		if d.State != notify.DeliveryFailed || d.Attempts < 40 || d.Attempts > 80 || d.Outcome != notify.Retry {
			t.Errorf("after a day: %+v", d)
		}
		if all, err := h.outbox.Deliveries(t.Context(), ""); err != nil || len(all) != 1 {
			t.Errorf("failed deliveries must show: %v, %v", all, err)
		}
		got := server.requests()
		for i := 2; i < len(got); i++ {
			if gap, before := got[i].at.Sub(got[i-1].at), got[i-1].at.Sub(got[i-2].at); gap < before/2 || gap > 40*time.Minute {
				t.Errorf("gap %d is %v after %v", i, gap, before)
			}
		}
		if got[0].header.Get("webhook-id") != got[1].header.Get("webhook-id") {
			t.Error("the id must stay the same over the attempts")
		}

		server.mu.Lock()
		server.answers = []string{"fine"}
		server.mu.Unlock()
		if err := h.outbox.Resend(t.Context(), a.ID[:10], "siem"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if d := h.delivery(a.ID); d.State != notify.DeliveryDelivered || d.Attempts != 1 {
			t.Errorf("after the resend: %+v", d)
		}
	})
}

func TestBadConfigurationIsTriedSeldomAndAtOnceAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{`{"errcode":310000,"errmsg":"sign not match"}`}}
		h := newHouse(t, server, ding(t))
		h.start()
		defer func() { h.stop() }()
		a := alert(1, ueba.High)
		h.raise(a)
		time.Sleep(7 * time.Minute)
		synctest.Wait()
		if n := len(server.requests()); n != 1 {
			t.Errorf("%d attempts in seven minutes", n)
		}
		server.mu.Lock()
		server.answers = []string{sent}
		server.mu.Unlock()
		h.restart()
		time.Sleep(time.Second)
		synctest.Wait()
		if d := h.delivery(a.ID); d.State != notify.DeliveryDelivered {
			t.Errorf("after the restart: %+v", d)
		}
	})
}

func TestTooLongGoesDownTheLadder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := `{"errcode":460101,"errmsg":"too long"}`
		server := &chat{answers: []string{long, long, sent}}
		h := newHouse(t, server, ding(t))
		h.start()
		defer func() { h.stop() }()
		h.raise(alert(1, ueba.High))
		synctest.Wait()
		got := server.requests()
		if len(got) != 3 {
			t.Fatalf("%d attempts", len(got))
		}
		full, short, line := got[0].body, got[1].body, got[2].body
		if !strings.Contains(full, "查看次数远超平时") || strings.Contains(short, "查看次数远超平时") || !strings.Contains(short, "风险评分") || strings.Contains(line, "风险评分") {
			t.Errorf("the ladder:\n%s\n%s\n%s", full, short, line)
		}
	})
}

func TestRaisingAgainSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{sent}}
		h := newHouse(t, server, ding(t))
		h.start()
		defer func() { h.stop() }()
		a := alert(1, ueba.High)
		for range 3 {
			h.raise(a)
			time.Sleep(time.Minute)
		}
		if _, err := h.alerts.Step(t.Context(), ueba.Step{AlertID: a.ID, State: ueba.AlertAcknowledged, Time: time.Now()}); err != nil {
			t.Fatal(err)
		}
		a.Count = 99
		h.raise(a)
		h.restart()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(server.requests()); n != 1 {
			t.Errorf("%d messages", n)
		}
		if got, err := h.alerts.Get(t.Context(), a.ID); err != nil || got.State != ueba.AlertAcknowledged || got.Count != 7 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestACrashWhileRaisingIsCompletedByRaisingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{sent}}
		h := newHouse(t, server, ding(t))
		h.start()
		defer func() { h.stop() }()
		a := alert(1, ueba.High)
		body, err := json.Marshal(map[string]any{"raised": time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		// The first of the two documents is there, the second is not.
		if err := h.store.Put(t.Context(), store.Doc{Kind: notify.KindOutbox, ID: a.ID, Day: a.Day, Body: body}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := len(server.requests()); n != 0 {
			t.Fatalf("%d messages of an alert that is not there", n)
		}
		h.raise(a)
		synctest.Wait()
		if n := len(server.requests()); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// Two daemons on one store, through an outage of the chat: each alert comes once.
func TestTwoDaemonsDeliverOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{"HTTP 500", "HTTP 500", "HTTP 500", "HTTP 500", "fine"}}
		h := newHouse(t, server, hook(t, "siem"))
		other := *h
		other.build()
		h.start()
		other.start()
		defer func() { h.stop() }()
		defer func() { other.stop() }()
		for n := range 20 {
			h.raise(alert(n, ueba.High))
			if err := other.alerts.Raise(t.Context(), alert(n, ueba.High)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		times := map[string]int{}
		for _, r := range server.requests()[4:] {
			for n := range 20 {
				if strings.Contains(r.body, fmt.Sprintf(`"P-%d"`, n)) {
					times[fmt.Sprint(n)]++
				}
			}
		}
		for n := range 20 {
			if times[fmt.Sprint(n)] != 1 {
				t.Errorf("alert %d came %d times", n, times[fmt.Sprint(n)])
			}
		}
	})
}

func TestOneDeadChannelDoesNotHoldUpAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		dead, alive := &chat{answers: []string{"HTTP 404"}}, &chat{answers: []string{"fine"}}
		mux.Handle("/dead", dead)
		mux.Handle("/alive", alive)
		h := newHouse(t, mux, hook(t, "dead"), hook(t, "alive"))
		h.start()
		defer func() { h.stop() }()
		h.raise(alert(1, ueba.High))
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(alive.requests()); n != 1 {
			t.Errorf("the living channel got %d messages", n)
		}
		if n := len(dead.requests()); n < 2 || h.waiting() != 1 {
			t.Errorf("the dead channel was tried %d times, %d wait", n, h.waiting())
		}
	})
}

func TestAFullStoreDelaysAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{"fine"}}
		h := newHouse(t, server, hook(t, "siem"))
		h.store.Refuse(store.ErrFull)
		if err := h.alerts.Raise(t.Context(), alert(1, ueba.High)); !errors.Is(err, store.ErrFull) {
			t.Fatalf("got %v", err)
		}
		h.store.Refuse(nil)
		h.raise(alert(1, ueba.High))
		h.store.Refuse(store.ErrFull)
		h.start() // only now: it would send between the two lines above
		defer func() { h.stop() }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(server.requests()); n != 0 {
			t.Errorf("%d messages that could not be recorded", n)
		}
		h.store.Refuse(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(server.requests()); n != 1 || h.waiting() != 0 {
			t.Errorf("%d messages, %d wait", n, h.waiting())
		}
	})
}

func TestTestSaysWhatTheChatAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &chat{answers: []string{`{"errcode":310000,"errmsg":"keywords not in content"}`, sent}}
		h := newHouse(t, server, ding(t))
		outcome, answer, err := h.outbox.Test(t.Context(), "security")
		if err != nil || outcome.Code != notify.BadConfig || !strings.Contains(answer, "keywords not in content") {
			t.Errorf("got %v, %q, %v", outcome, answer, err)
		}
		outcome, _, err = h.outbox.Test(t.Context(), "security")
		if err != nil || !outcome.Arrived() || !strings.Contains(server.requests()[1].body, "明镜测试消息（通道：security）") {
			t.Errorf("got %v, %v", outcome, err)
		}
		if _, _, err = h.outbox.Test(t.Context(), "nobody"); !errors.Is(err, notify.ErrNoChannel) {
			t.Errorf("got %v", err)
		}
		if err := h.outbox.Resend(t.Context(), "x", "nobody"); !errors.Is(err, notify.ErrNoChannel) {
			t.Errorf("got %v", err)
		}
	})
}
