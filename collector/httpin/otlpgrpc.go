package httpin

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	collogs "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"
)

// OTLPMethod is where OTLP/gRPC logs are taken.
const OTLPMethod = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

// gRPC status codes. Exporters try again after unavailable and give up after the others.
const (
	grpcOK              = 0
	grpcInvalidArgument = 3
	grpcDenied          = 7
	grpcExhausted       = 8
	grpcUnimplemented   = 12
	grpcUnavailable     = 14
	grpcUnauthenticated = 16
)

// framePrefix is what stands before a message: whether it is compressed, and its length.
const framePrefix = 5

// ServeGRPC takes the one call of OTLP's logs that there is, over any HTTP/2 server: a
// request of one message, an answer of one message, the outcome in the trailers.
func (o *OTLP) ServeGRPC(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Grpc-Accept-Encoding", "identity,gzip")
	if no := openFrame(r); no != nil {
		writeOutcome(w, no)
		return
	}
	warning, no := o.take(w, r, protobufType)
	if no != nil {
		writeOutcome(w, no)
		return
	}
	answer := &collogs.ExportLogsServiceResponse{}
	if warning != "" {
		answer.PartialSuccess = &collogs.ExportLogsPartialSuccess{ErrorMessage: strings.ToValidUTF8(warning, "?")}
	}
	message, err := proto.Marshal(answer)
	if err != nil {
		panic("write answer: " + err.Error()) // plain data of ours
	}
	w.Header().Set("Trailer", "Grpc-Status")
	_, _ = w.Write(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)) // whoever has gone away reads no answer
	w.Header().Set("Grpc-Status", strconv.Itoa(grpcOK))
}

// openFrame makes the request's body the message that is framed in it, so that it is read
// within the same limits as any other.
func openFrame(r *http.Request) *refusal {
	if r.Method != http.MethodPost || r.ProtoMajor != 2 || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		return refuse(http.StatusUnsupportedMediaType, "content_type", "want gRPC over HTTP/2")
	}
	var prefix [framePrefix]byte
	if _, err := io.ReadFull(r.Body, prefix[:]); err != nil {
		return refuse(http.StatusBadRequest, "broken_body", "want one message")
	}
	r.Header.Del("Content-Encoding")
	if prefix[0] != 0 {
		r.Header.Set("Content-Encoding", r.Header.Get("Grpc-Encoding"))
	}
	length := int64(binary.BigEndian.Uint32(prefix[1:]))
	r.ContentLength = length
	r.Body = io.NopCloser(&exactly{r: r.Body, left: length})
	return nil
}

// exactly reads so many bytes; fewer are an error.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 { // readers return it unwrapped
		err = io.ErrUnexpectedEOF
	}
	if e.left == 0 {
		err = nil
	}
	return n, err
}

// writeOutcome answers a refusal, which has no message.
func writeOutcome(w http.ResponseWriter, no *refusal) {
	code := grpcInvalidArgument
	switch no.status {
	case http.StatusUnauthorized:
		code = grpcUnauthenticated
	case http.StatusForbidden:
		code = grpcDenied
	case http.StatusRequestEntityTooLarge:
		code = grpcExhausted
	case http.StatusUnsupportedMediaType, http.StatusMethodNotAllowed:
		code = grpcUnimplemented
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		code = grpcUnavailable
	}
	w.Header().Set("Grpc-Status", strconv.Itoa(code))
	w.Header().Set("Grpc-Message", grpcMessage(no.Message))
	w.WriteHeader(http.StatusOK)
}

// grpcMessage escapes what may not stand in a header.
func grpcMessage(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
