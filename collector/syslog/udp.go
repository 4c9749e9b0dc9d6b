package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onlooker-ueba/onlooker/collector"
)

const (
	// gather is how long datagrams are gathered for one append.
	gather = 50 * time.Millisecond
	// kernelBuffer is asked of the system for datagrams that wait to be read.
	kernelBuffer = 8 << 20
	largest      = 64 << 10 // of a datagram
)

func (s *Source) runUDP(ctx context.Context) error {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	conn, ok := pc.(*net.UDPConn)
	if !ok {
		return errors.Join(fmt.Errorf("listen: %s is no UDP address", s.config.Listen), pc.Close())
	}
	defer func() { _ = conn.Close() }()  // only read from
	_ = conn.SetReadBuffer(kernelBuffer) // the system gives what it allows
	s.listening(conn.LocalAddr())
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	d := s.newDesk(ctx)
	d.gaps = new(atomic.Bool)
	var watching sync.WaitGroup
	watching.Go(func() { s.watchDrops(ctx, conn.LocalAddr(), d.gaps) })
	defer watching.Wait()
	defer d.close()
	return s.receive(ctx, conn, d)
}

// receive takes datagrams, each a message, until the context ends.
func (s *Source) receive(ctx context.Context, conn *net.UDPConn, d *desk) error {
	packet := make([]byte, largest)
	for holds := false; ctx.Err() == nil; {
		n, from, err := conn.ReadFromUDPAddrPort(packet)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if !holds {
				d.stream.Flush()
			}
			d.hand()
			holds = false
			s.patience(ctx, conn, d)
			continue
		case err != nil:
			s.complain("receive", err)
			sleep(ctx, gather)
			continue
		case !s.mayCome(from.Addr()):
			s.complain("allow", fmt.Errorf("%s is not among those who may send", from))
			continue
		}
		d.take(s.datagram(packet[:n]))
		if !holds {
			holds = true
			s.deadline(ctx, conn, gather)
		}
	}
	return nil
}

// patience says how long to wait for the next datagram: for ever, or for as long as a
// parser waits for more, or until dropped ones would be counted.
func (s *Source) patience(ctx context.Context, conn *net.UDPConn, d *desk) {
	if d.stream.Waiting() > 0 {
		s.deadline(ctx, conn, idle)
		return
	}
	s.deadline(ctx, conn, time.Second)
}

// deadline sets one, unless the end has set its own.
func (s *Source) deadline(ctx context.Context, conn *net.UDPConn, in time.Duration) {
	_ = conn.SetReadDeadline(time.Now().Add(in))
	if ctx.Err() != nil {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
}

func (s *Source) datagram(packet []byte) collector.Record {
	rec := collector.Record{Raw: trimEnd(packet), Size: len(packet)}
	if len(packet) > s.config.MaxRecord {
		rec.Raw = packet[:min(len(packet), collector.CutTo)]
		rec.Err = fmt.Errorf("%w: %d bytes, the limit is %d", collector.ErrTooLong, len(packet), s.config.MaxRecord)
	}
	return rec
}

// watchDrops looks each second whether the system dropped datagrams for want of room.
func (s *Source) watchDrops(ctx context.Context, at net.Addr, gaps *atomic.Bool) {
	for before := drops(at); ctx.Err() == nil; sleep(ctx, time.Second) {
		if now := drops(at); now > before {
			s.complain("drops", fmt.Errorf("the system dropped %d datagrams that came faster than they could be stored", now-before))
			gaps.Store(true)
			before = now
		}
	}
}
