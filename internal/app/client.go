package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/onlooker-ueba/onlooker/console"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// Client asks the process that holds the data folder, over its socket.
type Client struct {
	http  *http.Client
	close func() error
}

// newClient makes a client of the socket.
func newClient(socket string, closing func() error) *Client {
	var d net.Dialer
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "unix", socket)
	}}
	return &Client{http: &http.Client{Transport: transport}, close: closing}
}

// Close ends the connection, and the process's own node where it had to start one.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	if c.close == nil {
		return nil
	}
	return c.close()
}

// Problem is an answer that says what went wrong.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

func (p *Problem) Error() string {
	s := p.Detail
	if s == "" {
		s = p.Title
	}
	for _, e := range p.Errors {
		s += "; " + strings.TrimPrefix(e.Location, "query.") + ": " + e.Message
	}
	return s
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: "localhost", Path: "/api/v1" + path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", errors.Unwrap(err))
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		p := &Problem{Status: resp.StatusCode, Title: resp.Status}
		_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(p) // the status alone will do
		return nil, p
	}
	return resp, nil
}

// get asks for one document.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	var out T
	resp, err := c.do(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("read the daemon's answer: %w", err)
	}
	return out, nil
}

func send[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	var out T
	b, err := json.Marshal(body)
	if err != nil {
		return out, fmt.Errorf("ask the daemon: %w", err)
	}
	resp, err := c.do(ctx, http.MethodPost, path, nil, bytes.NewReader(b))
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("read the daemon's answer: %w", err)
	}
	return out, nil
}

