// Package fakees is an Elasticsearch for tests that does on command what a real one will
// not: answers that it is too busy, whole or item by item, refuses writes as a full disk
// makes it, hangs, cuts connections, does what it was asked and says that it did not, loses
// its newest writes, or is another cluster of a sudden.
//
// It knows what store/elastic asks: bulk, get by ids, search with sort and search_after,
// refresh, templates, mappings and settings. It is not kinder than the real one where that
// matters: a search sees nothing that was not refreshed, mappings decide what is found and
// what is refused, and the limits on ids, terms, pages and addresses are the real ones. It
// passes the suite of stores below store/elastic, as the real one does.
//
// It keeps everything in memory, in one shard, and knows neither users nor scripts nor
// aggregations nor pages by point in time; what it does not know it refuses.
package fakees
