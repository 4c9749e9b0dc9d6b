package console

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/onlooker-ueba/onlooker/ueba"
)

func TestMask(t *testing.T) {
	for _, e := range []struct{ employee, user, in, want string }{
		{"E10180", "li.na", "T261124-10180-2", "T261124-•••-2"},
		{"E10180", "li.na", "T261124-0010180-2", "T261124-•••-2"},
		{"E10180", "li.na", "T-101801", "T-101801"},
		{"E10180", "li.na", "staff/e10180/own", "staff/•••/own"},
		{"E10180", "Li.Na", "mail from LI.NA@bank", "mail from •••@bank"},
		{"E7", "an", "T-7-an-E7", "T-7-an-E7"},
		{"王伟", "wangwei", "王伟的工单", "•••的工单"},
		{"E10180", "li.na", "C1010889", "C1010889"},
		{"E10180", "li.na", "\xff\xfe\xfdE10180\xff", "\xff\xfe\xfd•••\xff"},
		{"E10180", "li.na", "", ""},
		{"", "svc_batch", "svc_batch-1", "svc_batch-1"},
	} {
		l := &ueba.Look{Employee: e.employee, Event: &ueba.Event{User: e.user}}
		if got := mask(e.in, l); got != e.want {
			t.Errorf("mask(%q) of %s (%s) = %q, want %q", e.in, e.employee, e.user, got, e.want)
		}
	}
}

func TestMaskLeavesNoId(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[A-Z]{1,3}[1-9][0-9]{3,6}`).Draw(t, "id")
		l := &ueba.Look{Employee: id, Event: &ueba.Event{User: "u." + id}}
		s := rapid.StringMatching(`[a-z0-9é-]{0,8}`).Draw(t, "before") + id + rapid.StringMatching(`[-a-z]{0,8}`).Draw(t, "after")
		if got := mask(s, l); strings.Contains(got, id) {
			t.Fatalf("mask(%q) = %q", s, got)
		}
	})
}

func TestTicketsNumberedAfterTheAgentAreMasked(t *testing.T) {
	c := newCompany()
	for i := range c.looks {
		if c.looks[i].ReasonID != "" {
			c.looks[i].ReasonID = "T261102-" + c.looks[i].Employee + "-7"
		}
	}
	for _, path := range []string{"/employees/" + pseudonym(0), "/api/v1/looks", "/api/v1/looks/stream"} {
		_, body := ask(t, c.page(t), "GET", path, "")
		if strings.Contains(body, employeeID(0)) || !strings.Contains(body, "T261102-•••-7") {
			t.Errorf("%s does not mask the agent's number", path)
		}
	}
	if got := read[Page[LookRow]](t, c.operator(t), "/api/v1/looks").Items[1].ReasonID; got != "T261102-wang.wei000-7" {
		t.Errorf("the operator sees %q", got)
	}
}
