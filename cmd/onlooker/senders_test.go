package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// numbered is how many events each sender delivers.
const numbered = 10_000

// senderPackages are the clients that come from npm.
var senderPackages = []string{
	"@elastic/elasticsearch@9.4.3", "@opentelemetry/exporter-logs-otlp-http@0.223.1",
	"@opentelemetry/exporter-logs-otlp-proto@0.223.1", "@opentelemetry/exporter-logs-otlp-grpc@0.223.1", "@opentelemetry/sdk-logs@0.223.1",
}

// TestSenders delivers numbered events by programs that nobody of us wrote, and kills the
// daemon in the middle where the sender's protocol knows acknowledgements. Each event is
// there once.
func TestSenders(t *testing.T) {
	cases := []struct {
		name  string
		kill  bool // plain syslog has no acknowledgement: what is on the way is lost, as its page says
		count int
		send  func(*receiver, string) *exec.Cmd
	}{
		{"curl", true, numbered, curlBulk},
		{"rsyslog bulk", true, numbered, rsyslogBulk},
		{"rsyslog TCP", false, numbered, rsyslogTCP},
		{"rsyslog TLS", false, numbered, rsyslogTLS},
		{"logger TCP", false, numbered, loggerTCP},
		{"logger UDP", false, 100, loggerUDP}, // a burst that any system's buffer holds
		{"elasticsearch client", true, numbered, elasticsearchClient},
		{"OTLP JSON", true, numbered, func(r *receiver, file string) *exec.Cmd { return otlpExporter(r, file, "http") }},
		{"OTLP protobuf", true, numbered, func(r *receiver, file string) *exec.Cmd { return otlpExporter(r, file, "proto") }},
		// JavaScript's gRPC exporter does not try again after UNAVAILABLE (0.223): no kill.
		{"OTLP gRPC", false, numbered, func(r *receiver, file string) *exec.Cmd { return otlpExporter(r, file, "grpc") }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("slow: ten thousand events and a restart")
			}
			r := newReceiver(t)
			file := writeFile(t, filepath.Join(t.TempDir(), "events.ndjson"), numberedLines(c.count))
			cmd := c.send(r, file)
			r.start()
			ended := r.run(cmd)
			if c.kill {
				r.await(c.count/20, r.parsed, ended)
				if n := r.restart(); n >= c.count {
					t.Fatalf("the daemon was killed after all %d events had come: nothing is tested", n)
				}
			}
			r.await(c.count, r.looks, ended)
			r.check(c.count)
		})
	}
}

func numberedLines(n int) string {
	var b strings.Builder
	for i := range n {
		id := fmt.Sprintf("n-%05d", i)
		b.WriteString(view(id, noon.Add(-2*time.Hour+time.Duration(i)*time.Millisecond), "n", id))
	}
	return b.String()
}

// receiver is a daemon on known ports that may be killed.
type receiver struct {
	*stage
	dir       string
	http, tcp string // ports
	udp, tls  string
	process   *process
	client    *http.Client
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, stage: newStage(t), dir: t.TempDir(), http: freePort(t), tcp: freePort(t), udp: freePort(t), tls: freePort(t)}
	selfSigned(t, r.dir)
	config := writeFile(t, filepath.Join(r.dir, "onlooker.yaml"), "http: {listen: 127.0.0.1:"+r.http+"}\nsources:\n"+
		"  - {name: tcp, kind: syslog, listen: 127.0.0.1:"+r.tcp+"}\n"+
		"  - {name: udp, kind: syslog, network: udp, listen: 127.0.0.1:"+r.udp+"}\n"+
		"  - {name: tls, kind: syslog, network: tls, listen: 127.0.0.1:"+r.tls+", tls_cert: tls.crt, tls_key: tls.key}\n")
	r.flags = []string{"--config", config}
	return r
}

// selfSigned writes tls.crt and tls.key for this machine.
func selfSigned(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "tls.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, filepath.Join(dir, "tls.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func (r *receiver) url() string { return "http://127.0.0.1:" + r.http }

func (r *receiver) start() {
	r.t.Helper()
	r.process = r.stage.start("serve")
	r.process.awaitLink(r.t)
}

// restart kills the daemon, says how many events it had, and starts it again.
func (r *receiver) restart() int {
	r.t.Helper()
	r.process.kill(r.t)
	n := len(r.rows("looks"))
	time.Sleep(300 * time.Millisecond) // while nobody listens
	r.start()
	return n
}

// run starts a sender and returns a channel that gives its end.
func (r *receiver) run(cmd *exec.Cmd) <-chan error {
	r.t.Helper()
	out := &safeBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		ended <- cmd.Wait()
	}()
	r.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // the whole group; it may have ended
		select {
		case <-waited:
		case <-time.After(5 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-waited
		}
		if r.t.Failed() {
			r.t.Logf("%s said:\n%s", cmd.Args[0], out)
		}
	})
	return ended
}

