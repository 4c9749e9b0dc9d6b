package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

//go:embed assets templates
var files embed.FS

// asset is a file that pages load, under a name that changes with its content.
type asset struct {
	kind string
	body []byte
}

// pageSet is every page in one language.
type pageSet struct {
	index, employee, message *template.Template
}

func (h *handler) mountPages(mux *http.ServeMux) error {
	names, err := h.loadAssets()
	if err != nil {
		return err
	}
	h.pages = map[text.Lang]*pageSet{}
	for _, lang := range []text.Lang{text.Chinese, text.English} {
		if h.pages[lang], err = h.parsePages(lang, names); err != nil {
			return err
		}
	}
	mux.HandleFunc("GET /assets/{name}", h.serveAsset)
	mux.HandleFunc("GET /{$}", h.page(h.indexPage))
	mux.HandleFunc("GET /employees/{pseudonym}", h.page(h.employeePage))
	mux.HandleFunc("GET /live", h.liveValues)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.refusePage(w, r, http.StatusNotFound, "not_found")
	})
	return nil
}

// loadAssets reads the embedded files and returns the served path of each by its name.
func (h *handler) loadAssets() (map[string]string, error) {
	h.asset = map[string]asset{}
	served := map[string]string{}
	err := fs.WalkDir(files, "assets", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(p)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		ext := path.Ext(p)
		name := strings.TrimSuffix(path.Base(p), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		h.asset[name] = asset{kind: mime.TypeByExtension(ext), body: b}
		served[path.Base(p)] = "/assets/" + name
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read assets: %w", err)
	}
	return served, nil
}

func (h *handler) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := h.asset[r.PathValue("name")]
	if !ok {
		h.refusePage(w, r, http.StatusNotFound, "not_found")
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}

func (h *handler) parsePages(lang text.Lang, assets map[string]string) (*pageSet, error) {
	funcs := template.FuncMap{
		"t":     func(key string, args ...any) string { return h.say(lang, key, args...) },
		"asset": func(name string) string { return assets[name] },
		"level": func(l ueba.RiskLevel) string { return h.cfg.Text.Say(lang, "level."+string(l), nil) },
		"sub":   func(a, b float64) float64 { return round1(a - b) },
	}
	parse := func(name string) (*template.Template, error) {
		t, err := template.New("layout.html").Funcs(funcs).ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name)
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		return t, nil
	}
	var s pageSet
	var err error
	if s.index, err = parse("index.html"); err != nil {
		return nil, err
	}
	if s.employee, err = parse("employee.html"); err != nil {
		return nil, err
	}
	s.message, err = parse("message.html")
	return &s, err
}

// say takes the arguments as name, value, name, value.
func (h *handler) say(lang text.Lang, key string, args ...any) string {
	m := text.Args{}
	for i := 0; i+1 < len(args); i += 2 {
		m[fmt.Sprint(args[i])] = args[i+1]
	}
	return h.cfg.Text.Say(lang, "console."+key, m)
}

// sayOr is say for keys that come from outside the program's own lists.
func (h *handler) sayOr(lang text.Lang, key, otherwise string) string {
	if h.cfg.Text.Has("console." + key) {
		return h.say(lang, key)
	}
	return clean(otherwise)
}

// frame is what every page has around its body.
type frame struct {
	Lang     text.Lang
	OtherURL string // this page in the other language
	Title    string
	LiveURL  string // where the numbers of today come from; empty: there are none
	Refresh  string // an address of ours that the browser is sent to at once
	Today    string
	Zone     string
	Version  string
	Body     any
}

func (h *handler) frame(r *http.Request, lang text.Lang) frame {
	other := text.English
	if lang == text.English {
		other = text.Chinese
	}
	q := r.URL.Query()
	q.Del("token")
	q.Set("lang", string(other))
	return frame{
		Lang: lang, OtherURL: ownPath(r) + "?" + q.Encode(), Today: h.dayName(lang, h.today()),
		Zone: h.cfg.Business.Local(h.cfg.Now()).Location().String(), Version: h.cfg.Version,
	}
}

