// Package console serves Onlooker to people: a JSON API with its OpenAPI description, of
// which the command line is a client, and the pages at / .
//
// One Config makes two handlers. The operator's (Config.Operator) is meant for a unix
// socket of mode 0600: whoever can open the socket is trusted, sees employee ids beside
// pseudonyms, and may import, score and read dead letters. The other is meant for TCP: it
// wants the page token, checks the Host header and the origin of what writes, and names
// employees by pseudonym only — no id, no name, no login of theirs is in any byte of its
// answers, and neither is anything that can be guessed back to them, such as the hash of a
// score. Record ids and reason ids are shown, because an analyst cannot work without
// them; where they hold the id, login or number of the employee they belong to, that part
// is masked.
//
// What can be seen without a token: /healthz and /readyz (one word each), the style sheet
// and the script; /metrics from the machine itself. Every list is bounded and paged. The
// pages need no JavaScript; with it, the numbers of today keep themselves current.
//
// The package keeps nothing and starts no goroutine. What it shows comes from the small
// interfaces in ports.go.
package console
