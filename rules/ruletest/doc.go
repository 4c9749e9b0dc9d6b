// Package ruletest runs the tests that stand beside rule files on the real engine.
//
// NAME.yml is tested by NAME_test.yml: cases of a few looks of one employee on one day,
// and whether the rules of that file fire or stay silent. Every case runs over the whole
// day and, for immediate rules, look by look in several orders; both must find the same.
// A rule file without tests, or whose tests do not have at least one case that fires and
// one that stays silent, fails.
package ruletest
