/**
 * A tiny HTTP service. Answers `GREETING` and who it is; /healthz for the probes. On SIGTERM it stops taking
 * new connections, finishes what it has and leaves, so that a rolling restart loses no request.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const greeting = process.env.GREETING ?? 'Hello';
const token = readFileSync('/etc/hello/token', 'utf8').trim();
let stopping = false;

const server = createServer((request, response) => {
  // A client that keeps its connection must move on to another pod before this one is gone.
  if (stopping) response.setHeader('connection', 'close');
  if (request.url === '/healthz') {
    response.writeHead(stopping ? 503 : 200).end(stopping ? 'stopping\n' : 'ok\n');
  } else if (request.url === '/private') {
    const allowed = request.headers.authorization === `Bearer ${token}`;
    response.writeHead(allowed ? 200 : 401).end(allowed ? 'you may\n' : 'who are you?\n');
  } else if (request.url === '/crash') {
    response.end('as you wish\n', () => process.exit(3));
  } else {
    response.setHeader('content-type', 'text/plain').end(`${greeting} from ${hostname()}\n`);
  }
});

server.listen(8080, () => console.log(`${hostname()} listens on 8080`));
process.on('SIGTERM', () => {
  stopping = true;
  console.log('SIGTERM: finishing');
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
