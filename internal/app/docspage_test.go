package app_test

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// page is a page of the documentation.
type page struct {
	name, text string
	blocks     []block  // fenced
	codes      []string // inline, outside of blocks
	links      []string
	anchors    []string // of its headings
}

// block is a fenced block.
type block struct {
	kind    string   // first word after the fence
	options []string // the other words
	body    string
	line    int
}

var (
	inlineCode = regexp.MustCompile("`([^`\n]+)`")
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	notInSlugs = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

func parsePage(name, text string) page {
	p := page{name: name, text: text}
	var open *block
	number := 0
	for line := range strings.Lines(text) {
		number++
		trimmed := strings.TrimSpace(line)
		switch info, fence := strings.CutPrefix(trimmed, "```"); {
		case fence && open != nil:
			p.blocks = append(p.blocks, *open)
			open = nil
		case fence:
			open = &block{line: number}
			if words := strings.Fields(info); len(words) > 0 {
				open.kind, open.options = words[0], words[1:]
			}
		case open != nil:
			open.body += line
		default:
			p.prose(line)
		}
	}
	return p
}

func (p *page) prose(line string) {
	if heading, ok := strings.CutPrefix(line, "#"); ok {
		p.anchors = append(p.anchors, slug(strings.TrimLeft(heading, "#")))
	}
	for _, m := range inlineCode.FindAllStringSubmatch(line, -1) {
		p.codes = append(p.codes, m[1])
	}
	for _, m := range linkTarget.FindAllStringSubmatch(line, -1) {
		p.links = append(p.links, m[1])
	}
}

// slug is the anchor that GitHub gives a heading.
func slug(heading string) string {
	s := notInSlugs.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
	return strings.ReplaceAll(s, " ", "-")
}

func (b block) runs() bool  { return b.kind == "sh" && slices.Contains(b.options, "run") }
func (b block) shows() bool { return b.kind == "text" && slices.Contains(b.options, "shows") }

func (b block) option(name string) (string, bool) {
	for _, o := range b.options {
		if value, ok := strings.CutPrefix(o, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// relative makes a link's target a path from the root.
func (p page) relative(target string) string {
	return path.Join(path.Dir(p.name), target)
}

// shellLines lists the commands of the page's shell blocks, as written.
func (p page) shellLines() []string {
	var out []string
	for _, b := range p.blocks {
		if b.kind != "sh" {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(b.body, "\\\n", " ")) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				out = append(out, line)
			}
		}
	}
	return out
}

var (
	separators = regexp.MustCompile(`&&|\|\||[;|]`)
	quoted     = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

// commands lists the words of each call of onlooker and make, in blocks and in the text.
func (p page) commands() [][]string {
	var out [][]string
	for _, code := range append(p.shellLines(), p.codes...) {
		code = quoted.ReplaceAllString(code, "QUOTED")
		for _, part := range separators.Split(code, -1) {
			words := strings.Fields(part)
			if len(words) > 2 && words[0] == "go" && words[1] == "run" && words[2] == "./cmd/onlooker" {
				words = append([]string{"onlooker"}, words[3:]...)
			}
			if len(words) > 1 && (words[0] == "onlooker" || words[0] == "make") {
				out = append(out, words)
			}
		}
	}
	return out
}
