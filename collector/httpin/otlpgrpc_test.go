package httpin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// call is a gRPC call over a real connection of HTTP/2 without TLS.
func call(t *testing.T, o *OTLP, body []byte, header ...string) (status string, message []byte) {
	t.Helper()
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	h2.SetHTTP1(true)
	server := httptest.NewUnstartedServer(http.HandlerFunc(o.ServeGRPC))
	server.Config.Protocols = &h2
	server.Start()
	defer server.Close()
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: &only}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+OTLPMethod, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/grpc+proto")
	r.Header.Set("Te", "trailers")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	message, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	if status = resp.Trailer.Get("Grpc-Status"); status == "" {
		status = resp.Header.Get("Grpc-Status")
	}
	return status, message
}

func frame(message []byte, compressed bool) []byte {
	flag := byte(0)
	if compressed {
		flag, message = 1, gzipped(string(message))
	}
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(message))), message...)
}

func TestGRPC(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		d, o := newOTLP(t, nil)
		status, message := call(t, o, frame(export(t, look(), look(attr("user.id", text("twice")))), compressed), "Grpc-Encoding", "gzip")
		if status != "0" || len(message) < framePrefix || int(binary.BigEndian.Uint32(message[1:])) != len(message)-framePrefix {
			t.Fatalf("status %s, %q", status, message)
		}
		var said collogs.ExportLogsServiceResponse
		if err := proto.Unmarshal(message[framePrefix:], &said); err != nil || !strings.Contains(said.GetPartialSuccess().GetErrorMessage(), "1 of 2") {
			t.Errorf("said %v, %v", &said, err)
		}
		if e, l := len(d.facts(ueba.KindEvent)), len(d.facts(ueba.KindDead)); e != 1 || l != 1 {
			t.Errorf("%d events, %d dead letters", e, l)
		}
	}
}

func TestGRPCRefusals(t *testing.T) {
	good := frame(export(t, look()), false)
	for name, c := range map[string]struct {
		body   []byte
		change func(*Config)
		header []string
		want   int
	}{
		"nothing":           {nil, nil, nil, grpcInvalidArgument},
		"half a message":    {good[:len(good)-5], nil, nil, grpcInvalidArgument},
		"no protobuf":       {frame([]byte("{}"), false), nil, nil, grpcInvalidArgument},
		"other type":        {good, nil, []string{"Content-Type", "text/plain"}, grpcUnimplemented},
		"other compression": {frame(export(t, look()), true), nil, []string{"Grpc-Encoding", "zstd"}, grpcUnimplemented},
		"too large":         {frame(bytes.Repeat([]byte("x"), 5000), false), small, nil, grpcExhausted},
		"bomb":              {frame(bytes.Repeat([]byte("x"), 16<<20), true), nil, []string{"Grpc-Encoding", "gzip"}, grpcExhausted},
		"no token":          {good, tokens, nil, grpcUnauthenticated},
		"busy":              {good, func(c *Config) { c.MaxRequests = 1 }, nil, grpcUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			d, o := newOTLP(t, c.change)
			if name == "busy" {
				d.slots <- struct{}{}
			}
			if status, message := call(t, o, c.body, c.header...); status != strconv.Itoa(c.want) || len(message) > 0 {
				t.Errorf("status %s, want %d, %q", status, c.want, message)
			}
			if n := len(d.facts(ueba.KindEvent)); n > 0 || d.bodies.inFlight.Load() != 0 {
				t.Errorf("%d events, %d bytes booked", n, d.bodies.inFlight.Load())
			}
		})
	}
	d, o := newOTLP(t, nil)
	d.store.Refuse(errors.New("disk full"))
	if status, _ := call(t, o, good); status != strconv.Itoa(grpcUnavailable) {
		t.Errorf("with a full disk: status %s", status)
	}
}

func TestGRPCMessagesAreEscaped(t *testing.T) {
	if got := grpcMessage("100% 满\n"); got != "100%25 %E6%BB%A1%0A" {
		t.Errorf("%q", got)
	}
}
