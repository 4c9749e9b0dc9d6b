//go:build browser

package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestBrowserOpensTheLink of a whole daemon: the ranking, then the first employee.
func TestBrowserOpensTheLink(t *testing.T) {
	s, dir := company(t)
	s.try("import", filepath.Join(dir, "events.ndjson"))
	d := s.serve()

	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)...)
	defer stop()
	ctx, done := chromedp.NewContext(alloc)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := chromedp.Do(ctx, chromedp.Navigate(d.link),
		chromedp.WaitVisible(chromedp.CSS(`.ranking tbody tr:first-child .who a`)),
		chromedp.Click(chromedp.CSS(`.ranking tbody tr:first-child .who a`)),
		chromedp.WaitVisible(chromedp.CSS(`#looks`)))
	if err != nil {
		t.Fatal(err)
	}
	heading, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(`h1`)))
	if err != nil || !strings.HasPrefix(heading, "P-") {
		t.Errorf("the page of %q, %v", heading, err)
	}
}
