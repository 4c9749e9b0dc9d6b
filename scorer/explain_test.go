package scorer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onlooker-ueba/onlooker/text"
	"github.com/onlooker-ueba/onlooker/ueba"
)

func day(t *testing.T, s string) ueba.Day {
	t.Helper()
	d, err := ueba.ParseDay(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestExplainInBothLanguages(t *testing.T) {
	d := day(t, "2026-11-03")
	s := ueba.RiskScore{
		Employee: "E1", Day: d, State: ueba.Learning, Open: true, R: 71.4, A: 10, Level: ueba.High, Held: "d1", Missing: []string{"view_time"},
		Parts: []ueba.Part{
			{Day: d, Model: ModelPurpose, Feature: "unexplained_records", A: 6, R: 42.84, P: 2.5e-5, Value: 142, Usual: 31.2, Low: 20, High: 46, Peers: 28, Capped: true},
			{Day: d, Model: ModelTarget, Feature: "unexplained_vip", A: 2, R: 14.28, P: 1e-9, Value: 1, Usual: .004, Peers: .0001},
			{Day: d, Model: ModelTiming, Feature: "last_hour", A: 1, R: 7.14, P: .2, Value: 25.5, Usual: 18, Low: 17, High: 19.25, Peers: 18.5},
			{Day: d, Model: ModelRule, Feature: "c3-export", A: .6, R: 4.28, Value: 2, Detail: "d1"},
			{Day: ueba.NoDay, Model: ModelOther, A: .4, R: 2.86, Value: 7},
		},
	}
	cat := text.MustLoad()
	for lang, want := range map[text.Lang]Explanation{
		text.English: {
			Headline: "Tue 3 Nov: level high, 71 of 100; mainly missing reasons and whose records were looked at",
			Points: []Point{
				{Text: "142 distinct customers without a reason on Tue 3 Nov; usual for this person: 31 (20–46); colleagues in the same position: 28; 1 in 40,000 days"},
				{Text: "1 VIP customer without a reason on Tue 3 Nov; usual for this person: about 1 in 250 days; colleagues in the same position: almost never; less than once in a million days"},
				{Text: "last action at 01:30 the next day on Tue 3 Nov; usual for this person: 18:00 (17:00–19:15); colleagues in the same position: 18:30; not rare by itself"},
				{Text: "rule “c3-export” matched on Tue 3 Nov, 2 looks"},
				{Text: "7 smaller parts"},
			},
			Notes: []string{
				"still learning: little is known of this employee yet, so the peer group stands in",
				"partial: without view times that day, what depends on it does not count",
				"the day is not closed: the score is provisional",
				"the level is held up while the alert of a grave rule is open",
				"1 part has reached the cap",
				"what was seen before fades with each working day",
			},
		},
		text.Chinese: {
			Headline: "11月3日（周二）风险等级高，71 分（满分 100）；主要来自缺少业务理由、查看对象",
			Points: []Point{
				{Text: "11月3日（周二）无业务理由查看 142 名不同客户；其平日通常为 31（多在 20–46），同岗位28；约每 40,000 天一遇"},
				{Text: "11月3日（周二）无业务理由查看 1 名重要客户；其平日约每 250 天 1 次，同岗位几乎没有；百万天难遇"},
				{Text: "11月3日（周二）末次操作在 次日 01:30；其平日通常为 18:00（多在 17:00–19:15），同岗位18:30；单看并不罕见"},
				{Text: "11月3日（周二）规则“c3-export”命中，涉及 2 次查看"},
				{Text: "另有 7 项较小因素"},
			},
			Notes: []string{
				"仍在学习：对该员工的了解尚少，暂以同岗位为参照",
				"数据不全：当日缺少停留时长数据，相关项目未计入",
				"当日尚未结束，评分为暂定",
				"一条严重规则的告警尚未处理，等级因此维持",
				"1 项的影响已达上限",
				"此前的影响随工作日逐日减弱",
			},
		},
	} {
		for i := range want.Points {
			p := &s.Parts[i]
			want.Points[i].R, want.Points[i].Day, want.Points[i].Model, want.Points[i].Feature = p.R, p.Day, p.Model, p.Feature
		}
		if diff := cmp.Diff(want, Explain(cat, lang, s)); diff != "" {
			t.Errorf("%s: %s", lang, diff)
		}
	}
}

func TestExplainStatesWithoutParts(t *testing.T) {
	cat, d := text.MustLoad(), day(t, "2026-11-01")
	un := Explain(cat, text.English, ueba.RiskScore{Day: d, State: ueba.Unmonitored})
	if !strings.Contains(un.Headline, "not monitored") || strings.Contains(un.Headline, " 0 ") {
		t.Errorf("unmonitored: %q", un.Headline)
	}
	quiet := Explain(cat, text.Chinese, ueba.RiskScore{Day: d, State: ueba.Scored, Level: ueba.Low})
	if want := "11月1日（周日）风险等级低，0 分（满分 100）；未见异于平日之处"; quiet.Headline != want || len(quiet.Points) != 0 {
		t.Errorf("quiet: %q", quiet.Headline)
	}
}

func TestEverythingHasItsSentence(t *testing.T) {
	cat := text.MustLoad()
	for f := range ueba.FeatureCount {
		if key := "scorer.feature." + f.String(); !cat.Has(key) {
			t.Errorf("%s is missing", key)
		}
	}
	for _, m := range DefaultModels() {
		if !cat.Has("scorer.model." + m.Name) {
			t.Errorf("sub-model %s has no name", m.Name)
		}
		for _, f := range m.Features {
			for _, lang := range []text.Lang{text.Chinese, text.English} {
				s := Explain(cat, lang, ueba.RiskScore{Day: 1, R: 5, Level: ueba.Low, Parts: []ueba.Part{{Model: m.Name, Feature: f.Feature.String(), P: .01, Value: 3, Usual: 1, Peers: 1}}})
				if strings.ContainsAny(s.Points[0].Text+s.Headline, "{}") {
					t.Errorf("%s: %q", lang, s.Points[0].Text)
				}
			}
		}
	}
	for _, kind := range []string{CauseEvidence, CauseDecay, CauseGroupDay, CauseLateFact, CauseVerdict, CauseReseal, CauseConfiguration} {
		for _, lang := range []text.Lang{text.Chinese, text.English} {
			if got := ExplainCause(cat, lang, ueba.Cause{Kind: kind, Model: ModelTarget}); got == "" || strings.ContainsAny(got, "{}") {
				t.Errorf("cause %s: %q", kind, got)
			}
		}
	}
}
