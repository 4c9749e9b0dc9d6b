// Package esclient is the one configured Elasticsearch client of the module, for the store
// and the source.
//
// It guarantees that every answer is read whole; that an error says whether the server may
// have done what it was asked to (Maybe); that an error for an operator is a sentence that
// says what to mend; that an answer of something that is not Elasticsearch is refused, unless
// the flavour is OpenSearch. It tries nothing twice: whoever calls knows what may be repeated.
// With several addresses a request goes to the next one that works, and one that failed is
// left alone for a while.
package esclient
