// Package evaluate says how well scores find labelled insiders: it compares rows of scores
// with the labels of a folder, whoever made the scores and the folder, and computes the
// scores of simple detectors for comparison.
//
// It guarantees that its figures depend on the labels and the rows alone, not on their
// order, and that tied scores neither help nor hurt. It reads no events and makes no
// scores of employees' days other than those of the baselines, which see what anybody
// would: a table of daily counts and its past.
package evaluate
