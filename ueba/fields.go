package ueba

import (
	"strings"
	"unicode/utf8"
)

// field is a name that the decoder knows.
type field uint8

const (
	unknown field = iota
	timestamp
	eventID
	eventAction
	eventDuration
	eventOutcome
	eventKind
	userID
	serviceName
	sessionID
	sourceIP
	hostName
	recordType
	recordID
	recordClass
	recordCount
	recordFields
	purposeID
	purposeKind
	reasonID
	reasonKind
	reasonFrom
	reasonTo
	reasonCreated
	reasonMadeBy
	employeeID
	ourSource
	labelsObject
	strictObject  // has to be an object: what matters stands in it
	lenientObject // another value than an object is a label
	ours          // anything else under onlooker
	fieldCount
)

// fieldNames are the names of fields that hold a value.
var fieldNames = [...]string{
	timestamp:     "@timestamp",
	eventID:       "event.id",
	eventAction:   "event.action",
	eventDuration: "event.duration",
	eventOutcome:  "event.outcome",
	eventKind:     "event.kind",
	userID:        "user.id",
	serviceName:   "service.name",
	sessionID:     "session.id",
	sourceIP:      "source.ip",
	hostName:      "host.name",
	recordType:    "record.type",
	recordID:      "record.id",
	recordClass:   "record.class",
	recordCount:   "record.count",
	recordFields:  "record.fields",
	purposeID:     "purpose.id",
	purposeKind:   "purpose.kind",
	reasonID:      "reason.id",
	reasonKind:    "reason.kind",
	reasonFrom:    "reason.valid_from",
	reasonTo:      "reason.valid_to",
	reasonCreated: "reason.created",
	reasonMadeBy:  "reason.made_by",
	employeeID:    "employee.id",
	ourSource:     "onlooker.source",
}

func (f field) String() string { return fieldNames[f] }

// lookup finds a field by its dotted name.
func lookup(name string) field {
	switch name {
	case "@timestamp":
		return timestamp
	case "event.id":
		return eventID
	case "event.action":
		return eventAction
	case "event.duration":
		return eventDuration
	case "event.outcome":
		return eventOutcome
	case "event.kind":
		return eventKind
	case "user.id":
		return userID
	case "service.name":
		return serviceName
	case "session.id":
		return sessionID
	case "source.ip":
		return sourceIP
	case "host.name":
		return hostName
	case "record.type":
		return recordType
	case "record.id":
		return recordID
	case "record.class":
		return recordClass
	case "record.count":
		return recordCount
	case "record.fields":
		return recordFields
	case "purpose.id":
		return purposeID
	case "purpose.kind":
		return purposeKind
	case "reason.id":
		return reasonID
	case "reason.kind":
		return reasonKind
	case "reason.valid_from":
		return reasonFrom
	case "reason.valid_to":
		return reasonTo
	case "reason.created":
		return reasonCreated
	case "reason.made_by":
		return reasonMadeBy
	case "employee.id":
		return employeeID
	case "labels":
		return labelsObject
	case "event", "user", "service", "session", "record", "purpose", "onlooker":
		return strictObject
	case "source", "host", "reason", "employee":
		return lenientObject
	case "onlooker.source":
		return ourSource
	}
	if strings.HasPrefix(name, "onlooker.") {
		return ours
	}
	return unknown
}

// lookupFolded finds the field that a name would be if case did not matter, under the
// folding of encoding/json: a reader elsewhere might take one for the other.
func lookupFolded(name []byte) field {
	folds := false
	for _, c := range name {
		folds = folds || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
	}
	if !folds {
		return unknown
	}
	return lookup(strings.Map(foldRune, string(name)))
}

func foldRune(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case r == 'ſ':
		return 's'
	case r == '\u212A': // the Kelvin sign
		return 'k'
	}
	return r
}
