// Package kafka takes raw records from topics of Kafka as a member of a consumer group.
//
// It guarantees: an offset is committed only after the store has everything up to it, and
// never beyond records that a parser still holds, so that a kill, a rebalance or a store
// that refuses makes records come again and none be lost; the same record delivered again
// has the same id, so that the store knows it as a duplicate; memory is bounded by one
// poll. While the store refuses, the source goes back to what is durable and waits; it
// leaves its partitions to other members meanwhile. Partitions are handed over only
// between polls.
//
// Records that Kafka had deleted before they were read are a gap, which is counted and
// logged; it does not guarantee that a gap within the log of a compacted topic is seen.
package kafka
