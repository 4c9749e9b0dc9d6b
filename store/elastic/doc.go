// Package elastic is the store on Elasticsearch (8 or newer; OpenSearch 2.4 or newer behind
// its flavour), for those who outgrow one machine.
//
// Events are ECS documents in one index per UTC day, <prefix>-events-2026.11.24; their
// identities, which know no day, in <prefix>-ids; facts of other kinds in
// <prefix>-facts-<kind>; derived documents in <prefix>-docs-<kind>; what the store keeps
// for itself in <prefix>-meta. It uses neither scripts nor by-query calls nor policies of the
// server, because not every server has them.
//
// It guarantees that a fact or document whose write was acknowledged is in the translog, on
// disk, of every in-sync copy (index.translog.durability is request, and there is a replica
// as soon as there are two nodes); that a fact is there once however often it was sent and
// whatever was lost on the way, because its id is a function of its identity and written with
// create; that one bad item never blocks others: what a mapping refuses is kept whole without
// the fields that users search, and counted. What this process wrote it also finds: List and
// Scan refresh what it wrote since the last refresh.
//
// A call is not a transaction: one that failed may leave some of its facts behind, which come
// as duplicates when they are sent again. Whether facts of a request that got no answer are
// there is settled in the background; until then the feed waits for them.
//
// The change feed is made of numbers: each process that writes takes the next writer number
// and numbers its facts without gaps; it publishes how far all of them are written. A reader
// never goes beyond that, so it misses nothing, however refreshes and clocks differ. When a
// process dies its last facts come to other readers after a while (abandonAfter), once it is
// sure that nothing of it can follow: whoever was taken for dead gets a new number before its
// next acknowledgement.
//
// Not guaranteed: the order of facts that two processes append at the same time; that a Scan
// of many pages and a write beside it see each other (facts are only added and their order is
// total, so a page never repeats or skips what was there when the scan began); that the newest
// writes survive if the cluster is put back from a snapshot.
package elastic
