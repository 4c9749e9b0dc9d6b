// Sends the lines of a file as OpenTelemetry log records: node otlp.js URL FILE http|proto|grpc
const { readFileSync } = require('fs');
const { LoggerProvider, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { resourceFromAttributes } = require('@opentelemetry/resources');

const [url, file, kind] = process.argv.slice(2);
const { OTLPLogExporter } = require('@opentelemetry/exporter-logs-otlp-' + kind);
const exporter = new OTLPLogExporter({ url: kind === 'grpc' ? url : url + '/v1/logs', timeoutMillis: 60000, compression: 'gzip' });
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ 'service.name': 'crm' }),
  processors: [new BatchLogRecordProcessor({ exporter, maxQueueSize: 20000, maxExportBatchSize: 200, scheduledDelayMillis: 10, exportTimeoutMillis: 60000 })],
});
const logger = provider.getLogger('test');

(async () => {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  for (const [i, line] of lines.entries()) {
    const e = JSON.parse(line);
    logger.emit({
      timestamp: new Date(e['@timestamp']),
      eventName: e.event.action,
      attributes: {
        'event.id': e.event.id, 'event.duration': e.event.duration, 'user.id': e.user.id, 'session.id': e.session.id,
        'record.type': e.record.type, 'record.id': [e.record.id],
      },
    });
    if (i % 200 === 199) await new Promise((done) => setTimeout(done, 20));
  }
  await provider.shutdown();
})().catch((err) => { console.error(err); process.exitCode = 1; });
