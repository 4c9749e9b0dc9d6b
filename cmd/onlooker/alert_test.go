package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// dingTalk is a chat server that checks signatures as DingTalk documents them.
type dingTalk struct {
	*httptest.Server
	mu       sync.Mutex
	refuse   string // the answer to everything, while it is set
	messages []string
	faults   []string
}

const (
	robotToken  = "canary-access-token-77"
	robotSecret = "SECcanary0123456789abcdef"
)

func newDingTalk(t *testing.T) *dingTalk {
	t.Helper()
	d := &dingTalk{}
	d.Server = httptest.NewServer(d)
	t.Cleanup(d.Close)
	return d
}

func (d *dingTalk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	q := r.URL.Query()
	mac := hmac.New(sha256.New, []byte(robotSecret))
	_, _ = io.WriteString(mac, q.Get("timestamp")+"\n"+robotSecret)
	switch {
	case err != nil:
		d.faults = append(d.faults, err.Error())
	case q.Get("access_token") != robotToken:
		d.faults = append(d.faults, "access_token "+q.Get("access_token"))
	case q.Get("sign") != base64.StdEncoding.EncodeToString(mac.Sum(nil)):
		d.faults = append(d.faults, "sign "+q.Get("sign"))
	}
	if d.refuse != "" {
		_, _ = io.WriteString(w, d.refuse)
		return
	}
	var message struct {
		Type     string `json:"msgtype"`
		Markdown struct{ Title, Text string }
	}
	if err := json.Unmarshal(body, &message); err != nil || message.Type != "markdown" {
		d.faults = append(d.faults, string(body))
	}
	d.messages = append(d.messages, message.Markdown.Title+"\n"+message.Markdown.Text)
	_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
}

func (d *dingTalk) answer(body string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = body
}

func (d *dingTalk) received() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.messages...)
}

func (d *dingTalk) check(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.faults {
		t.Errorf("DingTalk was sent %s", f)
	}
}

// withRobot is a stage whose alerts go to the chat server.
func withRobot(t *testing.T, chat *dingTalk) *stage {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "employees.csv"), "employee_id,name,department,role,hire_date,accounts\nE10007,王伟,信贷部,审批员,2020-01-01,wang.wei\n")
	config := writeFile(t, filepath.Join(dir, "onlooker.yaml"), "directory:\n  employees: employees.csv\nnotify:\n  channels:\n"+
		"    - {name: robot, kind: dingtalk, lang: zh, url: \""+chat.URL+"/robot/send?access_token="+robotToken+"\", secret: "+robotSecret+"}\n")
	return newStage(t, "--config", config)
}

func export(id string, at time.Time) string {
	return `{"@timestamp":"` + at.Format(time.RFC3339) + `","event":{"id":"` + id + `","action":"export"},"user":{"id":"wang.wei"},` +
		`"service":{"name":"crm"},"record":{"type":"customer","id":"C1000293","class":"C3"}}` + "\n"
}

// TestAnExportReachesTheChat: from the event over HTTP to a signed message, and the steps
// that people take from there.
func TestAnExportReachesTheChat(t *testing.T) {
	chat := newDingTalk(t)
	s := withRobot(t, chat)
	d := s.serve()
	if out := s.run("alerts", "test", "robot"); !strings.Contains(out, "delivered") {
		t.Errorf("alerts test: %s", out)
	}
	if r := s.try("alerts", "test", "nobody"); r.code != exitFailed || !strings.Contains(r.errout, "notify.channels") {
		t.Errorf("alerts test of no channel: exit code %d %s", r.code, r.errout)
	}

	if status, answer := d.post("", export("x-1", noon.Add(-time.Minute))); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	d.await("the message arrives", func() bool { return len(chat.received()) == 2 })
	chat.check(t)

	alerts := s.rows("alerts")
	if len(alerts) != 1 || alerts[0]["employee_id"] != "E10007" || alerts[0]["level"] != "high" || alerts[0]["state"] != "new" {
		t.Fatalf("alerts: %v", alerts)
	}
	message := chat.received()[1]
	for _, secret := range []string{"E10007", "王伟", "wang.wei", "C1000293"} {
		if strings.Contains(message, secret) {
			t.Errorf("the message tells %s:\n%s", secret, message)
		}
	}
	if !strings.Contains(message, "P-") || !strings.Contains(message, "C3") {
		t.Errorf("the message says too little:\n%s", message)
	}

	id := alerts[0]["id"]
	s.run("alerts", "ack", id, "--note", "on it")
	if rows := s.rows("alerts", "--state", "acknowledged"); len(rows) != 1 || rows[0]["id"] != id {
		t.Errorf("acknowledged: %v", rows)
	}
	s.run("alerts", "close", id, "--outcome", "false_alarm", "--note", "a test")
	if rows := s.rows("alerts", "--state", "closed"); len(rows) != 1 {
		t.Errorf("closed: %v", rows)
	}
	if r := s.try("alerts", "ack", "20261102-nothing"); r.code != exitFailed {
		t.Errorf("ack of no alert: exit code %d %s", r.code, r.errout)
	}
	if log := d.log.String(); strings.Contains(log, robotToken) || strings.Contains(log, robotSecret) || strings.Contains(log, "C1000293") {
		t.Errorf("the log tells secrets:\n%s", log)
	}
}

// TestAnAlertWaitsForTheChat: refused inside HTTP 200, kept over a kill of the daemon, and
// delivered once when the penalty is over.
func TestAnAlertWaitsForTheChat(t *testing.T) {
	chat := newDingTalk(t)
	chat.answer(`{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`)
	s := withRobot(t, chat)
	d := s.serve()
	d.post("", export("x-1", noon.Add(-time.Minute)))
	d.await("the refusal is logged", func() bool { return strings.Contains(d.log.String(), "errcode 130101") })
	d.stop()

	chat.answer("")
	d = s.serve()
	d.post("", export("x-1", noon.Add(-time.Minute))) // the sender repeats itself
	time.Sleep(300 * time.Millisecond)
	if got := chat.received(); len(got) != 0 {
		t.Errorf("sent within the penalty: %s", got)
	}
	d.stop()

	later := *s
	later.now = func() time.Time { return noon.Add(11 * time.Minute) }
	d = later.serve()
	d.await("the message arrives after the penalty", func() bool { return len(chat.received()) == 1 })
	d.post("", export("x-1", noon.Add(-time.Minute)))
	time.Sleep(300 * time.Millisecond)
	if got := chat.received(); len(got) != 1 {
		t.Errorf("sent %d times", len(got))
	}
	chat.check(t)
}