// await waits until there are so many; a sender that fails ends it.
func (r *receiver) await(n int, count func() int, ended <-chan error) {
	r.t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if count() >= n {
			return
		}
		select {
		case err := <-ended:
			if err != nil {
				r.t.Fatalf("the sender failed with %d of %d events stored: %v", count(), n, err)
			}
			ended = nil
		default:
		}
	}
	r.t.Fatalf("%d of %d events are stored after two minutes\n%s", count(), n, r.process.log)
}

// looks is how many events can be seen.
func (r *receiver) looks() int {
	r.t.Helper()
	time.Sleep(200 * time.Millisecond) // it is not asked for nothing
	return len(r.rows("looks"))
}

var parsedMetric = regexp.MustCompile(`onlooker_source_total{outcome="parsed",source="[^"]*"} (\S+)`)

// parsed is how many events were counted since the daemon's first start, at once.
func (r *receiver) parsed() (n int) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url()+"/metrics", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		r.t.Fatal(err)
	}
	for _, m := range parsedMetric.FindAllStringSubmatch(text.String(), -1) {
		f, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			r.t.Fatal(err)
		}
		n += int(f)
	}
	return n
}

// check stops the daemon and compares what is stored with what was sent.
func (r *receiver) check(n int) {
	r.t.Helper()
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	_ = r.process.Wait()
	times := make(map[string]int)
	for _, look := range r.rows("looks") {
		times[look["record_id"]]++
	}
	for i := range n {
		if id := fmt.Sprintf("n-%05d", i); times[id] != 1 {
			r.t.Errorf("%s is there %d times", id, times[id])
		}
	}
	if len(times) != n {
		r.t.Errorf("%d records, want %d", len(times), n)
	}
	for _, row := range r.rows("coverage") {
		if number64(r.t, row["dead"]) > 0 {
			r.t.Errorf("dead letters: %v", row)
		}
	}
}

// need skips without the program, and fails instead where all are required.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + program)
	}
	if err != nil {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("not here:", err)
	}
	return path
}

// curlBulk sends a hundred requests of bulk, one after the other, and tries each again.
func curlBulk(r *receiver, file string) *exec.Cmd {
	curl := need(r.t, "curl")
	lines := strings.Split(strings.TrimSpace(readFile(r.t, file)), "\n")
	const each = 100
	for i := 0; i < len(lines); i += each {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		for _, line := range lines[i:min(i+each, len(lines))] {
			_, _ = fmt.Fprintf(w, "{\"create\":{}}\n%s\n", line)
		}
		_ = w.Close()
		writeFile(r.t, filepath.Join(r.dir, fmt.Sprintf("bulk-%06d.gz", i)), zipped.String())
	}
	script := fmt.Sprintf(`for f in %s/bulk-*.gz; do %s -sS --fail -o /dev/null --retry 60 --retry-delay 1 --retry-connrefused --retry-all-errors `+
		`-H 'Content-Encoding: gzip' -H 'Content-Type: application/x-ndjson' --data-binary @$f %s/audit/_bulk || exit 1; done`, r.dir, curl, r.url())
	return exec.Command("sh", "-c", script)
}

// rsyslog runs Debian's with a configuration of its own that follows the file.
func rsyslog(r *receiver, file, modules, action string) *exec.Cmd {
	daemon := need(r.t, "rsyslogd")
	work := filepath.Join(r.dir, "rsyslog")
	if err := os.MkdirAll(work, 0o700); err != nil {
		r.t.Fatal(err)
	}
	config := writeFile(r.t, filepath.Join(r.dir, "rsyslog.conf"), fmt.Sprintf(`
global(workDirectory="%s" maxMessageSize="64k")
module(load="imfile")
%s
template(name="line" type="string" string="%%msg%%")
template(name="newer" type="string" string="<13>1 %%timestamp:::date-rfc3339%% %%hostname%% app - - - %%msg%%\n")
input(type="imfile" File="%s" Tag="audit" ruleset="send")
ruleset(name="send" queue.type="linkedList" queue.size="100000" queue.dequeueBatchSize="200") { %s }
`, work, modules, file, action))
	return exec.Command(daemon, "-n", "-f", config, "-i", filepath.Join(r.dir, "rsyslog.pid"))
}

func rsyslogBulk(r *receiver, file string) *exec.Cmd {
	return rsyslog(r, file, `module(load="omelasticsearch")`, fmt.Sprintf(`action(type="omelasticsearch" server="127.0.0.1" serverport="%s" searchIndex="audit" `+
		`bulkmode="on" template="line" action.resumeRetryCount="-1" action.resumeInterval="1")`, r.http))
}

