package elastic

import (
	"encoding/json"
	"strings"

	"github.com/onlooker-ueba/onlooker/ueba"
)

// riskLevels are the words of ECS for our levels.
var riskLevels = map[ueba.RiskLevel]string{ueba.Low: "Low", ueba.Medium: "Moderate", ueba.High: "High", ueba.Critical: "Critical"}

// describeScore adds to a score's document what users of Kibana look for: user.risk.* of
// ECS, and ours under onlooker. An unmonitored employee has no score there either.
func describeScore(doc object, body []byte) {
	var s ueba.RiskScore
	if json.Unmarshal(body, &s) != nil || s.Employee == "" {
		return
	}
	user := object{"id": s.Employee}
	if s.State != ueba.Unmonitored {
		user["risk"] = object{"calculated_score": s.R, "calculated_score_norm": s.R, "calculated_level": riskLevels[s.Level]}
	}
	doc["@timestamp"] = s.At.UTC()
	doc["ecs"] = object{"version": ecsVersion}
	doc["event"] = object{"kind": "enrichment", "dataset": "onlooker.score"}
	doc["user"] = user
	doc["onlooker"] = object{
		"date": s.Day.String(), "level": s.Level, "state": s.State, "revision": s.Revision, "priority": s.Priority,
		"evidence": s.Evidence, "group": strings.TrimSpace(s.Group), "open": s.Open,
	}
}
