// Package scorer turns profiles into risk scores: baselines, sub-models, seals,
// calibration, fusion, accumulation, levels, explanation, and the clock that drives them.
//
// It guarantees that a score is a pure function of the facts known at a time, of the
// configuration and of the version: Compute for a past time gives what Run stored then,
// whatever was delivered in which order. What comes from everybody (a Seal) uses only what
// was known when its day closed, so a colleague's late fact never moves a score; what is an
// employee's own is computed from what is known at the time of the run. A score's parts add
// up to it, and so do the causes of its change.
//
// It does not decide what an event means (profile does), nor whether a rule matched
// (rules does), nor who is told (notify does). It reads no clock but the one that ticks
// Clock.Run, and no randomness.
package scorer