// page turns a function that makes a page into a handler.
func (h *handler) page(make func(r *http.Request, lang text.Lang) (frame, *template.Template, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lang := h.language(w, r)
		f, t, err := make(r, lang)
		if err != nil {
			p := h.problem(r.Context(), err)
			h.refusePage(w, r, p.Status, pageKey(p))
			return
		}
		h.render(w, http.StatusOK, t, f)
	}
}

func pageKey(p *Problem) string {
	switch {
	case p.Status == http.StatusNotFound:
		return "not_found"
	case p.Status < http.StatusInternalServerError:
		return "invalid"
	}
	return "internal"
}

// render writes the page once it is whole: half a page would look like a whole one.
func (h *handler) render(w http.ResponseWriter, status int, t *template.Template, f frame) {
	var b bytes.Buffer
	if err := t.Execute(&b, f); err != nil {
		h.cfg.Log.WithError(err).Error("render a page")
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser has gone: nobody is left to tell
}

// message is the body of a page that only says something.
type message struct {
	Headline string
	Text     string
	Hint     string
}

func (h *handler) refusePage(w http.ResponseWriter, r *http.Request, status int, why string) {
	lang := h.language(w, r)
	f := h.frame(r, lang)
	f.Title = h.say(lang, "refuse."+why+"_title")
	m := message{Headline: f.Title, Text: h.cfg.Text.Say(lang, "console.refuse."+why, h.refuseArgs(r))}
	if status == http.StatusUnauthorized && h.cfg.TokenFile != "" {
		m.Hint = h.cfg.TokenFile
	}
	f.Body = m
	h.render(w, status, h.pages[lang].message, f)
}

// bounce sends the browser to the same page again, this time as a visit from our own site.
func (h *handler) bounce(w http.ResponseWriter, r *http.Request) {
	lang := h.language(w, r)
	f := h.frame(r, lang)
	f.Title = h.say(lang, "bounce_title")
	f.Refresh = ownPath(r)
	if r.URL.RawQuery != "" {
		f.Refresh += "?" + r.URL.RawQuery
	}
	f.Body = message{Headline: f.Title, Text: h.say(lang, "bounce")}
	h.render(w, http.StatusOK, h.pages[lang].message, f)
}

// ownPath is the path asked for. One that begins with // would be somebody else's address.
func ownPath(r *http.Request) string {
	return "/" + strings.TrimLeft(r.URL.EscapedPath(), "/")
}

const langCookie = "onlooker_lang"

// language is what the user chose, else what the browser asks for, else Chinese.
func (h *handler) language(w http.ResponseWriter, r *http.Request) text.Lang {
	if l, err := text.ParseLang(r.URL.Query().Get("lang")); err == nil {
		http.SetCookie(w, &http.Cookie{
			Name: langCookie, Value: string(l), Path: "/", MaxAge: 365 * 86400,
			HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
		})
		return l
	}
	if c, err := r.Cookie(langCookie); err == nil {
		if l, err := text.ParseLang(c.Value); err == nil {
			return l
		}
	}
	for _, tag := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		if l, err := text.ParseLang(strings.TrimSpace(tag)); err == nil {
			return l
		}
	}
	return text.Chinese
}

const shownRunes = 120

// clean makes what came from outside fit to be shown: what would change the direction of
// text or is no character becomes visible, and nobody fills the page with one field.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > shownRunes {
			b.WriteRune('…')
			break
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

// dayName writes a day with its weekday.
func (h *handler) dayName(lang text.Lang, d ueba.Day) string {
	if d == ueba.NoDay {
		return "–"
	}
	return d.String() + " " + h.say(lang, fmt.Sprintf("weekday.%d", d.Weekday()))
}
