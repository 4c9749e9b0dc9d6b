// Sends the lines of a file by Elasticsearch's own client: node elasticsearch.js URL FILE
const { Client } = require('@elastic/elasticsearch');
const { readFileSync } = require('fs');

const [url, file] = process.argv.slice(2);
const client = new Client({ node: url, maxRetries: 60, requestTimeout: 30000, compression: true });

async function* documents() {
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    yield JSON.parse(line);
    if (Math.random() < 0.02) await new Promise((done) => setTimeout(done, 10));
  }
}

client.helpers.bulk({
  datasource: documents(),
  onDocument: () => ({ create: { _index: 'audit' } }),
  onDrop: (doc) => { console.error('dropped', JSON.stringify(doc)); process.exitCode = 1; },
  flushBytes: 100000, concurrency: 2, retries: 60, wait: 200,
}).then((done) => console.log(JSON.stringify(done)), (err) => { console.error(err); process.exitCode = 1; });