// pages gathers all pages of a list, limit items at most (0: all).
func pages[T any](ctx context.Context, c *Client, path string, query url.Values, limit int) ([]T, error) {
	var out []T
	for {
		page, err := get[console.Page[T]](ctx, c, path, query)
		if err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		if limit > 0 && len(out) >= limit {
			return out[:limit], nil
		}
		if page.Next == "" {
			return out, nil
		}
		query.Set("after", page.Next)
	}
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// Status tells how the daemon fares.
func (c *Client) Status(ctx context.Context) (console.StatusAnswer, error) {
	return get[console.StatusAnswer](ctx, c, "/status", nil)
}

// Scores lists scores of from…to, by default of the newest day.
func (c *Client) Scores(ctx context.Context, from, to string) ([]console.ScoreRow, error) {
	q := values("from", from, "to", to, "limit", "10000")
	return pages[console.ScoreRow](ctx, c, "/scores", q, 0)
}

// Explain gives one score with everything behind it.
func (c *Client) Explain(ctx context.Context, employee, date, lang string) (console.ScoreDetail, error) {
	if date == "" {
		date = "latest"
	}
	path := "/employees/" + url.PathEscape(employee) + "/scores/" + url.PathEscape(date)
	return get[console.ScoreDetail](ctx, c, path, values("lang", lang))
}

// Today lists the open day, of one employee or of all who acted.
func (c *Client) Today(ctx context.Context, employee string) ([]console.LiveRow, error) {
	page, err := get[console.Page[console.LiveRow]](ctx, c, "/today", values("employee", employee))
	return page.Items, err
}

// LookFilter says which looks.
type LookFilter struct {
	Employee, Record, Service, Verdict, From, To string
	Limit                                        int
}

// Looks gives looks one by one, newest first.
func (c *Client) Looks(ctx context.Context, f LookFilter, fn func(console.LookRow) error) error {
	q := values("employee", f.Employee, "record", f.Record, "service", f.Service, "verdict", f.Verdict, "from", f.From, "to", f.To)
	if f.Limit > 0 && f.Limit <= 5000 {
		q.Set("limit", strconv.Itoa(f.Limit))
		rows, err := pages[console.LookRow](ctx, c, "/looks", q, f.Limit)
		for _, r := range rows {
			if err := fn(r); err != nil {
				return err
			}
		}
		return err
	}
	resp, err := c.do(ctx, http.MethodGet, "/looks/stream", q, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return eachLine(resp.Body, func(line []byte) error {
		var row struct {
			console.LookRow
			Error *Problem `json:"error"`
		}
		if err := json.Unmarshal(line, &row); err != nil {
			return fmt.Errorf("read the daemon's answer: %w", err)
		}
		if row.Error != nil {
			return row.Error
		}
		return fn(row.LookRow)
	})
}

func eachLine(r io.Reader, fn func([]byte) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 64<<10), 16<<20)
	for sc.Scan() {
		if len(sc.Bytes()) == 0 {
			continue
		}
		if err := fn(sc.Bytes()); err != nil {
			return err
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}

// Alerts lists alerts, newest first.
func (c *Client) Alerts(ctx context.Context, state, employee, from, to string, limit int) ([]console.AlertRow, error) {
	return pages[console.AlertRow](ctx, c, "/alerts", values("state", state, "employee", employee, "from", from, "to", to, "limit", "1000"), limit)
}

// StepAlert acknowledges or closes an alert.
func (c *Client) StepAlert(ctx context.Context, id string, state ueba.AlertState, outcome, note string) (console.AlertRow, error) {
	body := map[string]string{"state": string(state)}
	if outcome != "" {
		body["outcome"] = outcome
	}
	if note != "" {
		body["note"] = note
	}
	return send[console.AlertRow](ctx, c, "/alerts/"+url.PathEscape(id)+"/steps", body)
}

// Resend sends what is not delivered of an alert once more.
func (c *Client) Resend(ctx context.Context, id string) error {
	_, err := send[struct{}](ctx, c, "/alerts/"+url.PathEscape(id)+"/resend", struct{}{})
	return err
}

// TestChannel sends a test message.
func (c *Client) TestChannel(ctx context.Context, channel string) (console.ChannelAnswer, error) {
	return send[console.ChannelAnswer](ctx, c, "/channels/"+url.PathEscape(channel)+"/test", struct{}{})
}

// Coverage tells what is and is not monitored.
func (c *Client) Coverage(ctx context.Context, from, to string) (console.CoverageAnswer, error) {
	return get[console.CoverageAnswer](ctx, c, "/coverage", values("from", from, "to", to))
}

// Dead lists dead letters, newest first.
func (c *Client) Dead(ctx context.Context, source string, resolved bool, limit int) ([]console.DeadLetter, error) {
	q := values("source", source)
	if resolved {
		q.Set("resolved", "true")
	}
	return pages[console.DeadLetter](ctx, c, "/dead", q, limit)
}

// DeadLetter gives one with its raw bytes.
func (c *Client) DeadLetter(ctx context.Context, id string) (console.DeadLetter, error) {
	return get[console.DeadLetter](ctx, c, "/dead/"+url.PathEscape(id), nil)
}

// Replay parses dead letters again.
func (c *Client) Replay(ctx context.Context, r console.ReplayRequest) (console.ReplaySummary, error) {
	return send[console.ReplaySummary](ctx, c, "/dead/replay", r)
}

// ReplayLetters is Replay for callers that name no type of the console.
func (c *Client) ReplayLetters(ctx context.Context, ids []string, source, format string) (console.ReplaySummary, error) {
	return c.Replay(ctx, console.ReplayRequest{IDs: ids, Source: source, Format: format})
}

// ImportOptions says how the lines of an import are to be read.
type ImportOptions struct {
	Format, Source, Zone string
	KnownAtNow, NoScore  bool
}

// Import sends raw lines and waits until they are stored, and scored unless told not to.
func (c *Client) Import(ctx context.Context, o ImportOptions, lines io.Reader, progress func(console.Progress)) (console.ImportSummary, error) {
	q := values("format", o.Format, "source", o.Source, "zone", o.Zone)
	if o.KnownAtNow {
		q.Set("known_at_now", "true")
	}
	if o.NoScore {
		q.Set("no_score", "true")
	}
	// A pipe has no length: the body goes out as it is read, whatever its size.
	resp, err := c.do(ctx, http.MethodPost, "/import", q, struct{ io.Reader }{lines})
	if err != nil {
		return console.ImportSummary{}, err
	}
	defer resp.Body.Close()
	return jobResult[console.ImportSummary](resp.Body, progress)
}

// ScoreOptions says which days to score.
type ScoreOptions struct {
	At, From, To string
	DryRun       bool
}

// Score runs the scorer now.
func (c *Client) Score(ctx context.Context, o ScoreOptions, progress func(console.Progress)) (console.ScoreSummary, error) {
	q := values("at", o.At, "from", o.From, "to", o.To)
	if o.DryRun {
		q.Set("dry_run", "true")
	}
	resp, err := c.do(ctx, http.MethodPost, "/score", q, nil)
	if err != nil {
		return console.ScoreSummary{}, err
	}
	defer resp.Body.Close()
	return jobResult[console.ScoreSummary](resp.Body, progress)
}

func jobResult[T any](answer io.Reader, progress func(console.Progress)) (T, error) {
	var result *T
	err := eachLine(answer, func(line []byte) error {
		var l struct {
			Progress *console.Progress `json:"progress"`
			Result   *T                `json:"result"`
			Error    *Problem          `json:"error"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			return fmt.Errorf("read the daemon's answer: %w", err)
		}
		switch {
		case l.Error != nil:
			return l.Error
		case l.Result != nil:
			result = l.Result
		case l.Progress != nil && progress != nil:
			progress(*l.Progress)
		}
		return nil
	})
	var zero T
	if err != nil {
		return zero, err
	}
	if result == nil {
		return zero, errors.New("the daemon ended before the job was done")
	}
	return *result, nil
}
