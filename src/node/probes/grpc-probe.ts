import { connect, constants } from 'node:http2';
import { connectionError } from './http-probe.ts';
import type { ProbeOutcome } from './probe-state.ts';

const SERVING_STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const UNIMPLEMENTED = '12';

/**
 * One `grpc.health.v1.Health/Check`. The protocol is small enough to be spoken by hand: a length-prefixed
 * message with the service's name, one with a number comes back.
 * https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function probeGrpc(options: {
  host: string;
  port: number;
  service: string;
  timeoutMs: number;
}): Promise<ProbeOutcome> {
  const { host, port, service, timeoutMs } = options;
  return new Promise((resolve) => {
    const session = connect(`http://${host}:${port}`);
    const finish = (result: ProbeOutcome['result'], output: string) => {
      clearTimeout(timer);
      session.destroy();
      resolve({ result, output });
    };
    const timer = setTimeout(() => {
      const within = `${timeoutMs / 1000}s`;
      finish(
        'failure',
        session.connecting
          ? `timeout: failed to connect service "${host}:${port}" within ${within}: context deadline exceeded`
          : `timeout: health rpc did not complete within ${within}`,
      );
    }, timeoutMs);
    session.on('error', (error) =>
      finish(
        'failure',
        `error: failed to connect service at "${host}:${port}": ${connectionError(error, host, port)}`,
      ),
    );
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status: string | undefined;
    let message = '';
    const note = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status']);
      if (headers['grpc-message'] !== undefined)
        message = decodeURIComponent(String(headers['grpc-message']));
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (error) => finish('failure', `error: health rpc probe failed: ${error.message}`));
    stream.on('end', () => {
      const outcome = judge(status, message, Buffer.concat(chunks));
      finish(outcome.result, outcome.output);
    });
    stream.end(checkRequest(service));
    stream.on('aborted', () =>
      finish('failure', `error: health rpc probe failed: ${constants.NGHTTP2_CANCEL}`),
    );
  });
}

function judge(status: string | undefined, message: string, body: Buffer): ProbeOutcome {
  if (status === UNIMPLEMENTED) {
    const what = 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health)';
    return { result: 'failure', output: `${what}: ${message}` };
  }
  if (status !== '0') return { result: 'failure', output: `error: health rpc probe failed: ${message}` };
  const serving = servingStatus(body);
  if (serving === 'SERVING') return { result: 'success', output: 'service healthy' };
  return { result: 'failure', output: `service unhealthy (responded with "${serving}")` };
}

/** HealthCheckRequest { string service = 1; } behind gRPC's five bytes. */
function checkRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length > 127) throw new RangeError(`grpc service name is longer than 127 bytes: ${service}`);
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** HealthCheckResponse { ServingStatus status = 1; }; a missing field is 0. */
function servingStatus(body: Buffer): string {
  const message = body.subarray(5);
  const value = message[0] === 0x08 ? (message[1] ?? 0) : 0;
  return SERVING_STATUS[value] ?? 'UNKNOWN';
}