func rsyslogTCP(r *receiver, file string) *exec.Cmd {
	return rsyslog(r, file, "", fmt.Sprintf(`action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" tcp_framing="octet-counted" template="newer" `+
		`action.resumeRetryCount="-1" action.resumeInterval="1")`, r.tcp))
}

// rsyslogTLS speaks GnuTLS; Debian 12's speaks TLS 1.2.
func rsyslogTLS(r *receiver, file string) *exec.Cmd {
	if found, _ := filepath.Glob("/usr/lib/*/rsyslog/lmnsd_gtls.so"); len(found) == 0 {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			r.t.Fatal("rsyslog-gnutls is not installed")
		}
		r.t.Skip("rsyslog-gnutls is not here")
	}
	return rsyslog(r, file, fmt.Sprintf(`global(defaultNetstreamDriverCAFile="%s")`, filepath.Join(r.dir, "tls.crt")),
		fmt.Sprintf(`action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" tcp_framing="octet-counted" template="newer" streamDriver="gtls" `+
			`streamDriverMode="1" streamDriverAuthMode="x509/certvalid" action.resumeRetryCount="-1" action.resumeInterval="1")`, r.tls))
}

func loggerTCP(r *receiver, file string) *exec.Cmd {
	return exec.Command(need(r.t, "logger"), "--server", "127.0.0.1", "--port", r.tcp, "--tcp", "--octet-count", "--rfc5424", "--size", "64k", "--file", file)
}

func loggerUDP(r *receiver, file string) *exec.Cmd {
	return exec.Command(need(r.t, "logger"), "--server", "127.0.0.1", "--port", r.udp, "--udp", "--rfc3164", "--size", "64k", "--file", file)
}

// node runs a script with the clients from npm, which are fetched where all are required.
func node(r *receiver, script string, args ...string) *exec.Cmd {
	if os.Getenv("REQUIRE_SERVERS") != "1" {
		r.t.Skip("clients from npm are fetched only under REQUIRE_SERVERS=1")
	}
	program := need(r.t, "node")
	cache, err := os.UserCacheDir()
	if err != nil {
		r.t.Fatal(err)
	}
	dir := filepath.Join(cache, "onlooker-tests", "senders")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if out, err := exec.Command(need(r.t, "npm"), append([]string{"install", "--prefix", dir, "--prefer-offline", "--no-audit", "--no-fund"}, senderPackages...)...).CombinedOutput(); err != nil {
		r.t.Fatalf("npm install: %v\n%s", err, out)
	}
	cmd := exec.Command(program, append([]string{filepath.Join("testdata", "senders", script)}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"))
	return cmd
}

func elasticsearchClient(r *receiver, file string) *exec.Cmd {
	return node(r, "elasticsearch.js", r.url()+"/es", file)
}

func otlpExporter(r *receiver, file, kind string) *exec.Cmd {
	return node(r, "otlp.js", r.url(), file, kind)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSendersThroughAFullDisk: while the disk is full nothing is acknowledged, each
// protocol does what its senders survive, and once there is room everything arrives
// without anybody's help.
func TestSendersThroughAFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: it waits for longer than the daemon is patient")
	}
	for name, send := range map[string]func(*receiver, string) *exec.Cmd{
		"curl": curlBulk, "rsyslog bulk": rsyslogBulk, "logger TCP": loggerTCP,
		"OTLP JSON": func(r *receiver, file string) *exec.Cmd { return otlpExporter(r, file, "http") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t)
			disk := mountSmall(t)
			r.data = filepath.Join(disk, "data")
			file := writeFile(t, filepath.Join(r.dir, "events.ndjson"), numberedLines(numbered))
			cmd := send(r, file)
			r.start()
			ballast := fill(t, disk)
			time.Sleep(2 * time.Second) // the store looks at the disk each second
			ended := r.run(cmd)
			time.Sleep(13 * time.Second)
			if n := r.looks(); n > 0 {
				t.Errorf("%d events were stored on a full disk", n)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			r.await(numbered, r.looks, ended)
			r.check(numbered)
		})
	}
}

// fill leaves less room on a small disk than the store holds back.
func fill(t *testing.T, disk string) string {
	t.Helper()
	path := filepath.Join(disk, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chunk := make([]byte, 1<<20)
	for range 420 {
		if _, err := f.Write(chunk); err != nil {
			break // fuller than needed
		}
	}
	return path
}

// mountSmall is a file system of 512 MiB in memory; the store holds 128 MiB of it back.
func mountSmall(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", dir).CombinedOutput(); err != nil {
		if os.Getenv("REQUIRE_SERVERS") == "1" {
			t.Fatalf("mount: %v\n%s", err, out)
		}
		t.Skip("only root may mount a small disk")
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	return dir
}
