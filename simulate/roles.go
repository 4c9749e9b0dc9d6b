package simulate

import "time"

// The business systems, by what they are for. Config.Systems names them in this order.
const (
	loans = iota
	care
	marketing
	payments
	collections
	systemCount
)

// systemTraits is what the logs of a system hold, apart from the looks themselves.
type systemTraits struct {
	owner, criticality string
	classes            string
	measures           bool // gives event.duration
	closes             bool // logs that a record was closed again
	logins             bool // logs log-in and log-out
	claims             bool // lets the employee name his purpose
	class              bool // says the class of what was shown
}

var systems = [systemCount]systemTraits{
	loans:       {owner: "信贷审批部", criticality: "high", classes: "C2;C3", measures: true, logins: true, claims: true, class: true},
	care:        {owner: "客户服务中心", criticality: "high", classes: "C1;C2;C3", closes: true, logins: true, claims: true},
	marketing:   {owner: "市场营销部", criticality: "medium", classes: "C1;C2"},
	payments:    {owner: "资金部", criticality: "high", classes: "C2;C3", measures: true, class: true},
	collections: {owner: "贷后管理部", criticality: "high", classes: "C2;C3", closes: true, logins: true, claims: true},
}

// role is what people of one kind do all day.
type role struct {
	department, name string
	share            float64 // of the staff
	looks            float64 // on a usual working day
	systems          [systemCount]float64
	reason           reasonKind
	revisit          float64 // share of looks at records that are still in hand
	dwell            float64 // seconds, median
	unmask           float64 // share of looks
	export           float64 // share of looks
	edit             float64 // share of looks
	monthEnd         float64 // factor on the last three working days of a month
	freeDays         float64 // share of non-working days that are worked
	shift            time.Duration
	shifts           bool // works round the week, by rota
	central          bool // serves all branches
	lead             bool // others of the department report to him
}

const day = 9 * time.Hour // when most people begin

// roles are those of a consumer lender. The first of a department with lead is its head.
var roles = []role{
	{department: "总经办", name: "总经理", shift: day, central: true, lead: true, systems: mix(care, 1)},
	{department: "客户服务中心", name: "客服主管", share: .03, looks: 22, systems: mix(care, .9, collections, .1), reason: review,
		revisit: .2, dwell: 70, unmask: .04, export: .008, edit: .05, monthEnd: 1.1, freeDays: .15, shift: day, lead: true},
	{department: "客户服务中心", name: "客服专员", share: .22, looks: 62, systems: mix(care, .86, collections, .14), reason: ticket,
		revisit: .15, dwell: 50, unmask: .06, export: .002, edit: .25, monthEnd: 1.1, freeDays: .25, shift: day},
	{department: "客户服务中心", name: "夜班客服", share: .06, looks: 42, systems: mix(care, .92, collections, .08), reason: ticket,
		revisit: .12, dwell: 55, unmask: .06, export: .002, edit: .2, monthEnd: 1, shift: 22 * time.Hour, shifts: true},
	{department: "信贷审批部", name: "高级审批经理", share: .03, looks: 20, systems: mix(loans, .9, care, .1), reason: application,
		revisit: .4, dwell: 160, unmask: .08, export: .006, edit: .3, monthEnd: 1.6, freeDays: .04, shift: day, lead: true},
	{department: "信贷审批部", name: "信贷审批员", share: .15, looks: 32, systems: mix(loans, .86, care, .14), reason: application,
		revisit: .45, dwell: 120, unmask: .09, export: .003, edit: .4, monthEnd: 1.6, freeDays: .04, shift: day},
	{department: "贷后管理部", name: "资产保全专员", share: .04, looks: 22, systems: mix(collections, .85, loans, .15), reason: assignment,
		revisit: .5, dwell: 110, unmask: .08, export: .008, edit: .25, monthEnd: 1.4, freeDays: .05, shift: day, lead: true},
	{department: "贷后管理部", name: "催收专员", share: .15, looks: 52, systems: mix(collections, .82, care, .18), reason: assignment,
		revisit: .5, dwell: 60, unmask: .1, export: .002, edit: .3, monthEnd: 1.5, freeDays: .12, shift: day},
	{department: "市场营销部", name: "营销专员", share: .1, looks: 40, systems: mix(marketing, .8, care, .2), reason: campaign,
		revisit: .15, dwell: 30, unmask: .03, export: .01, edit: .1, monthEnd: 1.2, freeDays: .05, shift: day, lead: true},
	{department: "零售业务部", name: "客户经理", share: .12, looks: 30, systems: mix(care, .65, loans, .25, marketing, .1), reason: portfolio,
		revisit: .3, dwell: 60, unmask: .05, export: .006, edit: .15, monthEnd: 1.5, freeDays: .06, shift: day, lead: true},
	{department: "资金部", name: "资金结算员", share: .05, looks: 36, systems: mix(payments, .9, care, .1), reason: payment,
		revisit: .1, dwell: 40, unmask: .05, export: .01, edit: .5, monthEnd: 2.2, freeDays: .03, shift: day - 30*time.Minute, central: true, lead: true},
	{department: "风险合规部", name: "反欺诈分析师", share: .03, looks: 18, systems: mix(loans, .4, care, .3, collections, .2, payments, .1), reason: inquiry,
		revisit: .5, dwell: 120, unmask: .08, export: .008, edit: .1, monthEnd: 1.2, freeDays: .04, shift: day, central: true, lead: true},
	{department: "信息科技部", name: "运维工程师", share: .02, looks: 5, systems: mix(care, .4, loans, .3, collections, .2, marketing, .1), reason: onCall,
		revisit: .1, dwell: 40, unmask: .03, export: .004, edit: .05, monthEnd: 1, freeDays: .1, shift: day + 30*time.Minute, central: true, lead: true},
}

// mix reads pairs of a system and its share of a role's looks.
func mix(pairs ...float64) (shares [systemCount]float64) {
	for i := 0; i < len(pairs); i += 2 {
		shares[int(pairs[i])] += pairs[i+1]
	}
	return shares
}

// night reports whether the role's shift crosses midnight.
func (r *role) night() bool { return r.shift > 18*time.Hour }

// main is the system in which the role mostly works.
func (r *role) main() int {
	best := 0
	for i, w := range r.systems {
		if w > r.systems[best] {
			best = i
		}
	}
	return best
}
