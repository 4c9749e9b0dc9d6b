package simulate

import (
	"fmt"
	"strings"
)

// record is one customer.
type record struct {
	class    uint8 // 1, 2, 3
	region   uint8
	vip      bool
	deceased bool
	dormant  bool
	employee int32 // index of the employee whose own record it is, or -1
	owner    int32 // index of the employee in charge, or -1
	related  []int32
}

// base is all customers, with the lists from which looks are drawn.
type base struct {
	records []record
	regions [][]int32 // record indexes by branch
	vips    []int32
	staff   []int32   // records of employees
	own     [][]int32 // by employee: his own and his relatives'
}

func recordID(i int32) string { return fmt.Sprintf("C%07d", 1000001+i) }

func newBase(c *company) base {
	d := stream(c.cfg.Seed, topicRecords)
	b := base{
		records: make([]record, c.cfg.Records),
		regions: make([][]int32, len(c.branches)),
		own:     make([][]int32, len(c.people)),
	}
	for i := range b.records {
		r := newRecord(d, c.branches)
		if r.vip {
			b.vips = append(b.vips, int32(i))
		}
		b.regions[r.region] = append(b.regions[r.region], int32(i))
		b.records[i] = r
	}
	for len(b.vips) < 3 { // a small company still has somebody to snoop on
		i := int32(d.IntN(len(b.records)))
		if r := &b.records[i]; !r.vip {
			r.vip, r.deceased, r.dormant = true, false, false
			b.vips = append(b.vips, i)
		}
	}
	b.makeKin(c, d)
	b.makePortfolios(c, d)
	return b
}

func newRecord(d draws, branches []float64) record {
	r := record{class: uint8(1 + d.weighted([]float64{.15, .6, .25})), region: uint8(d.weighted(branches)), employee: -1, owner: -1}
	switch x := d.Float64(); {
	case x < .004:
		r.vip = true
	case x < .007:
		r.deceased = true
	case x < .06:
		r.dormant = true
	}
	return r
}

// makeKin makes some customers employees and some relatives of employees.
func (b *base) makeKin(c *company, d draws) {
	for i, p := range c.people {
		if d.chance(.6) || i < 3 {
			b.claim(d, p, func(r *record) { r.employee = int32(i) })
		}
		for d.chance(.25) {
			b.claim(d, p, func(r *record) { r.related = append(r.related, int32(i)) })
		}
	}
	for i, r := range b.records {
		if r.employee >= 0 {
			b.staff = append(b.staff, int32(i))
		}
	}
}

func (b *base) claim(d draws, p *person, mark func(*record)) {
	for {
		i := one(d, b.regions[p.region])
		if r := &b.records[i]; r.employee < 0 && !r.vip && !r.deceased {
			mark(r)
			b.own[p.index] = append(b.own[p.index], i)
			return
		}
	}
}

// makePortfolios puts customers of the branch in the charge of its customer managers.
func (b *base) makePortfolios(c *company, d draws) {
	for i, p := range c.people {
		if p.role.reason != portfolio {
			continue
		}
		for range d.span(80, 160) {
			c.entrust(b, p, int32(i), one(d, b.regions[p.region]))
		}
	}
}

// entrust puts a customer in p's charge, unless somebody else has it.
func (c *company) entrust(b *base, p *person, index, record int32) {
	r := &b.records[record]
	if r.owner >= 0 || r.employee == index {
		return
	}
	r.owner = index
	p.portfolio = append(p.portfolio, held{record: record, id: "P-" + p.id[1:] + "-" + recordID(record)[1:], kind: portfolio, until: forever})
}

func (r *record) tags() string {
	var tags []string
	for _, t := range []struct {
		has  bool
		name string
	}{{r.vip, "vip"}, {r.employee >= 0, "employee"}, {r.deceased, "deceased"}, {r.dormant, "dormant"}} {
		if t.has {
			tags = append(tags, t.name)
		}
	}
	return strings.Join(tags, ";")
}
