package mapping

import "testing"

// FuzzCompile: no file makes the loader panic, and what it takes has tests.
func FuzzCompile(f *testing.F) {
	for _, name := range []string{"box", "cef", "keycloak", "mongodb_audit"} {
		data, err := builtinFiles.ReadFile("builtin/" + name + ".yml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add("decode: {format: csv, comma: '', columns: [a, a]}\ntests: [{input: 'a', event: {}}]")
	f.Add("set: {user.id: 'a?.b ?? c[0].d in [\"x\"]', labels.a: '$env[\"x\"]'}")
	f.Add("extract: [{from: [a], regex: &x '(?P<a>.)'}, *x]\nset: [1]")
	sql := func(string, string) map[string]any { return nil }
	f.Fuzz(func(t *testing.T, text string) {
		m, err := compile("m", "m.yml", []byte(text), sql)
		if err == nil && len(m.tests) == 0 {
			t.Error("a mapping without a test was taken")
		}
	})
}
