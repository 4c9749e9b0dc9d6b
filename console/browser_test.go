//go:build browser

package console

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TestBrowser walks through the pages as a person would, in a real browser, at a desk's and
// a phone's width and in both languages. A picture of each page goes to
// $ONLOOKER_PICTURES, if that is set.
//
//	go test -tags browser -run TestBrowser ./console
func TestBrowser(t *testing.T) {
	srv := httptest.NewServer(newCompany().page(t))
	defer srv.Close()
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true))...)
	defer stop()
	for _, width := range []int64{1280, 390} {
		for _, lang := range []string{"zh", "en"} {
			for _, scheme := range []string{"light", "dark"} {
				t.Run(fmt.Sprintf("%d-%s-%s", width, lang, scheme), func(t *testing.T) {
					walk(alloc, t, srv.URL, width, lang, scheme)
				})
			}
		}
	}
}

// walker drives one tab; the first error ends the walk.
type walker struct {
	*testing.T
	ctx context.Context
}

func (w walker) do(steps ...chromedp.Action[chromedp.Void]) {
	w.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.Fatal(err)
	}
}

func run[V any](w walker, a chromedp.Action[V]) V {
	w.Helper()
	v, err := chromedp.Run(w.ctx, a)
	if err != nil {
		w.Fatal(err)
	}
	return v
}

func walk(alloc context.Context, t *testing.T, base string, width int64, lang, scheme string) {
	ctx, done := chromedp.NewContext(alloc)
	defer done()
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	w, seen := walker{t, ctx}, &watcher{base: base}
	w.do()
	w.prepare(seen, width, scheme)

	w.do(chromedp.Navigate(base + "/?token=" + pageToken))
	if at := run(w, chromedp.Location()); strings.Contains(at, "token") {
		t.Errorf("the token stays in the address: %s", at)
	}
	w.do(chromedp.Navigate(base+"/?lang="+lang), chromedp.WaitVisible(chromedp.CSS(`.ranking .who a`)))
	w.fits("index")
	w.picture(fmt.Sprintf("index-%d-%s-%s.png", width, lang, scheme))

	w.do(chromedp.Click(chromedp.CSS(`.ranking tbody tr:first-child .who a`)), chromedp.WaitVisible(chromedp.CSS(`#looks`)))
	if h := run(w, chromedp.Text(chromedp.CSS(`h1`))); h != pseudonym(0) {
		t.Errorf("the page of %q, want %q", h, pseudonym(0))
	}
	w.fits("employee")
	w.picture(fmt.Sprintf("employee-%d-%s-%s.png", width, lang, scheme))

	w.do(chromedp.Click(chromedp.CSS(`.days a[rel=prev]`)), chromedp.WaitVisible(chromedp.CSS(`.days a[rel=next]`)))
	if h := run(w, chromedp.Text(chromedp.CSS(`#h-looks`))); !strings.Contains(h, "2026-11-01") {
		t.Errorf("the day before shows %q", h)
	}
	seen.judge(t)
}

func (w walker) prepare(seen *watcher, width int64, scheme string) {
	w.Helper()
	_, err1 := chromedp.Call(w.ctx, network.Enable, network.EnableParams{})
	_, err2 := chromedp.Call(w.ctx, log.Enable, cdp.Empty{})
	_, err3 := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err := errors.Join(err1, err2, err3, chromedp.Listen(w.ctx, seen.see)); err != nil {
		w.Fatal(err)
	}
	w.do(chromedp.EmulateViewport(width, 900))
}

func (w walker) fits(page string) {
	w.Helper()
	over := run(w, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	if over > 0 {
		w.Errorf("%s is %g px wider than the window", page, over)
	}
}

func (w walker) picture(name string) {
	w.Helper()
	dir := os.Getenv("ONLOOKER_PICTURES")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name), run(w, chromedp.FullScreenshot(100)), 0o600); err != nil {
		w.Fatal(err)
	}
}

// watcher notes what a page ought not do.
type watcher struct {
	base string
	mu   sync.Mutex
	bad  []string
}

func (w *watcher) see(ev any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, w.base) {
			w.bad = append(w.bad, "request to "+e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			w.bad = append(w.bad, fmt.Sprintf("%d for %s", e.Response.Status, e.Response.URL))
		}
	case *runtime.EventExceptionThrown:
		w.bad = append(w.bad, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded: // what breaks the content policy is told here
		if e.Entry.Level == "error" {
			w.bad = append(w.bad, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		w.bad = append(w.bad, fmt.Sprintf("console.%s", e.Type))
	}
}

func (w *watcher) judge(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.bad {
		t.Error(b)
	}
}
